/* Where the renderer publishes the state of fences and timeline semaphores, so that reading it
 * costs a load and waiting for it sleeps on a futex. One sparse piece of shared memory a device,
 * made at first use.
 *
 * Any thread may call. With a peer that does not publish (anything but Vesper), or when all slots
 * are taken, drv_feedback_take() gives no slot and the object is polled by asking. */
#ifndef DRV_FEEDBACK_H
#define DRV_FEEDBACK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver/ring.h"
#include "transport/transport.h"
#include "wire/ring.h"

struct drv_feedback_slot {
    _Atomic uint64_t *value; /* NULL: no slot */
    uint32_t resource_id;
    size_t offset; /* bytes into the resource */
};

struct drv_feedback {
    struct drv_ring *ring; /* constant */

    pthread_mutex_t lock; /* guards the rest */
    bool unavailable;     /* nobody gets a slot */
    struct tp_blob memory;
    uint32_t next_slot;             /* the first that was never handed out */
    struct drv_feedback_used *used; /* slots given back, a ring buffer, oldest first */
    uint32_t used_first, used_count;
};

void drv_feedback_init(struct drv_feedback *feedback, struct drv_ring *ring);
/* Only when the renderer has forgotten all slots. */
void drv_feedback_finish(struct drv_feedback *feedback);

/* A slot holding `initial`; slot.value is NULL if there is none. */
struct drv_feedback_slot drv_feedback_take(struct drv_feedback *feedback, uint64_t initial);
/* Another object gets the slot only once it holds at least `last`, which is what the renderer has
 * yet to publish there, if it has not already. */
void drv_feedback_give_back(struct drv_feedback *feedback, struct drv_feedback_slot slot,
                            uint64_t last);

/* Makes the memory that waits sleep on, if it is not there yet. False: there can be none. */
BASE_MUST_CHECK bool drv_feedback_prepare(struct drv_feedback *feedback);
/* Something that a sleeper may look at has changed without the renderer. */
void drv_feedback_kick(struct drv_feedback *feedback);

/* A wait, after a slot was taken or the memory prepared: begin; then, over and over, load the
 * generation, look at the slots, sleep; end. */
void drv_feedback_begin_wait(struct drv_feedback *feedback);
uint32_t drv_feedback_generation(struct drv_feedback *feedback);
/* Returns when something was published after `generation` was loaded, at the deadline, or after
 * 50 ms. */
void drv_feedback_sleep(struct drv_feedback *feedback, uint32_t generation, uint64_t deadline_ns);
void drv_feedback_end_wait(struct drv_feedback *feedback);

#endif
