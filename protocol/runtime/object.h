/* What every object of the driver begins with, and how the encoders turn a handle into an id.
 *
 * A handle of the driver, dispatchable or not, is a pointer to a struct whose first member is a
 * struct proto_object. (The renderer has objects and handles of its own; it never sees this.) */
#ifndef PROTO_OBJECT_H
#define PROTO_OBJECT_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

struct proto_client;

struct proto_object {
    uintptr_t loader_data; /* dispatchable handles: the Vulkan loader's, first word by contract */
    uint64_t id;           /* the wire's name for it; never 0, constant */
    VkObjectType type;
    struct proto_client *client; /* carries commands about this object; outlives it */
};

/* `handle` is any Vulkan handle of ours, cast to an integer. */
static inline struct proto_object *
proto_object_from(uint64_t handle)
{
    return (struct proto_object *)(uintptr_t)handle;
}

static inline uint64_t
proto_object_id(uint64_t handle)
{
    return handle ? proto_object_from(handle)->id : 0;
}

/* Any handle as an integer, whatever its C type. */
#define PROTO_HANDLE(handle) ((uint64_t)(uintptr_t)(handle))

#endif
