/* VK_EXT_headless_surface: a window without a window system. Frames are finished and dropped. */
#include "driver/drv_entry.h"
#include "driver/wsi/surface.h"

static VkResult
describe(struct wsi_surface *surface, struct wsi_window *out)
{
    *out = (struct wsi_window){
        .extent = {UINT32_MAX, UINT32_MAX},
        .alpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR | VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR |
                 VK_COMPOSITE_ALPHA_PRE_MULTIPLIED_BIT_KHR |
                 VK_COMPOSITE_ALPHA_POST_MULTIPLIED_BIT_KHR,
        .min_images = 2,
        .formats = {VK_FORMAT_B8G8R8A8_SRGB, VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_R8G8B8A8_SRGB,
                    VK_FORMAT_R8G8B8A8_UNORM, VK_FORMAT_A2B10G10R10_UNORM_PACK32,
                    VK_FORMAT_A2R10G10B10_UNORM_PACK32, VK_FORMAT_R16G16B16A16_SFLOAT},
        .format_count = 7,
        .modes = {VK_PRESENT_MODE_IMMEDIATE_KHR, VK_PRESENT_MODE_MAILBOX_KHR,
                  VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_FIFO_RELAXED_KHR,
                  VK_PRESENT_MODE_FIFO_LATEST_READY_EXT},
        .mode_count = 5,
    };
    return VK_SUCCESS;
}

static const struct wsi_surface_ops ops = {
    .name = "headless",
    .describe = describe,
    .destroy = wsi_surface_free,
};

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateHeadlessSurfaceEXT(VkInstance instance, const VkHeadlessSurfaceCreateInfoEXT *pCreateInfo,
                             const VkAllocationCallbacks *pAllocator, VkSurfaceKHR *pSurface)
{
    struct wsi_surface *surface = wsi_surface_create(instance, pAllocator, sizeof(*surface), &ops);
    if (!surface) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    *pSurface = (VkSurfaceKHR)(uintptr_t)surface;
    return VK_SUCCESS;
}
