#include "driver/pipeline.h"

#include <string.h>

#include "driver/deferred_operation.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/pipeline_clean.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

VkPipelineCreateFlags2
drv_pipeline_flags(const void *chain, VkPipelineCreateFlags flags)
{
    const VkPipelineCreateFlags2CreateInfo *flags2 =
        drv_find_struct(chain, VK_STRUCTURE_TYPE_PIPELINE_CREATE_FLAGS_2_CREATE_INFO);

    return flags2 ? flags2->flags : flags;
}

/* One call that creates pipelines: what all kinds have in common. A host may compile for seconds,
 * so the command goes by a lane. */
struct batch {
    struct drv_device *device;
    struct proto_client *lane;
    const VkAllocationCallbacks *allocator;
    uint32_t count;
    struct drv_pipeline **pipelines;
    VkPipeline *out; /* the application's array */
    struct drv_scratch scratch;
};

static void
destroy_pipeline(struct batch *batch, uint32_t index)
{
    drv_device_object_destroy(batch->device, batch->allocator, batch->pipelines[index]);
    batch->out[index] = VK_NULL_HANDLE;
}

static bool
create_pipelines(struct batch *batch)
{
    batch->pipelines =
        drv_scratch_array(&batch->scratch, batch->count, sizeof(batch->pipelines[0]));
    if (!batch->pipelines) {
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->pipelines[i] = drv_device_object_create(
            batch->device, batch->allocator, sizeof(struct drv_pipeline), VK_OBJECT_TYPE_PIPELINE);
        batch->out[i] = (VkPipeline)(uintptr_t)batch->pipelines[i];
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!batch->pipelines[i]) {
            return false;
        }
    }
    return true;
}

/* Afterwards batch->out holds pipelines that the renderer does not know yet. */
BASE_MUST_CHECK static bool
begin_batch(struct batch *batch, VkDevice device, const VkAllocationCallbacks *allocator,
            uint32_t count, VkPipeline *out)
{
    batch->device = drv_device_from(device);
    batch->allocator = allocator;
    batch->count = count;
    batch->out = out;
    drv_scratch_init(&batch->scratch);
    memset(out, 0, count * sizeof(*out));
    batch->lane = drv_lanes_take(&batch->device->instance->lanes);
    return create_pipelines(batch);
}

/* `result` is that of the call, or why it was not made. Pipelines that did not come to be are
 * VK_NULL_HANDLE in the application's array. */
static VkResult
end_batch(struct batch *batch, VkResult result)
{
    for (uint32_t i = 0; batch->pipelines && i < batch->count; i++) {
        if (result < 0 || !batch->out[i]) {
            destroy_pipeline(batch, i);
        }
    }
    drv_lanes_give_back(&batch->device->instance->lanes, batch->lane);
    drv_scratch_finish(&batch->scratch);
    return result;
}

/* The wire brings no feedback back, and invalid feedback is a legal answer. */
static void
invalidate_feedback(const void *chain)
{
    const VkPipelineCreationFeedbackCreateInfo *info =
        drv_find_struct(chain, VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO);

    if (!info) {
        return;
    }
    info->pPipelineCreationFeedback->flags = 0;
    for (uint32_t i = 0; i < info->pipelineStageCreationFeedbackCount; i++) {
        info->pPipelineStageCreationFeedbacks[i].flags = 0;
    }
}

static struct drv_pipeline_cleaner
cleaner_of(struct batch *batch)
{
    return (struct drv_pipeline_cleaner){.device = batch->device, .scratch = &batch->scratch};
}

/* The application's create infos as they are to be encoded. NULL: out of memory. */
static VkGraphicsPipelineCreateInfo *
clean_graphics(struct batch *batch, const VkGraphicsPipelineCreateInfo *infos)
{
    const struct drv_pipeline_cleaner cleaner = cleaner_of(batch);
    VkGraphicsPipelineCreateInfo *clean =
        drv_scratch_array(&batch->scratch, batch->count, sizeof(*clean));

    for (uint32_t i = 0; clean && i < batch->count; i++) {
        if (!drv_clean_graphics(&cleaner, &infos[i], &clean[i], &batch->pipelines[i]->discards)) {
            return NULL;
        }
    }
    return clean;
}

#define CLEAN(kind, Info)                                                                          \
    static Info *clean_##kind(struct batch *batch, const Info *infos)                              \
    {                                                                                              \
        const struct drv_pipeline_cleaner cleaner = cleaner_of(batch);                             \
        Info *clean = drv_scratch_array(&batch->scratch, batch->count, sizeof(*clean));            \
        for (uint32_t i = 0; clean && i < batch->count; i++) {                                     \
            if (!drv_clean_##kind(&cleaner, &infos[i], &clean[i])) {                               \
                return NULL;                                                                       \
            }                                                                                      \
        }                                                                                          \
        return clean;                                                                              \
    }

CLEAN(compute, VkComputePipelineCreateInfo)
CLEAN(ray_tracing, VkRayTracingPipelineCreateInfoKHR)
CLEAN(ray_tracing_nv, VkRayTracingPipelineCreateInfoNV)

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateGraphicsPipelines(VkDevice device, VkPipelineCache pipelineCache,
                            uint32_t createInfoCount,
                            const VkGraphicsPipelineCreateInfo *pCreateInfos,
                            const VkAllocationCallbacks *pAllocator, VkPipeline *pPipelines)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct batch batch;

    if (begin_batch(&batch, device, pAllocator, createInfoCount, pPipelines)) {
        const VkGraphicsPipelineCreateInfo *infos = clean_graphics(&batch, pCreateInfos);
        if (infos) {
            result = proto_call_vkCreateGraphicsPipelines(batch.lane, device, pipelineCache,
                                                          createInfoCount, infos, NULL, pPipelines);
        }
    }
    for (uint32_t i = 0; i < createInfoCount; i++) {
        invalidate_feedback(pCreateInfos[i].pNext);
    }
    return end_batch(&batch, result);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateComputePipelines(VkDevice device, VkPipelineCache pipelineCache, uint32_t createInfoCount,
                           const VkComputePipelineCreateInfo *pCreateInfos,
                           const VkAllocationCallbacks *pAllocator, VkPipeline *pPipelines)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct batch batch;

    if (begin_batch(&batch, device, pAllocator, createInfoCount, pPipelines)) {
        const VkComputePipelineCreateInfo *infos = clean_compute(&batch, pCreateInfos);
        if (infos) {
            result = proto_call_vkCreateComputePipelines(batch.lane, device, pipelineCache,
                                                         createInfoCount, infos, NULL, pPipelines);
        }
    }
    for (uint32_t i = 0; i < createInfoCount; i++) {
        invalidate_feedback(pCreateInfos[i].pNext);
    }
    return end_batch(&batch, result);
}

VkResult
drv_create_ray_tracing_pipelines(const struct drv_deferred_pipelines *work)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct batch batch;

    if (begin_batch(&batch, work->device, work->allocator, work->count, work->pipelines)) {
        const VkRayTracingPipelineCreateInfoKHR *infos = clean_ray_tracing(&batch, work->infos);
        if (infos) {
            result = proto_call_vkCreateRayTracingPipelinesKHR(
                batch.lane, work->device, VK_NULL_HANDLE, work->cache, work->count, infos, NULL,
                work->pipelines);
        }
    }
    for (uint32_t i = 0; i < work->count; i++) {
        invalidate_feedback(work->infos[i].pNext);
    }
    return end_batch(&batch, result);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateRayTracingPipelinesKHR(VkDevice device, VkDeferredOperationKHR deferredOperation,
                                 VkPipelineCache pipelineCache, uint32_t createInfoCount,
                                 const VkRayTracingPipelineCreateInfoKHR *pCreateInfos,
                                 const VkAllocationCallbacks *pAllocator, VkPipeline *pPipelines)
{
    const struct drv_deferred_pipelines work = {
        .device = device,
        .cache = pipelineCache,
        .count = createInfoCount,
        .infos = pCreateInfos,
        .allocator = pAllocator,
        .pipelines = pPipelines,
    };

    if (!deferredOperation) {
        return drv_create_ray_tracing_pipelines(&work);
    }
    drv_deferred_operation_defer(deferredOperation, &work);
    return VK_OPERATION_DEFERRED_KHR;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateRayTracingPipelinesNV(VkDevice device, VkPipelineCache pipelineCache,
                                uint32_t createInfoCount,
                                const VkRayTracingPipelineCreateInfoNV *pCreateInfos,
                                const VkAllocationCallbacks *pAllocator, VkPipeline *pPipelines)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct batch batch;

    if (begin_batch(&batch, device, pAllocator, createInfoCount, pPipelines)) {
        const VkRayTracingPipelineCreateInfoNV *infos = clean_ray_tracing_nv(&batch, pCreateInfos);
        if (infos) {
            result = proto_call_vkCreateRayTracingPipelinesNV(
                batch.lane, device, pipelineCache, createInfoCount, infos, NULL, pPipelines);
        }
    }
    for (uint32_t i = 0; i < createInfoCount; i++) {
        invalidate_feedback(pCreateInfos[i].pNext);
    }
    return end_batch(&batch, result);
}

/* What was left for later when the pipeline was created is compiled now: by a lane, for the same
 * reason. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_CompileDeferredNV(VkDevice device, VkPipeline pipeline, uint32_t shader)
{
    struct drv_lanes *lanes = &drv_device_from(device)->instance->lanes;
    struct proto_client *lane = drv_lanes_take(lanes);
    VkResult result = proto_call_vkCompileDeferredNV(lane, device, pipeline, shader);

    drv_lanes_give_back(lanes, lane);
    return result;
}

/* The largest of values takes the most bytes in the reply, and nobody knows yet which will come. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPipelineExecutableStatisticsKHR(VkDevice device,
                                       const VkPipelineExecutableInfoKHR *pExecutableInfo,
                                       uint32_t *pStatisticCount,
                                       VkPipelineExecutableStatisticKHR *pStatistics)
{
    for (uint32_t i = 0; pStatistics && i < *pStatisticCount; i++) {
        pStatistics[i].format = VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR;
    }
    return proto_call_vkGetPipelineExecutableStatisticsKHR(drv_device_from(device)->object.client,
                                                           device, pExecutableInfo, pStatisticCount,
                                                           pStatistics);
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyPipeline(VkDevice device, VkPipeline pipeline, const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);

    if (pipeline) {
        (void)proto_send_vkDestroyPipeline(dev->object.client, device, pipeline, NULL);
        drv_device_object_destroy(dev, pAllocator, drv_pipeline_from(pipeline));
    }
}
