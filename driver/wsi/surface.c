#include "driver/wsi/surface.h"

#include <string.h>

#include "driver/drv_entry.h"
#include "driver/instance.h"
#include "driver/physical_device.h"

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
        surface->best_road = WSI_ROAD_DIRECT;
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

bool
wsi_queue_family_can_present(VkPhysicalDevice handle, uint32_t family)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    const VkQueueFlags copies =
        VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
    return family < device->queue_family_count &&
           device->queue_families[family].queueFlags & copies;
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
