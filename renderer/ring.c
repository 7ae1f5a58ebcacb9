#include "renderer/ring.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/futex.h"
#include "base/log.h"
#include "base/thread.h"
#include "renderer/context_impl.h"
#include "renderer/resource.h"

enum {
    /* How long the thread looks at tail before it sleeps. Longer than a driver needs between two
     * commands of one call, shorter than a scheduler's slice is worth. */
    SPIN_NS = 20 * 1000,
    SPINS_PER_CLOCK = 32, /* looks at tail between two looks at the clock */
    /* Upstream's drivers wake nobody before the ring is IDLE: until idleTimeout has passed we look,
     * sleeping ever longer between two looks. */
    FIRST_NAP_NS = 10 * 1000,
    LONGEST_NAP_NS = 160 * 1000,
    LONGEST_IDLE_TIMEOUT_NS = 50 * 1000 * 1000,
    /* Upstream's drivers also leave out a notification that follows another too closely, so a ring
     * that has just become IDLE looks again. */
    FIRST_IDLE_LOOK_NS = 2 * 1000 * 1000,
    LONGEST_IDLE_LOOK_NS = 1000 * 1000 * 1000,
};

static uint32_t
load_tail(const struct rnd_ring *ring)
{
    return atomic_load_explicit(ring->view.tail, memory_order_acquire);
}

static bool
stopping(const struct rnd_ring *ring)
{
    return atomic_load_explicit(&ring->stop, memory_order_relaxed);
}

/* --- publishing head --- */

static void
wake_guest(struct rnd_ring *ring)
{
    if (ring->view.waiters && wire_ring_wants_wake(&ring->view, ring->position)) {
        base_futex_wake(ring->view.head);
    }
}

static void
wake_head_waiters(struct rnd_ring *ring)
{
    if (atomic_load(&ring->head_waiters) != 0) {
        pthread_mutex_lock(&ring->lock);
        pthread_cond_broadcast(&ring->advanced);
        pthread_mutex_unlock(&ring->lock);
    }
}

/* After each command: its side effects and its reply are visible to whoever loads head.
 * Sequentially consistent, so that either a waiter is seen here or it sees the new head. */
static bool
command_done(void *user, size_t consumed)
{
    struct rnd_ring *ring = user;
    ring->position = ring->batch_start + (uint32_t)consumed;
    atomic_store(ring->view.head, ring->position);
    atomic_store(&ring->executed, ring->position);
    wake_guest(ring);
    wake_head_waiters(ring);
    return !stopping(ring);
}

/* --- executing --- */

static bool
execute_batch(struct rnd_ring *ring, uint32_t tail)
{
    uint32_t size = tail - ring->position;
    if (size > ring->view.buffer_size) {
        rnd_context_fail(ring->context, "ring %" PRIu64 ": tail is %u bytes ahead, it holds %u",
                         ring->id, size, ring->view.buffer_size);
        return false;
    }
    /* The guest can still write the ring while we parse; it cannot write the copy. */
    wire_ring_copy_out(&ring->view, ring->position, ring->scratch, size);
    ring->batch_start = ring->position;
    return rnd_stream_execute(&ring->stream, ring->scratch, size, command_done, ring);
}

/* --- having nothing to do --- */

/* True if tail moved. */
static bool
spin(const struct rnd_ring *ring)
{
    uint64_t until = base_clock_deadline_ns(SPIN_NS);
    do {
        for (unsigned i = 0; i < SPINS_PER_CLOCK; i++) {
            if (load_tail(ring) != ring->position) {
                return true;
            }
            base_clock_spin_hint();
        }
    } while (base_clock_now_ns() < until && !stopping(ring));
    return false;
}

static void
set_idle(struct rnd_ring *ring)
{
    atomic_fetch_or(ring->view.status, WIRE_RING_STATUS_IDLE);
}

static void
clear_idle(struct rnd_ring *ring)
{
    atomic_fetch_and(ring->view.status, ~(uint32_t)WIRE_RING_STATUS_IDLE);
}

/* The driver stores tail and then loads status; we set IDLE and then load tail. One of us sees the
 * other. */
static void
sleep_on_futex(struct rnd_ring *ring)
{
    set_idle(ring);
    while (atomic_load(ring->view.tail) == ring->position && !stopping(ring)) {
        base_futex_wait(ring->view.tail, ring->position, UINT64_MAX);
    }
    clear_idle(ring);
}

/* Takes the notification, if there was one. */
static bool
take_notification(struct rnd_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    bool notified = ring->notified;
    ring->notified = false;
    pthread_mutex_unlock(&ring->lock);
    return notified;
}

static void
nap(uint64_t ns)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

/* True if tail moved before the ring may call itself idle. */
static bool
poll_until_idle(struct rnd_ring *ring)
{
    uint64_t until = base_clock_deadline_ns(ring->idle_timeout_ns);
    uint64_t nap_ns = FIRST_NAP_NS;
    while (!stopping(ring)) {
        if (load_tail(ring) != ring->position) {
            return true;
        }
        if (base_clock_now_ns() >= until) {
            return false;
        }
        nap(nap_ns);
        nap_ns = nap_ns * 2 < LONGEST_NAP_NS ? nap_ns * 2 : LONGEST_NAP_NS;
    }
    return false;
}

static bool
nothing_yet(const struct rnd_ring *ring)
{
    return !stopping(ring) && !ring->notified && atomic_load(ring->view.tail) == ring->position;
}

static void
sleep_until_notified(struct rnd_ring *ring)
{
    uint64_t look_ns = FIRST_IDLE_LOOK_NS;
    pthread_mutex_lock(&ring->lock);
    ring->notified = false;
    set_idle(ring);
    while (nothing_yet(ring)) {
        (void)base_cond_wait_until(&ring->wake, &ring->lock, base_clock_deadline_ns(look_ns));
        look_ns = look_ns * 2 < LONGEST_IDLE_LOOK_NS ? look_ns * 2 : LONGEST_IDLE_LOOK_NS;
    }
    clear_idle(ring);
    pthread_mutex_unlock(&ring->lock);
}

static void
wait_for_commands(struct rnd_ring *ring)
{
    if (spin(ring)) {
        return;
    }
    if (ring->futex) {
        sleep_on_futex(ring);
    } else if (!poll_until_idle(ring) && !take_notification(ring)) {
        sleep_until_notified(ring);
    }
}

static void
announce_end(struct rnd_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->finished = true;
    pthread_cond_broadcast(&ring->advanced);
    pthread_mutex_unlock(&ring->lock);
}

static void *
run(void *user)
{
    struct rnd_ring *ring = user;
    bool alive = true;
    while (alive && !stopping(ring)) {
        uint32_t tail = load_tail(ring);
        if (tail == ring->position) {
            wait_for_commands(ring);
        } else {
            alive = execute_batch(ring, tail);
        }
    }
    announce_end(ring);
    return NULL;
}

/* --- creating and destroying --- */

static void
place(struct rnd_ring *ring, const struct rnd_ring_layout *layout)
{
    uint8_t *map = ring->shm->map;
    ring->view = (struct wire_ring_view){
        .head = (_Atomic uint32_t *)(map + layout->head),
        .tail = (_Atomic uint32_t *)(map + layout->tail),
        .status = (_Atomic uint32_t *)(map + layout->status),
        .buffer = map + layout->buffer,
        .buffer_size = layout->buffer_size,
    };
    ring->extra = map + layout->extra;
    ring->extra_size = layout->extra_size;
    ring->futex = layout->futex;
    if (layout->futex) {
        ring->view.waiters = (_Atomic uint32_t *)(ring->extra + WIRE_RING_EXTRA_WAITERS_OFFSET);
        ring->view.wake_at = (_Atomic uint32_t *)(ring->extra + WIRE_RING_EXTRA_WAKE_AT_OFFSET);
    }
    ring->idle_timeout_ns = layout->idle_timeout_ns < LONGEST_IDLE_TIMEOUT_NS
                                ? layout->idle_timeout_ns
                                : LONGEST_IDLE_TIMEOUT_NS;
    ring->monitor_period_ns = layout->monitor_period_ns;
}

static struct rnd_ring *
ring_alloc(struct rnd_context *ctx, uint64_t id, struct rnd_shm *shm,
           const struct rnd_ring_layout *layout)
{
    struct rnd_ring *ring = calloc(1, sizeof(*ring));
    if (!ring) {
        return NULL;
    }
    ring->scratch = rnd_budget_alloc(&ctx->budget, &ctx->budget.decoding, ctx->info.name,
                                     "a ring's commands", layout->buffer_size);
    if (!ring->scratch) {
        free(ring);
        return NULL;
    }
    ring->context = ctx;
    ring->id = id;
    ring->shm = rnd_shm_ref(shm);
    ring->resource_id = layout->resource_id;
    ring->status_offset = layout->status;
    place(ring, layout);
    rnd_stream_init(&ring->stream, ctx, ring);
    pthread_mutex_init(&ring->lock, NULL);
    base_cond_init(&ring->wake);
    base_cond_init(&ring->advanced);
    base_list_init(&ring->link);
    return ring;
}

static void
ring_free(struct rnd_ring *ring)
{
    pthread_cond_destroy(&ring->advanced);
    pthread_cond_destroy(&ring->wake);
    pthread_mutex_destroy(&ring->lock);
    rnd_stream_finish(&ring->stream);
    rnd_shm_unref(ring->shm);
    free(ring->scratch);
    base_account_give_back(&ring->context->budget.decoding, ring->view.buffer_size);
    free(ring);
}

static bool
may_add_locked(const struct rnd_context *ctx, uint64_t id)
{
    unsigned count = 0;
    base_list_for_each (ring, &ctx->rings, struct rnd_ring, link) {
        if (ring->id == id) {
            return false;
        }
        count++;
    }
    return count < RND_MAX_RINGS;
}

static enum rnd_result
publish_locked(struct rnd_context *ctx, struct rnd_ring *ring)
{
    if (rnd_context_is_fatal(ctx)) {
        return RND_FATAL;
    }
    if (!may_add_locked(ctx, ring->id)) {
        return RND_INVALID;
    }
    if (ring->monitor_period_ns > 0) {
        enum rnd_result result = rnd_ring_monitor_add_locked(ctx, ring->monitor_period_ns);
        if (result != RND_OK) {
            return result;
        }
    }
    if (pthread_create(&ring->thread, NULL, run, ring) != 0) {
        return RND_NO_MEMORY;
    }
    pthread_setname_np(ring->thread, "vesper-ring");
    if (ring->monitor_period_ns > 0) {
        atomic_fetch_or(ring->view.status, WIRE_RING_STATUS_ALIVE);
    }
    base_list_push(&ctx->rings, &ring->link);
    return RND_OK;
}

static void
tell_server(const struct rnd_ring *ring, bool exists)
{
    const struct rnd_context_info *info = &ring->context->info;
    if (info->ring_changed) {
        info->ring_changed(info->user, exists, ring->resource_id, ring->status_offset);
    }
}

enum rnd_result
rnd_ring_create(struct rnd_context *ctx, uint64_t id, struct rnd_shm *shm,
                const struct rnd_ring_layout *layout)
{
    struct rnd_ring *ring = ring_alloc(ctx, id, shm, layout);
    if (!ring) {
        return RND_NO_MEMORY;
    }
    tell_server(ring, true); /* first: its thread may crash at once */
    pthread_mutex_lock(&ctx->rings_lock);
    enum rnd_result result = publish_locked(ctx, ring);
    pthread_mutex_unlock(&ctx->rings_lock);
    if (result != RND_OK) {
        tell_server(ring, false);
        ring_free(ring);
        return result;
    }
    base_log_debug("context %s: ring %" PRIu64 " of %u bytes, %s", ctx->info.name, id,
                   layout->buffer_size,
                   layout->futex ? "woken by futex" : "woken by notifications");
    return RND_OK;
}

/* The word does not change when we wake it, so a thread that is just about to sleep would miss the
 * call: repeats it until the thread has left. */
static void
wake_until_finished(struct rnd_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    while (!ring->finished) {
        base_futex_wake(ring->view.tail);
        pthread_cond_broadcast(&ring->wake);
        (void)base_cond_wait_until(&ring->advanced, &ring->lock,
                                   base_clock_deadline_ns(1000 * 1000));
    }
    pthread_mutex_unlock(&ring->lock);
}

void
rnd_ring_stop(struct rnd_ring *ring)
{
    atomic_store(&ring->stop, true);
    base_futex_wake(ring->view.tail);
    pthread_mutex_lock(&ring->lock);
    pthread_cond_broadcast(&ring->wake);
    pthread_cond_broadcast(&ring->advanced);
    pthread_mutex_unlock(&ring->lock);
}

void
rnd_ring_destroy(struct rnd_ring *ring)
{
    rnd_ring_stop(ring);
    wake_until_finished(ring);
    pthread_join(ring->thread, NULL);
    tell_server(ring, false);
    ring_free(ring);
}

/* --- from other threads --- */

void
rnd_ring_notify(struct rnd_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->notified = true;
    pthread_cond_signal(&ring->wake);
    pthread_mutex_unlock(&ring->lock);
    if (ring->futex) {
        base_futex_wake(ring->view.tail);
    }
}

void
rnd_ring_submit_virtqueue_seqno(struct rnd_ring *ring, uint64_t seqno)
{
    pthread_mutex_lock(&ring->lock);
    ring->virtqueue_seqno = seqno;
    pthread_cond_broadcast(&ring->wake);
    pthread_mutex_unlock(&ring->lock);
}

bool
rnd_ring_wait_virtqueue_seqno(struct rnd_ring *ring, uint64_t seqno)
{
    pthread_mutex_lock(&ring->lock);
    while (ring->virtqueue_seqno < seqno && !stopping(ring) &&
           !rnd_context_is_fatal(ring->context)) {
        pthread_cond_wait(&ring->wake, &ring->lock);
    }
    bool reached = ring->virtqueue_seqno >= seqno;
    pthread_mutex_unlock(&ring->lock);
    return reached;
}

static bool
reached(const struct rnd_ring *ring, uint32_t seqno)
{
    return wire_ring_reached(atomic_load(&ring->executed), seqno);
}

/* Everything published is executed, and it was not enough. */
static bool
drained_short_of(const struct rnd_ring *ring, uint32_t seqno)
{
    uint32_t tail = atomic_load(ring->view.tail);
    return tail == atomic_load(&ring->executed) && !wire_ring_reached(tail, seqno);
}

bool
rnd_ring_wait_seqno(struct rnd_ring *ring, uint32_t seqno)
{
    rnd_ring_notify(ring);
    atomic_fetch_add(&ring->head_waiters, 1);
    pthread_mutex_lock(&ring->lock);
    while (!reached(ring, seqno) && !drained_short_of(ring, seqno) && !ring->finished &&
           !rnd_context_is_fatal(ring->context)) {
        pthread_cond_wait(&ring->advanced, &ring->lock);
    }
    pthread_mutex_unlock(&ring->lock);
    atomic_fetch_sub(&ring->head_waiters, 1);
    return reached(ring, seqno);
}

void
rnd_ring_set_fatal(struct rnd_ring *ring)
{
    atomic_fetch_or(ring->view.status, WIRE_RING_STATUS_FATAL);
    base_futex_wake(ring->view.head);
    rnd_ring_notify(ring);
    pthread_mutex_lock(&ring->lock);
    pthread_cond_broadcast(&ring->wake);
    pthread_cond_broadcast(&ring->advanced);
    pthread_mutex_unlock(&ring->lock);
}
