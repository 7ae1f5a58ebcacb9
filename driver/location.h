/* Where the device is, to the machine that the application runs on: what VK_EXT_physical_device_drm
 * and VK_EXT_pci_bus_info tell. The transport knows; the host's addresses mean nothing in a guest.
 * Any thread. */
#ifndef DRV_LOCATION_H
#define DRV_LOCATION_H

#include <vulkan/vulkan_core.h>

struct drv_physical_device;

/* Adds or removes the extensions, once the renderer's are known. */
void drv_location_offer(struct drv_physical_device *device);
/* Fills a structure of a VkPhysicalDeviceProperties2 chain, if it is one of ours. */
void drv_location_fill(const struct drv_physical_device *device, VkBaseOutStructure *structure);

#endif
