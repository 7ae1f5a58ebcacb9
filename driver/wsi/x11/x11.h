/* Windows of X11: what files of this folder share. */
#ifndef WSI_X11_H
#define WSI_X11_H

#include "driver/wsi/surface.h"
#include "driver/wsi/x11/library.h"

struct wsi_x11_surface {
    struct wsi_surface base;
    const struct wsi_x11_library *x11;
    xcb_connection_t *connection; /* the application's; outlives us */
    xcb_window_t window;
};

/* How pixels lie in a window. */
struct wsi_x11_visual {
    uint8_t depth;
    uint8_t bits_per_pixel;
    bool has_alpha;
    uint32_t format_count;
    VkFormat formats[2]; /* none: we have no such format */
};

/* False if the server has no such visual, or one whose colours are not red, green and blue. */
bool wsi_x11_find_visual(const struct wsi_x11_library *x11, xcb_connection_t *connection,
                         xcb_visualid_t id, struct wsi_x11_visual *out);
BASE_MUST_CHECK VkResult wsi_x11_get_window(const struct wsi_x11_surface *surface,
                                            VkExtent2D *out_extent,
                                            struct wsi_x11_visual *out_visual);

VkResult wsi_x11_create_target(struct wsi_surface *surface, struct wsi_swapchain *swapchain,
                               struct wsi_target **out);

#endif
