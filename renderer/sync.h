/* Fences and semaphores, and the slots in shared memory where their state is published for a guest
 * that asked for it with VkSyncFeedbackInfoVESPER (docs/sync.md). */
#ifndef RND_SYNC_H
#define RND_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/object.h"
#include "wire/ring.h"

struct rnd_call;
struct rnd_device;
struct rnd_shm;

/* Constant after init; all NULL where nobody asked. */
struct rnd_feedback {
    struct rnd_shm *shm;                 /* a reference */
    struct wire_feedback_header *header; /* the first bytes of it */
    _Atomic uint64_t *slot;
};

/* Takes VkSyncFeedbackInfoVESPER out of the chain of a create info. False: it makes no sense, and
 * the context has ended. */
BASE_MUST_CHECK bool rnd_feedback_init(struct rnd_feedback *feedback, struct rnd_call *call,
                                       const void *create_info);
void rnd_feedback_finish(struct rnd_feedback *feedback);
/* Stores the value and wakes who sleeps on it. One thread at a time for each slot. */
void rnd_feedback_publish(const struct rnd_feedback *feedback, uint64_t value);

/* Who still needs the object besides the command being executed. Guarded by the device's sync_lock.
 */
struct rnd_sync_use {
    unsigned
        pending;    /* entries that point to it, of sync threads and of submissions in the making */
    bool destroyed; /* no more may be made */
};

struct rnd_fence {
    struct rnd_object object; /* first */
    struct rnd_feedback feedback;

    /* Guarded by the device's sync_lock. */
    struct rnd_sync_use use;
    uint64_t submissions; /* queue operations that named it, failed ones too */
    bool in_use;          /* signalled, or to be signalled by a queue, and not reset since */
};

struct rnd_semaphore {
    struct rnd_object object; /* first */
    struct rnd_feedback feedback;

    /* Guarded by the device's sync_lock. */
    struct rnd_sync_use use;
    uint64_t published; /* the greatest value so far */

    /* A payload was imported that has signalled already, of which the host knows nothing: the next
     * wait takes it, and does not reach the host. */
    _Atomic bool signaled_import;
};

/* A queue operation that names the fence begins. False: it is in use, see rnd_fence.in_use. */
BASE_MUST_CHECK bool rnd_fence_begin_use(struct rnd_device *device, struct rnd_fence *fence);
/* It was not submitted, or the fence was reset. */
void rnd_fence_end_use(struct rnd_device *device, struct rnd_fence *fence);

/* rnd_object.release of both: the feedback page stays mapped for whoever still has the object. */
void rnd_fence_release(struct rnd_object *object);
void rnd_semaphore_release(struct rnd_object *object);

/* Publishes that a timeline semaphore has reached `value`; lower ones are ignored. */
void rnd_semaphore_reached(struct rnd_device *device, struct rnd_semaphore *semaphore,
                           uint64_t value);

/* Takes a semaphore's signaled_import. False: there was none. The call has named the semaphore. */
BASE_MUST_CHECK bool rnd_semaphore_take_import(struct rnd_call *call, VkSemaphore handle);

/* One more entry points to the object; false if it is being destroyed. */
BASE_MUST_CHECK bool rnd_sync_hold(struct rnd_device *device, struct rnd_sync_use *use);
/* One less; sync_lock is held. */
void rnd_sync_let_go_locked(struct rnd_device *device, struct rnd_sync_use *use);
/* Sleeps until no entry points to the object any more but so many of the caller's own. False: the
 * ring or the context has to end first; the call has failed and must leave the object alone. */
BASE_MUST_CHECK bool rnd_sync_wait_unused(struct rnd_call *call, struct rnd_device *device,
                                          const struct rnd_sync_use *use, unsigned own);
/* The same for good: from now on no entry is made. Also false, and the context ended, if somebody
 * else has done it before. */
BASE_MUST_CHECK bool rnd_sync_retire(struct rnd_call *call, struct rnd_device *device,
                                     struct rnd_sync_use *use);

#endif
