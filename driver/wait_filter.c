#include "driver/wait_filter.h"

#include <string.h>

#include "driver/chain_copy.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"

/* What belongs to each wait of VkSubmitInfo and VkBindSparseInfo lies in arrays side by side. */
struct waits {
    uint32_t count;
    const VkSemaphore *semaphores;
    const VkPipelineStageFlags *stages; /* NULL: none */
    void *chain;                        /* a copy, with the arrays of the next two in it */
    VkTimelineSemaphoreSubmitInfo *timeline;
    VkDeviceGroupSubmitInfo *group;
};

static bool
any_ready(uint32_t count, const VkSemaphore *semaphores)
{
    for (uint32_t i = 0; i < count; i++) {
        if (drv_semaphore_is_signaled_here(semaphores[i])) {
            return true;
        }
    }
    return false;
}

/* Copies the items of the waits that stay. NULL stays NULL; false: out of memory. */
static bool
keep_items(struct drv_scratch *scratch, const struct waits *waits, size_t size, const void **items)
{
    if (!*items) {
        return true;
    }
    uint8_t *kept = drv_scratch_array(scratch, waits->count, size);
    size_t place = 0;
    for (uint32_t i = 0; kept && i < waits->count; i++) {
        if (!drv_semaphore_is_signaled_here(waits->semaphores[i])) {
            memcpy(kept + place++ * size, (const uint8_t *)*items + i * size, size);
        }
    }
    *items = kept;
    return kept;
}

static bool
keep_timeline(struct drv_scratch *scratch, const struct waits *waits)
{
    VkTimelineSemaphoreSubmitInfo *timeline = waits->timeline;
    if (!timeline || timeline->waitSemaphoreValueCount != waits->count) {
        return true; /* all of them are binary, whatever the values */
    }
    return keep_items(scratch, waits, sizeof(uint64_t),
                      (const void **)&timeline->pWaitSemaphoreValues);
}

static bool
keep_group(struct drv_scratch *scratch, const struct waits *waits)
{
    VkDeviceGroupSubmitInfo *group = waits->group;
    if (!group || group->waitSemaphoreCount != waits->count) {
        return true; /* of a group of one device nobody needs to say which */
    }
    return keep_items(scratch, waits, sizeof(uint32_t),
                      (const void **)&group->pWaitSemaphoreDeviceIndices);
}

/* Takes out what is ready. */
static bool
filter_waits(struct drv_scratch *scratch, const void *chain, struct waits *waits)
{
    if (!drv_chain_copy(scratch, chain, &waits->chain)) {
        return false;
    }
    waits->timeline =
        drv_find_out_struct(waits->chain, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    waits->group = drv_find_out_struct(waits->chain, VK_STRUCTURE_TYPE_DEVICE_GROUP_SUBMIT_INFO);
    const VkSemaphore *all = waits->semaphores;
    const void *semaphores = all;
    if (!keep_timeline(scratch, waits) || !keep_group(scratch, waits) ||
        !keep_items(scratch, waits, sizeof(*waits->stages), (const void **)&waits->stages) ||
        !keep_items(scratch, waits, sizeof(*all), &semaphores)) {
        return false;
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < waits->count; i++) {
        left += !drv_semaphore_is_signaled_here(all[i]);
    }
    if (waits->timeline && waits->timeline->waitSemaphoreValueCount == waits->count) {
        waits->timeline->waitSemaphoreValueCount = left;
    }
    if (waits->group && waits->group->waitSemaphoreCount == waits->count) {
        waits->group->waitSemaphoreCount = left;
    }
    waits->semaphores = semaphores;
    waits->count = left;
    return true;
}

static void
unsignal(uint32_t count, const VkSemaphore *semaphores)
{
    for (uint32_t i = 0; i < count; i++) {
        drv_semaphore_take_signal_here(semaphores[i]);
    }
}

bool
drv_filter_submits(struct drv_scratch *scratch, uint32_t count, const VkSubmitInfo **infos)
{
    const VkSubmitInfo *originals = *infos;
    VkSubmitInfo *copies = NULL;

    for (uint32_t i = 0; i < count; i++) {
        const VkSubmitInfo *info = &originals[i];
        if (!any_ready(info->waitSemaphoreCount, info->pWaitSemaphores)) {
            continue;
        }
        if (!copies) {
            copies = drv_scratch_copy(scratch, originals, count * sizeof(*copies));
        }
        struct waits waits = {
            .count = info->waitSemaphoreCount,
            .semaphores = info->pWaitSemaphores,
            .stages = info->pWaitDstStageMask,
        };
        if (!copies || !filter_waits(scratch, info->pNext, &waits)) {
            return false;
        }
        copies[i].pNext = waits.chain;
        copies[i].waitSemaphoreCount = waits.count;
        copies[i].pWaitSemaphores = waits.semaphores;
        copies[i].pWaitDstStageMask = waits.stages;
    }
    for (uint32_t i = 0; copies && i < count; i++) {
        unsignal(originals[i].waitSemaphoreCount, originals[i].pWaitSemaphores);
    }
    *infos = copies ? copies : originals;
    return true;
}

bool
drv_filter_binds(struct drv_scratch *scratch, uint32_t count, const VkBindSparseInfo **infos)
{
    const VkBindSparseInfo *originals = *infos;
    VkBindSparseInfo *copies = NULL;

    for (uint32_t i = 0; i < count; i++) {
        const VkBindSparseInfo *info = &originals[i];
        if (!any_ready(info->waitSemaphoreCount, info->pWaitSemaphores)) {
            continue;
        }
        if (!copies) {
            copies = drv_scratch_copy(scratch, originals, count * sizeof(*copies));
        }
        struct waits waits = {
            .count = info->waitSemaphoreCount,
            .semaphores = info->pWaitSemaphores,
        };
        if (!copies || !filter_waits(scratch, info->pNext, &waits)) {
            return false;
        }
        copies[i].pNext = waits.chain;
        copies[i].waitSemaphoreCount = waits.count;
        copies[i].pWaitSemaphores = waits.semaphores;
    }
    for (uint32_t i = 0; copies && i < count; i++) {
        unsignal(originals[i].waitSemaphoreCount, originals[i].pWaitSemaphores);
    }
    *infos = copies ? copies : originals;
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
