/* Acceleration structure builds: of a VkAccelerationStructureBuildGeometryInfoKHR some handles are
 * ignored, and may be garbage, depending on who asks. */
#include "driver/command_buffer.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "protocol/proto_encode.h"

VKAPI_ATTR void VKAPI_CALL
drv_GetAccelerationStructureBuildSizesKHR(
    VkDevice device, VkAccelerationStructureBuildTypeKHR buildType,
    const VkAccelerationStructureBuildGeometryInfoKHR *pBuildInfo,
    const uint32_t *pMaxPrimitiveCounts, VkAccelerationStructureBuildSizesInfoKHR *pSizeInfo)
{
    VkAccelerationStructureBuildGeometryInfoKHR info = *pBuildInfo;

    info.srcAccelerationStructure = VK_NULL_HANDLE;
    info.dstAccelerationStructure = VK_NULL_HANDLE;
    info.scratchData.deviceAddress = 0;
    if (proto_call_vkGetAccelerationStructureBuildSizesKHR(
            drv_device_from(device)->object.client, device, buildType, &info,
            info.geometryCount > 0 ? pMaxPrimitiveCounts : NULL, pSizeInfo) != VK_SUCCESS) {
        pSizeInfo->accelerationStructureSize = 0;
        pSizeInfo->updateScratchSize = 0;
        pSizeInfo->buildScratchSize = 0;
    }
}

/* Without the sources of builds that update nothing. NULL: out of memory. */
static VkAccelerationStructureBuildGeometryInfoKHR *
clean_infos(struct drv_scratch *scratch, uint32_t count,
            const VkAccelerationStructureBuildGeometryInfoKHR *infos)
{
    VkAccelerationStructureBuildGeometryInfoKHR *clean =
        drv_scratch_array(scratch, count, sizeof(*clean));

    for (uint32_t i = 0; clean && i < count; i++) {
        clean[i] = infos[i];
        if (clean[i].mode != VK_BUILD_ACCELERATION_STRUCTURE_MODE_UPDATE_KHR) {
            clean[i].srcAccelerationStructure = VK_NULL_HANDLE;
        }
    }
    return clean;
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdBuildAccelerationStructuresKHR(
    VkCommandBuffer commandBuffer, uint32_t infoCount,
    const VkAccelerationStructureBuildGeometryInfoKHR *pInfos,
    const VkAccelerationStructureBuildRangeInfoKHR *const *ppBuildRangeInfos)
{
    struct proto_recorder *recorder = proto_recorder_from(commandBuffer);
    struct drv_scratch scratch;
    struct wire_writer out;

    drv_scratch_init(&scratch);
    const VkAccelerationStructureBuildGeometryInfoKHR *infos =
        clean_infos(&scratch, infoCount, pInfos);
    if (!infos) {
        drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
    } else if (proto_recorder_begin(
                   recorder,
                   proto_size_vkCmdBuildAccelerationStructuresKHR(
                       recorder->caps, commandBuffer, infoCount, infos, ppBuildRangeInfos),
                   &out)) {
        proto_encode_vkCmdBuildAccelerationStructuresKHR(&out, recorder->caps, 0, commandBuffer,
                                                         infoCount, infos, ppBuildRangeInfos);
        proto_recorder_commit(recorder, &out);
    }
    drv_scratch_finish(&scratch);
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdBuildAccelerationStructuresIndirectKHR(
    VkCommandBuffer commandBuffer, uint32_t infoCount,
    const VkAccelerationStructureBuildGeometryInfoKHR *pInfos,
    const VkDeviceAddress *pIndirectDeviceAddresses, const uint32_t *pIndirectStrides,
    const uint32_t *const *ppMaxPrimitiveCounts)
{
    struct proto_recorder *recorder = proto_recorder_from(commandBuffer);
    struct drv_scratch scratch;
    struct wire_writer out;

    drv_scratch_init(&scratch);
    const VkAccelerationStructureBuildGeometryInfoKHR *infos =
        clean_infos(&scratch, infoCount, pInfos);
    if (!infos) {
        drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
    } else if (proto_recorder_begin(recorder,
                                    proto_size_vkCmdBuildAccelerationStructuresIndirectKHR(
                                        recorder->caps, commandBuffer, infoCount, infos,
                                        pIndirectDeviceAddresses, pIndirectStrides,
                                        ppMaxPrimitiveCounts),
                                    &out)) {
        proto_encode_vkCmdBuildAccelerationStructuresIndirectKHR(
            &out, recorder->caps, 0, commandBuffer, infoCount, infos, pIndirectDeviceAddresses,
            pIndirectStrides, ppMaxPrimitiveCounts);
        proto_recorder_commit(recorder, &out);
    }
    drv_scratch_finish(&scratch);
}
