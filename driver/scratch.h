/* Short-lived memory for cleaned copies of what the application passes in. The first bytes come
 * from the caller's stack, so common calls do not allocate; the rest comes from malloc in blocks
 * that grow.
 *
 *     struct drv_scratch scratch;
 *     drv_scratch_init(&scratch);
 *     ... drv_scratch_alloc(&scratch, size) ...
 *     drv_scratch_finish(&scratch);
 *
 * Single thread. Everything stays where it is until drv_scratch_finish(). */
#ifndef DRV_SCRATCH_H
#define DRV_SCRATCH_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

enum {
    DRV_SCRATCH_STACK_SIZE = 4096,
};

struct drv_scratch {
    uint8_t *at, *end; /* free part of the current block */
    struct drv_scratch_block *blocks;
    alignas(16) uint8_t stack[DRV_SCRATCH_STACK_SIZE];
};

void drv_scratch_init(struct drv_scratch *scratch);
void drv_scratch_finish(struct drv_scratch *scratch);

/* Aligned to 16, not zeroed. NULL: out of host memory. Size 0 gives a valid pointer. */
BASE_MUST_CHECK void *drv_scratch_alloc(struct drv_scratch *scratch, size_t size);
/* count * size bytes; NULL too if that overflows. */
BASE_MUST_CHECK void *drv_scratch_array(struct drv_scratch *scratch, size_t count, size_t size);
/* A copy of `size` bytes at `from`. */
BASE_MUST_CHECK void *drv_scratch_copy(struct drv_scratch *scratch, const void *from, size_t size);

#endif
