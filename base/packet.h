/* Packets: one message of a SOCK_SEQPACKET socket, whole or not at all, with the descriptors that
 * ride on it. All functions restart after EINTR, none raises SIGPIPE or blocks beyond its time-out.
 */
#ifndef BASE_PACKET_H
#define BASE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attributes.h"

enum {
    BASE_PACKET_MAX_FDS = 4, /* even: the room for them is padded, and must not hold one more */
};

struct base_packet {
    void *data;
    size_t size;                  /* sending: of data; receiving: the room there, then what came */
    int fds[BASE_PACKET_MAX_FDS]; /* sending: stay the caller's; receiving: become the caller's */
    size_t fd_count;
};

enum base_packet_result {
    BASE_PACKET_OK,
    BASE_PACKET_CLOSED, /* the peer has hung up, or the socket is broken (errno) */
    BASE_PACKET_TIMEOUT,
    BASE_PACKET_BROKEN, /* longer than the room, or with other descriptors than allowed */
};

/* Waits timeout_ms (-1: forever) for room. */
BASE_MUST_CHECK enum base_packet_result
base_packet_send(int socket_fd, const struct base_packet *packet, int timeout_ms);
/* Waits timeout_ms (-1: forever) for a packet. On failure there are no descriptors to close. */
BASE_MUST_CHECK enum base_packet_result
base_packet_receive(int socket_fd, struct base_packet *packet, int timeout_ms);
/* Closes what came along and sets the count to 0. */
void base_packet_close_fds(struct base_packet *packet);

#endif
