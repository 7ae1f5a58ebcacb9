/* A worker process that waits for its client: forked ahead, it loads the host's driver and looks at
 * its devices (renderer/warm_up.h), so that the next client need not wait for that. Who comes when
 * there is none gets a worker forked for it, as always.
 *
 * The first is made when the server starts; each further one once no client has come for a second,
 * so that it does not compete with the one that has just been served. One that dies is replaced in
 * the same way; one that dies before it is warm (a host driver that crashes) not before another
 * client has come. What a spare has found out about the host's memory goes to the server, and with
 * it into all later workers, but only until it has a client.
 *
 * VESPER_SPARE=0 in the server's environment: there are none. The server's one thread. */
#ifndef SRV_SPARE_H
#define SRV_SPARE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/packet.h"
#include "server/process/children.h"

struct srv_spare {
    struct srv_children *children; /* outlives us */
    struct srv_child *child;       /* NULL: there is none; ours until it has a client */
    int socket;                    /* to it; -1 */
    bool warm;
    uint64_t due_ns; /* when the next is to be made; UINT64_MAX: not yet known */
};

/* What a spare is told of the client that it is to serve. Its descriptors go with it. */
struct srv_assignment {
    char label[SRV_LABEL_SIZE];
    uint64_t number;
};

/* `allowed`: whether the server has any use for spares. */
void srv_spare_init(struct srv_spare *spare, struct srv_children *children, bool allowed);
/* Lets go of it: without the server it ends by itself. Also for a fork, which must not keep it. */
void srv_spare_finish(struct srv_spare *spare);

/* For the server's poll(): what to wait for, and how long at most (-1: for ever). */
struct pollfd srv_spare_poll(const struct srv_spare *spare);
int srv_spare_timeout_ms(const struct srv_spare *spare);
/* Takes what it has found out; makes one if that is due. SRV_FORK_CHILD: this is the spare, which
 * gives back what it does not need of the server's and calls srv_spare_await(). */
BASE_MUST_CHECK enum srv_fork_result srv_spare_attend(struct srv_spare *spare);
/* In the spare: warms up, waits for a client. False: there will be none; end. The descriptors
 * become the caller's: as many as srv_spare_give() was given. */
BASE_MUST_CHECK bool srv_spare_await(struct srv_spare *spare, struct srv_assignment *out,
                                     int fds[BASE_PACKET_MAX_FDS]);

/* A client has come. Gives it to the spare, whose child gets `label` and `user`, and returns that;
 * the descriptors stay the caller's. NULL: there is none, fork. */
BASE_MUST_CHECK struct srv_child *srv_spare_give(struct srv_spare *spare,
                                                 const struct srv_assignment *assignment,
                                                 const int *fds, size_t fd_count, void *user);
/* For srv_children.ended: true if that child was the spare. */
BASE_MUST_CHECK bool srv_spare_ended(struct srv_spare *spare, const struct srv_child *child);

#endif
