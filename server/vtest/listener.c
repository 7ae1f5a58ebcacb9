#include "server/vtest/listener.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "server/vtest/endpoint.h"
#include "server/vtest/worker.h"

enum {
    END_MS = 1000,  /* for workers to obey SIGTERM, before SIGKILL */
    PAUSE_MS = 100, /* after descriptors or processes ran out */
};

struct worker {
    struct base_list link; /* srv_listener.workers */
    pid_t pid;
    uint64_t client_number;
};

struct listener {
    const struct srv_options *options;
    struct srv_endpoint endpoint;
    int signal_fd; /* the signals below arrive here and nowhere else */
    sigset_t signals_before;
    struct base_list workers;
    uint64_t last_client;
    bool ending;
    bool is_worker; /* we are a fork that has served its client */
};

static bool
is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static bool
catch_signals(struct listener *listener)
{
    sigset_t caught;

    sigemptyset(&caught);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGCHLD);
    if (!is_ignored(SIGHUP)) { /* as under nohup */
        sigaddset(&caught, SIGHUP);
    }
    signal(SIGCHLD, SIG_DFL); /* inherited SIG_IGN would reap workers behind our back */
    sigprocmask(SIG_BLOCK, &caught, &listener->signals_before);
    listener->signal_fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
    if (listener->signal_fd == -1) {
        base_log_error("cannot wait for signals: %s", strerror(errno));
    }
    return listener->signal_fd != -1;
}

/* Memory that a client has not mapped yet, and each wait of one, is a descriptor. The common soft
 * limit, 1024, is for programs that select(). */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            base_log_warn("cannot raise the limit of descriptors: %s", strerror(errno));
        }
    }
}

static void
drain_signals(struct listener *listener)
{
    struct signalfd_siginfo info;

    while (read(listener->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            listener->ending = true;
        }
    }
}

static struct worker *
find_worker(struct listener *listener, pid_t pid)
{
    base_list_for_each (worker, &listener->workers, struct worker, link) {
        if (worker->pid == pid) {
            return worker;
        }
    }
    return NULL;
}

static void
report_death(const struct worker *worker, int status)
{
    const char *name = sigabbrev_np(WTERMSIG(status));

    base_log_error(
        "client %" PRIu64 ": its worker (pid %d) died of SIG%s (%s); other clients are not "
        "affected",
        worker->client_number, (int)worker->pid, name ? name : "?", strsignal(WTERMSIG(status)));
}

static void
reap_workers(struct listener *listener)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct worker *worker = find_worker(listener, pid);
        if (!worker) {
            continue; /* a child of whoever became this program by exec */
        }
        if (WIFSIGNALED(status) && !listener->ending) {
            report_death(worker, status);
        }
        base_list_remove(&worker->link);
        free(worker);
    }
}

static void
signal_workers(struct listener *listener, int number)
{
    base_list_for_each (worker, &listener->workers, struct worker, link) {
        kill(worker->pid, number);
    }
}

static void
wait_for_workers(struct listener *listener, uint64_t timeout_ms)
{
    uint64_t deadline_ns = base_clock_deadline_ns(timeout_ms * 1000000);

    for (;;) {
        drain_signals(
            listener); /* before reaping: a child that dies after it makes the fd readable */
        reap_workers(listener);
        uint64_t now = base_clock_now_ns();
        if (base_list_empty(&listener->workers) || now >= deadline_ns) {
            return;
        }
        struct pollfd wanted = {.fd = listener->signal_fd, .events = POLLIN};
        poll(&wanted, 1, (int)((deadline_ns - now) / 1000000 + 1));
    }
}

static void
end_workers(struct listener *listener)
{
    signal_workers(listener, SIGTERM);
    wait_for_workers(listener, END_MS);
    signal_workers(listener, SIGKILL);
    wait_for_workers(listener, END_MS);
}

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
become_worker(struct listener *listener, pid_t parent)
{
    listener->is_worker = true;
    base_fd_close(&listener->endpoint.fd);
    base_fd_close(&listener->signal_fd);
    signal(SIGINT, SIG_IGN); /* from a terminal it reaches all of us; the listener decides */
    sigprocmask(SIG_SETMASK, &listener->signals_before, NULL);
    prctl(PR_SET_NAME, "vesper-worker");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE); /* it died before it could be watched */
    }
}

static void
serve(struct listener *listener, int socket)
{
    srv_worker_serve(&(struct srv_worker_info){
        .socket = socket,
        .client_number = listener->last_client,
        .stop_fd = listener->signal_fd,
        .give_up = listener->is_worker ? give_up_worker : give_up_server,
        .user = listener,
    });
}

static void
fork_worker_or_close(struct listener *listener, int socket)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    pid_t parent = getpid();
    pid_t pid = worker ? fork() : -1;

    if (pid == 0) {
        free(worker);
        become_worker(listener, parent);
        serve(listener, socket);
        return;
    }
    if (pid == -1) {
        base_log_warn("no worker for client %" PRIu64 ": %s; closing its connection",
                      listener->last_client, strerror(errno));
        free(worker);
    } else {
        *worker = (struct worker){.pid = pid, .client_number = listener->last_client};
        base_list_push(&listener->workers, &worker->link);
    }
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
        serve(listener, socket);
        listener->ending |= listener->options->once;
    } else {
        fork_worker_or_close(listener, socket);
    }
}

static void
listen_for_clients(struct listener *listener)
{
    struct pollfd fds[] = {
        {.fd = listener->signal_fd, .events = POLLIN},
        {.fd = listener->endpoint.fd, .events = POLLIN},
    };

    while (!listener->ending && !listener->is_worker) {
        if (poll(fds, BASE_COUNT_OF(fds), -1) == -1) {
            continue; /* EINTR, or memory for a moment */
        }
        if (fds[0].revents) {
            drain_signals(listener);
            reap_workers(listener);
        }
        if (fds[1].revents && !listener->ending) {
            accept_client(listener);
        }
    }
}

/* Handlers of exit() and the destructors of host drivers can hang, and nobody watches them. What
 * instruments a build does its reporting there, though. */
static void
leave_worker(void)
{
#ifdef SRV_EXIT_WITH_HANDLERS
    exit(EXIT_SUCCESS);
#else
    fflush(NULL);
    _exit(EXIT_SUCCESS);
#endif
}

static void
forget_workers(struct listener *listener)
{
    base_list_for_each_safe (worker, &listener->workers, struct worker, link) {
        base_list_remove(&worker->link);
        free(worker);
    }
}

int
srv_listener_run(const struct srv_options *options)
{
    struct listener listener = {.options = options, .signal_fd = -1};

    base_list_init(&listener.workers);
    raise_descriptor_limit();
    if (!srv_endpoint_init(&listener.endpoint, options->socket_path)) {
        return EXIT_FAILURE;
    }
    if (!catch_signals(&listener)) {
        srv_endpoint_finish(&listener.endpoint);
        return EXIT_FAILURE;
    }
    printf("vesper-server: listening at %s\n", options->socket_path);
    fflush(stdout);

    listen_for_clients(&listener);

    if (!listener.is_worker) {
        srv_endpoint_finish(&listener.endpoint); /* first: clients must not connect in vain */
        end_workers(&listener);
        base_fd_close(&listener.signal_fd);
    }
    forget_workers(&listener);
    if (listener.is_worker) {
        leave_worker();
    }
    return EXIT_SUCCESS;
}
