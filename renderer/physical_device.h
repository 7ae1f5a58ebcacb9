/* A physical device of the host, as the guest sees it: only those are shown whose memory can be
 * shared with a guest. Constant after creation. */
#ifndef RND_PHYSICAL_DEVICE_H
#define RND_PHYSICAL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/instance.h"
#include "renderer/memory_types.h"
#include "renderer/object.h"

struct rnd_physical_device {
    struct rnd_object object; /* first; id 0 until the guest has named it */
    VkPhysicalDevice handle;
    struct rnd_instance *instance;         /* owns us; outlives us */
    VkPhysicalDeviceProperties properties; /* the host's, version capped */

    struct rnd_memory_types memory_types;
    bool has_external_memory_host;
    bool has_external_memory_fd;
    bool has_dma_bufs; /* VK_EXT_external_memory_dma_buf, and the former */
    /* Sizes and addresses of imported pages are multiples of this: the page size or more. */
    uint64_t import_alignment;
    size_t largest_descriptor; /* the most that vkGetDescriptorEXT writes, bytes */
    /* Owned; where dma-bufs come from if not from the host. Usually NULL. */
    struct rnd_gbm *gbm;
    bool has_drm_properties;
    bool has_external_fence_fd;
    bool exports_sync_files; /* of fences */
    bool has_external_semaphore_fd;
    /* The host imports sync files as payloads of binary semaphores. Else we stand in for the one
     * such import that guests make (dispatch/sync.c). */
    bool imports_sync_files;
    bool has_host_image_copy;
    bool has_deferred_operations; /* on the host; not for the guest */

    VkExtensionProperties *extensions; /* what the guest may enable */
    uint32_t extension_count;
    VkQueueFamilyProperties *queue_families;
    uint32_t queue_family_count;
};

/* NULL if the guest cannot use it, or memory ran out; the reason has been logged. */
BASE_MUST_CHECK struct rnd_physical_device *
rnd_physical_device_create(struct rnd_instance *instance, VkPhysicalDevice handle);
void rnd_physical_device_free(struct rnd_physical_device *device);

bool rnd_physical_device_offers(const struct rnd_physical_device *device, const char *extension);

/* Only discrete GPUs have memory of their own. */
static inline bool
rnd_physical_device_heap_is_ram(const struct rnd_physical_device *device, uint32_t heap)
{
    return device->properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU ||
           !(device->memory_types.guest.memoryHeaps[heap].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT);
}

static inline struct rnd_physical_device *
rnd_physical_device_from(struct rnd_object *object)
{
    return (struct rnd_physical_device *)object;
}

#endif
