#include "driver/batch.h"

#include <stdbool.h>
#include <string.h>

static struct drv_batch
of_submit(const VkSubmitInfo *info)
{
    return (struct drv_batch){
        .chain = info->pNext,
        .wait_count = info->waitSemaphoreCount,
        .waits = info->pWaitSemaphores,
        .stages = info->pWaitDstStageMask,
        .signal_count = info->signalSemaphoreCount,
        .signals = info->pSignalSemaphores,
    };
}

static struct drv_batch
of_bind(const VkBindSparseInfo *info)
{
    return (struct drv_batch){
        .chain = info->pNext,
        .wait_count = info->waitSemaphoreCount,
        .waits = info->pWaitSemaphores,
        .signal_count = info->signalSemaphoreCount,
        .signals = info->pSignalSemaphores,
    };
}

struct drv_batch
drv_batch_get(const struct drv_batches *batches, uint32_t index)
{
    return batches->kind == DRV_BATCH_SUBMIT
               ? of_submit((const VkSubmitInfo *)batches->infos + index)
               : of_bind((const VkBindSparseInfo *)batches->infos + index);
}

void *
drv_batches_copy(const struct drv_batches *batches, struct drv_scratch *scratch, uint32_t more)
{
    const bool binds = batches->kind == DRV_BATCH_BIND;
    const VkSubmitInfo no_submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    const VkBindSparseInfo no_bind = {.sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO};
    const void *nothing = binds ? (const void *)&no_bind : (const void *)&no_submit;
    size_t size = binds ? sizeof(no_bind) : sizeof(no_submit);
    uint8_t *copy = drv_scratch_array(scratch, (size_t)batches->count + more, size);
    if (copy && batches->count > 0) {
        memcpy(copy, batches->infos, batches->count * size);
    }
    for (uint32_t i = 0; copy && i < more; i++) {
        memcpy(copy + (batches->count + i) * size, nothing, size);
    }
    return copy;
}

static void
into_submit(VkSubmitInfo *info, const struct drv_batch *batch)
{
    info->pNext = batch->chain;
    info->waitSemaphoreCount = batch->wait_count;
    info->pWaitSemaphores = batch->waits;
    info->pWaitDstStageMask = batch->stages;
    info->signalSemaphoreCount = batch->signal_count;
    info->pSignalSemaphores = batch->signals;
}

static void
into_bind(VkBindSparseInfo *info, const struct drv_batch *batch)
{
    info->pNext = batch->chain;
    info->waitSemaphoreCount = batch->wait_count;
    info->pWaitSemaphores = batch->waits;
    info->signalSemaphoreCount = batch->signal_count;
    info->pSignalSemaphores = batch->signals;
}

void
drv_batch_put(enum drv_batch_kind kind, void *copy, uint32_t index, const struct drv_batch *batch)
{
    if (kind == DRV_BATCH_SUBMIT) {
        into_submit((VkSubmitInfo *)copy + index, batch);
    } else {
        into_bind((VkBindSparseInfo *)copy + index, batch);
    }
}
