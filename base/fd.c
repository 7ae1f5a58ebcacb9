#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Linux 6.3. Systems may be set up to refuse memfds without it; older kernels refuse the flag. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum { PAGES_ASKED = 1024 }; /* of mincore() at once */

void
base_fd_close(int *fd)
{
    if (*fd != -1) {
        close(*fd); /* after EINTR, too, Linux has closed it */
        *fd = -1;
    }
}

int
base_fd_duplicate(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

const char *
base_fd_explain(int error)
{
    switch (error) {
    case EMFILE:
        return "EMFILE: the process has as many descriptors as it may; raise its limit (ulimit -n, "
               "LimitNOFILE= of a service)";
    case ENFILE:
        return "ENFILE: the system has as many open files as it may; raise the sysctl fs.file-max";
    case EFBIG:
        return "EFBIG: larger than a file of the process may be; raise its limit (ulimit -f, "
               "LimitFSIZE= of a service)";
    default: return strerror(error);
    }
}

bool
base_fd_read(int fd, void *data, size_t size)
{
    uint8_t *at = data;

    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        } else if (got == 0) {
            errno = 0;
            return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* --- system calls that raise a signal when they fail: it is blocked in this thread meanwhile, and
 * taken back if the call has raised it --- */

struct held_signal {
    sigset_t set, before;
    bool pending; /* somebody else's */
};

static struct held_signal
hold_signal(int number)
{
    struct held_signal held = {0};
    sigset_t pending;

    sigemptyset(&held.set);
    sigaddset(&held.set, number);
    pthread_sigmask(SIG_BLOCK, &held.set, &held.before);
    if (sigismember(&held.before, number) && sigpending(&pending) == 0) {
        held.pending = sigismember(&pending, number);
    }
    return held;
}

/* errno stays. */
static void
release_signal(const struct held_signal *held, bool raised)
{
    int error = errno;

    if (raised && !held->pending) {
        while (sigtimedwait(&held->set, NULL, &(struct timespec){0}) == -1 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &held->before, NULL);
    errno = error;
}

/* For what is not a socket and so knows no MSG_NOSIGNAL. */
static ssize_t
write_without_signal(int fd, const void *data, size_t size)
{
    struct held_signal held = hold_signal(SIGPIPE);
    ssize_t written = write(fd, data, size);

    release_signal(&held, written == -1 && errno == EPIPE);
    return written;
}

/* Beyond RLIMIT_FSIZE there is one. */
static int
truncate_without_signal(int fd, off_t size)
{
    struct held_signal held = hold_signal(SIGXFSZ);
    int result = ftruncate(fd, size);

    release_signal(&held, result == -1 && errno == EFBIG);
    return result;
}

bool
base_fd_write(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t written = send(fd, at, size, MSG_NOSIGNAL);
        if (written == -1 && errno == ENOTSOCK) {
            written = write_without_signal(fd, at, size);
        }
        if (written >= 0) {
            at += written;
            size -= (size_t)written;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Room for the control message that carries one descriptor. */
union fd_control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool
base_fd_try_send_fd(int socket_fd, int fd, int flags)
{
    char dummy = 0;
    struct iovec data = {.iov_base = &dummy, .iov_len = sizeof(dummy)};
    union fd_control control;
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };

    memset(&control, 0, sizeof(control));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL | flags) == sizeof(dummy);
}

bool
base_fd_send_fd(int socket_fd, int fd)
{
    bool sent;

    do {
        sent = base_fd_try_send_fd(socket_fd, fd, 0);
    } while (!sent && errno == EINTR);
    return sent;
}

/* The descriptor in a received message, or -1. */
static int
take_fd(struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            header->cmsg_len == CMSG_LEN(sizeof(int))) {
            int fd;
            memcpy(&fd, CMSG_DATA(header), sizeof(fd));
            return fd;
        }
    }
    return -1;
}

ssize_t
base_fd_receive(int socket_fd, void *data, size_t size, int *out_fd)
{
    struct iovec vector = {.iov_base = data, .iov_len = size};
    union fd_control control;
    struct msghdr message = {
        .msg_iov = &vector,
        .msg_iovlen = 1,
        .msg_control = &control,
        /* Not sizeof(control): its padding is room for a second descriptor. This way the kernel
         * drops what a peer sends beyond the first. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t got;

    do {
        got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    } while (got == -1 && errno == EINTR);
    *out_fd = got > 0 ? take_fd(&message) : -1;
    return got;
}

int
base_fd_receive_fd(int socket_fd)
{
    char dummy;
    int fd;
    ssize_t got = base_fd_receive(socket_fd, &dummy, sizeof(dummy), &fd);

    if (fd == -1 && got >= 0) {
        errno = got == 0 ? 0 : EPROTO;
    }
    return fd;
}

static int
create_sealable_memfd(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd == -1 && errno == EINVAL) {
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd;
}

int
base_fd_create_shared_memory(const char *name, uint64_t size)
{
    if (size > INT64_MAX) {
        errno = EFBIG;
        return -1;
    }

    int fd = create_sealable_memfd(name);
    if (fd == -1) {
        return -1;
    }
    /* Sealed because a peer that could shrink it would turn our next access into SIGBUS. */
    if (truncate_without_signal(fd, (off_t)size) == -1 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1) {
        int error = errno;
        base_fd_close(&fd);
        errno = error;
    }
    return fd;
}

void *
base_fd_map(int fd, size_t size)
{
    return base_fd_map_part(fd, 0, size);
}

void *
base_fd_map_part(int fd, uint64_t offset, size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    return map == MAP_FAILED ? NULL : map;
}

static bool
all_present(void *map, size_t size, size_t page)
{
    unsigned char present[PAGES_ASKED];

    if (mincore(map, size, present) == -1) {
        return false;
    }
    for (size_t i = 0; i < (size + page - 1) / page; i++) {
        if (!(present[i] & 1)) {
            return false;
        }
    }
    return true;
}

void
base_fd_enter_pages(void *map, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (size_t at = 0; at < size; at += PAGES_ASKED * page) {
        size_t part = size - at < PAGES_ASKED * page ? size - at : PAGES_ASKED * page;
        uint8_t *start = (uint8_t *)map + at;
        if (!all_present(start, part, page) || madvise(start, part, MADV_POPULATE_READ) == -1) {
            return;
        }
    }
}

/* Of a mapping that can be shared, an old size of zero asks for another one of the same pages. */
bool
base_fd_map_again(void *map, size_t size, void *address)
{
    return mremap(map, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, address) != MAP_FAILED;
}

void *
base_fd_reserve(void *address, size_t size)
{
    int fixed = address ? MAP_FIXED : 0;

    return mmap(address, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1,
                0);
}

void
base_fd_unmap(void *map, size_t size)
{
    if (map) {
        munmap(map, size);
    }
}
