/* Surfaces on displays: what surface.c and target.c share. */
#ifndef WSI_DISPLAY_TARGET_H
#define WSI_DISPLAY_TARGET_H

#include "driver/wsi/display/kms.h"
#include "driver/wsi/surface.h"

struct wsi_display_surface {
    struct wsi_surface base;
    struct wsi_display *display;
    const struct wsi_display_mode *mode;
    uint32_t plane;
    VkExtent2D extent; /* of images, as the application wants them */
};

/* How many frames its display has begun. VK_ERROR_OUT_OF_DATE_KHR: nobody knows. */
VkResult wsi_display_read_counter(struct wsi_surface *surface, uint64_t *out);
VkResult wsi_display_create_target(struct wsi_surface *surface, struct wsi_swapchain *swapchain,
                                   struct wsi_target **out);

#endif
