/* Contexts, submissions, blobs and fences: each is one request of the kernel, which serialises
 * them. So there is no lock here. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "transport/virtgpu/kernel.h"
#include "transport/virtgpu/virtgpu.h"
#include "wire/capset.h"

enum {
    BLOB_ALIGNMENT = 4096, /* of sizes: the host's renderers share memory in whole pages */
};

static struct virtgpu *
virtgpu_from(struct tp_transport *transport)
{
    return (struct virtgpu *)transport;
}

/* The kernel has nothing to say about a VMM that goes wrong. What it refuses for no reason of ours
 * means that the context is gone. */
static enum tp_result
lose(struct virtgpu *virtgpu, const char *doing)
{
    int error = errno;

    if (!atomic_exchange(&virtgpu->lost, true)) {
        base_log_error("%s: the kernel refuses %s: %s", virtgpu->path, doing, strerror(error));
    }
    return TP_LOST;
}

static void
destroy(struct tp_transport *transport)
{
    struct virtgpu *virtgpu = virtgpu_from(transport);

    base_fd_close(&virtgpu->fd);
    base_table_finish(&virtgpu->handles);
    pthread_mutex_destroy(&virtgpu->handles_lock);
    free(virtgpu);
}

static bool
is_lost(struct virtgpu *virtgpu)
{
    return atomic_load_explicit(&virtgpu->lost, memory_order_relaxed);
}

static enum tp_result
execute(struct virtgpu *virtgpu, struct kernel_exec *request)
{
    if (is_lost(virtgpu)) {
        return TP_LOST;
    }
    if (drmIoctl(virtgpu->fd, KERNEL_EXEC, request) == 0) {
        return TP_OK;
    }
    return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? TP_NO_MEMORY
                                                                 : lose(virtgpu, "a submission");
}

static enum tp_result
submit(struct tp_transport *transport, const void *commands, size_t size)
{
    struct kernel_exec request = {
        .flags = KERNEL_EXEC_RING_INDEX,
        .size = (uint32_t)size,
        .command = (uintptr_t)commands,
    };

    assert(size % sizeof(uint32_t) == 0);
    return execute(virtgpu_from(transport), &request);
}

static enum tp_result
submit_fenced(struct tp_transport *transport, const void *commands, size_t size, uint32_t timeline,
              int *out_fd)
{
    struct kernel_exec request = {
        .flags = KERNEL_EXEC_RING_INDEX | KERNEL_EXEC_FENCE_OUT,
        .size = (uint32_t)size,
        .command = (uintptr_t)commands,
        .fence_fd = -1,
        .ring_index = timeline,
    };

    assert(size % sizeof(uint32_t) == 0 && timeline < WIRE_MAX_TIMELINES);
    enum tp_result res = execute(virtgpu_from(transport), &request);
    if (res == TP_OK) {
        *out_fd = request.fence_fd;
    }
    return res;
}

/* Blobs that can be mapped share a window of the device, which the VMM's user sized. */
static enum tp_result
explain_no_blob(struct virtgpu *virtgpu, uint64_t size)
{
    int error = errno;

    if (error == ENOSPC) {
        base_log_error("%s: no room for %" PRIu64 " KiB in the window for host memory, which has "
                       "%" PRIu64 " MiB: give the device a larger one (QEMU's hostmem=SIZE, 4G or "
                       "8G; crosvm's --gpu pci-bar-size=BYTES)",
                       virtgpu->path, size >> 10, virtgpu->window >> 20);
        return TP_NO_DEVICE_MEMORY;
    }
    if (error == ENOMEM) {
        return TP_NO_MEMORY;
    }
    return lose(virtgpu, "a blob");
}

/* --- handles: counted, since all imports of an object in this connection share one --- */

static void
close_handle_locked(struct virtgpu *virtgpu, uint32_t handle)
{
    struct drm_gem_close request = {.handle = handle};

    (void)drmIoctl(virtgpu->fd, DRM_IOCTL_GEM_CLOSE, &request);
}

/* One blob more has the handle. False: out of memory, and the handle is closed if it was new. */
static bool
hold_handle_locked(struct virtgpu *virtgpu, uint32_t handle)
{
    uintptr_t count = (uintptr_t)base_table_remove(&virtgpu->handles, handle);

    if (base_table_insert(&virtgpu->handles, handle, (void *)(count + 1))) {
        return true;
    }
    /* Cannot be unless it is new: what was just removed has left its room. */
    close_handle_locked(virtgpu, handle);
    return false;
}

static void
release_handle(struct virtgpu *virtgpu, uint32_t handle)
{
    pthread_mutex_lock(&virtgpu->handles_lock);
    uintptr_t count = (uintptr_t)base_table_remove(&virtgpu->handles, handle);
    if (count <= 1 || !base_table_insert(&virtgpu->handles, handle, (void *)(count - 1))) {
        close_handle_locked(virtgpu, handle);
    }
    pthread_mutex_unlock(&virtgpu->handles_lock);
}

/* --- blobs --- */

/* The kernel's request; the handle is held. */
static enum tp_result
request_blob(struct virtgpu *virtgpu, struct kernel_create_blob *request)
{
    enum tp_result res = TP_OK;

    pthread_mutex_lock(&virtgpu->handles_lock);
    if (drmIoctl(virtgpu->fd, KERNEL_CREATE_BLOB, request) != 0) {
        res = explain_no_blob(virtgpu, request->size);
    } else if (!hold_handle_locked(virtgpu, request->handle)) {
        res = TP_NO_MEMORY;
    }
    pthread_mutex_unlock(&virtgpu->handles_lock);
    return res;
}

/* Instead of whatever lies at `address`, or anywhere if it is NULL. NULL: errno says why. */
static void *
map_part(struct virtgpu *virtgpu, uint32_t handle, size_t offset, size_t size, void *address)
{
    struct kernel_map request = {.handle = handle};

    if (drmIoctl(virtgpu->fd, KERNEL_MAP, &request) != 0) {
        return NULL;
    }
    void *map = mmap(address, size, PROT_READ | PROT_WRITE, MAP_SHARED | (address ? MAP_FIXED : 0),
                     virtgpu->fd, (off_t)(request.offset + offset));
    return map == MAP_FAILED ? NULL : map;
}

/* Waits until the host has answered the request to map the blob, which the kernel sent with its
 * creation. */
static void *
map_blob(struct virtgpu *virtgpu, uint32_t handle, uint64_t size)
{
    return map_part(virtgpu, handle, 0, (size_t)size, NULL);
}

/* What may leave may come to another virtio device, a camera's or a compositor's, for instance. */
static uint32_t
kernel_flags(const struct virtgpu *virtgpu, uint32_t flags)
{
    bool cross = virtgpu->cross_device && flags & TP_BLOB_SHAREABLE;
    return cross ? flags | KERNEL_BLOB_USE_CROSS_DEVICE : flags;
}

static enum tp_result
create_blob(struct virtgpu *virtgpu, uint64_t blob_id, uint64_t size, uint32_t flags,
            struct tp_blob *out)
{
    struct kernel_create_blob request = {
        .blob_mem = KERNEL_BLOB_HOST3D,
        .blob_flags = kernel_flags(virtgpu, flags),
        .size = (size + BLOB_ALIGNMENT - 1) & ~(uint64_t)(BLOB_ALIGNMENT - 1),
        .blob_id = blob_id,
    };
    void *map = NULL;

    if (size == 0 || size > SIZE_MAX / 2) {
        return TP_NO_MEMORY;
    }
    if (is_lost(virtgpu)) {
        return TP_LOST;
    }
    enum tp_result res = request_blob(virtgpu, &request);
    if (res != TP_OK) {
        return res;
    }
    if (flags & TP_BLOB_MAPPABLE) {
        map = map_blob(virtgpu, request.handle, request.size);
        if (!map) {
            base_log_error("%s: %" PRIu64 " KiB of host memory cannot be mapped (%s): the VMM's "
                           "log tells why",
                           virtgpu->path, request.size >> 10, strerror(errno));
            release_handle(virtgpu, request.handle);
            return TP_NO_MEMORY;
        }
    }
    *out = (struct tp_blob){
        .resource_id = request.resource_id,
        .handle = request.handle,
        .fd = -1,
        .map = map,
        .size = request.size,
    };
    return TP_OK;
}

static enum tp_result
create_shared_memory(struct tp_transport *transport, uint64_t size, struct tp_blob *out)
{
    return create_blob(virtgpu_from(transport), 0, size, TP_BLOB_MAPPABLE, out);
}

static enum tp_result
create_memory_blob(struct tp_transport *transport, uint64_t blob_id, uint64_t size, uint32_t flags,
                   struct tp_blob *out)
{
    return create_blob(virtgpu_from(transport), blob_id, size, flags, out);
}

/* The handle of the object behind a dma-buf, held. Only what this device has made for Venus is of
 * use: the host would not know anything else by a resource. */
static enum tp_result
import_handle(struct virtgpu *virtgpu, int fd, struct kernel_resource_info *out)
{
    enum tp_result res = TP_REFUSED;
    uint32_t handle;

    pthread_mutex_lock(&virtgpu->handles_lock);
    if (drmPrimeFDToHandle(virtgpu->fd, fd, &handle) == 0) {
        *out = (struct kernel_resource_info){.handle = handle};
        bool known = base_table_find(&virtgpu->handles, handle);
        bool ours = drmIoctl(virtgpu->fd, KERNEL_RESOURCE_INFO, out) == 0 &&
                    out->blob_mem == KERNEL_BLOB_HOST3D && out->resource_id != 0;
        if (ours) {
            res = hold_handle_locked(virtgpu, handle) ? TP_OK : TP_NO_MEMORY;
        } else if (!known) {
            close_handle_locked(virtgpu, handle);
        }
    }
    pthread_mutex_unlock(&virtgpu->handles_lock);
    return res;
}

/* Both kinds of descriptors are dma-bufs here. */
static enum tp_result
import_fd(struct tp_transport *transport, const struct tp_fd *memory, uint32_t flags,
          struct tp_blob *out)
{
    struct virtgpu *virtgpu = virtgpu_from(transport);
    off_t end = lseek(memory->fd, 0, SEEK_END);
    struct kernel_resource_info info;
    void *map = NULL;

    if (is_lost(virtgpu)) {
        return TP_LOST;
    }
    if (end <= 0 || memory->size == 0 || (uint64_t)end < memory->size ||
        (uint64_t)end > SIZE_MAX / 2) {
        return TP_REFUSED;
    }
    enum tp_result res = import_handle(virtgpu, memory->fd, &info);
    if (res != TP_OK) {
        return res;
    }
    if (flags & TP_BLOB_MAPPABLE) {
        map = map_blob(virtgpu, info.handle, (uint64_t)end);
        if (!map) {
            release_handle(virtgpu, info.handle);
            return TP_REFUSED;
        }
    }
    *out = (struct tp_blob){
        .resource_id = info.resource_id,
        .handle = info.handle,
        .fd = -1,
        .map = map,
        .size = (uint64_t)end,
    };
    return TP_OK;
}

static enum tp_result
export_fd(struct tp_transport *transport, const struct tp_blob *blob, int *out_fd)
{
    struct virtgpu *virtgpu = virtgpu_from(transport);

    if (is_lost(virtgpu)) {
        return TP_LOST;
    }
    if (drmPrimeHandleToFD(virtgpu->fd, blob->handle, DRM_CLOEXEC | DRM_RDWR, out_fd) == 0) {
        return TP_OK;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
        return TP_NO_MEMORY;
    }
    base_log_error("%s: memory does not become a dma-buf: %s", virtgpu->path, strerror(errno));
    return TP_REFUSED;
}

static bool
place(struct tp_transport *transport, const struct tp_blob *blob, size_t offset, size_t size,
      void *address)
{
    return map_part(virtgpu_from(transport), blob->handle, offset, size, address) != NULL;
}

static void
destroy_blob(struct tp_transport *transport, struct tp_blob *blob)
{
    if (blob->resource_id != 0) {
        base_fd_unmap(blob->map, (size_t)blob->size);
        release_handle(virtgpu_from(transport), blob->handle);
    }
    *blob = (struct tp_blob){0};
}

static bool
alive(struct tp_transport *transport)
{
    return !is_lost(virtgpu_from(transport));
}

static const struct tp_ops virtgpu_ops = {
    .name = "virtgpu",
    .destroy = destroy,
    .submit = submit,
    .submit_fenced = submit_fenced,
    .create_shared_memory = create_shared_memory,
    .create_memory_blob = create_memory_blob,
    .import_fd = import_fd,
    .export_fd = export_fd,
    .place = place,
    .destroy_blob = destroy_blob,
    .alive = alive,
};

/* One for each open file: it must come before anything else that would make one by default. */
static bool
init_context(struct virtgpu *virtgpu)
{
    struct kernel_context_setting settings[] = {
        {KERNEL_CONTEXT_CAPSET, WIRE_CAPSET_ID},
        {KERNEL_CONTEXT_RING_COUNT, WIRE_MAX_TIMELINES},
        {KERNEL_CONTEXT_POLL_MASK, 0}, /* fences are files to sleep on, not events of the device */
    };
    struct kernel_context_init request = {
        .count = BASE_COUNT_OF(settings),
        .settings = (uintptr_t)settings,
    };

    if (drmIoctl(virtgpu->fd, KERNEL_CONTEXT_INIT, &request) != 0) {
        (void)lose(virtgpu, "a Venus context");
        return false;
    }
    return true;
}

enum tp_result
tp_virtgpu_create(bool wanted, struct tp_transport **out)
{
    struct virtgpu *virtgpu = calloc(1, sizeof(*virtgpu));

    if (!virtgpu) {
        return TP_NO_MEMORY;
    }
    virtgpu->base.ops = &virtgpu_ops;
    virtgpu->base.imports_by_stream = true;
    pthread_mutex_init(&virtgpu->handles_lock, NULL);
    base_table_init(&virtgpu->handles);
    virtgpu->fd = -1;
    enum tp_result res = virtgpu_open_device(virtgpu, wanted);
    if (res != TP_OK) {
        destroy(&virtgpu->base);
        return wanted ? TP_LOST : res;
    }
    if (!init_context(virtgpu)) {
        destroy(&virtgpu->base);
        return TP_LOST;
    }
    *out = &virtgpu->base;
    return TP_OK;
}
