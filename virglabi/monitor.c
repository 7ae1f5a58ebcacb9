#include "virglabi/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "virglabi/context.h"
#include "virglabi/library.h"

enum {
    DEATH_PATIENCE_MS = 5000, /* for a server that lives to tell how a worker died: a busy host's */
    LOOK_AGAIN_MS = 20,       /* while one is waited for */
    FIXED_FDS = 2,            /* wake_fd and the server's socket, then two for each context */
    FDS_OF_CONTEXT = 2,
};

/* --- calling back --- */

static void
call_back(const struct abi_fence *fence)
{
    const struct virgl_renderer_callbacks *callbacks = abi.callbacks;

    if (fence->context_id == 0) {
        callbacks->write_fence(abi.cookie, (uint32_t)fence->id);
    } else if (callbacks->version >= 3 && callbacks->write_context_fence) {
        callbacks->write_context_fence(abi.cookie, fence->context_id, fence->ring_idx, fence->id);
    }
}

void
abi_monitor_deliver(uint32_t context_id)
{
    pthread_mutex_lock(&abi.lock);
    abi_fences_collect_locked();
    for (struct abi_fence *fence; (fence = abi_fences_take_retired_locked(context_id));) {
        pthread_mutex_unlock(&abi.lock);
        call_back(fence);
        abi_fence_destroy(fence);
        pthread_mutex_lock(&abi.lock);
    }
    pthread_mutex_unlock(&abi.lock);
}

static void
deliver_locked(struct abi_monitor *monitor)
{
    while (!monitor->stop) {
        struct abi_fence *fence = abi_fences_take_retired_locked(UINT32_MAX);
        if (!fence) {
            return;
        }
        monitor->delivering = true;
        pthread_mutex_unlock(&abi.lock);
        call_back(fence);
        abi_fence_destroy(fence);
        pthread_mutex_lock(&abi.lock);
        monitor->delivering = false;
        pthread_cond_broadcast(&monitor->idle);
    }
}

/* --- watching --- */

/* What one round of poll() looks at. Ids, since a context may be gone when it returns. */
struct watch {
    struct pollfd *fds;
    uint32_t *ids;
    size_t count, capacity;
};

static bool
reserve(struct watch *watch, size_t contexts)
{
    size_t capacity = contexts + 16;

    if (watch->ids && contexts <= watch->capacity) {
        return true;
    }
    struct pollfd *fds =
        realloc(watch->fds, (FIXED_FDS + FDS_OF_CONTEXT * capacity) * sizeof(watch->fds[0]));
    if (!fds) {
        return false;
    }
    watch->fds = fds;
    uint32_t *ids = realloc(watch->ids, capacity * sizeof(watch->ids[0]));
    if (!ids) {
        return false;
    }
    watch->ids = ids;
    watch->capacity = capacity;
    return true;
}

static void
list_locked(struct watch *watch)
{
    size_t cursor = 0;

    watch->count = 0;
    watch->fds[0] = (struct pollfd){.fd = abi.monitor.wake_fd, .events = POLLIN};
    watch->fds[1] = (struct pollfd){.fd = abi.server.lost ? -1 : abi.server.socket, .events = 0};
    for (struct abi_context *ctx; (ctx = base_table_next(&abi.contexts, &cursor));) {
        if (!ctx->page || ctx->dead) {
            continue;
        }
        struct pollfd *fds = &watch->fds[FIXED_FDS + FDS_OF_CONTEXT * watch->count];
        fds[0] = (struct pollfd){.fd = ctx->socket, .events = 0}; /* POLLHUP */
        /* Otherwise the machine monitor's to read, see virgl_renderer_context_get_poll_fd(). */
        fds[1] =
            (struct pollfd){.fd = abi_calls_back_itself() ? ctx->event_fd : -1, .events = POLLIN};
        watch->ids[watch->count++] = ctx->id;
    }
}

static void
look_at_contexts_locked(const struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        const struct pollfd *fds = &watch->fds[FIXED_FDS + FDS_OF_CONTEXT * i];
        struct abi_context *ctx = abi_context_find(watch->ids[i]);
        eventfd_t value;
        if (!ctx || !ctx->page || ctx->socket != fds[0].fd) {
            continue; /* destroyed meanwhile */
        }
        if (fds[1].revents & POLLIN) {
            eventfd_read(ctx->event_fd, &value);
        }
        if (fds[0].revents) {
            abi_context_lose_locked(ctx, NULL);
            eventfd_write(ctx->event_fd, 1); /* for a machine monitor that polls it */
        }
    }
}

/* False: the server has yet to say how it died. */
static bool
tell_death_locked(struct abi_context *ctx)
{
    if (ctx->page && ctx->dead && !ctx->death_told) {
        uint64_t waited_ns = base_clock_now_ns() - ctx->death_ns;
        bool hopeless = abi.server.lost || waited_ns > DEATH_PATIENCE_MS * UINT64_C(1000000);
        abi_context_tell_death_locked(ctx, hopeless);
        return ctx->death_told;
    }
    return true;
}

/* False: there is no death to be told any more. */
static bool
tell_deaths_locked(void)
{
    bool untold = false;
    size_t cursor = 0;

    for (struct abi_context *ctx; (ctx = base_table_next(&abi.contexts, &cursor));) {
        untold |= !tell_death_locked(ctx);
    }
    return untold;
}

static int
timeout_of(bool untold, uint64_t deadline_ns)
{
    uint64_t now = base_clock_now_ns();

    if (untold) {
        return LOOK_AGAIN_MS;
    }
    if (deadline_ns == UINT64_MAX || !abi_calls_back_itself()) {
        return -1;
    }
    return deadline_ns > now ? (int)((deadline_ns - now) / 1000000 + 1) : 0;
}

/* A guest may destroy a context faster than the server hears how its worker died: such a one stays
 * until that is told. False: there is none. */
static bool
empty_graves_locked(struct abi_monitor *monitor)
{
    bool untold = false;

    base_list_for_each_safe (ctx, &monitor->graves, struct abi_context, link) {
        if (!monitor->stop && !tell_death_locked(ctx)) {
            untold = true;
            continue;
        }
        if (ctx->page && ctx->dead) {
            abi_context_tell_death_locked(ctx, true);
        }
        base_list_remove(&ctx->link);
        abi_context_free(ctx);
    }
    return untold;
}

static void *
run(void *argument)
{
    struct abi_monitor *monitor = argument;
    struct watch watch = {0};
    eventfd_t value;

    pthread_mutex_lock(&abi.lock);
    while (!monitor->stop) {
        if (abi_calls_back_itself()) {
            abi_fences_collect_locked();
            deliver_locked(monitor);
        }
        bool untold = tell_deaths_locked();
        uint64_t deadline_ns = abi_fences_next_deadline_locked();
        untold |= empty_graves_locked(monitor);
        if (monitor->stop) {
            break;
        }
        if (!reserve(&watch, abi.contexts.count)) {
            pthread_mutex_unlock(&abi.lock);
            poll(NULL, 0, LOOK_AGAIN_MS); /* memory may come back */
            pthread_mutex_lock(&abi.lock);
            continue;
        }
        list_locked(&watch);
        pthread_mutex_unlock(&abi.lock);
        int got = poll(watch.fds, FIXED_FDS + FDS_OF_CONTEXT * watch.count,
                       timeout_of(untold, deadline_ns));
        pthread_mutex_lock(&abi.lock);
        if (got <= 0) {
            continue;
        }
        if (watch.fds[0].revents) {
            eventfd_read(monitor->wake_fd, &value);
        }
        if (watch.fds[1].revents) {
            abi_server_check_locked(&abi.server);
        }
        look_at_contexts_locked(&watch);
    }
    pthread_mutex_unlock(&abi.lock);
    free(watch.fds);
    free(watch.ids);
    return NULL;
}

bool
abi_monitor_start(struct abi_monitor *monitor)
{
    *monitor = (struct abi_monitor){.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    pthread_cond_init(&monitor->idle, NULL);
    base_list_init(&monitor->graves);
    if (monitor->wake_fd == -1 || pthread_create(&monitor->thread, NULL, run, monitor) != 0) {
        base_log_error("no descriptor or thread for the library's own thread: %s",
                       base_fd_explain(errno));
        base_fd_close(&monitor->wake_fd);
        pthread_cond_destroy(&monitor->idle);
        return false;
    }
    pthread_setname_np(monitor->thread, "vesper-monitor");
    return true;
}

void
abi_monitor_stop(struct abi_monitor *monitor)
{
    pthread_mutex_lock(&abi.lock);
    monitor->stop = true;
    pthread_mutex_unlock(&abi.lock);
    abi_monitor_wake(monitor);
    pthread_join(monitor->thread, NULL);
    (void)empty_graves_locked(monitor); /* all, since it has stopped */
    base_fd_close(&monitor->wake_fd);
    pthread_cond_destroy(&monitor->idle);
}

void
abi_monitor_wake(struct abi_monitor *monitor)
{
    eventfd_write(monitor->wake_fd, 1);
}

void
abi_monitor_bury_locked(struct abi_monitor *monitor, struct abi_context *ctx)
{
    base_list_push(&monitor->graves, &ctx->link);
    abi_monitor_wake(monitor);
}

void
abi_monitor_settle(struct abi_monitor *monitor)
{
    if (pthread_equal(pthread_self(), monitor->thread)) {
        return;
    }
    pthread_mutex_lock(&abi.lock);
    while (monitor->delivering) {
        pthread_cond_wait(&monitor->idle, &abi.lock);
    }
    pthread_mutex_unlock(&abi.lock);
}
