/* A thread that sees to it that a client's end is the end of what it held. Whoever serves a client
 * may be deep inside the host driver, or waiting for a ring, when the client vanishes, and no such
 * call can be interrupted. So this thread sleeps until the connection hangs up, allows a second for
 * an orderly teardown, and then has the process ended. */
#ifndef SRV_WATCHDOG_H
#define SRV_WATCHDOG_H

#include <pthread.h>
#include <stdbool.h>

#include "base/attributes.h"

struct srv_watchdog_info {
    int socket;  /* its POLLHUP starts the second */
    int stop_fd; /* so does this one, once it is readable; -1: there is none */
    /* stop_fd has become readable: make the socket hang up. Called on the watchdog's thread, like
     * the next one. */
    void (*stop)(void *user);
    /* The second is over. Ends the process. */
    void (*give_up)(void *user);
    void *user;
};

struct srv_watchdog {
    struct srv_watchdog_info info;
    int done_fd; /* readable once whoever serves has finished */
    pthread_t thread;
};

/* False: no descriptor or thread is left; there is nothing to stop then. */
BASE_MUST_CHECK bool srv_watchdog_start(struct srv_watchdog *dog,
                                        const struct srv_watchdog_info *info);
/* The teardown is done. */
void srv_watchdog_stop(struct srv_watchdog *dog);

enum {
    SRV_TEARDOWN_MS = 1000,
};

#endif
