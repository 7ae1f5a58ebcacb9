#include "driver/location.h"

#include "driver/instance.h"
#include "driver/physical_device.h"
#include "driver/ring.h"
#include "transport/transport.h"

static const struct tp_transport *
transport_of(const struct drv_physical_device *device)
{
    return device->instance->ring->transport;
}

static void
offer(struct drv_physical_device *device, const char *name, bool offered)
{
    const struct proto_extension *extension = proto_extension_find(name);

    if (extension && offered) {
        drv_extension_set_add(&device->extensions, extension);
    } else if (extension) {
        drv_extension_set_remove(&device->extensions, extension);
    }
}

/* On one kernel the host's PCI device is the application's, too. */
void
drv_location_offer(struct drv_physical_device *device)
{
    const struct tp_transport *transport = transport_of(device);

    offer(device, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME, transport->device.has_render_node);
    if (!transport->same_kernel) {
        offer(device, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME, transport->device.has_pci);
    }
}

static void
fill_drm(const struct tp_device *from, VkPhysicalDeviceDrmPropertiesEXT *out)
{
    out->hasPrimary = from->has_primary_node;
    out->hasRender = from->has_render_node;
    out->primaryMajor = from->primary_major;
    out->primaryMinor = from->primary_minor;
    out->renderMajor = from->render_major;
    out->renderMinor = from->render_minor;
}

static void
fill_pci(const struct tp_device *from, VkPhysicalDevicePCIBusInfoPropertiesEXT *out)
{
    out->pciDomain = from->pci_domain;
    out->pciBus = from->pci_bus;
    out->pciDevice = from->pci_device;
    out->pciFunction = from->pci_function;
}

void
drv_location_fill(const struct drv_physical_device *device, VkBaseOutStructure *structure)
{
    const struct tp_device *from = &transport_of(device)->device;

    if (structure->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT &&
        from->has_render_node) {
        fill_drm(from, (VkPhysicalDeviceDrmPropertiesEXT *)structure);
    } else if (structure->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT &&
               from->has_pci) {
        fill_pci(from, (VkPhysicalDevicePCIBusInfoPropertiesEXT *)structure);
    }
}
