/* VkRenderPass: which attachments each subpass has, since a pipeline's blend and depth state are
 * ignored, and may be garbage, where there are none. Constant after creation. */
#ifndef DRV_RENDER_PASS_H
#define DRV_RENDER_PASS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"

struct drv_subpass {
    bool color, depth_stencil;
};

struct drv_render_pass {
    struct proto_object object;
    uint32_t subpass_count;
    struct drv_subpass subpasses[];
};

static inline struct drv_render_pass *
drv_render_pass_from(VkRenderPass handle)
{
    return (struct drv_render_pass *)(uintptr_t)handle;
}

#endif
