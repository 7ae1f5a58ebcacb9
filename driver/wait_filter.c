#include "driver/wait_filter.h"

#include <string.h>

#include "driver/chain_copy.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"

static bool
any_ready(const struct drv_batch *batch)
{
    for (uint32_t i = 0; i < batch->wait_count; i++) {
        if (drv_semaphore_is_signaled_here(batch->waits[i])) {
            return true;
        }
    }
    return false;
}

/* Copies the items of the waits that stay. NULL stays NULL; false: out of memory. */
static bool
keep_items(struct drv_scratch *scratch, const struct drv_batch *batch, size_t size,
           const void **items)
{
    if (!*items) {
        return true;
    }
    uint8_t *kept = drv_scratch_array(scratch, batch->wait_count, size);
    size_t place = 0;
    for (uint32_t i = 0; kept && i < batch->wait_count; i++) {
        if (!drv_semaphore_is_signaled_here(batch->waits[i])) {
            memcpy(kept + place++ * size, (const uint8_t *)*items + i * size, size);
        }
    }
    *items = kept;
    return kept;
}

static bool
keep_timeline(struct drv_scratch *scratch, const struct drv_batch *batch, void *chain,
              uint32_t left)
{
    VkTimelineSemaphoreSubmitInfo *timeline =
        drv_find_out_struct(chain, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    if (!timeline || timeline->waitSemaphoreValueCount != batch->wait_count) {
        return true; /* all of them are binary, whatever the values */
    }
    timeline->waitSemaphoreValueCount = left;
    return keep_items(scratch, batch, sizeof(uint64_t),
                      (const void **)&timeline->pWaitSemaphoreValues);
}

static bool
keep_group(struct drv_scratch *scratch, const struct drv_batch *batch, void *chain, uint32_t left)
{
    VkDeviceGroupSubmitInfo *group =
        drv_find_out_struct(chain, VK_STRUCTURE_TYPE_DEVICE_GROUP_SUBMIT_INFO);
    if (!group || group->waitSemaphoreCount != batch->wait_count) {
        return true; /* of a group of one device nobody needs to say which */
    }
    group->waitSemaphoreCount = left;
    return keep_items(scratch, batch, sizeof(uint32_t),
                      (const void **)&group->pWaitSemaphoreDeviceIndices);
}

/* Takes out what is ready. */
static bool
filter_waits(struct drv_scratch *scratch, struct drv_batch *batch)
{
    void *chain;
    const void *waits = batch->waits, *stages = batch->stages;
    uint32_t left = 0;
    for (uint32_t i = 0; i < batch->wait_count; i++) {
        left += !drv_semaphore_is_signaled_here(batch->waits[i]);
    }
    if (!drv_chain_copy(scratch, batch->chain, &chain) ||
        !keep_timeline(scratch, batch, chain, left) || !keep_group(scratch, batch, chain, left) ||
        !keep_items(scratch, batch, sizeof(*batch->stages), &stages) ||
        !keep_items(scratch, batch, sizeof(*batch->waits), &waits)) {
        return false;
    }
    batch->chain = chain;
    batch->waits = waits;
    batch->stages = stages;
    batch->wait_count = left;
    return true;
}

static void
unsignal(const struct drv_batch *batch)
{
    for (uint32_t i = 0; i < batch->wait_count; i++) {
        drv_semaphore_take_signal_here(batch->waits[i]);
    }
}

bool
drv_filter_batches(struct drv_scratch *scratch, struct drv_batches *batches)
{
    void *copies = NULL;

    for (uint32_t i = 0; i < batches->count; i++) {
        struct drv_batch batch = drv_batch_get(batches, i);
        if (!any_ready(&batch)) {
            continue;
        }
        if (!copies) {
            copies = drv_batches_copy(batches, scratch, 0);
        }
        if (!copies || !filter_waits(scratch, &batch)) {
            return false;
        }
        drv_batch_put(batches->kind, copies, i, &batch);
    }
    for (uint32_t i = 0; copies && i < batches->count; i++) {
        const struct drv_batch batch = drv_batch_get(batches, i);
        unsignal(&batch);
    }
    batches->infos = copies ? copies : batches->infos;
    return true;
}

/* --- vkQueueSubmit2: a wait is one structure --- */

static bool
any_ready2(const VkSubmitInfo2 *info)
{
    for (uint32_t i = 0; i < info->waitSemaphoreInfoCount; i++) {
        if (drv_semaphore_is_signaled_here(info->pWaitSemaphoreInfos[i].semaphore)) {
            return true;
        }
    }
    return false;
}

static bool
filter_waits2(struct drv_scratch *scratch, VkSubmitInfo2 *info)
{
    VkSemaphoreSubmitInfo *kept =
        drv_scratch_array(scratch, info->waitSemaphoreInfoCount, sizeof(*kept));
    if (!kept) {
        return false;
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < info->waitSemaphoreInfoCount; i++) {
        if (!drv_semaphore_is_signaled_here(info->pWaitSemaphoreInfos[i].semaphore)) {
            kept[left++] = info->pWaitSemaphoreInfos[i];
        }
    }
    info->waitSemaphoreInfoCount = left;
    info->pWaitSemaphoreInfos = kept;
    return true;
}

bool
drv_filter_submits2(struct drv_scratch *scratch, uint32_t count, const VkSubmitInfo2 **infos)
{
    const VkSubmitInfo2 *originals = *infos;
    VkSubmitInfo2 *copies = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (!any_ready2(&originals[i])) {
            continue;
        }
        if (!copies) {
            copies = drv_scratch_copy(scratch, originals, count * sizeof(*copies));
        }
        if (!copies || !filter_waits2(scratch, &copies[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; copies && i < count; i++) {
        for (uint32_t j = 0; j < originals[i].waitSemaphoreInfoCount; j++) {
            drv_semaphore_take_signal_here(originals[i].pWaitSemaphoreInfos[j].semaphore);
        }
    }
    *infos = copies ? copies : originals;
    return true;
}
