/* Who owns the images of a swapchain whose frames are not copied (driver/wsi/direct_image.h).
 *
 * While the window system has one it is a foreign user of the memory, and Vulkan wants the image
 * handed over and taken back by barriers on a queue. Presenting releases it, in a command buffer of
 * our own behind the application's semaphores. For taking it back the application gives no place:
 * it may begin with a transition from UNDEFINED, or from PRESENT_SRC. But it has to wait for what
 * vkAcquireNextImageKHR signals before it does, and that tells where:
 *
 *   by semaphore  the submission that waits for it, on whatever queue, has a submission of ours
 *                 before it, with the barrier. Its scope is everything behind it on that queue.
 *   by fence only the next submission to the queue that presented the image last has it, since the
 *                 image still belongs to that queue's family for the application.
 *
 * The image is idle when it is acquired, so the barrier waits for nothing, and the semaphore and
 * the fence still are signalled at once: no acquisition waits behind a queue's work.
 *
 * An application that acquires by fence, draws on another queue and wants to see what the image
 * held gets undefined texels; one that draws all of them does not notice. */
#ifndef WSI_OWNERSHIP_H
#define WSI_OWNERSHIP_H

#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/device.h"
#include "driver/sync.h"

struct wsi_image;
struct wsi_swapchain;

/* The barriers, as command buffers to record. */
void wsi_ownership_record_release(const struct wsi_swapchain *swapchain,
                                  const struct wsi_image *image, uint32_t family,
                                  VkCommandBuffer commands);
void wsi_ownership_record_acquire(const struct wsi_swapchain *swapchain,
                                  const struct wsi_image *image, uint32_t family,
                                  VkCommandBuffer commands);

/* The image was given to the application, which waits for the semaphore, or else for a fence. Under
 * the swapchain's lock. */
void wsi_ownership_claim_locked(struct wsi_swapchain *swapchain, struct wsi_image *image,
                                VkSemaphore semaphore);
/* It was given back without having been presented. Likewise. */
void wsi_ownership_abandon_locked(struct wsi_swapchain *swapchain, struct wsi_image *image);
/* Its release was submitted to the queue. */
void wsi_ownership_released(struct wsi_swapchain *swapchain, struct wsi_image *image,
                            struct drv_queue *queue);

/* The slow halves of the next two. */
BASE_MUST_CHECK VkResult wsi_ownership_take(struct drv_queue *queue, uint64_t claim);
BASE_MUST_CHECK VkResult wsi_ownership_take_of_queue(struct drv_queue *queue);

/* A submission to the queue is about to wait for the semaphore. */
BASE_MUST_CHECK static inline VkResult
wsi_ownership_before_wait(struct drv_queue *queue, VkSemaphore handle)
{
    struct drv_semaphore *semaphore = drv_semaphore_from(handle);
    uint64_t claim = semaphore->claim;
    semaphore->claim = 0;
    return claim ? wsi_ownership_take(queue, claim) : VK_SUCCESS;
}

/* A submission to the queue is about to be sent. */
BASE_MUST_CHECK static inline VkResult
wsi_ownership_before_submit(struct drv_queue *queue)
{
    return atomic_load_explicit(&queue->device->fenced_images, memory_order_relaxed)
               ? wsi_ownership_take_of_queue(queue)
               : VK_SUCCESS;
}

#endif
