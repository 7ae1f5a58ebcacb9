/* Handles of type SYNC_FD. On Linux that is the kernel's sync_file: poll() says when it has
 * signalled, and it always does in the end. Where the transport cannot have one, a pair of sockets
 * stands in: poll() says so when the other end is shut down, and the kernel does that if its holder
 * dies. What a stand-in cannot do is enter a kernel driver: ioctls of sync files fail on it. */
#ifndef DRV_SYNC_FILE_H
#define DRV_SYNC_FILE_H

#include <stdbool.h>

#include "base/attributes.h"

/* False: no descriptors (errno). */
BASE_MUST_CHECK bool drv_sync_file_create(int *signal, int *file);
/* Signals the file, closes *signal and sets it to -1; accepts -1. */
void drv_sync_file_signal(int *signal);
/* It is a sync file, or one of our stand-ins. */
bool drv_sync_file_is_one(int fd);
bool drv_sync_file_has_signaled(int fd);
/* Sleeps until it has, until `also` is readable, or for so many milliseconds. */
void drv_sync_file_sleep(int fd, int also, int timeout_ms);

#endif
