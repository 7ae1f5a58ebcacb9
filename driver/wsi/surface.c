#include "driver/wsi/surface.h"

#include "driver/drv_entry.h"
#include "driver/instance.h"
#include "driver/physical_device.h"
#include "driver/struct_chain.h"
#include "driver/wsi/format.h"

void *
wsi_surface_create(VkInstance handle, const VkAllocationCallbacks *allocator, size_t size,
                   const struct wsi_surface_ops *ops)
{
    struct drv_instance *instance = drv_instance_from(handle);
    struct wsi_surface *surface = drv_object_create(instance->object.client, instance->allocator,
                                                    allocator, size, VK_OBJECT_TYPE_SURFACE_KHR);
    if (surface) {
        surface->ops = ops;
        surface->instance = instance;
    }
    return surface;
}

void
wsi_surface_free(struct wsi_surface *surface, const VkAllocationCallbacks *allocator)
{
    drv_object_destroy(surface->instance->allocator, allocator, surface);
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroySurfaceKHR(VkInstance instance, VkSurfaceKHR surface,
                      const VkAllocationCallbacks *pAllocator)
{
    if (surface) {
        wsi_surface_from(surface)->ops->destroy(wsi_surface_from(surface), pAllocator);
    }
}

/* --- what a device and a window can do together --- */

bool
wsi_queue_family_can_present(VkPhysicalDevice handle, uint32_t family)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    const VkQueueFlags copies =
        VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
    return family < device->queue_family_count &&
           device->queue_families[family].queueFlags & copies;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceSupportKHR(VkPhysicalDevice physicalDevice, uint32_t queueFamilyIndex,
                                       VkSurfaceKHR surface, VkBool32 *pSupported)
{
    struct wsi_window window;
    *pSupported = VK_FALSE;
    VkResult result = wsi_surface_from(surface)->ops->describe(wsi_surface_from(surface), &window);
    if (result == VK_SUCCESS) {
        *pSupported = wsi_queue_family_can_present(physicalDevice, queueFamilyIndex) &&
                      window.format_count > 0;
    }
    return result;
}

static void
get_capabilities(const struct drv_physical_device *device, const struct wsi_window *window,
                 VkSurfaceCapabilitiesKHR *out)
{
    uint32_t largest = device->properties.limits.maxImageDimension2D;
    bool free_size = window->extent.width == UINT32_MAX;

    *out = (VkSurfaceCapabilitiesKHR){
        .minImageCount = window->min_images,
        .maxImageCount = 0,
        .currentExtent = window->extent,
        .minImageExtent = free_size ? (VkExtent2D){1, 1} : window->extent,
        .maxImageExtent = free_size ? (VkExtent2D){largest, largest} : window->extent,
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
    VkResult result = wsi_surface_from(surface)->ops->describe(wsi_surface_from(surface), &window);
    if (result == VK_SUCCESS) {
        get_capabilities(drv_physical_device_from(physicalDevice), &window, pSurfaceCapabilities);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfaceFormatsKHR(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                       uint32_t *pSurfaceFormatCount,
                                       VkSurfaceFormatKHR *pSurfaceFormats)
{
    struct wsi_window window;
    VkSurfaceFormatKHR formats[WSI_MAX_FORMATS];
    uint32_t count = 0;

    VkResult result = wsi_surface_from(surface)->ops->describe(wsi_surface_from(surface), &window);
    if (result != VK_SUCCESS) {
        return result;
    }
    for (uint32_t i = 0; i < window.format_count; i++) {
        if (wsi_format_is_usable(physicalDevice, window.formats[i])) {
            formats[count++] =
                (VkSurfaceFormatKHR){window.formats[i], VK_COLOR_SPACE_SRGB_NONLINEAR_KHR};
        }
    }
    return drv_return_array(formats, count, sizeof(formats[0]), pSurfaceFormatCount,
                            pSurfaceFormats);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceSurfacePresentModesKHR(VkPhysicalDevice physicalDevice, VkSurfaceKHR surface,
                                            uint32_t *pPresentModeCount,
                                            VkPresentModeKHR *pPresentModes)
{
    struct wsi_window window;
    VkResult result = wsi_surface_from(surface)->ops->describe(wsi_surface_from(surface), &window);
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
    VkResult result = wsi_surface_from(surface)->ops->describe(wsi_surface_from(surface), &window);
    if (result != VK_SUCCESS) {
        return result;
    }
    const VkRect2D whole = {.extent = window.extent};
    return drv_return_array(&whole, 1, sizeof(whole), pRectCount, pRects);
}

/* --- device groups: each device is a group of its own, so only the local mode makes sense --- */

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDeviceGroupPresentCapabilitiesKHR(
    VkDevice device, VkDeviceGroupPresentCapabilitiesKHR *pDeviceGroupPresentCapabilities)
{
    memset(pDeviceGroupPresentCapabilities->presentMask, 0,
           sizeof(pDeviceGroupPresentCapabilities->presentMask));
    pDeviceGroupPresentCapabilities->presentMask[0] = 1;
    pDeviceGroupPresentCapabilities->modes = VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDeviceGroupSurfacePresentModesKHR(VkDevice device, VkSurfaceKHR surface,
                                         VkDeviceGroupPresentModeFlagsKHR *pModes)
{
    *pModes = VK_DEVICE_GROUP_PRESENT_MODE_LOCAL_BIT_KHR;
    return VK_SUCCESS;
}
