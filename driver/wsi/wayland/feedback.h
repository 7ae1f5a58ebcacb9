/* What the compositor says of frames: when each could be seen (presentation-time).
 *
 * Asked for by whoever shows a frame, just before its commit; told on the thread that listens
 * to the compositor. A window that nobody sees gets no answer for as long as that lasts: a frame
 * that waited for it for a second, since it was ready, counts as presented, at a time that nobody
 * knows. */
#ifndef WSI_WAYLAND_FEEDBACK_H
#define WSI_WAYLAND_FEEDBACK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "driver/wsi/surface.h"
#include "driver/wsi/wayland/library.h"

struct wp_presentation;

struct wsi_wayland_feedback {
    /* Constant. */
    struct wsi_swapchain *swapchain;
    struct wl_surface *surface;           /* as the next */
    struct wp_presentation *presentation; /* a wrapper: answers come to the listener's queue */
    clockid_t clock;                      /* the compositor's */

    pthread_mutex_t lock;
    struct base_list pending; /* struct pending_frame, oldest first; guarded by lock */
};

/* `presentation` and `surface` outlive it. */
void wsi_wayland_feedback_init(struct wsi_wayland_feedback *feedback,
                               struct wsi_swapchain *swapchain, struct wl_surface *surface,
                               struct wp_presentation *presentation, clockid_t clock);
/* No answer is waited for any more, and none is being told. */
void wsi_wayland_feedback_finish(struct wsi_wayland_feedback *feedback);
/* The next commit is that frame. Out of memory: it counts as presented at once. */
void wsi_wayland_feedback_ask(struct wsi_wayland_feedback *feedback, const struct wsi_frame *frame);
/* A frame that was asked for before it was ready is so now. */
void wsi_wayland_feedback_note_ready(struct wsi_wayland_feedback *feedback,
                                     const struct wsi_frame *frame);
/* Gives up those that were asked for long ago. The listener calls it now and then. */
void wsi_wayland_feedback_look(struct wsi_wayland_feedback *feedback);

/* A time of CLOCK_MONOTONIC as the compositor's clock tells it. */
uint64_t wsi_wayland_time_of(clockid_t clock, uint64_t monotonic_ns);

#endif
