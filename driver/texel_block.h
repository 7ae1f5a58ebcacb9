/* Where the texels of a copy between host memory and an image lie: block sizes of formats and
 * aspects, and the pitches that Vulkan's memoryRowLength and memoryImageHeight mean. Pure. */
#ifndef DRV_TEXEL_BLOCK_H
#define DRV_TEXEL_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct drv_texel_block {
    uint32_t size;                 /* bytes */
    uint32_t width, height, depth; /* texels */
};

/* The part of a region that the application's memory holds, in rows of bytes. */
struct drv_texel_rows {
    size_t row_size;     /* bytes of texels in a row */
    size_t rows, slices; /* slices: depth slices and layers */
    size_t row_pitch;    /* bytes from row to row ... */
    size_t slice_pitch;  /* ... and from slice to slice, in the application's memory */
};

/* The block of one aspect. False: the registry describes no such format. */
BASE_MUST_CHECK bool drv_texel_block_find(VkFormat format, VkImageAspectFlags aspect,
                                          struct drv_texel_block *out);

/* row_length and image_height in texels, 0 for packed, as in Vulkan. */
struct drv_texel_rows drv_texel_rows_of(const struct drv_texel_block *block, VkExtent3D extent,
                                        uint32_t layers, uint32_t row_length,
                                        uint32_t image_height);

/* Bytes without any gaps. */
size_t drv_texel_rows_packed_size(const struct drv_texel_rows *rows);
bool drv_texel_rows_are_packed(const struct drv_texel_rows *rows);
/* From the application's layout to a packed one, and back; gaps are neither read nor written. */
void drv_texel_rows_pack(const struct drv_texel_rows *rows, void *packed, const void *memory);
void drv_texel_rows_unpack(const struct drv_texel_rows *rows, void *memory, const void *packed);

#endif
