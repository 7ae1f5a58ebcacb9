#include "driver/host_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/address_space.h"
#include "driver/struct_chain.h"

/* Room for every address there can be: only the pages of imports take memory. */
#define FILE_SIZE (sizeof(void *) > 4 ? UINT64_C(1) << 56 : UINT64_C(1) << 32)

/* One file for all imports, in which each page lies at the offset that is its address: so imports
 * that have pages in common have these at one place, and each still is one piece of the file. It
 * exists while there are imports. */
static struct {
    pthread_mutex_t lock;
    pid_t owner; /* a forked child makes a file of its own: its pages have the same addresses */
    int fd;
    struct stat identity;
    struct drv_host_pages *imports;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* --- what lies at an address --- */

/* Under the lock. */
static bool
is_in_file(const struct drv_mapping *mapping)
{
    return file.fd != -1 && mapping->kind == DRV_MAPPING_FILE &&
           mapping->inode == file.identity.st_ino && mapping->device == file.identity.st_dev &&
           mapping->offset == mapping->start;
}

/* Under the lock. */
static bool
is_shareable(uintptr_t at, uintptr_t end)
{
    struct drv_mapping mapping;
    while (at < end && drv_mapping_find(at, &mapping) && mapping.start <= at &&
           (mapping.kind == DRV_MAPPING_PRIVATE || is_in_file(&mapping))) {
        at = mapping.end;
    }
    return at >= end;
}

bool
drv_host_pages_shareable(const void *address, size_t size)
{
    pthread_mutex_lock(&file.lock);
    bool shareable = size > 0 && is_shareable((uintptr_t)address, (uintptr_t)address + size);
    pthread_mutex_unlock(&file.lock);
    return shareable;
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
    struct rlimit limit;
    int holder = open_holder();
    bool possible = holder >= 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                    (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= FILE_SIZE);

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

/* Moves the mapping to the address, holding the bytes that are there; or unmaps it, and errno says
 * why. NULL: it could not be made. */
static bool
replace(uintptr_t at, size_t size, void *mapping)
{
    void *address = (void *)at;
    int holder = mapping ? open_holder() : -1;
    bool done = holder >= 0 && hold_writes(holder, address, size);

    if (done) {
        memcpy(mapping, address, size);
        done = mremap(mapping, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) != MAP_FAILED;
    }
    int error = errno;
    base_fd_unmap(done ? NULL : mapping, size);
    base_fd_close(&holder); /* held writes go on, into whatever is there now */
    errno = error;
    return done;
}

/* --- the file; all under the lock --- */

static bool
open_file(void)
{
    if (file.fd != -1 && file.owner != getpid()) {
        base_fd_close(&file.fd);
        file.imports = NULL; /* the parent's */
    }
    if (file.fd == -1) {
        file.fd = base_fd_create_shared_memory("vesper-host-pages", FILE_SIZE);
        file.owner = getpid();
        if (file.fd != -1 && fstat(file.fd, &file.identity) != 0) {
            base_fd_close(&file.fd);
        }
    }
    return file.fd != -1;
}

static void
close_unused_file(void)
{
    if (!file.imports) {
        base_fd_close(&file.fd);
    }
}

static uintptr_t
least(uintptr_t a, uintptr_t b)
{
    return a < b ? a : b;
}

static bool
replace_by_file(uintptr_t at, size_t size)
{
    return replace(at, size, base_fd_map_part(file.fd, at, size));
}

/* Of shareable pages, those that are private go into the file. */
static bool
put_into_file(uintptr_t at, uintptr_t end)
{
    struct drv_mapping mapping;
    while (at < end) {
        if (!drv_mapping_find(at, &mapping) || mapping.start > at) {
            errno = EFAULT;
            return false;
        }
        uintptr_t next = least(mapping.end, end);
        if (mapping.kind == DRV_MAPPING_PRIVATE && !replace_by_file(at, next - at)) {
            return false;
        }
        at = next;
    }
    return true;
}

static bool
replace_by_private(uintptr_t at, size_t size)
{
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (replace(at, size, mapping == MAP_FAILED ? NULL : mapping)) {
        return true;
    }
    base_log_warn("%zu bytes at %p stay shared with the renderer: %s", size, (void *)at,
                  strerror(errno));
    return false;
}

static void
give_memory_back(uintptr_t at, size_t size)
{
    (void)!fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)size);
}

/* What lies elsewhere by now the application has given up; only the file still has that. */
static void
take_out_of_file(uintptr_t at, uintptr_t end)
{
    struct drv_mapping mapping;
    while (at < end && drv_mapping_find(at, &mapping)) {
        bool gap = mapping.start > at;
        uintptr_t next = least(gap ? mapping.start : mapping.end, end);
        if (gap || !is_in_file(&mapping) || replace_by_private(at, next - at)) {
            give_memory_back(at, next - at);
        }
        at = next;
    }
}

/* --- imports; all under the lock --- */

static uintptr_t
start_of(const struct drv_host_pages *pages)
{
    return (uintptr_t)pages->address;
}

/* The first address from `at` on that no import has; it may be `end`, or lie behind it. */
static uintptr_t
skip_imports(uintptr_t at, uintptr_t end)
{
    const struct drv_host_pages *it = file.imports;
    while (it && at < end) {
        bool has = at >= start_of(it) && at - start_of(it) < it->size;
        at = has ? start_of(it) + it->size : at;
        it = has ? file.imports : it->next;
    }
    return at;
}

/* Up to where that is so. */
static uintptr_t
find_import(uintptr_t at, uintptr_t end)
{
    for (const struct drv_host_pages *it = file.imports; it; it = it->next) {
        end = start_of(it) > at ? least(start_of(it), end) : end;
    }
    return end;
}

/* Those pages of the range that no import has. */
static void
take_out_unused(uintptr_t start, uintptr_t end)
{
    for (uintptr_t at; (at = skip_imports(start, end)) < end;) {
        start = find_import(at, end);
        take_out_of_file(at, start);
    }
}

static bool
add_import(struct drv_host_pages *pages, uintptr_t start, uintptr_t end)
{
    if (!put_into_file(start, end)) {
        int error = errno;
        take_out_unused(start, end);
        errno = error;
        return false;
    }
    pages->next = file.imports;
    file.imports = pages;
    return true;
}

/* False: it is the parent's. */
static bool
remove_import(struct drv_host_pages *pages)
{
    struct drv_host_pages **it = &file.imports;
    while (*it && *it != pages) {
        it = &(*it)->next;
    }
    if (!*it || file.owner != getpid()) {
        return false;
    }
    *it = pages->next;
    return true;
}

/* --- the way there and back --- */

static int
share_locked(struct drv_host_pages *pages)
{
    uintptr_t start = start_of(pages), end = start + pages->size;
    if (end < start || end > FILE_SIZE || !is_shareable(start, end)) {
        errno = EINVAL;
        return -1;
    }
    return add_import(pages, start, end) ? file.fd : -1;
}

int
drv_host_pages_share(struct drv_host_pages *pages, void *address, size_t size)
{
    *pages = (struct drv_host_pages){.address = address, .size = size};
    pthread_mutex_lock(&file.lock);
    int fd = open_file() ? share_locked(pages) : -1;
    if (fd == -1) {
        int error = errno;
        close_unused_file();
        *pages = (struct drv_host_pages){0};
        errno = error;
    }
    pthread_mutex_unlock(&file.lock);
    return fd;
}

void
drv_host_pages_take_back(struct drv_host_pages *pages)
{
    if (pages->size == 0) {
        return;
    }
    pthread_mutex_lock(&file.lock);
    if (remove_import(pages)) {
        take_out_unused(start_of(pages), start_of(pages) + pages->size);
        close_unused_file();
    }
    pthread_mutex_unlock(&file.lock);
    *pages = (struct drv_host_pages){0};
}
