/* What a process uses: descriptors, and memory that is its own or shared. Linux' /proc only. */
#ifndef LEAKS_USAGE_H
#define LEAKS_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
    uint32_t descriptors;
    int64_t memory_kib; /* resident: anonymous and shared pages, not files */
};

/* Ourselves. */
struct usage usage_of_client(void);

/* The processes named vesper-server that `vesper run`, our parent, has started, and theirs; zeroes
 * if there are none, as when we run natively. */
struct usage usage_of_server(void);

#endif
