#include "base/futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Neither call is FUTEX_PRIVATE: the word may be in memory that two processes share. */

bool
base_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns)
{
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000u),
        .tv_nsec = (long)(timeout_ns % 1000000000u),
    };
    const struct timespec *limit = timeout_ns == UINT64_MAX ? NULL : &timeout;

    return syscall(SYS_futex, word, FUTEX_WAIT, expected, limit, NULL, 0) == 0 ||
           errno != ETIMEDOUT;
}

void
base_futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
