/* Memory that an application maps in copies: of a type that is visible but not coherent, which
 * Vesper offers for images that the host copies where the host's driver has no memory for them that
 * both sides could map. What is flushed gets there, what is invalidated comes back, nothing else
 * moves; and the image works. With the argument "modifier" the image has one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vkh/vkh.h"

enum {
    SKIPPED = 77,
    SIDE = 1000, /* texels: more bytes than one command takes */
    TEXEL = 4,
    DATA_SIZE = SIDE * SIDE * TEXEL,
};

#define RANGE                                                                                      \
    {                                                                                              \
        VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1                                                      \
    }
#define LAYER                                                                                      \
    {                                                                                              \
        VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1                                                         \
    }

struct test {
    struct vkh_gpu gpu;
    VkImage image;
    VkDeviceMemory memory;
    VkDeviceSize size;
    bool has_modifier; /* the image's tiling is a DRM modifier */
};

/* False: the device has no host image copies. */
static bool
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {
        "VK_KHR_copy_commands2", "VK_KHR_format_feature_flags2", "VK_EXT_host_image_copy",
        "VK_EXT_image_drm_format_modifier", NULL};
    static VkPhysicalDeviceHostImageCopyFeatures feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_FEATURES,
        .hostImageCopy = VK_TRUE,
    };
    struct vkh_gpu_info info = {
        .program = "copied",
        .api_version = VK_API_VERSION_1_3,
        .extensions = extensions,
    };
    vkh_gpu_open(gpu, &info);
    bool has = vkh_gpu_has_extension(gpu, "VK_EXT_host_image_copy");
    vkh_gpu_close(gpu);
    if (has) {
        info.device_next = &feature;
        vkh_gpu_open(gpu, &info);
    }
    return has;
}

static void
create_image(struct test *test)
{
    static const uint64_t linear = 0; /* DRM_FORMAT_MOD_LINEAR */
    const VkImageDrmFormatModifierListCreateInfoEXT modifiers = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
        .drmFormatModifierCount = 1,
        .pDrmFormatModifiers = &linear,
    };
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = test->has_modifier ? &modifiers : NULL,
        .tiling =
            test->has_modifier ? VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT : VK_IMAGE_TILING_OPTIMAL,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {SIDE, SIDE, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = VK_IMAGE_USAGE_HOST_TRANSFER_BIT | VK_IMAGE_USAGE_SAMPLED_BIT,
    };
    VkMemoryRequirements requirements;
    VKH_CHECK(vkCreateImage(test->gpu.device, &info, NULL, &test->image));
    vkGetImageMemoryRequirements(test->gpu.device, test->image, &requirements);
    uint32_t type = vkh_memory_type(&test->gpu, requirements.memoryTypeBits,
                                    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT, 0);
    if (type == UINT32_MAX) {
        vkh_die("of the memory types %#x for the image none is HOST_VISIBLE",
                requirements.memoryTypeBits);
    }
    if (test->gpu.memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) {
        vkh_die("memory type %u is HOST_COHERENT, so nothing is mapped in copies here", type);
    }
    const VkMemoryAllocateInfo allocate_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = requirements.size,
        .memoryTypeIndex = type,
    };
    test->size = requirements.size;
    VKH_CHECK(vkAllocateMemory(test->gpu.device, &allocate_info, NULL, &test->memory));
}

static void
destroy_image(const struct test *test)
{
    vkDestroyImage(test->gpu.device, test->image, NULL);
    vkFreeMemory(test->gpu.device, test->memory, NULL);
}

/* A transfer buffer can share memory with such an image, as it natively can: one of their types is
 * common to both. What the host says of buffers that are not there is the same. */
static VkBuffer
create_buffer(const struct test *test)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = test->size,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkBuffer buffer;
    VKH_CHECK(vkCreateBuffer(test->gpu.device, &info, NULL, &buffer));
    VkMemoryRequirements of_buffer, of_image;
    vkGetBufferMemoryRequirements(test->gpu.device, buffer, &of_buffer);
    vkGetImageMemoryRequirements(test->gpu.device, test->image, &of_image);
    const VkDeviceBufferMemoryRequirements question = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_BUFFER_MEMORY_REQUIREMENTS,
        .pCreateInfo = &info,
    };
    VkMemoryRequirements2 described = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    vkGetDeviceBufferMemoryRequirements(test->gpu.device, &question, &described);
    if (described.memoryRequirements.memoryTypeBits != of_buffer.memoryTypeBits) {
        vkh_die("memory types %#x for a buffer, %#x for one that is not there",
                of_buffer.memoryTypeBits, described.memoryRequirements.memoryTypeBits);
    }
    if ((of_buffer.memoryTypeBits & of_image.memoryTypeBits) == 0) {
        vkh_die("memory types %#x for the buffer, %#x for the image: none is common",
                of_buffer.memoryTypeBits, of_image.memoryTypeBits);
    }
    return buffer;
}

static VkDeviceMemory
allocate(const struct test *test, uint32_t types)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = 2 * test->size, /* hosts may want more for either than for the other */
        .memoryTypeIndex = (uint32_t)__builtin_ctz(types),
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(test->gpu.device, &info, NULL, &memory));
    return memory;
}

/* Two lie in memory that an image could have, too, and one in memory that none could; two are bound
 * by one command and one by itself. The device fills them and reads what is there. */
static void
check_buffers(const struct test *test)
{
    VkBuffer buffers[3];
    VkDeviceMemory memory[3];
    VkMemoryRequirements of_image, of_buffer;
    vkGetImageMemoryRequirements(test->gpu.device, test->image, &of_image);
    for (int i = 0; i < 3; i++) {
        buffers[i] = create_buffer(test);
        vkGetBufferMemoryRequirements(test->gpu.device, buffers[i], &of_buffer);
        bool apart = i == 1;
        memory[i] = allocate(test, apart ? of_buffer.memoryTypeBits & ~of_image.memoryTypeBits
                                         : of_buffer.memoryTypeBits & of_image.memoryTypeBits);
    }
    VkBindBufferMemoryInfo bindings[2];
    for (int i = 0; i < 2; i++) {
        bindings[i] = (VkBindBufferMemoryInfo){
            .sType = VK_STRUCTURE_TYPE_BIND_BUFFER_MEMORY_INFO,
            .buffer = buffers[i],
            .memory = memory[i],
        };
    }
    VKH_CHECK(vkBindBufferMemory2(test->gpu.device, 2, bindings));
    VKH_CHECK(vkBindBufferMemory(test->gpu.device, buffers[2], memory[2], 0));

    struct vkh_buffer staging;
    vkh_buffer_create(&test->gpu, 3 * 16, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &staging);
    VkCommandBuffer commands = vkh_begin(&test->gpu);
    for (uint32_t i = 0; i < 3; i++) {
        vkCmdFillBuffer(commands, buffers[i], 0, VK_WHOLE_SIZE, 0x01010101 * (i + 1));
    }
    vkh_memory_barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                       VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    for (uint32_t i = 0; i < 3; i++) {
        const VkBufferCopy region = {.dstOffset = 16 * i, .size = 16};
        vkCmdCopyBuffer(commands, buffers[i], staging.buffer, 1, &region);
    }
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(&test->gpu, commands);
    for (uint32_t i = 0; i < 3 * 16; i++) {
        const uint8_t *bytes = staging.map;
        if (bytes[i] != i / 16 + 1) {
            vkh_die("byte %u of buffer %u is %u", i % 16, i / 16, bytes[i]);
        }
    }
    vkh_buffer_destroy(&test->gpu, &staging);
    for (int i = 0; i < 3; i++) {
        vkDestroyBuffer(test->gpu.device, buffers[i], NULL);
        vkFreeMemory(test->gpu.device, memory[i], NULL);
    }
}

static uint8_t *
map(const struct test *test, VkDeviceSize offset)
{
    void *bytes;
    VKH_CHECK(vkMapMemory(test->gpu.device, test->memory, offset, VK_WHOLE_SIZE, 0, &bytes));
    return bytes;
}

static VkMappedMemoryRange
range_of(const struct test *test, VkDeviceSize offset, VkDeviceSize size)
{
    return (VkMappedMemoryRange){
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = test->memory,
        .offset = offset,
        .size = size,
    };
}

static uint8_t
pattern(size_t at, uint8_t salt)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ salt);
}

static void
fill(uint8_t *bytes, size_t from, size_t to, uint8_t salt)
{
    for (size_t at = from; at < to; at++) {
        bytes[at] = pattern(at, salt);
    }
}

static void
expect(const uint8_t *bytes, size_t from, size_t to, uint8_t salt, const char *when)
{
    for (size_t at = from; at < to; at++) {
        if (bytes[at] != pattern(at, salt)) {
            vkh_die("%s: byte %zu is %#x, wanted %#x", when, at, bytes[at], pattern(at, salt));
        }
    }
}

/* The middle, whole atoms. */
static void
find_middle(const struct test *test, size_t *from, size_t *to)
{
    size_t atom = (size_t)test->gpu.properties.limits.nonCoherentAtomSize;
    *from = 3 * atom;
    *to = (size_t)test->size / atom / 2 * atom;
}

/* Of memory filled with one pattern the middle gets another; only that is flushed. At the end the
 * host has 3 in the middle and 1 around it. */
static void
flush_and_invalidate(const struct test *test)
{
    const size_t size = (size_t)test->size;
    size_t from, to;
    find_middle(test, &from, &to);
    const VkMappedMemoryRange all = range_of(test, 0, VK_WHOLE_SIZE);
    const VkMappedMemoryRange middle = range_of(test, from, to - from);
    uint8_t *bytes = map(test, 0);

    fill(bytes, 0, size, 1);
    VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &all));
    memset(bytes, 0, size);
    VKH_CHECK(vkInvalidateMappedMemoryRanges(test->gpu.device, 1, &all));
    expect(bytes, 0, size, 1, "after all was flushed");

    fill(bytes, 0, size, 2);
    VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &middle));
    VKH_CHECK(vkInvalidateMappedMemoryRanges(test->gpu.device, 1, &all));
    expect(bytes, 0, from, 1, "before what was flushed");
    expect(bytes, from, to, 2, "what was flushed");
    expect(bytes, to, size, 1, "behind what was flushed");
    vkUnmapMemory(test->gpu.device, test->memory);

    bytes = map(test, from);
    expect(bytes - from, from, to, 2, "as soon as it is mapped again");
    memset(bytes, 0, to - from);
    VKH_CHECK(vkInvalidateMappedMemoryRanges(test->gpu.device, 1, &middle));
    expect(bytes - from, from, to, 2, "mapped again");
    vkUnmapMemory(test->gpu.device, test->memory);

    bytes = map(test, 0);
    fill(bytes, from, to, 3);
    vkUnmapMemory(test->gpu.device, test->memory);
    bytes = map(test, 0);
    expect(bytes, 0, from, 1, "before what was written and not flushed");
    expect(bytes, from, to, 3, "written, not flushed, unmapped and mapped");
    VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &all));
    memset(bytes, 0, size);
    VKH_CHECK(vkInvalidateMappedMemoryRanges(test->gpu.device, 1, &all));
    expect(bytes, from, to, 3, "flushed in a later mapping");
    vkUnmapMemory(test->gpu.device, test->memory);
}

static void
bind(const struct test *test)
{
    VKH_CHECK(vkBindImageMemory(test->gpu.device, test->image, test->memory, 0));
}

/* The host's bytes, for the driver asks for them once something is bound. */
static uint8_t *
map_and_invalidate(const struct test *test)
{
    const VkMappedMemoryRange all = range_of(test, 0, VK_WHOLE_SIZE);
    uint8_t *bytes = map(test, 0);
    memset(bytes, 0xaa, (size_t)test->size);
    VKH_CHECK(vkInvalidateMappedMemoryRanges(test->gpu.device, 1, &all));
    return bytes;
}

/* As long as nothing is bound nobody but the application writes, and the driver need not ask. What
 * it sent is there all the same. */
static void
bind_what_was_written(const struct test *test)
{
    size_t from, to;
    find_middle(test, &from, &to);

    bind(test);
    const uint8_t *bytes = map_and_invalidate(test);
    expect(bytes, 0, from, 1, "before the middle, once bound");
    expect(bytes, from, to, 3, "the middle, once bound");
    expect(bytes, to, (size_t)test->size, 1, "behind the middle, once bound");
    vkUnmapMemory(test->gpu.device, test->memory);
}

/* New memory of the host's holds anything, such as what was in the last that was freed. Zeros that
 * are the first to be written have to get there too, flushed before or after it is bound. */
static void
write_zeros_first(struct test *test)
{
    for (int early = 0; early < 2; early++) {
        create_image(test);
        const VkMappedMemoryRange all = range_of(test, 0, VK_WHOLE_SIZE);
        uint8_t *bytes = map(test, 0);
        memset(bytes, 0, (size_t)test->size);
        if (early) {
            VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &all));
        }
        bind(test);
        VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &all));
        vkUnmapMemory(test->gpu.device, test->memory);
        bytes = map_and_invalidate(test);
        for (size_t at = 0; at < test->size; at++) {
            if (bytes[at] != 0) {
                vkh_die("byte %zu is %#x, though zeros were written", at, bytes[at]);
            }
        }
        memset(bytes, 0x55, (size_t)test->size); /* for the next to find */
        VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &all));
        vkUnmapMemory(test->gpu.device, test->memory);
        destroy_image(test);
    }
}

#define LOAD(name) PFN_##name name = (PFN_##name)vkGetDeviceProcAddr(test->gpu.device, #name)

/* A flush of what the application has not written leaves alone what the image got meanwhile. */
static void
copy_there_and_back(const struct test *test)
{
    LOAD(vkTransitionImageLayoutEXT);
    LOAD(vkCopyMemoryToImageEXT);
    LOAD(vkCopyImageToMemoryEXT);
    const VkHostImageLayoutTransitionInfo transition = {
        .sType = VK_STRUCTURE_TYPE_HOST_IMAGE_LAYOUT_TRANSITION_INFO,
        .image = test->image,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .subresourceRange = RANGE,
    };
    uint8_t *data = malloc(DATA_SIZE);
    if (!data) {
        vkh_die("out of memory");
    }
    const VkMemoryToImageCopy there = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
        .pHostPointer = data,
        .imageSubresource = LAYER,
        .imageExtent = {SIDE, SIDE, 1},
    };
    const VkImageToMemoryCopy back = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
        .pHostPointer = data,
        .imageSubresource = LAYER,
        .imageExtent = {SIDE, SIDE, 1},
    };
    const VkCopyMemoryToImageInfo write = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
        .dstImage = test->image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &there,
    };
    const VkCopyImageToMemoryInfo read = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
        .srcImage = test->image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &back,
    };
    VKH_CHECK(vkTransitionImageLayoutEXT(test->gpu.device, 1, &transition));
    fill(data, 0, DATA_SIZE, 3);
    const VkMappedMemoryRange all = range_of(test, 0, VK_WHOLE_SIZE);
    (void)map(test, 0);
    VKH_CHECK(vkCopyMemoryToImageEXT(test->gpu.device, &write));
    VKH_CHECK(vkFlushMappedMemoryRanges(test->gpu.device, 1, &all));
    vkUnmapMemory(test->gpu.device, test->memory);
    memset(data, 0, DATA_SIZE);
    VKH_CHECK(vkCopyImageToMemoryEXT(test->gpu.device, &read));
    expect(data, 0, DATA_SIZE, 3, "through the image");
    free(data);
}

int
main(int argc, char **argv)
{
    struct test test = {.has_modifier = argc > 1 && strcmp(argv[1], "modifier") == 0};
    if (!open_gpu(&test.gpu)) {
        printf("skipped: the host has no VK_EXT_host_image_copy\n");
        return SKIPPED;
    }
    create_image(&test);
    flush_and_invalidate(&test);
    bind_what_was_written(&test);
    flush_and_invalidate(&test);
    copy_there_and_back(&test);
    if (!test.has_modifier) {
        check_buffers(&test);
    }
    destroy_image(&test);
    write_zeros_first(&test);
    vkh_gpu_close(&test.gpu);
    return EXIT_SUCCESS;
}
