#include "driver/host_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/struct_chain.h"

/* The memfd's name, by which the way back knows it. */
#define NAME "vesper-host-pages"

enum {
    /* A renderer imports whole multiples of what its host wants; what lies behind the pages in the
     * file is nobody's. */
    FILE_ALIGNMENT = 64 << 10,
};

/* --- what lies at an address --- */

static bool
is_private(const char *permissions, const char *path)
{
    /* [heap] and [anon:name] are memory like any other; a stack grows, and the rest is the
     * kernel's. */
    bool plain =
        path[0] == '\0' || strncmp(path, "[heap]", 6) == 0 || strncmp(path, "[anon:", 6) == 0;
    return strcmp(permissions, "rw-p") == 0 && plain;
}

static bool
is_shared_by_us(const char *permissions, const char *path)
{
    return strcmp(permissions, "rw-s") == 0 &&
           strncmp(path, "/memfd:" NAME, sizeof("/memfd:" NAME) - 1) == 0;
}

/* Whether each mapping in the range is of that kind, without a hole. */
static bool
consists_of(const void *address, size_t size,
            bool (*kind)(const char *permissions, const char *path))
{
    uintptr_t at = (uintptr_t)address, end = at + size;
    char *line = NULL;
    size_t room = 0;
    FILE *maps = fopen("/proc/self/maps", "re");

    while (maps && at < end && getline(&line, &room, maps) > 0) {
        uintptr_t from, to;
        char permissions[8];
        int path = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %n", &from, &to, permissions,
                   &path) != 3 ||
            to <= at) {
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        if (from > at || !kind(permissions, line + path)) {
            break;
        }
        at = to;
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
    return size > 0 && at >= end;
}

bool
drv_host_pages_shareable(const void *address, size_t size)
{
    return consists_of(address, size, is_private);
}

void
drv_host_pages_get_properties(void *chain)
{
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT *host = drv_find_out_struct(
        chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT);
    if (host) {
        host->minImportedHostPointerAlignment = (VkDeviceSize)sysconf(_SC_PAGESIZE);
    }
}

/* --- holding writes --- */

/* Faults of the kernel itself, as in read() into such pages, can be held only with privileges:
 * without, such a call fails with EFAULT if it comes at that very moment. -1 and errno. */
static int
open_holder(void)
{
    struct uffdio_api api = {
        .api = UFFD_API,
        .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
    };
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    }
    if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) != 0) {
        int error = errno;
        base_fd_close(&fd);
        errno = error;
    }
    return fd;
}

bool
drv_host_pages_possible(void)
{
    int holder = open_holder();
    bool possible = holder >= 0;

    base_fd_close(&holder);
    return possible;
}

/* From here on whoever writes waits until the holder is closed. Only pages that exist can be held.
 */
static bool
hold_writes(int holder, void *address, size_t size)
{
    struct uffdio_range range = {.start = (uintptr_t)address, .len = size};
    struct uffdio_register enter = {.range = range, .mode = UFFDIO_REGISTER_MODE_WP};
    struct uffdio_writeprotect protect = {.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

    return madvise(address, size, MADV_POPULATE_WRITE) == 0 &&
           ioctl(holder, UFFDIO_REGISTER, &enter) == 0 &&
           ioctl(holder, UFFDIO_WRITEPROTECT, &protect) == 0;
}

/* --- replacing --- */

/* Moves the mapping to the address, holding the bytes that are there. */
static bool
replace(void *address, size_t size, void *mapping)
{
    int holder = open_holder();

    if (holder < 0) {
        return false;
    }
    bool done = hold_writes(holder, address, size);
    if (done) {
        memcpy(mapping, address, size);
        done = mremap(mapping, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) != MAP_FAILED;
    }
    int error = errno;
    base_fd_close(&holder); /* held writes go on, into whatever is there now */
    errno = error;
    return done;
}

int
drv_host_pages_share(void *address, size_t size)
{
    int fd = base_fd_create_shared_memory(NAME, (size + FILE_ALIGNMENT - 1) &
                                                    ~(size_t)(FILE_ALIGNMENT - 1));
    if (fd < 0) {
        return -1;
    }
    void *mapping = base_fd_map(fd, size);
    if (!mapping) {
        base_fd_close(&fd);
        return -1;
    }
    if (!replace(address, size, mapping)) {
        int error = errno;
        base_fd_unmap(mapping, size);
        base_fd_close(&fd);
        errno = error;
    }
    return fd;
}

void
drv_host_pages_take_back(void *address, size_t size)
{
    if (!consists_of(address, size, is_shared_by_us)) {
        return; /* the application has given the addresses up */
    }
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED || !replace(address, size, mapping)) {
        base_log_warn("%zu bytes at %p stay shared with the renderer: %s", size, address,
                      strerror(errno));
        base_fd_unmap(mapping == MAP_FAILED ? NULL : mapping, size);
    }
}
