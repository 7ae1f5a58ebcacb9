/* Objects of the driver and the memory behind them.
 *
 * Every Vulkan handle we hand out points at a struct whose first member is a struct proto_object.
 * Ids come from one counter of the process, so none is ever used twice. Host memory comes from the
 * application's VkAllocationCallbacks: the call's own if it gave some, else the device's (or
 * instance's), else malloc.
 *
 * Any thread may call; the objects themselves follow Vulkan's rules of external synchronisation. */
#ifndef DRV_OBJECT_H
#define DRV_OBJECT_H

#include <stddef.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "protocol/runtime/client.h"
#include "protocol/runtime/object.h"

/* Nothing is known about it but its id. */
struct drv_simple_object {
    struct proto_object object;
};

/* Zeroed memory; NULL when there is none. Either set of callbacks may be NULL. */
BASE_MUST_CHECK void *drv_alloc(const VkAllocationCallbacks *parent_allocator,
                                const VkAllocationCallbacks *allocator, size_t size,
                                VkSystemAllocationScope scope);
/* As above; the old content up to the smaller size is kept, the rest is not zeroed. */
BASE_MUST_CHECK void *drv_realloc(const VkAllocationCallbacks *parent_allocator,
                                  const VkAllocationCallbacks *allocator, void *memory, size_t size,
                                  VkSystemAllocationScope scope);
/* Accepts NULL. The callbacks must be those of the allocation, or compatible ones, as Vulkan asks.
 */
void drv_free(const VkAllocationCallbacks *parent_allocator, const VkAllocationCallbacks *allocator,
              void *memory);

/* Zeroed but for its proto_object: fresh id, type, client, and the loader's magic word where the
 * type is dispatchable. `size` covers the whole struct. NULL: out of host memory. Tells the
 * renderer nothing. */
BASE_MUST_CHECK void *drv_object_create(struct proto_client *client,
                                        const VkAllocationCallbacks *parent_allocator,
                                        const VkAllocationCallbacks *allocator, size_t size,
                                        VkObjectType type);
/* Accepts NULL. Tells the renderer nothing. */
void drv_object_destroy(const VkAllocationCallbacks *parent_allocator,
                        const VkAllocationCallbacks *allocator, void *object);

/* For objects that live inside another's memory (queues, physical devices). */
void drv_object_init(struct proto_object *object, struct proto_client *client, VkObjectType type);

#endif
