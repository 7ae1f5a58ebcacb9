/* The heartbeat: a guest that waits for a ring looks at the ALIVE bit now and then, to tell a slow
 * host from a dead one. One thread a context sets the bit on all monitored rings, also while the
 * rings' own threads are inside long host calls. It stops beating when the context is fatal. */
#include "renderer/ring.h"

#include "base/clock.h"
#include "base/thread.h"
#include "renderer/context_impl.h"

enum {
    /* A guest that asks for more is beaten no faster than this. */
    SHORTEST_PERIOD_NS = 10 * 1000 * 1000,
};

static void
beat_locked(struct rnd_context *ctx)
{
    base_list_for_each (ring, &ctx->rings, struct rnd_ring, link) {
        if (ring->monitor_period_ns > 0) {
            atomic_fetch_or(ring->view.status, WIRE_RING_STATUS_ALIVE);
        }
    }
}

static void
sleep_locked(struct rnd_context *ctx)
{
    (void)base_cond_wait_until(&ctx->monitor_wake, &ctx->rings_lock,
                               base_clock_deadline_ns(ctx->monitor_period_ns));
}

static void *
run(void *user)
{
    struct rnd_context *ctx = user;
    pthread_mutex_lock(&ctx->rings_lock);
    while (!ctx->monitor_stop && !rnd_context_is_fatal(ctx)) {
        beat_locked(ctx);
        sleep_locked(ctx);
    }
    pthread_mutex_unlock(&ctx->rings_lock);
    return NULL;
}

enum rnd_result
rnd_ring_monitor_add_locked(struct rnd_context *ctx, uint64_t period_ns)
{
    period_ns = period_ns > SHORTEST_PERIOD_NS ? period_ns : SHORTEST_PERIOD_NS;
    if (ctx->monitor_started) {
        if (period_ns < ctx->monitor_period_ns) {
            ctx->monitor_period_ns = period_ns;
            pthread_cond_signal(&ctx->monitor_wake);
        }
        return RND_OK;
    }
    ctx->monitor_period_ns = period_ns;
    if (pthread_create(&ctx->monitor, NULL, run, ctx) != 0) {
        return RND_NO_MEMORY;
    }
    pthread_setname_np(ctx->monitor, "vesper-monitor");
    ctx->monitor_started = true;
    return RND_OK;
}

void
rnd_ring_monitor_stop(struct rnd_context *ctx)
{
    pthread_mutex_lock(&ctx->rings_lock);
    ctx->monitor_stop = true;
    pthread_cond_signal(&ctx->monitor_wake);
    pthread_mutex_unlock(&ctx->rings_lock);
    if (ctx->monitor_started) {
        pthread_join(ctx->monitor, NULL);
    }
}
