#include "driver/pipeline_clean.h"

#include "driver/capture_replay.h"
#include "driver/chain_copy.h"
#include "driver/device.h"
#include "driver/pipeline.h"
#include "driver/pipeline_graphics.h"
#include "driver/struct_chain.h"

/* --- stages --- */

/* With pipeline binaries nobody reads shaders: handles and structures may be garbage. */
static bool
has_binaries(const void *chain)
{
    const VkPipelineBinaryInfoKHR *binaries =
        drv_find_struct(chain, VK_STRUCTURE_TYPE_PIPELINE_BINARY_INFO_KHR);
    return binaries && binaries->binaryCount > 0;
}

static bool
leave_out_shader(struct drv_scratch *scratch, VkPipelineShaderStageCreateInfo *stage)
{
    void *chain;
    if (!drv_chain_copy(scratch, stage->pNext, &chain)) {
        return false;
    }
    drv_chain_remove(&chain, VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO);
    drv_chain_remove(&chain,
                     VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_MODULE_IDENTIFIER_CREATE_INFO_EXT);
#ifdef VK_EXT_descriptor_heap
    drv_chain_remove(&chain, VK_STRUCTURE_TYPE_SHADER_DESCRIPTOR_SET_AND_BINDING_MAPPING_INFO_EXT);
#endif
    stage->pNext = chain;
    stage->module = VK_NULL_HANDLE;
    return true;
}

/* *stages is replaced by a copy. */
static bool
leave_out_shaders(struct drv_scratch *scratch, uint32_t count,
                  const VkPipelineShaderStageCreateInfo **stages)
{
    if (count == 0) {
        return true;
    }
    VkPipelineShaderStageCreateInfo *copies =
        drv_scratch_copy(scratch, *stages, count * sizeof(*copies));
    for (uint32_t i = 0; copies && i < count; i++) {
        if (!leave_out_shader(scratch, &copies[i])) {
            return false;
        }
    }
    *stages = copies;
    return copies;
}

/* --- what all but graphics pipelines have in common --- */

/* The chain without the feedback, which the wire does not bring back. */
static bool
clean_chain(struct drv_scratch *scratch, const void *in, const void **out)
{
    void *chain;

    if (!drv_chain_copy(scratch, in, &chain)) {
        return false;
    }
    drv_chain_remove(&chain, VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO);
    *out = chain;
    return true;
}

static VkPipeline
clean_base(const void *chain, VkPipelineCreateFlags flags, VkPipeline base)
{
    bool derived = drv_pipeline_flags(chain, flags) & VK_PIPELINE_CREATE_2_DERIVATIVE_BIT;
    return derived ? base : VK_NULL_HANDLE;
}

/* --- shader groups --- */

static bool
replays_handles(const VkRayTracingPipelineCreateInfoKHR *info)
{
    for (uint32_t i = 0; i < info->groupCount; i++) {
        if (info->pGroups[i].pShaderGroupCaptureReplayHandle) {
            return true;
        }
    }
    return false;
}

/* The groups with the handles that they replay, in the form that travels. NULL: out of memory. */
static const VkRayTracingShaderGroupCreateInfoKHR *
replay_handles(const struct drv_pipeline_cleaner *cleaner,
               const VkRayTracingPipelineCreateInfoKHR *info)
{
    size_t size = drv_captured_size(cleaner->device, DRV_CAPTURED_GROUP_HANDLE);
    VkRayTracingShaderGroupCreateInfoKHR *groups =
        drv_scratch_copy(cleaner->scratch, info->pGroups, info->groupCount * sizeof(*groups));
    VkOpaqueCaptureDataVESPER *handles =
        drv_scratch_array(cleaner->scratch, info->groupCount, sizeof(*handles));

    if (!groups || !handles) {
        return NULL;
    }
    for (uint32_t i = 0; i < info->groupCount; i++) {
        if (groups[i].pShaderGroupCaptureReplayHandle) {
            handles[i] = (VkOpaqueCaptureDataVESPER){
                .sType = VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DATA_VESPER,
                .pNext = groups[i].pNext,
                .dataSize = size,
                .pData = groups[i].pShaderGroupCaptureReplayHandle,
            };
            groups[i].pNext = &handles[i];
            groups[i].pShaderGroupCaptureReplayHandle = NULL;
        }
    }
    return groups;
}

/* --- the kinds of pipelines --- */

bool
drv_clean_graphics(const struct drv_pipeline_cleaner *cleaner,
                   const VkGraphicsPipelineCreateInfo *in, VkGraphicsPipelineCreateInfo *out,
                   bool *discards)
{
    return drv_graphics_pipeline_clean(cleaner->scratch, in, cleaner->device->advanced_blend, out,
                                       discards) &&
           (!has_binaries(in->pNext) ||
            leave_out_shaders(cleaner->scratch, out->stageCount, &out->pStages));
}

bool
drv_clean_compute(const struct drv_pipeline_cleaner *cleaner, const VkComputePipelineCreateInfo *in,
                  VkComputePipelineCreateInfo *out)
{
    *out = *in;
    out->basePipelineHandle = clean_base(in->pNext, in->flags, in->basePipelineHandle);
    return clean_chain(cleaner->scratch, in->pNext, &out->pNext) &&
           (!has_binaries(in->pNext) || leave_out_shader(cleaner->scratch, &out->stage));
}

bool
drv_clean_ray_tracing(const struct drv_pipeline_cleaner *cleaner,
                      const VkRayTracingPipelineCreateInfoKHR *in,
                      VkRayTracingPipelineCreateInfoKHR *out)
{
    *out = *in;
    out->basePipelineHandle = clean_base(in->pNext, in->flags, in->basePipelineHandle);
    if (!clean_chain(cleaner->scratch, in->pNext, &out->pNext)) {
        return false;
    }
    if (replays_handles(in) && !(out->pGroups = replay_handles(cleaner, in))) {
        return false;
    }
    return !has_binaries(in->pNext) ||
           leave_out_shaders(cleaner->scratch, out->stageCount, &out->pStages);
}

bool
drv_clean_ray_tracing_nv(const struct drv_pipeline_cleaner *cleaner,
                         const VkRayTracingPipelineCreateInfoNV *in,
                         VkRayTracingPipelineCreateInfoNV *out)
{
    *out = *in;
    out->basePipelineHandle = clean_base(in->pNext, in->flags, in->basePipelineHandle);
    return clean_chain(cleaner->scratch, in->pNext, &out->pNext);
}
