#include "renderer/context.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "protocol/runtime/caps.h"
#include "renderer/context_impl.h"
#include "renderer/memory.h"
#include "renderer/queue.h"
#include "renderer/ring.h"
#include "renderer/teardown.h"

void
rnd_context_get_capset(struct wire_capset *out)
{
    proto_caps_fill_capset(out, WIRE_FEATURE_RING_FUTEX | WIRE_FEATURE_SYNC_FEEDBACK |
                                    WIRE_FEATURE_PEER_INFO | WIRE_FEATURE_EXTERNAL_MEMORY |
                                    WIRE_FEATURE_PAGES_AT_OFFSET);
}

struct rnd_context *
rnd_context_create(const struct rnd_context_info *info)
{
    struct rnd_context *ctx = calloc(1, sizeof(*ctx));
    if (!ctx) {
        return NULL;
    }
    ctx->info = *info;
    ctx->info.name = strdup(info->name ? info->name : "unnamed");
    if (!ctx->info.name) {
        free(ctx);
        return NULL;
    }
    rnd_budget_init(&ctx->budget);
    rnd_object_table_init(&ctx->objects);
    rnd_resource_table_init(&ctx->resources);
    rnd_timelines_init(&ctx->timelines);
    pthread_mutex_init(&ctx->submit_lock, NULL);
    pthread_mutex_init(&ctx->rings_lock, NULL);
    pthread_mutex_init(&ctx->instance_lock, NULL);
    base_cond_init(&ctx->monitor_wake);
    base_list_init(&ctx->rings);
    rnd_stream_init(&ctx->stream, ctx, NULL);
    base_log_info("context %s: created", ctx->info.name);
    return ctx;
}

/* The rings stop together, so that none waits for the command another is in. */
static void
destroy_rings(struct rnd_context *ctx)
{
    struct base_list rings;
    base_list_init(&rings);

    pthread_mutex_lock(&ctx->rings_lock);
    base_list_for_each_safe (ring, &ctx->rings, struct rnd_ring, link) {
        rnd_ring_stop(ring);
        base_list_remove(&ring->link);
        base_list_push(&rings, &ring->link);
    }
    pthread_mutex_unlock(&ctx->rings_lock);

    base_list_for_each_safe (ring, &rings, struct rnd_ring, link) {
        base_list_remove(&ring->link);
        rnd_ring_destroy(ring);
    }
}

void
rnd_context_destroy(struct rnd_context *ctx)
{
    if (!ctx) {
        return;
    }
    rnd_ring_monitor_stop(ctx);
    destroy_rings(ctx);
    rnd_teardown_rest(ctx);
    rnd_stream_finish(&ctx->stream);
    rnd_timelines_finish(&ctx->timelines);
    rnd_resource_table_finish(&ctx->resources);
    rnd_object_table_finish(&ctx->objects);
    pthread_cond_destroy(&ctx->monitor_wake);
    pthread_mutex_destroy(&ctx->instance_lock);
    pthread_mutex_destroy(&ctx->rings_lock);
    pthread_mutex_destroy(&ctx->submit_lock);
    base_log_info("context %s: destroyed", ctx->info.name);
    free((char *)ctx->info.name);
    free(ctx);
}

bool
rnd_context_is_fatal(const struct rnd_context *ctx)
{
    return atomic_load_explicit(&ctx->fatal, memory_order_relaxed);
}

void
rnd_context_fail_va(struct rnd_context *ctx, const char *format, va_list args)
{
    if (atomic_exchange(&ctx->fatal, true)) {
        return; /* the first reason is the one to tell */
    }
    char reason[256];
    vsnprintf(reason, sizeof(reason), format, args);
    base_log_warn("context %s: %s; the context is closed", ctx->info.name, reason);

    pthread_mutex_lock(&ctx->rings_lock);
    base_list_for_each (ring, &ctx->rings, struct rnd_ring, link) {
        rnd_ring_set_fatal(ring);
    }
    pthread_cond_signal(&ctx->monitor_wake);
    pthread_mutex_unlock(&ctx->rings_lock);

    if (ctx->info.fatal) {
        ctx->info.fatal(ctx->info.user, reason);
    }
}

void
rnd_context_fail(struct rnd_context *ctx, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    rnd_context_fail_va(ctx, format, args);
    va_end(args);
}

enum rnd_result
rnd_context_submit(struct rnd_context *ctx, const void *commands, size_t size)
{
    pthread_mutex_lock(&ctx->submit_lock);
    bool alive = rnd_stream_execute(&ctx->stream, commands, size, NULL, NULL);
    pthread_mutex_unlock(&ctx->submit_lock);
    return alive ? RND_OK : RND_FATAL;
}

enum rnd_result
rnd_context_create_fence(struct rnd_context *ctx, uint32_t ring_idx, uint64_t fence_id)
{
    if (rnd_context_is_fatal(ctx)) {
        return RND_FATAL;
    }
    if (ring_idx == 0) {
        ctx->info.fence_retired(ctx->info.user, ring_idx, fence_id);
        return RND_OK;
    }
    enum rnd_result result = RND_INVALID;
    pthread_mutex_lock(&ctx->timelines.lock);
    struct rnd_queue *queue =
        ring_idx < WIRE_MAX_TIMELINES ? ctx->timelines.queues[ring_idx] : NULL;
    if (queue) {
        result = rnd_queue_add_timeline_fence(queue, fence_id);
    }
    pthread_mutex_unlock(&ctx->timelines.lock);
    return result;
}

enum rnd_result
rnd_context_export_fence(struct rnd_context *ctx, uint32_t ring_idx, uint64_t fence_id, int *out_fd)
{
    enum rnd_result result = RND_INVALID;
    pthread_mutex_lock(&ctx->timelines.lock);
    struct rnd_queue *queue =
        ring_idx < WIRE_MAX_TIMELINES ? ctx->timelines.queues[ring_idx] : NULL;
    if (queue) {
        result = rnd_queue_export_fence(queue, fence_id, out_fd);
    }
    pthread_mutex_unlock(&ctx->timelines.lock);
    return result;
}

/* --- resources --- */

static enum rnd_result
create_shared_memory(struct rnd_context *ctx, uint32_t resource_id, uint64_t size, uint32_t flags,
                     struct rnd_shm **out)
{
    if (size == 0 || flags != RND_BLOB_MAPPABLE) {
        return RND_INVALID;
    }
    struct rnd_shm *shm =
        rnd_budget_charge(&ctx->budget, &ctx->budget.shared, ctx->info.name, "shared memory", size)
            ? rnd_shm_create("vesper-shm", size, 1, &ctx->budget.shared)
            : NULL;
    if (!shm) {
        return RND_NO_MEMORY;
    }
    enum rnd_result result =
        rnd_resource_table_add(&ctx->resources, resource_id, RND_RESOURCE_SHARED_MEMORY, shm);
    if (result != RND_OK) {
        rnd_shm_unref(shm);
        return result;
    }
    *out = shm;
    return RND_OK;
}

static enum rnd_result
share_memory(struct rnd_context *ctx, uint32_t resource_id, uint64_t memory_id, uint64_t size,
             uint32_t flags, struct rnd_shm **out, enum rnd_map_caching *caching)
{
    struct rnd_shm *shm;
    enum rnd_result result = rnd_memory_take(ctx, memory_id, size, flags, &shm, caching);
    if (result != RND_OK) {
        return result;
    }
    result = rnd_resource_table_add(&ctx->resources, resource_id, RND_RESOURCE_DEVICE_MEMORY, shm);
    if (result != RND_OK) {
        rnd_shm_unref(shm);
        return result;
    }
    *out = shm;
    return RND_OK;
}

static enum rnd_result
create_blob(struct rnd_context *ctx, uint32_t resource_id, uint64_t blob_id, uint64_t size,
            uint32_t flags, struct rnd_blob *out)
{
    struct rnd_shm *shm;
    struct rnd_blob blob = {.caching = RND_MAP_CACHED};
    enum rnd_result result =
        blob_id == 0 ? create_shared_memory(ctx, resource_id, size, flags, &shm)
                     : share_memory(ctx, resource_id, blob_id, size, flags, &shm, &blob.caching);
    if (result != RND_OK) {
        return result;
    }
    blob.kind = shm->kind;
    blob.fd = rnd_shm_take_fd(shm);
    rnd_shm_unref(shm);
    if (blob.fd < 0) {
        rnd_resource_table_remove(&ctx->resources, resource_id);
        return RND_NO_MEMORY;
    }
    *out = blob;
    return RND_OK;
}

enum rnd_result
rnd_context_create_blob(struct rnd_context *ctx, uint32_t resource_id, uint64_t blob_id,
                        uint64_t size, uint32_t flags, struct rnd_blob *out)
{
    if (rnd_context_is_fatal(ctx)) {
        return RND_FATAL;
    }
    enum rnd_result result = create_blob(ctx, resource_id, blob_id, size, flags, out);
    if (result != RND_OK) {
        base_log_warn("context %s: no blob of %" PRIu64 " bytes for id %" PRIu64 ", flags %#x: %s",
                      ctx->info.name, size, blob_id, flags,
                      result == RND_NO_MEMORY ? "out of memory or descriptors"
                                              : "not a size, id or flags that can be had");
    }
    return result;
}

static enum rnd_result
import(struct rnd_context *ctx, uint32_t resource_id, const struct rnd_fd *memory)
{
    /* Dma-bufs know their size, which nobody needs to be told. */
    uint64_t size = memory->kind == RND_FD_DMA_BUF ? 0 : memory->size;
    if ((memory->kind != RND_FD_DMA_BUF && size == 0) ||
        (memory->kind != RND_FD_SHARED_MEMORY && memory->offset != 0)) {
        return RND_INVALID;
    }
    int own_fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd < 0) {
        return errno == EBADF ? RND_INVALID : RND_NO_MEMORY;
    }
    struct rnd_shm *shm = rnd_shm_wrap_or_close(own_fd, memory->kind, size);
    if (!shm) {
        return RND_INVALID;
    }
    shm->offset = memory->offset;
    enum rnd_result result =
        rnd_resource_table_add(&ctx->resources, resource_id, RND_RESOURCE_DEVICE_MEMORY, shm);
    rnd_shm_unref(shm);
    return result;
}

enum rnd_result
rnd_context_import(struct rnd_context *ctx, uint32_t resource_id, const struct rnd_fd *memory)
{
    if (rnd_context_is_fatal(ctx)) {
        return RND_FATAL;
    }
    enum rnd_result result = import(ctx, resource_id, memory);
    if (result != RND_OK) {
        base_log_warn("context %s: no resource of a descriptor of %" PRIu64 " bytes at %" PRIu64
                      ": %s",
                      ctx->info.name, memory->size, memory->offset,
                      result == RND_NO_MEMORY ? "out of memory or descriptors"
                                              : "not an id, kind, offset or size that can be had");
    }
    return result;
}

void
rnd_context_unref_resource(struct rnd_context *ctx, uint32_t resource_id)
{
    rnd_resource_table_remove(&ctx->resources, resource_id);
}
