#include "base/huge_pages.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE_FILE "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"

enum {
    SMALLEST = 2 << 20, /* of all processors: smaller memory needs no look */
};

static bool
read_line(const char *path, char line[128])
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    bool read = fgets(line, 128, file);
    fclose(file);
    return read;
}

/* All choices are listed, and brackets are around the one that holds. */
static size_t
read_size(void)
{
    char choices[128], size[128];

    if (!read_line(BASE_HUGE_PAGES_SWITCH, choices) || strstr(choices, "[never]") ||
        strstr(choices, "[deny]") || !read_line(SIZE_FILE, size)) {
        return 0;
    }
    size_t bytes = strtoul(size, NULL, 10);
    return bytes >= SMALLEST && (bytes & (bytes - 1)) == 0 ? bytes : 0;
}

size_t
base_huge_pages_size(void)
{
    static _Atomic size_t known = SIZE_MAX;
    size_t size = atomic_load_explicit(&known, memory_order_relaxed);

    if (size == SIZE_MAX) {
        size = read_size();
        atomic_store_explicit(&known, size, memory_order_relaxed);
    }
    return size;
}

/* What lies in whole ones. */
static size_t
whole(size_t size)
{
    size_t huge = size >= SMALLEST ? base_huge_pages_size() : 0;
    return huge > 0 ? size & ~(huge - 1) : 0;
}

size_t
base_huge_pages_alignment(size_t size)
{
    return whole(size) > 0 ? base_huge_pages_size() : 1;
}

/* Not for what is left at the end: a huge page there would lie mostly behind the file's end. */
void
base_huge_pages_prefer(void *map, size_t size)
{
    size_t length = whole(size);

    if (length > 0) {
        (void)madvise(map, length, MADV_HUGEPAGE);
    }
}
