/* Updates of descriptor sets, by write and by template, and push descriptors. */
#include "driver/command_buffer.h"
#include "driver/descriptor_pool.h"
#include "driver/descriptor_template.h"
#include "driver/descriptor_write.h"
#include "driver/drv_entry.h"
#include "driver/pipeline_layout.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"
#include "protocol/runtime/recorder.h"

/* Vulkan gives these functions no way to say so. */
static void
update_failed(struct drv_device *device)
{
    drv_ring_set_lost(device->ring, "out of host memory for a descriptor update");
}

VKAPI_ATTR void VKAPI_CALL
drv_UpdateDescriptorSets(VkDevice device, uint32_t descriptorWriteCount,
                         const VkWriteDescriptorSet *pDescriptorWrites,
                         uint32_t descriptorCopyCount, const VkCopyDescriptorSet *pDescriptorCopies)
{
    struct drv_device *dev = drv_device_from(device);
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkWriteDescriptorSet *writes =
        drv_scratch_array(&scratch, descriptorWriteCount, sizeof(*writes));
    bool ok = writes;
    for (uint32_t i = 0; ok && i < descriptorWriteCount; i++) {
        const VkWriteDescriptorSet *write = &pDescriptorWrites[i];
        ok = drv_descriptor_write_clean(&scratch, drv_descriptor_set_from(write->dstSet)->layout,
                                        write, &writes[i]);
    }
    if (ok) {
        (void)proto_send_vkUpdateDescriptorSets(dev->object.client, device, descriptorWriteCount,
                                                writes, descriptorCopyCount, pDescriptorCopies);
    } else {
        update_failed(dev);
    }
    drv_scratch_finish(&scratch);
}

VKAPI_ATTR void VKAPI_CALL
drv_UpdateDescriptorSetWithTemplate(VkDevice device, VkDescriptorSet descriptorSet,
                                    VkDescriptorUpdateTemplate descriptorUpdateTemplate,
                                    const void *pData)
{
    struct drv_device *dev = drv_device_from(device);
    const struct drv_descriptor_template *update_template =
        drv_descriptor_template_from(descriptorUpdateTemplate);
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    const VkWriteDescriptorSet *writes = drv_descriptor_template_expand(
        &scratch, update_template, drv_descriptor_set_from(descriptorSet)->layout, descriptorSet,
        pData);
    if (writes) {
        (void)proto_send_vkUpdateDescriptorSets(dev->object.client, device,
                                                update_template->entry_count, writes, 0, NULL);
    } else {
        update_failed(dev);
    }
    drv_scratch_finish(&scratch);
}

/* Records writes that are already clean; NULL is for "out of memory". */
static void
record_push(struct proto_recorder *recorder, VkPipelineBindPoint bind_point,
            VkPipelineLayout layout, uint32_t set, uint32_t count,
            const VkWriteDescriptorSet *writes)
{
    VkCommandBuffer handle = (VkCommandBuffer)recorder;
    struct wire_writer out;

    if (!writes) {
        drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
        return;
    }
    size_t size = proto_size_vkCmdPushDescriptorSet(recorder->caps, handle, bind_point, layout, set,
                                                    count, writes);
    if (proto_recorder_begin(recorder, size, &out)) {
        proto_encode_vkCmdPushDescriptorSet(&out, recorder->caps, 0, handle, bind_point, layout,
                                            set, count, writes);
        proto_recorder_commit(recorder, &out);
    }
}

static void
record_push2(struct proto_recorder *recorder, const VkPushDescriptorSetInfo *info)
{
    VkCommandBuffer handle = (VkCommandBuffer)recorder;
    struct wire_writer out;

    if (!info->pDescriptorWrites) {
        drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
        return;
    }
    size_t size = proto_size_vkCmdPushDescriptorSet2(recorder->caps, handle, info);
    if (proto_recorder_begin(recorder, size, &out)) {
        proto_encode_vkCmdPushDescriptorSet2(&out, recorder->caps, 0, handle, info);
        proto_recorder_commit(recorder, &out);
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdPushDescriptorSet(VkCommandBuffer commandBuffer, VkPipelineBindPoint pipelineBindPoint,
                         VkPipelineLayout layout, uint32_t set, uint32_t descriptorWriteCount,
                         const VkWriteDescriptorSet *pDescriptorWrites)
{
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    const VkWriteDescriptorSet *writes = drv_descriptor_writes_clean_push(
        &scratch, drv_pipeline_layout_set(drv_pipeline_layout_from(layout), set),
        descriptorWriteCount, pDescriptorWrites);
    record_push(proto_recorder_from(commandBuffer), pipelineBindPoint, layout, set,
                descriptorWriteCount, writes);
    drv_scratch_finish(&scratch);
}

/* The layout of one set, where the pipeline layout may be described in the chain instead of
 * existing. */
static const struct drv_descriptor_set_layout *
find_set_layout(VkPipelineLayout layout, const void *chain, uint32_t set)
{
    if (layout) {
        return drv_pipeline_layout_set(drv_pipeline_layout_from(layout), set);
    }
    const VkPipelineLayoutCreateInfo *info =
        drv_find_struct(chain, VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO);
    return info && set < info->setLayoutCount
               ? drv_descriptor_set_layout_from(info->pSetLayouts[set])
               : NULL;
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdPushDescriptorSet2(VkCommandBuffer commandBuffer,
                          const VkPushDescriptorSetInfo *pPushDescriptorSetInfo)
{
    VkPushDescriptorSetInfo info = *pPushDescriptorSetInfo;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    info.pDescriptorWrites = drv_descriptor_writes_clean_push(
        &scratch, find_set_layout(info.layout, info.pNext, info.set), info.descriptorWriteCount,
        info.pDescriptorWrites);
    record_push2(proto_recorder_from(commandBuffer), &info);
    drv_scratch_finish(&scratch);
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdPushDescriptorSetWithTemplate(VkCommandBuffer commandBuffer,
                                     VkDescriptorUpdateTemplate descriptorUpdateTemplate,
                                     VkPipelineLayout layout, uint32_t set, const void *pData)
{
    const struct drv_descriptor_template *update_template =
        drv_descriptor_template_from(descriptorUpdateTemplate);
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    const VkWriteDescriptorSet *writes = drv_descriptor_template_expand(
        &scratch, update_template, update_template->push_layout, VK_NULL_HANDLE, pData);
    record_push(proto_recorder_from(commandBuffer), update_template->bind_point, layout, set,
                update_template->entry_count, writes);
    drv_scratch_finish(&scratch);
}

/* Stages that name a bind point to vkCmdPushDescriptorSet2. */
static VkShaderStageFlags
stages_of(VkPipelineBindPoint bind_point)
{
    switch (bind_point) {
    case VK_PIPELINE_BIND_POINT_COMPUTE: return VK_SHADER_STAGE_COMPUTE_BIT;
    case VK_PIPELINE_BIND_POINT_RAY_TRACING_KHR: return VK_SHADER_STAGE_RAYGEN_BIT_KHR;
    default: return VK_SHADER_STAGE_ALL_GRAPHICS;
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_CmdPushDescriptorSetWithTemplate2(
    VkCommandBuffer commandBuffer,
    const VkPushDescriptorSetWithTemplateInfo *pPushDescriptorSetWithTemplateInfo)
{
    const VkPushDescriptorSetWithTemplateInfo *given = pPushDescriptorSetWithTemplateInfo;
    const struct drv_descriptor_template *update_template =
        drv_descriptor_template_from(given->descriptorUpdateTemplate);
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkPushDescriptorSetInfo info = {
        .sType = VK_STRUCTURE_TYPE_PUSH_DESCRIPTOR_SET_INFO,
        .pNext = given->pNext,
        .stageFlags = stages_of(update_template->bind_point),
        .layout = given->layout,
        .set = given->set,
        .descriptorWriteCount = update_template->entry_count,
        .pDescriptorWrites = drv_descriptor_template_expand(
            &scratch, update_template, update_template->push_layout, VK_NULL_HANDLE, given->pData),
    };
    record_push2(proto_recorder_from(commandBuffer), &info);
    drv_scratch_finish(&scratch);
}
