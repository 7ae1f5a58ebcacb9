/* How frames come from the application's images to the window system, from the way that always
 * works to the best one. */
#ifndef WSI_ROAD_H
#define WSI_ROAD_H

#include <stdbool.h>
#include <stdint.h>

#include <vulkan/vulkan_core.h>

struct drv_physical_device;
struct wsi_offers;
struct wsi_swapchain;

enum wsi_road {
    WSI_ROAD_SHARED_MEMORY, /* copied into memory that both map */
    WSI_ROAD_COPIED,        /* copied into a linear dma-buf */
    WSI_ROAD_DIRECT,        /* not copied: the images are dma-bufs themselves */
};

/* The best road that anything but the window system and the images allows, and none beyond `best`.
 */
enum wsi_road wsi_road_limit(const struct wsi_swapchain *swapchain, enum wsi_road best);
/* The best road of the swapchain's window system and device, and none beyond `best`. On the direct
 * one the swapchain knows its modifiers afterwards. */
enum wsi_road wsi_road_choose(struct wsi_swapchain *swapchain, enum wsi_road best);

/* Whether a swapchain of the same kind would take another road, or other modifiers, now that the
 * window system takes these dma-bufs. Any thread, once there are images. */
bool wsi_road_has_changed(const struct wsi_swapchain *swapchain, const struct wsi_offers *offers);

/* Whether the window system may map what frames are copied to in shared memory. In a guest that is
 * a dma-buf, which may be unwanted. */
bool wsi_road_passes_pages(const struct wsi_swapchain *swapchain);

/* Tells the log how far frames of the device can come, whatever the window system. */
void wsi_road_explain(struct drv_physical_device *device);
/* Tells the log which it is. */
void wsi_road_log(const struct wsi_swapchain *swapchain);
/* No image could be made or handed over on that road. */
void wsi_road_log_refusal(const struct wsi_swapchain *swapchain, VkResult result);

/* The queue family that a window system's GPU is. */
uint32_t wsi_foreign_family(const struct wsi_swapchain *swapchain);

#endif
