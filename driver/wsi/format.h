/* Formats of frames. */
#ifndef WSI_FORMAT_H
#define WSI_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

/* What a swapchain's images may be used for, as every device allows for its formats. */
#define WSI_IMAGE_USAGE                                                                            \
    (VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT |                           \
     VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |                            \
     VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT)

/* Bytes of a pixel; 0 for formats that no window system takes from us. */
uint32_t wsi_format_pixel_size(VkFormat format);
/* Whether the device can draw images of it and copy them out. */
bool wsi_format_is_usable(VkPhysicalDevice physical_device, VkFormat format);

#endif
