/* The application's own pages, given to the renderer (VK_EXT_external_memory_host).
 *
 * A process can share only what lies in a file, and the application's pages lie in none. So they
 * are replaced: by those of a memfd with the same bytes, at the same address. What another thread
 * writes meanwhile is not lost: userfaultfd holds its writes until the new pages are there. When
 * the import ends the pages become private again, by the same way back.
 *
 * Which pages: private, anonymous, readable and writable ones, as malloc() and mmap() give. A
 * shared mapping, a file's, a stack or pages that are imported already are refused. Between import
 * and free, a child process that is forked shares the pages instead of having a copy. */
#ifndef DRV_HOST_PAGES_H
#define DRV_HOST_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

/* What VK_EXT_external_memory_host says of itself in a chain of properties. */
void drv_host_pages_get_properties(void *chain);
/* Whether this kernel holds writes; false under some sandboxes. */
bool drv_host_pages_possible(void);
/* Whether such pages lie in the whole range. */
bool drv_host_pages_shareable(const void *address, size_t size);
/* Puts a memfd of at least `size` bytes behind the pages; both arguments are whole pages. Returns
 * its descriptor, the caller's, sealed against shrinking; -1 and errno, with nothing changed. */
BASE_MUST_CHECK int drv_host_pages_share(void *address, size_t size);
/* Makes them private again, with what they hold now, if that memfd still lies there. They stay
 * shared if that fails. */
void drv_host_pages_take_back(void *address, size_t size);

#endif
