/* A command ring: shared memory that the guest fills and a thread of ours empties. docs/ring.md
 * tells the protocol, wire/ring.h the words of it.
 *
 * The thread copies what was published before it parses a byte, executes it, and stores `head`
 * behind each command. With nothing to do it spins for a moment and then sleeps until it is woken:
 * on the tail word's futex when the guest's driver is ours and shares our kernel, otherwise by
 * vkNotifyRingMESA. */
#ifndef RND_RING_H
#define RND_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "renderer/stream.h"
#include "wire/ring.h"

struct rnd_context;
struct rnd_shm;

enum {
    RND_MAX_RINGS = 256, /* of a context; each is a thread */
};

/* What vkCreateRingMESA asks for, checked: every region lies in the resource, none overlaps
 * another. Offsets are from the start of the resource. */
struct rnd_ring_layout {
    uint32_t resource_id;
    uint64_t head, tail, status, buffer, extra; /* byte offsets */
    uint32_t buffer_size;
    uint64_t extra_size;
    uint64_t idle_timeout_ns;
    uint64_t monitor_period_ns; /* 0: not monitored */
    bool futex;                 /* VkRingWakeInfoVESPER */
};

struct rnd_ring {
    /* Constant after creation. */
    struct rnd_context *context; /* owns us */
    uint64_t id;
    struct rnd_shm *shm;  /* a reference */
    uint32_t resource_id; /* what the guest calls it */
    uint64_t status_offset;
    struct wire_ring_view view;
    uint8_t *extra;
    uint64_t extra_size;
    uint64_t idle_timeout_ns;
    uint64_t monitor_period_ns;
    bool futex;
    pthread_t thread;

    /* Ring thread only. */
    uint32_t position; /* where the next command begins, as a counter */
    uint32_t batch_start;
    uint8_t *scratch; /* buffer_size bytes: commands are copied here before anyone parses them */
    struct rnd_stream stream;

    struct base_list link; /* rnd_context.rings; guarded by its rings_lock */

    _Atomic bool stop;             /* any thread sets it once; the ring thread reads it */
    _Atomic uint32_t executed;     /* what head holds, where the guest cannot write it */
    _Atomic uint32_t head_waiters; /* threads of ours that wait for head */

    pthread_mutex_t lock;
    pthread_cond_t wake;      /* the ring thread sleeps here */
    pthread_cond_t advanced;  /* whoever waits for head sleeps here */
    bool notified;            /* guarded by lock; vkNotifyRingMESA came */
    bool finished;            /* guarded by lock; the thread does nothing more */
    uint64_t virtqueue_seqno; /* guarded by lock; vkSubmitVirtqueueSeqnoMESA */
};

/* Starts a ring over `shm` and publishes it in the context. RND_INVALID: the id is taken, or there
 * are RND_MAX_RINGS. */
BASE_MUST_CHECK enum rnd_result rnd_ring_create(struct rnd_context *ctx, uint64_t id,
                                                struct rnd_shm *shm,
                                                const struct rnd_ring_layout *layout);
/* Stops after the command under way, waits for it, frees the ring. It is out of the context's list.
 */
void rnd_ring_destroy(struct rnd_ring *ring);
/* Stops the thread without waiting for it. */
void rnd_ring_stop(struct rnd_ring *ring);

/* The rest: any thread, for a ring that is in the list, with rings_lock held or from the thread
 * that alone destroys rings (the context's own stream). */
void rnd_ring_notify(struct rnd_ring *ring);
void rnd_ring_submit_virtqueue_seqno(struct rnd_ring *ring, uint64_t seqno);
/* Ring thread: sleeps until the virtqueue got there; false if the ring is to stop. */
BASE_MUST_CHECK bool rnd_ring_wait_virtqueue_seqno(struct rnd_ring *ring, uint64_t seqno);
/* Sleeps until head has reached seqno. False: the ring is drained, or stopped, short of it. */
BASE_MUST_CHECK bool rnd_ring_wait_seqno(struct rnd_ring *ring, uint32_t seqno);
/* Sets the FATAL bit and wakes whoever waits for the ring, on both sides. */
void rnd_ring_set_fatal(struct rnd_ring *ring);

/* The heartbeat of monitored rings; the context's rings_lock is held. */
BASE_MUST_CHECK enum rnd_result rnd_ring_monitor_add_locked(struct rnd_context *ctx,
                                                            uint64_t period_ns);
/* Ends the monitor's thread; no lock is held. */
void rnd_ring_monitor_stop(struct rnd_context *ctx);

#endif
