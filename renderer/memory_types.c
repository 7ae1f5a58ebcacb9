#include "renderer/memory_types.h"

#include <assert.h>
#include <string.h>

#define HOST_FLAGS                                                                                 \
    (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |                  \
     VK_MEMORY_PROPERTY_HOST_CACHED_BIT)
#define MAPPABLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
/* Such types may be used only with a device feature that the protocol does not carry. */
#define UNUSABLE                                                                                   \
    (VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD |     \
     VK_MEMORY_PROPERTY_RDMA_CAPABLE_BIT_NV)

#define PAGES VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT

struct candidate {
    VkMemoryPropertyFlags flags;
    uint32_t heap;
    struct rnd_memory_type type;
    bool spare; /* not the first guest type of its host type: goes when there are too many */
};

enum {
    MAX_CANDIDATES = 3 * VK_MAX_MEMORY_TYPES, /* device, shared, copy */
};

struct candidates {
    struct candidate items[MAX_CANDIDATES];
    unsigned count;
};

/* What the guest is told. A copy is the guest's own pages, which are cached, and Vulkan knows no
 * memory that is visible and neither coherent nor cached. */
static VkMemoryPropertyFlags
guest_flags(VkMemoryPropertyFlags host, enum rnd_backing backing)
{
    switch (backing) {
    case RND_BACKING_DEVICE: return host & ~HOST_FLAGS;
    case RND_BACKING_COPY:
        return (host & ~VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    case RND_BACKING_SHARED:
    case RND_BACKING_DMA_BUF: return host;
    }
    return host;
}

static void
add_candidate(struct candidates *all, const VkMemoryType *host, uint32_t host_index,
              enum rnd_backing backing, bool spare)
{
    all->items[all->count++] = (struct candidate){
        .flags = guest_flags(host->propertyFlags, backing),
        .heap = host->heapIndex,
        .type = {.host_index = host_index, .backing = backing},
        .spare = spare,
    };
}

/* How the guest comes to map memory of that type; DEVICE: it does not. A guest cannot flush or
 * invalidate host caches through the wire, so only coherent types are mapped. */
static enum rnd_backing
choose_backing(const VkMemoryType *host, uint32_t host_index,
               const struct rnd_memory_abilities *abilities)
{
    if ((host->propertyFlags & MAPPABLE) != MAPPABLE) {
        return RND_BACKING_DEVICE;
    }
    if (abilities->imports_pages >> host_index & 1) {
        return RND_BACKING_SHARED;
    }
    return abilities->shares_dma_bufs >> host_index & 1 ? RND_BACKING_DMA_BUF : RND_BACKING_DEVICE;
}

static void
collect(struct candidates *all, const VkPhysicalDeviceMemoryProperties *host,
        const struct rnd_memory_abilities *abilities)
{
    all->count = 0;
    for (uint32_t i = 0; i < host->memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        const VkMemoryType *type = &host->memoryTypes[i];
        if (type->propertyFlags & UNUSABLE) {
            continue;
        }
        enum rnd_backing backing = choose_backing(type, i, abilities);
        bool mapped = backing != RND_BACKING_DEVICE;
        add_candidate(all, type, i, RND_BACKING_DEVICE, mapped);
        if (mapped) {
            add_candidate(all, type, i, backing, false);
        }
        if (abilities->copies >> i & 1) {
            add_candidate(all, type, i, RND_BACKING_COPY, true);
        }
    }
}

static void
drop_spares(struct candidates *all)
{
    for (unsigned i = all->count; i-- > 0 && all->count > VK_MAX_MEMORY_TYPES;) {
        if (all->items[i].spare) {
            memmove(&all->items[i], &all->items[i + 1],
                    (all->count - i - 1) * sizeof(all->items[0]));
            all->count--;
        }
    }
}

static bool
strict_subset(VkMemoryPropertyFlags a, VkMemoryPropertyFlags b)
{
    return a != b && (a & ~b) == 0;
}

static bool
must_wait(const struct candidates *all, const bool *taken, unsigned index)
{
    for (unsigned i = 0; i < all->count; i++) {
        if (!taken[i] && strict_subset(all->items[i].flags, all->items[index].flags)) {
            return true;
        }
    }
    return false;
}

/* Vulkan's rule: a type whose flags are a strict subset of another's comes before it. Otherwise the
 * host's order stays, since applications take the first type that fits and hosts put the best
 * first. */
static unsigned
next_in_order(const struct candidates *all, const bool *taken)
{
    unsigned index = 0;
    while (taken[index] || must_wait(all, taken, index)) {
        index++;
    }
    return index;
}

static bool
has_mappable(const VkPhysicalDeviceMemoryProperties *memory)
{
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        if ((memory->memoryTypes[i].propertyFlags & MAPPABLE) == MAPPABLE) {
            return true;
        }
    }
    return false;
}

/* A dma-buf is one wherever it comes from. What is opaque is ours to choose: pages, which whoever
 * imports them can map too, or dma-bufs where such back the types that are mapped; the host's own
 * only where neither will do. */
static void
choose_carriers(struct rnd_memory_type *type, const struct rnd_memory_types *types,
                const struct rnd_memory_abilities *abilities)
{
    bool dma_bufs = abilities->descriptors & DMA_BUF;
    if (type->backing == RND_BACKING_COPY) {
        return; /* what somebody else maps has no use for a copy */
    }
    type->as_dma_buf = dma_bufs && type->backing != RND_BACKING_SHARED ? DMA_BUF : 0;
    if (type->backing != RND_BACKING_DMA_BUF &&
        (abilities->imports_pages >> type->host_index & 1)) {
        type->as_opaque = PAGES;
    } else if (types->handles & DMA_BUF) {
        type->as_opaque = DMA_BUF;
    } else {
        type->as_opaque = abilities->descriptors & OPAQUE;
    }
}

bool
rnd_memory_types_build(struct rnd_memory_types *types, const VkPhysicalDeviceMemoryProperties *host,
                       const struct rnd_memory_abilities *abilities)
{
    struct candidates all;
    collect(&all, host, abilities);
    drop_spares(&all);

    memset(types, 0, sizeof(*types));
    bool taken[MAX_CANDIDATES] = {false};
    for (unsigned i = 0; i < all.count; i++) {
        unsigned next = next_in_order(&all, taken);
        taken[next] = true;
        types->guest.memoryTypes[i] = (VkMemoryType){
            .propertyFlags = all.items[next].flags,
            .heapIndex = all.items[next].heap,
        };
        types->types[i] = all.items[next].type;
        types->handles |= rnd_backing_handle(all.items[next].type.backing);
    }
    for (unsigned i = 0; i < all.count; i++) {
        choose_carriers(&types->types[i], types, abilities);
    }
    types->guest.memoryTypeCount = all.count;
    types->guest.memoryHeapCount = host->memoryHeapCount;
    memcpy(types->guest.memoryHeaps, host->memoryHeaps, sizeof(host->memoryHeaps));
    return has_mappable(&types->guest);
}

uint32_t
rnd_memory_types_to_guest(const struct rnd_memory_types *types, uint32_t host_mask,
                          VkExternalMemoryHandleTypeFlags handles,
                          VkExternalMemoryHandleTypeFlags exported)
{
    uint32_t guest_mask = 0;
    for (uint32_t i = 0; i < types->guest.memoryTypeCount; i++) {
        const struct rnd_memory_type *type = &types->types[i];
        VkExternalMemoryHandleTypeFlags needed = rnd_backing_handle(type->backing);
        bool fits = type->backing != RND_BACKING_COPY && (needed & ~handles) == 0 &&
                    (!exported || (rnd_memory_type_carrier(type, exported) & handles));
        if (fits && (host_mask >> type->host_index & 1)) {
            guest_mask |= 1u << i;
        }
    }
    return guest_mask;
}

uint32_t
rnd_memory_types_copied(const struct rnd_memory_types *types, uint32_t host_mask)
{
    uint32_t guest_mask = 0;
    for (uint32_t i = 0; i < types->guest.memoryTypeCount; i++) {
        const struct rnd_memory_type *type = &types->types[i];
        if (type->backing == RND_BACKING_COPY && (host_mask >> type->host_index & 1)) {
            guest_mask |= 1u << i;
        }
    }
    return guest_mask;
}

VkExternalMemoryHandleTypeFlags
rnd_memory_type_carrier(const struct rnd_memory_type *type,
                        VkExternalMemoryHandleTypeFlags exported)
{
    if (exported == PAGES) { /* the guest's own, which only ever enter */
        return type->as_opaque == PAGES ? PAGES : 0;
    }
    if (exported & ~(VkExternalMemoryHandleTypeFlags)(OPAQUE | DMA_BUF)) {
        return 0;
    }
    if ((exported & OPAQUE) && (exported & DMA_BUF)) {
        return type->as_opaque == type->as_dma_buf ? type->as_opaque : 0;
    }
    return exported & OPAQUE ? type->as_opaque : exported & DMA_BUF ? type->as_dma_buf : 0;
}

VkExternalMemoryHandleTypeFlags
rnd_memory_types_carriers(const struct rnd_memory_types *types,
                          VkExternalMemoryHandleTypeFlags exported)
{
    VkExternalMemoryHandleTypeFlags carriers = 0;
    for (uint32_t i = 0; i < types->guest.memoryTypeCount; i++) {
        carriers |= rnd_memory_type_carrier(&types->types[i], exported);
    }
    return carriers;
}

const struct rnd_memory_type *
rnd_memory_types_find(const struct rnd_memory_types *types, uint32_t guest_index)
{
    return guest_index < types->guest.memoryTypeCount ? &types->types[guest_index] : NULL;
}

VkExternalMemoryHandleTypeFlags
rnd_backing_handle(enum rnd_backing backing)
{
    switch (backing) {
    case RND_BACKING_DEVICE:
    case RND_BACKING_COPY: return 0;
    case RND_BACKING_SHARED: return PAGES;
    case RND_BACKING_DMA_BUF: return DMA_BUF;
    }
    return 0;
}

const char *
rnd_backing_name(enum rnd_backing backing)
{
    switch (backing) {
    case RND_BACKING_DEVICE: return "device";
    case RND_BACKING_SHARED: return "shared pages";
    case RND_BACKING_DMA_BUF: return "dma-buf";
    case RND_BACKING_COPY: return "copies";
    }
    return "?";
}

VkExternalMemoryHandleTypeFlags
rnd_memory_types_settle(const struct rnd_memory_types *types,
                        VkExternalMemoryHandleTypeFlags exported)
{
    const VkExternalMemoryHandleTypeFlags both = OPAQUE | DMA_BUF;
    return exported == both && rnd_memory_types_carriers(types, both) == 0 ? OPAQUE : exported;
}
