/* Fences and semaphores, and the slots in shared memory where their state is published for a guest
 * that asked for it with VkSyncFeedbackInfoVESPER (docs/sync.md). */
#ifndef RND_SYNC_H
#define RND_SYNC_H

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

struct rnd_fence {
    struct rnd_object object; /* first */
    struct rnd_feedback feedback;

    /* Guarded by the device's sync_lock. */
    uint64_t submissions; /* queue operations that named it, failed ones too */
    unsigned pending;     /* entries of sync threads that point here */
};

struct rnd_semaphore {
    struct rnd_object object; /* first */
    struct rnd_feedback feedback;

    /* Guarded by the device's sync_lock. */
    uint64_t published; /* the greatest value so far */
    unsigned pending;
};

/* Publishes that a timeline semaphore has reached `value`; lower ones are ignored. */
void rnd_semaphore_reached(struct rnd_device *device, struct rnd_semaphore *semaphore,
                           uint64_t value);
/* Sleeps until the sync threads have no business with the object any more. */
void rnd_sync_wait_unused(struct rnd_device *device, const unsigned *pending);

#endif
