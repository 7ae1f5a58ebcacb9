/* Frames as dma-bufs (linux-dmabuf): which ones the compositor takes, and handing them over. */
#ifndef WSI_WAYLAND_DMA_BUF_H
#define WSI_WAYLAND_DMA_BUF_H

#include "driver/wsi/swapchain.h"
#include "driver/wsi/wayland/wayland.h"

/* Asks which linear dma-bufs the compositor takes; the answer is there after the next round trip on
 * the surface's queue. The surface has just bound `dma_buf`. */
void wsi_wayland_ask_for_dma_bufs(struct wsi_wayland_surface *surface);
/* The answer has come, or never will. */
void wsi_wayland_end_asking(struct wsi_wayland_surface *surface);
/* DRM's code for frames of that format; false if the compositor takes no dma-bufs of it. */
bool wsi_wayland_find_dma_buf_code(const struct wsi_wayland_surface *surface, VkFormat format,
                                   bool opaque, uint32_t *out);
/* A buffer of the compositor's on the pixels' dma-buf; its events come to `queue`. NULL: refused.
 */
struct wl_buffer *wsi_wayland_create_dma_buf(const struct wsi_wayland_surface *surface,
                                             const struct wsi_pixels *pixels, uint32_t code,
                                             struct wl_event_queue *queue);

#endif
