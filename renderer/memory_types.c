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

struct candidate {
    VkMemoryPropertyFlags flags;
    uint32_t heap;
    struct rnd_memory_type type;
    bool spare; /* the second guest type of one host type: first to go when there are too many */
};

struct candidates {
    struct candidate items[2 * VK_MAX_MEMORY_TYPES];
    unsigned count;
};

static void
add_candidate(struct candidates *all, const VkMemoryType *host, uint32_t host_index,
              enum rnd_backing backing, bool spare)
{
    VkMemoryPropertyFlags flags = host->propertyFlags;
    all->items[all->count++] = (struct candidate){
        .flags = backing == RND_BACKING_DEVICE ? flags & ~(VkMemoryPropertyFlags)HOST_FLAGS : flags,
        .heap = host->heapIndex,
        .type = {.host_index = host_index, .backing = backing},
        .spare = spare,
    };
}

/* A guest cannot flush or invalidate host caches through the wire, so only coherent types are
 * shared. */
static bool
can_share(const VkMemoryType *host, uint32_t host_index, uint32_t importable)
{
    return (host->propertyFlags & MAPPABLE) == MAPPABLE && (importable >> host_index & 1);
}

static void
collect(struct candidates *all, const VkPhysicalDeviceMemoryProperties *host, uint32_t importable)
{
    all->count = 0;
    for (uint32_t i = 0; i < host->memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        const VkMemoryType *type = &host->memoryTypes[i];
        if (type->propertyFlags & UNUSABLE) {
            continue;
        }
        bool shared = can_share(type, i, importable);
        add_candidate(all, type, i, RND_BACKING_DEVICE, shared);
        if (shared) {
            add_candidate(all, type, i, RND_BACKING_SHARED, false);
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

bool
rnd_memory_types_build(struct rnd_memory_types *types, const VkPhysicalDeviceMemoryProperties *host,
                       uint32_t importable)
{
    struct candidates all;
    collect(&all, host, importable);
    drop_spares(&all);

    memset(types, 0, sizeof(*types));
    bool taken[2 * VK_MAX_MEMORY_TYPES] = {false};
    for (unsigned i = 0; i < all.count; i++) {
        unsigned next = next_in_order(&all, taken);
        taken[next] = true;
        types->guest.memoryTypes[i] = (VkMemoryType){
            .propertyFlags = all.items[next].flags,
            .heapIndex = all.items[next].heap,
        };
        types->types[i] = all.items[next].type;
    }
    types->guest.memoryTypeCount = all.count;
    types->guest.memoryHeapCount = host->memoryHeapCount;
    memcpy(types->guest.memoryHeaps, host->memoryHeaps, sizeof(host->memoryHeaps));
    return has_mappable(&types->guest);
}

uint32_t
rnd_memory_types_to_guest(const struct rnd_memory_types *types, uint32_t host_mask,
                          bool may_be_shared)
{
    uint32_t guest_mask = 0;
    for (uint32_t i = 0; i < types->guest.memoryTypeCount; i++) {
        const struct rnd_memory_type *type = &types->types[i];
        bool backing_fits = type->backing == RND_BACKING_DEVICE || may_be_shared;
        if (backing_fits && (host_mask >> type->host_index & 1)) {
            guest_mask |= 1u << i;
        }
    }
    return guest_mask;
}

uint32_t
rnd_memory_types_shared(const struct rnd_memory_types *types)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < types->guest.memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        mask |= (types->types[i].backing == RND_BACKING_SHARED ? 1u : 0u) << i;
    }
    return mask;
}

const struct rnd_memory_type *
rnd_memory_types_find(const struct rnd_memory_types *types, uint32_t guest_index)
{
    return guest_index < types->guest.memoryTypeCount ? &types->types[guest_index] : NULL;
}

const char *
rnd_backing_name(enum rnd_backing backing)
{
    switch (backing) {
    case RND_BACKING_DEVICE: return "device";
    case RND_BACKING_SHARED: return "shared pages";
    }
    return "?";
}
