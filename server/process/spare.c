#include "server/process/spare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "renderer/warm_up.h"

#define QUIET_NS (UINT64_C(1000) * 1000 * 1000) /* without a client, before one is made */

/* --- in the server --- */

void
srv_spare_init(struct srv_spare *spare, struct srv_children *children, bool allowed)
{
    const char *wish = getenv("VESPER_SPARE");
    bool refused = wish && strcmp(wish, "0") == 0;

    *spare = (struct srv_spare){
        .children = allowed && !refused ? children : NULL,
        .socket = -1,
        .due_ns = allowed && !refused ? 0 : UINT64_MAX,
    };
}

void
srv_spare_finish(struct srv_spare *spare)
{
    base_fd_close(&spare->socket);
    spare->child = NULL;
    spare->due_ns = UINT64_MAX;
}

struct pollfd
srv_spare_poll(const struct srv_spare *spare)
{
    /* Once it is warm it has nothing more to say; its death comes as a signal. */
    return (struct pollfd){.fd = spare->warm ? -1 : spare->socket, .events = POLLIN};
}

int
srv_spare_timeout_ms(const struct srv_spare *spare)
{
    uint64_t now = base_clock_now_ns();

    if (spare->due_ns == UINT64_MAX) {
        return -1;
    }
    return spare->due_ns > now ? (int)((spare->due_ns - now) / 1000000 + 1) : 0;
}

static void
take_findings(struct srv_spare *spare)
{
    struct rnd_findings findings;
    struct base_packet packet = {.data = &findings, .size = sizeof(findings)};
    enum base_packet_result res = base_packet_receive(spare->socket, &packet, 0);

    if (res == BASE_PACKET_TIMEOUT) {
        return;
    }
    if (res == BASE_PACKET_OK && packet.size == sizeof(findings)) {
        rnd_findings_set(&findings);
        spare->warm = true;
        base_log_debug("a spare worker (pid %d) is warm", (int)spare->child->pid);
    } else {
        base_fd_close(&spare->socket); /* it has died, or is none of ours: its end will tell */
    }
    base_packet_close_fds(&packet);
}

static enum srv_fork_result
make(struct srv_spare *spare)
{
    int sockets[2];

    spare->due_ns = UINT64_MAX;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        base_log_info("no spare worker: %s", base_fd_explain(errno));
        return SRV_FORK_FAILED;
    }
    enum srv_fork_result res =
        srv_children_fork(spare->children, "vesper-spare", "no client yet", NULL);
    int ours = res == SRV_FORK_CHILD ? 1 : 0;
    base_fd_close(&sockets[1 - ours]);
    if (res == SRV_FORK_FAILED) {
        base_log_info("no spare worker: %s", strerror(errno));
        base_fd_close(&sockets[ours]);
        return res;
    }
    spare->socket = sockets[ours];
    spare->warm = false;
    spare->child = res == SRV_FORK_PARENT ? srv_children_newest(spare->children) : NULL;
    return res;
}

enum srv_fork_result
srv_spare_attend(struct srv_spare *spare)
{
    if (spare->socket != -1 && !spare->warm) {
        take_findings(spare);
    }
    bool due = spare->due_ns != UINT64_MAX && spare->due_ns <= base_clock_now_ns();
    return due && !spare->child ? make(spare) : SRV_FORK_PARENT;
}

struct srv_child *
srv_spare_give(struct srv_spare *spare, const struct srv_assignment *assignment, const int *fds,
               size_t fd_count, void *user)
{
    struct srv_child *child = spare->child;
    struct base_packet packet = {
        .data = (void *)assignment,
        .size = sizeof(*assignment),
        .fd_count = fd_count,
    };

    if (spare->children) {
        spare->due_ns = base_clock_deadline_ns(QUIET_NS);
    }
    if (!child || spare->socket == -1) {
        return NULL;
    }
    memcpy(packet.fds, fds, fd_count * sizeof(fds[0]));
    bool given = base_packet_send(spare->socket, &packet, 0) == BASE_PACKET_OK;
    /* What it says from now on a client may have made it say. */
    base_fd_close(&spare->socket);
    if (!given) {
        return NULL; /* it has just died; still `child` until that is reaped */
    }
    spare->child = NULL;
    memcpy(child->label, assignment->label, sizeof(child->label));
    child->user = user;
    return child;
}

bool
srv_spare_ended(struct srv_spare *spare, const struct srv_child *child)
{
    if (!spare->child || spare->child != child) {
        return false;
    }
    base_fd_close(&spare->socket);
    spare->child = NULL;
    if (spare->warm) {
        spare->due_ns = base_clock_deadline_ns(QUIET_NS);
    } else if (!spare->children->ending) {
        base_log_warn("a worker (pid %d) has ended while it loaded the host's driver ahead of a "
                      "client; the next that tries so is made after the next client",
                      (int)child->pid);
    }
    return true;
}

/* --- in the spare --- */

/* Readable once it is done; -1: nothing was begun. */
static int
begin_warm_up(void)
{
    int done_fd = eventfd(0, EFD_CLOEXEC);
    int for_renderer = done_fd == -1 ? -1 : base_fd_duplicate(done_fd);

    if (for_renderer == -1) {
        base_fd_close(&done_fd);
    } else {
        rnd_warm_up_begin(for_renderer);
    }
    return done_fd;
}

static void
send_findings(const struct srv_spare *spare)
{
    struct rnd_findings findings;
    struct base_packet packet = {.data = &findings, .size = sizeof(findings)};

    rnd_findings_get(&findings);
    (void)!base_packet_send(spare->socket, &packet, 0); /* the server has gone: we see it next */
}

/* Returns when there is something to receive. */
static void
wait_for_news(const struct srv_spare *spare, int *done_fd)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = spare->socket, .events = POLLIN},
            {.fd = *done_fd, .events = POLLIN},
        };
        if (poll(fds, BASE_COUNT_OF(fds), -1) == -1) {
            continue; /* EINTR, or memory for a moment */
        }
        if (fds[0].revents) {
            return;
        }
        if (fds[1].revents) {
            base_fd_close(done_fd);
            send_findings(spare);
        }
    }
}

/* The server has closed its end behind an assignment. If our findings were still unread there, the
 * kernel tells of that first, once. */
static bool
receive_assignment(const struct srv_spare *spare, struct base_packet *packet)
{
    size_t room = packet->size;
    enum base_packet_result res = base_packet_receive(spare->socket, packet, -1);

    if (res == BASE_PACKET_CLOSED && errno == ECONNRESET) {
        packet->size = room;
        res = base_packet_receive(spare->socket, packet, -1);
    }
    return res == BASE_PACKET_OK && packet->size == room;
}

bool
srv_spare_await(struct srv_spare *spare, struct srv_assignment *out, int fds[BASE_PACKET_MAX_FDS])
{
    struct base_packet packet = {.data = out, .size = sizeof(*out)};

    int done_fd = begin_warm_up();
    wait_for_news(spare, &done_fd);
    bool assigned = receive_assignment(spare, &packet);
    if (!assigned && done_fd != -1) {
        _exit(EXIT_SUCCESS); /* in the middle of the host's driver, which may never return */
    }
    base_fd_close(&done_fd);
    srv_spare_finish(spare);
    prctl(PR_SET_NAME, SRV_WORKER_NAME);
    if (assigned) {
        memcpy(fds, packet.fds, packet.fd_count * sizeof(fds[0]));
    }
    return assigned;
}
