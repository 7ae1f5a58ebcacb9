/* Pipelines come in arrays of which some may fail. */
#include <string.h>

#include "renderer/call_impl.h"
#include "renderer/capture_replay.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* A negative result: nothing is registered, and what the host made all the same goes. Otherwise
 * (also with VK_PIPELINE_COMPILE_REQUIRED) those that are there are registered and the others' ids
 * become 0. */
static void
register_pipelines(struct rnd_call *call, VkResult result, uint64_t *ids,
                   const VkPipeline *pipelines, uint32_t count)
{
    struct rnd_device *device = rnd_call_device(call);
    if (result >= 0) {
        rnd_call_register(call, VK_OBJECT_TYPE_PIPELINE, ids, (const uint64_t *)pipelines, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (pipelines[i]) {
            device->table.DestroyPipeline(device->handle, pipelines[i], NULL);
        }
    }
    if (count > 0) {
        memset(ids, 0, count * sizeof(*ids));
    }
}

void
rnd_do_vkCreateGraphicsPipelines(struct rnd_call *call,
                                 struct proto_vkCreateGraphicsPipelines *args)
{
    if (!rnd_call_check_new_ids(call, args->pPipelines_ids, args->createInfoCount)) {
        return;
    }
    args->ret = call->device_table->CreateGraphicsPipelines(
        args->device, args->pipelineCache, args->createInfoCount, args->pCreateInfos, NULL,
        args->pPipelines);
    register_pipelines(call, args->ret, args->pPipelines_ids, args->pPipelines,
                       args->createInfoCount);
}

void
rnd_do_vkCreateComputePipelines(struct rnd_call *call, struct proto_vkCreateComputePipelines *args)
{
    if (!rnd_call_check_new_ids(call, args->pPipelines_ids, args->createInfoCount)) {
        return;
    }
    args->ret = call->device_table->CreateComputePipelines(
        args->device, args->pipelineCache, args->createInfoCount, args->pCreateInfos, NULL,
        args->pPipelines);
    register_pipelines(call, args->ret, args->pPipelines_ids, args->pPipelines,
                       args->createInfoCount);
}

void
rnd_do_vkCreateRayTracingPipelinesNV(struct rnd_call *call,
                                     struct proto_vkCreateRayTracingPipelinesNV *args)
{
    if (!call->device_table->CreateRayTracingPipelinesNV) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pPipelines_ids, args->createInfoCount)) {
        return;
    }
    args->ret = call->device_table->CreateRayTracingPipelinesNV(
        args->device, args->pipelineCache, args->createInfoCount, args->pCreateInfos, NULL,
        args->pPipelines);
    register_pipelines(call, args->ret, args->pPipelines_ids, args->pPipelines,
                       args->createInfoCount);
}

void
rnd_do_vkCreateRayTracingPipelinesKHR(struct rnd_call *call,
                                      struct proto_vkCreateRayTracingPipelinesKHR *args)
{
    if (!call->device_table->CreateRayTracingPipelinesKHR) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pPipelines_ids, args->createInfoCount)) {
        return;
    }
    for (uint32_t i = 0; i < args->createInfoCount; i++) {
        if (!rnd_capture_restore_groups(call, &args->pCreateInfos[i])) {
            args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
            memset(args->pPipelines_ids, 0, args->createInfoCount * sizeof(*args->pPipelines_ids));
            return;
        }
    }
    args->ret = call->device_table->CreateRayTracingPipelinesKHR(
        args->device, VK_NULL_HANDLE, args->pipelineCache, args->createInfoCount,
        args->pCreateInfos, NULL, args->pPipelines);
    register_pipelines(call, args->ret, args->pPipelines_ids, args->pPipelines,
                       args->createInfoCount);
}
