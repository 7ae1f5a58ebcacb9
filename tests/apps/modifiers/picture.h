/* Pictures of the test's formats, plane by plane: what is in them follows from a seed. */
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/vkh/vkh.h"

enum {
    PICTURE_WIDTH = 60, /* no row of it is one that hardware likes */
    PICTURE_HEIGHT = 36,
    PICTURE_MAX_PLANES = 3,
    MEMORY_MAX_PLANES = 4,
};

struct picture_format {
    const char *name;
    VkFormat format;
    uint32_t planes;
    uint32_t texel_size[PICTURE_MAX_PLANES]; /* bytes */
};

extern const struct picture_format picture_formats[];
extern const size_t picture_format_count;

/* Where its planes of memory lie in one or several files. */
struct picture_layout {
    uint64_t modifier;
    uint32_t planes; /* of memory: the format's first */
    VkSubresourceLayout at[MEMORY_MAX_PLANES];
};

VkExtent2D picture_plane_extent(uint32_t plane);
/* COLOR where there is one plane. */
VkImageAspectFlags picture_aspect(const struct picture_format *format, uint32_t plane);

/* By the processor, in a mapping of memory where `at` says. */
void picture_draw(const struct picture_format *format, uint32_t plane, uint32_t seed,
                  const VkSubresourceLayout *at, uint8_t *memory);
bool picture_is_drawn(const struct picture_format *format, uint32_t plane, uint32_t seed,
                      const VkSubresourceLayout *at, const uint8_t *memory);

/* By the GPU, plane by plane. `fresh`: nobody had the image before. */
void picture_copy_in(const struct vkh_gpu *gpu, const struct picture_format *format, VkImage image,
                     uint32_t seed, bool fresh);
bool picture_is_in(const struct vkh_gpu *gpu, const struct picture_format *format, VkImage image,
                   uint32_t seed);

#endif
