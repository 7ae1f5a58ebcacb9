#include "renderer/device.h"

#include <stdlib.h>

#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/queue.h"
#include "renderer/rnd_dispatch.h"
#include "renderer/teardown.h"

void
rnd_do_vkCreateDevice(struct rnd_call *call, struct proto_vkCreateDevice *args)
{
    struct rnd_device *device;
    if (!rnd_call_check_new_ids(call, args->pDevice_ids, 1)) {
        return;
    }
    args->ret = rnd_device_create(call->context, rnd_physical_device_from(call->leading),
                                  args->pCreateInfo, &device);
    if (args->ret != VK_SUCCESS) {
        return;
    }
    if (!rnd_call_add(call, &device->object, VK_OBJECT_TYPE_DEVICE, args->pDevice_ids[0],
                      RND_HANDLE(device->handle), device, call->leading)) {
        rnd_device_discard(device);
    }
}

void
rnd_do_vkDestroyDevice(struct rnd_call *call, struct proto_vkDestroyDevice *args)
{
    (void)args;
    rnd_teardown(call);
}

/* Each queue gets its one name and its one timeline. */
void
rnd_do_vkGetDeviceQueue2(struct rnd_call *call, struct proto_vkGetDeviceQueue2 *args)
{
    const VkDeviceQueueInfo2 *info = args->pQueueInfo;
    const VkDeviceQueueTimelineInfoMESA *timeline =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA);
    if (!timeline) {
        rnd_call_fail(call, "VkDeviceQueueTimelineInfoMESA is missing");
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pQueue_ids, 1)) {
        return;
    }
    struct rnd_queue *queue = rnd_device_find_queue(rnd_call_device(call), info->flags,
                                                    info->queueFamilyIndex, info->queueIndex);
    if (!queue) {
        rnd_call_fail(call, "the device has no queue %u of family %u with flags %#x",
                      info->queueIndex, info->queueFamilyIndex, info->flags);
        return;
    }
    if (!rnd_timelines_bind(&call->context->timelines, timeline->ringIdx, queue)) {
        rnd_call_fail(call, "timeline %u is in use or not in 1..%u, or the queue has another",
                      timeline->ringIdx, WIRE_MAX_TIMELINES - 1);
        return;
    }
    if (!rnd_call_add(call, &queue->object, VK_OBJECT_TYPE_QUEUE, args->pQueue_ids[0],
                      RND_HANDLE(queue->handle), queue->device, &queue->device->object)) {
        queue->object.id = 0; /* it is in no table; its timeline goes with the device */
        return;
    }
    *args->pQueue = queue->handle;
}
