/* VkPipeline: what linking it into another pipeline must know. Constant after creation. */
#ifndef DRV_PIPELINE_H
#define DRV_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"

struct drv_pipeline {
    struct proto_object object;
    /* Its pre-rasterization state discards everything, and no dynamic state can change that. */
    bool discards;
};

static inline struct drv_pipeline *
drv_pipeline_from(VkPipeline handle)
{
    return (struct drv_pipeline *)(uintptr_t)handle;
}

/* VkPipelineCreateFlags2CreateInfo, where it is chained, replaces the plain flags. */
VkPipelineCreateFlags2 drv_pipeline_flags(const void *chain, VkPipelineCreateFlags flags);

#endif
