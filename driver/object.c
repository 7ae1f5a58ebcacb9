#include "driver/object.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/zalloc.h"
#include "driver/private_data.h"

enum {
    /* Enough for any member, atomics and vectors included. */
    OBJECT_ALIGNMENT = 16,
};

/* The first word of a dispatchable object when it leaves the driver; the loader checks it and then
 * puts its own table there. Fixed by the loader's interface. */
#define LOADER_MAGIC ((uintptr_t)0x01CDC0DE)

static const VkAllocationCallbacks *
choose(const VkAllocationCallbacks *parent_allocator, const VkAllocationCallbacks *allocator)
{
    return allocator ? allocator : parent_allocator;
}

void *
drv_alloc(const VkAllocationCallbacks *parent_allocator, const VkAllocationCallbacks *allocator,
          size_t size, VkSystemAllocationScope scope)
{
    const VkAllocationCallbacks *callbacks = choose(parent_allocator, allocator);
    if (!callbacks) {
        return base_zalloc(size);
    }
    void *memory = callbacks->pfnAllocation(callbacks->pUserData, size, OBJECT_ALIGNMENT, scope);
    if (memory) {
        memset(memory, 0, size);
    }
    return memory;
}

void *
drv_realloc(const VkAllocationCallbacks *parent_allocator, const VkAllocationCallbacks *allocator,
            void *memory, size_t size, VkSystemAllocationScope scope)
{
    const VkAllocationCallbacks *callbacks = choose(parent_allocator, allocator);
    if (!callbacks) {
        return realloc(memory, size);
    }
    return callbacks->pfnReallocation(callbacks->pUserData, memory, size, OBJECT_ALIGNMENT, scope);
}

void
drv_free(const VkAllocationCallbacks *parent_allocator, const VkAllocationCallbacks *allocator,
         void *memory)
{
    const VkAllocationCallbacks *callbacks = choose(parent_allocator, allocator);
    if (!callbacks) {
        free(memory);
    } else if (memory) {
        callbacks->pfnFree(callbacks->pUserData, memory);
    }
}

static bool
is_dispatchable(VkObjectType type)
{
    switch (type) {
    case VK_OBJECT_TYPE_INSTANCE:
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE:
    case VK_OBJECT_TYPE_DEVICE:
    case VK_OBJECT_TYPE_QUEUE:
    case VK_OBJECT_TYPE_COMMAND_BUFFER: return true;
    default: return false;
    }
}

static VkSystemAllocationScope
scope_of(VkObjectType type)
{
    switch (type) {
    case VK_OBJECT_TYPE_INSTANCE:
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE: return VK_SYSTEM_ALLOCATION_SCOPE_INSTANCE;
    case VK_OBJECT_TYPE_DEVICE: return VK_SYSTEM_ALLOCATION_SCOPE_DEVICE;
    case VK_OBJECT_TYPE_PIPELINE_CACHE: return VK_SYSTEM_ALLOCATION_SCOPE_CACHE;
    default: return VK_SYSTEM_ALLOCATION_SCOPE_OBJECT;
    }
}

void
drv_object_init(struct proto_object *object, struct proto_client *client, VkObjectType type)
{
    static _Atomic uint64_t last_id;

    object->loader_data = is_dispatchable(type) ? LOADER_MAGIC : 0;
    object->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    object->type = type;
    object->client = client;
}

void *
drv_object_create(struct proto_client *client, const VkAllocationCallbacks *parent_allocator,
                  const VkAllocationCallbacks *allocator, size_t size, VkObjectType type)
{
    assert(size >= sizeof(struct proto_object));
    struct proto_object *object = drv_alloc(parent_allocator, allocator, size, scope_of(type));
    if (object) {
        drv_object_init(object, client, type);
    }
    return object;
}

void
drv_object_destroy(const VkAllocationCallbacks *parent_allocator,
                   const VkAllocationCallbacks *allocator, void *object)
{
    if (object) {
        drv_private_data_forget(((struct proto_object *)object)->id);
    }
    drv_free(parent_allocator, allocator, object);
}
