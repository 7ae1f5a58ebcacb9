/* Vulkan Video. Creating waits for the answer: a host may not know the version of a codec's
 * structures, or may refuse what they say. What is recorded is the host's affair but for the arrays
 * of video_arrays.h. */
#include "driver/video.h"

#include "driver/command_buffer.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/simple_objects.h"
#include "driver/struct_chain.h"
#include "driver/video_arrays.h"
#include "protocol/proto_encode.h"

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateVideoSessionKHR(VkDevice handle, const VkVideoSessionCreateInfoKHR *pCreateInfo,
                          const VkAllocationCallbacks *pAllocator, VkVideoSessionKHR *pVideoSession)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct drv_simple_objects one;

    if (drv_simple_objects_begin(&one, device, pAllocator, 1, VK_OBJECT_TYPE_VIDEO_SESSION_KHR,
                                 pVideoSession)) {
        result = proto_call_vkCreateVideoSessionKHR(device->object.client, handle, pCreateInfo,
                                                    NULL, pVideoSession);
    }
    drv_simple_objects_end(&one, result, result == VK_SUCCESS ? 1 : 0);
    return result;
}

/* --- parameters --- */

static uint32_t
operating_points_of(const VkVideoSessionParametersCreateInfoKHR *info)
{
    const VkVideoEncodeAV1SessionParametersCreateInfoKHR *av1 = drv_find_struct(
        info->pNext, VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_SESSION_PARAMETERS_CREATE_INFO_KHR);
    return av1 && av1->pStdOperatingPoints ? av1->stdOperatingPointCount : 0;
}

static VkResult
call_create(struct drv_device *device, const VkVideoSessionParametersCreateInfoKHR *given,
            VkVideoSessionParametersKHR *handle)
{
    VkVideoSessionParametersCreateInfoKHR info = *given;
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct drv_scratch scratch;
    void *chain;

    drv_scratch_init(&scratch);
    if (drv_video_arrays_widen(&scratch, given->pNext, 0, &chain)) {
        info.pNext = chain;
        result = proto_call_vkCreateVideoSessionParametersKHR(
            device->object.client, (VkDevice)device, &info, NULL, handle);
    }
    drv_scratch_finish(&scratch);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateVideoSessionParametersKHR(VkDevice handle,
                                    const VkVideoSessionParametersCreateInfoKHR *pCreateInfo,
                                    const VkAllocationCallbacks *pAllocator,
                                    VkVideoSessionParametersKHR *pVideoSessionParameters)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_video_parameters *parameters = drv_device_object_create(
        device, pAllocator, sizeof(*parameters), VK_OBJECT_TYPE_VIDEO_SESSION_PARAMETERS_KHR);

    *pVideoSessionParameters = VK_NULL_HANDLE;
    if (!parameters) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    parameters->operating_points = operating_points_of(pCreateInfo);
    VkVideoSessionParametersKHR made = (VkVideoSessionParametersKHR)(uintptr_t)parameters;
    VkResult result = call_create(device, pCreateInfo, &made);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(device, pAllocator, parameters);
        return result;
    }
    *pVideoSessionParameters = made;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_UpdateVideoSessionParametersKHR(VkDevice device,
                                    VkVideoSessionParametersKHR videoSessionParameters,
                                    const VkVideoSessionParametersUpdateInfoKHR *pUpdateInfo)
{
    VkVideoSessionParametersUpdateInfoKHR info = *pUpdateInfo;
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct drv_scratch scratch;
    void *chain;

    drv_scratch_init(&scratch);
    if (drv_video_arrays_widen(&scratch, pUpdateInfo->pNext, 0, &chain)) {
        info.pNext = chain;
        result = proto_call_vkUpdateVideoSessionParametersKHR(
            drv_device_from(device)->object.client, device, videoSessionParameters, &info);
    }
    drv_scratch_finish(&scratch);
    return result;
}

/* --- recording --- */

VKAPI_ATTR void VKAPI_CALL
drv_CmdBeginVideoCodingKHR(VkCommandBuffer commandBuffer,
                           const VkVideoBeginCodingInfoKHR *pBeginInfo)
{
    struct proto_recorder *recorder = proto_recorder_from(commandBuffer);
    const struct drv_video_parameters *parameters =
        drv_video_parameters_from(pBeginInfo->videoSessionParameters);
    struct wire_writer out;

    drv_command_buffer_from(commandBuffer)->operating_points =
        parameters ? parameters->operating_points : 0;
    if (proto_recorder_begin(
            recorder,
            proto_size_vkCmdBeginVideoCodingKHR(recorder->caps, commandBuffer, pBeginInfo), &out)) {
        proto_encode_vkCmdBeginVideoCodingKHR(&out, recorder->caps, 0, commandBuffer, pBeginInfo);
        proto_recorder_commit(recorder, &out);
    }
}

/* The chain with arrays long enough. False: out of memory, and the recording has failed. */
static bool
widen_recorded(struct drv_scratch *scratch, VkCommandBuffer handle, const void **chain)
{
    struct drv_command_buffer *command_buffer = drv_command_buffer_from(handle);
    void *wide;

    if (!drv_video_arrays_widen(scratch, *chain, command_buffer->operating_points, &wide)) {
        drv_recorder_fail(&command_buffer->recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
        return false;
    }
    *chain = wide;
    return true;
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdDecodeVideoKHR(VkCommandBuffer commandBuffer, const VkVideoDecodeInfoKHR *pDecodeInfo)
{
    struct proto_recorder *recorder = proto_recorder_from(commandBuffer);
    VkVideoDecodeInfoKHR info = *pDecodeInfo;
    struct drv_scratch scratch;
    struct wire_writer out;

    drv_scratch_init(&scratch);
    if (widen_recorded(&scratch, commandBuffer, &info.pNext) &&
        proto_recorder_begin(
            recorder, proto_size_vkCmdDecodeVideoKHR(recorder->caps, commandBuffer, &info), &out)) {
        proto_encode_vkCmdDecodeVideoKHR(&out, recorder->caps, 0, commandBuffer, &info);
        proto_recorder_commit(recorder, &out);
    }
    drv_scratch_finish(&scratch);
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdEncodeVideoKHR(VkCommandBuffer commandBuffer, const VkVideoEncodeInfoKHR *pEncodeInfo)
{
    struct proto_recorder *recorder = proto_recorder_from(commandBuffer);
    VkVideoEncodeInfoKHR info = *pEncodeInfo;
    struct drv_scratch scratch;
    struct wire_writer out;

    drv_scratch_init(&scratch);
    if (widen_recorded(&scratch, commandBuffer, &info.pNext) &&
        proto_recorder_begin(
            recorder, proto_size_vkCmdEncodeVideoKHR(recorder->caps, commandBuffer, &info), &out)) {
        proto_encode_vkCmdEncodeVideoKHR(&out, recorder->caps, 0, commandBuffer, &info);
        proto_recorder_commit(recorder, &out);
    }
    drv_scratch_finish(&scratch);
}
