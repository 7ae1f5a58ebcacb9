/* VkPipelineLayout: remembers its set layouts, since push descriptors are written against them. */
#ifndef DRV_PIPELINE_LAYOUT_H
#define DRV_PIPELINE_LAYOUT_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/descriptor_layout.h"
#include "driver/recordings.h"

struct drv_pipeline_layout {
    struct proto_object object;
    struct drv_retired_layout *remains; /* for when it is destroyed */
    uint32_t set_count;
    struct drv_descriptor_set_layout *sets[]; /* one reference each; NULL where none was given */
};

static inline struct drv_pipeline_layout *
drv_pipeline_layout_from(VkPipelineLayout handle)
{
    return (struct drv_pipeline_layout *)(uintptr_t)handle;
}

/* The layout of one set; NULL if there is none. `layout` may be NULL. */
struct drv_descriptor_set_layout *drv_pipeline_layout_set(const struct drv_pipeline_layout *layout,
                                                          uint32_t set);

#endif
