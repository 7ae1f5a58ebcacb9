/* Video session parameters: what must be known of them when pictures are encoded. Constant after
 * creation. */
#ifndef DRV_VIDEO_H
#define DRV_VIDEO_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"

struct drv_video_parameters {
    struct proto_object object;
    uint32_t operating_points; /* of an AV1 sequence that is encoded; else 0 */
};

/* VK_NULL_HANDLE gives NULL. */
static inline struct drv_video_parameters *
drv_video_parameters_from(VkVideoSessionParametersKHR handle)
{
    return (struct drv_video_parameters *)(uintptr_t)handle;
}

#endif
