/* The listening socket's place in the file system: made so that a running server's socket is never
 * taken away, and removed only if it still is ours. */
#ifndef SRV_ENDPOINT_H
#define SRV_ENDPOINT_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/attributes.h"

struct srv_endpoint {
    int fd; /* non-blocking */
    struct sockaddr_un address;
    dev_t device; /* which file we made */
    ino_t inode;
};

/* Removes a socket that nobody listens on; false, explained on standard error, if somebody does or
 * the path cannot be used. */
BASE_MUST_CHECK bool srv_endpoint_init(struct srv_endpoint *endpoint, const char *path);
void srv_endpoint_finish(struct srv_endpoint *endpoint);

#endif
