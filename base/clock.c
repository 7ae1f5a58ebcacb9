#include "base/clock.h"

#include <time.h>

uint64_t
base_clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: the clock exists, the pointer is valid */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
base_clock_deadline_ns(uint64_t timeout_ns)
{
    uint64_t now = base_clock_now_ns();

    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}
