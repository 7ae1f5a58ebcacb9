/* File descriptors: closing, exact reads and writes, anonymous shared memory, passing over sockets.
 * All functions restart after EINTR, none raises SIGPIPE. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"

/* Closes *fd if it is not -1 and sets it to -1. */
void base_fd_close(int *fd);
/* Another descriptor of the same file, close-on-exec; -1 and errno on failure. */
BASE_MUST_CHECK int base_fd_duplicate(int fd);
/* What EMFILE and ENFILE mean and what helps against them; other errors in words. */
const char *base_fd_explain(int error);
/* Exactly `size` bytes; false on end of file or error (errno is set, 0 at end of file). EAGAIN,
 * from a time-out that the socket has, is an error. */
BASE_MUST_CHECK bool base_fd_read(int fd, void *data, size_t size);
BASE_MUST_CHECK bool base_fd_write(int fd, const void *data, size_t size);
/* One dummy byte that carries one descriptor: vtest's way. `fd` stays the caller's. */
BASE_MUST_CHECK bool base_fd_send_fd(int socket_fd, int fd);
/* One try of the same, with flags of sendmsg(); false and errno. */
BASE_MUST_CHECK bool base_fd_try_send_fd(int socket_fd, int fd, int flags);
/* Receives up to `size` bytes as recv() does, and the descriptor that came with them, or -1. What a
 * peer sends beyond one is dropped. */
BASE_MUST_CHECK ssize_t base_fd_receive(int socket_fd, void *data, size_t size, int *out_fd);
/* Receives what base_fd_send_fd() sent; -1 if none came (errno is set, 0 at end of file, EPROTO for
 * a byte alone). The caller owns the result (close-on-exec). */
BASE_MUST_CHECK int base_fd_receive_fd(int socket_fd);
/* A memfd of exactly `size` zero bytes, sealed against resizing. -1 and errno on failure. */
BASE_MUST_CHECK int base_fd_create_shared_memory(const char *name, uint64_t size);
/* MAP_SHARED, read and write; NULL and errno on failure. A part starts at a whole page. */
BASE_MUST_CHECK void *base_fd_map(int fd, size_t size);
BASE_MUST_CHECK void *base_fd_map_part(int fd, uint64_t offset, size_t size);
void base_fd_unmap(void *map, size_t size);
/* Spares the faults of pages that the file has already: they enter the mapping's tables now, up to
 * the first that the file lacks. Makes no page; `map` starts at a whole one. */
void base_fd_enter_pages(void *map, size_t size);
/* Maps the pages of a MAP_SHARED mapping of a memfd a second time, instead of whatever lies at
 * `address`. Both and `size` are whole pages. False: errno says why, and nothing may be left at
 * `address`. */
BASE_MUST_CHECK bool base_fd_map_again(void *map, size_t size, void *address);
/* Whole pages of address space that nothing can be read from, at `address`, instead of whatever
 * lies there, or anywhere if it is NULL; MAP_FAILED and errno. */
BASE_MUST_CHECK void *base_fd_reserve(void *address, size_t size);

#endif
