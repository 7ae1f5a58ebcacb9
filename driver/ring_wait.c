/* Waiting for the renderer, and noticing that there is nobody to wait for. */
#include <time.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/log.h"
#include "driver/ring.h"
#include "driver/ring_private.h"
#include "driver/wait.h"

enum {
    SPIN_NS = 10 * 1000, /* what a short command takes; sleeping costs more */
    SPINS_PER_CLOCK_LOOK = 32,
    CHECK_INTERVAL_NS = 40 * 1000 * 1000,
    /* A heartbeat comes every 100 ms, a look every 40 to 50: so many without one are 0.6 to 0.7
     * seconds. Counting looks, not time, forgives a machine that was suspended as a whole. */
    MISSED_BEATS_LIMIT = 14,
    /* Where the kernel closes a dead renderer's connection the heartbeat only finds one that is
     * stuck, and must not take a starved one for that: 5 seconds at least. */
    MISSED_BEATS_LIMIT_SAME_KERNEL = 125,
    PROBE_SIZE = 4096,
};

void
drv_ring_set_lost(struct drv_ring *ring, const char *why)
{
    if (!atomic_exchange(&ring->first->lost, true)) {
        base_log_error("lost the renderer (%s): %s; every device of this instance is lost",
                       ring->transport->ops->name, why);
    }
}

void
drv_ring_set_lost_by(struct drv_ring *ring, const char *command)
{
    if (!atomic_exchange(&ring->first->lost, true)) {
        base_log_error(
            "the renderer's reply to %s makes no sense; giving it up, every device of this "
            "instance is lost",
            command);
    }
}

/* The renderer sets ALIVE now and then, we clear it. */
static bool
heart_beats(struct drv_ring *ring)
{
    uint32_t status = atomic_fetch_and(ring->view.status, ~(uint32_t)WIRE_RING_STATUS_ALIVE);
    if (status & WIRE_RING_STATUS_ALIVE) {
        atomic_store_explicit(&ring->missed_beats, 0, memory_order_relaxed);
        return true;
    }
    uint32_t limit =
        ring->transport->same_kernel ? MISSED_BEATS_LIMIT_SAME_KERNEL : MISSED_BEATS_LIMIT;
    return atomic_fetch_add_explicit(&ring->missed_beats, 1, memory_order_relaxed) < limit;
}

/* Only the heartbeat is missing, and a starved thread of the host misses some, too. Shared memory
 * is made by the renderer itself: the kernel of a virtual machine tells at once that a dead one has
 * none. */
static bool
answers(struct drv_ring *ring)
{
    struct tp_transport *transport = ring->transport;
    struct tp_blob blob;
    if (transport->same_kernel ||
        transport->ops->create_shared_memory(transport, PROBE_SIZE, &blob) != TP_OK) {
        return false;
    }
    transport->ops->destroy_blob(transport, &blob);
    atomic_store_explicit(&ring->missed_beats, 0, memory_order_relaxed);
    return true;
}

static bool
is_fatal(const struct drv_ring *ring)
{
    return atomic_load(ring->view.status) & WIRE_RING_STATUS_FATAL;
}

/* Each ring has a FATAL bit of its own, and not every renderer sets them together. */
static void
look(struct drv_ring *ring)
{
    if (is_fatal(ring)) {
        drv_ring_set_lost(ring, "it refused a command");
    } else if (!ring->transport->ops->alive(ring->transport)) {
        drv_ring_set_lost(ring, "the connection is closed");
    } else if (ring->monitor && !heart_beats(ring) && !answers(ring)) {
        drv_ring_set_lost(ring, "it stopped answering");
    }
}

bool
drv_ring_check_alive(struct drv_ring *ring)
{
    struct drv_ring *first = ring->first;
    if (drv_ring_is_lost(ring)) {
        return false;
    }
    if (ring != first && is_fatal(ring)) {
        drv_ring_set_lost(ring, "it refused a command");
        return false;
    }
    uint64_t now = base_clock_now_ns();
    uint64_t last = atomic_load_explicit(&first->last_check_ns, memory_order_relaxed);
    if (now - last >= CHECK_INTERVAL_NS &&
        atomic_compare_exchange_strong(&first->last_check_ns, &last, now)) {
        look(first);
    }
    return !drv_ring_is_lost(ring);
}

bool
drv_ring_reached(struct drv_ring *ring, uint32_t seqno)
{
    return wire_ring_reached(atomic_load_explicit(ring->view.head, memory_order_acquire), seqno);
}

static bool
spin(struct drv_ring *ring, uint32_t seqno)
{
    uint64_t end = 0;
    for (uint32_t i = 0;; i++) {
        if (drv_ring_reached(ring, seqno)) {
            return true;
        }
        if (i % SPINS_PER_CLOCK_LOOK == 0) {
            uint64_t now = base_clock_now_ns();
            if (end == 0) {
                end = now + SPIN_NS;
            } else if (now >= end) {
                return false;
            }
        }
        base_clock_spin_hint();
    }
}

/* The renderer looks for waiters after each store to `head`. Slices bound how long its death stays
 * unnoticed. */
static bool
sleep_until_woken(struct drv_ring *ring, uint32_t seqno)
{
    bool reached = false;
    atomic_fetch_add(ring->view.waiters, 1);
    for (;;) {
        wire_ring_ask_for_wake(&ring->view, seqno);
        uint32_t head = atomic_load(ring->view.head);
        reached = wire_ring_reached(head, seqno);
        if (reached || !drv_ring_check_alive(ring)) {
            break;
        }
        base_futex_wait(ring->view.head, head, DRV_RING_LONGEST_SLEEP_NS);
    }
    atomic_fetch_sub(ring->view.waiters, 1);
    return reached;
}

static bool
poll_until_reached(struct drv_ring *ring, uint32_t seqno)
{
    struct drv_backoff backoff = drv_backoff_start(UINT64_MAX);
    while (!drv_ring_reached(ring, seqno)) {
        if (!drv_ring_check_alive(ring)) {
            return false;
        }
        drv_backoff_pause(&backoff);
    }
    return true;
}

bool
drv_ring_wait(struct drv_ring *ring, uint32_t seqno)
{
    if (spin(ring, seqno)) {
        return true;
    }
    return ring->futex ? sleep_until_woken(ring, seqno) : poll_until_reached(ring, seqno);
}
