/* VkDevice: owns its queues and the page in which the renderer publishes fences and semaphores. */
#ifndef DRV_DEVICE_H
#define DRV_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"
#include "driver/exchange.h"
#include "driver/extension_set.h"
#include "driver/feedback.h"
#include "driver/instance.h"
#include "driver/markers.h"
#include "driver/object.h"
#include "driver/physical_device.h"
#include "driver/precedents.h"
#include "driver/queue.h"
#include "driver/recordings.h"
#include "driver/ring.h"

struct drv_device {
    struct proto_object object;

    /* Set by vkCreateDevice, constant afterwards. */
    struct drv_physical_device *physical_device; /* outlives us */
    struct drv_instance *instance;               /* outlives us */
    struct drv_ring *ring;                       /* the instance's; never NULL */
    VkAllocationCallbacks allocator_storage;
    const VkAllocationCallbacks *allocator; /* ours or the instance's; NULL: malloc */
    struct drv_extension_set extensions;    /* enabled by the application */
    bool advanced_blend;                    /* advancedBlendCoherentOperations is enabled */
    struct drv_address_reports *reports;    /* the instance's; NULL: nothing is to be reported */
    uint32_t api_version; /* what vkGetDeviceProcAddr may offer: the lower of device's and
                             application's */
    struct drv_queue *queues;
    uint32_t queue_count;

    struct drv_feedback feedback; /* has its own lock */
    struct drv_exchange exchange; /* fences and semaphores that others share; its own lock */
    pthread_mutex_t blobs_lock;   /* guards the making of drv_memory.blob */

    struct drv_recordings recordings; /* has its own lock */

    struct drv_markers markers; /* has its own lock */

    struct drv_precedents precedents; /* has its own lock */

    atomic_bool lost; /* the host said so; the renderer may be well */

    pthread_mutex_t swapchains_lock;
    struct base_list swapchains;               /* wsi_swapchain.link; guarded by the lock */
    struct wsi_display_events *display_events; /* NULL: none was asked for; likewise */
    _Atomic uint64_t image_claims;             /* counts acquisitions (driver/wsi/ownership.h) */
    _Atomic uint32_t fenced_images; /* that some queue's next submission has to take back */
};

static inline struct drv_device *
drv_device_from(VkDevice handle)
{
    return (struct drv_device *)handle;
}

/* Notes what a result says about the device, and gives it back. */
static inline VkResult
drv_device_heard(struct drv_device *device, VkResult result)
{
    if (result == VK_ERROR_DEVICE_LOST) {
        atomic_store_explicit(&device->lost, true, memory_order_relaxed);
    }
    return result;
}

/* drv_object_create() for a child of the device. */
BASE_MUST_CHECK static inline void *
drv_device_object_create(struct drv_device *device, const VkAllocationCallbacks *allocator,
                         size_t size, VkObjectType type)
{
    void *object =
        drv_object_create(device->object.client, device->allocator, allocator, size, type);
    if (object && device->reports) {
        drv_address_reports_add(device->reports, (struct proto_object *)object);
    }
    return object;
}

static inline void
drv_device_object_destroy(struct drv_device *device, const VkAllocationCallbacks *allocator,
                          void *object)
{
    if (object && device->reports) {
        drv_address_reports_remove(device->reports, (struct proto_object *)object);
    }
    drv_object_destroy(device->allocator, allocator, object);
}

#endif
