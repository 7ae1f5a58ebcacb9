#include "renderer/queue.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/sync.h"

struct rnd_queue *
rnd_queue_create(struct rnd_device *device, VkQueue handle, const VkDeviceQueueCreateInfo *info,
                 uint32_t index)
{
    struct rnd_queue *queue = calloc(1, sizeof(*queue));
    if (!queue) {
        return NULL;
    }
    queue->object.handle = RND_HANDLE(handle);
    queue->device = device;
    queue->handle = handle;
    queue->flags = info->flags;
    queue->family = info->queueFamilyIndex;
    queue->index = index;
    pthread_mutex_init(&queue->submit_lock, NULL);
    pthread_cond_init(&queue->sync_wake, NULL);
    rnd_fence_exports_init(&queue->exports);
    base_list_init(&queue->entries);
    return queue;
}

struct rnd_sync_entry *
rnd_sync_entry_create(enum rnd_sync_kind kind)
{
    struct rnd_sync_entry *entry = calloc(1, sizeof(*entry));
    if (entry) {
        entry->kind = kind;
        entry->copy.fd = -1;
    }
    return entry;
}

void
rnd_sync_entry_destroy(struct rnd_sync_entry *entry)
{
    base_fd_close(&entry->copy.fd);
    free(entry);
}

/* A host out of memory gets one more chance, this much later. */
enum {
    SECOND_CHANCE_NS = 10 * 1000 * 1000,
};

static bool
is_out_of_memory(VkResult result)
{
    return result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static void
wait_for_second_chance(void)
{
    nanosleep(&(struct timespec){.tv_nsec = SECOND_CHANCE_NS}, NULL);
}

/* --- the sync thread --- */

static VkResult
wait_for_fence(const struct rnd_device *device, VkFence fence)
{
    return device->table.WaitForFences(device->handle, 1, &fence, VK_TRUE, UINT64_MAX);
}

static VkResult
wait_for_semaphore(const struct rnd_device *device, const struct rnd_sync_entry *entry)
{
    VkSemaphore semaphore = RND_OBJECT_HANDLE(&entry->semaphore->object, VkSemaphore);
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &semaphore,
        .pValues = &entry->value,
    };
    return device->table.WaitSemaphores(device->handle, &info, UINT64_MAX);
}

static VkResult
wait_once(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    const struct rnd_device *device = queue->device;
    if (entry->lost) {
        return VK_ERROR_DEVICE_LOST;
    }
    switch (entry->kind) {
    case RND_SYNC_FENCE:
        return wait_for_fence(device, RND_OBJECT_HANDLE(&entry->fence->object, VkFence));
    case RND_SYNC_SEMAPHORE: return wait_for_semaphore(device, entry);
    case RND_SYNC_TIMELINE:
    case RND_SYNC_COPY:
        return !entry->host_fence || rnd_fence_export_wait(queue, entry)
                   ? VK_SUCCESS
                   : wait_for_fence(device, entry->host_fence);
    }
    return VK_SUCCESS;
}

static VkResult
wait_on_host(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    VkResult result = wait_once(queue, entry);
    if (is_out_of_memory(result)) {
        wait_for_second_chance();
        result = wait_once(queue, entry);
    }
    return result;
}

/* A lost device has done all it will do; a host out of memory has not, and the server must not
 * think so. */
static void
retire_fence(struct rnd_queue *queue, const struct rnd_sync_entry *entry, VkResult result)
{
    struct rnd_context *ctx = queue->device->context;
    if (is_out_of_memory(result)) {
        rnd_context_fail(ctx, "fence %" PRIu64 " of timeline %u: the host cannot wait for it: %d",
                         entry->fence_id, queue->ring_idx, result);
        return;
    }
    ctx->info.fence_retired(ctx->info.user, queue->ring_idx, entry->fence_id);
}

static void
publish(struct rnd_queue *queue, const struct rnd_sync_entry *entry, VkResult result)
{
    uint64_t value = result == VK_SUCCESS ? entry->value : WIRE_FEEDBACK_DEVICE_LOST;
    switch (entry->kind) {
    case RND_SYNC_FENCE: rnd_feedback_publish(&entry->fence->feedback, value); break;
    case RND_SYNC_SEMAPHORE: rnd_semaphore_reached(queue->device, entry->semaphore, value); break;
    case RND_SYNC_TIMELINE: retire_fence(queue, entry, result); break;
    case RND_SYNC_COPY: break;
    }
}

void
rnd_queue_let_go_locked(struct rnd_queue *queue, const struct rnd_sync_entry *entry)
{
    if (entry->fence) {
        rnd_sync_let_go_locked(queue->device, &entry->fence->use);
    }
    if (entry->semaphore) {
        rnd_sync_let_go_locked(queue->device, &entry->semaphore->use);
    }
}

/* Keeps the fence for the next one, if it is of the kind that is made now, the host can reset it,
 * and there is room. */
static void
recycle_fence(struct rnd_queue *queue, const struct rnd_sync_entry *entry)
{
    struct rnd_device *device = queue->device;
    VkFence fence = entry->host_fence;
    bool kept = false;
    if (!fence) {
        return;
    }
    bool of_use = (entry->copy.state != RND_FENCE_PLAIN) == atomic_load(&queue->exports.on);
    if (of_use && device->table.ResetFences(device->handle, 1, &fence) == VK_SUCCESS) {
        pthread_mutex_lock(&device->sync_lock);
        if (queue->free_fence_count < RND_MAX_FREE_FENCES) {
            queue->free_fences[queue->free_fence_count++] = fence;
            kept = true;
        }
        pthread_mutex_unlock(&device->sync_lock);
    }
    if (!kept) {
        device->table.DestroyFence(device->handle, fence, NULL);
    }
}

static void
process(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    struct rnd_device *device = queue->device;
    VkResult result = wait_on_host(queue, entry);
    if (result != VK_SUCCESS) {
        base_log_warn("context %s: waiting for queue %u of family %u gave %d",
                      device->context->info.name, queue->index, queue->family, result);
    }
    publish(queue, entry, result);

    pthread_mutex_lock(&device->sync_lock);
    rnd_queue_let_go_locked(queue, entry);
    queue->current = NULL;
    pthread_mutex_unlock(&device->sync_lock);
    recycle_fence(queue, entry);
    rnd_sync_entry_destroy(entry);
}

/* NULL: the thread is to end. */
static struct rnd_sync_entry *
next_entry(struct rnd_queue *queue)
{
    struct rnd_sync_entry *entry = NULL;
    pthread_mutex_lock(&queue->device->sync_lock);
    while (base_list_empty(&queue->entries) && !queue->sync_stop) {
        pthread_cond_wait(&queue->sync_wake, &queue->device->sync_lock);
    }
    if (!base_list_empty(&queue->entries)) {
        entry = base_list_entry(queue->entries.next, struct rnd_sync_entry, link);
        base_list_remove(&entry->link);
        queue->current = entry;
    }
    pthread_mutex_unlock(&queue->device->sync_lock);
    return entry;
}

static void *
run(void *user)
{
    struct rnd_queue *queue = user;
    for (struct rnd_sync_entry *entry; (entry = next_entry(queue));) {
        process(queue, entry);
    }
    return NULL;
}

bool
rnd_queue_start_sync(struct rnd_queue *queue)
{
    pthread_mutex_lock(&queue->device->sync_lock);
    if (!queue->sync_started && !queue->sync_stop &&
        pthread_create(&queue->sync_thread, NULL, run, queue) == 0) {
        pthread_setname_np(queue->sync_thread, "vesper-sync");
        queue->sync_started = true;
    }
    bool started = queue->sync_started;
    pthread_mutex_unlock(&queue->device->sync_lock);
    return started;
}

static void
stop_sync(struct rnd_queue *queue)
{
    pthread_mutex_lock(&queue->device->sync_lock);
    queue->sync_stop = true;
    pthread_cond_signal(&queue->sync_wake);
    bool started = queue->sync_started;
    pthread_mutex_unlock(&queue->device->sync_lock);
    if (started) {
        pthread_join(queue->sync_thread, NULL);
    }
}

void
rnd_queue_drop_free_fences(struct rnd_queue *queue)
{
    struct rnd_device *device = queue->device;
    pthread_mutex_lock(&device->sync_lock);
    for (unsigned i = 0; i < queue->free_fence_count; i++) {
        device->table.DestroyFence(device->handle, queue->free_fences[i], NULL);
    }
    queue->free_fence_count = 0;
    pthread_mutex_unlock(&device->sync_lock);
}

void
rnd_queue_finish(struct rnd_queue *queue)
{
    stop_sync(queue);
    rnd_fence_exports_finish(queue); /* the sync thread waited for its copies */
    rnd_queue_drop_free_fences(queue);
    pthread_cond_destroy(&queue->sync_wake);
    pthread_mutex_destroy(&queue->submit_lock);
}

void
rnd_queue_add_entries_locked(struct rnd_queue *queue, struct base_list *entries)
{
    if (base_list_empty(entries)) {
        return;
    }
    pthread_mutex_lock(&queue->device->sync_lock);
    base_list_for_each_safe (entry, entries, struct rnd_sync_entry, link) {
        base_list_remove(&entry->link);
        base_list_push(&queue->entries, &entry->link);
    }
    pthread_cond_signal(&queue->sync_wake);
    pthread_mutex_unlock(&queue->device->sync_lock);
}

/* --- fences of the server --- */

static VkResult
take_fence(struct rnd_queue *queue, VkFence *out)
{
    struct rnd_device *device = queue->device;
    VkFence fence = VK_NULL_HANDLE;
    pthread_mutex_lock(&device->sync_lock);
    if (queue->free_fence_count > 0) {
        fence = queue->free_fences[--queue->free_fence_count];
    }
    pthread_mutex_unlock(&device->sync_lock);
    if (fence) {
        *out = fence;
        return VK_SUCCESS;
    }
    const VkExportFenceCreateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = atomic_load(&queue->exports.on) ? &export : NULL,
    };
    return device->table.CreateFence(device->handle, &info, NULL, out);
}

static VkResult
submit_fence_locked(struct rnd_queue *queue, VkFence *out)
{
    VkFence fence;
    VkResult result = take_fence(queue, &fence);
    if (result != VK_SUCCESS) {
        return result;
    }
    result = queue->device->table.QueueSubmit(queue->handle, 0, NULL, fence);
    if (result != VK_SUCCESS) {
        queue->device->table.DestroyFence(queue->device->handle, fence, NULL);
        return result;
    }
    *out = fence;
    return VK_SUCCESS;
}

/* Without a host fence, the entry retires in turn: the device is lost. */
static enum rnd_result
submit_entry_locked(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    VkResult result = submit_fence_locked(queue, &entry->host_fence);
    if (is_out_of_memory(result)) {
        wait_for_second_chance();
        result = submit_fence_locked(queue, &entry->host_fence);
    }
    if (result != VK_SUCCESS) {
        base_log_warn("context %s: fence %" PRIu64 " of timeline %u: the host gave %d",
                      queue->device->context->info.name, entry->fence_id, queue->ring_idx, result);
    }
    if (is_out_of_memory(result)) {
        return RND_NO_MEMORY;
    }
    bool copied = entry->host_fence && atomic_load(&queue->exports.on);
    entry->copy.state = copied ? RND_FENCE_TO_COPY : RND_FENCE_PLAIN;
    struct base_list entries;
    base_list_init(&entries);
    base_list_push(&entries, &entry->link);
    rnd_queue_add_entries_locked(queue, &entries);
    if (copied) { /* until then the entry stays */
        rnd_fence_export_begin(queue, entry);
    }
    return RND_OK;
}

static enum rnd_result
add_fence_locked(struct rnd_queue *queue, enum rnd_sync_kind kind, uint64_t fence_id)
{
    struct rnd_sync_entry *entry = rnd_sync_entry_create(kind);
    if (!entry) {
        return RND_NO_MEMORY;
    }
    entry->fence_id = fence_id;
    entry->submissions = queue->submissions;
    enum rnd_result result = submit_entry_locked(queue, entry);
    if (result != RND_OK) {
        rnd_sync_entry_destroy(entry);
    }
    return result;
}

enum rnd_result
rnd_queue_add_copy_locked(struct rnd_queue *queue, uint64_t fence_id)
{
    return add_fence_locked(queue, RND_SYNC_COPY, fence_id);
}

enum rnd_result
rnd_queue_add_timeline_fence(struct rnd_queue *queue, uint64_t fence_id)
{
    if (!rnd_queue_start_sync(queue)) {
        return RND_NO_MEMORY;
    }
    pthread_mutex_lock(&queue->submit_lock);
    enum rnd_result result = add_fence_locked(queue, RND_SYNC_TIMELINE, fence_id);
    pthread_mutex_unlock(&queue->submit_lock);
    return result;
}
