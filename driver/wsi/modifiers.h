/* DRM format modifiers: how the pixels of a dma-buf lie in memory, beyond rows one after another.
 * A window system says which it takes, a device which it makes; images that both know go to the
 * window without a copy. */
#ifndef WSI_MODIFIERS_H
#define WSI_MODIFIERS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#define WSI_MODIFIER_LINEAR UINT64_C(0)                   /* DRM_FORMAT_MOD_LINEAR */
#define WSI_MODIFIER_INVALID UINT64_C(0x00ffffffffffffff) /* DRM_FORMAT_MOD_INVALID */

enum {
    WSI_MAX_MODIFIERS = 64, /* for one format; what is beyond is left alone */
    WSI_MAX_PLANES = 4,     /* of memory, for one modifier */
};

struct drv_physical_device;
struct wsi_swapchain;

/* Images that a window system may be given. */
struct wsi_image_kind {
    struct drv_physical_device *device;
    const VkImageCreateInfo *info;
    const VkFormat *view_formats;
    uint32_t view_format_count;
};

/* What a window system takes for the frames of a swapchain. */
struct wsi_modifier_offer {
    uint64_t modifier;
    uint32_t rank; /* of several ranks with one that the device makes too, the lowest is used */
};

/* Which dma-bufs a window system takes for the frames of a swapchain. */
struct wsi_offers {
    bool takes_linear; /* for frames to be copied to */
    /* The modifiers that it takes, for images that are dma-bufs themselves. */
    const struct wsi_modifier_offer *modifiers;
    uint32_t count;
};

/* A set; the device chooses among them. */
struct wsi_modifiers {
    uint32_t count;
    uint64_t values[WSI_MAX_MODIFIERS];
    uint8_t plane_counts[WSI_MAX_MODIFIERS]; /* of memory, at most WSI_MAX_PLANES each */
};

/* Those that images of the kind can have as dma-bufs. */
void wsi_modifiers_made(const struct wsi_image_kind *kind, struct wsi_modifiers *out);
/* Those that window system and device agree on for the swapchain's images. */
void wsi_modifiers_agree(const struct wsi_swapchain *swapchain, const struct wsi_offers *offers,
                         struct wsi_modifiers *out);

#endif
