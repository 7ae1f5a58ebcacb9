/* The application's own pages, given to the renderer (VK_EXT_external_memory_host).
 *
 * A process can share only what lies in a file, and the application's pages lie in none. So they
 * are replaced: by those of a memfd with the same bytes, at the same address. What another thread
 * writes meanwhile is not lost: userfaultfd holds its writes until the new pages are there. When
 * the import ends the pages become private again, by the same way back.
 *
 * Which pages: private, anonymous, readable and writable ones, as malloc() and mmap() give, and
 * those of other imports: planes of one frame often have a page in common. Another shared mapping,
 * a file's or a stack are refused. Between import and free, a child process that is forked shares
 * the pages instead of having a copy.
 *
 * Any thread may call. */
#ifndef DRV_HOST_PAGES_H
#define DRV_HOST_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

/* An import. Zeroes: none. Filled by share, emptied by take_back, its owner's to keep where it is
 * between these. */
struct drv_host_pages {
    void *address;
    size_t size; /* bytes */
    struct drv_host_pages *next;
};

/* What VK_EXT_external_memory_host says of itself in a chain of properties. */
void drv_host_pages_get_properties(void *chain);
/* Whether this kernel holds writes and gives files large enough; false under some sandboxes. */
bool drv_host_pages_possible(void);
/* Whether such pages lie in the whole range. */
bool drv_host_pages_shareable(const void *address, size_t size);
/* Puts a memfd behind the pages; both arguments are whole pages. Returns its descriptor, in which
 * they lie at the offset that is their address. It is not the caller's, is good until the pages are
 * taken back, and is sealed against shrinking. -1 and errno, with nothing changed; EINVAL: the
 * pages are not shareable. */
BASE_MUST_CHECK int drv_host_pages_share(struct drv_host_pages *pages, void *address, size_t size);
/* Makes them private again, with what they hold now, where that memfd still lies there and no other
 * import has them. They stay shared if that fails. */
void drv_host_pages_take_back(struct drv_host_pages *pages);

#endif
