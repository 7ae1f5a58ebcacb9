#include "driver/precedents.h"

#include "tests/unit/test.h"

enum { ALIGNMENT = 64 };

static const VkBufferCreateInfo plain_buffer = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .size = 1000,
    .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
};

static const VkImageCreateInfo plain_image = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
    .imageType = VK_IMAGE_TYPE_2D,
    .format = VK_FORMAT_R8G8B8A8_UNORM,
    .extent = {64, 64, 1},
    .mipLevels = 1,
    .arrayLayers = 1,
    .samples = VK_SAMPLE_COUNT_1_BIT,
    .usage = VK_IMAGE_USAGE_SAMPLED_BIT,
};

static struct drv_needs
needs_of(VkDeviceSize size)
{
    return (struct drv_needs){
        .memory = {.size = size, .alignment = ALIGNMENT, .memoryTypeBits = 0x5},
    };
}

static struct drv_buffer_kind
buffer_kind(const VkBufferCreateInfo *info)
{
    struct drv_buffer_kind kind;
    assert_true(drv_buffer_kind_of(info, &kind));
    return kind;
}

static struct drv_image_kind
image_kind(const VkImageCreateInfo *info)
{
    struct drv_image_kind kind;
    assert_true(drv_image_kind_of(info, &kind));
    return kind;
}

/* --- which have one --- */

TEST(only_plain_buffers_have_precedents)
{
    struct drv_buffer_kind kind;
    const VkBufferOpaqueCaptureAddressCreateInfo address = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_OPAQUE_CAPTURE_ADDRESS_CREATE_INFO,
    };
    VkBufferCreateInfo info = plain_buffer;
    info.flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT;
    assert_false(drv_buffer_kind_of(&info, &kind));
    info = plain_buffer;
    info.sharingMode = VK_SHARING_MODE_CONCURRENT;
    assert_false(drv_buffer_kind_of(&info, &kind));
    info = plain_buffer;
    info.pNext = &address;
    assert_false(drv_buffer_kind_of(&info, &kind));
}

TEST(buffers_are_of_a_kind_by_usage_and_handle_types)
{
    const VkBufferUsageFlags2CreateInfo usage = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_USAGE_FLAGS_2_CREATE_INFO,
        .usage = plain_buffer.usage,
    };
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
    };
    VkBufferCreateInfo same = plain_buffer, other = plain_buffer;
    same.usage = 0;
    same.pNext = &usage;
    same.size = 1;
    other.pNext = &external;
    struct drv_buffer_kind plain = buffer_kind(&plain_buffer), chained = buffer_kind(&same),
                           exported = buffer_kind(&other);
    assert_memory_equal(&plain, &chained, sizeof(plain));
    assert_memory_not_equal(&plain, &exported, sizeof(plain));
}

TEST(only_plain_images_have_precedents)
{
    struct drv_image_kind kind;
    const VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
    };
    VkImageCreateInfo info = plain_image;
    info.flags = VK_IMAGE_CREATE_DISJOINT_BIT;
    assert_false(drv_image_kind_of(&info, &kind));
    info = plain_image;
    info.tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT;
    assert_false(drv_image_kind_of(&info, &kind));
    info = plain_image;
    info.sharingMode = VK_SHARING_MODE_CONCURRENT;
    assert_false(drv_image_kind_of(&info, &kind));
    info = plain_image;
    info.pNext = &external;
    assert_false(drv_image_kind_of(&info, &kind));
}

TEST(images_are_of_a_kind_with_their_view_formats)
{
    VkFormat formats[DRV_PRECEDENT_VIEW_FORMATS + 1] = {VK_FORMAT_R8G8B8A8_UNORM,
                                                        VK_FORMAT_R8G8B8A8_SRGB};
    VkImageFormatListCreateInfo list = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
        .viewFormatCount = 2,
        .pViewFormats = formats,
    };
    VkImageCreateInfo info = plain_image;
    info.pNext = &list;
    struct drv_image_kind plain = image_kind(&plain_image), two = image_kind(&info), one, kind;
    list.viewFormatCount = 1;
    one = image_kind(&info);
    assert_memory_not_equal(&plain, &two, sizeof(plain));
    assert_memory_not_equal(&one, &two, sizeof(one));
    list.viewFormatCount = DRV_PRECEDENT_VIEW_FORMATS + 1;
    assert_false(drv_image_kind_of(&info, &kind));
}

/* --- what is remembered --- */

/* What a table says that knows of one buffer; 0: nothing. */
static VkDeviceSize
size_after(uint32_t host_version, VkDeviceSize seen, VkDeviceSize seen_needs, VkDeviceSize size)
{
    struct drv_precedents precedents;
    const struct drv_buffer_kind kind = buffer_kind(&plain_buffer);
    const struct drv_needs first = needs_of(seen_needs);
    struct drv_needs needs;
    bool made;
    drv_precedents_init(&precedents, host_version);
    drv_precedents_add_buffer(&precedents, &kind, seen, &first);
    bool found = drv_precedents_find_buffer(&precedents, &kind, size, &made, &needs);
    drv_precedents_finish(&precedents);
    if (!found) {
        return 0;
    }
    assert_int_equal(needs.memory.alignment, ALIGNMENT);
    assert_int_equal(needs.memory.memoryTypeBits, 0x5);
    return needs.memory.size;
}

TEST(a_host_that_rounds_sizes_is_known_by_one)
{
    const uint32_t host = VK_API_VERSION_1_3;
    assert_int_equal(size_after(host, 1000, 1024, 1000), 1024);
    assert_int_equal(size_after(host, 1000, 1024, 65), 128);
    assert_int_equal(size_after(host, 1000, 1024, 128), 128);
}

TEST(a_host_that_does_not_is_known_by_sizes_as_odd)
{
    const uint32_t host = VK_API_VERSION_1_3;
    assert_int_equal(size_after(host, 1000, 1000, 1000), 1000);
    assert_int_equal(size_after(host, 1000, 1000, 72), 72);
    assert_int_equal(size_after(host, 1000, 1000, 71), 0); /* may be 72 */
    assert_int_equal(size_after(host, 1001, 1001, 71), 71);
}

TEST(a_multiple_of_the_alignment_tells_of_multiples_only)
{
    const uint32_t host = VK_API_VERSION_1_3;
    assert_int_equal(size_after(host, 1024, 1024, 64), 64);
    assert_int_equal(size_after(host, 1024, 1024, 2048), 2048);
    assert_int_equal(size_after(host, 1024, 1024, 65), 0);
}

TEST(an_older_host_is_asked_about_each_size)
{
    const uint32_t host = VK_API_VERSION_1_2;
    assert_int_equal(size_after(host, 1000, 1024, 1000), 1024);
    assert_int_equal(size_after(host, 1024, 1024, 64), 0);
}

static bool
is_made(VkBufferUsageFlags2 usage, VkDeviceSize seen, VkDeviceSize size)
{
    struct drv_precedents precedents;
    struct drv_buffer_kind kind = buffer_kind(&plain_buffer);
    const struct drv_needs first = needs_of(seen), small = needs_of(ALIGNMENT);
    struct drv_needs needs;
    bool made;
    kind.usage |= usage;
    drv_precedents_init(&precedents, VK_API_VERSION_1_3);
    drv_precedents_add_buffer(&precedents, &kind, seen, &first);
    drv_precedents_add_buffer(&precedents, &kind, ALIGNMENT, &small); /* another thread's, late */
    assert_true(drv_precedents_find_buffer(&precedents, &kind, size, &made, &needs));
    drv_precedents_finish(&precedents);
    return made;
}

TEST(buffers_of_a_gibibyte_are_made_for_certain)
{
    assert_true(is_made(0, 1024, 1u << 30));
    assert_false(is_made(0, 1024, (1u << 30) + ALIGNMENT));
    assert_true(is_made(0, UINT64_C(1) << 31, UINT64_C(1) << 31));
}

#ifdef VK_EXT_descriptor_heap
TEST(descriptor_heaps_have_limits_of_their_own)
{
    assert_false(is_made(VK_BUFFER_USAGE_2_DESCRIPTOR_HEAP_BIT_EXT, 1024, 2048));
    assert_true(is_made(VK_BUFFER_USAGE_2_DESCRIPTOR_HEAP_BIT_EXT, 1024, 512));
}
#endif

TEST(buffers_that_need_more_or_want_to_be_alone_are_no_precedents)
{
    struct drv_precedents precedents;
    const struct drv_buffer_kind kind = buffer_kind(&plain_buffer);
    struct drv_needs padded = needs_of(1088), alone = needs_of(1024);
    struct drv_needs needs;
    bool made;
    alone.prefers_dedicated = VK_TRUE;
    drv_precedents_init(&precedents, VK_API_VERSION_1_3);
    drv_precedents_add_buffer(&precedents, &kind, 1000, &padded);
    drv_precedents_add_buffer(&precedents, &kind, 1000, &alone);
    assert_false(drv_precedents_find_buffer(&precedents, &kind, 1000, &made, &needs));
    drv_precedents_finish(&precedents);
}

TEST(an_image_needs_what_one_like_it_did)
{
    struct drv_precedents precedents;
    VkImageCreateInfo info = plain_image;
    const struct drv_image_kind kind = image_kind(&info);
    const struct drv_needs first = needs_of(16384);
    struct drv_needs needs;
    drv_precedents_init(&precedents, VK_API_VERSION_1_3);
    drv_precedents_add_image(&precedents, &kind, &first);
    assert_true(drv_precedents_find_image(&precedents, &kind, &needs));
    assert_int_equal(needs.memory.size, 16384);
    info.extent.width++;
    const struct drv_image_kind wider = image_kind(&info);
    assert_false(drv_precedents_find_image(&precedents, &wider, &needs));
    drv_precedents_finish(&precedents);
}
