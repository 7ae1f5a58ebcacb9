/* The images of a swapchain that the window system reads themselves: each a dma-buf with a modifier
 * (driver/wsi/modifiers.h), so that frames are not copied. */
#ifndef WSI_DIRECT_IMAGE_H
#define WSI_DIRECT_IMAGE_H

#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct wsi_image;
struct wsi_swapchain;

/* Creates image and memory, and fills the pixels with where the planes are. */
BASE_MUST_CHECK VkResult wsi_direct_image_init(struct wsi_swapchain *swapchain,
                                               struct wsi_image *image);
/* One more that lies in memory as the first does; without memory. */
BASE_MUST_CHECK VkResult wsi_direct_image_create_alias(struct wsi_swapchain *swapchain,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkImage *out);
/* Memory for an alias: that of image `index`, once more. Memory that was allocated for one image
 * takes no other, so it is an import of the same dma-buf; freed by the alias, with the device's
 * allocator. */
BASE_MUST_CHECK VkResult wsi_direct_image_import(struct wsi_swapchain *swapchain, uint32_t index,
                                                 VkImage alias, VkDeviceMemory *out);

#endif
