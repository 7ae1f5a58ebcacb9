/* Driver and renderer in one process, for tests: no socket, and one debugger sees both sides. The
 * renderer must not load the application's Vulkan loader, which would load us: VESPER_HOST_DRIVER
 * names the host driver. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/context.h"
#include "transport/transport.h"

struct loopback {
    struct tp_transport base;
    struct rnd_context *context;
    _Atomic uint32_t last_resource_id;

    pthread_mutex_t submitting; /* the context's stream has one order */
};

static struct loopback *
loopback_from(struct tp_transport *transport)
{
    return (struct loopback *)transport;
}

static void
destroy(struct tp_transport *transport)
{
    struct loopback *loopback = loopback_from(transport);

    rnd_context_destroy(loopback->context);
    pthread_mutex_destroy(&loopback->submitting);
    free(loopback);
}

static enum tp_result
submit(struct tp_transport *transport, const void *commands, size_t size)
{
    struct loopback *loopback = loopback_from(transport);

    pthread_mutex_lock(&loopback->submitting);
    enum rnd_result res = rnd_context_submit(loopback->context, commands, size);
    pthread_mutex_unlock(&loopback->submitting);
    return res == RND_OK ? TP_OK : TP_LOST;
}

static enum tp_result
create_blob(struct loopback *loopback, uint64_t blob_id, uint64_t size, uint32_t flags,
            struct tp_blob *out)
{
    struct tp_blob blob = {
        .resource_id = atomic_fetch_add(&loopback->last_resource_id, 1) + 1,
        .size = size,
    };
    struct rnd_blob handed;
    enum rnd_result res =
        rnd_context_create_blob(loopback->context, blob.resource_id, blob_id, size, flags, &handed);

    if (res != RND_OK) {
        return res == RND_NO_MEMORY ? TP_NO_MEMORY : TP_LOST;
    }
    blob.fd = handed.fd;
    if (flags & TP_BLOB_MAPPABLE) {
        blob.map = base_fd_map(blob.fd, (size_t)size);
        if (!blob.map) {
            rnd_context_unref_resource(loopback->context, blob.resource_id);
            base_fd_close(&blob.fd);
            return TP_NO_MEMORY;
        }
    }
    if (!(flags & TP_BLOB_SHAREABLE)) {
        base_fd_close(&blob.fd);
    }
    *out = blob;
    return TP_OK;
}

static enum tp_result
create_shared_memory(struct tp_transport *transport, uint64_t size, struct tp_blob *out)
{
    return create_blob(loopback_from(transport), 0, size, TP_BLOB_MAPPABLE, out);
}

static enum tp_result
create_memory_blob(struct tp_transport *transport, uint64_t blob_id, uint64_t size, uint32_t flags,
                   struct tp_blob *out)
{
    return create_blob(loopback_from(transport), blob_id, size, flags, out);
}

static enum tp_result
import_fd(struct tp_transport *transport, const struct tp_fd *memory, uint32_t flags,
          struct tp_blob *out)
{
    static const enum rnd_fd_kind kinds[] = {
        [TP_FD_OPAQUE] = RND_FD_OPAQUE,
        [TP_FD_DMA_BUF] = RND_FD_DMA_BUF,
        [TP_FD_PAGES] = RND_FD_SHARED_MEMORY,
    };
    struct loopback *loopback = loopback_from(transport);
    struct tp_blob blob = {
        .resource_id = atomic_fetch_add(&loopback->last_resource_id, 1) + 1,
        .size = memory->size,
        .fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0),
    };
    if (blob.fd == -1) {
        return TP_REFUSED;
    }
    if (flags & TP_BLOB_MAPPABLE) {
        blob.map = base_fd_map(blob.fd, (size_t)blob.size);
    }
    const struct rnd_fd import = {
        .kind = kinds[memory->kind],
        .fd = memory->fd,
        .offset = memory->offset,
        .size = memory->size,
    };
    enum rnd_result res = rnd_context_import(loopback->context, blob.resource_id, &import);
    if (res != RND_OK || (flags & TP_BLOB_MAPPABLE && !blob.map)) {
        rnd_context_unref_resource(loopback->context, blob.resource_id);
        base_fd_unmap(blob.map, (size_t)blob.size);
        base_fd_close(&blob.fd);
        return res == RND_FATAL ? TP_LOST : TP_REFUSED;
    }
    *out = blob;
    return TP_OK;
}

static enum tp_result
export_fd(struct tp_transport *transport, const struct tp_blob *blob, int *out_fd)
{
    int fd = fcntl(blob->fd, F_DUPFD_CLOEXEC, 0);

    if (fd == -1) {
        return TP_NO_MEMORY;
    }
    *out_fd = fd;
    return TP_OK;
}

static bool
place(struct tp_transport *transport, const struct tp_blob *blob, size_t offset, size_t size,
      void *address)
{
    return base_fd_map_again((uint8_t *)blob->map + offset, size, address);
}

static void
destroy_blob(struct tp_transport *transport, struct tp_blob *blob)
{
    if (blob->resource_id != 0) {
        base_fd_unmap(blob->map, (size_t)blob->size);
        base_fd_close(&blob->fd);
        rnd_context_unref_resource(loopback_from(transport)->context, blob->resource_id);
    }
    *blob = (struct tp_blob){0};
}

static bool
alive(struct tp_transport *transport)
{
    return !rnd_context_is_fatal(loopback_from(transport)->context);
}

static const struct tp_ops loopback_ops = {
    .name = "loopback",
    .destroy = destroy,
    .submit = submit,
    .create_shared_memory = create_shared_memory,
    .create_memory_blob = create_memory_blob,
    .import_fd = import_fd,
    .export_fd = export_fd,
    .place = place,
    .destroy_blob = destroy_blob,
    .alive = alive,
};

/* This transport asks for no fences: drivers wait on what the renderer publishes. */
static void
ignore_fence(void *user, uint32_t ring_idx, uint64_t fence_id)
{
}

enum tp_result
tp_loopback_create(struct tp_transport **out)
{
    if (!getenv("VESPER_HOST_DRIVER")) {
        base_log_error("loopback: VESPER_HOST_DRIVER must name the library of a host driver: the "
                       "Vulkan loader of this process is the application's, and would load us");
        return TP_LOST;
    }
    struct loopback *loopback = calloc(1, sizeof(*loopback));

    if (!loopback) {
        return TP_NO_MEMORY;
    }
    loopback->base.ops = &loopback_ops;
    loopback->base.same_kernel = true;
    loopback->base.takes_fds = true;
    loopback->base.takes_pages = true;
    rnd_context_get_capset(&loopback->base.capset);
    loopback->context = rnd_context_create(
        &(struct rnd_context_info){.name = "loopback", .fence_retired = ignore_fence});
    if (!loopback->context) {
        free(loopback);
        return TP_NO_MEMORY;
    }
    pthread_mutex_init(&loopback->submitting, NULL);
    *out = &loopback->base;
    return TP_OK;
}
