/* VkImage: what it takes to answer questions about it without asking the renderer again. */
#ifndef DRV_IMAGE_H
#define DRV_IMAGE_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"
#include "driver/requirements.h"

enum {
    DRV_IMAGE_MAX_PLANES = 3,
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
    VkImageLayout initial_layout;

    /* Of an image that shares a swapchain's memory, if that takes an import of its own; set when it
     * is bound. */
    VkDeviceMemory imported;

    struct drv_requirements requirements;
    struct drv_requirements plane_requirements[DRV_IMAGE_MAX_PLANES]; /* of disjoint images */
};

static inline struct drv_image *
drv_image_from(VkImage handle)
{
    return (struct drv_image *)(uintptr_t)handle;
}

#endif
