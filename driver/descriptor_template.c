#include "driver/descriptor_template.h"

#include <string.h>

#include "driver/descriptor_write.h"
#include "driver/drv_entry.h"
#include "driver/pipeline_layout.h"

/* `count` items that lie `stride` bytes apart, as an array. NULL: out of memory. */
static const void *
gather(struct drv_scratch *scratch, const uint8_t *data, uint32_t count, size_t stride, size_t size)
{
    if (count <= 1 || stride == size) {
        return data;
    }
    uint8_t *items = drv_scratch_array(scratch, count, size);
    for (uint32_t i = 0; items && i < count; i++) {
        memcpy(items + i * size, data + i * stride, size);
    }
    return items;
}

static bool
expand_inline_block(struct drv_scratch *scratch, const uint8_t *data, VkWriteDescriptorSet *write)
{
    VkWriteDescriptorSetInlineUniformBlock *block = drv_scratch_alloc(scratch, sizeof(*block));

    if (block) {
        *block = (VkWriteDescriptorSetInlineUniformBlock){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_INLINE_UNIFORM_BLOCK,
            .dataSize = write->descriptorCount,
            .pData = data,
        };
        write->pNext = block;
    }
    return block;
}

static bool
expand_acceleration_structures(struct drv_scratch *scratch, const uint8_t *data, size_t stride,
                               VkWriteDescriptorSet *write)
{
    VkWriteDescriptorSetAccelerationStructureKHR *structures =
        drv_scratch_alloc(scratch, sizeof(*structures));
    const VkAccelerationStructureKHR *handles =
        gather(scratch, data, write->descriptorCount, stride, sizeof(*handles));

    if (!structures || !handles) {
        return false;
    }
    *structures = (VkWriteDescriptorSetAccelerationStructureKHR){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_KHR,
        .accelerationStructureCount = write->descriptorCount,
        .pAccelerationStructures = handles,
    };
    write->pNext = structures;
    return true;
}

static bool
expand_acceleration_structures_nv(struct drv_scratch *scratch, const uint8_t *data, size_t stride,
                                  VkWriteDescriptorSet *write)
{
    VkWriteDescriptorSetAccelerationStructureNV *structures =
        drv_scratch_alloc(scratch, sizeof(*structures));
    const VkAccelerationStructureNV *handles =
        gather(scratch, data, write->descriptorCount, stride, sizeof(*handles));

    if (!structures || !handles) {
        return false;
    }
    *structures = (VkWriteDescriptorSetAccelerationStructureNV){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_NV,
        .accelerationStructureCount = write->descriptorCount,
        .pAccelerationStructures = handles,
    };
    write->pNext = structures;
    return true;
}

static bool
expand_partitioned_structures(struct drv_scratch *scratch, const uint8_t *data, size_t stride,
                              VkWriteDescriptorSet *write)
{
    VkWriteDescriptorSetPartitionedAccelerationStructureNV *structures =
        drv_scratch_alloc(scratch, sizeof(*structures));
    const VkDeviceAddress *addresses =
        gather(scratch, data, write->descriptorCount, stride, sizeof(*addresses));

    if (!structures || !addresses) {
        return false;
    }
    *structures = (VkWriteDescriptorSetPartitionedAccelerationStructureNV){
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_PARTITIONED_ACCELERATION_STRUCTURE_NV,
        .accelerationStructureCount = write->descriptorCount,
        .pAccelerationStructures = addresses,
    };
    write->pNext = structures;
    return true;
}

/* Points the write at its part of the data. False: out of memory. */
static bool
expand_entry(struct drv_scratch *scratch, const VkDescriptorUpdateTemplateEntry *entry,
             const void *all_data, VkWriteDescriptorSet *write)
{
    const uint8_t *data = (const uint8_t *)all_data + entry->offset;
    uint32_t count = entry->descriptorCount;

    switch (entry->descriptorType) {
    case VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER:
    case VK_DESCRIPTOR_TYPE_STORAGE_BUFFER:
    case VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC:
    case VK_DESCRIPTOR_TYPE_STORAGE_BUFFER_DYNAMIC:
        write->pBufferInfo =
            gather(scratch, data, count, entry->stride, sizeof(VkDescriptorBufferInfo));
        return write->pBufferInfo;
    case VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER:
    case VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER:
        write->pTexelBufferView = gather(scratch, data, count, entry->stride, sizeof(VkBufferView));
        return write->pTexelBufferView;
    case VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK: return expand_inline_block(scratch, data, write);
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR:
        return expand_acceleration_structures(scratch, data, entry->stride, write);
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_NV:
        return expand_acceleration_structures_nv(scratch, data, entry->stride, write);
    case VK_DESCRIPTOR_TYPE_PARTITIONED_ACCELERATION_STRUCTURE_NV:
        return expand_partitioned_structures(scratch, data, entry->stride, write);
    default:
        write->pImageInfo =
            gather(scratch, data, count, entry->stride, sizeof(VkDescriptorImageInfo));
        return write->pImageInfo;
    }
}

VkWriteDescriptorSet *
drv_descriptor_template_expand(struct drv_scratch *scratch,
                               const struct drv_descriptor_template *update_template,
                               const struct drv_descriptor_set_layout *layout, VkDescriptorSet set,
                               const void *data)
{
    VkWriteDescriptorSet *writes =
        drv_scratch_array(scratch, update_template->entry_count, sizeof(*writes));

    for (uint32_t i = 0; writes && i < update_template->entry_count; i++) {
        const VkDescriptorUpdateTemplateEntry *entry = &update_template->entries[i];
        VkWriteDescriptorSet write = {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = entry->dstBinding,
            .dstArrayElement = entry->dstArrayElement,
            .descriptorCount = entry->descriptorCount,
            .descriptorType = entry->descriptorType,
        };
        if (!expand_entry(scratch, entry, data, &write) ||
            !drv_descriptor_write_clean(scratch, layout, &write, &writes[i])) {
            return NULL;
        }
    }
    return writes;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDescriptorUpdateTemplate(VkDevice device,
                                   const VkDescriptorUpdateTemplateCreateInfo *pCreateInfo,
                                   const VkAllocationCallbacks *pAllocator,
                                   VkDescriptorUpdateTemplate *pDescriptorUpdateTemplate)
{
    struct drv_device *dev = drv_device_from(device);
    uint32_t count = pCreateInfo->descriptorUpdateEntryCount;
    struct drv_descriptor_template *update_template = drv_device_object_create(
        dev, pAllocator, sizeof(*update_template) + count * sizeof(update_template->entries[0]),
        VK_OBJECT_TYPE_DESCRIPTOR_UPDATE_TEMPLATE);

    if (!update_template) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    update_template->type = pCreateInfo->templateType;
    if (update_template->type == VK_DESCRIPTOR_UPDATE_TEMPLATE_TYPE_PUSH_DESCRIPTORS) {
        update_template->bind_point = pCreateInfo->pipelineBindPoint;
        update_template->push_layout = drv_descriptor_set_layout_ref(drv_pipeline_layout_set(
            drv_pipeline_layout_from(pCreateInfo->pipelineLayout), pCreateInfo->set));
    }
    update_template->entry_count = count;
    memcpy(update_template->entries, pCreateInfo->pDescriptorUpdateEntries,
           count * sizeof(update_template->entries[0]));
    *pDescriptorUpdateTemplate = (VkDescriptorUpdateTemplate)(uintptr_t)update_template;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyDescriptorUpdateTemplate(VkDevice device,
                                    VkDescriptorUpdateTemplate descriptorUpdateTemplate,
                                    const VkAllocationCallbacks *pAllocator)
{
    struct drv_descriptor_template *update_template =
        drv_descriptor_template_from(descriptorUpdateTemplate);

    if (update_template) {
        drv_descriptor_set_layout_unref(update_template->push_layout);
        drv_device_object_destroy(drv_device_from(device), pAllocator, update_template);
    }
}
