/* What VkSubmitInfo and VkBindSparseInfo have in common, semaphores in arrays with more about each
 * in chained structures, for those who change it on its way and need not know which of the two it
 * is. Plain data. */
#ifndef DRV_BATCH_H
#define DRV_BATCH_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/scratch.h"

enum drv_batch_kind {
    DRV_BATCH_SUBMIT,
    DRV_BATCH_BIND,
};

struct drv_batch {
    const void *chain;
    uint32_t wait_count, signal_count;
    const VkSemaphore *waits, *signals;
    const VkPipelineStageFlags *stages; /* of the waits; NULL: that kind has none */
};

/* A whole submission: the application's, then a copy. */
struct drv_batches {
    enum drv_batch_kind kind;
    uint32_t count;
    const void *infos; /* VkSubmitInfo or VkBindSparseInfo */
    VkFence fence;
};

struct drv_batch drv_batch_get(const struct drv_batches *batches, uint32_t index);
/* A copy of the array with room for so many more, which have nothing in them. NULL: out of host
 * memory. */
BASE_MUST_CHECK void *drv_batches_copy(const struct drv_batches *batches,
                                       struct drv_scratch *scratch, uint32_t more);
/* Into a copy. */
void drv_batch_put(enum drv_batch_kind kind, void *copy, uint32_t index,
                   const struct drv_batch *batch);

#endif
