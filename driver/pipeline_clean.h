/* What an application says of a pipeline, as it is to be encoded: what Vulkan ignores is left out,
 * and what has another form on the wire has it. The copies are shallow and lie in the scratch
 * memory; handles are the driver's. Functions that return bool: false is out of memory. */
#ifndef DRV_PIPELINE_CLEAN_H
#define DRV_PIPELINE_CLEAN_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/scratch.h"

struct drv_device;

/* Where the clean copies are made, and what they depend on. */
struct drv_pipeline_cleaner {
    struct drv_device *device;
    struct drv_scratch *scratch;
};

/* *discards is drv_pipeline.discards. */
BASE_MUST_CHECK bool drv_clean_graphics(const struct drv_pipeline_cleaner *cleaner,
                                        const VkGraphicsPipelineCreateInfo *in,
                                        VkGraphicsPipelineCreateInfo *out, bool *discards);
BASE_MUST_CHECK bool drv_clean_compute(const struct drv_pipeline_cleaner *cleaner,
                                       const VkComputePipelineCreateInfo *in,
                                       VkComputePipelineCreateInfo *out);
BASE_MUST_CHECK bool drv_clean_ray_tracing(const struct drv_pipeline_cleaner *cleaner,
                                           const VkRayTracingPipelineCreateInfoKHR *in,
                                           VkRayTracingPipelineCreateInfoKHR *out);
BASE_MUST_CHECK bool drv_clean_ray_tracing_nv(const struct drv_pipeline_cleaner *cleaner,
                                              const VkRayTracingPipelineCreateInfoNV *in,
                                              VkRayTracingPipelineCreateInfoNV *out);

#endif
