#include "renderer/sync.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/futex.h"
#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/resource.h"
#include "wire/range.h"

enum {
    LOOK_UP_NS = 20 * 1000 * 1000,
};

bool
rnd_feedback_init(struct rnd_feedback *feedback, struct rnd_call *call, const void *create_info)
{
    *feedback = (struct rnd_feedback){0};
    const VkSyncFeedbackInfoVESPER *info =
        rnd_chain_remove(create_info, VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER);
    if (!info) {
        return true;
    }
    enum rnd_resource_kind kind;
    struct rnd_shm *shm =
        rnd_resource_table_get(&call->context->resources, info->resourceId, &kind);
    if (!shm || kind != RND_RESOURCE_SHARED_MEMORY) {
        rnd_call_fail(call, "feedback: resource %u is no shared memory", info->resourceId);
        rnd_shm_unref(shm);
        return false;
    }
    if (info->offset % sizeof(uint64_t) != 0 ||
        info->offset < sizeof(struct wire_feedback_header) ||
        !wire_range_fits(info->offset, sizeof(uint64_t), shm->size)) {
        rnd_call_fail(call, "feedback: no slot at %zu in resource %u of %" PRIu64 " bytes",
                      info->offset, info->resourceId, shm->size);
        rnd_shm_unref(shm);
        return false;
    }
    feedback->shm = shm;
    feedback->header = (struct wire_feedback_header *)shm->map;
    feedback->slot = (_Atomic uint64_t *)(shm->map + info->offset);
    return true;
}

void
rnd_feedback_finish(struct rnd_feedback *feedback)
{
    rnd_shm_unref(feedback->shm);
    *feedback = (struct rnd_feedback){0};
}

void
rnd_feedback_publish(const struct rnd_feedback *feedback, uint64_t value)
{
    if (!feedback->slot) {
        return;
    }
    atomic_store_explicit(feedback->slot, value, memory_order_release);
    atomic_fetch_add(&feedback->header->generation, 1);
    if (atomic_load(&feedback->header->waiters) != 0) {
        base_futex_wake(&feedback->header->generation);
    }
}

void
rnd_semaphore_reached(struct rnd_device *device, struct rnd_semaphore *semaphore, uint64_t value)
{
    pthread_mutex_lock(&device->sync_lock);
    if (value > semaphore->published) {
        semaphore->published = value;
        rnd_feedback_publish(&semaphore->feedback, value);
    }
    pthread_mutex_unlock(&device->sync_lock);
}

bool
rnd_fence_begin_use(struct rnd_device *device, struct rnd_fence *fence)
{
    pthread_mutex_lock(&device->sync_lock);
    bool free = !fence->in_use;
    fence->in_use = true;
    pthread_mutex_unlock(&device->sync_lock);
    return free;
}

void
rnd_fence_end_use(struct rnd_device *device, struct rnd_fence *fence)
{
    pthread_mutex_lock(&device->sync_lock);
    fence->in_use = false;
    pthread_mutex_unlock(&device->sync_lock);
}

bool
rnd_semaphore_take_import(struct rnd_call *call, VkSemaphore handle)
{
    struct rnd_semaphore *semaphore =
        (struct rnd_semaphore *)rnd_call_seen(call, VK_OBJECT_TYPE_SEMAPHORE, RND_HANDLE(handle));
    return semaphore && atomic_exchange(&semaphore->signaled_import, false);
}

void
rnd_fence_release(struct rnd_object *object)
{
    struct rnd_fence *fence = (struct rnd_fence *)object;
    rnd_feedback_finish(&fence->feedback);
    free(fence);
}

void
rnd_semaphore_release(struct rnd_object *object)
{
    struct rnd_semaphore *semaphore = (struct rnd_semaphore *)object;
    rnd_feedback_finish(&semaphore->feedback);
    free(semaphore);
}

/* --- in use by sync threads --- */

bool
rnd_sync_hold(struct rnd_device *device, struct rnd_sync_use *use)
{
    pthread_mutex_lock(&device->sync_lock);
    bool held = !use->destroyed;
    use->pending += held;
    pthread_mutex_unlock(&device->sync_lock);
    return held;
}

void
rnd_sync_let_go_locked(struct rnd_device *device, struct rnd_sync_use *use)
{
    use->pending--;
    pthread_cond_broadcast(&device->sync_done);
}

/* Nobody signals sync_done when a ring is to stop or the context ends: looks up now and then. */
static void
sleep_locked(struct rnd_device *device)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += LOOK_UP_NS;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    pthread_cond_clockwait(&device->sync_done, &device->sync_lock, CLOCK_MONOTONIC, &at);
}

bool
rnd_sync_wait_unused(struct rnd_call *call, struct rnd_device *device,
                     const struct rnd_sync_use *use, unsigned own)
{
    bool interrupted = false;
    pthread_mutex_lock(&device->sync_lock);
    while (use->pending > own && !interrupted) {
        sleep_locked(device);
        interrupted = use->pending > own && rnd_call_interrupted(call);
    }
    pthread_mutex_unlock(&device->sync_lock);
    return !interrupted;
}

bool
rnd_sync_retire(struct rnd_call *call, struct rnd_device *device, struct rnd_sync_use *use)
{
    pthread_mutex_lock(&device->sync_lock);
    bool first = !use->destroyed;
    use->destroyed = true;
    pthread_mutex_unlock(&device->sync_lock);
    if (!first) {
        rnd_call_fail(call, "the object is being destroyed twice");
        return false;
    }
    return rnd_sync_wait_unused(call, device, use, 0);
}
