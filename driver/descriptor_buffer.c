/* VK_EXT_descriptor_buffer: descriptors as bytes that the application puts into buffers. Only the
 * host's driver knows the bytes, so each comes by a round trip. */
#include <string.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

/* Where the type of descriptor has no sampler, the one beside the image may be garbage. */
static const VkDescriptorImageInfo *
without_sampler(const VkDescriptorImageInfo *image, VkDescriptorImageInfo *clean)
{
    if (!image) {
        return NULL;
    }
    *clean = *image;
    clean->sampler = VK_NULL_HANDLE;
    return clean;
}

static void
clean_info(VkDescriptorGetInfoEXT *info, VkDescriptorImageInfo *clean)
{
    switch (info->type) {
    case VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE:
        info->data.pSampledImage = without_sampler(info->data.pSampledImage, clean);
        break;
    case VK_DESCRIPTOR_TYPE_STORAGE_IMAGE:
        info->data.pStorageImage = without_sampler(info->data.pStorageImage, clean);
        break;
    case VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT:
        info->data.pInputAttachmentImage = without_sampler(info->data.pInputAttachmentImage, clean);
        break;
    default: break;
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_GetDescriptorEXT(VkDevice device, const VkDescriptorGetInfoEXT *pDescriptorInfo,
                     size_t dataSize, void *pDescriptor)
{
    VkDescriptorGetInfoEXT info = *pDescriptorInfo;
    VkDescriptorImageInfo image;

    clean_info(&info, &image);
    if (proto_call_vkGetDescriptorEXT(drv_device_from(device)->object.client, device, &info,
                                      dataSize, pDescriptor) != VK_SUCCESS) {
        memset(pDescriptor, 0, dataSize);
    }
}
