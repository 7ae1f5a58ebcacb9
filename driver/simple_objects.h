/* Simple objects of a device that one command makes several of, and of which some may fail:
 *
 *     if (drv_simple_objects_begin(&many, device, allocator, count, type, handles)) {
 *         ... the command, which takes and returns `handles`, and how many it made ...
 *     }
 *     drv_simple_objects_end(&many, result, made);
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
/* Only those of the first `made` stay whose handle is not VK_NULL_HANDLE; the others' will be. None
 * stays if it looks as if all had been made and `result` is an error: the command was not heard. */
void drv_simple_objects_end(struct drv_simple_objects *many, VkResult result, uint32_t made);

#endif
