/* Whether the kernel gives huge pages for shared memory, in which large allocations take a fraction
 * of the time (docs/memory.md), and what to do where it does not. */
#include <stdio.h>
#include <string.h>

#include "tools/info/info.h"

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* The file lists the choices and has brackets around the one that is set (the kernel's
 * Documentation/admin-guide/mm/transhuge.rst). */
static bool
is_set(const char *choices, const char *choice)
{
    const char *bracket = strchr(choices, '[');
    size_t length = strlen(choice);
    return bracket && strncmp(bracket + 1, choice, length) == 0 && bracket[1 + length] == ']';
}

void
info_print_huge_pages(void)
{
    char choices[256] = "";
    FILE *file = fopen(SHMEM_ENABLED, "re");
    bool read = file && fgets(choices, sizeof(choices), file);
    if (file) {
        fclose(file);
    }
    printf("huge pages      ");
    if (!read) {
        printf("none for shared memory: this kernel has no " SHMEM_ENABLED "\n");
    } else if (is_set(choices, "never") || is_set(choices, "deny")) {
        printf("none for shared memory, so large allocations take longer; to have them, as root: "
               "echo advise > " SHMEM_ENABLED "\n");
    } else {
        printf("for allocations of 2 MiB and more, where the host imports shared pages\n");
    }
}
