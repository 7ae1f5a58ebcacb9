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
    RND_BACKING_DEVICE,  /* a plain allocation; the guest cannot map it */
    RND_BACKING_SHARED,  /* a memfd that both sides map, imported as host memory */
    RND_BACKING_DMA_BUF, /* the host's allocation, exported as a dma-buf that the guest maps */
};

/* What the host can do, a bit for each of its types. */
struct rnd_memory_abilities {
    uint32_t imports_pages;    /* pages of a memfd */
    uint32_t exports_dma_bufs; /* that can be mapped, from offset 0 */
};

struct rnd_memory_type {
    uint32_t host_index;
    enum rnd_backing backing;
};

struct rnd_memory_types {
    VkPhysicalDeviceMemoryProperties guest; /* what the guest is told; heaps are the host's */
    struct rnd_memory_type types[VK_MAX_MEMORY_TYPES];
    /* The host's handle types by which any type's memory comes about. */
    VkExternalMemoryHandleTypeFlags handles;
};

/* False if no type could be offered that is HOST_VISIBLE and HOST_COHERENT: such a device is no use
 * to a guest. */
BASE_MUST_CHECK bool rnd_memory_types_build(struct rnd_memory_types *types,
                                            const VkPhysicalDeviceMemoryProperties *host,
                                            const struct rnd_memory_abilities *abilities);

/* A host mask as the guest numbers types, for what is external to `handles` on the host: it may be
 * bound to memory of those handle types and to plain memory. */
uint32_t rnd_memory_types_to_guest(const struct rnd_memory_types *types, uint32_t host_mask,
                                   VkExternalMemoryHandleTypeFlags handles);
/* The guest types of that backing, of which `host_mask` has the host's. */
uint32_t rnd_memory_types_backed_by(const struct rnd_memory_types *types, enum rnd_backing backing,
                                    uint32_t host_mask);
/* NULL if the guest was never shown such a type. */
const struct rnd_memory_type *rnd_memory_types_find(const struct rnd_memory_types *types,
                                                    uint32_t guest_index);
/* The host's handle type of such memory; 0: plain. */
VkExternalMemoryHandleTypeFlags rnd_backing_handle(enum rnd_backing backing);
const char *rnd_backing_name(enum rnd_backing backing);

#endif
