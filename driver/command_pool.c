#include "driver/command_buffer.h"

#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateCommandPool(VkDevice device, const VkCommandPoolCreateInfo *pCreateInfo,
                      const VkAllocationCallbacks *pAllocator, VkCommandPool *pCommandPool)
{
    struct drv_device *dev = drv_device_from(device);

    struct drv_command_pool *pool =
        drv_device_object_create(dev, pAllocator, sizeof(*pool), VK_OBJECT_TYPE_COMMAND_POOL);
    if (!pool) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    pool->device = dev;
    if (pAllocator) {
        pool->allocator_storage = *pAllocator;
        pool->allocator = &pool->allocator_storage;
    }
    base_list_init(&pool->command_buffers);

    VkCommandPool handle = (VkCommandPool)(uintptr_t)pool;
    VkResult result =
        proto_send_vkCreateCommandPool(dev->object.client, device, pCreateInfo, NULL, &handle);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(dev, pAllocator, pool);
        return result;
    }
    *pCommandPool = handle;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyCommandPool(VkDevice device, VkCommandPool commandPool,
                       const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *dev = drv_device_from(device);
    struct drv_command_pool *pool = drv_command_pool_from(commandPool);

    if (!pool) {
        return;
    }
    (void)proto_send_vkDestroyCommandPool(dev->object.client, device, commandPool, NULL);
    base_list_for_each_safe (command_buffer, &pool->command_buffers, struct drv_command_buffer,
                             link) {
        drv_command_buffer_destroy(command_buffer);
    }
    drv_device_object_destroy(dev, pAllocator, pool);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ResetCommandPool(VkDevice device, VkCommandPool commandPool, VkCommandPoolResetFlags flags)
{
    struct drv_command_pool *pool = drv_command_pool_from(commandPool);
    bool release = flags & VK_COMMAND_POOL_RESET_RELEASE_RESOURCES_BIT;

    base_list_for_each (command_buffer, &pool->command_buffers, struct drv_command_buffer, link) {
        drv_command_buffer_reset(command_buffer, release);
    }
    return proto_send_vkResetCommandPool(pool->object.client, device, commandPool, flags);
}

VKAPI_ATTR void VKAPI_CALL
drv_TrimCommandPool(VkDevice device, VkCommandPool commandPool, VkCommandPoolTrimFlags flags)
{
    struct drv_command_pool *pool = drv_command_pool_from(commandPool);

    base_list_for_each (command_buffer, &pool->command_buffers, struct drv_command_buffer, link) {
        /* One that is being recorded keeps its memory; the others' was copied when they ended. */
        if (command_buffer->recorder.at == command_buffer->recorder.start) {
            drv_command_buffer_reset(command_buffer, true);
        }
    }
    (void)proto_send_vkTrimCommandPool(pool->object.client, device, commandPool, flags);
}
