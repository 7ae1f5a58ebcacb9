#include "driver/wsi/format.h"

#include "driver/drv_entry.h"

uint32_t
wsi_format_pixel_size(VkFormat format)
{
    switch (format) {
    case VK_FORMAT_R5G6B5_UNORM_PACK16: return 2;
    case VK_FORMAT_B8G8R8A8_UNORM:
    case VK_FORMAT_B8G8R8A8_SRGB:
    case VK_FORMAT_R8G8B8A8_UNORM:
    case VK_FORMAT_R8G8B8A8_SRGB:
    case VK_FORMAT_A2R10G10B10_UNORM_PACK32:
    case VK_FORMAT_A2B10G10R10_UNORM_PACK32: return 4;
    case VK_FORMAT_R16G16B16A16_SFLOAT: return 8;
    default: return 0;
    }
}

bool
wsi_format_is_usable(VkPhysicalDevice physical_device, VkFormat format)
{
    VkImageFormatProperties properties;
    return drv_GetPhysicalDeviceImageFormatProperties(physical_device, format, VK_IMAGE_TYPE_2D,
                                                      VK_IMAGE_TILING_OPTIMAL, WSI_IMAGE_USAGE, 0,
                                                      &properties) == VK_SUCCESS;
}
