/* Sleeping on a 32-bit word that another thread or another process (shared mapping) changes. */
#ifndef BASE_FUTEX_H
#define BASE_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleeps while *word == expected, at most timeout_ns (UINT64_MAX: no limit). May return early for
 * no reason: the caller re-checks. Returns false on time-out only. */
bool base_futex_wait(_Atomic uint32_t *word, uint32_t expected, uint64_t timeout_ns);
/* Wakes all who sleep on the word. */
void base_futex_wake(_Atomic uint32_t *word);

#endif
