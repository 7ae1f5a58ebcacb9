/* The render server's root process: makes a worker process for each context that the library asks
 * for, and writes into a context's status page how its worker ended. It has one thread and never
 * touches Vulkan. A hang-up of the library ends it and its workers; should it die first, its
 * workers go on. */
#ifndef SRV_SUPERVISOR_H
#define SRV_SUPERVISOR_H

#include "base/attributes.h"

/* Takes over `socket`. Returns at the server's end, the process's exit status; never in a worker.
 */
BASE_MUST_CHECK int srv_supervisor_run(int socket);

#endif
