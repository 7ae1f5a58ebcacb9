/* Binding images and moving them between layouts, where PREINITIALIZED needs a hand; see
 * renderer/preinitialized.h. Barriers stand in the decoder's memory and may be changed. */
#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* --- binding --- */

void
rnd_do_vkBindImageMemory(struct rnd_call *call, struct proto_vkBindImageMemory *args)
{
    struct rnd_device *device = rnd_call_device(call);
    args->ret =
        device->table.BindImageMemory(args->device, args->image, args->memory, args->memoryOffset);
    if (args->ret == VK_SUCCESS) {
        args->ret = rnd_preinitialized_bound(device, args->image);
    }
}

void
rnd_do_vkBindImageMemory2(struct rnd_call *call, struct proto_vkBindImageMemory2 *args)
{
    struct rnd_device *device = rnd_call_device(call);
    args->ret = device->table.BindImageMemory2(args->device, args->bindInfoCount, args->pBindInfos);
    for (uint32_t i = 0; i < args->bindInfoCount && args->ret == VK_SUCCESS; i++) {
        args->ret = rnd_preinitialized_bound(device, args->pBindInfos[i].image);
    }
}

/* --- layouts --- */

static void
rewrite(struct rnd_call *call, uint32_t count, const VkImageMemoryBarrier *barriers)
{
    struct rnd_preinitialized *set = &rnd_call_device(call)->preinitialized;
    VkImageMemoryBarrier *writable = (VkImageMemoryBarrier *)barriers;
    for (uint32_t i = 0; i < count; i++) {
        writable[i].oldLayout =
            rnd_preinitialized_layout(set, writable[i].image, writable[i].oldLayout);
    }
}

static void
rewrite2(struct rnd_call *call, uint32_t count, const VkDependencyInfo *dependencies)
{
    struct rnd_preinitialized *set = &rnd_call_device(call)->preinitialized;
    for (uint32_t i = 0; i < count; i++) {
        VkImageMemoryBarrier2 *writable =
            (VkImageMemoryBarrier2 *)dependencies[i].pImageMemoryBarriers;
        for (uint32_t j = 0; j < dependencies[i].imageMemoryBarrierCount; j++) {
            writable[j].oldLayout =
                rnd_preinitialized_layout(set, writable[j].image, writable[j].oldLayout);
        }
    }
}

void
rnd_do_vkCmdPipelineBarrier(struct rnd_call *call, struct proto_vkCmdPipelineBarrier *args)
{
    rewrite(call, args->imageMemoryBarrierCount, args->pImageMemoryBarriers);
    call->device_table->CmdPipelineBarrier(
        args->commandBuffer, args->srcStageMask, args->dstStageMask, args->dependencyFlags,
        args->memoryBarrierCount, args->pMemoryBarriers, args->bufferMemoryBarrierCount,
        args->pBufferMemoryBarriers, args->imageMemoryBarrierCount, args->pImageMemoryBarriers);
}

void
rnd_do_vkCmdWaitEvents(struct rnd_call *call, struct proto_vkCmdWaitEvents *args)
{
    rewrite(call, args->imageMemoryBarrierCount, args->pImageMemoryBarriers);
    call->device_table->CmdWaitEvents(args->commandBuffer, args->eventCount, args->pEvents,
                                      args->srcStageMask, args->dstStageMask,
                                      args->memoryBarrierCount, args->pMemoryBarriers,
                                      args->bufferMemoryBarrierCount, args->pBufferMemoryBarriers,
                                      args->imageMemoryBarrierCount, args->pImageMemoryBarriers);
}

void
rnd_do_vkCmdPipelineBarrier2(struct rnd_call *call, struct proto_vkCmdPipelineBarrier2 *args)
{
    if (!call->device_table->CmdPipelineBarrier2) {
        rnd_call_missing(call);
        return;
    }
    rewrite2(call, 1, args->pDependencyInfo);
    call->device_table->CmdPipelineBarrier2(args->commandBuffer, args->pDependencyInfo);
}

void
rnd_do_vkCmdSetEvent2(struct rnd_call *call, struct proto_vkCmdSetEvent2 *args)
{
    if (!call->device_table->CmdSetEvent2) {
        rnd_call_missing(call);
        return;
    }
    rewrite2(call, 1, args->pDependencyInfo);
    call->device_table->CmdSetEvent2(args->commandBuffer, args->event, args->pDependencyInfo);
}

void
rnd_do_vkCmdWaitEvents2(struct rnd_call *call, struct proto_vkCmdWaitEvents2 *args)
{
    if (!call->device_table->CmdWaitEvents2) {
        rnd_call_missing(call);
        return;
    }
    rewrite2(call, args->eventCount, args->pDependencyInfos);
    call->device_table->CmdWaitEvents2(args->commandBuffer, args->eventCount, args->pEvents,
                                       args->pDependencyInfos);
}

void
rnd_do_vkTransitionImageLayout(struct rnd_call *call, struct proto_vkTransitionImageLayout *args)
{
    struct rnd_device *device = rnd_call_device(call);
    if (!device->table.TransitionImageLayout) {
        rnd_call_missing(call);
        return;
    }
    VkHostImageLayoutTransitionInfo *writable =
        (VkHostImageLayoutTransitionInfo *)args->pTransitions;
    for (uint32_t i = 0; i < args->transitionCount; i++) {
        writable[i].oldLayout = rnd_preinitialized_layout(&device->preinitialized,
                                                          writable[i].image, writable[i].oldLayout);
    }
    args->ret = device->table.TransitionImageLayout(args->device, args->transitionCount, writable);
}
