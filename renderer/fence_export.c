#include "renderer/fence_export.h"

#include <poll.h>
#include <time.h>

#include "base/fd.h"
#include "renderer/device.h"
#include "renderer/queue.h"

enum {
    LOOK_UP_MS = 100,               /* whether the sync thread is to end */
    PATIENCE_NS = 50 * 1000 * 1000, /* for a copy; the server's thread waits meanwhile */
};

void
rnd_fence_exports_init(struct rnd_fence_exports *exports)
{
    pthread_cond_init(&exports->wake, NULL);
    base_list_init(&exports->to_copy);
}

/* --- the thread that copies --- */

/* NULL: the thread is to end. */
static struct rnd_sync_entry *
next_to_copy(struct rnd_queue *queue)
{
    struct rnd_fence_exports *exports = &queue->exports;
    struct rnd_sync_entry *entry = NULL;
    pthread_mutex_lock(&queue->device->sync_lock);
    while (base_list_empty(&exports->to_copy) && !exports->stop) {
        pthread_cond_wait(&exports->wake, &queue->device->sync_lock);
    }
    if (!base_list_empty(&exports->to_copy)) {
        entry = base_list_entry(exports->to_copy.next, struct rnd_sync_entry, copy.link);
        base_list_remove(&entry->copy.link);
    }
    pthread_mutex_unlock(&queue->device->sync_lock);
    return entry;
}

static void
copy(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    struct rnd_device *device = queue->device;
    const VkFenceGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_GET_FD_INFO_KHR,
        .fence = entry->host_fence,
        .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    int fd = -1;
    VkResult result = device->table.GetFenceFdKHR(device->handle, &info, &fd);
    pthread_mutex_lock(&device->sync_lock);
    entry->copy.state = result == VK_SUCCESS ? RND_FENCE_COPIED : RND_FENCE_NOT_COPIED;
    entry->copy.fd = result == VK_SUCCESS ? fd : -1;
    pthread_cond_broadcast(&device->sync_done);
    pthread_mutex_unlock(&device->sync_lock);
}

static void *
run(void *user)
{
    struct rnd_queue *queue = user;
    for (struct rnd_sync_entry *entry; (entry = next_to_copy(queue));) {
        copy(queue, entry);
    }
    return NULL;
}

static bool
start(struct rnd_queue *queue)
{
    struct rnd_fence_exports *exports = &queue->exports;
    pthread_mutex_lock(&queue->device->sync_lock);
    if (!exports->started && pthread_create(&exports->thread, NULL, run, queue) == 0) {
        pthread_setname_np(exports->thread, "vesper-export");
        exports->started = true;
    }
    bool started = exports->started;
    pthread_mutex_unlock(&queue->device->sync_lock);
    return started;
}

void
rnd_fence_exports_finish(struct rnd_queue *queue)
{
    struct rnd_fence_exports *exports = &queue->exports;
    pthread_mutex_lock(&queue->device->sync_lock);
    exports->stop = true;
    pthread_cond_signal(&exports->wake);
    bool started = exports->started;
    pthread_mutex_unlock(&queue->device->sync_lock);
    if (started) {
        pthread_join(exports->thread, NULL);
    }
    pthread_cond_destroy(&exports->wake);
}

void
rnd_fence_export_begin(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    pthread_mutex_lock(&queue->device->sync_lock);
    base_list_push(&queue->exports.to_copy, &entry->copy.link);
    pthread_cond_signal(&queue->exports.wake);
    pthread_mutex_unlock(&queue->device->sync_lock);
}

/* --- the sync thread --- */

/* The queue ends when the device is idle or lost: then the file has signalled, or never will. */
static bool
is_ending(struct rnd_queue *queue)
{
    pthread_mutex_lock(&queue->device->sync_lock);
    bool ending = queue->sync_stop;
    pthread_mutex_unlock(&queue->device->sync_lock);
    return ending;
}

bool
rnd_fence_export_wait(struct rnd_queue *queue, struct rnd_sync_entry *entry)
{
    struct rnd_device *device = queue->device;
    pthread_mutex_lock(&device->sync_lock);
    while (entry->copy.state == RND_FENCE_TO_COPY) {
        pthread_cond_wait(&device->sync_done, &device->sync_lock);
    }
    bool copied = entry->copy.state == RND_FENCE_COPIED;
    pthread_mutex_unlock(&device->sync_lock);
    if (!copied) {
        return false;
    }
    struct pollfd file = {.fd = entry->copy.fd, .events = POLLIN};
    while (file.fd != -1 && poll(&file, 1, LOOK_UP_MS) != 1 && !is_ending(queue)) {
    }
    return true;
}

/* --- requests --- */

static bool
is_of_server(const struct rnd_sync_entry *entry, uint64_t fence_id)
{
    return (entry->kind == RND_SYNC_TIMELINE || entry->kind == RND_SYNC_COPY) &&
           entry->fence_id == fence_id;
}

/* One that can be copied, if there is; NULL: none is pending. */
static struct rnd_sync_entry *
find_locked(struct rnd_queue *queue, uint64_t fence_id)
{
    struct rnd_sync_entry *found = queue->current;
    if (found && !is_of_server(found, fence_id)) {
        found = NULL;
    }
    base_list_for_each (entry, &queue->entries, struct rnd_sync_entry, link) {
        if (is_of_server(entry, fence_id) && (!found || entry->copy.state != RND_FENCE_PLAIN)) {
            found = entry;
        }
    }
    return found;
}

/* Switches copying on and makes a copy possible that was not. False: something was submitted behind
 * the fence, or there is no memory. */
static bool
add_copy_locked(struct rnd_queue *queue, uint64_t fence_id)
{
    if (!start(queue)) {
        return false;
    }
    if (!atomic_exchange(&queue->exports.on, true)) {
        rnd_queue_drop_free_fences(queue);
    }
    pthread_mutex_lock(&queue->device->sync_lock);
    const struct rnd_sync_entry *entry = find_locked(queue, fence_id);
    bool needed = entry && entry->copy.state == RND_FENCE_PLAIN;
    bool is_last = entry && entry->submissions == queue->submissions;
    pthread_mutex_unlock(&queue->device->sync_lock);
    return !needed || (is_last && rnd_queue_add_copy_locked(queue, fence_id) == RND_OK);
}

static bool
prepare(struct rnd_queue *queue, uint64_t fence_id)
{
    pthread_mutex_lock(&queue->device->sync_lock);
    const struct rnd_sync_entry *entry = find_locked(queue, fence_id);
    bool plain = entry && entry->copy.state == RND_FENCE_PLAIN;
    pthread_mutex_unlock(&queue->device->sync_lock);
    if (!plain) {
        return true;
    }
    pthread_mutex_lock(&queue->submit_lock);
    bool prepared = add_copy_locked(queue, fence_id);
    pthread_mutex_unlock(&queue->submit_lock);
    return prepared;
}

/* NULL: it has retired meanwhile. Sleeps while it is being copied. */
static struct rnd_sync_entry *
wait_for_copy_locked(struct rnd_queue *queue, uint64_t fence_id)
{
    struct rnd_device *device = queue->device;
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += PATIENCE_NS;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    struct rnd_sync_entry *entry;
    while ((entry = find_locked(queue, fence_id)) && entry->copy.state == RND_FENCE_TO_COPY &&
           pthread_cond_clockwait(&device->sync_done, &device->sync_lock, CLOCK_MONOTONIC,
                                  &deadline) == 0) {
    }
    return entry;
}

enum rnd_result
rnd_queue_export_fence(struct rnd_queue *queue, uint64_t fence_id, int *out_fd)
{
    struct rnd_device *device = queue->device;
    if (!device->physical_device->exports_sync_files || !prepare(queue, fence_id)) {
        return RND_INVALID;
    }
    int fd = -1;
    enum rnd_result result = RND_OK;
    pthread_mutex_lock(&device->sync_lock);
    const struct rnd_sync_entry *entry = wait_for_copy_locked(queue, fence_id);
    if (entry && entry->copy.state != RND_FENCE_COPIED) {
        result = RND_INVALID;
    } else if (entry && entry->copy.fd != -1) {
        fd = base_fd_duplicate(entry->copy.fd);
        result = fd == -1 ? RND_NO_MEMORY : RND_OK;
    }
    pthread_mutex_unlock(&device->sync_lock);
    if (result == RND_OK) {
        *out_fd = fd;
    }
    return result;
}
