#include "virglabi/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "virglabi/context.h"
#include "virglabi/image.h"
#include "virglabi/library.h"
#include "wire/range.h"
#include "wire/ring.h"

struct abi_resource *
abi_resource_find(uint32_t id)
{
    return id ? base_table_find(&abi.resources, id) : NULL;
}

static struct abi_resource *
create_resource(uint32_t id)
{
    struct abi_resource *resource = calloc(1, sizeof(*resource));

    if (resource) {
        resource->id = id;
        resource->fd = -1;
    }
    return resource;
}

static void
free_resource(struct abi_resource *resource)
{
    abi_resource_unmap(resource);
    abi_image_destroy(resource->image);
    base_fd_close(&resource->fd);
    free(resource->attached);
    free(resource);
}

/* Frees the resource on failure. */
static int
add_resource(struct abi_resource *resource)
{
    pthread_mutex_lock(&abi.lock);
    bool added = base_table_insert(&abi.resources, resource->id, resource);
    pthread_mutex_unlock(&abi.lock);
    if (!added) {
        free_resource(resource);
        return ENOMEM;
    }
    return 0;
}

void
abi_resource_destroy(struct abi_resource *resource)
{
    pthread_mutex_lock(&abi.lock);
    base_table_remove(&abi.resources, resource->id);
    pthread_mutex_unlock(&abi.lock);
    while (resource->attached_count > 0) {
        abi_resource_detach(resource, resource->attached[resource->attached_count - 1]);
    }
    free_resource(resource);
}

/* --- images --- */

int
abi_resource_create_image(const struct virgl_renderer_resource_create_args *args, struct iovec *iov,
                          uint32_t iov_count)
{
    struct abi_resource *resource = create_resource(args->handle);

    if (!resource) {
        return ENOMEM;
    }
    int error = abi_image_create(args, &resource->image);
    if (error) {
        free_resource(resource);
        return error;
    }
    if (iov && iov_count > 0) {
        resource->iov = iov;
        resource->iov_count = (int)iov_count;
    }
    return add_resource(resource);
}

/* --- who knows a blob --- */

static size_t
find_attached(const struct abi_resource *resource, uint32_t context_id)
{
    size_t i = 0;

    while (i < resource->attached_count && resource->attached[i] != context_id) {
        i++;
    }
    return i;
}

static bool
note_attached(struct abi_resource *resource, uint32_t context_id)
{
    uint32_t *more =
        realloc(resource->attached, (resource->attached_count + 1) * sizeof(resource->attached[0]));

    if (more) {
        resource->attached = more;
        resource->attached[resource->attached_count++] = context_id;
    }
    return more != NULL;
}

/* --- blobs --- */

/* What the guest will touch must be there, and stay: a file that shrinks under a mapping kills the
 * machine with SIGBUS. */
static bool
is_sound_memory(const struct abi_context *ctx, const struct wire_render_blob *blob, int fd,
                uint64_t size)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (blob->fd_type == VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE) {
        return true; /* nobody maps it */
    }
    if (end < 0 || (uint64_t)end < size) {
        base_log_error("%s: its worker gave memory of %jd bytes for a blob of %" PRIu64, ctx->label,
                       (intmax_t)end, size);
        return false;
    }
    if (blob->fd_type != VIRGL_RENDERER_BLOB_FD_TYPE_SHM) {
        return true;
    }
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals == -1 || (!(seals & F_SEAL_SHRINK) && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0) ||
        (seals & F_SEAL_WRITE)) {
        base_log_error("%s: its worker gave memory that cannot be sealed against shrinking, or "
                       "that cannot be written",
                       ctx->label);
        return false;
    }
    return true;
}

static int
fill_from_context(struct abi_resource *resource,
                  const struct virgl_renderer_resource_create_blob_args *args)
{
    struct abi_context *ctx = abi_context_find(args->ctx_id);
    struct wire_render_create_blob request = {
        .command = WIRE_RENDER_CREATE_BLOB,
        .resource_id = args->res_handle,
        .flags = args->blob_flags,
        .blob_id = args->blob_id,
        .size = args->size,
    };
    struct wire_render_blob blob;

    if (!ctx || !ctx->page) {
        return EINVAL;
    }
    int error = abi_context_create_blob(ctx, &request, &blob, &resource->fd);
    if (error) {
        base_log_warn("%s: no blob of %" PRIu64 " bytes for id %" PRIu64 ", flags %#x: %s",
                      ctx->label, args->size, args->blob_id, args->blob_flags,
                      error == EIO      ? "the context is dead"
                      : error == ENOMEM ? "out of memory or descriptors"
                                        : "not an id, size or flags that can be had");
        return error == ENOMEM ? ENOMEM : EPERM;
    }
    resource->context_id = ctx->id;
    resource->fd_type = blob.fd_type;
    resource->map_info = blob.map_info & VIRGL_RENDERER_MAP_CACHE_MASK;
    if (!is_sound_memory(ctx, &blob, resource->fd, args->size) ||
        !note_attached(resource, ctx->id)) {
        abi_context_unref_blob(ctx, args->res_handle);
        return EPERM;
    }
    return 0;
}

static uint64_t
total_of(const struct iovec *iov, uint32_t count)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < count; i++) {
        total += iov[i].iov_len;
    }
    return total;
}

static int
fill_from_guest(struct abi_resource *resource,
                const struct virgl_renderer_resource_create_blob_args *args)
{
    if (total_of(args->iovecs, args->iovecs ? args->num_iovs : 0) < args->size) {
        return EINVAL;
    }
    resource->iov = (struct iovec *)args->iovecs;
    resource->iov_count = (int)args->num_iovs;
    resource->map_info = VIRGL_RENDERER_MAP_CACHE_CACHED;
    return 0;
}

int
abi_resource_create_blob(const struct virgl_renderer_resource_create_blob_args *args)
{
    bool has_host = args->blob_mem == VIRGL_RENDERER_BLOB_MEM_HOST3D ||
                    args->blob_mem == VIRGL_RENDERER_BLOB_MEM_HOST3D_GUEST;
    bool has_guest = args->blob_mem == VIRGL_RENDERER_BLOB_MEM_GUEST ||
                     args->blob_mem == VIRGL_RENDERER_BLOB_MEM_HOST3D_GUEST;
    int error = 0;

    if ((!has_host && !has_guest) || args->res_handle == 0 || args->size == 0 ||
        (!has_guest && args->num_iovs > 0) || abi_resource_find(args->res_handle)) {
        return EINVAL;
    }
    struct abi_resource *resource = create_resource(args->res_handle);
    if (!resource) {
        return ENOMEM;
    }
    resource->size = args->size;
    if (has_guest) {
        error = fill_from_guest(resource, args);
    }
    if (!error && has_host) {
        error = fill_from_context(resource, args);
    }
    if (error) {
        free_resource(resource);
        return error;
    }
    return add_resource(resource);
}

int
abi_resource_import_blob(const struct virgl_renderer_resource_import_blob_args *args)
{
    bool known_memory = args->blob_mem == VIRGL_RENDERER_BLOB_MEM_HOST3D ||
                        args->blob_mem == VIRGL_RENDERER_BLOB_MEM_GUEST_VRAM;
    bool known_fd = args->fd_type >= VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF &&
                    args->fd_type <= VIRGL_RENDERER_BLOB_FD_TYPE_SHM;

    if (!known_memory || !known_fd || args->fd < 0 || args->size == 0 || args->res_handle == 0 ||
        abi_resource_find(args->res_handle)) {
        return EINVAL;
    }
    struct abi_resource *resource = create_resource(args->res_handle);
    if (!resource) {
        return ENOMEM;
    }
    resource->fd = args->fd;
    resource->fd_type = args->fd_type;
    resource->size = args->size;
    int given = args->fd;
    pthread_mutex_lock(&abi.lock);
    bool added = base_table_insert(&abi.resources, resource->id, resource);
    pthread_mutex_unlock(&abi.lock);
    if (!added) {
        resource->fd = -1; /* `given` stays the caller's */
        free_resource(resource);
        return given >= 0 ? ENOMEM : EINVAL;
    }
    return 0;
}

void
abi_resource_attach(struct abi_resource *resource, uint32_t context_id)
{
    struct abi_context *ctx = abi_context_find(context_id);

    /* Nobody asks for guest pages, and images are not the renderer's. */
    if (!ctx || !ctx->page || resource->fd == -1 ||
        find_attached(resource, context_id) < resource->attached_count) {
        return;
    }
    struct wire_render_import_blob request = {
        .command = WIRE_RENDER_IMPORT_BLOB,
        .resource_id = resource->id,
        .fd_type = resource->fd_type,
        .size = resource->size,
    };
    if (note_attached(resource, context_id)) {
        (void)!abi_context_import_blob(ctx, &request, resource->fd);
    }
}

static void
tell_detached(const struct abi_resource *resource, uint32_t context_id)
{
    struct abi_context *ctx = abi_context_find(context_id);

    if (ctx && ctx->page) {
        abi_context_unref_blob(ctx, resource->id);
    }
}

void
abi_resource_detach(struct abi_resource *resource, uint32_t context_id)
{
    size_t i = find_attached(resource, context_id);

    if (i < resource->attached_count) {
        resource->attached[i] = resource->attached[--resource->attached_count];
        tell_detached(resource, context_id);
    }
}

/* --- mapping --- */

static bool
is_mappable(const struct abi_resource *resource)
{
    return resource->fd != -1 && (resource->fd_type == VIRGL_RENDERER_BLOB_FD_TYPE_SHM ||
                                  resource->fd_type == VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF);
}

int
abi_resource_map(struct abi_resource *resource)
{
    if (resource->map || resource->size > SIZE_MAX || !is_mappable(resource)) {
        return EINVAL;
    }
    resource->map = base_fd_map(resource->fd, (size_t)resource->size);
    return resource->map ? 0 : errno;
}

void
abi_resource_unmap(struct abi_resource *resource)
{
    base_fd_unmap(resource->map, (size_t)resource->size);
    resource->map = NULL;
}

int
abi_resource_map_fixed(struct abi_resource *resource, void *address)
{
    if (!is_mappable(resource) || resource->size > SIZE_MAX) {
        return EOPNOTSUPP;
    }
    if (mmap(address, (size_t)resource->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
             resource->fd, 0) == MAP_FAILED) {
        int error = errno;
        base_log_warn("resource %u cannot be mapped at %p: %s%s", resource->id, address,
                      strerror(error),
                      error == EINVAL ? "; the host's pages may be larger than the guest's" : "");
        return error;
    }
    return 0;
}

void
abi_resource_set_ring_fatal(uint32_t context_id, uint32_t resource_id, uint32_t offset)
{
    struct abi_resource *resource = abi_resource_find(resource_id);

    if (!resource || resource->context_id != context_id || offset % 4 != 0 ||
        resource->fd_type != VIRGL_RENDERER_BLOB_FD_TYPE_SHM ||
        !wire_range_fits(offset, sizeof(uint32_t), resource->size)) {
        return;
    }
    uint8_t *map = base_fd_map(resource->fd, (size_t)resource->size);
    if (map) {
        atomic_fetch_or((_Atomic uint32_t *)(map + offset), WIRE_RING_STATUS_FATAL);
        base_fd_unmap(map, (size_t)resource->size);
    }
}
