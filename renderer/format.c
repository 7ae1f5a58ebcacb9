#include "renderer/format.h"

#include "protocol/proto_formats.h"

/* Depth and stencil are copied one aspect at a time, stencil as bytes. */
static uint32_t
depth_stencil_bytes(VkFormat format, VkImageAspectFlags aspect)
{
    if (aspect == VK_IMAGE_ASPECT_STENCIL_BIT) {
        return 1;
    }
    switch (format) {
    case VK_FORMAT_D16_UNORM:
    case VK_FORMAT_D16_UNORM_S8_UINT: return 2;
    case VK_FORMAT_X8_D24_UNORM_PACK32:
    case VK_FORMAT_D24_UNORM_S8_UINT:
    case VK_FORMAT_D32_SFLOAT:
    case VK_FORMAT_D32_SFLOAT_S8_UINT: return 4;
    default: return 0;
    }
}

static uint32_t
plane_bytes(const struct proto_format *format, VkImageAspectFlags aspect)
{
    switch (aspect) {
    case VK_IMAGE_ASPECT_PLANE_0_BIT: return format->plane_size[0];
    case VK_IMAGE_ASPECT_PLANE_1_BIT: return format->plane_size[1];
    case VK_IMAGE_ASPECT_PLANE_2_BIT: return format->plane_size[2];
    default: return 0;
    }
}

bool
rnd_format_block(VkFormat format, VkImageAspectFlags aspect, struct rnd_texel_block *out)
{
    const struct proto_format *known = proto_format_find(format);
    if (!known) {
        return false;
    }
    *out = (struct rnd_texel_block){known->block_size, known->width, known->height};
    if (format >= VK_FORMAT_D16_UNORM && format <= VK_FORMAT_D32_SFLOAT_S8_UINT) {
        out->bytes = depth_stencil_bytes(format, aspect);
    } else if (known->plane_size[0] != 0) {
        *out = (struct rnd_texel_block){plane_bytes(known, aspect), 1, 1};
    }
    return out->bytes > 0;
}

static uint64_t
blocks(uint32_t texels, uint32_t block)
{
    return ((uint64_t)texels + block - 1) / block;
}

uint64_t
rnd_format_copy_size(const struct rnd_texel_block *block, const VkExtent3D *extent, uint32_t layers,
                     uint32_t row_length, uint32_t image_height)
{
    uint64_t slices = (uint64_t)extent->depth * layers;
    uint64_t columns = blocks(extent->width, block->width);
    uint64_t rows = blocks(extent->height, block->height);
    uint64_t row_stride = row_length ? blocks(row_length, block->width) : columns;
    uint64_t slice_rows = image_height ? blocks(image_height, block->height) : rows;
    if (slices == 0 || columns == 0 || rows == 0) {
        return 0;
    }
    /* In blocks: whole slices before the last, whole rows before the last, and one row's columns.
     */
    uint64_t size;
    if (__builtin_mul_overflow(slices - 1, slice_rows, &size) ||
        __builtin_add_overflow(size, rows - 1, &size) ||
        __builtin_mul_overflow(size, row_stride, &size) ||
        __builtin_add_overflow(size, columns, &size) ||
        __builtin_mul_overflow(size, block->bytes, &size)) {
        return UINT64_MAX;
    }
    return size;
}
