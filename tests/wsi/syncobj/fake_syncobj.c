/* The part of libdrm, and of a kernel with one render node, that is about sync objects with
 * timelines: for machines that have none. It has libdrm's own soname: who finds it on
 * LD_LIBRARY_PATH gets this one, as does all it loads.
 *
 * A timeline is a memfd, so it can be passed to another process with this library: the point that
 * it has reached, and a count that whoever waits for one sleeps on. Points must be reached in
 * order; the kernel only warns of others. A process that leaves timelines behind ends with status
 * 1. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>

#define EXPORT __attribute__((visibility("default")))

enum {
    ONLY_NODE = 128,
    MAX_TIMELINES = 4096, /* that a process ever has */
};

struct timeline {
    _Atomic uint64_t reached;
    _Atomic uint32_t signals;
};

/* drm_syncobj_eventfd, which Debian 12's headers do not have. */
struct notice {
    uint32_t handle, flags;
    uint64_t point;
    int32_t fd;
    uint32_t padding;
};
#define NOTIFY DRM_IOWR(0xcf, struct notice)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Guarded by lock. Handle 0 is none. Mappings stay, for who waits. */
static struct {
    int fd; /* 0: destroyed */
    struct timeline *timeline;
} timelines[MAX_TIMELINES];
static uint32_t last_handle, live;

static struct timeline *
find(uint32_t handle)
{
    pthread_mutex_lock(&lock);
    struct timeline *found =
        handle < MAX_TIMELINES && timelines[handle].fd ? timelines[handle].timeline : NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

static int
fail(int error)
{
    errno = error;
    return -1;
}

/* Takes the descriptor. */
static int
add(int fd, uint32_t *out)
{
    void *map = mmap(NULL, sizeof(struct timeline), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || last_handle + 1 == MAX_TIMELINES) {
        close(fd);
        return fail(map == MAP_FAILED ? errno : ENOSPC);
    }
    pthread_mutex_lock(&lock);
    *out = ++last_handle;
    live++;
    timelines[*out].fd = fd;
    timelines[*out].timeline = map;
    pthread_mutex_unlock(&lock);
    return 0;
}

EXPORT int
drmOpenRender(int minor)
{
    return minor == ONLY_NODE ? open("/dev/null", O_RDWR | O_CLOEXEC) : -ENOENT;
}

EXPORT int
drmGetCap(int fd, uint64_t capability, uint64_t *value)
{
    *value = capability == DRM_CAP_SYNCOBJ_TIMELINE;
    return 0;
}

EXPORT int
drmSyncobjCreate(int fd, uint32_t flags, uint32_t *handle)
{
    int memory = memfd_create("timeline", MFD_CLOEXEC);
    if (memory == -1 || ftruncate(memory, sizeof(struct timeline)) != 0) {
        return -1;
    }
    return add(memory, handle);
}

EXPORT int
drmSyncobjDestroy(int fd, uint32_t handle)
{
    if (!find(handle)) {
        return fail(ENOENT);
    }
    pthread_mutex_lock(&lock);
    close(timelines[handle].fd);
    timelines[handle].fd = 0;
    live--;
    pthread_mutex_unlock(&lock);
    return 0;
}

EXPORT int
drmSyncobjHandleToFD(int fd, uint32_t handle, int *out)
{
    if (!find(handle)) {
        return fail(ENOENT);
    }
    *out = fcntl(timelines[handle].fd, F_DUPFD_CLOEXEC, 0);
    return *out == -1 ? -1 : 0;
}

EXPORT int
drmSyncobjFDToHandle(int fd, int timeline_fd, uint32_t *handle)
{
    int memory = lseek(timeline_fd, 0, SEEK_END) == sizeof(struct timeline)
                     ? fcntl(timeline_fd, F_DUPFD_CLOEXEC, 0)
                     : -1;
    return memory == -1 ? fail(EINVAL) : add(memory, handle);
}

EXPORT int
drmSyncobjTimelineSignal(int fd, const uint32_t *handles, uint64_t *points, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct timeline *timeline = find(handles[i]);
        if (!timeline) {
            return fail(ENOENT);
        }
        if (atomic_exchange(&timeline->reached, points[i]) >= points[i]) {
            fprintf(stderr, "fake_syncobj: point %llu comes too late\n",
                    (unsigned long long)points[i]);
            return fail(EINVAL);
        }
        atomic_fetch_add(&timeline->signals, 1);
        syscall(SYS_futex, &timeline->signals, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    return 0;
}

EXPORT int
drmSyncobjQuery(int fd, uint32_t *handles, uint64_t *points, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct timeline *timeline = find(handles[i]);
        if (!timeline) {
            return fail(ENOENT);
        }
        points[i] = atomic_load(&timeline->reached);
    }
    return 0;
}

/* --- eventfds: a thread for each --- */

struct waiter {
    struct timeline *timeline;
    uint64_t point;
    int fd;
};

static void *
wait_for_point(void *user)
{
    struct waiter *waiter = user;
    struct timeline *timeline = waiter->timeline;
    for (;;) {
        uint32_t signals = atomic_load(&timeline->signals);
        if (atomic_load(&timeline->reached) >= waiter->point) {
            break;
        }
        syscall(SYS_futex, &timeline->signals, FUTEX_WAIT, signals, NULL, NULL, 0);
    }
    (void)eventfd_write(waiter->fd, 1);
    close(waiter->fd);
    free(waiter);
    return NULL;
}

EXPORT int
drmIoctl(int fd, unsigned long request, void *argument)
{
    const struct notice *notice = argument;
    struct timeline *timeline = request == NOTIFY ? find(notice->handle) : NULL;
    struct waiter *waiter = timeline ? calloc(1, sizeof(*waiter)) : NULL;
    pthread_t thread;
    if (!waiter) {
        return fail(request != NOTIFY ? EINVAL : timeline ? ENOMEM : ENOENT);
    }
    *waiter = (struct waiter){timeline, notice->point, fcntl(notice->fd, F_DUPFD_CLOEXEC, 0)};
    int error = waiter->fd == -1 ? errno : pthread_create(&thread, NULL, wait_for_point, waiter);
    if (error) {
        free(waiter);
        return fail(error);
    }
    pthread_detach(thread);
    return 0;
}

__attribute__((destructor)) static void
count(void)
{
    if (live > 0) {
        fprintf(stderr, "fake_syncobj: %u timelines were not destroyed\n", live);
        _exit(1);
    }
}
