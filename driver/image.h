/* VkImage: what it takes to answer questions about it without asking the renderer again. */
#ifndef DRV_IMAGE_H
#define DRV_IMAGE_H

#include <stdatomic.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"

/* Remembered requirements: of the whole image, or of up to three planes. */
struct drv_image_requirements {
    _Atomic uint32_t known; /* 1 once the rest is filled; several threads may fill it with the same */
    VkMemoryRequirements memory;
    VkBool32 prefers_dedicated, requires_dedicated;
};

struct drv_image {
    struct proto_object object;

    /* From VkImageCreateInfo, constant. */
    VkImageCreateFlags flags;
    VkImageType type;
    VkFormat format;
    VkExtent3D extent;
    uint32_t mip_levels, array_layers;
    VkImageTiling tiling;

    struct drv_image_requirements requirements[4]; /* 0: the image; 1..3: its planes 0..2 */
};

static inline struct drv_image *
drv_image_from(VkImage handle)
{
    return (struct drv_image *)(uintptr_t)handle;
}

#endif
