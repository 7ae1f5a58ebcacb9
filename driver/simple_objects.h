/* Simple objects of a device that one command makes several of, and of which some may fail:
 *
 *     if (drv_simple_objects_begin(&many, device, allocator, count, type, handles)) {
 *         ... the command, which takes and returns `handles` ...
 *     }
 *     drv_simple_objects_end(&many, how_many_may_be_there);
 *
 * Single thread. */
#ifndef DRV_SIMPLE_OBJECTS_H
#define DRV_SIMPLE_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/scratch.h"

struct drv_device;
struct drv_simple_object;

struct drv_simple_objects {
    struct drv_device *device;
    const VkAllocationCallbacks *allocator;
    uint32_t count;
    uint64_t *handles; /* the application's array */
    struct drv_simple_object **objects;
    struct drv_scratch scratch;
};

/* `handles` is an array of non-dispatchable handles. False: out of memory; end it all the same. */
BASE_MUST_CHECK bool drv_simple_objects_begin(struct drv_simple_objects *many,
                                              struct drv_device *device,
                                              const VkAllocationCallbacks *allocator,
                                              uint32_t count, VkObjectType type, void *handles);
/* Only those of the first `made` stay whose handle is not VK_NULL_HANDLE; the others' will be. */
void drv_simple_objects_end(struct drv_simple_objects *many, uint32_t made);

#endif
