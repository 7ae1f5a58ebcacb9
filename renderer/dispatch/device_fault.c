/* VK_EXT_device_fault. The arrays of VkDeviceFaultInfoEXT have their lengths in another structure,
 * so they travel as a command's parameters. */
#include <string.h>

#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* Without room for a description the guest asks for counts alone. What it has no array for the host
 * is not asked for, whatever the count. */
void
rnd_do_vkGetDeviceFaultInfoVESPER(struct rnd_call *call,
                                  struct proto_vkGetDeviceFaultInfoVESPER *args)
{
    VkDeviceFaultCountsEXT counts = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_COUNTS_EXT,
        .addressInfoCount = args->pAddressInfos ? *args->pAddressInfoCount : 0,
        .vendorInfoCount = args->pVendorInfos ? *args->pVendorInfoCount : 0,
        .vendorBinarySize = args->pVendorBinaryData ? *args->pVendorBinarySize : 0,
    };
    VkDeviceFaultInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_INFO_EXT,
        .pAddressInfos = args->pAddressInfos,
        .pVendorInfos = args->pVendorInfos,
        .pVendorBinaryData = args->pVendorBinaryData,
    };
    size_t room = args->descriptionSize;
    if (!call->device_table->GetDeviceFaultInfoEXT) {
        rnd_call_missing(call);
        return;
    }
    args->ret =
        call->device_table->GetDeviceFaultInfoEXT(args->device, &counts, room > 0 ? &info : NULL);
    if (args->ret < 0) {
        return;
    }
    *args->pAddressInfoCount = counts.addressInfoCount;
    *args->pVendorInfoCount = counts.vendorInfoCount;
    *args->pVendorBinarySize = (size_t)counts.vendorBinarySize;
    if (room > 0) {
        info.description[sizeof(info.description) - 1] = '\0';
        memcpy(args->pDescription, info.description,
               room < sizeof(info.description) ? room : sizeof(info.description));
    }
}
