/* VK_EXT_descriptor_heap: descriptors as bytes, one a command, and capture data of images, sized by
 * the host. */
#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

#ifdef VK_EXT_descriptor_heap /* an older registry has neither the commands nor their types */

/* The host writes as much as such a descriptor has, so the guest must have made room for it. */
static bool
has_room(struct rnd_call *call, VkDescriptorType type, const void *data, size_t size)
{
    PFN_vkGetPhysicalDeviceDescriptorSizeEXT get_size =
        call->instance_table->GetPhysicalDeviceDescriptorSizeEXT;
    if (!get_size) {
        rnd_call_missing(call);
        return false;
    }
    VkDeviceSize needed = get_size(rnd_call_device(call)->physical_device->handle, type);
    if (!data || size < needed) {
        rnd_call_fail(call, "%zu bytes for a descriptor of type %d, which has %zu", size, type,
                      (size_t)needed);
        return false;
    }
    return true;
}

void
rnd_do_vkWriteSamplerDescriptorMESA(struct rnd_call *call,
                                    struct proto_vkWriteSamplerDescriptorMESA *args)
{
    VkHostAddressRangeEXT target = {.address = args->pData, .size = args->dataSize};
    if (!call->device_table->WriteSamplerDescriptorsEXT) {
        rnd_call_missing(call);
        return;
    }
    if (has_room(call, VK_DESCRIPTOR_TYPE_SAMPLER, args->pData, args->dataSize)) {
        args->ret = call->device_table->WriteSamplerDescriptorsEXT(args->device, 1, args->pSampler,
                                                                   &target);
    }
}

void
rnd_do_vkWriteResourceDescriptorMESA(struct rnd_call *call,
                                     struct proto_vkWriteResourceDescriptorMESA *args)
{
    VkHostAddressRangeEXT target = {.address = args->pData, .size = args->dataSize};
    if (!call->device_table->WriteResourceDescriptorsEXT) {
        rnd_call_missing(call);
        return;
    }
    if (has_room(call, args->pResource->type, args->pData, args->dataSize)) {
        args->ret = call->device_table->WriteResourceDescriptorsEXT(args->device, 1,
                                                                    args->pResource, &target);
    }
}

/* --- capture data of images --- */

/* The sizes that the host states, for as many images. NULL: the call has failed, or the host. */
static VkHostAddressRangeEXT *
query_capture_sizes(struct rnd_call *call, struct proto_vkGetImageOpaqueCaptureDataEXT *args)
{
    VkHostAddressRangeEXT *sizes = rnd_call_alloc(call, args->imageCount, sizeof(*sizes));
    if (!sizes) {
        return NULL;
    }
    args->ret = call->device_table->GetImageOpaqueCaptureDataEXT(args->device, args->imageCount,
                                                                 args->pImages, sizes);
    return args->ret == VK_SUCCESS ? sizes : NULL;
}

/* The host writes as much as an image's data has, whatever room the guest states. */
void
rnd_do_vkGetImageOpaqueCaptureDataEXT(struct rnd_call *call,
                                      struct proto_vkGetImageOpaqueCaptureDataEXT *args)
{
    if (!call->device_table->GetImageOpaqueCaptureDataEXT) {
        rnd_call_missing(call);
        return;
    }
    if (args->imageCount == 0) {
        return;
    }
    VkHostAddressRangeEXT *ranges = query_capture_sizes(call, args);
    if (!ranges) {
        return;
    }
    for (uint32_t i = 0; i < args->imageCount; i++) {
        const VkHostAddressRangeEXT *given = &args->pDatas[i];
        if (given->address && given->size < ranges[i].size) {
            rnd_call_fail(call, "%zu bytes for the capture data of image %u, which has %zu",
                          given->size, i, ranges[i].size);
            return;
        }
        ranges[i].address = given->address;
    }
    args->ret = call->device_table->GetImageOpaqueCaptureDataEXT(args->device, args->imageCount,
                                                                 args->pImages, ranges);
    for (uint32_t i = 0; i < args->imageCount; i++) {
        if (!args->pDatas[i].address || ranges[i].size < args->pDatas[i].size) {
            args->pDatas[i].size = ranges[i].size; /* never more than there is to reply */
        }
    }
}

#endif
