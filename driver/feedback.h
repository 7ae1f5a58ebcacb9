/* Where the renderer publishes the state of fences and timeline semaphores, so that reading it costs a load
 * and waiting for it sleeps on a futex. One sparse piece of shared memory a device, made at first use.
 *
 * Any thread may call. With a peer that does not publish (anything but Vesper), or when all slots are
 * taken, drv_feedback_take() gives no slot and the object is polled by asking. */
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

struct drv_feedback {
    struct drv_ring *ring; /* constant */

    pthread_mutex_t lock;
    bool failed; /* the page could not be made: nobody gets a slot */
    struct tp_blob memory;
    uint32_t never_used;       /* first slot that was never handed out */
    struct drv_feedback_free *free; /* slots given back, oldest first */
    size_t free_count, free_capacity;
};

struct drv_feedback_slot {
    _Atomic uint64_t *value; /* NULL: no slot */
    size_t offset;           /* bytes into the resource */
};

void drv_feedback_init(struct drv_feedback *feedback, struct drv_ring *ring);
void drv_feedback_finish(struct drv_feedback *feedback);

/* A slot holding `initial`; slot.value is NULL if there is none. */
struct drv_feedback_slot drv_feedback_take(struct drv_feedback *feedback, uint64_t initial);
/* The slot may be used again once it holds at least `final`: what the renderer publishes last. */
void drv_feedback_give_back(struct drv_feedback *feedback, struct drv_feedback_slot slot, uint64_t final);

/* Sleeps until something was published since `generation` was loaded, at most until deadline_ns or for
 * 100 ms. */
uint32_t drv_feedback_begin_wait(struct drv_feedback *feedback);
void drv_feedback_sleep(struct drv_feedback *feedback, uint32_t generation, uint64_t deadline_ns);
void drv_feedback_end_wait(struct drv_feedback *feedback);

#endif
