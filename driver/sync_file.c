#include "driver/sync_file.h"

#include <linux/sync_file.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"

bool
drv_sync_file_create(int *signal, int *file)
{
    int pair[2];
    /* Of a kind that one hardly meets otherwise, so that drv_sync_file_is_one() can tell. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    *signal = pair[0];
    *file = pair[1];
    return true;
}

/* A child of the process may have inherited the end that we close. */
void
drv_sync_file_signal(int *signal)
{
    if (*signal >= 0) {
        shutdown(*signal, SHUT_RDWR);
        base_fd_close(signal);
    }
}

static int
socket_option(int fd, int option)
{
    int value;
    socklen_t size = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool
drv_sync_file_is_one(int fd)
{
    struct sync_file_info info = {0}; /* no fences asked for: a few fields */
    if (ioctl(fd, SYNC_IOC_FILE_INFO, &info) == 0) {
        return true;
    }
    return socket_option(fd, SO_DOMAIN) == AF_UNIX && socket_option(fd, SO_TYPE) == SOCK_SEQPACKET;
}

bool
drv_sync_file_has_signaled(int fd)
{
    struct pollfd file = {.fd = fd, .events = POLLIN};
    return poll(&file, 1, 0) > 0;
}

void
drv_sync_file_sleep(int fd, int also, int timeout_ms)
{
    struct pollfd files[] = {{.fd = fd, .events = POLLIN}, {.fd = also, .events = POLLIN}};
    (void)!poll(files, 2, timeout_ms);
}
