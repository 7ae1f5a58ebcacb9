/* Which parts of a VkGraphicsPipelineCreateInfo count.
 *
 * Depending on flags, libraries, dynamic state, stages, rasterizer discard and attachments, Vulkan
 * ignores whole structures; an application may leave garbage there, and the encoder would follow
 * it. This makes copies in which everything ignored is NULL or zero, and never looks at what is
 * ignored. What "can be NULL" is passed on as it is. Pure: allocates from the scratch memory only.
 */
#ifndef DRV_PIPELINE_GRAPHICS_H
#define DRV_PIPELINE_GRAPHICS_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/scratch.h"

/* `advanced_blend`: the device's feature advancedBlendCoherentOperations. *discards is
 * drv_pipeline.discards. Handles in `in` are the driver's. False: out of memory. */
BASE_MUST_CHECK bool drv_graphics_pipeline_clean(struct drv_scratch *scratch,
                                                 const VkGraphicsPipelineCreateInfo *in,
                                                 bool advanced_blend,
                                                 VkGraphicsPipelineCreateInfo *out, bool *discards);

#endif
