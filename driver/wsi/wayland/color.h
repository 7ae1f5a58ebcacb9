/* Colours of frames (color-management-v1): which of Vulkan's colour spaces the compositor takes,
 * and telling it what the pixels mean.
 *
 * Windows in sRGB, and those whose colours are the application's business
 * (VK_COLOR_SPACE_PASS_THROUGH_EXT), are never described: compositors take what nobody describes
 * for sRGB, and an application may describe it by itself. */
#ifndef WSI_WAYLAND_COLOR_H
#define WSI_WAYLAND_COLOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "driver/wsi/surface.h"
#include "driver/wsi/wayland/library.h"

struct wp_color_manager_v1;
struct wp_image_description_v1;
struct wsi_wayland_surface;

/* What the compositor says that it can do: bit N is the value N of the protocol's enumeration. */
struct wsi_wayland_colors {
    uint32_t intents, features, transfers, primaries;
};

/* Asks; the answer is there after the next round trip on the surface's queue. The surface has just
 * bound `color_manager`. */
void wsi_wayland_ask_for_colors(struct wsi_wayland_surface *surface);
/* Whether frames of that format can be in that colour space. */
bool wsi_wayland_takes_colors(const struct wsi_wayland_surface *surface, VkFormat format,
                              VkColorSpaceKHR space);
/* Whether we are to tell the compositor of it. */
bool wsi_wayland_describes_colors(VkColorSpaceKHR space);

/* What a swapchain's frames look like. Of whoever shows them, but for
 * wsi_wayland_color_end(). */
struct wsi_wayland_color {
    /* Constant. */
    struct wsi_wayland_surface *window;
    VkColorSpaceKHR space;
    struct wl_event_queue *queue;        /* of answers; NULL: nothing is described */
    struct wp_color_manager_v1 *manager; /* a wrapper: answers come to that queue */

    struct wp_image_description_v1 *next; /* to be told with the next frame; NULL: nothing new */
    uint32_t hdr_serial;                  /* of the metadata that were told last */
    _Atomic bool ended;
};

/* The window has its object. VK_ERROR_INITIALIZATION_FAILED: the compositor refuses what it has
 * said that it can do. */
BASE_MUST_CHECK VkResult wsi_wayland_color_init(struct wsi_wayland_color *color,
                                                struct wsi_wayland_surface *window,
                                                VkColorSpaceKHR space);
/* No answer is waited for any more. Any thread. */
void wsi_wayland_color_end(struct wsi_wayland_color *color);
/* Without such swapchains the window has no object: it is the application's to describe. Accepts
 * zeroes. */
void wsi_wayland_color_finish(struct wsi_wayland_color *color);
/* Whether the next would have to wait for the compositor's answer to a question. */
bool wsi_wayland_color_asks(const struct wsi_wayland_color *color, const struct wsi_frame *frame);
/* The next commit is that frame. */
void wsi_wayland_color_describe(struct wsi_wayland_color *color, const struct wsi_frame *frame);

#endif
