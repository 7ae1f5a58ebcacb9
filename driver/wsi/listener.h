/* The thread of a target that hears what the window system says, for as long as the target lives.
 *
 * It sleeps on the connection and on an eventfd. But whoever reads from the connection, as the
 * application's threads do, may have read what is ours, of which there is no sign: so it looks
 * again and again, ever more rarely until it is woken, which is due with each frame.
 *
 * `lock` and `changed` are for the target's own state, too: what the thread that shows frames waits
 * for, and the listener hears of. */
#ifndef WSI_LISTENER_H
#define WSI_LISTENER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/attributes.h"

struct wsi_swapchain;

/* All on the listener's thread. */
struct wsi_listener_ops {
    const char *thread_name;
    int shortest_sleep_ms; /* just after a frame */
    /* Whether there may be something to hear before it is woken. NULL: always. */
    bool (*expects)(void *user);
    /* Reads and handles what there is, without waiting for more. False: the connection is lost. */
    bool (*hear)(void *user);
    /* Writes what is left over. NULL: never any. False: the connection is lost. */
    bool (*write)(void *user);
};

struct wsi_listener {
    /* Constant. */
    const struct wsi_listener_ops *ops;
    void *user;
    struct wsi_swapchain *swapchain; /* lost with the connection */
    int wake_fd;                     /* the eventfd; -1: there is none, and nothing starts */
    int connection_fd;               /* the window system's library's; set when it starts */

    _Atomic bool has_leftovers; /* to be written when the connection takes more */
    _Atomic bool ended;
    bool runs; /* there is a thread */
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    bool stop;              /* nobody shall wait any more; guarded by lock */
};

void wsi_listener_init(struct wsi_listener *listener, const struct wsi_listener_ops *ops,
                       void *user, struct wsi_swapchain *swapchain);
/* False: out of resources. */
BASE_MUST_CHECK bool wsi_listener_start(struct wsi_listener *listener, int connection_fd);
/* There may be something to hear. Any thread. */
void wsi_listener_wake(struct wsi_listener *listener);
/* The connection takes no more for now: `write` is due when it does. Any thread. */
void wsi_listener_write_later(struct wsi_listener *listener);
/* Ends all waiting. Any thread. */
void wsi_listener_stop(struct wsi_listener *listener);
/* Sleeps as long as that holds, which is asked under the lock, but not for ever: window systems may
 * be silent about windows that nobody sees, and then the application goes on slowly. */
void wsi_listener_wait(struct wsi_listener *listener, bool (*holds_locked)(const void *user),
                       const void *user);
/* Nothing is heard any more. Accepts one that has not started. */
void wsi_listener_end(struct wsi_listener *listener);
/* After that. */
void wsi_listener_finish(struct wsi_listener *listener);

#endif
