/* Frames in a window of X11 as pixmaps: each image, or what it is copied to, is a dma-buf that the
 * server takes as a pixmap (DRI3) and shows when it is told to (Present), so that it copies at most
 * on its own GPU. */
#ifndef WSI_X11_PIXMAP_TARGET_H
#define WSI_X11_PIXMAP_TARGET_H

#include "driver/wsi/x11/x11.h"

/* VK_ERROR_FEATURE_NOT_PRESENT: the server has no such extensions, or a client library is not
 * there.
 */
BASE_MUST_CHECK VkResult wsi_x11_create_pixmap_target(struct wsi_x11_surface *surface,
                                                      struct wsi_swapchain *swapchain,
                                                      const struct wsi_x11_visual *visual,
                                                      struct wsi_target **out);

#endif
