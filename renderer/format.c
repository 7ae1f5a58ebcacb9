#include "renderer/format.h"

#include "protocol/proto_formats.h"

/* Depth and stencil are copied one aspect at a time, stencil as bytes. */
static uint32_t
depth_stencil_bytes(VkFormat format, VkImageAspectFlags aspect)
{
    if (aspect == VK_IMAGE_ASPECT_STENCIL_BIT) {
        return format >= VK_FORMAT_S8_UINT ? 1 : 0;
    }
    if (aspect != VK_IMAGE_ASPECT_DEPTH_BIT) {
        return 0;
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

static bool
is_depth_stencil(VkFormat format)
{
    return format >= VK_FORMAT_D16_UNORM && format <= VK_FORMAT_D32_SFLOAT_S8_UINT;
}

bool
rnd_format_block(VkFormat format, VkImageAspectFlags aspect, struct rnd_texel_block *out)
{
    const struct proto_format *known = proto_format_find(format);
    if (!known) {
        return false;
    }
    struct rnd_texel_block block = {known->block_size, known->width, known->height};
    if (is_depth_stencil(format)) {
        block.bytes = depth_stencil_bytes(format, aspect);
    } else if (known->plane_size[0] != 0) {
        block = (struct rnd_texel_block){plane_bytes(known, aspect), 1, 1};
    } else if (aspect != VK_IMAGE_ASPECT_COLOR_BIT) {
        return false;
    }
    if (block.bytes == 0) {
        return false;
    }
    *out = block;
    return true;
}

enum {
    LARGEST_BLOCK = 32,      /* bytes: four times 64 bits */
    LARGEST_MIXED_BLOCK = 8, /* where aspects or planes lie in one texel */
};

struct rnd_texel_block
rnd_format_host_block(VkFormat format, VkImageAspectFlags aspect)
{
    struct rnd_texel_block block;
    if (!rnd_format_block(format, aspect, &block)) {
        return (struct rnd_texel_block){LARGEST_BLOCK, 1, 1};
    }
    bool mixed = is_depth_stencil(format) || aspect != VK_IMAGE_ASPECT_COLOR_BIT;
    if (mixed && block.bytes < LARGEST_MIXED_BLOCK) {
        block.bytes = LARGEST_MIXED_BLOCK;
    }
    return block;
}

/* Planes after the first: how many texels of the image share one of theirs. */
static VkExtent2D
chroma_divisor(VkFormat format)
{
    switch (format) {
    case VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM:
    case VK_FORMAT_G8_B8R8_2PLANE_420_UNORM:
    case VK_FORMAT_G10X6_B10X6_R10X6_3PLANE_420_UNORM_3PACK16:
    case VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16:
    case VK_FORMAT_G12X4_B12X4_R12X4_3PLANE_420_UNORM_3PACK16:
    case VK_FORMAT_G12X4_B12X4R12X4_2PLANE_420_UNORM_3PACK16:
    case VK_FORMAT_G16_B16_R16_3PLANE_420_UNORM:
    case VK_FORMAT_G16_B16R16_2PLANE_420_UNORM: return (VkExtent2D){2, 2};
    case VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM:
    case VK_FORMAT_G8_B8R8_2PLANE_422_UNORM:
    case VK_FORMAT_G10X6_B10X6_R10X6_3PLANE_422_UNORM_3PACK16:
    case VK_FORMAT_G10X6_B10X6R10X6_2PLANE_422_UNORM_3PACK16:
    case VK_FORMAT_G12X4_B12X4_R12X4_3PLANE_422_UNORM_3PACK16:
    case VK_FORMAT_G12X4_B12X4R12X4_2PLANE_422_UNORM_3PACK16:
    case VK_FORMAT_G16_B16_R16_3PLANE_422_UNORM:
    case VK_FORMAT_G16_B16R16_2PLANE_422_UNORM: return (VkExtent2D){2, 1};
    default: return (VkExtent2D){1, 1};
    }
}

static uint32_t
level_length(uint32_t length, uint32_t level)
{
    uint32_t scaled = level < 32 ? length >> level : 0;
    return scaled ? scaled : 1;
}

VkExtent3D
rnd_format_level_extent(VkFormat format, VkImageAspectFlags aspect, const VkExtent3D *extent,
                        uint32_t level)
{
    VkExtent3D scaled = {
        .width = level_length(extent->width, level),
        .height = level_length(extent->height, level),
        .depth = level_length(extent->depth, level),
    };
    if (aspect == VK_IMAGE_ASPECT_PLANE_1_BIT || aspect == VK_IMAGE_ASPECT_PLANE_2_BIT) {
        VkExtent2D divisor = chroma_divisor(format);
        scaled.width = scaled.width / divisor.width + scaled.width % divisor.width;
        scaled.height = scaled.height / divisor.height + scaled.height % divisor.height;
    }
    return scaled;
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
