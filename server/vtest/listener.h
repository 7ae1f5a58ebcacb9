/* The process that listens: binds the socket, hands each client to a worker, reaps workers, and on
 * SIGTERM, SIGINT or SIGHUP ends them all and removes the socket. It never touches Vulkan and has
 * one thread, so forking is safe and no client can hurt it. (With --no-fork it serves the clients
 * itself, one after the other.) */
#ifndef SRV_LISTENER_H
#define SRV_LISTENER_H

#include <stdbool.h>

#include "base/attributes.h"
#include "server/vtest/options.h"

/* Returns at the server's end, or at a client's in its worker process: the process's exit status.
 */
BASE_MUST_CHECK int srv_listener_run(const struct srv_options *options);

#endif
