/* The shared words of a command ring, declared once for both sides.
 *
 * Driver -> renderer:  the driver copies bytes into the buffer, then stores `tail` (release). The
 * renderer loads `tail` (acquire) and copies everything between its position and `tail` out before
 * it parses a byte. Renderer -> driver:  the renderer stores `head` (release) after each top-level
 * command; replies and shared memory written by that command are visible to whoever loads `head`
 * (acquire). Sleeping:  the renderer sets IDLE (seq_cst), re-reads `tail` (seq_cst), then sleeps.
 * The driver stores `tail` and then loads `status`, both seq_cst, and wakes the renderer if it sees
 * IDLE. One of the two always sees the other's store, so no wake-up is lost. The driver sleeps on
 * `head` with the same handshake through the `waiters` and `wake_at` words, where both peers are
 * Vesper on one kernel.
 *
 * head and tail are free-running byte counters; a position in the buffer is the counter modulo the
 * buffer's size, a power of two. A command's seqno is the tail behind it. */
#ifndef WIRE_RING_H
#define WIRE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_RING_STATUS_IDLE = 1u << 0,  /* renderer sleeps until woken */
    WIRE_RING_STATUS_FATAL = 1u << 1, /* this ring is dead, never cleared */
    WIRE_RING_STATUS_ALIVE = 1u << 2, /* heartbeat: renderer sets, driver clears */
};

enum {
    WIRE_RING_MAX_BUFFER_SIZE = 16u << 20,
};

/* Where a driver of ours puts the regions. Upstream's uses the same offsets; the extra region of
 * ours is 64 bytes, upstream's 4. */
enum {
    WIRE_RING_HEAD_OFFSET = 0,
    WIRE_RING_TAIL_OFFSET = 64,
    WIRE_RING_STATUS_OFFSET = 128,
    WIRE_RING_BUFFER_OFFSET = 192,
    WIRE_RING_EXTRA_SIZE = 64,
    /* Inside the extra region; word 0 is vkWriteRingExtraMESA's. */
    WIRE_RING_EXTRA_WAITERS_OFFSET = 4,
    WIRE_RING_EXTRA_WAKE_AT_OFFSET = 8,
};

/* Pointers into the mapping. Either side fills one for itself. */
struct wire_ring_view {
    _Atomic uint32_t *head, *tail, *status;
    /* Number of driver threads asleep on head, and the seqno that the first of them waits for.
     * NULL: the peer never wakes. */
    _Atomic uint32_t *waiters, *wake_at;
    uint8_t *buffer;
    uint32_t buffer_size; /* bytes, power of two */
};

/* head has reached seqno, counting modulo 2^32. */
static inline bool
wire_ring_reached(uint32_t head, uint32_t seqno)
{
    return (uint32_t)(head - seqno) <= INT32_MAX;
}

/* The driver, before it sleeps until head reaches seqno: the renderer is to wake us then, not after
 * each command. An earlier seqno that somebody else still waits for stays. Everyone who is woken
 * asks again. Sequentially consistent, like the renderer's store to head followed by its load of
 * wake_at: either the renderer sees what is asked for, or the driver, which looks at head next,
 * sees the new head. */
static inline void
wire_ring_ask_for_wake(const struct wire_ring_view *ring, uint32_t seqno)
{
    uint32_t asked = atomic_load(ring->wake_at);
    do {
        bool pending = !wire_ring_reached(atomic_load(ring->head), asked);
        if (pending && wire_ring_reached(seqno, asked)) {
            return;
        }
    } while (!atomic_compare_exchange_weak(ring->wake_at, &asked, seqno));
}

/* The renderer, after it stored head: somebody wants to be woken. */
static inline bool
wire_ring_wants_wake(const struct wire_ring_view *ring, uint32_t head)
{
    return atomic_load(ring->waiters) != 0 && wire_ring_reached(head, atomic_load(ring->wake_at));
}

/* Copies between the ring buffer at counter value `at` and linear memory, wrapping around. */
void wire_ring_copy_in(const struct wire_ring_view *ring, uint32_t at, const void *from,
                       uint32_t size);
void wire_ring_copy_out(const struct wire_ring_view *ring, uint32_t at, void *to, uint32_t size);

/* Slots that the renderer publishes and the driver reads without asking (capset feature
 * WIRE_FEATURE_SYNC_FEEDBACK). The page starts with this header; 64-bit slots follow. A publisher
 * stores its slot (release), increments `generation` (seq_cst), loads `waiters` (seq_cst) and wakes
 * `generation` if there are any. A waiter increments `waiters`, loads `generation`, re-reads its
 * slots, and sleeps on `generation` with the value it loaded. */
struct wire_feedback_header {
    _Atomic uint32_t generation;
    _Atomic uint32_t waiters;
    uint32_t reserved[14];
};

/* What a fence's slot holds once a device is lost. Counters never get there. */
#define WIRE_FEEDBACK_DEVICE_LOST UINT64_MAX

#endif
