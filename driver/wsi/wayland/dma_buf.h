/* Frames as dma-bufs (linux-dmabuf): which ones the compositor takes, and handing them over. */
#ifndef WSI_WAYLAND_DMA_BUF_H
#define WSI_WAYLAND_DMA_BUF_H

#include "driver/wsi/swapchain.h"
#include "driver/wsi/wayland/wayland.h"

enum { WSI_WAYLAND_OFFERS = 128 };

/* Of one format. */
struct wsi_wayland_offers {
    uint32_t serial; /* changes with them */
    uint32_t code;   /* DRM's for the format */
    uint32_t count;
    struct wsi_modifier_offer modifiers[WSI_WAYLAND_OFFERS];
};

void wsi_wayland_init_dma_bufs(struct wsi_wayland_surface *surface);
/* Asks which dma-bufs the compositor takes in that window; the answer is there after the next round
 * trip on the surface's queue. The surface has just bound `dma_buf`. */
void wsi_wayland_ask_for_dma_bufs(struct wsi_wayland_surface *surface);
/* That round trip is over. */
void wsi_wayland_have_dma_bufs(struct wsi_wayland_surface *surface);
void wsi_wayland_finish_dma_bufs(struct wsi_wayland_surface *surface);

/* Handles what was read from the connection. False: that is lost. Any thread. */
BASE_MUST_CHECK bool wsi_wayland_hear_dma_bufs(struct wsi_wayland_surface *surface,
                                               uint32_t *out_serial);
/* The modifiers that the compositor takes for frames of that format; those of highest rank, if
 * there are more than WSI_WAYLAND_OFFERS. Any thread. */
void wsi_wayland_find_dma_bufs(struct wsi_wayland_surface *surface, VkFormat format, bool opaque,
                               struct wsi_wayland_offers *out);
struct wsi_offers wsi_wayland_offers_of(const struct wsi_wayland_offers *offers);

/* A buffer of the compositor's on the pixels' dma-buf; its events come to `queue`. NULL: refused.
 */
struct wl_buffer *wsi_wayland_create_dma_buf(const struct wsi_wayland_surface *surface,
                                             const struct wsi_pixels *pixels, uint32_t code,
                                             struct wl_event_queue *queue);

#endif
