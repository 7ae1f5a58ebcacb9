/* Whether large allocations have huge pages (docs/memory.md), and what to do where they have not.
 */
#include "base/huge_pages.h"

#include <stdio.h>

#include "tools/info/info.h"

void
info_print_huge_pages(void)
{
    size_t size = base_huge_pages_size();

    if (size > 0) {
        printf("huge pages      for allocations of %zu MiB and more that are shared pages\n",
               size >> 20);
    } else {
        printf("huge pages      none for shared memory, so large allocations take longer; to have "
               "them, as root: echo advise > " BASE_HUGE_PAGES_SWITCH "\n");
    }
}
