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
    RND_BACKING_DMA_BUF, /* a dma-buf that the guest maps: the host's export, or libgbm's */
    /* A plain allocation; the guest maps a copy of its own, which flushing and invalidating keep
     * up. Only for objects that nothing shared can be bound to. */
    RND_BACKING_COPY,
};

/* What the host can do, a bit for each of its types. */
struct rnd_memory_abilities {
    uint32_t imports_pages;   /* pages of a memfd */
    uint32_t shares_dma_bufs; /* that can be mapped, from offset 0: its own or libgbm's */
    /* Of OPAQUE_FD and DMA_BUF, those for which it has an extension. */
    VkExternalMemoryHandleTypeFlags descriptors;
    uint32_t copies; /* a guest may map them in copies: not found out, but decided */
};

struct rnd_memory_type {
    uint32_t host_index;
    enum rnd_backing backing;
    /* By which of the host's handle types memory of this type comes about that the guest exports as
     * OPAQUE_FD or DMA_BUF; 0: it cannot. */
    VkExternalMemoryHandleTypeFlags as_opaque, as_dma_buf;
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
 * bound to memory of those handle types and to plain memory. `exported`: what the guest has
 * declared it external to; exported memory of the types must then be of such a handle type too. */
uint32_t rnd_memory_types_to_guest(const struct rnd_memory_types *types, uint32_t host_mask,
                                   VkExternalMemoryHandleTypeFlags handles,
                                   VkExternalMemoryHandleTypeFlags exported);
/* The types of a host mask that the guest maps in copies, for what can be bound to no memory that
 * both sides map. The mask above leaves them out. */
uint32_t rnd_memory_types_copied(const struct rnd_memory_types *types, uint32_t host_mask);
/* What to make of a wish to export as all of `exported`: that, or opaque descriptors alone where no
 * memory is both. Nobody was promised both, but ffmpeg asks for all that there is. */
VkExternalMemoryHandleTypeFlags rnd_memory_types_settle(const struct rnd_memory_types *types,
                                                        VkExternalMemoryHandleTypeFlags exported);
/* The host's handle type of memory that the guest exports as all of `exported` at once, or imports
 * as HOST_ALLOCATION, which is compatible with nothing else; 0: it cannot. */
VkExternalMemoryHandleTypeFlags rnd_memory_type_carrier(const struct rnd_memory_type *type,
                                                        VkExternalMemoryHandleTypeFlags exported);
/* The carriers of all types together. */
VkExternalMemoryHandleTypeFlags rnd_memory_types_carriers(const struct rnd_memory_types *types,
                                                          VkExternalMemoryHandleTypeFlags exported);
/* NULL if the guest was never shown such a type. */
const struct rnd_memory_type *rnd_memory_types_find(const struct rnd_memory_types *types,
                                                    uint32_t guest_index);
/* The host's handle type of such memory; 0: plain. */
VkExternalMemoryHandleTypeFlags rnd_backing_handle(enum rnd_backing backing);
const char *rnd_backing_name(enum rnd_backing backing);

#endif
