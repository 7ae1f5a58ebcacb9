/* Buffers of libgbm's in the layout of an image, for displays and several drivers to share: in a
 * modifier that all of them take, with as many planes as it has.
 *
 * A layout depends on what is asked for alone, so a buffer that was given up to learn it can be had
 * again; that it is the same is checked each time. Threads and builds as in gbm_allocator.h. */
#ifndef RND_GBM_IMAGE_H
#define RND_GBM_IMAGE_H

#include <stdint.h>

#include "base/attributes.h"

struct rnd_gbm;

enum {
    RND_GBM_MAX_PLANES = 4, /* of memory; the kernel has no more */
};

struct rnd_gbm_layout {
    uint32_t fourcc; /* drm_format.h */
    uint32_t width, height;
    uint32_t plane_count; /* 0: it is no image of libgbm's */
    uint64_t modifier;
    struct {
        uint64_t offset, row_pitch; /* bytes */
    } planes[RND_GBM_MAX_PLANES];
};

/* A dma-buf, the caller's, of an image in one of the modifiers. In: fourcc, width and height; out:
 * the rest. -1, and why in *reason. */
BASE_MUST_CHECK int rnd_gbm_image_allocate(struct rnd_gbm *gbm, const uint64_t *modifiers,
                                           uint32_t count, struct rnd_gbm_layout *layout,
                                           const char **reason);
/* One of just that layout and of `size` bytes at least. -1, and the reason in the log (info). */
BASE_MUST_CHECK int rnd_gbm_image_allocate_like(struct rnd_gbm *gbm,
                                                const struct rnd_gbm_layout *layout, uint64_t size);

#endif
