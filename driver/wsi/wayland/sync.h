/* Explicit synchronisation with the compositor (linux-drm-syncobj-v1): of a swapchain whose frames
 * are dma-bufs, if the compositor and this machine have it. The compositor's wl_buffer.release then
 * means nothing, and each commit of a frame must name its two points. */
#ifndef WSI_WAYLAND_SYNC_H
#define WSI_WAYLAND_SYNC_H

#include "driver/wsi/timelines.h"
#include "driver/wsi/wayland/library.h"

struct wp_linux_drm_syncobj_timeline_v1;
struct wsi_wayland_surface;

struct wsi_wayland_sync {
    struct wsi_wayland_surface *window; /* outlives us */
    bool is_used; /* constant once there are images: all of them have a timeline, or none */
    struct wsi_timelines timelines;
    /* As the compositor knows them. */
    struct wp_linux_drm_syncobj_timeline_v1 *told[WSI_MAX_IMAGES];
};

/* `wake_fd`: an eventfd; wsi_timelines_look() is due when it is written to. */
void wsi_wayland_sync_init(struct wsi_wayland_sync *sync, struct wsi_wayland_surface *window,
                           struct wsi_swapchain *swapchain, int wake_fd);
/* Accepts zeroes. */
void wsi_wayland_sync_finish(struct wsi_wayland_sync *sync);
/* The next image, from 0 on, is such a buffer. */
BASE_MUST_CHECK VkResult wsi_wayland_sync_add(struct wsi_wayland_sync *sync, uint32_t image,
                                              bool is_dma_buf);
/* The points of the image's next frame, which may be read, or not yet. Only if it is used. */
BASE_MUST_CHECK bool wsi_wayland_sync_begin(struct wsi_wayland_sync *sync, uint32_t image,
                                            bool may_be_read, struct wsi_points *out);
/* Those of the next commit, which is that image. */
void wsi_wayland_sync_tell(struct wsi_wayland_sync *sync, uint32_t image,
                           const struct wsi_points *points);

#endif
