/* What the library consists of while it is initialised: one of it in a process, as in the
 * interface.
 *
 * Threads: the machine monitor's, which calls in, and the library's own (monitor.h). Two locks:
 * `calls` is held throughout each call of the interface, so that the monitor may use several
 * threads and its callbacks may call in again; `lock` for moments, around what both sorts of
 * threads touch. Order: calls, then lock. Neither is held while an asynchronous callback runs. */
#ifndef ABI_LIBRARY_H
#define ABI_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>

#include "base/table.h"
#include "virglabi/fence.h"
#include "virglabi/monitor.h"
#include "virglabi/server.h"
#include "virglabi/texture.h"
#include "virglabi/virgl/virglrenderer.h"

struct abi_library {
    pthread_mutex_t calls; /* recursive */
    pthread_mutex_t lock;

    /* Guarded by `calls`, and constant while the library's own thread runs. */
    bool initialised;
    void *cookie;
    int flags;
    struct virgl_renderer_callbacks *callbacks; /* the monitor's */

    /* Guarded by `calls`; the calls that change the tables also hold `lock`. */
    struct base_table contexts;  /* struct abi_context */
    struct base_table resources; /* struct abi_resource */
    uint64_t image_bytes;        /* of all images */

    struct abi_server server;     /* see there */
    struct abi_fences fences;     /* guarded by `lock` */
    struct abi_monitor monitor;   /* see there */
    struct abi_textures textures; /* guarded by `calls` */
};

extern struct abi_library abi;

static inline bool
abi_calls_back_itself(void)
{
    return (abi.flags & VIRGL_RENDERER_ASYNC_FENCE_CB) != 0;
}

#endif
