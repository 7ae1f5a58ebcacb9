/* What every server of ours is at its root: one process with one thread, which never touches Vulkan
 * and so may fork; it hands each client to a worker process, learns of their ends and of the
 * signals that are to end itself from one descriptor, and says so when a worker died by a signal.
 *
 * Only system calls that crosvm's jail for render servers allows: waitid, signalfd4, kill. */
#ifndef SRV_CHILDREN_H
#define SRV_CHILDREN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/list.h"

enum {
    SRV_LABEL_SIZE = 96,
};

#define SRV_WORKER_NAME "vesper-worker"

struct srv_child {
    struct base_list link; /* srv_children.list */
    pid_t pid;
    char label[SRV_LABEL_SIZE]; /* whom it serves, for messages */
    void *user;
};

struct srv_children {
    struct base_list list; /* running workers */
    int signal_fd;         /* readable: call srv_children_attend() */
    sigset_t signals_before;
    bool ending;   /* a signal has asked the server to end */
    bool is_child; /* we are a worker now */
    /* A worker has ended: its exit status, or the signal that killed it. May be NULL. */
    void (*ended)(void *user, struct srv_child *child, bool killed, int status);
    void *user;
};

/* Blocks SIGTERM, SIGINT, SIGHUP (unless ignored) and SIGCHLD. False, explained: no descriptor. */
BASE_MUST_CHECK bool srv_children_init(struct srv_children *children);
void srv_children_finish(struct srv_children *children);

enum srv_fork_result {
    SRV_FORK_PARENT,
    SRV_FORK_CHILD,  /* signals are as before srv_children_init(), and the list is empty */
    SRV_FORK_FAILED, /* errno */
};
/* `name` is the process's, for ps. `user` is the child's; the callback `ended` is the last to see
 * it. */
BASE_MUST_CHECK enum srv_fork_result
srv_children_fork(struct srv_children *children, const char *name, const char *label, void *user);
/* The child of the last fork that ended in SRV_FORK_PARENT. */
struct srv_child *srv_children_newest(const struct srv_children *children);
/* Takes the signals that have come, reaps, reports. */
void srv_children_attend(struct srv_children *children);
/* SIGTERM to all, SIGKILL a second later to those that are still there. */
void srv_children_end(struct srv_children *children);

/* In a worker: ends the process without the handlers of exit() and the destructors of host drivers,
 * which can hang with nobody watching. */
void srv_leave_worker(void) __attribute__((noreturn));
/* Raises the soft limit of descriptors to the hard one: the common soft limit, 1024, is for
 * programs that select(). */
void srv_raise_descriptor_limit(void);

#endif
