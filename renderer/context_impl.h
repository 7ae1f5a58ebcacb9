/* What a context is made of; for the renderer's own files. */
#ifndef RND_CONTEXT_IMPL_H
#define RND_CONTEXT_IMPL_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "renderer/budget.h"
#include "renderer/context.h"
#include "renderer/object_table.h"
#include "renderer/resource.h"
#include "renderer/stream.h"
#include "renderer/timelines.h"

struct rnd_instance;

/* Locks, outermost first: submit_lock, rings_lock, a ring's lock; and timelines.lock, a queue's
 * submit_lock, a device's sync lock. The two tables' locks are innermost of all. See
 * docs/threads.md. */
struct rnd_context {
    /* Constant after creation. */
    struct rnd_context_info info; /* name is ours */

    _Atomic bool fatal; /* any thread sets it once, in rnd_context_fail() */

    struct rnd_budget budget; /* what we hold for the guest; outlives all that is charged to it */
    struct rnd_object_table objects;
    struct rnd_resource_table resources;
    struct rnd_timelines timelines;

    /* The context's own stream, and whoever executes it. */
    pthread_mutex_t submit_lock;
    struct rnd_stream stream; /* guarded by submit_lock */

    pthread_mutex_t rings_lock;
    struct base_list rings; /* rnd_ring.link; guarded by rings_lock */

    /* Heartbeat of the monitored rings; see ring_monitor.c. Guarded by rings_lock. */
    pthread_t monitor;
    pthread_cond_t monitor_wake;
    bool monitor_started, monitor_stop;
    uint64_t monitor_period_ns;

    /* Guards the two below. An instance in the object table does not change. */
    pthread_mutex_t instance_lock;
    struct rnd_instance *instance; /* NULL before vkCreateInstance and after vkDestroyInstance */
    struct rnd_object_chain
        abandoned;              /* teardowns that a fatal error or the ring's end cut short */
    _Atomic unsigned teardowns; /* under way; see teardown.c */
};

/* Ends the context: says why, once, marks every ring, tells the server. No lock of a ring or of the
 * rings may be held. */
void rnd_context_fail(struct rnd_context *ctx, const char *format, ...) BASE_PRINTF(2, 3);
void rnd_context_fail_va(struct rnd_context *ctx, const char *format, va_list args)
    BASE_PRINTF(2, 0);

#endif
