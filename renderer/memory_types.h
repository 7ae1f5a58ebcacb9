/* The memory types that the guest sees. A guest type is a pair (host type, backing); every type
 * index and every type mask that crosses the wire is translated here. docs/memory.md tells why.
 *
 * Pure functions over tables; constant once built, any thread may read. */
#ifndef RND_MEMORY_TYPES_H
#define RND_MEMORY_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

enum rnd_backing {
    RND_BACKING_DEVICE, /* a plain allocation; the guest cannot map it */
    RND_BACKING_SHARED, /* a memfd that both sides map, imported as host memory */
};

struct rnd_memory_type {
    uint32_t host_index;
    enum rnd_backing backing;
};

struct rnd_memory_types {
    VkPhysicalDeviceMemoryProperties guest; /* what the guest is told; heaps are the host's */
    struct rnd_memory_type types[VK_MAX_MEMORY_TYPES];
};

/* `importable` has a bit for each host type into which a memfd's pages can be imported. False if no
 * type could be offered that is HOST_VISIBLE and HOST_COHERENT: such a device is no use to a guest.
 */
BASE_MUST_CHECK bool rnd_memory_types_build(struct rnd_memory_types *types,
                                            const VkPhysicalDeviceMemoryProperties *host,
                                            uint32_t importable);

/* A host mask as the guest numbers types. Types backed by shared pages are included only for what
 * may be bound to imported host memory. */
uint32_t rnd_memory_types_to_guest(const struct rnd_memory_types *types, uint32_t host_mask,
                                   bool may_be_shared);
/* The guest types that are backed by shared pages. */
uint32_t rnd_memory_types_shared(const struct rnd_memory_types *types);
/* NULL if the guest was never shown such a type. */
const struct rnd_memory_type *rnd_memory_types_find(const struct rnd_memory_types *types,
                                                    uint32_t guest_index);
const char *rnd_backing_name(enum rnd_backing backing);

#endif
