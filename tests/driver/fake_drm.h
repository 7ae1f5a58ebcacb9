/* libdrm and a kernel with virtio-gpu devices, for tests of transport/virtgpu: the library's
 * functions that it calls, by their own names. Link it instead of libdrm. */
#ifndef TESTS_DRIVER_FAKE_DRM_H
#define TESTS_DRIVER_FAKE_DRM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FAKE_DRM_MAX_DEVICES = 4,
    FAKE_DRM_PARAMS = 9,
};

struct fake_drm_device {
    uint16_t vendor, device; /* of the PCI bus; 0: a platform device */
    const char *driver;      /* its kernel driver's name */
    const char *node;        /* NULL: no render node */
    uint32_t params[FAKE_DRM_PARAMS];
    bool no_capset;    /* the kernel cannot read it */
    bool empty_capset; /* it is all zeroes */
};

extern struct fake_drm {
    struct fake_drm_device devices[FAKE_DRM_MAX_DEVICES];
    int device_count;

    int refuse; /* errno of the next request of this kind; 0: none */
    unsigned long refused_request;
    uint64_t prime_capabilities; /* DRM_PRIME_CAP_* */
    bool cannot_map;             /* the host refuses to map blobs */
    uint32_t imported_blob_mem;  /* of what is behind an imported dma-buf; 0: it is no blob */

    /* What it saw. */
    uint32_t opened;       /* versions asked, that is: nodes that were opened */
    uint32_t live_handles; /* blobs not closed yet */
    uint64_t blob_size;    /* of the last blob */
    uint32_t blob_flags;
    uint64_t blob_id;
    uint32_t exec_flags, exec_timeline;
    size_t exec_size;
    uint64_t context_capset, context_rings;
    bool context_first; /* it was made before anything else that needs one */
} fake_drm;

/* One device that has everything. */
void fake_drm_start(void);

#endif
