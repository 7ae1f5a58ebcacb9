/* Submissions, and what the sync thread shall publish of them. */
#include "renderer/queue.h"

#include <inttypes.h>
#include <stdlib.h>

#include "protocol/proto_commands.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"
#include "renderer/sync.h"

/* A submission in the making: everything that can fail is done before the host sees it. */
struct submission {
    struct rnd_call *call;
    struct rnd_queue *queue;
    struct base_list entries; /* of semaphores, in order; the fence's last */
    struct rnd_fence *fence;  /* held until the host has seen it; NULL: none */
    bool begun;               /* rnd_fence_begin_use() was for us */
};

static void
begin(struct submission *submission, struct rnd_call *call)
{
    submission->call = call;
    submission->queue = (struct rnd_queue *)call->leading;
    submission->fence = NULL;
    submission->begun = false;
    base_list_init(&submission->entries);
}

static struct rnd_sync_entry *
add_entry(struct submission *submission, enum rnd_sync_kind kind, uint64_t value)
{
    struct rnd_sync_entry *entry =
        rnd_queue_start_sync(submission->queue) ? rnd_sync_entry_create(kind) : NULL;
    if (!entry) {
        rnd_call_fail(submission->call, "no memory or thread to watch a submission");
        return NULL;
    }
    entry->value = value;
    base_list_push(&submission->entries, &entry->link);
    return entry;
}

static void
add_semaphore(struct submission *submission, VkSemaphore handle, uint64_t value)
{
    struct rnd_semaphore *semaphore = (struct rnd_semaphore *)rnd_call_seen(
        submission->call, VK_OBJECT_TYPE_SEMAPHORE, RND_HANDLE(handle));
    if (!semaphore || !semaphore->feedback.slot) {
        return;
    }
    struct rnd_sync_entry *entry = add_entry(submission, RND_SYNC_SEMAPHORE, value);
    if (!entry) {
        return;
    }
    if (!rnd_sync_hold(submission->queue->device, &semaphore->use)) {
        rnd_call_fail(submission->call, "semaphore %" PRIu64 " is being destroyed",
                      semaphore->object.id);
        return;
    }
    entry->semaphore = semaphore;
}

/* The signal operations of one batch of vkQueueSubmit or vkQueueBindSparse. */
static void
add_batch(struct submission *submission, const void *chain, uint32_t count,
          const VkSemaphore *semaphores)
{
    const VkTimelineSemaphoreSubmitInfo *timeline =
        rnd_chain_find(chain, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    if (!timeline || !timeline->pSignalSemaphoreValues) {
        return;
    }
    for (uint32_t i = 0; i < count && i < timeline->signalSemaphoreValueCount; i++) {
        add_semaphore(submission, semaphores[i], timeline->pSignalSemaphoreValues[i]);
    }
}

/* Vulkan wants an unsignalled fence that no other submission has. Drivers crash over others: where
 * a fence is signalled before, nobody can tell when the host is done with it, and so it is
 * destroyed too early. Applications do submit signalled ones, so those are reset on the way. */
static bool
make_unsignalled(struct submission *submission, struct rnd_fence *fence)
{
    struct rnd_device *device = submission->queue->device;
    VkFence handle = RND_OBJECT_HANDLE(&fence->object, VkFence);
    if (device->table.GetFenceStatus(device->handle, handle) != VK_SUCCESS) {
        rnd_call_fail(submission->call, "fence %" PRIu64 " is another submission's",
                      fence->object.id);
        return false;
    }
    if (!rnd_sync_wait_unused(submission->call, device, &fence->use, 1)) {
        return false;
    }
    VkResult result = device->table.ResetFences(device->handle, 1, &handle);
    if (result != VK_SUCCESS) {
        rnd_call_fail(submission->call, "fence %" PRIu64 " cannot be reset: %d", fence->object.id,
                      result);
    }
    return result == VK_SUCCESS;
}

/* The entry holds the fence too, even if it is about to be destroyed: that waits for us. */
static void
watch_fence(struct submission *submission, struct rnd_fence *fence)
{
    struct rnd_device *device = submission->queue->device;
    struct rnd_sync_entry *entry = add_entry(submission, RND_SYNC_FENCE, 0);
    if (entry) {
        pthread_mutex_lock(&device->sync_lock);
        fence->use.pending++;
        entry->fence = fence;
        entry->value = ++fence->submissions; /* as the guest counts, whatever comes of it */
        pthread_mutex_unlock(&device->sync_lock);
    }
}

/* Another ring may destroy the fence meanwhile, and even give its id to another one. */
static void
add_fence(struct submission *submission, VkFence handle, uint64_t fence_id)
{
    struct rnd_device *device = submission->queue->device;
    if (fence_id == 0) {
        return;
    }
    struct rnd_fence *fence =
        (struct rnd_fence *)rnd_call_object(submission->call, fence_id, VK_OBJECT_TYPE_FENCE);
    if (!fence) {
        return;
    }
    if (fence->object.handle != RND_HANDLE(handle) || !rnd_sync_hold(device, &fence->use)) {
        rnd_call_fail(submission->call, "fence %" PRIu64 " is being destroyed", fence_id);
        return;
    }
    submission->fence = fence;
    submission->begun = rnd_fence_begin_use(device, fence) || make_unsignalled(submission, fence);
    if (submission->begun && fence->feedback.slot) {
        watch_fence(submission, fence);
    }
}

static void
let_go_of_fence(struct submission *submission)
{
    struct rnd_device *device = submission->queue->device;
    if (submission->fence) {
        pthread_mutex_lock(&device->sync_lock);
        rnd_sync_let_go_locked(device, &submission->fence->use);
        pthread_mutex_unlock(&device->sync_lock);
    }
}

static void
discard(struct submission *submission)
{
    if (submission->begun) {
        rnd_fence_end_use(submission->queue->device, submission->fence);
    }
    let_go_of_fence(submission);
    pthread_mutex_lock(&submission->queue->device->sync_lock);
    base_list_for_each_safe (entry, &submission->entries, struct rnd_sync_entry, link) {
        base_list_remove(&entry->link);
        rnd_queue_let_go_locked(submission->queue, entry);
        rnd_sync_entry_destroy(entry);
    }
    pthread_mutex_unlock(&submission->queue->device->sync_lock);
}

/* Whoever waits for it hears that the device is lost. The context lives on: the guest may want to
 * know why (VK_EXT_device_fault). */
static void
mark_lost(struct submission *submission)
{
    base_list_for_each (entry, &submission->entries, struct rnd_sync_entry, link) {
        entry->lost = true;
    }
}

/* With the queue's lock held since before the host saw the submission. Gives what is left to be
 * told of the result. */
static VkResult
end_locked(struct submission *submission, VkResult result)
{
    struct rnd_call *call = submission->call;
    bool watched = !base_list_empty(&submission->entries);
    bool unheard = watched && !(call->flags & PROTO_COMMAND_GENERATE_REPLY);
    submission->queue->submissions++;
    if (result == VK_ERROR_DEVICE_LOST && unheard) {
        mark_lost(submission);
        result = VK_SUCCESS;
    }
    if (result == VK_SUCCESS) {
        rnd_queue_add_entries_locked(submission->queue, &submission->entries);
        let_go_of_fence(submission);
        return VK_SUCCESS;
    }
    discard(submission);
    if (unheard) {
        rnd_call_fail(call, "failed with %d; the guest waits for its end and asked for no reply",
                      result);
    }
    return result;
}

/* False, and all undone, if the call has failed on the way. */
static bool
ready(struct submission *submission)
{
    if (rnd_call_failed(submission->call)) {
        discard(submission);
        return false;
    }
    return true;
}

/* --- waits for imported payloads that have signalled already: see rnd_semaphore.signaled_import.
 * The arrays of a submission are the decoder's, so they may be changed. --- */

static bool
may_have_signaled_imports(const struct rnd_call *call)
{
    return atomic_load_explicit(&rnd_call_device(call)->had_signaled_imports, memory_order_relaxed);
}

/* What belongs to the waits of VkSubmitInfo or VkBindSparseInfo: arrays side by side, any but the
 * first of them NULL. */
struct waits {
    uint32_t count;
    VkSemaphore *semaphores;
    VkPipelineStageFlags *stages;
    VkTimelineSemaphoreSubmitInfo *timeline;
    VkDeviceGroupSubmitInfo *group;
};

static void
move_wait(struct waits *waits, uint32_t to, uint32_t from, uint32_t count)
{
    waits->semaphores[to] = waits->semaphores[from];
    if (waits->stages) {
        waits->stages[to] = waits->stages[from];
    }
    if (waits->timeline && waits->timeline->pWaitSemaphoreValues &&
        waits->timeline->waitSemaphoreValueCount == count) {
        uint64_t *values = (uint64_t *)waits->timeline->pWaitSemaphoreValues;
        values[to] = values[from];
    }
    if (waits->group && waits->group->pWaitSemaphoreDeviceIndices &&
        waits->group->waitSemaphoreCount == count) {
        uint32_t *indices = (uint32_t *)waits->group->pWaitSemaphoreDeviceIndices;
        indices[to] = indices[from];
    }
}

static void
drop_signaled_waits(struct rnd_call *call, struct waits *waits, const void *chain)
{
    uint32_t count = waits->count, kept = 0;
    waits->timeline = (VkTimelineSemaphoreSubmitInfo *)rnd_chain_find(
        chain, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    waits->group = (VkDeviceGroupSubmitInfo *)rnd_chain_find(
        chain, VK_STRUCTURE_TYPE_DEVICE_GROUP_SUBMIT_INFO);
    for (uint32_t i = 0; i < count; i++) {
        if (!rnd_semaphore_take_import(call, waits->semaphores[i])) {
            move_wait(waits, kept++, i, count);
        }
    }
    if (waits->timeline && waits->timeline->waitSemaphoreValueCount == count) {
        waits->timeline->waitSemaphoreValueCount = kept;
    }
    if (waits->group && waits->group->waitSemaphoreCount == count) {
        waits->group->waitSemaphoreCount = kept;
    }
    waits->count = kept;
}

static void
drop_waits_of_submit(struct rnd_call *call, VkSubmitInfo *info)
{
    struct waits waits = {
        .count = info->waitSemaphoreCount,
        .semaphores = (VkSemaphore *)info->pWaitSemaphores,
        .stages = (VkPipelineStageFlags *)info->pWaitDstStageMask,
    };
    drop_signaled_waits(call, &waits, info->pNext);
    info->waitSemaphoreCount = waits.count;
}

static void
drop_waits_of_bind(struct rnd_call *call, VkBindSparseInfo *info)
{
    struct waits waits = {
        .count = info->waitSemaphoreCount,
        .semaphores = (VkSemaphore *)info->pWaitSemaphores,
    };
    drop_signaled_waits(call, &waits, info->pNext);
    info->waitSemaphoreCount = waits.count;
}

static void
drop_waits_of_submit2(struct rnd_call *call, VkSubmitInfo2 *info)
{
    VkSemaphoreSubmitInfo *waits = (VkSemaphoreSubmitInfo *)info->pWaitSemaphoreInfos;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < info->waitSemaphoreInfoCount; i++) {
        if (!rnd_semaphore_take_import(call, waits[i].semaphore)) {
            waits[kept++] = waits[i];
        }
    }
    info->waitSemaphoreInfoCount = kept;
}

void
rnd_do_vkQueueSubmit(struct rnd_call *call, struct proto_vkQueueSubmit *args)
{
    struct submission submission;
    begin(&submission, call);
    for (uint32_t i = 0; i < args->submitCount; i++) {
        const VkSubmitInfo *info = &args->pSubmits[i];
        if (may_have_signaled_imports(call)) {
            drop_waits_of_submit(call, (VkSubmitInfo *)info);
        }
        add_batch(&submission, info->pNext, info->signalSemaphoreCount, info->pSignalSemaphores);
    }
    add_fence(&submission, args->fence, args->fence_id);
    if (!ready(&submission)) {
        return;
    }
    pthread_mutex_lock(&submission.queue->submit_lock);
    args->ret = call->device_table->QueueSubmit(args->queue, args->submitCount, args->pSubmits,
                                                args->fence);
    args->ret = end_locked(&submission, args->ret);
    pthread_mutex_unlock(&submission.queue->submit_lock);
}

void
rnd_do_vkQueueSubmit2(struct rnd_call *call, struct proto_vkQueueSubmit2 *args)
{
    struct submission submission;
    if (!call->device_table->QueueSubmit2) {
        rnd_call_missing(call);
        return;
    }
    begin(&submission, call);
    for (uint32_t i = 0; i < args->submitCount; i++) {
        const VkSubmitInfo2 *info = &args->pSubmits[i];
        if (may_have_signaled_imports(call)) {
            drop_waits_of_submit2(call, (VkSubmitInfo2 *)info);
        }
        for (uint32_t j = 0; j < info->signalSemaphoreInfoCount; j++) {
            add_semaphore(&submission, info->pSignalSemaphoreInfos[j].semaphore,
                          info->pSignalSemaphoreInfos[j].value);
        }
    }
    add_fence(&submission, args->fence, args->fence_id);
    if (!ready(&submission)) {
        return;
    }
    pthread_mutex_lock(&submission.queue->submit_lock);
    args->ret = call->device_table->QueueSubmit2(args->queue, args->submitCount, args->pSubmits,
                                                 args->fence);
    args->ret = end_locked(&submission, args->ret);
    pthread_mutex_unlock(&submission.queue->submit_lock);
}

void
rnd_do_vkQueueBindSparse(struct rnd_call *call, struct proto_vkQueueBindSparse *args)
{
    struct submission submission;
    begin(&submission, call);
    for (uint32_t i = 0; i < args->bindInfoCount; i++) {
        const VkBindSparseInfo *info = &args->pBindInfo[i];
        if (may_have_signaled_imports(call)) {
            drop_waits_of_bind(call, (VkBindSparseInfo *)info);
        }
        add_batch(&submission, info->pNext, info->signalSemaphoreCount, info->pSignalSemaphores);
    }
    add_fence(&submission, args->fence, args->fence_id);
    if (!ready(&submission)) {
        return;
    }
    pthread_mutex_lock(&submission.queue->submit_lock);
    args->ret = call->device_table->QueueBindSparse(args->queue, args->bindInfoCount,
                                                    args->pBindInfo, args->fence);
    args->ret = end_locked(&submission, args->ret);
    pthread_mutex_unlock(&submission.queue->submit_lock);
}
