/* Threads and conditions as all of us want them: what pthreads leave to everyone who uses them. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"

/* A thread on which no signal is handled: in a driver they are the application's, which does not
 * know of it. `name` has 15 characters at most. Returns 0 or pthread_create()'s error. */
BASE_MUST_CHECK int base_thread_start(pthread_t *out, const char *name, void *(*run)(void *user),
                                      void *user);

/* One whose deadlines are base/clock.h's. */
void base_cond_init(pthread_cond_t *cond);
/* Sleeps as pthread_cond_wait() does; UINT64_MAX: with no deadline. False: it has passed. */
bool base_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns);

#endif
