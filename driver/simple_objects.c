#include "driver/simple_objects.h"

#include <string.h>

#include "driver/device.h"

bool
drv_simple_objects_begin(struct drv_simple_objects *many, struct drv_device *device,
                         const VkAllocationCallbacks *allocator, uint32_t count, VkObjectType type,
                         void *handles)
{
    many->device = device;
    many->allocator = allocator;
    many->count = count;
    many->handles = handles;
    if (count > 0) {
        memset(handles, 0, count * sizeof(uint64_t));
    }
    drv_scratch_init(&many->scratch);
    many->objects = drv_scratch_array(&many->scratch, count, sizeof(many->objects[0]));
    if (!many->objects) {
        return false;
    }
    memset(many->objects, 0, count * sizeof(many->objects[0]));
    for (uint32_t i = 0; i < count; i++) {
        many->objects[i] =
            drv_device_object_create(device, allocator, sizeof(*many->objects[i]), type);
        if (!many->objects[i]) {
            return false;
        }
        many->handles[i] = PROTO_HANDLE(many->objects[i]);
    }
    return true;
}

static bool
has_hole(const struct drv_simple_objects *many)
{
    for (uint32_t i = 0; i < many->count; i++) {
        if (!many->handles[i]) {
            return true;
        }
    }
    return false;
}

void
drv_simple_objects_end(struct drv_simple_objects *many, VkResult result, uint32_t made)
{
    if (result < 0 && made == many->count && !has_hole(many)) {
        made = 0;
    }
    for (uint32_t i = 0; many->objects && i < many->count; i++) {
        if (i >= made || !many->handles[i]) {
            drv_device_object_destroy(many->device, many->allocator, many->objects[i]);
            many->handles[i] = 0;
        }
    }
    drv_scratch_finish(&many->scratch);
}
