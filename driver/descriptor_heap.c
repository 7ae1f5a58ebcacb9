/* VK_EXT_descriptor_heap: the bytes of descriptors come from the host, one round trip each. */
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

#ifdef VK_EXT_descriptor_heap /* an older registry has neither the commands nor their types */

VKAPI_ATTR VkResult VKAPI_CALL
drv_WriteSamplerDescriptorsEXT(VkDevice device, uint32_t samplerCount,
                               const VkSamplerCreateInfo *pSamplers,
                               const VkHostAddressRangeEXT *pDescriptors)
{
    struct proto_client *client = drv_device_from(device)->object.client;
    VkResult result = VK_SUCCESS;

    for (uint32_t i = 0; result == VK_SUCCESS && i < samplerCount; i++) {
        result = proto_call_vkWriteSamplerDescriptorMESA(
            client, device, &pSamplers[i], pDescriptors[i].size, pDescriptors[i].address);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_WriteResourceDescriptorsEXT(VkDevice device, uint32_t resourceCount,
                                const VkResourceDescriptorInfoEXT *pResources,
                                const VkHostAddressRangeEXT *pDescriptors)
{
    struct proto_client *client = drv_device_from(device)->object.client;
    VkResult result = VK_SUCCESS;

    for (uint32_t i = 0; result == VK_SUCCESS && i < resourceCount; i++) {
        result = proto_call_vkWriteResourceDescriptorMESA(
            client, device, &pResources[i], pDescriptors[i].size, pDescriptors[i].address);
    }
    return result;
}

#endif
