/* VkDeviceMemory: an allocation of the host's, and the mapping of it that both sides share. */
#ifndef DRV_MEMORY_H
#define DRV_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/host_pages.h"
#include "driver/object.h"
#include "transport/transport.h"

struct drv_device;

/* VkDeviceMemory. */
struct drv_memory {
    struct proto_object object;
    /* Constant. */
    VkDeviceSize size; /* as the application asked */
    bool mappable;     /* of a HOST_VISIBLE type */
    bool copied;       /* of one that is not HOST_COHERENT: what is mapped is a copy */
    bool shareable;    /* allocated for export, or imported */
    bool counted;      /* as taken from the heap */
    uint32_t heap;
    struct drv_host_pages host_pages; /* the application's, which the blob shares */

    /* Made by whatever needs it first, an import, vkMapMemory or vkGetMemoryFdKHR, and kept until
     * vkFreeMemory: a renderer gives one resource for each allocation. Made under the device's
     * blobs_lock, constant then, but for the mapping's address (memory_map.c). A copy is pages of
     * ours alone, and no resource; `in_step` is then what it was when the host had the same. */
    struct tp_blob blob;
    uint8_t *in_step;
    _Atomic bool bound;   /* copied, and to a buffer or an image once; set under that lock */
    _Atomic bool unknown; /* what the host's bytes are before any are sent; likewise */

    /* What the application has mapped, pages of the blob; only between vkMapMemory and
     * vkUnmapMemory, which it synchronises. `placed` is a second mapping, where the application
     * wanted it, else NULL. */
    struct {
        void *placed;
        size_t offset, size; /* whole pages */
    } mapped;
    bool was_mapped; /* by vkMapMemory, which the application synchronises, not placed */
};

/* Unmaps what vkMapMemory2 placed, if anything. */
void drv_memory_unplace(struct drv_memory *memory);

/* The memory's blob, mapped if it is mappable, with a descriptor if it is shareable. */
BASE_MUST_CHECK VkResult drv_memory_make_blob(struct drv_device *device, struct drv_memory *memory);
/* The blob of memory that is about to be allocated from a descriptor, which stays the caller's. */
BASE_MUST_CHECK VkResult drv_memory_import_fd(struct drv_device *device, struct drv_memory *memory,
                                              const VkImportMemoryFdInfoKHR *info);

/* The blob of memory that is about to be allocated from the application's pages. If the allocation
 * fails they are to be taken back (driver/host_pages.h). */
BASE_MUST_CHECK VkResult drv_memory_import_pages(struct drv_device *device,
                                                 struct drv_memory *memory,
                                                 const VkImportMemoryHostPointerInfoEXT *info);

/* Where the process sees a blob that was made: NULL if it does not. */
static inline uint8_t *
drv_memory_bytes(const struct drv_memory *memory)
{
    return memory->host_pages.size > 0 ? memory->host_pages.address : memory->blob.map;
}

static inline struct drv_memory *
drv_memory_from(VkDeviceMemory handle)
{
    return (struct drv_memory *)(uintptr_t)handle;
}

struct drv_device;

/* Maps memory of a HOST_VISIBLE type that was not mapped before; the mapping belongs to it. */
BASE_MUST_CHECK VkResult drv_memory_share(struct drv_device *device, struct drv_memory *memory,
                                          void **out_map);
/* A descriptor, the caller's, of memory that was mapped so: other processes can map it for as long
 * as they like. -1: there is none, such as of a foreign renderer's memory that may go away. */
BASE_MUST_CHECK int drv_memory_get_pages(struct drv_device *device,
                                         const struct drv_memory *memory);

#endif
