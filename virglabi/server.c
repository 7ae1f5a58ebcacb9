#include "virglabi/server.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/packet.h"
#include "virglabi/library.h"

enum {
    SERVER_FD = 3,           /* in the server */
    WELCOME_MS = 10000,      /* for its first answer, on a busy machine, too */
    ANSWER_MS = 10000,       /* for a worker */
    DEATH_PATIENCE_MS = 100, /* for the kernel to tell how it ended */
    EXIT_PATIENCE_MS = 3000, /* it gives its workers two seconds */
};

#define PATH_VARIABLE "RENDER_SERVER_EXEC_PATH"

extern char **environ;

/* --- starting --- */

static int
spawn(const char *path, int socket, pid_t *out_pid)
{
    char *arguments[] = {(char *)path, (char *)"--socket-fd", (char *)"3",
                         (char *)"--raise-descriptor-limit", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    /* The monitor's descriptors and signals are its own: Ctrl-C in its terminal reaches it alone.
     */
    posix_spawn_file_actions_adddup2(&actions, socket, SERVER_FD);
    posix_spawn_file_actions_addclosefrom_np(&actions, SERVER_FD + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int error = posix_spawn(out_pid, path, &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool
start_program(struct abi_server *server)
{
    int sockets[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        base_log_error("no socket for the render server: %s", base_fd_explain(errno));
        return false;
    }
    int error = spawn(server->path, sockets[1], &pid);
    base_fd_close(&sockets[1]);
    if (error) {
        base_fd_close(&sockets[0]);
        base_log_error("the render server %s cannot be started: %s; set " PATH_VARIABLE
                       " to the full path of vesper-render-server%s",
                       server->path, strerror(error),
                       error == EPERM || error == EACCES
                           ? ", and allow the machine monitor to start programs "
                             "(QEMU: no -sandbox spawn=deny)"
                           : "");
        return false;
    }
    server->socket = sockets[0];
    server->pid = pid;
    return true;
}

static bool
is_packet_socket(int fd)
{
    int type = 0;
    socklen_t size = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

/* True also if the monitor has none to give. */
static bool
take_given_socket(struct abi_server *server)
{
    const struct virgl_renderer_callbacks *callbacks = abi.callbacks;
    int fd = callbacks->version >= 3 && callbacks->get_server_fd
                 ? callbacks->get_server_fd(abi.cookie, 0)
                 : -1;

    if (fd >= 0 && !is_packet_socket(fd)) {
        base_log_error("descriptor %d, which get_server_fd() gave, is no SOCK_SEQPACKET socket to "
                       "a render server",
                       fd);
        base_fd_close(&fd);
        return false;
    }
    server->socket = fd >= 0 ? fd : -1;
    return true;
}

static void
choose_program(struct abi_server *server)
{
    const char *path = secure_getenv(PATH_VARIABLE);

    snprintf(server->path, sizeof(server->path), "%s",
             path && *path ? path : VESPER_RENDER_SERVER_PATH);
}

/* --- ending --- */

/* How our child ended; NULL: it has not, or it is not our child. */
static const char *
how_it_ended(struct abi_server *server, int patience_ms, char *text, size_t size)
{
    siginfo_t info = {0};

    for (int waited_ms = 0; server->pid != 0; waited_ms += 5) {
        if (waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG) != 0) {
            return NULL; /* the monitor ignores SIGCHLD, or has reaped it for us */
        }
        if (info.si_pid != 0) {
            break;
        }
        if (waited_ms >= patience_ms) {
            return NULL;
        }
        poll(NULL, 0, 5);
    }
    if (info.si_pid == 0) {
        return NULL;
    }
    server->pid = 0;
    if (info.si_code == CLD_EXITED) {
        snprintf(text, size, "has ended with status %d", info.si_status);
    } else {
        const char *name = sigabbrev_np(info.si_status);
        snprintf(text, size, "died of SIG%s (%s)", name ? name : "?", strsignal(info.si_status));
    }
    return text;
}

static const char *
name_of(const struct abi_server *server)
{
    return server->path[0] ? server->path : "that the machine monitor has started";
}

static bool
has_hung_up(int socket)
{
    struct pollfd wanted = {.fd = socket, .events = 0};

    return poll(&wanted, 1, 0) == 1 && (wanted.revents & (POLLHUP | POLLERR | POLLNVAL));
}

void
abi_server_check_locked(struct abi_server *server)
{
    char text[96];
    pid_t pid = server->pid;

    if (server->socket == -1 || server->lost || !has_hung_up(server->socket)) {
        return;
    }
    const char *how = how_it_ended(server, DEATH_PATIENCE_MS, text, sizeof(text));
    base_log_error("the render server %s (pid %d) %s; contexts that exist go on, %s",
                   name_of(server), (int)pid, how ? how : "has hung up",
                   server->path[0] ? "the next one starts another server"
                                   : "there will be no new ones");
    server->lost = true;
}

void
abi_server_stop(struct abi_server *server)
{
    char text[96];
    pid_t pid = server->pid;

    base_fd_close(&server->socket); /* which ends it */
    if (pid != 0 && !how_it_ended(server, EXIT_PATIENCE_MS, text, sizeof(text)) &&
        server->pid != 0 && kill(pid, 0) == 0) {
        kill(pid, SIGKILL);
        (void)how_it_ended(server, DEATH_PATIENCE_MS, text, sizeof(text));
    }
    server->pid = 0;
}

/* --- talking --- */

static bool
greet(struct abi_server *server)
{
    struct wire_render_hello hello = {
        .command = WIRE_RENDER_HELLO,
        .magic = WIRE_RENDER_MAGIC,
        .version = WIRE_RENDER_VERSION,
    };
    struct wire_render_welcome welcome = {0};
    struct base_packet packet = {.data = &hello, .size = sizeof(hello)};
    char text[96];

    enum base_packet_result res = base_packet_send(server->socket, &packet, WELCOME_MS);
    if (res == BASE_PACKET_OK) {
        packet = (struct base_packet){.data = &welcome, .size = sizeof(welcome)};
        res = base_packet_receive(server->socket, &packet, WELCOME_MS);
        base_packet_close_fds(&packet);
    }
    if (res == BASE_PACKET_OK && packet.size == sizeof(welcome) &&
        welcome.magic == WIRE_RENDER_MAGIC && welcome.version == WIRE_RENDER_VERSION) {
        server->capset = welcome.capset;
        return true;
    }
    const char *how = how_it_ended(server, DEATH_PATIENCE_MS, text, sizeof(text));
    base_log_error("the render server %s %s instead of answering as vesper-render-server of "
                   "Vesper " VESPER_VERSION " does; a server of another project or version does "
                   "not work with this library",
                   name_of(server),
                   how                          ? how
                   : res == BASE_PACKET_TIMEOUT ? "has said nothing for ten seconds"
                   : res == BASE_PACKET_CLOSED  ? "has hung up"
                                                : "has said something else");
    return false;
}

static bool
start_and_greet(struct abi_server *server)
{
    if (server->socket == -1 && !start_program(server)) {
        return false;
    }
    if (!greet(server)) {
        abi_server_stop(server);
        return false;
    }
    return true;
}

bool
abi_server_start(struct abi_server *server)
{
    *server = (struct abi_server){.socket = -1};
    if (!take_given_socket(server)) {
        return false;
    }
    if (server->socket == -1) {
        choose_program(server);
    }
    return start_and_greet(server);
}

/* Starts another one if the one before has died. */
static bool
revive(struct abi_server *server)
{
    struct abi_server fresh;

    pthread_mutex_lock(&abi.lock);
    abi_server_check_locked(server);
    if (server->lost) {
        base_fd_close(&server->socket);
    }
    fresh = *server;
    pthread_mutex_unlock(&abi.lock);
    if (fresh.socket != -1) {
        return true;
    }
    if (!fresh.path[0]) {
        base_log_error("there is no render server any more, and only the machine monitor could "
                       "start another: restart the machine");
        return false;
    }
    fresh.lost = false;
    bool started = start_and_greet(&fresh); /* without `lock`: it takes its time */
    pthread_mutex_lock(&abi.lock);
    server->socket = fresh.socket;
    server->pid = fresh.pid;
    server->lost = fresh.lost;
    pthread_mutex_unlock(&abi.lock);
    abi_monitor_wake(&abi.monitor);
    return started;
}

/* -1: the reason is logged, unless the server has gone. */
static int
ask_for_worker(int socket, const struct wire_render_create_context *request, int page_fd,
               int event_fd, pid_t *out_pid)
{
    struct wire_render_created created = {0};
    struct base_packet packet = {
        .data = (void *)request,
        .size = sizeof(*request),
        .fds = {page_fd, event_fd},
        .fd_count = 2,
    };

    enum base_packet_result res = base_packet_send(socket, &packet, ANSWER_MS);
    if (res == BASE_PACKET_OK) {
        packet = (struct base_packet){.data = &created, .size = sizeof(created)};
        res = base_packet_receive(socket, &packet, ANSWER_MS);
    }
    if (res == BASE_PACKET_OK && packet.size == sizeof(created) && !created.error &&
        packet.fd_count == 1) {
        *out_pid = created.pid;
        return packet.fds[0];
    }
    if (res == BASE_PACKET_OK) {
        base_packet_close_fds(&packet);
        base_log_error("the render server has no worker for context %u: %s", request->context_id,
                       base_fd_explain((int)created.error));
    } else if (res != BASE_PACKET_CLOSED) {
        base_log_error("the render server has not answered a request for context %u for ten "
                       "seconds",
                       request->context_id);
    }
    errno = res == BASE_PACKET_CLOSED ? EPIPE : 0;
    return -1;
}

bool
abi_server_create_worker(struct abi_server *server,
                         const struct wire_render_create_context *request, int page_fd,
                         int event_fd, int *out_socket, pid_t *out_pid)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!revive(server)) {
            return false;
        }
        int socket = ask_for_worker(server->socket, request, page_fd, event_fd, out_pid);
        if (socket != -1) {
            *out_socket = socket;
            return true;
        }
        if (errno != EPIPE) {
            return false;
        }
    }
    return false;
}
