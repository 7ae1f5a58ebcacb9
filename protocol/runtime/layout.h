/* Image layouts as they travel. The images that windows show are ordinary images to the renderer,
 * whose host may not know the layout for presenting, so it is GENERAL there: valid for every image
 * and every use, the copy that presents it included. */
#ifndef PROTO_LAYOUT_H
#define PROTO_LAYOUT_H

#include <vulkan/vulkan_core.h>

static inline VkImageLayout
proto_layout(VkImageLayout layout)
{
    return layout == VK_IMAGE_LAYOUT_PRESENT_SRC_KHR ? VK_IMAGE_LAYOUT_GENERAL : layout;
}

#endif
