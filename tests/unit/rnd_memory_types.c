#include "renderer/memory_types.h"

#include "tests/unit/test.h"

enum {
    DEVICE_LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    VISIBLE = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
    COHERENT = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
    LAZY = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT,
    AMD_COHERENT = VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD,
};

static VkPhysicalDeviceMemoryProperties
host_of(uint32_t count, const VkMemoryType *types)
{
    VkPhysicalDeviceMemoryProperties host = {
        .memoryTypeCount = count,
        .memoryHeapCount = 2,
        .memoryHeaps = {{1 << 20, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}, {2 << 20, 0}},
    };
    for (uint32_t i = 0; i < count; i++) {
        host.memoryTypes[i] = types[i];
    }
    return host;
}

static const VkMemoryType lavapipe[] = {{DEVICE_LOCAL | VISIBLE | COHERENT | CACHED, 0}};

/* NVIDIA's proprietary driver: all but the last, which lies in the BAR, import a memfd's pages. */
static const VkMemoryType nvidia[] = {
    {0, 1},
    {DEVICE_LOCAL, 0},
    {VISIBLE | COHERENT, 1},
    {VISIBLE | COHERENT | CACHED, 1},
    {DEVICE_LOCAL | VISIBLE | COHERENT, 0},
};
#define NVIDIA_IMPORTABLE 0xcu
#define PAGES VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static const VkMemoryType integrated[] = {
    {DEVICE_LOCAL | VISIBLE | COHERENT, 0},
    {DEVICE_LOCAL | VISIBLE | COHERENT | CACHED, 0},
};

static void
build_with_all(struct rnd_memory_types *types, uint32_t count, const VkMemoryType *host,
               uint32_t imports_pages, uint32_t exports_dma_bufs,
               VkExternalMemoryHandleTypeFlags descriptors)
{
    VkPhysicalDeviceMemoryProperties properties = host_of(count, host);
    assert_true(rnd_memory_types_build(
        types, &properties,
        &(struct rnd_memory_abilities){imports_pages, exports_dma_bufs, descriptors}));
}

static void
build_with_dma_bufs(struct rnd_memory_types *types, uint32_t count, const VkMemoryType *host,
                    uint32_t imports_pages, uint32_t exports_dma_bufs)
{
    build_with_all(types, count, host, imports_pages, exports_dma_bufs, OPAQUE | DMA_BUF);
}

static void
build(struct rnd_memory_types *types, uint32_t count, const VkMemoryType *host,
      uint32_t imports_pages)
{
    build_with_all(types, count, host, imports_pages, 0, OPAQUE);
}

static void
assert_type(const struct rnd_memory_types *types, uint32_t index, VkMemoryPropertyFlags flags,
            uint32_t heap, uint32_t host_index, enum rnd_backing backing)
{
    assert_int_equal(types->guest.memoryTypes[index].propertyFlags, flags);
    assert_int_equal(types->guest.memoryTypes[index].heapIndex, heap);
    assert_int_equal(types->types[index].host_index, host_index);
    assert_int_equal(types->types[index].backing, backing);
}

/* Vulkan: X comes before Y if X's flags are a strict subset of Y's. */
static void
assert_order(const struct rnd_memory_types *types)
{
    for (uint32_t i = 0; i < types->guest.memoryTypeCount; i++) {
        for (uint32_t j = i + 1; j < types->guest.memoryTypeCount; j++) {
            VkMemoryPropertyFlags early = types->guest.memoryTypes[i].propertyFlags;
            VkMemoryPropertyFlags late = types->guest.memoryTypes[j].propertyFlags;
            assert_false(early != late && (late & ~early) == 0);
        }
    }
}

TEST(lavapipes_one_type_becomes_two)
{
    struct rnd_memory_types types;
    build(&types, 1, lavapipe, 1);
    assert_int_equal(types.guest.memoryTypeCount, 2);
    assert_type(&types, 0, DEVICE_LOCAL, 0, 0, RND_BACKING_DEVICE);
    assert_type(&types, 1, DEVICE_LOCAL | VISIBLE | COHERENT | CACHED, 0, 0, RND_BACKING_SHARED);
}

TEST(nvidias_bar_type_is_device_memory_only)
{
    struct rnd_memory_types types;
    build(&types, 5, nvidia, NVIDIA_IMPORTABLE);
    assert_int_equal(types.guest.memoryTypeCount, 7);
    assert_type(&types, 0, 0, 1, 0, RND_BACKING_DEVICE);
    assert_type(&types, 1, 0, 1, 2, RND_BACKING_DEVICE);
    assert_type(&types, 2, 0, 1, 3, RND_BACKING_DEVICE);
    assert_type(&types, 3, DEVICE_LOCAL, 0, 1, RND_BACKING_DEVICE);
    assert_type(&types, 4, VISIBLE | COHERENT, 1, 2, RND_BACKING_SHARED);
    assert_type(&types, 5, VISIBLE | COHERENT | CACHED, 1, 3, RND_BACKING_SHARED);
    assert_type(&types, 6, DEVICE_LOCAL, 0, 4, RND_BACKING_DEVICE);
    assert_order(&types);
}

TEST(a_subset_of_flags_comes_first)
{
    struct rnd_memory_types types;
    build(&types, 2, integrated, 3);
    assert_order(&types);
    assert_type(&types, 0, DEVICE_LOCAL, 0, 0, RND_BACKING_DEVICE);
    assert_type(&types, 1, DEVICE_LOCAL, 0, 1, RND_BACKING_DEVICE);
    assert_type(&types, 2, DEVICE_LOCAL | VISIBLE | COHERENT, 0, 0, RND_BACKING_SHARED);
    assert_type(&types, 3, DEVICE_LOCAL | VISIBLE | COHERENT | CACHED, 0, 1, RND_BACKING_SHARED);
}

TEST(heaps_are_the_hosts)
{
    struct rnd_memory_types types;
    build(&types, 5, nvidia, NVIDIA_IMPORTABLE);
    assert_int_equal(types.guest.memoryHeapCount, 2);
    assert_int_equal(types.guest.memoryHeaps[0].size, 1 << 20);
    assert_int_equal(types.guest.memoryHeaps[1].size, 2 << 20);
}

TEST(types_that_are_not_coherent_are_not_shared)
{
    const VkMemoryType host[] = {{VISIBLE | CACHED, 0}, {VISIBLE | COHERENT, 0}};
    struct rnd_memory_types types;
    build(&types, 2, host, 3);
    assert_int_equal(types.guest.memoryTypeCount, 3);
    assert_type(&types, 0, 0, 0, 0, RND_BACKING_DEVICE);
    assert_type(&types, 1, 0, 0, 1, RND_BACKING_DEVICE);
    assert_type(&types, 2, VISIBLE | COHERENT, 0, 1, RND_BACKING_SHARED);
}

TEST(types_that_need_features_of_amd_are_left_out)
{
    const VkMemoryType host[] = {{VISIBLE | COHERENT, 0}, {VISIBLE | COHERENT | AMD_COHERENT, 0}};
    struct rnd_memory_types types;
    build(&types, 2, host, 3);
    assert_int_equal(types.guest.memoryTypeCount, 2);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x2, PAGES, 0), 0);
}

TEST(lazily_allocated_memory_keeps_its_flag)
{
    const VkMemoryType host[] = {{VISIBLE | COHERENT, 0}, {DEVICE_LOCAL | LAZY, 0}};
    struct rnd_memory_types types;
    build(&types, 2, host, 1);
    assert_type(&types, 2, DEVICE_LOCAL | LAZY, 0, 1, RND_BACKING_DEVICE);
}

TEST(a_device_without_mappable_memory_is_refused)
{
    struct rnd_memory_types types;
    VkPhysicalDeviceMemoryProperties host = host_of(5, nvidia);
    struct rnd_memory_abilities abilities = {0};
    assert_false(rnd_memory_types_build(&types, &host, &abilities));
    abilities.imports_pages = abilities.shares_dma_bufs = 0x3; /* of types nobody maps */
    assert_false(rnd_memory_types_build(&types, &host, &abilities));
}

TEST(spare_types_go_when_there_are_too_many)
{
    VkMemoryType host[VK_MAX_MEMORY_TYPES];
    for (uint32_t i = 0; i < VK_MAX_MEMORY_TYPES; i++) {
        host[i] = (VkMemoryType){i < 20 ? VISIBLE | COHERENT : DEVICE_LOCAL, 0};
    }
    struct rnd_memory_types types;
    build(&types, VK_MAX_MEMORY_TYPES, host, UINT32_MAX);
    assert_int_equal(types.guest.memoryTypeCount, VK_MAX_MEMORY_TYPES);
    assert_order(&types);
    for (uint32_t i = 0; i < VK_MAX_MEMORY_TYPES; i++) { /* every host type can still be had */
        assert_int_not_equal(rnd_memory_types_to_guest(&types, 1u << i, PAGES, 0), 0);
    }
}

TEST(masks_name_shared_types_only_for_what_may_lie_there)
{
    struct rnd_memory_types types;
    build(&types, 5, nvidia, NVIDIA_IMPORTABLE);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, PAGES, 0), 0x7f);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, 0, 0), 0x4f);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x4, PAGES, 0), 0x12);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x4, 0, 0), 0x2);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0, PAGES, 0), 0);
    assert_int_equal(types.handles, PAGES);
}

TEST(dma_bufs_stand_in_where_no_pages_are_imported)
{
    struct rnd_memory_types types;
    build_with_dma_bufs(&types, 2, integrated, 0, 3);
    assert_int_equal(types.guest.memoryTypeCount, 4);
    assert_order(&types);
    assert_type(&types, 0, DEVICE_LOCAL, 0, 0, RND_BACKING_DEVICE);
    assert_type(&types, 1, DEVICE_LOCAL, 0, 1, RND_BACKING_DEVICE);
    assert_type(&types, 2, DEVICE_LOCAL | VISIBLE | COHERENT, 0, 0, RND_BACKING_DMA_BUF);
    assert_type(&types, 3, DEVICE_LOCAL | VISIBLE | COHERENT | CACHED, 0, 1, RND_BACKING_DMA_BUF);
    assert_int_equal(types.handles, DMA_BUF);
}

TEST(shared_pages_come_before_dma_bufs)
{
    struct rnd_memory_types types;
    build_with_dma_bufs(&types, 5, nvidia, NVIDIA_IMPORTABLE, 0x1c);
    assert_int_equal(types.guest.memoryTypeCount, 8);
    assert_type(&types, 4, VISIBLE | COHERENT, 1, 2, RND_BACKING_SHARED);
    assert_type(&types, 5, VISIBLE | COHERENT | CACHED, 1, 3, RND_BACKING_SHARED);
    assert_type(&types, 6, DEVICE_LOCAL, 0, 4, RND_BACKING_DEVICE);
    assert_type(&types, 7, DEVICE_LOCAL | VISIBLE | COHERENT, 0, 4, RND_BACKING_DMA_BUF);
    assert_order(&types);
    assert_int_equal(types.handles, PAGES | DMA_BUF);
}

TEST(an_object_gets_the_types_of_the_handles_it_is_external_to)
{
    struct rnd_memory_types types;
    build_with_dma_bufs(&types, 5, nvidia, NVIDIA_IMPORTABLE, 0x1c);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, 0, 0), 0x4f);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, PAGES, 0), 0x7f);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, DMA_BUF, 0), 0xcf);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, PAGES | DMA_BUF, 0), 0xff);
}

TEST(indices_beyond_the_table_are_not_found)
{
    struct rnd_memory_types types;
    build(&types, 1, lavapipe, 1);
    assert_non_null(rnd_memory_types_find(&types, 1));
    assert_null(rnd_memory_types_find(&types, 2));
    assert_null(rnd_memory_types_find(&types, UINT32_MAX));
}

/* --- memory that leaves as a descriptor --- */

TEST(opaque_memory_of_importing_types_is_pages_and_else_the_hosts_own)
{
    struct rnd_memory_types types;
    build(&types, 5, nvidia, NVIDIA_IMPORTABLE);
    assert_int_equal(rnd_memory_type_carrier(&types.types[1], OPAQUE), PAGES);
    assert_int_equal(rnd_memory_type_carrier(&types.types[3], OPAQUE), OPAQUE);
    assert_int_equal(rnd_memory_type_carrier(&types.types[5], OPAQUE), PAGES);
    assert_int_equal(rnd_memory_type_carrier(&types.types[6], OPAQUE), OPAQUE);
    assert_int_equal(rnd_memory_types_carriers(&types, OPAQUE), PAGES | OPAQUE);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, PAGES, OPAQUE), 0x36);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x1f, OPAQUE, OPAQUE), 0x49);
}

TEST(dma_bufs_carry_both_where_they_back_what_is_mapped)
{
    struct rnd_memory_types types;
    build_with_dma_bufs(&types, 2, integrated, 0, 3);
    for (uint32_t i = 0; i < types.guest.memoryTypeCount; i++) {
        assert_int_equal(rnd_memory_type_carrier(&types.types[i], OPAQUE), DMA_BUF);
        assert_int_equal(rnd_memory_type_carrier(&types.types[i], DMA_BUF), DMA_BUF);
        assert_int_equal(rnd_memory_type_carrier(&types.types[i], OPAQUE | DMA_BUF), DMA_BUF);
    }
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x3, DMA_BUF, OPAQUE | DMA_BUF), 0xf);
    assert_int_equal(rnd_memory_types_to_guest(&types, 0x3, 0, DMA_BUF), 0);
}

TEST(shared_pages_never_leave_as_dma_bufs)
{
    struct rnd_memory_types types;
    build_with_all(&types, 1, lavapipe, 1, 0, OPAQUE | DMA_BUF);
    assert_int_equal(rnd_memory_type_carrier(&types.types[0], DMA_BUF), DMA_BUF);
    assert_int_equal(rnd_memory_type_carrier(&types.types[1], DMA_BUF), 0);
    assert_int_equal(rnd_memory_type_carrier(&types.types[1], OPAQUE), PAGES);
    assert_int_equal(rnd_memory_type_carrier(&types.types[0], OPAQUE | DMA_BUF), 0);
}

TEST(who_asks_for_all_handles_gets_opaque_ones_where_no_memory_is_both)
{
    struct rnd_memory_types types;
    build_with_all(&types, 1, lavapipe, 1, 0, OPAQUE | DMA_BUF);
    assert_int_equal(rnd_memory_types_settle(&types, OPAQUE | DMA_BUF), OPAQUE);
    assert_int_equal(rnd_memory_types_settle(&types, DMA_BUF), DMA_BUF);
    build_with_dma_bufs(&types, 2, integrated, 0, 3);
    assert_int_equal(rnd_memory_types_settle(&types, OPAQUE | DMA_BUF), OPAQUE | DMA_BUF);
}

TEST(nothing_leaves_by_other_handles_or_without_the_hosts_extensions)
{
    struct rnd_memory_types types;
    build_with_all(&types, 5, nvidia, NVIDIA_IMPORTABLE, 0, 0);
    assert_int_equal(rnd_memory_type_carrier(&types.types[3], OPAQUE), 0);
    assert_int_equal(rnd_memory_type_carrier(&types.types[3], DMA_BUF), 0);
    assert_int_equal(rnd_memory_type_carrier(&types.types[5], OPAQUE), PAGES);
    assert_int_equal(rnd_memory_type_carrier(&types.types[5], 0), 0);
    assert_int_equal(
        rnd_memory_type_carrier(&types.types[5], VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT),
        0);
}

TEST(copies_are_offered_where_they_are_needed_and_only_by_their_own_mask)
{
    VkPhysicalDeviceMemoryProperties properties = host_of(BASE_COUNT_OF(nvidia), nvidia);
    struct rnd_memory_types types;
    assert_true(rnd_memory_types_build(
        &types, &properties,
        &(struct rnd_memory_abilities){
            .imports_pages = NVIDIA_IMPORTABLE, .descriptors = OPAQUE, .copies = 0x18}));
    uint32_t copied = rnd_memory_types_copied(&types, UINT32_MAX);
    assert_int_equal(__builtin_popcount(copied), 2);
    assert_int_equal(__builtin_popcount(rnd_memory_types_copied(&types, 1u << 4)), 1);
    assert_int_equal(rnd_memory_types_copied(&types, 1u << 2), 0);
    assert_int_equal(rnd_memory_types_to_guest(&types, UINT32_MAX, PAGES, 0) & copied, 0);
    for (uint32_t i = 0; i < types.guest.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = types.guest.memoryTypes[i].propertyFlags;
        if (copied >> i & 1) {
            assert_true(flags & VISIBLE);
            assert_false(flags & COHERENT);
            assert_true(flags &
                        VK_MEMORY_PROPERTY_HOST_CACHED_BIT); /* one of the two there must be */
            assert_int_equal(types.types[i].as_opaque, 0);
        }
        for (uint32_t j = 0; j < i; j++) { /* Vulkan's rule about order */
            VkMemoryPropertyFlags before = types.guest.memoryTypes[j].propertyFlags;
            assert_false(flags != before && (flags & ~before) == 0);
        }
    }
}
