#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fd.h"
#include "base/log.h"
#include "transport/vtest/vtest.h"
#include "wire/vtest.h"

enum {
    LOOK_INTERVAL_MS = 50,
};

enum tp_result
vtest_lose(struct vtest *vtest, const char *why)
{
    if (!atomic_exchange(&vtest->lost, true)) {
        base_log_error("connection to %s lost: %s", vtest->path, why);
        shutdown(vtest->socket, SHUT_RDWR); /* wakes whoever waits for an answer */
    }
    return TP_LOST;
}

static void
lose_by_errno(struct vtest *vtest, const char *doing)
{
    char why[128];

    /* 0: end of file. A time-out is set only during the handshake. */
    snprintf(why, sizeof(why), "%s: %s", doing,
             errno == 0 ? "the server has closed the connection"
             : errno == EAGAIN || errno == EWOULDBLOCK
                 ? "the server does not answer; it may be busy "
                   "with another client (--no-fork)"
                 : strerror(errno));
    vtest_lose(vtest, why);
}

/* Nobody can tell during the handshake; it has a time-out instead. */
static bool
may_be_hopeless(const struct vtest *vtest)
{
    return vtest->base.is_hopeless != NULL;
}

/* No call may block where we could not look whether that is hopeless: we block here. */
static int
socket_flags(const struct vtest *vtest)
{
    return MSG_NOSIGNAL | (may_be_hopeless(vtest) ? MSG_DONTWAIT : 0);
}

/* Until the socket can be read (POLLIN) or written (POLLOUT). False after vtest_lose(). */
static bool
wait_for(struct vtest *vtest, short what)
{
    struct pollfd socket = {.fd = vtest->socket, .events = what};

    while (may_be_hopeless(vtest) && poll(&socket, 1, LOOK_INTERVAL_MS) <= 0) {
        if (vtest->base.is_hopeless(vtest->base.is_hopeless_user)) {
            vtest_lose(vtest, "the server does not answer, and its renderer does not live");
            return false;
        }
    }
    return true;
}

/* A call on the socket has failed: true if it is worth another try. */
static bool
try_again(struct vtest *vtest, short what, const char *doing)
{
    if (errno == EINTR) {
        return true;
    }
    if (errno == EAGAIN && may_be_hopeless(vtest)) {
        return wait_for(vtest, what);
    }
    errno = errno == EPIPE || errno == ECONNRESET ? 0 : errno;
    lose_by_errno(vtest, doing);
    return false;
}

/* Leaves out the first `size` bytes of the parts. */
static void
skip_parts(struct msghdr *message, size_t size)
{
    while (message->msg_iovlen > 0 && size >= message->msg_iov->iov_len) {
        size -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (size > 0) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + size;
        message->msg_iov->iov_len -= size;
    }
}

static bool
send_parts(struct vtest *vtest, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(vtest->socket, &message, socket_flags(vtest));
        if (sent >= 0) {
            skip_parts(&message, (size_t)sent);
        } else if (!try_again(vtest, POLLOUT, "sending")) {
            return false;
        }
    }
    return true;
}

static bool
send_fd(struct vtest *vtest, int fd)
{
    while (!base_fd_try_send_fd(vtest->socket, fd, socket_flags(vtest))) {
        if (!try_again(vtest, POLLOUT, "sending a descriptor")) {
            return false;
        }
    }
    return true;
}

static bool
send_locked(struct vtest *vtest, const struct vtest_message *message)
{
    uint32_t header[WIRE_VTEST_HEADER_DWORDS] = {(uint32_t)message->length, message->command};
    struct iovec parts[] = {
        {.iov_base = header, .iov_len = sizeof(header)},
        {.iov_base = (void *)message->body, .iov_len = message->body_size},
        {.iov_base = (void *)message->tail, .iov_len = message->tail_size},
    };

    return !atomic_load(&vtest->lost) && send_parts(vtest, parts, BASE_COUNT_OF(parts)) &&
           (!message->fd || send_fd(vtest, *message->fd));
}

bool
vtest_send(struct vtest *vtest, const struct vtest_message *message)
{
    pthread_mutex_lock(&vtest->sending);
    bool sent = send_locked(vtest, message);
    pthread_mutex_unlock(&vtest->sending);
    return sent;
}

bool
vtest_request(struct vtest *vtest, const struct vtest_message *message)
{
    pthread_mutex_lock(&vtest->sending);
    bool sent = send_locked(vtest, message);
    if (sent) {
        pthread_mutex_lock(&vtest->receiving);
    }
    pthread_mutex_unlock(&vtest->sending);
    return sent;
}

void
vtest_end_answer(struct vtest *vtest)
{
    pthread_mutex_unlock(&vtest->receiving);
}

bool
vtest_read(struct vtest *vtest, void *to, size_t size)
{
    uint8_t *at = to;

    while (size > 0) {
        if (atomic_load(&vtest->lost) || !wait_for(vtest, POLLIN)) {
            return false;
        }
        ssize_t got = recv(vtest->socket, at, size, socket_flags(vtest));
        if (got > 0) {
            at += got;
            size -= (size_t)got;
            continue;
        }
        errno = got == 0 ? 0 : errno;
        if (!try_again(vtest, POLLIN, "waiting for an answer")) {
            return false;
        }
    }
    return true;
}

bool
vtest_read_header(struct vtest *vtest, uint32_t command, uint32_t *out_length)
{
    uint32_t header[WIRE_VTEST_HEADER_DWORDS];
    char why[96];

    if (!vtest_read(vtest, header, sizeof(header))) {
        return false;
    }
    if (header[1] != command) {
        snprintf(why, sizeof(why), "the server answered command %u with one for command %u",
                 command, header[1]);
        vtest_lose(vtest, why);
        return false;
    }
    *out_length = header[0];
    return true;
}

int
vtest_read_fd(struct vtest *vtest)
{
    bool there = !atomic_load(&vtest->lost) && wait_for(vtest, POLLIN);
    int fd = there ? base_fd_receive_fd(vtest->socket) : -1;

    if (fd == -1 && !atomic_load(&vtest->lost)) {
        lose_by_errno(vtest, "waiting for a descriptor");
    }
    return fd;
}

bool
vtest_read_answer(struct vtest *vtest, uint32_t command, uint32_t *answer, size_t count)
{
    uint32_t length;
    char why[96];

    if (!vtest_read_header(vtest, command, &length)) {
        return false;
    }
    if (length != count) {
        snprintf(why, sizeof(why), "the answer to command %u has %u dwords instead of %zu", command,
                 length, count);
        vtest_lose(vtest, why);
        return false;
    }
    return vtest_read(vtest, answer, count * sizeof(answer[0]));
}

bool
vtest_ask(struct vtest *vtest, uint32_t command, const uint32_t *body, size_t count,
          uint32_t *answer, size_t answer_count)
{
    struct vtest_message request = {
        .command = command,
        .body = body,
        .body_size = count * sizeof(body[0]),
        .length = count,
    };

    if (!vtest_request(vtest, &request)) {
        return false;
    }
    bool answered = vtest_read_answer(vtest, command, answer, answer_count);
    vtest_end_answer(vtest);
    return answered;
}
