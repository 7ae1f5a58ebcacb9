/* Huge pages for shared memory, in which large allocations take a fraction of the time. The kernel
 * gives them where its administrator lets it (Documentation/admin-guide/mm/transhuge.rst). */
#ifndef BASE_HUGE_PAGES_H
#define BASE_HUGE_PAGES_H

#include <stddef.h>

/* The file that says whether. */
#define BASE_HUGE_PAGES_SWITCH "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* In bytes; 0 where there are none for memfds, or where it cannot be told. Read once a process. Any
 * thread may call. */
size_t base_huge_pages_size(void);
/* What a mapping of the whole of a memfd must be aligned to, to have them: 1 if it has room for
 * none. */
size_t base_huge_pages_alignment(size_t size);
/* Asks for them in a mapping of the whole of a memfd, wherever a whole one fits. Makes no call
 * where there are none: sandboxes kill for madvise() with MADV_HUGEPAGE (crosvm's on x86-64). */
void base_huge_pages_prefer(void *map, size_t size);

#endif
