/* VkPhysicalDevice: what the renderer said about a host device, asked once and remembered. Constant
 * after creation except for the caches, so any thread may read. */
#ifndef DRV_PHYSICAL_DEVICE_H
#define DRV_PHYSICAL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/extension_set.h"
#include "driver/format_cache.h"
#include "driver/heap_use.h"
#include "driver/object.h"
#include "protocol/runtime/chain.h"

struct drv_instance;
struct wsi_kms;

struct drv_physical_device {
    struct proto_object object;
    struct drv_instance *instance; /* owns us; outlives us */

    uint32_t renderer_version;             /* what may be used of the host device */
    VkPhysicalDeviceProperties properties; /* with our deviceName and apiVersion */
    VkPhysicalDeviceFeatures features;
    VkPhysicalDeviceMemoryProperties memory; /* as the application sees it */
    VkQueueFamilyProperties *queue_families;
    uint32_t queue_family_count;
    char host_driver_name[VK_MAX_DRIVER_NAME_SIZE];
    struct drv_extension_set renderer_extensions; /* what vkCreateDevice may name to the renderer */
    struct drv_extension_set extensions;          /* what the application may enable */
    bool shares_memory;                           /* as descriptors: transport and renderer can */
    bool takes_pages;                             /* of the application's own, to import */
    /* Of those: the lower of the host's version and ours, by row of proto_extensions[]. */
    uint32_t spec_versions[32 * DRV_EXTENSION_SET_WORDS];

    struct drv_heap_use heap_use;    /* this instance's, and the others' */
    struct drv_format_cache formats; /* has its own lock */
    struct wsi_kms *kms;             /* has its own lock; NULL in builds without displays */
};

static inline struct drv_physical_device *
drv_physical_device_from(VkPhysicalDevice handle)
{
    return (struct drv_physical_device *)handle;
}

/* An id, and nothing known yet. NULL: out of host memory. */
BASE_MUST_CHECK struct drv_physical_device *
drv_physical_device_create(struct drv_instance *instance);
/* Asks the renderer, which has been told the id, for everything that is remembered. */
BASE_MUST_CHECK VkResult drv_physical_device_init(struct drv_physical_device *physical_device);
/* False for structures of extensions and versions that the device does not offer. */
bool drv_physical_device_offers(const struct drv_physical_device *physical_device,
                                const struct proto_chain_entry *structure);
/* Accepts NULL. */
void drv_physical_device_destroy(struct drv_physical_device *physical_device);

/* It has the timelines that fences and semaphores are shared over. */
bool drv_physical_device_shares_sync_objects(const struct drv_physical_device *device);

/* What the renderer said about its memory, as the application may see it. */
void drv_physical_device_adjust_memory(const struct drv_physical_device *device,
                                       VkPhysicalDeviceMemoryProperties *memory);

#endif
