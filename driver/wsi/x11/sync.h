/* Explicit synchronisation with the X server (DRI3 and Present 1.4), of pixmaps: if the server and
 * this machine have it. IdleNotify then means nothing: a pixmap is idle when the release point of
 * its last frame is reached.
 *
 * libxcb has the requests since 1.17 only, so they are written by hand. */
#ifndef WSI_X11_SYNC_H
#define WSI_X11_SYNC_H

#include "driver/wsi/timelines.h"
#include "driver/wsi/x11/library.h"

struct wsi_x11_sync {
    /* Constant. */
    const struct wsi_x11_library *x11;
    xcb_connection_t *connection;
    xcb_window_t window;
    bool is_offered; /* by the server */

    bool is_used; /* constant once there are images: all of them have a timeline, or none */
    struct wsi_timelines timelines;
    uint32_t count;
    uint32_t told[WSI_MAX_IMAGES]; /* as the server knows them */
};

/* A frame to be shown. */
struct wsi_x11_present {
    xcb_pixmap_t pixmap;
    uint32_t serial, options;
};

/* `wake_fd`: an eventfd; wsi_timelines_look() is due when it is written to. */
void wsi_x11_sync_init(struct wsi_x11_sync *sync, const struct wsi_x11_library *x11,
                       xcb_connection_t *connection, xcb_window_t window,
                       struct wsi_swapchain *swapchain, int wake_fd);
/* The server has both extensions in version 1.4: asks whether it makes use of points. */
void wsi_x11_sync_ask(struct wsi_x11_sync *sync);
void wsi_x11_sync_finish(struct wsi_x11_sync *sync);
/* The next image, from 0 on, is a pixmap. */
BASE_MUST_CHECK VkResult wsi_x11_sync_add(struct wsi_x11_sync *sync, uint32_t image);

/* Shows a frame of the image, with its points if there are such. False: there should be. */
BASE_MUST_CHECK bool wsi_x11_sync_present(struct wsi_x11_sync *sync, uint32_t image,
                                          const struct wsi_x11_present *present,
                                          xcb_void_cookie_t *out);
/* The server has refused that. */
void wsi_x11_sync_cancel(struct wsi_x11_sync *sync, uint32_t image);

#endif
