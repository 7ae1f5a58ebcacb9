/* Streams and rings: the protocol's own commands. Where one may come from is part of it. */
#include <inttypes.h>

#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/resource.h"
#include "renderer/ring.h"
#include "renderer/rnd_dispatch.h"
#include "wire/range.h"

/* --- streams --- */

/* A reference to shared memory that [offset, offset + size) lies in; NULL and the context ended
 * otherwise. */
static struct rnd_shm *
get_range(struct rnd_call *call, uint32_t resource_id, uint64_t offset, uint64_t size)
{
    enum rnd_resource_kind kind;
    struct rnd_shm *shm = rnd_resource_table_get(&call->context->resources, resource_id, &kind);
    if (!shm || kind != RND_RESOURCE_SHARED_MEMORY) {
        rnd_call_fail(call, "resource %u is no shared memory", resource_id);
        rnd_shm_unref(shm);
        return NULL;
    }
    if (!wire_range_fits(offset, size, shm->size)) {
        rnd_call_fail(call,
                      "%" PRIu64 " bytes at %" PRIu64 " exceed resource %u of %" PRIu64 " bytes",
                      size, offset, resource_id, shm->size);
        rnd_shm_unref(shm);
        return NULL;
    }
    return shm;
}

void
rnd_do_vkSetReplyCommandStreamMESA(struct rnd_call *call,
                                   struct proto_vkSetReplyCommandStreamMESA *args)
{
    const VkCommandStreamDescriptionMESA *stream = args->pStream;
    struct rnd_shm *shm = get_range(call, stream->resourceId, stream->offset, stream->size);
    if (shm) {
        rnd_stream_set_reply(call->stream, shm, stream->offset, stream->size);
    }
}

void
rnd_do_vkSeekReplyCommandStreamMESA(struct rnd_call *call,
                                    struct proto_vkSeekReplyCommandStreamMESA *args)
{
    if (!rnd_stream_seek_reply(call->stream, args->position)) {
        rnd_call_fail(call, "position %zu is not in the reply stream of %" PRIu64 " bytes",
                      args->position, call->stream->reply.size);
    }
}

static bool
execute_stream(struct rnd_call *call, const VkCommandStreamDescriptionMESA *stream)
{
    struct rnd_shm *shm = get_range(call, stream->resourceId, stream->offset, stream->size);
    if (!shm) {
        return false;
    }
    bool alive =
        rnd_stream_execute_nested(call->stream, call, shm->map + stream->offset, stream->size);
    rnd_shm_unref(shm);
    return alive;
}

void
rnd_do_vkExecuteCommandStreamsMESA(struct rnd_call *call,
                                   struct proto_vkExecuteCommandStreamsMESA *args)
{
    if (call->stream->nested) {
        rnd_call_fail(call, "it stands inside a stream that is being executed");
        return;
    }
    if (args->streamCount == 0 || !args->pStreams) {
        rnd_call_fail(call, "it names no stream");
        return;
    }
    for (uint32_t i = 0; i < args->streamCount; i++) {
        if (args->pReplyPositions &&
            !rnd_stream_seek_reply(call->stream, args->pReplyPositions[i])) {
            rnd_call_fail(call, "stream %u: no reply position %zu", i, args->pReplyPositions[i]);
            return;
        }
        if (args->pStreams[i].size > 0 && !execute_stream(call, &args->pStreams[i])) {
            call->decoder.in->failed = true; /* for a reason that has been told by now */
            return;
        }
    }
}

/* --- rings --- */

static bool
require_context_stream(struct rnd_call *call)
{
    if (call->stream->ring) {
        rnd_call_fail(call, "it belongs on the context's own stream, not on a ring");
        return false;
    }
    return true;
}

struct region {
    const char *name;
    uint64_t offset, size;
};

static bool
check_region(struct rnd_call *call, const VkRingCreateInfoMESA *info, const struct region *region)
{
    if (!wire_range_fits(region->offset, region->size, info->size)) {
        rnd_call_fail(call, "%s of %" PRIu64 " bytes at %" PRIu64 " exceeds the ring's %zu bytes",
                      region->name, region->size, region->offset, info->size);
        return false;
    }
    if ((info->offset + region->offset) % 4 != 0 || region->size % 4 != 0) {
        rnd_call_fail(call, "%s of %" PRIu64 " bytes at %" PRIu64 " is not aligned to 4 bytes",
                      region->name, region->size, region->offset);
        return false;
    }
    return true;
}

static bool
check_regions(struct rnd_call *call, const VkRingCreateInfoMESA *info)
{
    const struct region regions[] = {
        {"head", info->headOffset, 4},
        {"tail", info->tailOffset, 4},
        {"status", info->statusOffset, 4},
        {"buffer", info->bufferOffset, info->bufferSize},
        {"extra", info->extraOffset, info->extraSize},
    };
    for (size_t i = 0; i < BASE_COUNT_OF(regions); i++) {
        if (!check_region(call, info, &regions[i])) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (wire_ranges_overlap(regions[i].offset, regions[i].size, regions[j].offset,
                                    regions[j].size)) {
                rnd_call_fail(call, "%s and %s overlap", regions[j].name, regions[i].name);
                return false;
            }
        }
    }
    if (info->bufferSize == 0 || (info->bufferSize & (info->bufferSize - 1)) != 0 ||
        info->bufferSize > WIRE_RING_MAX_BUFFER_SIZE) {
        rnd_call_fail(call, "a buffer of %zu bytes is no power of two up to %u", info->bufferSize,
                      WIRE_RING_MAX_BUFFER_SIZE);
        return false;
    }
    return true;
}

static bool
read_layout(struct rnd_call *call, const VkRingCreateInfoMESA *info, struct rnd_ring_layout *layout)
{
    *layout = (struct rnd_ring_layout){
        .resource_id = info->resourceId,
        .head = info->offset + info->headOffset,
        .tail = info->offset + info->tailOffset,
        .status = info->offset + info->statusOffset,
        .buffer = info->offset + info->bufferOffset,
        .extra = info->offset + info->extraOffset,
        .buffer_size = (uint32_t)info->bufferSize,
        .extra_size = info->extraSize,
        .idle_timeout_ns = info->idleTimeout,
    };
    const VkRingMonitorInfoMESA *monitor =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA);
    if (monitor) {
        layout->monitor_period_ns = (uint64_t)monitor->maxReportingPeriodMicroseconds * 1000;
        if (layout->monitor_period_ns == 0) {
            rnd_call_fail(call, "a monitor's period of 0 cannot be kept");
            return false;
        }
    }
    layout->futex = rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_RING_WAKE_INFO_VESPER) != NULL;
    if (layout->futex && layout->extra_size < WIRE_RING_EXTRA_WAKE_AT_OFFSET + 4) {
        rnd_call_fail(call,
                      "an extra region of %" PRIu64 " bytes has no room for the wake-up words",
                      layout->extra_size);
        return false;
    }
    return true;
}

static bool
words_are_zero(struct rnd_call *call, const struct rnd_shm *shm,
               const struct rnd_ring_layout *layout)
{
    if (atomic_load((_Atomic uint32_t *)(shm->map + layout->head)) != 0 ||
        atomic_load((_Atomic uint32_t *)(shm->map + layout->status)) != 0) {
        rnd_call_fail(call, "a new ring's head and status are not 0");
        return false;
    }
    return true;
}

static void
start_ring(struct rnd_call *call, uint64_t id, struct rnd_shm *shm,
           const struct rnd_ring_layout *layout)
{
    switch (rnd_ring_create(call->context, id, shm, layout)) {
    case RND_OK:
    case RND_FATAL: break;
    case RND_INVALID:
        rnd_call_fail(call, "ring id %" PRIu64 " is in use, or there are %u rings already", id,
                      RND_MAX_RINGS);
        break;
    case RND_NO_MEMORY: rnd_call_fail(call, "no memory or thread for a ring"); break;
    }
}

void
rnd_do_vkCreateRingMESA(struct rnd_call *call, struct proto_vkCreateRingMESA *args)
{
    const VkRingCreateInfoMESA *info = args->pCreateInfo;
    struct rnd_ring_layout layout;
    if (!require_context_stream(call)) {
        return;
    }
    if (args->ring == 0) {
        rnd_call_fail(call, "a ring's id must not be 0");
        return;
    }
    struct rnd_shm *shm = get_range(call, info->resourceId, info->offset, info->size);
    if (!shm) {
        return;
    }
    if (check_regions(call, info) && read_layout(call, info, &layout) &&
        words_are_zero(call, shm, &layout)) {
        start_ring(call, args->ring, shm, &layout);
    }
    rnd_shm_unref(shm);
}

/* Rings come and go on the context's own stream only, which is where we are: what we find stays. */
static struct rnd_ring *
find_ring(struct rnd_call *call, uint64_t id)
{
    struct rnd_ring *found = NULL;
    if (!require_context_stream(call)) {
        return NULL;
    }
    pthread_mutex_lock(&call->context->rings_lock);
    base_list_for_each (ring, &call->context->rings, struct rnd_ring, link) {
        if (ring->id == id) {
            found = ring;
            break;
        }
    }
    pthread_mutex_unlock(&call->context->rings_lock);
    if (!found) {
        rnd_call_fail(call, "no ring has id %" PRIu64, id);
    }
    return found;
}

void
rnd_do_vkDestroyRingMESA(struct rnd_call *call, struct proto_vkDestroyRingMESA *args)
{
    struct rnd_ring *ring = find_ring(call, args->ring);
    if (!ring) {
        return;
    }
    pthread_mutex_lock(&call->context->rings_lock);
    base_list_remove(&ring->link);
    pthread_mutex_unlock(&call->context->rings_lock);
    rnd_ring_destroy(ring);
}

void
rnd_do_vkNotifyRingMESA(struct rnd_call *call, struct proto_vkNotifyRingMESA *args)
{
    struct rnd_ring *ring = find_ring(call, args->ring);
    if (ring) {
        rnd_ring_notify(ring);
    }
}

void
rnd_do_vkWriteRingExtraMESA(struct rnd_call *call, struct proto_vkWriteRingExtraMESA *args)
{
    struct rnd_ring *ring = find_ring(call, args->ring);
    if (!ring) {
        return;
    }
    if (!wire_range_fits(args->offset, 4, ring->extra_size) || args->offset % 4 != 0) {
        rnd_call_fail(call, "no word at %zu in an extra region of %" PRIu64 " bytes", args->offset,
                      ring->extra_size);
        return;
    }
    atomic_store_explicit((_Atomic uint32_t *)(ring->extra + args->offset), args->value,
                          memory_order_release);
}

void
rnd_do_vkSubmitVirtqueueSeqnoMESA(struct rnd_call *call,
                                  struct proto_vkSubmitVirtqueueSeqnoMESA *args)
{
    struct rnd_ring *ring = find_ring(call, args->ring);
    if (ring) {
        rnd_ring_submit_virtqueue_seqno(ring, args->seqno);
    }
}

/* Waiting for what another ring does, which may be to wait until nobody looks at an object. */
static void
hold_nothing(struct rnd_call *call)
{
    rnd_object_reader_end(&call->context->objects, &call->stream->reader);
}

static void
hold_again(struct rnd_call *call)
{
    rnd_object_reader_begin(&call->context->objects, &call->stream->reader);
}

void
rnd_do_vkWaitVirtqueueSeqnoMESA(struct rnd_call *call, struct proto_vkWaitVirtqueueSeqnoMESA *args)
{
    if (!call->stream->ring) {
        rnd_call_fail(call, "it belongs on a ring, not on the context's own stream");
        return;
    }
    hold_nothing(call);
    bool reached = rnd_ring_wait_virtqueue_seqno(call->stream->ring, args->seqno);
    hold_again(call);
    if (!reached) {
        call->stream->interrupted = true;
        call->decoder.in->failed = true;
    }
}

void
rnd_do_vkWaitRingSeqnoMESA(struct rnd_call *call, struct proto_vkWaitRingSeqnoMESA *args)
{
    struct rnd_ring *ring = find_ring(call, args->ring);
    if (!ring) {
        return;
    }
    hold_nothing(call);
    bool reached = rnd_ring_wait_seqno(ring, (uint32_t)args->seqno);
    hold_again(call);
    if (!reached) {
        rnd_call_fail(call, "ring %" PRIu64 " has nothing more to execute and is short of %u",
                      args->ring, (uint32_t)args->seqno);
    }
}
