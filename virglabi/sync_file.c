/* A syncobj can be made signalled, and exported. Any render node will do. The requests are of the
 * kernel's ABI; libdrm, which wraps them, is nothing that the library needs. */
#include "virglabi/sync_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/fd.h"

enum {
    FIRST_RENDER_NODE = 128,
    RENDER_NODES = 64,

    CREATE_SIGNALED = 1 << 0,
    EXPORT_SYNC_FILE = 1 << 0,
};

struct syncobj_create {
    uint32_t handle; /* result */
    uint32_t flags;
};

struct syncobj_destroy {
    uint32_t handle;
    uint32_t pad;
};

struct syncobj_to_fd {
    uint32_t handle;
    uint32_t flags;
    int32_t fd; /* result */
    uint32_t pad;
};

#define SYNCOBJ_CREATE _IOWR('d', 0xbf, struct syncobj_create)
#define SYNCOBJ_DESTROY _IOWR('d', 0xc0, struct syncobj_destroy)
#define SYNCOBJ_TO_FD _IOWR('d', 0xc1, struct syncobj_to_fd)

static bool
request(int node, unsigned long number, void *argument)
{
    int result;

    do {
        result = ioctl(node, number, argument);
    } while (result == -1 && (errno == EINTR || errno == EAGAIN));
    return result == 0;
}

static int
export_from(int node)
{
    struct syncobj_create create = {.flags = CREATE_SIGNALED};

    if (!request(node, SYNCOBJ_CREATE, &create)) {
        return -1;
    }
    struct syncobj_to_fd export = {
        .handle = create.handle,
        .flags = EXPORT_SYNC_FILE,
        .fd = -1,
    };
    struct syncobj_destroy destroy = {.handle = create.handle};
    bool exported = request(node, SYNCOBJ_TO_FD, &export);
    (void)request(node, SYNCOBJ_DESTROY, &destroy);
    return exported ? export.fd : -1;
}

int
abi_sync_file_export_signalled(void)
{
    int fd = -1;

    for (int i = 0; fd == -1 && i < RENDER_NODES; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/dev/dri/renderD%d", FIRST_RENDER_NODE + i);
        int node = open(path, O_RDWR | O_CLOEXEC);
        if (node == -1 && errno == ENOENT) {
            break; /* they are numbered without gaps, but for what was unplugged */
        }
        fd = node == -1 ? -1 : export_from(node);
        base_fd_close(&node);
    }
    return fd;
}
