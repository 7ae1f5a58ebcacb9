#include "driver/exchange_submit.h"

#include <stdlib.h>

#include "driver/chain_copy.h"
#include "driver/device.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"

/* One submission being copied. */
struct copying {
    struct drv_queue *queue;
    struct drv_scratch *scratch;
    bool began; /* something was changed: a failure cannot be undone any more */
};

static bool
is_here(VkSemaphore handle)
{
    return drv_external_is_here(&drv_semaphore_from(handle)->external);
}

static bool
any_is_here(const VkSemaphore *semaphores, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_here(semaphores[i])) {
            return true;
        }
    }
    return false;
}

static bool
fence_is_here(VkFence handle)
{
    return handle && drv_external_is_here(&drv_fence_from(handle)->external);
}

static VkResult
failed(const struct copying *copying)
{
    return copying->began ? VK_ERROR_DEVICE_LOST : VK_ERROR_OUT_OF_HOST_MEMORY;
}

/* --- one semaphore --- */

/* Copying transference: the wait takes the file away, and the semaphore has its own state again. */
static VkResult
wait_for_file(struct drv_device *device, struct drv_external *external, struct drv_point *out)
{
    int file = external->temporary.kind == DRV_TEMPORARY_FILE ? external->temporary.file : -1;
    external->temporary = (struct drv_temporary){.kind = DRV_TEMPORARY_NONE, .file = -1};
    return drv_exchange_point_of_file(&device->exchange, file, out);
}

/* What the host shall wait for. */
static VkResult
wait_point(struct copying *copying, VkSemaphore handle, uint64_t value, struct drv_point *out)
{
    struct drv_device *device = copying->queue->device;
    struct drv_semaphore *semaphore = drv_semaphore_from(handle);
    struct drv_external *external = &semaphore->external;
    *out = (struct drv_point){handle, value};
    if (!drv_external_is_here(external)) {
        return VK_SUCCESS;
    }
    copying->began = true;
    struct drv_payload *payload = drv_external_payload(external);
    if (!payload) {
        return wait_for_file(device, external, out);
    }
    uint64_t target = semaphore->timeline ? value : drv_payload_promised(payload);
    VkResult result = drv_exchange_point_of(&device->exchange, payload, target, out);
    drv_external_drop_temporary(device, external);
    return result;
}

static VkResult
promise(struct copying *copying, const struct drv_point *point, struct drv_payload *payload,
        uint64_t value)
{
    struct drv_delivery *delivery = drv_delivery_alloc();
    if (!delivery) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    copying->began = true;
    return drv_exchange_promise(copying->queue, point->value, payload, value, delivery);
}

static VkResult
promise_semaphore(struct copying *copying, const struct drv_point *point, VkSemaphore handle,
                  uint64_t value)
{
    struct drv_external *external = &drv_semaphore_from(handle)->external;
    struct drv_payload *payload = drv_external_payload(external);
    if (!payload) {
        /* Vulkan forbids to signal what a sync file has signalled. Let it count as waited for. */
        drv_external_drop_temporary(copying->queue->device, external);
        return VK_SUCCESS;
    }
    return promise(copying, point, payload, value);
}

/* --- the semaphores of one batch --- */

struct semaphores {
    uint32_t count;
    VkSemaphore *handles;
    uint64_t *values;
};

/* With room for one more. */
static bool
copy_semaphores(struct copying *copying, uint32_t count, struct semaphores *out)
{
    out->count = 0;
    out->handles = drv_scratch_array(copying->scratch, (size_t)count + 1, sizeof(VkSemaphore));
    out->values = drv_scratch_array(copying->scratch, (size_t)count + 1, sizeof(uint64_t));
    return out->handles && out->values;
}

static void
add_point(struct semaphores *semaphores, const struct drv_point *point)
{
    semaphores->handles[semaphores->count] = point->timeline;
    semaphores->values[semaphores->count++] = point->value;
}

/* `values` are counted by the structure that the application chained, or not at all. */
static uint64_t
value_of(const uint64_t *values, uint32_t count, uint32_t index)
{
    return values && index < count ? values[index] : 0;
}

static VkResult
copy_waits(struct copying *copying, uint32_t count, const VkSemaphore *handles,
           const uint64_t *values, uint32_t value_count, struct semaphores *out)
{
    if (!copy_semaphores(copying, count, out)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct drv_point point;
        VkResult result = wait_point(copying, handles[i], value_of(values, value_count, i), &point);
        if (result != VK_SUCCESS) {
            return result;
        }
        add_point(out, &point);
    }
    return VK_SUCCESS;
}

/* All that we keep ourselves have one signal of the outlet in common. */
static VkResult
copy_signals(struct copying *copying, uint32_t count, const VkSemaphore *handles,
             const uint64_t *values, uint32_t value_count, struct semaphores *out)
{
    struct drv_point outlet = {0};
    if (!copy_semaphores(copying, count, out)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = value_of(values, value_count, i);
        if (!is_here(handles[i])) {
            add_point(out, &(struct drv_point){handles[i], value});
            continue;
        }
        VkResult result =
            outlet.timeline ? VK_SUCCESS : drv_exchange_next_point(copying->queue, &outlet);
        if (result == VK_SUCCESS) {
            result = promise_semaphore(copying, &outlet, handles[i], value);
        }
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    if (outlet.timeline) {
        add_point(out, &outlet);
    }
    return VK_SUCCESS;
}

/* The fence signals with the outlet, behind everything else of the submission. */
static VkResult
promise_fence(struct copying *copying, VkFence handle, struct semaphores *out)
{
    struct drv_external *external = &drv_fence_from(handle)->external;
    struct drv_point outlet;
    if (!drv_external_payload(external)) {
        drv_external_drop_temporary(copying->queue->device, external); /* not reset: forbidden */
    }
    struct drv_payload *payload = drv_external_payload(external);
    if (!payload) {
        out->count = 0;
        return VK_SUCCESS;
    }
    if (!copy_semaphores(copying, 0, out)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = drv_exchange_next_point(copying->queue, &outlet);
    if (result == VK_SUCCESS) {
        result = promise(copying, &outlet, payload, 1);
        add_point(out, &outlet);
    }
    return result;
}

/* --- vkQueueSubmit and vkQueueBindSparse: values in a chained structure --- */

static bool
set_values(struct copying *copying, const void *chain, const struct semaphores *waits,
           const struct semaphores *signals, const void **out)
{
    void *copy;
    if (!drv_chain_copy(copying->scratch, chain, &copy)) {
        return false;
    }
    drv_chain_remove(&copy, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    VkDeviceGroupSubmitInfo *group =
        drv_find_out_struct(copy, VK_STRUCTURE_TYPE_DEVICE_GROUP_SUBMIT_INFO);
    if (group && group->signalSemaphoreCount > signals->count) {
        group->signalSemaphoreCount = signals->count; /* a group of one: all the same */
    }
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .pNext = copy,
        .waitSemaphoreValueCount = waits->count,
        .pWaitSemaphoreValues = waits->values,
        .signalSemaphoreValueCount = signals->count,
        .pSignalSemaphoreValues = signals->values,
    };
    *out = drv_scratch_copy(copying->scratch, &values, sizeof(values));
    return *out;
}

static bool
concerns_batch(const struct drv_batch *batch)
{
    return any_is_here(batch->waits, batch->wait_count) ||
           any_is_here(batch->signals, batch->signal_count);
}

static VkResult
copy_batch(struct copying *copying, struct drv_batch *batch)
{
    const VkTimelineSemaphoreSubmitInfo *timeline =
        drv_find_struct(batch->chain, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    const VkTimelineSemaphoreSubmitInfo none = {0};
    struct semaphores waits, signals;
    if (!concerns_batch(batch)) {
        return VK_SUCCESS;
    }
    timeline = timeline ? timeline : &none;
    VkResult result =
        copy_waits(copying, batch->wait_count, batch->waits, timeline->pWaitSemaphoreValues,
                   timeline->waitSemaphoreValueCount, &waits);
    if (result == VK_SUCCESS) {
        result = copy_signals(copying, batch->signal_count, batch->signals,
                              timeline->pSignalSemaphoreValues, timeline->signalSemaphoreValueCount,
                              &signals);
    }
    if (result == VK_SUCCESS &&
        !set_values(copying, batch->chain, &waits, &signals, &batch->chain)) {
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (result == VK_SUCCESS) {
        batch->waits = waits.handles;
        batch->signals = signals.handles;
        batch->signal_count = signals.count;
    }
    return result;
}

static VkResult
fence_batch(struct copying *copying, VkFence fence, struct drv_batch *batch)
{
    struct semaphores signals, waits = {0};
    VkResult result = promise_fence(copying, fence, &signals);
    *batch = (struct drv_batch){0};
    if (result != VK_SUCCESS || signals.count == 0) {
        return result;
    }
    batch->signal_count = signals.count;
    batch->signals = signals.handles;
    return set_values(copying, NULL, &waits, &signals, &batch->chain) ? VK_SUCCESS
                                                                      : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VkResult
copy_batches(struct copying *copying, struct drv_batches *batches)
{
    void *infos = drv_batches_copy(batches, copying->scratch, 1);
    struct drv_batch batch;
    if (!infos) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < batches->count; i++) {
        batch = drv_batch_get(batches, i);
        VkResult result = copy_batch(copying, &batch);
        if (result != VK_SUCCESS) {
            return result;
        }
        drv_batch_put(batches->kind, infos, i, &batch);
    }
    batches->infos = infos;
    if (!fence_is_here(batches->fence)) {
        return VK_SUCCESS;
    }
    VkResult result = fence_batch(copying, batches->fence, &batch);
    drv_batch_put(batches->kind, infos, batches->count++, &batch);
    batches->fence = VK_NULL_HANDLE;
    return result;
}

static bool
concerns_batches(const struct drv_batches *batches)
{
    for (uint32_t i = 0; i < batches->count; i++) {
        const struct drv_batch batch = drv_batch_get(batches, i);
        if (concerns_batch(&batch)) {
            return true;
        }
    }
    return fence_is_here(batches->fence);
}

VkResult
drv_exchange_batches(struct drv_queue *queue, struct drv_scratch *scratch,
                     struct drv_batches *batches)
{
    struct copying copying = {.queue = queue, .scratch = scratch};
    if (!drv_exchange_is_used(&queue->device->exchange) || !concerns_batches(batches)) {
        return VK_SUCCESS;
    }
    return copy_batches(&copying, batches) == VK_SUCCESS ? VK_SUCCESS : failed(&copying);
}

/* --- vkQueueSubmit2: values beside the semaphores --- */

static bool
any_info_is_here(const VkSemaphoreSubmitInfo *infos, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_here(infos[i].semaphore)) {
            return true;
        }
    }
    return false;
}

static VkResult
copy_waits2(struct copying *copying, VkSubmitInfo2 *info)
{
    uint32_t count = info->waitSemaphoreInfoCount;
    VkSemaphoreSubmitInfo *copy =
        drv_scratch_array(copying->scratch, count, sizeof(VkSemaphoreSubmitInfo));
    if (!copy) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct drv_point point;
        copy[i] = info->pWaitSemaphoreInfos[i];
        VkResult result = wait_point(copying, copy[i].semaphore, copy[i].value, &point);
        if (result != VK_SUCCESS) {
            return result;
        }
        copy[i].semaphore = point.timeline;
        copy[i].value = point.value;
    }
    info->pWaitSemaphoreInfos = copy;
    return VK_SUCCESS;
}

static VkSemaphoreSubmitInfo
signal_info(const struct drv_point *point)
{
    return (VkSemaphoreSubmitInfo){
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
        .semaphore = point->timeline,
        .value = point->value,
        .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
    };
}

static VkResult
copy_signals2(struct copying *copying, VkSubmitInfo2 *info)
{
    uint32_t count = 0;
    struct drv_point outlet = {0};
    VkSemaphoreSubmitInfo *copy =
        drv_scratch_array(copying->scratch, (size_t)info->signalSemaphoreInfoCount + 1,
                          sizeof(VkSemaphoreSubmitInfo));
    if (!copy) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < info->signalSemaphoreInfoCount; i++) {
        const VkSemaphoreSubmitInfo *signal = &info->pSignalSemaphoreInfos[i];
        if (!is_here(signal->semaphore)) {
            copy[count++] = *signal;
            continue;
        }
        VkResult result =
            outlet.timeline ? VK_SUCCESS : drv_exchange_next_point(copying->queue, &outlet);
        if (result == VK_SUCCESS) {
            result = promise_semaphore(copying, &outlet, signal->semaphore, signal->value);
        }
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    if (outlet.timeline) {
        copy[count++] = signal_info(&outlet);
    }
    info->pSignalSemaphoreInfos = copy;
    info->signalSemaphoreInfoCount = count;
    return VK_SUCCESS;
}

static VkResult
fence_batch2(struct copying *copying, VkFence fence, VkSubmitInfo2 *info)
{
    struct semaphores signals;
    *info = (VkSubmitInfo2){.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2};
    VkResult result = promise_fence(copying, fence, &signals);
    if (result != VK_SUCCESS || signals.count == 0) {
        return result;
    }
    VkSemaphoreSubmitInfo signal =
        signal_info(&(struct drv_point){signals.handles[0], signals.values[0]});
    info->pSignalSemaphoreInfos = drv_scratch_copy(copying->scratch, &signal, sizeof(signal));
    info->signalSemaphoreInfoCount = 1;
    return info->pSignalSemaphoreInfos ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VkResult
copy_submits2(struct copying *copying, struct drv_submits2 *submits)
{
    VkSubmitInfo2 *infos =
        drv_scratch_array(copying->scratch, (size_t)submits->count + 1, sizeof(*infos));
    if (!infos) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < submits->count; i++) {
        infos[i] = submits->infos[i];
        VkResult result = copy_waits2(copying, &infos[i]);
        if (result == VK_SUCCESS) {
            result = copy_signals2(copying, &infos[i]);
        }
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    submits->infos = infos;
    if (!fence_is_here(submits->fence)) {
        return VK_SUCCESS;
    }
    VkResult result = fence_batch2(copying, submits->fence, &infos[submits->count]);
    submits->count++;
    submits->fence = VK_NULL_HANDLE;
    return result;
}

static bool
concerns_submits2(const struct drv_submits2 *submits)
{
    for (uint32_t i = 0; i < submits->count; i++) {
        const VkSubmitInfo2 *info = &submits->infos[i];
        if (any_info_is_here(info->pWaitSemaphoreInfos, info->waitSemaphoreInfoCount) ||
            any_info_is_here(info->pSignalSemaphoreInfos, info->signalSemaphoreInfoCount)) {
            return true;
        }
    }
    return fence_is_here(submits->fence);
}

VkResult
drv_exchange_submit2(struct drv_queue *queue, struct drv_scratch *scratch,
                     struct drv_submits2 *submits)
{
    struct copying copying = {.queue = queue, .scratch = scratch};
    if (!drv_exchange_is_used(&queue->device->exchange) || !concerns_submits2(submits)) {
        return VK_SUCCESS;
    }
    return copy_submits2(&copying, submits) == VK_SUCCESS ? VK_SUCCESS : failed(&copying);
}
