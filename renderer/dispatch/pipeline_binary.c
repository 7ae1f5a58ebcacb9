/* VK_KHR_pipeline_binary. What describes a pipeline comes in a structure of the wire's, and goes to
 * the host as Vulkan has it; the handles of binaries come as an array. */
#include "renderer/call_impl.h"
#include "renderer/capture_replay.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* False: the context has ended, or the device has no room for the handles of groups. */
static bool
restore_create_info(struct rnd_call *call, const VkPipelineCreateInfoKHR *info)
{
    const VkPipelineCreateInfoVESPER *given =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_PIPELINE_CREATE_INFO_VESPER);
    VkPipelineCreateInfoKHR *restored = (VkPipelineCreateInfoKHR *)info;

    if (!given || !!given->pGraphics + !!given->pCompute + !!given->pRayTracing != 1) {
        rnd_call_fail(call, "a pipeline is described by no create info, or by several");
        return false;
    }
    if (given->pGraphics) {
        restored->pNext = (void *)given->pGraphics;
    } else if (given->pCompute) {
        restored->pNext = (void *)given->pCompute;
    } else {
        restored->pNext = (void *)given->pRayTracing;
        return rnd_capture_restore_groups(call, given->pRayTracing);
    }
    return true;
}

static bool
check_source(struct rnd_call *call, const VkPipelineBinaryCreateInfoKHR *info)
{
    if (!!info->pKeysAndDataInfo + !!info->pipeline + !!info->pPipelineCreateInfo != 1) {
        rnd_call_fail(call, "binaries are made of nothing, or of several things");
        return false;
    }
    return true;
}

void
rnd_do_vkGetPipelineKeyKHR(struct rnd_call *call, struct proto_vkGetPipelineKeyKHR *args)
{
    if (!call->device_table->GetPipelineKeyKHR) {
        rnd_call_missing(call);
        return;
    }
    if (args->pPipelineCreateInfo && !restore_create_info(call, args->pPipelineCreateInfo)) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    args->ret = call->device_table->GetPipelineKeyKHR(args->device, args->pPipelineCreateInfo,
                                                      args->pPipelineKey);
}

/* A negative result may come with binaries that were made all the same. */
void
rnd_do_vkCreatePipelineBinariesVESPER(struct rnd_call *call,
                                      struct proto_vkCreatePipelineBinariesVESPER *args)
{
    uint32_t room = args->pBinaries ? *args->pBinaryCount : 0;
    VkPipelineBinaryHandlesInfoKHR out = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_HANDLES_INFO_KHR,
        .pipelineBinaryCount = room,
        .pPipelineBinaries = args->pBinaries,
    };
    const VkPipelineBinaryCreateInfoKHR *info = args->pCreateInfo;

    if (!call->device_table->CreatePipelineBinariesKHR) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pBinaries_ids, room) || !check_source(call, info)) {
        return;
    }
    if (info->pPipelineCreateInfo && !restore_create_info(call, info->pPipelineCreateInfo)) {
        *args->pBinaryCount = 0;
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    args->ret = call->device_table->CreatePipelineBinariesKHR(args->device, info, NULL, &out);
    if (args->pBinaries && out.pipelineBinaryCount > room) {
        out.pipelineBinaryCount = room;
    }
    *args->pBinaryCount = out.pipelineBinaryCount;
    if (args->pBinaries) {
        rnd_call_register(call, VK_OBJECT_TYPE_PIPELINE_BINARY_KHR, args->pBinaries_ids,
                          (const uint64_t *)args->pBinaries, out.pipelineBinaryCount);
    }
}

/* With too little room for the data the host says how much would do. A reply tells no length that
 * is beyond the guest's array, so it tells none, and the guest asks for the length alone. */
void
rnd_do_vkGetPipelineBinaryDataKHR(struct rnd_call *call,
                                  struct proto_vkGetPipelineBinaryDataKHR *args)
{
    if (!call->device_table->GetPipelineBinaryDataKHR) {
        rnd_call_missing(call);
        return;
    }
    args->ret = call->device_table->GetPipelineBinaryDataKHR(
        args->device, args->pInfo, args->pPipelineBinaryKey, args->pPipelineBinaryDataSize,
        args->pPipelineBinaryData);
    if (args->ret != VK_SUCCESS) {
        *args->pPipelineBinaryDataSize = 0;
    }
}
