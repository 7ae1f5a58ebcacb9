/* vtest's transport: a connection, the context's stream, and blobs whose descriptors the server
 * passes. Nothing that a server does hangs, aborts or signals the application: its end, its
 * nonsense and its silence during the handshake all end in TP_LOST. */
#include "transport/vtest/vtest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "wire/vtest.h"

enum {
    HANDSHAKE_SECONDS =
        10, /* for each answer. Later ones may take as long as the host driver likes */
};

static struct vtest *
vtest_from(struct tp_transport *transport)
{
    return (struct vtest *)transport;
}

static void
destroy(struct tp_transport *transport)
{
    struct vtest *vtest = vtest_from(transport);

    shutdown(vtest->socket, SHUT_RDWR);
    base_fd_close(&vtest->socket);
    pthread_mutex_destroy(&vtest->sending);
    pthread_mutex_destroy(&vtest->receiving);
    free(vtest);
}

/* One batch without sync objects: fences travel in shared memory or in replies. */
static enum tp_result
submit(struct tp_transport *transport, const void *commands, size_t size)
{
    const uint32_t head[1 + WIRE_VTEST_BATCH_DWORDS] = {
        1,                                   /* batch */
        0,                                   /* flags */
        1 + WIRE_VTEST_BATCH_DWORDS,         /* commands start here */
        (uint32_t)(size / sizeof(uint32_t)), /* and have so many dwords */
    };
    struct vtest_message message = {
        .command = WIRE_VTEST_SUBMIT_CMD2,
        .body = head,
        .body_size = sizeof(head),
        .tail = commands,
        .tail_size = size,
        .length = (sizeof(head) + size) / sizeof(uint32_t),
    };

    assert(size % sizeof(uint32_t) == 0);
    return vtest_send(vtest_from(transport), &message) ? TP_OK : TP_LOST;
}

static void
unref_resource(struct vtest *vtest, uint32_t resource_id)
{
    struct vtest_message message = {
        .command = WIRE_VTEST_RESOURCE_UNREF,
        .body = &resource_id,
        .body_size = sizeof(resource_id),
        .length = 1,
    };

    if (!vtest_send(vtest, &message)) {
        return; /* the peer's death has freed the resource */
    }
}

/* Touching a page behind the object's end would be SIGBUS. So it must be large enough and, where it
 * is a memfd, must not shrink later. Foreign servers also hand out host memory that nobody sealed:
 * we try to seal that ourselves, and take it as it is where that is forbidden. */
static const char *
find_fd_fault(int fd, uint64_t size, bool must_be_sealed)
{
    off_t end = lseek(fd, 0, SEEK_END);

    if (end == -1 || (uint64_t)end < size) {
        return "the server passed memory that is smaller than agreed";
    }
    int seals = fcntl(fd, F_GET_SEALS);
    bool sealed =
        seals != -1 && (seals & F_SEAL_SHRINK || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    if (must_be_sealed && !sealed) {
        return "the server passed shared memory that it could shrink under us";
    }
    return NULL;
}

/* Asks for a blob. On success *out_fd belongs to the caller. */
static bool
request_blob(struct vtest *vtest, uint64_t blob_id, uint64_t size, uint32_t flags,
             uint32_t *out_resource_id, int *out_fd)
{
    const uint32_t body[] = {WIRE_VTEST_BLOB_HOST3D, flags,
                             (uint32_t)size,         (uint32_t)(size >> 32),
                             (uint32_t)blob_id,      (uint32_t)(blob_id >> 32)};
    struct vtest_message request = {
        .command = WIRE_VTEST_RESOURCE_CREATE_BLOB,
        .body = body,
        .body_size = sizeof(body),
        .length = BASE_COUNT_OF(body),
    };
    uint32_t resource_id;
    int fd = -1;

    if (!vtest_request(vtest, &request)) {
        return false;
    }
    if (vtest_read_answer(vtest, request.command, &resource_id, 1)) {
        fd = vtest_read_fd(vtest);
    }
    vtest_end_answer(vtest);

    if (fd == -1) {
        return false;
    }
    if (resource_id == 0) {
        vtest_lose(vtest, "the server named a resource 0");
        base_fd_close(&fd);
        return false;
    }
    *out_resource_id = resource_id;
    *out_fd = fd;
    return true;
}

static enum tp_result
create_blob(struct vtest *vtest, uint64_t blob_id, uint64_t size, uint32_t flags,
            struct tp_blob *out)
{
    struct tp_blob blob = {.fd = -1, .size = size};

    if (size == 0 || size > SIZE_MAX / 2) {
        return TP_NO_MEMORY;
    }
    if (!request_blob(vtest, blob_id, size, flags, &blob.resource_id, &blob.fd)) {
        return TP_LOST;
    }

    const char *fault =
        flags & TP_BLOB_MAPPABLE ? find_fd_fault(blob.fd, size, blob_id == 0) : NULL;
    if (fault) {
        base_fd_close(&blob.fd);
        return vtest_lose(vtest, fault);
    }
    if (flags & TP_BLOB_MAPPABLE) {
        blob.map = base_fd_map(blob.fd, (size_t)size);
        if (!blob.map) {
            unref_resource(vtest, blob.resource_id);
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
    return create_blob(vtest_from(transport), 0, size, TP_BLOB_MAPPABLE, out);
}

static enum tp_result
create_memory_blob(struct tp_transport *transport, uint64_t blob_id, uint64_t size, uint32_t flags,
                   struct tp_blob *out)
{
    return create_blob(vtest_from(transport), blob_id, size, flags, out);
}

/* 0: refused. False after vtest_lose(). */
static bool
request_import(struct vtest *vtest, const struct tp_fd *memory, uint32_t *out_resource_id)
{
    static const uint32_t kinds[] = {
        [TP_FD_OPAQUE] = WIRE_VTEST_IMPORT_OPAQUE,
        [TP_FD_DMA_BUF] = WIRE_VTEST_IMPORT_DMA_BUF,
        [TP_FD_PAGES] = WIRE_VTEST_IMPORT_PAGES,
    };
    const uint32_t body[WIRE_VTEST_IMPORT_AT_DWORDS] = {
        kinds[memory->kind],      (uint32_t)memory->size,           (uint32_t)(memory->size >> 32),
        (uint32_t)memory->offset, (uint32_t)(memory->offset >> 32),
    };
    /* Older servers know no offset. */
    uint32_t length =
        memory->kind == TP_FD_PAGES ? WIRE_VTEST_IMPORT_AT_DWORDS : WIRE_VTEST_IMPORT_DWORDS;
    struct vtest_message request = {
        .command = WIRE_VTEST_VESPER_RESOURCE_IMPORT,
        .body = body,
        .body_size = length * sizeof(body[0]),
        .fd = &memory->fd,
        .length = length,
    };

    if (!vtest_request(vtest, &request)) {
        return false;
    }
    bool ok = vtest_read_answer(vtest, request.command, out_resource_id, 1);
    vtest_end_answer(vtest);
    return ok;
}

static enum tp_result
import_fd(struct tp_transport *transport, const struct tp_fd *memory, uint32_t flags,
          struct tp_blob *out)
{
    struct vtest *vtest = vtest_from(transport);
    uint64_t size = memory->size;
    struct tp_blob blob = {.size = size, .fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0)};
    enum tp_result result = TP_REFUSED;

    if (blob.fd == -1) {
        return errno == EBADF ? TP_REFUSED : TP_NO_MEMORY;
    }
    if (flags & TP_BLOB_MAPPABLE) {
        if (size > SIZE_MAX / 2 || find_fd_fault(blob.fd, size, false)) {
            goto close_fd; /* whoever gave it to the application is to blame, not the server */
        }
        blob.map = base_fd_map(blob.fd, (size_t)size);
        if (!blob.map) {
            goto close_fd;
        }
    }
    if (!request_import(vtest, memory, &blob.resource_id)) {
        result = TP_LOST;
        goto unmap;
    }
    if (blob.resource_id == 0) {
        goto unmap;
    }
    *out = blob;
    return TP_OK;

unmap:
    base_fd_unmap(blob.map, (size_t)size);
close_fd:
    base_fd_close(&blob.fd);
    return result;
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
        unref_resource(vtest_from(transport), blob->resource_id);
    }
    *blob = (struct tp_blob){0};
}

static bool
alive(struct tp_transport *transport)
{
    struct vtest *vtest = vtest_from(transport);
    struct pollfd peer = {.fd = vtest->socket, .events = POLLRDHUP};

    if (atomic_load(&vtest->lost)) {
        return false;
    }
    if (poll(&peer, 1, 0) == 1) {
        vtest_lose(vtest, "the server has closed the connection");
        return false;
    }
    return true;
}

static const struct tp_ops vtest_ops = {
    .name = "vtest",
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

/* A connecting or reading socket that waits no longer than this; 0: forever. */
static void
set_timeout(int socket, time_t seconds)
{
    struct timeval timeout = {.tv_sec = seconds};

    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

/* -1 and errno. */
static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }
    set_timeout(fd, HANDSHAKE_SECONDS);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == -1) {
        int error = errno;
        base_fd_close(&fd);
        errno = error;
    }
    return fd;
}

enum tp_result
tp_vtest_create(const char *socket_path, struct tp_transport **out)
{
    int fd = connect_to(socket_path);

    if (fd == -1) {
        base_log_error("no vtest server at %s (%s): start vesper-server --socket-path %s, or name "
                       "another in VTEST_SOCKET_NAME",
                       socket_path, strerror(errno), socket_path);
        return TP_LOST;
    }

    struct vtest *vtest = calloc(1, sizeof(*vtest));
    if (!vtest) {
        base_fd_close(&fd);
        return TP_NO_MEMORY;
    }
    vtest->base.ops = &vtest_ops;
    vtest->base.same_kernel = true; /* a unix socket does not leave it */
    vtest->socket = fd;
    memcpy(vtest->path, socket_path, strlen(socket_path) + 1); /* fits, or it had not connected */
    pthread_mutex_init(&vtest->sending, NULL);
    pthread_mutex_init(&vtest->receiving, NULL);
    if (!vtest_shake_hands(vtest)) {
        destroy(&vtest->base);
        return TP_LOST;
    }
    set_timeout(fd, 0);
    vtest->base.takes_fds =
        wire_capset_has_feature(&vtest->base.capset, WIRE_FEATURE_EXTERNAL_MEMORY);
    vtest->base.takes_pages =
        vtest->base.takes_fds &&
        wire_capset_has_feature(&vtest->base.capset, WIRE_FEATURE_PAGES_AT_OFFSET);
    *out = &vtest->base;
    return TP_OK;
}
