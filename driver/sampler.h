/* VkSampler: what the layouts that have it for good must know. Constant; any thread. */
#ifndef DRV_SAMPLER_H
#define DRV_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"

struct drv_sampler {
    struct drv_simple_object simple; /* first */
    bool converts;                   /* it has a VkSamplerYcbcrConversion */
};

static inline struct drv_sampler *
drv_sampler_from(VkSampler handle)
{
    return (struct drv_sampler *)(uintptr_t)handle;
}

#endif
