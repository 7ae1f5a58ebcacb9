/* Serves one client from its connection to its end: the whole life of a worker process. */
#ifndef SRV_WORKER_H
#define SRV_WORKER_H

#include <stdint.h>

struct srv_worker_info {
    int socket;             /* taken over */
    uint64_t client_number; /* for messages */
    int stop_fd;            /* ends the connection once it is readable; -1: nothing does */
    /* Ends the process. Called on another thread when the client is gone but its context cannot be
     * torn down, because a call into the host driver does not return. */
    void (*give_up)(void *user);
    void *user;
};

void srv_worker_serve(const struct srv_worker_info *info);

#endif
