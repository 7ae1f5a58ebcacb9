/* VK_EXT_descriptor_buffer: the host writes as much as a descriptor has, whatever size the guest
 * states. */
#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

void
rnd_do_vkGetDescriptorEXT(struct rnd_call *call, struct proto_vkGetDescriptorEXT *args)
{
    if (!call->device_table->GetDescriptorEXT) {
        rnd_call_missing(call);
        return;
    }
    size_t room = rnd_call_device(call)->physical_device->largest_descriptor;
    void *bytes = rnd_call_alloc(call, 1, args->dataSize > room ? args->dataSize : room);
    if (bytes) {
        call->device_table->GetDescriptorEXT(args->device, args->pDescriptorInfo, args->dataSize,
                                             bytes);
        args->pDescriptor = bytes;
    }
}
