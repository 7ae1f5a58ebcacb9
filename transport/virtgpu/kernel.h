/* The guest kernel's interface to a virtio-gpu device, as far as Venus needs it. The system's own
 * virtgpu_drm.h may be years older than its kernel, so the layouts are here; they are ABI. */
#ifndef TP_VIRTGPU_KERNEL_H
#define TP_VIRTGPU_KERNEL_H

#include <stdint.h>
#include <xf86drm.h>

enum kernel_param {
    KERNEL_PARAM_3D_FEATURES = 1,
    KERNEL_PARAM_CAPSET_QUERY_FIX = 2,
    KERNEL_PARAM_RESOURCE_BLOB = 3,
    KERNEL_PARAM_HOST_VISIBLE = 4,
    KERNEL_PARAM_CROSS_DEVICE = 5,
    KERNEL_PARAM_CONTEXT_INIT = 6,
    KERNEL_PARAM_CAPSET_MASK = 7, /* bit N: the device has capset N */
    KERNEL_PARAM_DEBUG_NAME = 8,
};

struct kernel_get_param {
    uint64_t param;
    uint64_t value; /* address of what receives 32 bits */
};

struct kernel_get_caps {
    uint32_t capset, version;
    uint64_t address;
    uint32_t size; /* bytes; the kernel copies no more than this, and no more than it has */
    uint32_t pad;
};

enum kernel_context_param {
    KERNEL_CONTEXT_CAPSET = 1,
    KERNEL_CONTEXT_RING_COUNT = 2,
    KERNEL_CONTEXT_POLL_MASK = 3,
    KERNEL_CONTEXT_DEBUG_NAME = 4, /* address of a string */
};

struct kernel_context_setting {
    uint64_t param, value;
};

struct kernel_context_init {
    uint32_t count, pad;
    uint64_t settings; /* address of kernel_context_settings */
};

enum {
    KERNEL_BLOB_HOST3D = 2,

    KERNEL_BLOB_USE_CROSS_DEVICE = 1 << 2, /* the others are enum tp_blob_flags */

    KERNEL_EXEC_FENCE_OUT = 1 << 1,
    KERNEL_EXEC_RING_INDEX = 1 << 2,
};

struct kernel_create_blob {
    uint32_t blob_mem, blob_flags;
    uint32_t handle, resource_id; /* results */
    uint64_t size;
    uint32_t pad, command_size;
    uint64_t command;
    uint64_t blob_id;
};

struct kernel_resource_info {
    uint32_t handle, resource_id, size, blob_mem;
};

struct kernel_map {
    uint64_t offset; /* result: for mmap() on the device */
    uint32_t handle, pad;
};

struct kernel_exec {
    uint32_t flags, size;
    uint64_t command;
    uint64_t handles;
    uint32_t handle_count;
    int32_t fence_fd; /* result with KERNEL_EXEC_FENCE_OUT: a sync file */
    uint32_t ring_index, pad;
};

_Static_assert(sizeof(struct kernel_get_caps) == 24, "kernel ABI");
_Static_assert(sizeof(struct kernel_create_blob) == 48, "kernel ABI");
_Static_assert(sizeof(struct kernel_exec) == 40, "kernel ABI");

#define KERNEL_IOCTL(number, type) DRM_IOWR(DRM_COMMAND_BASE + (number), type)
#define KERNEL_MAP KERNEL_IOCTL(0x01, struct kernel_map)
#define KERNEL_EXEC KERNEL_IOCTL(0x02, struct kernel_exec)
#define KERNEL_GET_PARAM KERNEL_IOCTL(0x03, struct kernel_get_param)
#define KERNEL_RESOURCE_INFO KERNEL_IOCTL(0x05, struct kernel_resource_info)
#define KERNEL_GET_CAPS KERNEL_IOCTL(0x09, struct kernel_get_caps)
#define KERNEL_CREATE_BLOB KERNEL_IOCTL(0x0a, struct kernel_create_blob)
#define KERNEL_CONTEXT_INIT KERNEL_IOCTL(0x0b, struct kernel_context_init)

#endif
