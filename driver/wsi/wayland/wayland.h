/* Windows of Wayland: what files of this folder share. */
#ifndef WSI_WAYLAND_H
#define WSI_WAYLAND_H

#include "driver/wsi/surface.h"
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

/* What the compositor takes. On an event queue of ours: the application's is left alone. */
struct wsi_wayland_surface {
    struct wsi_surface base;
    struct wl_display *display; /* the application's; outlives us */
    struct wl_surface *surface; /* the application's; outlives us */

    struct wl_event_queue *queue;
    struct wl_registry *registry;
    struct wl_shm *shm;
    bool takes_opaque[WSI_WAYLAND_LAYOUTS], takes_alpha[WSI_WAYLAND_LAYOUTS];
};

/* wl_shm's code for frames of that format; false if the compositor does not take them. */
bool wsi_wayland_find_code(const struct wsi_wayland_surface *surface, VkFormat format, bool opaque,
                           uint32_t *out);

VkResult wsi_wayland_create_target(struct wsi_surface *surface, struct wsi_swapchain *swapchain,
                                   struct wsi_target **out);

#endif
