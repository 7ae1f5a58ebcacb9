#include "server/render/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/packet.h"
#include "renderer/context.h"
#include "server/process/children.h"
#include "server/process/spare.h"
#include "server/render/worker.h"
#include "wire/render.h"

enum {
    MAX_WORKERS = 1024,
};

/* What this process keeps of a context, to tell of its worker's death. */
struct record {
    struct base_list link;         /* srv_supervisor.records */
    struct wire_render_page *page; /* not inherited by later workers */
    int event_fd;
};

struct srv_supervisor {
    int socket;
    struct srv_children children;
    struct srv_spare spare;
    struct base_list records;
    size_t record_count;
    bool ending; /* the library has gone, or sent nonsense */
};

static void
destroy_record(struct srv_supervisor *server, struct record *record)
{
    base_list_remove(&record->link);
    server->record_count--;
    base_fd_unmap(record->page, sizeof(*record->page));
    base_fd_close(&record->event_fd);
    free(record);
}

/* Takes over both descriptors. NULL: errno. */
static struct record *
create_record(struct srv_supervisor *server, const int fds[2])
{
    struct record *record = calloc(1, sizeof(*record));
    int page_fd = fds[0], event_fd = fds[1];

    if (record) {
        record->page = base_fd_map(page_fd, sizeof(*record->page));
    }
    if (!record || !record->page) {
        int error = errno;
        free(record);
        base_fd_close(&page_fd);
        base_fd_close(&event_fd);
        errno = error;
        return NULL;
    }
    base_fd_close(&page_fd);
    record->event_fd = event_fd;
    base_list_push(&server->records, &record->link);
    server->record_count++;
    return record;
}

static void
worker_ended(void *user, struct srv_child *child, bool killed, int status)
{
    struct srv_supervisor *server = user;
    struct record *record = child->user;
    uint32_t how = killed ? WIRE_RENDER_KILLED : WIRE_RENDER_EXITED;

    if (srv_spare_ended(&server->spare, child)) {
        return;
    }
    atomic_store(&record->page->death, how | ((uint32_t)status & WIRE_RENDER_DEATH_VALUE));
    eventfd_write(record->event_fd, 1);
    destroy_record(server, record);
}

/* In the fork: nothing of the other contexts may stay open, or mapped. */
static void
become_worker(struct srv_supervisor *server)
{
    base_fd_close(&server->socket);
    base_list_for_each (record, &server->records, struct record, link) {
        base_fd_close(&record->event_fd);
        base_fd_unmap(record->page, sizeof(*record->page));
    }
}

static void
reply(struct srv_supervisor *server, const void *data, size_t size, int fd)
{
    struct base_packet packet = {
        .data = (void *)data, .size = size, .fds = {fd}, .fd_count = fd == -1 ? 0 : 1};

    if (base_packet_send(server->socket, &packet, -1) != BASE_PACKET_OK) {
        server->ending = true;
    }
}

static void
refuse_context(struct srv_supervisor *server, const char *label, int error)
{
    base_log_error("no worker for %s: %s", label, base_fd_explain(error));
    reply(server, &(struct wire_render_created){.error = (uint32_t)error},
          sizeof(struct wire_render_created), -1);
}

/* A worker's descriptors, in the order in which a spare gets them. */
enum {
    WORKER_SOCKET,
    WORKER_PAGE,
    WORKER_EVENT,
    WORKER_FD_COUNT,
};

static void serve(const char *label, const int fds[WORKER_FD_COUNT]) __attribute__((noreturn));

static void
serve(const char *label, const int fds[WORKER_FD_COUNT])
{
    srv_render_worker_run(&(struct srv_render_worker_info){
        .socket = fds[WORKER_SOCKET],
        .page_fd = fds[WORKER_PAGE],
        .event_fd = fds[WORKER_EVENT],
        .name = label + strlen("context "),
    });
    srv_leave_worker();
}

/* NULL: errno. Does not return in the worker, which takes the descriptors over; here they stay the
 * caller's. */
static struct srv_child *
find_worker(struct srv_supervisor *server, const char *label, struct record *record,
            const int fds[WORKER_FD_COUNT], int library_socket)
{
    struct srv_assignment assignment = {0};

    snprintf(assignment.label, sizeof(assignment.label), "%s", label);
    struct srv_child *child =
        srv_spare_give(&server->spare, &assignment, fds, WORKER_FD_COUNT, record);
    if (child) {
        return child;
    }
    switch (srv_children_fork(&server->children, SRV_WORKER_NAME, label, record)) {
    case SRV_FORK_CHILD:
        base_fd_close(&library_socket);
        srv_spare_finish(&server->spare);
        become_worker(server);
        serve(label, fds);
    case SRV_FORK_FAILED: return NULL;
    case SRV_FORK_PARENT: break;
    }
    return srv_children_newest(&server->children);
}

static void
attend_spare(struct srv_supervisor *server)
{
    struct srv_assignment assignment;
    int fds[BASE_PACKET_MAX_FDS];

    if (srv_spare_attend(&server->spare) == SRV_FORK_CHILD) {
        become_worker(server);
        if (srv_spare_await(&server->spare, &assignment, fds)) {
            serve(assignment.label, fds);
        }
        srv_leave_worker();
    }
}

/* Returns errno, or 0 and the library's end of the worker's socket. Does not return in the worker.
 */
static int
start_worker(struct srv_supervisor *server, const char *label, const int fds[2], int *out_socket,
             pid_t *out_pid)
{
    int sockets[2] = {-1, -1};
    /* The worker's copies, made while the record still has its own. */
    int page_fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
    int event_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
    struct record *record = create_record(server, fds);
    struct srv_child *child = NULL;

    if (record && page_fd != -1 && event_fd != -1 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0) {
        child = find_worker(
            server, label, record,
            (const int[]){
                [WORKER_SOCKET] = sockets[1], [WORKER_PAGE] = page_fd, [WORKER_EVENT] = event_fd},
            sockets[0]);
    }
    int error = child ? 0 : errno;
    base_fd_close(&sockets[1]);
    base_fd_close(&page_fd);
    base_fd_close(&event_fd);
    if (child) {
        *out_pid = child->pid;
        *out_socket = sockets[0];
        return 0;
    }
    base_fd_close(&sockets[0]);
    if (record) {
        destroy_record(server, record);
    }
    return error;
}

static void
create_context(struct srv_supervisor *server, struct wire_render_create_context *request,
               struct base_packet *packet)
{
    char label[sizeof(((struct srv_child *)NULL)->label)];
    int socket = -1;
    pid_t pid = 0;

    request->name[WIRE_RENDER_NAME_SIZE - 1] = '\0';
    snprintf(label, sizeof(label), "context %u (%s)", request->context_id, request->name);
    if (server->record_count >= MAX_WORKERS) {
        base_packet_close_fds(packet);
        refuse_context(server, label, EAGAIN);
        return;
    }
    int error = start_worker(server, label, packet->fds, &socket, &pid);
    packet->fd_count = 0;
    if (error) {
        refuse_context(server, label, error);
        return;
    }
    reply(server, &(struct wire_render_created){.pid = pid}, sizeof(struct wire_render_created),
          socket);
    base_fd_close(&socket);
}

static void
welcome(struct srv_supervisor *server)
{
    struct wire_render_welcome answer = {
        .magic = WIRE_RENDER_MAGIC,
        .version = WIRE_RENDER_VERSION,
    };

    rnd_context_get_capset(&answer.capset);
    /* The guest's kernel is another: no futex of one wakes a thread of the other. */
    answer.capset.tail_features &= ~(uint32_t)WIRE_FEATURE_RING_FUTEX;
    reply(server, &answer, sizeof(answer), -1);
}

static void
serve_request(struct srv_supervisor *server)
{
    union {
        uint32_t command;
        struct wire_render_hello hello;
        struct wire_render_create_context create;
    } request;
    struct base_packet packet = {.data = &request, .size = sizeof(request)};

    if (base_packet_receive(server->socket, &packet, -1) != BASE_PACKET_OK) {
        server->ending = true; /* the library has closed it */
        return;
    }
    if (packet.size == sizeof(request.hello) && request.command == WIRE_RENDER_HELLO &&
        request.hello.magic == WIRE_RENDER_MAGIC && request.hello.version == WIRE_RENDER_VERSION &&
        packet.fd_count == 0) {
        welcome(server);
    } else if (packet.size == sizeof(request.create) &&
               request.command == WIRE_RENDER_CREATE_CONTEXT && packet.fd_count == 2) {
        create_context(server, &request.create, &packet);
    } else {
        base_log_error("the library speaks another protocol than this server, which needs "
                       "libvirglrenderer.so.1 of Vesper " VESPER_VERSION "; ending");
        base_packet_close_fds(&packet);
        server->ending = true;
    }
}

int
srv_supervisor_run(int socket)
{
    struct srv_supervisor server = {.socket = socket};

    base_list_init(&server.records);
    if (!srv_children_init(&server.children)) {
        return EXIT_FAILURE;
    }
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    server.children.ended = worker_ended;
    server.children.user = &server;
    srv_spare_init(&server.spare, &server.children, true);

    while (!server.ending && !server.children.ending) {
        struct pollfd fds[] = {
            {.fd = server.children.signal_fd, .events = POLLIN},
            {.fd = socket, .events = POLLIN},
            srv_spare_poll(&server.spare),
        };
        if (poll(fds, BASE_COUNT_OF(fds), srv_spare_timeout_ms(&server.spare)) == -1) {
            continue; /* EINTR, or memory for a moment */
        }
        if (fds[0].revents) {
            srv_children_attend(&server.children);
        }
        if (fds[1].revents && !server.children.ending) {
            serve_request(&server);
        }
        if (!server.ending && !server.children.ending) {
            attend_spare(&server);
        }
    }
    srv_spare_finish(&server.spare);
    base_fd_close(&server.socket);
    srv_children_end(&server.children);
    srv_children_finish(&server.children);
    return EXIT_SUCCESS;
}
