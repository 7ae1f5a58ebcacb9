/* What lies at the process's addresses: proc_pid_maps(5). */
#ifndef DRV_ADDRESS_SPACE_H
#define DRV_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attributes.h"

enum drv_mapping_kind {
    DRV_MAPPING_OTHER,
    DRV_MAPPING_PRIVATE, /* anonymous, readable and writable: what malloc() and mmap() give */
    DRV_MAPPING_FILE,    /* a file's, shared, readable and writable */
};

struct drv_mapping {
    uintptr_t start, end;
    enum drv_mapping_kind kind;
    uint64_t offset; /* bytes, into the file */
    uint64_t inode;
    dev_t device;
};

/* The first mapping that ends behind the address, which may lie before it. False: there is none, or
 * the kernel does not tell. */
BASE_MUST_CHECK bool drv_mapping_find(uintptr_t address, struct drv_mapping *out);

#endif
