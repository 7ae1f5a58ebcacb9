#include "driver/texel_block.h"

#include <string.h>

#include "protocol/proto_formats.h"

static uint32_t
depth_size(VkFormat format)
{
    switch (format) {
    case VK_FORMAT_D16_UNORM:
    case VK_FORMAT_D16_UNORM_S8_UINT: return 2;
    default: return 4; /* 24 bits travel in 4 bytes */
    }
}

static uint32_t
aspect_size(const struct proto_format *format, VkImageAspectFlags aspect)
{
    switch (aspect) {
    case VK_IMAGE_ASPECT_PLANE_0_BIT: return format->plane_size[0];
    case VK_IMAGE_ASPECT_PLANE_1_BIT: return format->plane_size[1];
    case VK_IMAGE_ASPECT_PLANE_2_BIT: return format->plane_size[2];
    case VK_IMAGE_ASPECT_DEPTH_BIT: return depth_size(format->format);
    case VK_IMAGE_ASPECT_STENCIL_BIT: return 1;
    default: return format->block_size;
    }
}

bool
drv_texel_block_find(VkFormat format, VkImageAspectFlags aspect, struct drv_texel_block *out)
{
    const struct proto_format *found = proto_format_find(format);
    uint32_t size = found ? aspect_size(found, aspect) : 0;

    if (size == 0) {
        return false;
    }
    *out = (struct drv_texel_block){
        .size = size,
        .width = found->width,
        .height = found->height,
        .depth = found->depth,
    };
    return true;
}

static size_t
blocks(uint32_t texels, uint32_t block)
{
    return ((size_t)texels + block - 1) / block;
}

struct drv_texel_rows
drv_texel_rows_of(const struct drv_texel_block *block, VkExtent3D extent, uint32_t layers,
                  uint32_t row_length, uint32_t image_height)
{
    struct drv_texel_rows rows = {
        .row_size = blocks(extent.width, block->width) * block->size,
        .rows = blocks(extent.height, block->height),
        .slices = blocks(extent.depth, block->depth) * layers,
    };
    rows.row_pitch =
        row_length > 0 ? blocks(row_length, block->width) * block->size : rows.row_size;
    size_t slice_rows = image_height > 0 ? blocks(image_height, block->height) : rows.rows;
    rows.slice_pitch = slice_rows * rows.row_pitch;
    return rows;
}

size_t
drv_texel_rows_packed_size(const struct drv_texel_rows *rows)
{
    return rows->row_size * rows->rows * rows->slices;
}

bool
drv_texel_rows_are_packed(const struct drv_texel_rows *rows)
{
    bool rows_touch = rows->row_pitch == rows->row_size || (rows->rows == 1 && rows->slices == 1);
    return rows_touch && (rows->slices == 1 || rows->slice_pitch == rows->row_size * rows->rows);
}

void
drv_texel_rows_pack(const struct drv_texel_rows *rows, void *packed, const void *memory)
{
    uint8_t *to = packed;

    for (size_t slice = 0; slice < rows->slices; slice++) {
        const uint8_t *from = (const uint8_t *)memory + slice * rows->slice_pitch;
        for (size_t row = 0; row < rows->rows; row++) {
            memcpy(to, from, rows->row_size);
            to += rows->row_size;
            from += rows->row_pitch;
        }
    }
}

void
drv_texel_rows_unpack(const struct drv_texel_rows *rows, void *memory, const void *packed)
{
    const uint8_t *from = packed;

    for (size_t slice = 0; slice < rows->slices; slice++) {
        uint8_t *to = (uint8_t *)memory + slice * rows->slice_pitch;
        for (size_t row = 0; row < rows->rows; row++) {
            memcpy(to, from, rows->row_size);
            from += rows->row_size;
            to += rows->row_pitch;
        }
    }
}
