/* VkPipelineBinaryKHR, VK_KHR_pipeline_binary: what the host has compiled, and can be given again.
 *
 * Two structures of the extension travel in another form. What follows VkPipelineCreateInfoKHR is
 * a create info of one kind or another, which begins a chain of its own, and the handles that
 * vkCreatePipelineBinariesKHR() returns are in a structure's array. */
#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/lanes.h"
#include "driver/pipeline_clean.h"
#include "driver/simple_objects.h"
#include "protocol/proto_encode.h"

/* VkPipelineCreateInfoKHR as it travels, and the one create info that it names. */
struct described {
    VkPipelineCreateInfoKHR head;
    VkPipelineCreateInfoVESPER what;
    VkGraphicsPipelineCreateInfo graphics;
    VkComputePipelineCreateInfo compute;
    VkRayTracingPipelineCreateInfoKHR ray_tracing;
};

static VkResult
describe(const struct drv_pipeline_cleaner *cleaner, const VkPipelineCreateInfoKHR *in,
         struct described *out)
{
    const VkBaseInStructure *info = in->pNext;
    bool enough_memory = false, discards;

    out->head = (VkPipelineCreateInfoKHR){.sType = in->sType, .pNext = &out->what};
    out->what = (VkPipelineCreateInfoVESPER){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATE_INFO_VESPER,
    };
    switch (info ? info->sType : VK_STRUCTURE_TYPE_MAX_ENUM) {
    case VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO:
        enough_memory = drv_clean_graphics(cleaner, (const VkGraphicsPipelineCreateInfo *)info,
                                           &out->graphics, &discards);
        out->what.pGraphics = &out->graphics;
        break;
    case VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO:
        enough_memory =
            drv_clean_compute(cleaner, (const VkComputePipelineCreateInfo *)info, &out->compute);
        out->what.pCompute = &out->compute;
        break;
    case VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR:
        enough_memory = drv_clean_ray_tracing(
            cleaner, (const VkRayTracingPipelineCreateInfoKHR *)info, &out->ray_tracing);
        out->what.pRayTracing = &out->ray_tracing;
        break;
    default:
        base_log_error("VkPipelineCreateInfoKHR: its chain has to begin with the create info of a "
                       "graphics, compute or ray tracing pipeline, not with structure type %d",
                       info ? (int)info->sType : 0);
        return VK_ERROR_VALIDATION_FAILED_EXT;
    }
    return enough_memory ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPipelineKeyKHR(VkDevice handle, const VkPipelineCreateInfoKHR *pPipelineCreateInfo,
                      VkPipelineBinaryKeyKHR *pPipelineKey)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = VK_SUCCESS;
    struct drv_scratch scratch;
    struct described described;

    drv_scratch_init(&scratch);
    const struct drv_pipeline_cleaner cleaner = {.device = device, .scratch = &scratch};
    if (pPipelineCreateInfo) {
        result = describe(&cleaner, pPipelineCreateInfo, &described);
    }
    if (result == VK_SUCCESS) {
        result = proto_call_vkGetPipelineKeyKHR(device->object.client, handle,
                                                pPipelineCreateInfo ? &described.head : NULL,
                                                pPipelineKey);
    }
    drv_scratch_finish(&scratch);
    return result;
}

/* A lane, since binaries are large, and a host may look for them on its disk. With NULL for
 * `handles` they are only counted. */
static VkResult
call_create(struct drv_device *device, const VkPipelineBinaryCreateInfoKHR *info, uint32_t *count,
            VkPipelineBinaryKHR *handles)
{
    struct drv_lanes *lanes = &device->instance->lanes;
    struct proto_client *lane = drv_lanes_take(lanes);
    VkResult result =
        proto_call_vkCreatePipelineBinariesVESPER(lane, (VkDevice)device, info, count, handles);
    drv_lanes_give_back(lanes, lane);
    return result;
}

static VkResult
create_binaries(struct drv_device *device, const VkPipelineBinaryCreateInfoKHR *info,
                const VkAllocationCallbacks *allocator, VkPipelineBinaryHandlesInfoKHR *out)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct drv_simple_objects many;
    uint32_t made = 0, count = out->pipelineBinaryCount;

    if (drv_simple_objects_begin(&many, device, allocator, count,
                                 VK_OBJECT_TYPE_PIPELINE_BINARY_KHR, out->pPipelineBinaries)) {
        result = call_create(device, info, &count, out->pPipelineBinaries);
        made = count;
    }
    drv_simple_objects_end(&many, result, made);
    out->pipelineBinaryCount = made;
    return result;
}

/* Those that are missing leave a hole among those that were made; only the first cause is told. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_CreatePipelineBinariesKHR(VkDevice handle, const VkPipelineBinaryCreateInfoKHR *pCreateInfo,
                              const VkAllocationCallbacks *pAllocator,
                              VkPipelineBinaryHandlesInfoKHR *pBinaries)
{
    struct drv_device *device = drv_device_from(handle);
    VkPipelineBinaryCreateInfoKHR info = *pCreateInfo;
    VkResult result = VK_SUCCESS;
    struct drv_scratch scratch;
    struct described described;

    drv_scratch_init(&scratch);
    const struct drv_pipeline_cleaner cleaner = {.device = device, .scratch = &scratch};
    if (info.pPipelineCreateInfo) {
        result = describe(&cleaner, info.pPipelineCreateInfo, &described);
        info.pPipelineCreateInfo = &described.head;
    }
    if (result != VK_SUCCESS) {
        pBinaries->pipelineBinaryCount = 0;
    } else if (pBinaries->pPipelineBinaries) {
        result = create_binaries(device, &info, pAllocator, pBinaries);
    } else {
        result = call_create(device, &info, &pBinaries->pipelineBinaryCount, NULL);
    }
    drv_scratch_finish(&scratch);
    return result;
}

/* Of data that do not fit the renderer does not say how long they are, unless it is asked for that.
 * VK_INCOMPLETE: there was no room at all. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPipelineBinaryDataKHR(VkDevice handle, const VkPipelineBinaryDataInfoKHR *pInfo,
                             VkPipelineBinaryKeyKHR *pPipelineBinaryKey,
                             size_t *pPipelineBinaryDataSize, void *pPipelineBinaryData)
{
    struct drv_lanes *lanes = &drv_device_from(handle)->instance->lanes;
    struct proto_client *lane = drv_lanes_take(lanes);
    VkResult result = proto_call_vkGetPipelineBinaryDataKHR(
        lane, handle, pInfo, pPipelineBinaryKey, pPipelineBinaryDataSize, pPipelineBinaryData);

    if (result == VK_ERROR_NOT_ENOUGH_SPACE_KHR || result == VK_INCOMPLETE) {
        result = proto_call_vkGetPipelineBinaryDataKHR(lane, handle, pInfo, pPipelineBinaryKey,
                                                       pPipelineBinaryDataSize, NULL);
        result = result == VK_SUCCESS ? VK_ERROR_NOT_ENOUGH_SPACE_KHR : result;
    }
    drv_lanes_give_back(lanes, lane);
    return result;
}
