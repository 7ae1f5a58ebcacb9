#include "renderer/sync.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/futex.h"
#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/resource.h"
#include "wire/range.h"

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

void
rnd_sync_wait_unused(struct rnd_device *device, const unsigned *pending)
{
    pthread_mutex_lock(&device->sync_lock);
    while (*pending > 0) {
        pthread_cond_wait(&device->sync_done, &device->sync_lock);
    }
    pthread_mutex_unlock(&device->sync_lock);
}
