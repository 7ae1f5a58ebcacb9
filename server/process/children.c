#include "server/process/children.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "renderer/warm_up.h"

enum {
    END_MS = 1000, /* for workers to obey SIGTERM, before SIGKILL */
};

static bool
is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

bool
srv_children_init(struct srv_children *children)
{
    sigset_t caught;

    *children = (struct srv_children){.signal_fd = -1};
    base_list_init(&children->list);
    sigemptyset(&caught);
    sigaddset(&caught, SIGTERM);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGCHLD);
    if (!is_ignored(SIGHUP)) { /* as under nohup */
        sigaddset(&caught, SIGHUP);
    }
    signal(SIGCHLD, SIG_DFL); /* inherited SIG_IGN would reap workers behind our back */
    sigprocmask(SIG_BLOCK, &caught, &children->signals_before);
    children->signal_fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children->signal_fd == -1) {
        base_log_error("cannot wait for signals: %s", strerror(errno));
        sigprocmask(SIG_SETMASK, &children->signals_before, NULL);
    }
    return children->signal_fd != -1;
}

static void
forget(struct srv_children *children)
{
    base_list_for_each_safe (child, &children->list, struct srv_child, link) {
        base_list_remove(&child->link);
        free(child);
    }
}

void
srv_children_finish(struct srv_children *children)
{
    forget(children);
    base_fd_close(&children->signal_fd);
}

static void
become_child(struct srv_children *children, const char *name)
{
    prctl(PR_SET_NAME, name);
    children->is_child = true;
    base_fd_close(&children->signal_fd);
    forget(children);
    signal(SIGINT, SIG_IGN); /* from a terminal it reaches all of us; the server decides */
    sigprocmask(SIG_SETMASK, &children->signals_before, NULL);
}

enum srv_fork_result
srv_children_fork(struct srv_children *children, const char *name, const char *label, void *user)
{
    struct srv_child *child = calloc(1, sizeof(*child));
    pid_t pid = child ? fork() : -1;

    if (pid == 0) {
        free(child);
        become_child(children, name);
        return SRV_FORK_CHILD;
    }
    if (pid == -1) {
        int error = errno;
        free(child);
        errno = error;
        return SRV_FORK_FAILED;
    }
    child->pid = pid;
    child->user = user;
    snprintf(child->label, sizeof(child->label), "%s", label);
    base_list_push(&children->list, &child->link);
    return SRV_FORK_PARENT;
}

struct srv_child *
srv_children_newest(const struct srv_children *children)
{
    return base_list_entry(children->list.prev, struct srv_child, link);
}

static void
drain_signals(struct srv_children *children)
{
    struct signalfd_siginfo info;

    while (read(children->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            children->ending = true;
        }
    }
}

static struct srv_child *
find(struct srv_children *children, pid_t pid)
{
    base_list_for_each (child, &children->list, struct srv_child, link) {
        if (child->pid == pid) {
            return child;
        }
    }
    return NULL;
}

static void
report_death(const struct srv_child *child, int number)
{
    const char *name = sigabbrev_np(number);

    base_log_error("%s: its worker (pid %d) died of SIG%s (%s); other clients are not affected",
                   child->label, (int)child->pid, name ? name : "?", strsignal(number));
}

static void
reap(struct srv_children *children)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
            return;
        }
        struct srv_child *child = find(children, info.si_pid);
        if (!child) {
            continue; /* a child of whoever became this program by exec */
        }
        bool killed = info.si_code != CLD_EXITED;
        if (killed && !children->ending) {
            report_death(child, info.si_status);
        }
        base_list_remove(&child->link);
        if (children->ended) {
            children->ended(children->user, child, killed, info.si_status);
        }
        free(child);
    }
}

void
srv_children_attend(struct srv_children *children)
{
    drain_signals(children); /* first: a child that dies after it makes the descriptor readable */
    reap(children);
}

static void
signal_all(struct srv_children *children, int number)
{
    base_list_for_each (child, &children->list, struct srv_child, link) {
        kill(child->pid, number);
    }
}

static void
wait_for_all(struct srv_children *children, uint64_t timeout_ms)
{
    uint64_t deadline_ns = base_clock_deadline_ns(timeout_ms * 1000000);

    for (;;) {
        srv_children_attend(children);
        uint64_t now = base_clock_now_ns();
        if (base_list_empty(&children->list) || now >= deadline_ns) {
            return;
        }
        struct pollfd wanted = {.fd = children->signal_fd, .events = POLLIN};
        poll(&wanted, 1, (int)((deadline_ns - now) / 1000000 + 1));
    }
}

void
srv_children_end(struct srv_children *children)
{
    children->ending = true;
    signal_all(children, SIGTERM);
    wait_for_all(children, END_MS);
    signal_all(children, SIGKILL);
    wait_for_all(children, END_MS);
}

/* What instruments a build does its reporting in the handlers of exit(). */
void
srv_leave_worker(void)
{
#ifdef SRV_EXIT_WITH_HANDLERS
    /* The host's driver has handlers, too, that must not run beside its start. */
    rnd_warm_up_wait();
    exit(EXIT_SUCCESS);
#else
    fflush(NULL);
    _exit(EXIT_SUCCESS);
#endif
}

void
srv_raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            base_log_warn("cannot raise the limit of descriptors: %s", strerror(errno));
        }
    }
}
