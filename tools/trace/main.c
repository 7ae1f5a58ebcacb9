#include "tools/trace/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "protocol/proto_print.h"

static const char usage[] =
    "Usage: vesper trace FILE...\n"
    "\n"
    "Prints captured command streams, a command a line; `?` marks those that want a reply. The "
    "server\n"
    "captures what it executes when it finds VESPER_CAPTURE=DIRECTORY in its environment:\n"
    "\n"
    "  VESPER_CAPTURE=/tmp/captured vesper run -- APP\n"
    "  vesper trace /tmp/captured/*-ring.stream\n"
    "\n"
    "The exit status is 1 if a file is not a whole stream from its first byte to its last.\n";

/* The whole file, read only; NULL, with the reason said, if that fails. An empty file is no stream.
 */
static void *
map_file(const char *path, size_t *size)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        fprintf(stderr, "vesper trace: %s: %s\n", path, strerror(errno));
        base_fd_close(&fd);
        return NULL;
    }
    *size = (size_t)status.st_size;
    void *map = *size ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (map == MAP_FAILED) {
        fprintf(stderr, "vesper trace: %s: %s\n", path, *size ? strerror(errno) : "is empty");
        map = NULL;
    }
    base_fd_close(&fd);
    return map;
}

static bool
print_file(const char *path)
{
    size_t size;
    void *stream = map_file(path, &size);
    if (!stream) {
        return false;
    }
    bool whole = proto_print_stream(stdout, stream, size);
    munmap(stream, size);
    if (!whole) {
        fflush(stdout);
        fprintf(stderr, "vesper trace: %s: not a whole command stream\n", path);
    }
    return whole;
}

int
trace_main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    bool whole = true;
    for (int i = 1; i < argc; i++) {
        whole &= print_file(argv[i]);
    }
    return whole ? 0 : 1;
}
