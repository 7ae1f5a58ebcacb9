/* VkInstance: one connection to a renderer, its command rings, and the physical devices behind it.
 */
#ifndef DRV_INSTANCE_H
#define DRV_INSTANCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/address_reports.h"
#include "driver/lanes.h"
#include "driver/object.h"

struct drv_physical_device;
struct drv_ring;

/* What this driver speaks at most. */
#define DRV_MAX_API_VERSION VK_MAKE_API_VERSION(0, 1, 4, VK_HEADER_VERSION)

struct drv_instance {
    struct proto_object object;

    /* Set by vkCreateInstance, constant afterwards. */
    VkAllocationCallbacks allocator_storage;
    const VkAllocationCallbacks *allocator; /* NULL: malloc */
    struct drv_ring *ring;                  /* NULL: there is no renderer, and no device */
    struct drv_lanes lanes;                 /* beside the ring, if there is one; own lock */
    uint32_t application_version;           /* VkApplicationInfo::apiVersion, 1.0 if not given */
    uint32_t renderer_version;   /* instance version that the renderer's host driver gave us */
    uint32_t enabled_extensions; /* bit N: drv_instance_extensions[N] */

    struct drv_address_reports address_reports; /* own lock */

    pthread_mutex_t lock;
    /* Filled by the first enumeration, constant once `enumerated` is set; guarded by lock before.
     */
    bool enumerated;
    uint32_t physical_device_count;
    struct drv_physical_device **physical_devices;
    uint64_t timelines_in_use; /* bit N: ring index N belongs to a queue; guarded by lock */
};

extern const VkExtensionProperties drv_instance_extensions[];
extern const uint32_t drv_instance_extension_count;

static inline struct drv_instance *
drv_instance_from(VkInstance handle)
{
    return (struct drv_instance *)handle;
}

bool drv_instance_has_extension(const struct drv_instance *instance, const char *name);

/* A timeline (ring index 1..63) for one queue; 0 when none is left. */
uint32_t drv_instance_take_timeline(struct drv_instance *instance);
void drv_instance_return_timeline(struct drv_instance *instance, uint32_t index);

#endif
