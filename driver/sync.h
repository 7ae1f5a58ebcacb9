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
#include "driver/exchange.h"
#include "driver/feedback.h"
#include "driver/object.h"

struct drv_device;
struct drv_payload;
struct drv_queue;

/* What vkImport*FdKHR has put before an object's own state, until a reset or a wait takes it away.
 */
enum drv_temporary_kind {
    DRV_TEMPORARY_NONE,
    DRV_TEMPORARY_PAYLOAD,
    DRV_TEMPORARY_FILE,
    DRV_TEMPORARY_SIGNALED, /* the sync file -1 */
};

struct drv_temporary {
    enum drv_temporary_kind kind;
    struct drv_payload *payload; /* a reference */
    int file;
};

/* The state of an object that others may share; all zeroes for most. Changes only where Vulkan
 * wants the object externally synchronised. */
struct drv_external {
    struct drv_payload *payload; /* a reference; NULL: the host keeps the object's own state */
    struct drv_temporary temporary;
};

/* drv_fence.target when the fence is signalled without any submission. */
#define DRV_FENCE_SIGNALED UINT64_MAX

struct drv_fence {
    struct proto_object object;
    bool on_host; /* constant; else it has had a payload since its creation */
    struct drv_external external;
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
    bool timeline; /* constant */
    bool on_host;  /* constant; else it has had a payload since its creation */
    struct drv_external external;
    struct drv_feedback_slot slot; /* constant; the counter */

    _Atomic uint64_t signaled_here; /* by vkSignalSemaphore: already true, whatever the slot says */
    _Atomic uint64_t pending;       /* the highest value that anything was told to signal */
    uint64_t claim;           /* of an acquired image (driver/wsi/ownership.h); as the application
                                 synchronises the semaphore */
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
/* The counter of a timeline semaphore. */
BASE_MUST_CHECK VkResult drv_semaphore_value(struct drv_device *device,
                                             struct drv_semaphore *semaphore, uint64_t *value);

/* --- driver/external_sync.c --- */

/* The object's state now: its temporary payload, or its own. NULL: a sync file, or the host. */
struct drv_payload *drv_external_payload(const struct drv_external *external);
/* It is not the host's. */
static inline bool
drv_external_is_here(const struct drv_external *external)
{
    return external->payload || external->temporary.kind != DRV_TEMPORARY_NONE;
}
/* The object has its own state again. */
void drv_external_drop_temporary(struct drv_device *device, struct drv_external *external);
void drv_external_finish(struct drv_device *device, struct drv_external *external);
/* While a thread waits: 1 for fences. False: no memory or thread, look again and again. */
BASE_MUST_CHECK bool drv_external_watch(struct drv_device *device, struct drv_watch *watch,
                                        const struct drv_external *external, uint64_t value);
/* For fences. */
BASE_MUST_CHECK VkResult drv_external_status(struct drv_device *device,
                                             const struct drv_external *external);

#endif
