#include "base/packet.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

union fd_control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int) * BASE_PACKET_MAX_FDS)];
};

/* False: the time is up. Errors are left to the call that follows. */
static bool
wait_for(int fd, short events, uint64_t deadline_ns)
{
    for (;;) {
        struct pollfd wanted = {.fd = fd, .events = events};
        uint64_t now = base_clock_now_ns();
        int left_ms = -1;
        if (deadline_ns != UINT64_MAX) {
            left_ms = deadline_ns > now ? (int)((deadline_ns - now) / 1000000 + 1) : 0;
        }
        int got = poll(&wanted, 1, left_ms);
        if (got == 0) {
            return false;
        }
        if (got > 0 || errno != EINTR) {
            return true;
        }
    }
}

static uint64_t
deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX
                          : base_clock_deadline_ns((uint64_t)timeout_ms * UINT64_C(1000000));
}

enum base_packet_result
base_packet_send(int socket_fd, const struct base_packet *packet, int timeout_ms)
{
    struct iovec data = {.iov_base = packet->data, .iov_len = packet->size};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    union fd_control control;
    uint64_t deadline_ns = deadline_of(timeout_ms);

    if (packet->fd_count > 0) {
        size_t size = sizeof(int) * packet->fd_count;
        memset(&control, 0, sizeof(control));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), packet->fds, size);
    }
    for (;;) {
        if (sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return BASE_PACKET_OK;
        }
        if (errno == EAGAIN) {
            if (!wait_for(socket_fd, POLLOUT, deadline_ns)) {
                return BASE_PACKET_TIMEOUT;
            }
        } else if (errno != EINTR) {
            return BASE_PACKET_CLOSED;
        }
    }
}

/* False: more descriptors came than there is room for. Those that fit are in the packet. */
static bool
take_fds(struct msghdr *message, struct base_packet *packet)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(packet->fds, CMSG_DATA(header), count * sizeof(int));
            packet->fd_count = count;
        }
    }
    return !(message->msg_flags & MSG_CTRUNC);
}

enum base_packet_result
base_packet_receive(int socket_fd, struct base_packet *packet, int timeout_ms)
{
    struct iovec data = {.iov_base = packet->data, .iov_len = packet->size};
    union fd_control control;
    uint64_t deadline_ns = deadline_of(timeout_ms);
    struct msghdr message;
    ssize_t got;

    packet->fd_count = 0;
    for (;;) {
        message = (struct msghdr){
            .msg_iov = &data,
            .msg_iovlen = 1,
            .msg_control = &control,
            .msg_controllen = sizeof(control),
        };
        got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        if (got >= 0) {
            break;
        }
        if (errno == EAGAIN) {
            if (!wait_for(socket_fd, POLLIN, deadline_ns)) {
                return BASE_PACKET_TIMEOUT;
            }
        } else if (errno != EINTR) {
            return BASE_PACKET_CLOSED;
        }
    }
    bool whole = take_fds(&message, packet) && !(message.msg_flags & MSG_TRUNC);
    if (got == 0 || !whole) {
        base_packet_close_fds(packet);
        errno = 0;
        return got == 0 ? BASE_PACKET_CLOSED : BASE_PACKET_BROKEN;
    }
    packet->size = (size_t)got;
    return BASE_PACKET_OK;
}

void
base_packet_close_fds(struct base_packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++) {
        close(packet->fds[i]);
    }
    packet->fd_count = 0;
}
