/* The render server, seen from the machine monitor's process: found, started, greeted, and asked
 * for workers. If we have started it, and it dies, its workers go on and the next context starts
 * another one.
 *
 * The library's `calls` lock is held, but for the functions that say otherwise. */
#ifndef ABI_SERVER_H
#define ABI_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "wire/render.h"

struct abi_server {
    /* Constant after abi_server_start(). */
    char path[4096]; /* of the program; empty: the monitor has given us the socket */
    struct wire_capset capset;

    /* Changes with both locks held: whoever has one of them may use it. */
    int socket; /* -1: there is no server */

    /* Guarded by the library's lock. */
    bool lost; /* the socket has hung up, which was told; it is closed when another is wanted */
    pid_t pid; /* 0: not our child */
};

/* False: the reason, with the path that was tried, is logged. */
BASE_MUST_CHECK bool abi_server_start(struct abi_server *server);
void abi_server_stop(struct abi_server *server);
/* The two descriptors stay the caller's. False: the reason is logged. */
BASE_MUST_CHECK bool abi_server_create_worker(struct abi_server *server,
                                              const struct wire_render_create_context *request,
                                              int page_fd, int event_fd, int *out_socket,
                                              pid_t *out_pid);
/* Whether the socket has hung up now is looked at, and told if so. Only `lock` is held, on any
 * thread. */
void abi_server_check_locked(struct abi_server *server);

#endif
