#include "driver/wsi/listener.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"
#include "driver/wsi/swapchain.h"

#define PATIENCE_NS (UINT64_C(250) * 1000 * 1000)

enum { LONGEST_SLEEP_MS = 256 };

/* --- the thread --- */

/* Sleeps until there may be something to hear; false when it is time to end. */
static bool
sleep_until_woken(struct wsi_listener *listener, int *timeout_ms)
{
    const struct wsi_listener_ops *ops = listener->ops;
    bool writes = atomic_load(&listener->has_leftovers);
    struct pollfd fds[] = {
        {.fd = listener->connection_fd, .events = writes ? POLLIN | POLLOUT : POLLIN},
        {.fd = listener->wake_fd, .events = POLLIN},
    };
    eventfd_t ignored;
    bool expects = !ops->expects || ops->expects(listener->user);
    if (poll(fds, 2, expects ? *timeout_ms : -1) < 0 && errno != EINTR) {
        return false;
    }
    *timeout_ms = *timeout_ms < LONGEST_SLEEP_MS ? *timeout_ms * 2 : LONGEST_SLEEP_MS;
    if (fds[1].revents) {
        (void)eventfd_read(listener->wake_fd, &ignored);
        *timeout_ms = ops->shortest_sleep_ms;
    }
    return !atomic_load(&listener->ended);
}

/* Who fails again to write it all says so again. */
static bool
write_leftovers(struct wsi_listener *listener)
{
    return !atomic_exchange(&listener->has_leftovers, false) ||
           listener->ops->write(listener->user);
}

static void *
listen_to_window_system(void *user)
{
    struct wsi_listener *listener = user;
    int timeout_ms = listener->ops->shortest_sleep_ms;
    while (sleep_until_woken(listener, &timeout_ms) && write_leftovers(listener) &&
           listener->ops->hear(listener->user)) {
    }
    if (!atomic_load(&listener->ended)) {
        wsi_swapchain_set_status(listener->swapchain, VK_ERROR_SURFACE_LOST_KHR);
    }
    wsi_listener_stop(listener);
    return NULL;
}

/* --- waiting for it --- */

void
wsi_listener_wake(struct wsi_listener *listener)
{
    (void)eventfd_write(listener->wake_fd, 1);
}

void
wsi_listener_write_later(struct wsi_listener *listener)
{
    atomic_store(&listener->has_leftovers, true);
    wsi_listener_wake(listener);
}

void
wsi_listener_stop(struct wsi_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    listener->stop = true;
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
}

void
wsi_listener_wait(struct wsi_listener *listener, bool (*holds_locked)(const void *user),
                  const void *user)
{
    uint64_t deadline_ns = base_clock_deadline_ns(PATIENCE_NS);
    pthread_mutex_lock(&listener->lock);
    while (holds_locked(user) && !listener->stop &&
           base_cond_wait_until(&listener->changed, &listener->lock, deadline_ns)) {
    }
    pthread_mutex_unlock(&listener->lock);
}

/* --- life --- */

void
wsi_listener_init(struct wsi_listener *listener, const struct wsi_listener_ops *ops, void *user,
                  struct wsi_swapchain *swapchain)
{
    *listener = (struct wsi_listener){
        .ops = ops,
        .user = user,
        .swapchain = swapchain,
        .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .connection_fd = -1,
    };
    base_cond_init(&listener->changed);
    pthread_mutex_init(&listener->lock, NULL);
}

bool
wsi_listener_start(struct wsi_listener *listener, int connection_fd)
{
    if (listener->wake_fd == -1) {
        return false;
    }
    listener->connection_fd = connection_fd;
    listener->runs = base_thread_start(&listener->thread, listener->ops->thread_name,
                                       listen_to_window_system, listener) == 0;
    return listener->runs;
}

void
wsi_listener_end(struct wsi_listener *listener)
{
    if (listener->runs) {
        atomic_store(&listener->ended, true);
        wsi_listener_wake(listener);
        pthread_join(listener->thread, NULL);
        listener->runs = false;
    }
}

void
wsi_listener_finish(struct wsi_listener *listener)
{
    base_fd_close(&listener->wake_fd);
    pthread_cond_destroy(&listener->changed);
    pthread_mutex_destroy(&listener->lock);
}
