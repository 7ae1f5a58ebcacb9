/* Questions about a physical device. What was remembered is answered here; a chain of structures
 * goes to the renderer, and what we say differently is put over its answer. */
#include <stdio.h>
#include <string.h>

#include "driver/drv_entry.h"
#include "driver/host_pages.h"
#include "driver/location.h"
#include "driver/memory_map.h"
#include "driver/physical_device.h"
#include "driver/struct_chain.h"
#include "driver/wsi/features.h"
#include "protocol/proto_encode.h"
#include "protocol/runtime/reply.h"

VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumerateDeviceExtensionProperties(VkPhysicalDevice handle, const char *pLayerName,
                                       uint32_t *pPropertyCount, VkExtensionProperties *pProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    uint32_t count = 0;

    if (pLayerName) {
        *pPropertyCount = 0;
        return VK_ERROR_LAYER_NOT_PRESENT;
    }
    uint32_t room = pProperties ? *pPropertyCount : UINT32_MAX;
    for (uint32_t i = 0; i < proto_extension_count; i++) {
        const struct proto_extension *extension = &proto_extensions[i];
        if (!drv_extension_set_has(&device->extensions, extension)) {
            continue;
        }
        if (count == room) {
            *pPropertyCount = count;
            return VK_INCOMPLETE;
        }
        if (pProperties) {
            VkExtensionProperties *out = &pProperties[count];
            *out = (VkExtensionProperties){.specVersion = device->spec_versions[i]};
            snprintf(out->extensionName, sizeof(out->extensionName), "%s", extension->name);
        }
        count++;
    }
    *pPropertyCount = count;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumerateDeviceLayerProperties(VkPhysicalDevice handle, uint32_t *pPropertyCount,
                                   VkLayerProperties *pProperties)
{
    *pPropertyCount = 0;
    return VK_SUCCESS;
}

/* --- what belongs to extensions that are not offered --- */

bool
drv_physical_device_offers(const struct drv_physical_device *device,
                           const struct proto_chain_entry *structure)
{
    if (structure->core_version != 0 && structure->core_version <= device->properties.apiVersion) {
        return true;
    }
    for (uint32_t i = 0; i < structure->owner_count; i++) {
        uint32_t row = proto_chain_owners[structure->first_owner + i];
        if (drv_extension_set_has(&device->extensions, &proto_extensions[row])) {
            return true;
        }
    }
    return false;
}

/* The renderer may have answered for an extension that we hold back, or that it holds back itself
 * and the host's driver has: to the application that is not there. */
static void
hide_what_is_not_offered(const struct drv_physical_device *device, void *chain)
{
    for (VkBaseOutStructure *at = chain; at; at = at->pNext) {
        const struct proto_chain_entry *entry = proto_chain_entry_of((int32_t)at->sType);
        if (entry && !drv_physical_device_offers(device, entry)) {
            proto_zero_out(at, entry->c_size, true);
        }
    }
}

/* --- properties --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceProperties(VkPhysicalDevice handle, VkPhysicalDeviceProperties *pProperties)
{
    *pProperties = drv_physical_device_from(handle)->properties;
}

/* "Vesper (llvmpipe)": who answers, and who draws. */
static void
rename_driver(const struct drv_physical_device *device, char name[VK_MAX_DRIVER_NAME_SIZE])
{
    int room = VK_MAX_DRIVER_NAME_SIZE - (int)sizeof("Vesper ()");
    memset(name, 0, VK_MAX_DRIVER_NAME_SIZE);
    snprintf(name, VK_MAX_DRIVER_NAME_SIZE, "Vesper (%.*s)", room, device->host_driver_name);
}

/* Opaque descriptors may be exchanged between drivers of the same UUID. Ours are not the host
 * driver's, which the application may have beside us. */
static void
distinguish_driver(uint8_t uuid[VK_UUID_SIZE])
{
    static const char name[] = "Vesper";
    for (size_t i = 0; i < sizeof(name) - 1; i++) {
        uuid[VK_UUID_SIZE - sizeof(name) + 1 + i] ^= (uint8_t)name[i];
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceProperties2(VkPhysicalDevice handle, VkPhysicalDeviceProperties2 *pProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    if (pProperties->pNext) {
        /* If the renderer is gone the chain stays as it was: there is no way to say so. */
        (void)proto_call_vkGetPhysicalDeviceProperties2(device->object.client, handle, pProperties);
    }
    pProperties->properties = device->properties;
    hide_what_is_not_offered(device, pProperties->pNext);
    drv_memory_map_get_properties(pProperties->pNext);
    drv_host_pages_get_properties(pProperties->pNext);

    for (VkBaseOutStructure *at = pProperties->pNext; at; at = at->pNext) {
        switch (at->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES:
            rename_driver(device, ((VkPhysicalDeviceDriverProperties *)at)->driverName);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES:
            distinguish_driver(((VkPhysicalDeviceIDProperties *)at)->driverUUID);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES:
            distinguish_driver(((VkPhysicalDeviceVulkan11Properties *)at)->driverUUID);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES:
            rename_driver(device, ((VkPhysicalDeviceVulkan12Properties *)at)->driverName);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_LAYERED_API_PROPERTIES_LIST_KHR:
            /* Never on the wire: what lies under the host's driver is the host's affair. */
            ((VkPhysicalDeviceLayeredApiPropertiesListKHR *)at)->layeredApiCount = 0;
            break;
        default: drv_location_fill(device, at); break;
        }
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceToolProperties(VkPhysicalDevice handle, uint32_t *pToolCount,
                                    VkPhysicalDeviceToolProperties *pToolProperties)
{
    *pToolCount = 0;
    return VK_SUCCESS;
}

/* --- features --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceFeatures(VkPhysicalDevice handle, VkPhysicalDeviceFeatures *pFeatures)
{
    *pFeatures = drv_physical_device_from(handle)->features;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceFeatures2(VkPhysicalDevice handle, VkPhysicalDeviceFeatures2 *pFeatures)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    if (pFeatures->pNext) {
        (void)proto_call_vkGetPhysicalDeviceFeatures2(device->object.client, handle, pFeatures);
    }
    hide_what_is_not_offered(device, pFeatures->pNext);
    proto_chain_withhold(device->object.client->caps->private_extensions, pFeatures->pNext);
    drv_memory_map_get_features(pFeatures->pNext);
    wsi_get_features(pFeatures->pNext);
    pFeatures->features = device->features;
}

/* --- memory --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceMemoryProperties(VkPhysicalDevice handle,
                                      VkPhysicalDeviceMemoryProperties *pMemoryProperties)
{
    *pMemoryProperties = drv_physical_device_from(handle)->memory;
}

static void
add_other_instances(const struct drv_physical_device *device, void *chain)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget =
        drv_find_out_struct(chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);
    for (uint32_t i = 0; budget && i < device->memory.memoryHeapCount; i++) {
        budget->heapUsage[i] += drv_heap_use_of_others(&device->heap_use, i);
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceMemoryProperties2(VkPhysicalDevice handle,
                                       VkPhysicalDeviceMemoryProperties2 *pMemoryProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    if (pMemoryProperties->pNext) {
        /* Budgets change: asked every time. */
        (void)proto_call_vkGetPhysicalDeviceMemoryProperties2(device->object.client, handle,
                                                              pMemoryProperties);
        add_other_instances(device, pMemoryProperties->pNext);
    }
    hide_what_is_not_offered(device, pMemoryProperties->pNext);
    pMemoryProperties->memoryProperties = device->memory;
}

/* --- queue families --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice handle,
                                           uint32_t *pQueueFamilyPropertyCount,
                                           VkQueueFamilyProperties *pQueueFamilyProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    (void)drv_return_array(device->queue_families, device->queue_family_count,
                           sizeof(*device->queue_families), pQueueFamilyPropertyCount,
                           pQueueFamilyProperties);
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceQueueFamilyProperties2(VkPhysicalDevice handle,
                                            uint32_t *pQueueFamilyPropertyCount,
                                            VkQueueFamilyProperties2 *pQueueFamilyProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    bool chained = false;

    if (!pQueueFamilyProperties) {
        *pQueueFamilyPropertyCount = device->queue_family_count;
        return;
    }
    if (*pQueueFamilyPropertyCount > device->queue_family_count) {
        *pQueueFamilyPropertyCount = device->queue_family_count;
    }
    for (uint32_t i = 0; i < *pQueueFamilyPropertyCount; i++) {
        chained = chained || pQueueFamilyProperties[i].pNext;
    }
    if (chained) {
        uint32_t count = *pQueueFamilyPropertyCount;
        (void)proto_call_vkGetPhysicalDeviceQueueFamilyProperties2(device->object.client, handle,
                                                                   &count, pQueueFamilyProperties);
    }
    for (uint32_t i = 0; i < *pQueueFamilyPropertyCount; i++) {
        hide_what_is_not_offered(device, pQueueFamilyProperties[i].pNext);
        pQueueFamilyProperties[i].queueFamilyProperties = device->queue_families[i];
    }
}

/* --- what can leave the device. The specification wants each handle type to be compatible at least
 * with itself. --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceExternalBufferProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalBufferInfo *pExternalBufferInfo,
    VkExternalBufferProperties *pExternalBufferProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    pExternalBufferProperties->externalMemoryProperties = (VkExternalMemoryProperties){
        .compatibleHandleTypes = pExternalBufferInfo->handleType,
    };
    if (device->shares_memory) {
        (void)proto_call_vkGetPhysicalDeviceExternalBufferProperties(
            device->object.client, handle, pExternalBufferInfo, pExternalBufferProperties);
    }
}

/* A handle of either kind can be had of any payload, but a copy is no reference. */
VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceExternalFenceProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalFenceInfo *pExternalFenceInfo,
    VkExternalFenceProperties *pExternalFenceProperties)
{
    const VkExternalFenceHandleTypeFlags opaque = VK_EXTERNAL_FENCE_HANDLE_TYPE_OPAQUE_FD_BIT;
    const VkExternalFenceHandleTypeFlags sync = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT;
    VkExternalFenceHandleTypeFlags type = pExternalFenceInfo->handleType;
    VkExternalFenceProperties *out = pExternalFenceProperties;

    out->exportFromImportedHandleTypes = 0;
    out->compatibleHandleTypes = type;
    out->externalFenceFeatures = 0;
    if (!(type & (opaque | sync)) ||
        !drv_physical_device_shares_sync_objects(drv_physical_device_from(handle))) {
        return;
    }
    out->exportFromImportedHandleTypes = type == opaque ? opaque | sync : sync;
    out->compatibleHandleTypes = opaque | sync;
    out->externalFenceFeatures =
        VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT;
}

/* The same; but a sync file has no values, so timelines do not come as one. */
VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceExternalSemaphoreProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalSemaphoreInfo *pExternalSemaphoreInfo,
    VkExternalSemaphoreProperties *pExternalSemaphoreProperties)
{
    const VkExternalSemaphoreHandleTypeFlags opaque =
        VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT;
    const VkSemaphoreTypeCreateInfo *semaphore = drv_find_struct(
        pExternalSemaphoreInfo->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    bool timeline = semaphore && semaphore->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
    const VkExternalSemaphoreHandleTypeFlags sync =
        timeline ? 0 : VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
    VkExternalSemaphoreHandleTypeFlags type = pExternalSemaphoreInfo->handleType;
    VkExternalSemaphoreProperties *out = pExternalSemaphoreProperties;

    out->exportFromImportedHandleTypes = 0;
    out->compatibleHandleTypes = type;
    out->externalSemaphoreFeatures = 0;
    if (!(type & (opaque | sync)) ||
        !drv_physical_device_shares_sync_objects(drv_physical_device_from(handle))) {
        return;
    }
    out->exportFromImportedHandleTypes = type == opaque ? opaque | sync : sync;
    out->compatibleHandleTypes = opaque | sync;
    out->externalSemaphoreFeatures =
        VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
}
