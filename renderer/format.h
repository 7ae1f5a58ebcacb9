/* How large texels are in a linear buffer: what bounds a host image copy. */
#ifndef RND_FORMAT_H
#define RND_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

struct rnd_texel_block {
    uint32_t bytes, width, height;
};

/* The block of one aspect of a format. False, and nothing written, for formats that the registry
 * does not describe and aspects that they do not have. */
bool rnd_format_block(VkFormat format, VkImageAspectFlags aspect, struct rnd_texel_block *out);

/* The largest block that a host's driver may go by instead: some copy a depth or stencil aspect, or
 * a plane, at the pitch of the whole texel, which they may store wider than Vulkan counts it. For
 * formats that the registry does not describe it is larger than any there is. */
struct rnd_texel_block rnd_format_host_block(VkFormat format, VkImageAspectFlags aspect);

/* How large an aspect of mip level `level` is, of an image of `extent` texels. */
VkExtent3D rnd_format_level_extent(VkFormat format, VkImageAspectFlags aspect,
                                   const VkExtent3D *extent, uint32_t level);

/* Bytes that a copy of `extent` and `layers` touches in a buffer with those strides (in texels; 0:
 * tight), from the first byte to the last. UINT64_MAX on overflow. */
uint64_t rnd_format_copy_size(const struct rnd_texel_block *block, const VkExtent3D *extent,
                              uint32_t layers, uint32_t row_length, uint32_t image_height);

#endif
