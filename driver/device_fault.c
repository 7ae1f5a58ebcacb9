/* VK_EXT_device_fault: what the host says about a device that it lost. */
#include <stdio.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

/* The renderer is gone, or has given us up: there is nobody who could know more. */
static VkResult
describe_lost_renderer(VkDeviceFaultCountsEXT *counts, VkDeviceFaultInfoEXT *info)
{
    counts->addressInfoCount = 0;
    counts->vendorInfoCount = 0;
    counts->vendorBinarySize = 0;
    if (info) {
        snprintf(info->description, sizeof(info->description),
                 "the connection to the renderer is lost, and its device with it");
    }
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDeviceFaultInfoEXT(VkDevice handle, VkDeviceFaultCountsEXT *pFaultCounts,
                          VkDeviceFaultInfoEXT *pFaultInfo)
{
    struct drv_device *device = drv_device_from(handle);
    bool counts_only = !pFaultInfo;
    uint32_t addresses = counts_only ? 0 : pFaultCounts->addressInfoCount;
    uint32_t vendors = counts_only ? 0 : pFaultCounts->vendorInfoCount;
    size_t binary_size = counts_only ? 0 : (size_t)pFaultCounts->vendorBinarySize;

    if (!drv_ring_check_alive(device->ring)) {
        return describe_lost_renderer(pFaultCounts, pFaultInfo);
    }
    VkResult result = proto_call_vkGetDeviceFaultInfoVESPER(
        device->object.client, handle, counts_only ? 0 : sizeof(pFaultInfo->description),
        counts_only ? NULL : pFaultInfo->description, &addresses,
        counts_only ? NULL : pFaultInfo->pAddressInfos, &vendors,
        counts_only ? NULL : pFaultInfo->pVendorInfos, &binary_size,
        counts_only ? NULL : pFaultInfo->pVendorBinaryData);
    if (result == VK_ERROR_DEVICE_LOST) { /* it went while we asked */
        return describe_lost_renderer(pFaultCounts, pFaultInfo);
    }
    if (result >= 0) {
        pFaultCounts->addressInfoCount = addresses;
        pFaultCounts->vendorInfoCount = vendors;
        pFaultCounts->vendorBinarySize = binary_size;
    }
    return result;
}
