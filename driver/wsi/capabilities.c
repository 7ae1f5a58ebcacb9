/* What a window takes, as the application asks for it: VK_KHR_surface,
 * VK_KHR_get_surface_capabilities2 and what is chained to its questions. */
#include <string.h>

#include "driver/drv_entry.h"
#include "driver/instance.h"
#include "driver/physical_device.h"
#include "driver/struct_chain.h"
#include "driver/wsi/format.h"
#include "driver/wsi/surface.h"

static VkResult
describe(VkSurfaceKHR handle, struct wsi_window *out)
{
    struct wsi_surface *surface = wsi_surface_from(handle);
    return surface->ops->describe(surface, out);
}

static VkExtent2D
largest_extent(VkPhysicalDevice physical_device)
{
    uint32_t largest =
        drv_physical_device_from(physical_device)->properties.limits.maxImageDimension2D;
    return (VkExtent2D){largest, largest};
}

static VkSurfaceCapabilitiesKHR
capabilities_of(VkPhysicalDevice physical_device, const struct wsi_window *window)
{
    bool any_size = window->extent.width == UINT32_MAX;
    return (VkSurfaceCapabilitiesKHR){
        .minImageCount = window->min_images,
        .maxImageCount = WSI_MAX_IMAGES,
        .currentExtent = window->extent,
        .minImageExtent = any_size ? (VkExtent2D){1, 1} : window->extent,
        .maxImageExtent = any_size ? largest_extent(physical_device) : window->extent,
        .maxImageArrayLayers = 1,
        .supportedTransforms = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
        .currentTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
        .supportedCompositeAlpha = window->alpha,
        .supportedUsageFlags = WSI_IMAGE_USAGE,
    };
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceCapabilitiesKHR(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                            VkSurfaceCapabilitiesKHR *pSurfaceCapabilities)
{
    struct wsi_window window;
    VkResult result = describe(surface, &window);
    if (result == VK_SUCCESS) {
        *pSurfaceCapabilities = capabilities_of(physicalDevice, &window);
    }
    return result;
}

#if DRV_WSI_DISPLAY
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceCapabilities2EXT(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                             VkSurfaceCapabilities2EXT *pSurfaceCapabilities)
{
    struct wsi_window window;
    VkResult result = describe(surface, &window);
    if (result != VK_SUCCESS) {
        return result;
    }
    const VkSurfaceCapabilitiesKHR capabilities = capabilities_of(physicalDevice, &window);
    pSurfaceCapabilities->minImageCount = capabilities.minImageCount;
    pSurfaceCapabilities->maxImageCount = capabilities.maxImageCount;
    pSurfaceCapabilities->currentExtent = capabilities.currentExtent;
    pSurfaceCapabilities->minImageExtent = capabilities.minImageExtent;
    pSurfaceCapabilities->maxImageExtent = capabilities.maxImageExtent;
    pSurfaceCapabilities->maxImageArrayLayers = capabilities.maxImageArrayLayers;
    pSurfaceCapabilities->supportedTransforms = capabilities.supportedTransforms;
    pSurfaceCapabilities->currentTransform = capabilities.currentTransform;
    pSurfaceCapabilities->supportedCompositeAlpha = capabilities.supportedCompositeAlpha;
    pSurfaceCapabilities->supportedUsageFlags = capabilities.supportedUsageFlags;
    pSurfaceCapabilities->supportedSurfaceCounters = window.counters;
    return VK_SUCCESS;
}
#endif

/* Frames of another size than the window's lie in its upper left corner, where the window system
 * does not stretch them itself. */
static void
get_scaling(VkPhysicalDevice physical_device, const struct wsi_window *window,
            VkSurfacePresentScalingCapabilitiesEXT *out)
{
    bool any_size = window->extent.width == UINT32_MAX;
    out->supportedPresentScaling = any_size ? 0 : VK_PRESENT_SCALING_ONE_TO_ONE_BIT_EXT;
    out->supportedPresentGravityX = any_size ? 0 : VK_PRESENT_GRAVITY_MIN_BIT_EXT;
    out->supportedPresentGravityY = any_size ? 0 : VK_PRESENT_GRAVITY_MIN_BIT_EXT;
    out->minScaledImageExtent = (VkExtent2D){1, 1};
    out->maxScaledImageExtent = largest_extent(physical_device);
}

/* Every frame may have a mode of its own. The one that is asked about comes first: the application
 * may have room for no other. */
static void
get_compatible_modes(const struct wsi_window *window, const VkSurfacePresentModeEXT *about,
                     VkSurfacePresentModeCompatibilityEXT *out)
{
    VkPresentModeKHR modes[WSI_MAX_MODES];
    uint32_t count = 0;
    if (about) {
        modes[count++] = about->presentMode;
    }
    for (uint32_t i = 0; i < window->mode_count; i++) {
        if (!about || window->modes[i] != about->presentMode) {
            modes[count++] = window->modes[i];
        }
    }
    (void)drv_return_array(modes, count, sizeof(modes[0]), &out->presentModeCount,
                           out->pPresentModes);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceCapabilities2KHR(VkPhysicalDevice physicalDevice,
                                             const VkPhysicalDeviceSurfaceInfo2KHR *pSurfaceInfo,
                                             VkSurfaceCapabilities2KHR *pSurfaceCapabilities)
{
    struct wsi_window window;
    VkResult result = describe(pSurfaceInfo->surface, &window);
    if (result != VK_SUCCESS) {
        return result;
    }
    pSurfaceCapabilities->surfaceCapabilities = capabilities_of(physicalDevice, &window);
    for (VkBaseOutStructure *at = pSurfaceCapabilities->pNext; at; at = at->pNext) {
        switch ((int)at->sType) {
        case VK_STRUCTURE_TYPE_SURFACE_PROTECTED_CAPABILITIES_KHR:
            ((VkSurfaceProtectedCapabilitiesKHR *)at)->supportsProtected = VK_FALSE;
            break;
        case VK_STRUCTURE_TYPE_SURFACE_PRESENT_SCALING_CAPABILITIES_EXT:
            get_scaling(physicalDevice, &window, (VkSurfacePresentScalingCapabilitiesEXT *)at);
            break;
        case VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_COMPATIBILITY_EXT:
            get_compatible_modes(
                &window,
                drv_find_struct(pSurfaceInfo->pNext, VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_EXT),
                (VkSurfacePresentModeCompatibilityEXT *)at);
            break;
#ifdef VK_KHR_present_id2
        case VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_PRESENT_ID_2_KHR:
            ((VkSurfaceCapabilitiesPresentId2KHR *)at)->presentId2Supported = VK_TRUE;
            break;
        case VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_PRESENT_WAIT_2_KHR:
            ((VkSurfaceCapabilitiesPresentWait2KHR *)at)->presentWait2Supported = VK_TRUE;
            break;
#endif
#ifdef VK_EXT_present_timing
        case VK_STRUCTURE_TYPE_PRESENT_TIMING_SURFACE_CAPABILITIES_EXT:
            wsi_get_timing_capabilities(window.seen, (VkPresentTimingSurfaceCapabilitiesEXT *)at);
            break;
#endif
        default: break;
        }
    }
    return VK_SUCCESS;
}

/* --- formats: those of the window that the device can draw --- */

static VkResult
list_formats(VkPhysicalDevice physical_device, VkSurfaceKHR surface,
             VkSurfaceFormatKHR formats[WSI_MAX_FORMATS], uint32_t *count)
{
    struct wsi_window window;
    VkResult result = describe(surface, &window);
    *count = 0;
    bool knows_others = drv_instance_has_extension(wsi_surface_from(surface)->instance,
                                                   VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME);
    for (uint32_t i = 0; result == VK_SUCCESS && i < window.format_count; i++) {
        VkColorSpaceKHR color_space = window.color_spaces[i];
        if ((color_space == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR || knows_others) &&
            wsi_format_is_usable(physical_device, window.formats[i])) {
            formats[*count].format = window.formats[i];
            formats[*count].colorSpace = color_space;
            ++*count;
        }
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceFormatsKHR(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                       uint32_t *pSurfaceFormatCount,
                                       VkSurfaceFormatKHR *pSurfaceFormats)
{
    VkSurfaceFormatKHR formats[WSI_MAX_FORMATS];
    uint32_t count;
    VkResult result = list_formats(physicalDevice, surface, formats, &count);
    if (result != VK_SUCCESS) {
        return result;
    }
    return drv_return_array(formats, count, sizeof(formats[0]), pSurfaceFormatCount,
                            pSurfaceFormats);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceFormats2KHR(VkPhysicalDevice physicalDevice,
                                        const VkPhysicalDeviceSurfaceInfo2KHR *pSurfaceInfo,
                                        uint32_t *pSurfaceFormatCount,
                                        VkSurfaceFormat2KHR *pSurfaceFormats)
{
    VkSurfaceFormatKHR formats[WSI_MAX_FORMATS];
    uint32_t count;
    VkResult result = list_formats(physicalDevice, pSurfaceInfo->surface, formats, &count);
    if (result != VK_SUCCESS || !pSurfaceFormats) {
        *pSurfaceFormatCount = count;
        return result;
    }
    result = *pSurfaceFormatCount < count ? VK_INCOMPLETE : VK_SUCCESS;
    if (*pSurfaceFormatCount > count) {
        *pSurfaceFormatCount = count;
    }
    for (uint32_t i = 0; i < *pSurfaceFormatCount; i++) {
        pSurfaceFormats[i].surfaceFormat = formats[i];
    }
    return result;
}

/* --- the rest --- */

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfacePresentModesKHR(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                            uint32_t *pPresentModeCount,
                                            VkPresentModeKHR *pPresentModes)
{
    struct wsi_window window;
    VkResult result = describe(surface, &window);
    if (result != VK_SUCCESS) {
        return result;
    }
    return drv_return_array(window.modes, window.mode_count, sizeof(window.modes[0]),
                            pPresentModeCount, pPresentModes);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDevicePresentRectanglesKHR(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                          uint32_t *pRectCount, VkRect2D *pRects)
{
    struct wsi_window window;
    VkResult result = describe(surface, &window);
    if (result != VK_SUCCESS) {
        return result;
    }
    const VkRect2D whole = {.extent = window.extent};
    return drv_return_array(&whole, 1, sizeof(whole), pRectCount, pRects);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceSupportKHR(VkPhysicalDevice physicalDevice, uint32_t queueFamilyIndex,
                                       VkSurfaceKHR surface, VkBool32 *pSupported)
{
    struct wsi_window window;
    *pSupported = VK_FALSE;
    VkResult result = describe(surface, &window);
    if (result == VK_SUCCESS) {
        *pSupported = wsi_queue_family_can_present(physicalDevice, queueFamilyIndex) &&
                      window.format_count > 0;
    }
    return result;
}
