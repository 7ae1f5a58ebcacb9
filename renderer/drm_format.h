/* What DRM, and with it libgbm, calls Vulkan's formats. */
#ifndef RND_DRM_FORMAT_H
#define RND_DRM_FORMAT_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

/* A fourcc with alpha where the format has it; 0: DRM has no name for it. */
uint32_t rnd_drm_format(VkFormat format);

#endif
