/* Points on a queue's timeline that a thread can sleep on in the kernel: sync files, from
 * transports that have them (tp_ops.submit_fenced). Elsewhere nothing here does anything.
 *
 * A sync file made now is readable when everything that the queue was given so far is done. So the
 * one for a submission must be made before the next is sent, or who waits for it would wait for
 * that as well. Making one costs a request to the kernel; it is made when a thread sleeps, or when
 * the next submission comes while somebody may yet wait for the one before.
 *
 * Submissions are externally synchronised, as Vulkan wants; any thread may wait. */
#ifndef DRV_QUEUE_MARKS_H
#define DRV_QUEUE_MARKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

struct drv_ring;

enum {
    DRV_QUEUE_MARKS_KEPT = 16, /* submissions under way that somebody may wait for */
};

struct drv_queue_mark {
    uint64_t number; /* of the last submission that it covers */
    int fd;          /* a sync file */
};

struct drv_queue_marks {
    /* Constant. NULL: this transport has no sync files. */
    struct drv_ring *ring;
    uint32_t timeline;

    _Atomic uint64_t completed; /* submissions up to this one are known to be done */

    pthread_mutex_t lock; /* guards the rest */
    uint64_t sent;        /* number of the last submission on the ring */
    bool awaited;         /* somebody may wait for that one */
    struct drv_queue_mark kept[DRV_QUEUE_MARKS_KEPT]; /* oldest first */
    uint32_t kept_count;
};

void drv_queue_marks_init(struct drv_queue_marks *marks, struct drv_ring *ring, uint32_t timeline);
void drv_queue_marks_finish(struct drv_queue_marks *marks);

/* Around the sending of a submission. Returns its number. */
uint64_t drv_queue_marks_begin(struct drv_queue_marks *marks);
/* `awaited`: somebody may wait for it. */
void drv_queue_marks_end(struct drv_queue_marks *marks, bool awaited);
/* Somebody has seen that this submission is done. */
void drv_queue_marks_completed(struct drv_queue_marks *marks, uint64_t number);
/* A descriptor, the caller's, that becomes readable when the submission is done; -1 if none can be
 * had, for instance because it is still being sent. */
BASE_MUST_CHECK int drv_queue_marks_open(struct drv_queue_marks *marks, uint64_t number);

#endif
