#include "driver/descriptor_write.h"

#include "driver/struct_chain.h"

static bool
uses_sampler(const struct drv_descriptor_set_layout *layout, const VkWriteDescriptorSet *write)
{
    if (!drv_descriptor_type_has_sampler(write->descriptorType)) {
        return false;
    }
    /* A write may run on into the following bindings, which must then agree about samplers. */
    const struct drv_descriptor_binding *binding =
        layout ? drv_descriptor_set_layout_find(layout, write->dstBinding) : NULL;
    return !binding || !binding->immutable_samplers;
}

static bool
is_clean(const VkDescriptorImageInfo *info, bool sampler, bool view)
{
    return (sampler || !info->sampler) && (view || !info->imageView);
}

/* The application's array itself where nothing needs to be cleared. */
static const VkDescriptorImageInfo *
clean_images(struct drv_scratch *scratch, const VkDescriptorImageInfo *infos, uint32_t count,
             bool sampler, bool view)
{
    uint32_t clean = 0;
    while (clean < count && is_clean(&infos[clean], sampler, view)) {
        clean++;
    }
    if (clean == count) {
        return infos;
    }
    VkDescriptorImageInfo *copies = drv_scratch_array(scratch, count, sizeof(*copies));
    for (uint32_t i = 0; copies && i < count; i++) {
        copies[i].sampler = sampler ? infos[i].sampler : VK_NULL_HANDLE;
        copies[i].imageView = view ? infos[i].imageView : VK_NULL_HANDLE;
        copies[i].imageLayout = view ? infos[i].imageLayout : VK_IMAGE_LAYOUT_UNDEFINED;
    }
    return copies;
}

/* Keeps one structure of the chain. False: out of memory. */
static bool
keep_chained(struct drv_scratch *scratch, const void *chain, VkStructureType type, size_t size,
             VkWriteDescriptorSet *out)
{
    const void *found = drv_find_struct(chain, type);
    if (!found) {
        return true;
    }
    VkBaseOutStructure *copy = drv_scratch_copy(scratch, found, size);
    if (copy) {
        copy->pNext = NULL;
        out->pNext = copy;
    }
    return copy;
}

bool
drv_descriptor_write_clean(struct drv_scratch *scratch,
                           const struct drv_descriptor_set_layout *layout,
                           const VkWriteDescriptorSet *in, VkWriteDescriptorSet *out)
{
    *out = (VkWriteDescriptorSet){
        .sType = in->sType,
        .dstSet = in->dstSet,
        .dstBinding = in->dstBinding,
        .dstArrayElement = in->dstArrayElement,
        .descriptorCount = in->descriptorCount,
        .descriptorType = in->descriptorType,
    };
    switch (in->descriptorType) {
    case VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER:
    case VK_DESCRIPTOR_TYPE_STORAGE_BUFFER:
    case VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC:
    case VK_DESCRIPTOR_TYPE_STORAGE_BUFFER_DYNAMIC: out->pBufferInfo = in->pBufferInfo; return true;
    case VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER:
    case VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER:
        out->pTexelBufferView = in->pTexelBufferView;
        return true;
    case VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK:
        return keep_chained(scratch, in->pNext,
                            VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_INLINE_UNIFORM_BLOCK,
                            sizeof(VkWriteDescriptorSetInlineUniformBlock), out);
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR:
        return keep_chained(scratch, in->pNext,
                            VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_KHR,
                            sizeof(VkWriteDescriptorSetAccelerationStructureKHR), out);
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_NV:
        return keep_chained(scratch, in->pNext,
                            VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_NV,
                            sizeof(VkWriteDescriptorSetAccelerationStructureNV), out);
    case VK_DESCRIPTOR_TYPE_PARTITIONED_ACCELERATION_STRUCTURE_NV:
        return keep_chained(
            scratch, in->pNext,
            VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_PARTITIONED_ACCELERATION_STRUCTURE_NV,
            sizeof(VkWriteDescriptorSetPartitionedAccelerationStructureNV), out);
    case VK_DESCRIPTOR_TYPE_SAMPLER:
    case VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER:
    case VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE:
    case VK_DESCRIPTOR_TYPE_STORAGE_IMAGE:
    case VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT:
        out->pImageInfo =
            clean_images(scratch, in->pImageInfo, in->descriptorCount, uses_sampler(layout, in),
                         in->descriptorType != VK_DESCRIPTOR_TYPE_SAMPLER);
        return out->pImageInfo || in->descriptorCount == 0;
    default:
        /* Only extensions that the protocol does not carry have other types. */
        return true;
    }
}

VkWriteDescriptorSet *
drv_descriptor_writes_clean_push(struct drv_scratch *scratch,
                                 const struct drv_descriptor_set_layout *layout, uint32_t count,
                                 const VkWriteDescriptorSet *writes)
{
    VkWriteDescriptorSet *clean = drv_scratch_array(scratch, count, sizeof(*clean));

    for (uint32_t i = 0; clean && i < count; i++) {
        if (!drv_descriptor_write_clean(scratch, layout, &writes[i], &clean[i])) {
            return NULL;
        }
        clean[i].dstSet = VK_NULL_HANDLE;
    }
    return clean;
}
