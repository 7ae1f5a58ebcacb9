/* Waiting for a peer that wakes nobody: looking again and again, after sleeps that grow. Peers of
 * our own are waited for with futexes instead; see docs/sync.md. */
#ifndef DRV_WAIT_H
#define DRV_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct drv_ring;

struct drv_backoff {
    uint64_t start_ns;    /* of waiting without spinning */
    uint64_t deadline_ns; /* UINT64_MAX: never */
    uint32_t turns;
};

/* `timeout_ns` as in Vulkan. */
struct drv_backoff drv_backoff_start(uint64_t timeout_ns);
/* Spins, yields or sleeps, a little longer each time, up to a millisecond, and for what has taken
 * long already up to a 32nd of that and four milliseconds; never past the deadline. False once the
 * deadline has passed. */
bool drv_backoff_pause(struct drv_backoff *backoff);

#endif
