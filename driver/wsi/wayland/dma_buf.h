/* Frames as dma-bufs (linux-dmabuf): which ones the compositor takes, and handing them over. */
#ifndef WSI_WAYLAND_DMA_BUF_H
#define WSI_WAYLAND_DMA_BUF_H

#include "driver/wsi/swapchain.h"
#include "driver/wsi/wayland/wayland.h"

enum { WSI_WAYLAND_OFFERS = 128 };

/* Asks which dma-bufs the compositor takes; the answer is there after the next round trip on the
 * surface's queue. The surface has just bound `dma_buf`. */
void wsi_wayland_ask_for_dma_bufs(struct wsi_wayland_surface *surface);
/* The answer has come, or never will. */
void wsi_wayland_end_asking(struct wsi_wayland_surface *surface);
void wsi_wayland_forget_dma_bufs(struct wsi_wayland_surface *surface);
/* DRM's code for frames of that format, and the modifiers that the compositor takes with it; no
 * more than WSI_WAYLAND_OFFERS. False if there are none. */
bool wsi_wayland_find_dma_bufs(const struct wsi_wayland_surface *surface, VkFormat format,
                               bool opaque, uint32_t *out_code,
                               struct wsi_modifier_offer *out_offers, uint32_t *out_count);
/* A buffer of the compositor's on the pixels' dma-buf; its events come to `queue`. NULL: refused.
 */
struct wl_buffer *wsi_wayland_create_dma_buf(const struct wsi_wayland_surface *surface,
                                             const struct wsi_pixels *pixels, uint32_t code,
                                             struct wl_event_queue *queue);

#endif
