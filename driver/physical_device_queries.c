/* Questions about a physical device. What was remembered is answered here; a chain of structures
 * goes to the renderer, and what we say differently is put over its answer. */
#include <stdio.h>
#include <string.h>

#include "driver/drv_entry.h"
#include "driver/physical_device.h"
#include "driver/struct_chain.h"
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
            *out = (VkExtensionProperties){.specVersion = extension->spec_version};
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

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceProperties2(VkPhysicalDevice handle, VkPhysicalDeviceProperties2 *pProperties)
{
    const struct drv_physical_device *device = drv_physical_device_from(handle);
    if (pProperties->pNext) {
        /* If the renderer is gone the chain stays as it was: there is no way to say so. */
        (void)proto_call_vkGetPhysicalDeviceProperties2(device->object.client, handle, pProperties);
    }
    pProperties->properties = device->properties;

    for (VkBaseOutStructure *at = pProperties->pNext; at; at = at->pNext) {
        switch (at->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES:
            rename_driver(device, ((VkPhysicalDeviceDriverProperties *)at)->driverName);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES:
            rename_driver(device, ((VkPhysicalDeviceVulkan12Properties *)at)->driverName);
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_LAYERED_API_PROPERTIES_LIST_KHR:
            /* Never on the wire: what lies under the host's driver is the host's affair. */
            ((VkPhysicalDeviceLayeredApiPropertiesListKHR *)at)->layeredApiCount = 0;
            break;
        default: break;
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

/* The extensions are held back (physical_device.c says why), so their features must be too. */
static void
withdraw_ray_tracing(VkBaseOutStructure *structure)
{
    static const struct {
        VkStructureType type;
        size_t size;
    } withheld[] = {
        {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR,
         sizeof(VkPhysicalDeviceAccelerationStructureFeaturesKHR)},
        {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR,
         sizeof(VkPhysicalDeviceRayTracingPipelineFeaturesKHR)},
        {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_QUERY_FEATURES_KHR,
         sizeof(VkPhysicalDeviceRayQueryFeaturesKHR)},
        {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_MAINTENANCE_1_FEATURES_KHR,
         sizeof(VkPhysicalDeviceRayTracingMaintenance1FeaturesKHR)},
        {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_POSITION_FETCH_FEATURES_KHR,
         sizeof(VkPhysicalDeviceRayTracingPositionFetchFeaturesKHR)},
    };
    for (size_t i = 0; i < BASE_COUNT_OF(withheld); i++) {
        if (structure->sType == withheld[i].type) {
            proto_zero_out(structure, withheld[i].size, true);
        }
    }
}

/* Their commands belong to extensions of NVIDIA's that the protocol does not carry. */
static void
withdraw_vendor_states(VkPhysicalDeviceExtendedDynamicState3FeaturesEXT *features)
{
    features->extendedDynamicState3ViewportWScalingEnable = VK_FALSE;
    features->extendedDynamicState3ViewportSwizzle = VK_FALSE;
    features->extendedDynamicState3CoverageToColorEnable = VK_FALSE;
    features->extendedDynamicState3CoverageToColorLocation = VK_FALSE;
    features->extendedDynamicState3CoverageModulationMode = VK_FALSE;
    features->extendedDynamicState3CoverageModulationTableEnable = VK_FALSE;
    features->extendedDynamicState3CoverageModulationTable = VK_FALSE;
    features->extendedDynamicState3CoverageReductionMode = VK_FALSE;
    features->extendedDynamicState3RepresentativeFragmentTestEnable = VK_FALSE;
    features->extendedDynamicState3ShadingRateImageEnable = VK_FALSE;
}

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
    for (VkBaseOutStructure *at = pFeatures->pNext; at; at = at->pNext) {
        withdraw_ray_tracing(at);
        if (at->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTENDED_DYNAMIC_STATE_3_FEATURES_EXT) {
            withdraw_vendor_states((VkPhysicalDeviceExtendedDynamicState3FeaturesEXT *)at);
        }
    }
    pFeatures->features = device->features;
}

/* --- memory --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceMemoryProperties(VkPhysicalDevice handle,
                                      VkPhysicalDeviceMemoryProperties *pMemoryProperties)
{
    *pMemoryProperties = drv_physical_device_from(handle)->memory;
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
    }
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
        pQueueFamilyProperties[i].queueFamilyProperties = device->queue_families[i];
    }
}

/* --- what can leave the device: nothing yet. The specification wants each handle type to be
 * compatible at least with itself. --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceExternalBufferProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalBufferInfo *pExternalBufferInfo,
    VkExternalBufferProperties *pExternalBufferProperties)
{
    pExternalBufferProperties->externalMemoryProperties = (VkExternalMemoryProperties){
        .compatibleHandleTypes = pExternalBufferInfo->handleType,
    };
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceExternalFenceProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalFenceInfo *pExternalFenceInfo,
    VkExternalFenceProperties *pExternalFenceProperties)
{
    pExternalFenceProperties->exportFromImportedHandleTypes = 0;
    pExternalFenceProperties->compatibleHandleTypes = pExternalFenceInfo->handleType;
    pExternalFenceProperties->externalFenceFeatures = 0;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetPhysicalDeviceExternalSemaphoreProperties(
    VkPhysicalDevice handle, const VkPhysicalDeviceExternalSemaphoreInfo *pExternalSemaphoreInfo,
    VkExternalSemaphoreProperties *pExternalSemaphoreProperties)
{
    pExternalSemaphoreProperties->exportFromImportedHandleTypes = 0;
    pExternalSemaphoreProperties->compatibleHandleTypes = pExternalSemaphoreInfo->handleType;
    pExternalSemaphoreProperties->externalSemaphoreFeatures = 0;
}
