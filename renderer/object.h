/* What every guest object begins with. Objects form a tree: instance, physical devices, devices,
 * then what devices own; command buffers and descriptor sets hang under their pools. */
#ifndef RND_OBJECT_H
#define RND_OBJECT_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"

struct rnd_device;

struct rnd_object {
    /* Constant once the object is in the table. */
    uint64_t id;               /* the guest's name for it; not 0 */
    uint64_t handle;           /* the host's, as an integer; binding may choose a buffer's */
    struct rnd_device *device; /* which it belongs to (a device: itself); NULL above devices */
    struct rnd_object *parent; /* outlives us; NULL for the instance */
    VkObjectType type;
    /* Frees the object, once nobody can hold it any more; NULL: free(). The host's handle is long
     * gone. */
    void (*release)(struct rnd_object *object);

    /* Guarded by the table's lock. */
    struct base_list children; /* rnd_object.sibling, oldest first */
    struct base_list sibling;
    struct rnd_object *next_retired;
    uint64_t retired_at; /* the table's epoch when it was removed */
};

/* Any host handle as an integer, and back. */
#define RND_HANDLE(handle) ((uint64_t)(uintptr_t)(handle))
#define RND_OBJECT_HANDLE(object, type) ((type)(uintptr_t)(object)->handle)

#endif
