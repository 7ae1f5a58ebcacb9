/* VkShaderEXT. Nothing is known about one here; but several are made at once, and some may fail. */
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/simple_objects.h"
#include "protocol/proto_encode.h"

/* What came to be before the first failure stays, as the specification asks. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateShadersEXT(VkDevice handle, uint32_t createInfoCount,
                     const VkShaderCreateInfoEXT *pCreateInfos,
                     const VkAllocationCallbacks *pAllocator, VkShaderEXT *pShaders)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct drv_simple_objects many;
    uint32_t made = 0;

    if (drv_simple_objects_begin(&many, device, pAllocator, createInfoCount,
                                 VK_OBJECT_TYPE_SHADER_EXT, pShaders)) {
        result = proto_call_vkCreateShadersEXT(device->object.client, handle, createInfoCount,
                                               pCreateInfos, NULL, pShaders);
        made = createInfoCount;
    }
    drv_simple_objects_end(&many, result, made);
    return result;
}
