/* Fences and semaphores. What the driver knows of them itself is here; what the host knows arrives
 * in a feedback slot, or is asked for. docs/sync.md tells the whole story.
 *
 * The application synchronises submissions and resets of one fence; any number of threads may wait.
 */
#ifndef DRV_SYNC_H
#define DRV_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/feedback.h"
#include "driver/object.h"

struct drv_device;
struct drv_queue;

/* drv_fence.target when the fence is signalled without any submission. */
#define DRV_FENCE_SIGNALED UINT64_MAX

struct drv_fence {
    struct proto_object object;
    struct drv_feedback_slot
        slot; /* constant; the number of the last submission that has completed */

    uint64_t submissions; /* that named this fence since its creation; the renderer counts, too */
    _Atomic uint64_t
        target; /* signalled when this submission has completed; 0: reset, not submitted */
    /* What signals it, set before `target`: a queue, NULL if nobody may sleep on it, and the number
     * of the submission there. */
    _Atomic(struct drv_queue *) queue;
    _Atomic uint64_t queue_number;
};

struct drv_semaphore {
    struct proto_object object;
    bool timeline;                 /* constant */
    struct drv_feedback_slot slot; /* constant; the counter */

    _Atomic uint64_t signaled_here; /* by vkSignalSemaphore: already true, whatever the slot says */
    _Atomic uint64_t pending;       /* the highest value that anything was told to signal */
    _Atomic bool binary_here; /* a binary one: signalled on this side, of which the renderer knows
                                 nothing; the next wait takes it back */
};

static inline struct drv_fence *
drv_fence_from(VkFence handle)
{
    return (struct drv_fence *)(uintptr_t)handle;
}

static inline struct drv_semaphore *
drv_semaphore_from(VkSemaphore handle)
{
    return (struct drv_semaphore *)(uintptr_t)handle;
}

/* Before a submission is sent: the fence waits for it. `handle` may be null. `queue` and its number
 * for the submission: NULL if nobody sleeps on that. */
void drv_fence_begin_submission(VkFence handle, struct drv_queue *queue, uint64_t number);
/* It was not sent after all. */
void drv_fence_cancel_submission(VkFence handle);
/* Something was told to signal `value`. Binary semaphores are allowed, and ignored. */
void drv_semaphore_will_signal(VkSemaphore handle, uint64_t value);

/* Something has happened already for which the renderer was not asked, like an image being there to
 * draw into. The handles may be null. The semaphore is binary and unsignalled; its wait will not
 * travel (driver/wait_filter.h). */
void drv_semaphore_signal_here(VkSemaphore handle);
void drv_fence_signal_here(VkFence handle);

static inline bool
drv_semaphore_is_signaled_here(VkSemaphore handle)
{
    return atomic_load_explicit(&drv_semaphore_from(handle)->binary_here, memory_order_relaxed);
}

static inline void
drv_semaphore_take_signal_here(VkSemaphore handle)
{
    atomic_store_explicit(&drv_semaphore_from(handle)->binary_here, false, memory_order_relaxed);
}

/* VK_SUCCESS: signalled. VK_NOT_READY, VK_ERROR_DEVICE_LOST. */
VkResult drv_fence_status(struct drv_device *device, struct drv_fence *fence);

#endif
