/* VK_EXT_descriptor_heap: descriptors as bytes, one a command, sized by the host. */
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

#endif
