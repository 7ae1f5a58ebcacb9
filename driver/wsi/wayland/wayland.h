/* Windows of Wayland: what files of this folder share. */
#ifndef WSI_WAYLAND_H
#define WSI_WAYLAND_H

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#include "driver/wsi/surface.h"
#include "driver/wsi/wayland/color.h"
#include "driver/wsi/wayland/library.h"

enum {
    WSI_WAYLAND_LAYOUTS = 5,
};

/* A layout of pixels by its two codes of wl_shm, and Vulkan's formats for it. */
struct wsi_wayland_layout {
    uint32_t opaque, with_alpha;
    VkFormat formats[2]; /* the second may be VK_FORMAT_UNDEFINED */
};
extern const struct wsi_wayland_layout wsi_wayland_layouts[WSI_WAYLAND_LAYOUTS];

struct wp_color_management_surface_v1;
struct wp_color_manager_v1;
struct wp_commit_timer_v1;
struct wp_commit_timing_manager_v1;
struct wp_fifo_manager_v1;
struct wp_fifo_v1;
struct wp_linux_drm_syncobj_manager_v1;
struct wp_linux_drm_syncobj_surface_v1;
struct wp_presentation;
struct wp_tearing_control_manager_v1;
struct wp_tearing_control_v1;
struct zwp_linux_dmabuf_feedback_v1;
struct zwp_linux_dmabuf_v1;

/* A kind of dma-buf that the compositor takes. */
struct wsi_wayland_dma_buf {
    uint32_t code; /* DRM's for the format */
    struct wsi_modifier_offer offer;
};

struct wsi_wayland_dma_buf_list {
    struct wsi_wayland_dma_buf *kinds;
    size_t count, capacity;
};

/* The compositor may tell again, in tranches, whenever the window's case has changed. */
struct wsi_wayland_dma_bufs {
    struct zwp_linux_dmabuf_feedback_v1 *feedback; /* of the window; NULL: it is told once */

    pthread_mutex_t lock; /* held by whoever dispatches the surface's queue */
    /* Guarded by lock. */
    struct wsi_wayland_dma_buf_list told; /* what it takes */
    uint32_t serial;                      /* of that */
    struct wsi_wayland_dma_buf_list next; /* is being told */
    void *table;
    size_t table_size;
    dev_t main_device, target_device; /* 0: not told */
    uint32_t tranche;
    size_t tranche_first; /* of `next` */
};

/* What the compositor takes. On an event queue of ours: the application's is left alone. */
struct wsi_wayland_surface {
    struct wsi_surface base;
    struct wl_display *display; /* the application's; outlives us */
    struct wl_surface *surface; /* the application's; outlives us */

    struct wl_event_queue *queue;
    struct wl_shm *shm;
    /* NULL: the compositor has no such thing. */
    struct wp_presentation *presentation;
    struct wp_tearing_control_manager_v1 *tearing_manager;
    struct wp_fifo_manager_v1 *fifo_manager;
    struct wp_commit_timing_manager_v1 *timing_manager;
    struct zwp_linux_dmabuf_v1 *dma_buf;
    struct wp_linux_drm_syncobj_manager_v1 *sync_manager;
    struct wp_color_manager_v1 *color_manager;
    struct wsi_wayland_colors colors; /* what that can do */
    clockid_t clock;                  /* of presentation times */
    bool takes_opaque[WSI_WAYLAND_LAYOUTS], takes_alpha[WSI_WAYLAND_LAYOUTS];
    struct wsi_wayland_dma_bufs dma_bufs;

    /* Of which a window may have only one each: made for the first swapchain, used by the one that
     * is not retired. NULL: as above. */
    struct wp_tearing_control_v1 *tearing;
    struct wp_fifo_v1 *fifo;
    struct wp_commit_timer_v1 *timer;
    bool tears; /* the window's hint; whoever shows that swapchain's frames */
    /* Likewise, while the colours of a swapchain are ours to describe; and the newest of such. */
    struct wp_color_management_surface_v1 *color;
    const struct wsi_wayland_color *color_user;
    /* Likewise, while its frames are dma-bufs with points. */
    struct wp_linux_drm_syncobj_surface_v1 *sync;
};

/* Its place among wsi_wayland_layouts[]; -1: none. */
int wsi_wayland_find_layout(VkFormat format);
/* wl_shm's code for frames of that format; false if the compositor does not take them. */
bool wsi_wayland_find_code(const struct wsi_wayland_surface *surface, VkFormat format, bool opaque,
                           uint32_t *out);

/* Reads what the compositor has said, without waiting for more; false if the connection is lost.
 * Any thread. */
BASE_MUST_CHECK bool wsi_wayland_read_events(struct wl_display *display,
                                             struct wl_event_queue *queue);

/* Makes what a window has only one of, unless it is there; gives back what frames in that colour
 * space do not need. */
void wsi_wayland_prepare_window(struct wsi_wayland_surface *surface, VkColorSpaceKHR space);

VkResult wsi_wayland_create_target(struct wsi_surface *surface, struct wsi_swapchain *swapchain,
                                   struct wsi_target **out);

#endif
