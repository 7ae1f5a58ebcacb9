/* CLOCK_MONOTONIC in nanoseconds, deadlines that never overflow, and a spin hint. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t base_clock_now_ns(void);
/* now + timeout, saturating at UINT64_MAX, which means "never". */
uint64_t base_clock_deadline_ns(uint64_t timeout_ns);

static inline void
base_clock_spin_hint(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
