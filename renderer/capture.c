#include "renderer/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

int
rnd_capture_open(const char *kind)
{
    static _Atomic unsigned count;
    const char *directory = getenv("VESPER_CAPTURE");
    if (!directory || !*directory) {
        return -1;
    }
    char path[PATH_MAX];
    unsigned number = atomic_fetch_add(&count, 1);
    int length =
        snprintf(path, sizeof(path), "%s/%d-%u-%s.stream", directory, (int)getpid(), number, kind);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        base_log_warn("VESPER_CAPTURE: the path is longer than %zu bytes", sizeof(path));
        return -1;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        base_log_warn("VESPER_CAPTURE: cannot create %s: %s", path, strerror(errno));
    }
    return fd;
}

void
rnd_capture_write(int *capture, const void *bytes, size_t size)
{
    if (*capture >= 0 && !base_fd_write(*capture, bytes, size)) {
        base_log_warn("VESPER_CAPTURE: stopped: %s", strerror(errno));
        rnd_capture_close(capture);
    }
}

void
rnd_capture_close(int *capture)
{
    base_fd_close(capture);
}
