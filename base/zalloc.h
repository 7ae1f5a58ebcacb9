/* Zeroed memory for what comes and goes all the time. */
#ifndef BASE_ZALLOC_H
#define BASE_ZALLOC_H

#include <stdlib.h>
#include <string.h>

enum {
    BASE_ZALLOC_SMALL = 1024, /* about what glibc's threads keep to themselves */
};

/* As calloc(1, size), and free() takes it back. glibc's calloc(), until 2.41, does not look at what
 * the thread has just freed, as malloc() does, and takes several times as long. */
static inline void *
base_zalloc(size_t size)
{
    if (size > BASE_ZALLOC_SMALL) {
        return calloc(1, size);
    }
    void *memory = malloc(size);
    __asm__("" : "+r"(memory)); /* compilers know the pair and would make a calloc() of it */
    return memory ? memset(memory, 0, size) : NULL;
}

#endif
