/* VkQueue. Submissions are asynchronous: a failure that only the host sees arrives as a lost
 * device. */
#ifndef DRV_QUEUE_H
#define DRV_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/exchange.h"
#include "driver/object.h"
#include "driver/queue_marks.h"

struct drv_device;

struct drv_queue {
    struct proto_object object;

    /* Set with the device, constant afterwards. */
    struct drv_device *device; /* owns us */
    VkDeviceQueueCreateFlags flags;
    uint32_t family, index; /* as the application numbers them */
    uint32_t timeline;      /* ring index of its fences on the wire, 1..63 */

    struct drv_queue_marks marks; /* has its own lock */

    /* Externally synchronised by the application, as Vulkan asks for queues. */
    VkFence idle_fence;       /* made when the first wait needs it */
    struct drv_outlet outlet; /* of which `reached` is anybody's */
    bool busy; /* something was submitted since the queue was last known to be idle */
};

static inline struct drv_queue *
drv_queue_from(VkQueue handle)
{
    return (struct drv_queue *)handle;
}

/* Names the queue to the renderer. */
BASE_MUST_CHECK VkResult drv_queue_init(struct drv_queue *queue, struct drv_device *device,
                                        VkDeviceQueueCreateFlags flags, uint32_t family,
                                        uint32_t index);
void drv_queue_destroy_fence(struct drv_queue *queue);
/* The renderer has destroyed the device: the queue's timeline is free for another. */
void drv_queue_finish(struct drv_queue *queue);

#endif
