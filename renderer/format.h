/* How large texels are in a linear buffer: what bounds a host image copy. */
#ifndef RND_FORMAT_H
#define RND_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

struct rnd_texel_block {
    uint32_t bytes, width, height;
};

/* The block of one aspect of a format. False for formats that the registry does not describe, and
 * aspects that they do not have. */
bool rnd_format_block(VkFormat format, VkImageAspectFlags aspect, struct rnd_texel_block *out);

/* Bytes that a copy of `extent` and `layers` touches in a buffer with those strides (in texels; 0:
 * tight), from the first byte to the last. UINT64_MAX on overflow. */
uint64_t rnd_format_copy_size(const struct rnd_texel_block *block, const VkExtent3D *extent,
                              uint32_t layers, uint32_t row_length, uint32_t image_height);

#endif
