/* What kinds of descriptors there are, numbered without gaps, and how much of each something holds.
 */
#ifndef DRV_DESCRIPTOR_TYPE_H
#define DRV_DESCRIPTOR_TYPE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

enum drv_descriptor_kind {
    /* 0..10: VkDescriptorType of Vulkan 1.0 */
    DRV_DESCRIPTOR_INLINE_UNIFORM_BLOCK = VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT + 1,
    DRV_DESCRIPTOR_ACCELERATION_STRUCTURE,
    DRV_DESCRIPTOR_ACCELERATION_STRUCTURE_NV,
    DRV_DESCRIPTOR_PARTITIONED_ACCELERATION_STRUCTURE_NV,
    DRV_DESCRIPTOR_MUTABLE,
    DRV_DESCRIPTOR_OTHER, /* anything newer than this driver */
    DRV_DESCRIPTOR_KIND_COUNT,
};

/* Inline uniform blocks count in bytes, as Vulkan does, and once more as bindings. Combined image
 * samplers that convert Y'CbCr count once more, too: each takes as many descriptors of its pool as
 * the host needs for the image's format. */
struct drv_descriptor_counts {
    uint32_t kinds[DRV_DESCRIPTOR_KIND_COUNT];
    uint32_t inline_bindings;
    uint32_t converting;
};

static inline enum drv_descriptor_kind
drv_descriptor_kind(VkDescriptorType type)
{
    switch (type) {
    case VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK: return DRV_DESCRIPTOR_INLINE_UNIFORM_BLOCK;
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR:
        return DRV_DESCRIPTOR_ACCELERATION_STRUCTURE;
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_NV:
        return DRV_DESCRIPTOR_ACCELERATION_STRUCTURE_NV;
    case VK_DESCRIPTOR_TYPE_PARTITIONED_ACCELERATION_STRUCTURE_NV:
        return DRV_DESCRIPTOR_PARTITIONED_ACCELERATION_STRUCTURE_NV;
    case VK_DESCRIPTOR_TYPE_MUTABLE_EXT: return DRV_DESCRIPTOR_MUTABLE;
    default:
        return (uint32_t)type <= VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT
                   ? (enum drv_descriptor_kind)type
                   : DRV_DESCRIPTOR_OTHER;
    }
}

static inline bool
drv_descriptor_type_has_sampler(VkDescriptorType type)
{
    return type == VK_DESCRIPTOR_TYPE_SAMPLER || type == VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER;
}

#endif
