/* VkShaderEXT. Nothing is known about one here; but several are made at once, and some may fail. */
#include <string.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "protocol/proto_encode.h"

static bool
create_objects(struct drv_device *device, const VkAllocationCallbacks *allocator, uint32_t count,
               struct drv_simple_object **objects, VkShaderEXT *shaders)
{
    for (uint32_t i = 0; i < count; i++) {
        objects[i] = drv_device_object_create(device, allocator, sizeof(*objects[i]),
                                              VK_OBJECT_TYPE_SHADER_EXT);
        if (!objects[i]) {
            return false;
        }
        shaders[i] = (VkShaderEXT)(uintptr_t)objects[i];
    }
    return true;
}

/* What came to be before the first failure stays, as the specification asks. */
static VkResult
create_shaders(struct drv_device *device, uint32_t count, const VkShaderCreateInfoEXT *infos,
               const VkAllocationCallbacks *allocator, struct drv_simple_object **objects,
               VkShaderEXT *shaders)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    bool asked = false;

    memset(objects, 0, count * sizeof(*objects));
    if (create_objects(device, allocator, count, objects, shaders)) {
        result = proto_call_vkCreateShadersEXT(device->object.client, (VkDevice)device, count,
                                               infos, NULL, shaders);
        asked = result != VK_ERROR_DEVICE_LOST;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!asked || !shaders[i]) {
            drv_device_object_destroy(device, allocator, objects[i]);
            shaders[i] = VK_NULL_HANDLE;
        }
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateShadersEXT(VkDevice handle, uint32_t createInfoCount,
                     const VkShaderCreateInfoEXT *pCreateInfos,
                     const VkAllocationCallbacks *pAllocator, VkShaderEXT *pShaders)
{
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct drv_scratch scratch;

    memset(pShaders, 0, createInfoCount * sizeof(*pShaders));
    drv_scratch_init(&scratch);
    struct drv_simple_object **objects =
        drv_scratch_array(&scratch, createInfoCount, sizeof(*objects));
    if (objects) {
        result = create_shaders(drv_device_from(handle), createInfoCount, pCreateInfos, pAllocator,
                                objects, pShaders);
    }
    drv_scratch_finish(&scratch);
    return result;
}
