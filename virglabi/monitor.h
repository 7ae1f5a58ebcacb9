/* The library's own thread: notices within a moment that a worker or the render server has died,
 * and with ASYNC_FENCE_CB calls the machine monitor back when fences retire. (That monitor and this
 * thread share nothing but a word.) */
#ifndef ABI_MONITOR_H
#define ABI_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"

struct abi_context;

struct abi_monitor {
    pthread_t thread; /* constant while it runs */
    int wake_fd;      /* constant while it runs */

    /* Guarded by the library's lock. */
    bool stop;
    bool delivering;         /* a callback is under way */
    pthread_cond_t idle;     /* it has returned */
    struct base_list graves; /* abi_context.link: destroyed, to be freed */
};

/* False: no descriptor or thread. */
BASE_MUST_CHECK bool abi_monitor_start(struct abi_monitor *monitor);
void abi_monitor_stop(struct abi_monitor *monitor);
/* Something has retired, or there is another context. */
void abi_monitor_wake(struct abi_monitor *monitor);
/* Frees the context once the thread, which may be looking at its descriptors, has let go of them,
 * and once it is told how its worker died if that has. It is out of the table. The library's lock
 * is held. */
void abi_monitor_bury_locked(struct abi_monitor *monitor, struct abi_context *ctx);
/* Returns when no callback is under way; from inside of one, at once. */
void abi_monitor_settle(struct abi_monitor *monitor);

/* Without ASYNC_FENCE_CB: calls back, on the caller's thread, for what has retired in that context;
 * UINT32_MAX: in all. */
void abi_monitor_deliver(uint32_t context_id);

#endif
