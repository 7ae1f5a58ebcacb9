/* The guest's side of virtio-gpu. Inside this folder only. */
#ifndef TP_VIRTGPU_H
#define TP_VIRTGPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/table.h"
#include "transport/transport.h"

struct virtgpu {
    struct tp_transport base;
    int fd;            /* the render node, a description of our own: it carries the context */
    char path[64];     /* constant; for messages */
    bool cross_device; /* constant; memory may be shared with other virtio devices */
    uint64_t window;   /* constant; bytes of host memory that the guest can map; 0: unknown */
    _Atomic bool lost; /* any thread sets it once */

    /* The kernel has one handle for an object however often it is imported. Locked around every
     * request that gives or takes one. */
    pthread_mutex_t handles_lock;
    struct base_table handles; /* handle -> number of blobs, as a pointer; guarded by the lock */
};

/* Opens the first virtio-gpu device that has all that Venus needs: fills fd, path, base.device,
 * base.capset, base.takes_fds and window. What others lack is logged: as an error if `wanted`
 * (somebody asked for this transport by name) or if the device was meant for Venus, else quietly.
 * TP_NO_DEVICE if there is none. */
BASE_MUST_CHECK enum tp_result virtgpu_open_device(struct virtgpu *virtgpu, bool wanted);

#endif
