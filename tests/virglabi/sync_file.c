/* A sync file that has signalled, of this machine's kernel.
 *
 *     sync-file [--required]
 *
 * Status 77: the machine has no render node with syncobjs; with --required that is a failure.
 * Guests of tests/vm have one. */
#include "virglabi/sync_file.h"

#include <linux/sync_file.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"

int
main(int argc, char **argv)
{
    struct sync_file_info info = {0}; /* no fences asked for: a few fields */
    int fd = abi_sync_file_export_signalled();

    if (fd == -1) {
        printf("skipped: no render node here has syncobjs\n");
        return argc > 1 && strcmp(argv[1], "--required") == 0 ? 1 : 77;
    }
    struct pollfd file = {.fd = fd, .events = POLLIN};
    bool is_one = ioctl(fd, SYNC_IOC_FILE_INFO, &info) == 0;
    bool readable = poll(&file, 1, 0) == 1;
    printf("%s, status %d, %s\n", is_one ? "a sync file" : "NO sync file", info.status,
           readable ? "readable" : "NOT readable");
    base_fd_close(&fd);
    return is_one && readable && info.status == 1 ? 0 : 1;
}
