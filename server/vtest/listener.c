#include "server/vtest/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "server/process/children.h"
#include "server/process/spare.h"
#include "server/vtest/endpoint.h"
#include "server/vtest/worker.h"

enum {
    PAUSE_MS = 100, /* after descriptors or processes ran out */
};

struct listener {
    const struct srv_options *options;
    struct srv_endpoint endpoint;
    struct srv_children children;
    struct srv_spare spare;
    uint64_t last_client;
    unsigned clients; /* that have a worker */
};

static void
give_up_worker(void *user)
{
    _exit(EXIT_SUCCESS); /* the client is gone and its reason logged; the kernel frees the rest */
}

static void
give_up_server(void *user)
{
    struct listener *listener = user;

    base_log_error("without a worker process of its own, a stuck client ends the server");
    srv_endpoint_finish(&listener->endpoint);
    _exit(EXIT_FAILURE);
}

/* In the fork. Nothing of the listener's may stay open: another server must be able to take the
 * path over as soon as the listener is dead. */
static void
become_worker(struct listener *listener, pid_t parent, bool is_spare)
{
    base_fd_close(&listener->endpoint.fd);
    if (!is_spare) {
        srv_spare_finish(&listener->spare);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* it died before it could be watched */
    }
}

static void
serve(struct listener *listener, int socket, uint64_t client_number)
{
    srv_worker_serve(&(struct srv_worker_info){
        .socket = socket,
        .client_number = client_number,
        .stop_fd = listener->children.signal_fd,
        .give_up = listener->children.is_child ? give_up_worker : give_up_server,
        .user = listener,
    });
}

static void
fork_worker(struct listener *listener, const char *label, int socket)
{
    pid_t parent = getpid();

    switch (srv_children_fork(&listener->children, SRV_WORKER_NAME, label, NULL)) {
    case SRV_FORK_CHILD:
        become_worker(listener, parent, false);
        serve(listener, socket, listener->last_client);
        break;
    case SRV_FORK_FAILED:
        base_log_warn("no worker for %s: %s; closing its connection", label, strerror(errno));
        break;
    case SRV_FORK_PARENT: listener->clients++; break;
    }
}

static void
hand_over_or_close(struct listener *listener, int socket)
{
    struct srv_assignment assignment = {.number = listener->last_client};

    snprintf(assignment.label, sizeof(assignment.label), "client %" PRIu64, assignment.number);
    if (srv_spare_give(&listener->spare, &assignment, &socket, 1, NULL)) {
        listener->clients++;
    } else {
        fork_worker(listener, assignment.label, socket);
    }
    if (!listener->children.is_child) {
        base_fd_close(&socket);
    }
}

static void
attend_spare(struct listener *listener)
{
    pid_t parent = getpid();
    struct srv_assignment assignment;
    int fds[BASE_PACKET_MAX_FDS];

    if (srv_spare_attend(&listener->spare) == SRV_FORK_CHILD) {
        become_worker(listener, parent, true);
        if (srv_spare_await(&listener->spare, &assignment, fds)) {
            serve(listener, fds[0], assignment.number);
        }
    }
}

static void
worker_ended(void *user, struct srv_child *child, bool killed, int status)
{
    struct listener *listener = user;

    if (!srv_spare_ended(&listener->spare, child)) {
        listener->clients--;
    }
}

/* It sees its connection end, as if there were no server. */
static void
turn_away(const struct listener *listener, int socket)
{
    base_log_warn("client %" PRIu64 ": turned away, %u clients are being served and --max-clients "
                  "allows no more",
                  listener->last_client, listener->clients);
    base_fd_close(&socket);
}

static void
accept_client(struct listener *listener)
{
    int socket = accept4(listener->endpoint.fd, NULL, NULL, SOCK_CLOEXEC);

    if (socket == -1) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            base_log_warn("cannot accept a client: %s; trying again", base_fd_explain(errno));
            poll(NULL, 0, PAUSE_MS);
        }
        return; /* others: the client has already gone */
    }
    listener->last_client++;
    if (listener->options->no_fork) {
        serve(listener, socket, listener->last_client);
        listener->children.ending |= listener->options->once;
    } else if (listener->clients >= listener->options->max_clients) {
        turn_away(listener, socket);
    } else {
        hand_over_or_close(listener, socket);
    }
}

static void
listen_for_clients(struct listener *listener)
{
    while (!listener->children.ending && !listener->children.is_child) {
        struct pollfd fds[] = {
            {.fd = listener->children.signal_fd, .events = POLLIN},
            {.fd = listener->endpoint.fd, .events = POLLIN},
            srv_spare_poll(&listener->spare),
        };
        if (poll(fds, BASE_COUNT_OF(fds), srv_spare_timeout_ms(&listener->spare)) == -1) {
            continue; /* EINTR, or memory for a moment */
        }
        if (fds[0].revents) {
            srv_children_attend(&listener->children);
        }
        if (fds[1].revents && !listener->children.ending) {
            accept_client(listener);
        }
        if (!listener->children.ending && !listener->children.is_child) {
            attend_spare(listener);
        }
    }
}

int
srv_listener_run(const struct srv_options *options)
{
    struct listener listener = {.options = options};

    srv_raise_descriptor_limit();
    if (!srv_endpoint_init(&listener.endpoint, options->socket_path)) {
        return EXIT_FAILURE;
    }
    if (!srv_children_init(&listener.children)) {
        srv_endpoint_finish(&listener.endpoint);
        return EXIT_FAILURE;
    }
    listener.children.ended = worker_ended;
    listener.children.user = &listener;
    srv_spare_init(&listener.spare, &listener.children, !options->no_fork);
    printf("vesper-server: listening at %s\n", options->socket_path);
    fflush(stdout);

    listen_for_clients(&listener);

    if (listener.children.is_child) {
        srv_leave_worker();
    }
    srv_endpoint_finish(&listener.endpoint); /* first: clients must not connect in vain */
    srv_spare_finish(&listener.spare);
    srv_children_end(&listener.children);
    srv_children_finish(&listener.children);
    return EXIT_SUCCESS;
}
