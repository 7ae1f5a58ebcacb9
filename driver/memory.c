#include "driver/memory.h"

#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "protocol/proto_encode.h"

static bool
is_mappable(const struct drv_device *device, uint32_t type)
{
    const VkPhysicalDeviceMemoryProperties *memory = &device->physical_device->memory;
    return type < memory->memoryTypeCount &&
           memory->memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AllocateMemory(VkDevice handle, const VkMemoryAllocateInfo *pAllocateInfo,
                   const VkAllocationCallbacks *pAllocator, VkDeviceMemory *pMemory)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_memory *memory =
        drv_device_object_create(device, pAllocator, sizeof(*memory), VK_OBJECT_TYPE_DEVICE_MEMORY);
    if (!memory) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    memory->size = pAllocateInfo->allocationSize;
    memory->mappable = is_mappable(device, pAllocateInfo->memoryTypeIndex);
    memory->blob.fd = -1;

    /* Running out of memory is something applications handle: they get to know at once. */
    VkDeviceMemory memory_handle = (VkDeviceMemory)(uintptr_t)memory;
    VkResult result = proto_call_vkAllocateMemory(device->object.client, handle, pAllocateInfo,
                                                  NULL, &memory_handle);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(device, pAllocator, memory);
        return result;
    }
    *pMemory = memory_handle;
    return VK_SUCCESS;
}

static void
destroy_mapping(struct drv_device *device, struct drv_memory *memory)
{
    struct tp_transport *transport = device->ring->transport;
    if (memory->blob.resource_id == 0) {
        return;
    }
    transport->ops->destroy_blob(transport, &memory->blob);
    /* The resource has to go before the memory it shows, and they travel by different ways. A
     * renderer of ours counts references instead. */
    if (!device->ring->vesper) {
        (void)!drv_ring_order_after_transport(device->ring);
    }
}

/* A hint: nothing to wait for. */
VKAPI_ATTR void VKAPI_CALL
drv_SetDeviceMemoryPriorityEXT(VkDevice device, VkDeviceMemory memory, float priority)
{
    (void)proto_send_vkSetDeviceMemoryPriorityEXT(drv_device_from(device)->object.client, device,
                                                  memory, priority);
}

VKAPI_ATTR void VKAPI_CALL
drv_FreeMemory(VkDevice handle, VkDeviceMemory memory_handle,
               const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_memory *memory = drv_memory_from(memory_handle);
    if (!memory) {
        return;
    }
    destroy_mapping(device, memory);
    (void)proto_send_vkFreeMemory(device->object.client, handle, memory_handle, NULL);
    drv_device_object_destroy(device, pAllocator, memory);
}

/* --- mapping: always the whole allocation; what the application maps is a place in it. The
 * renderer has executed vkAllocateMemory already, since we had its reply. --- */

static VkResult
create_mapping(struct drv_device *device, struct drv_memory *memory, uint32_t flags)
{
    struct tp_transport *transport = device->ring->transport;
    if (drv_ring_is_lost(device->ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    if (!memory->mappable) { /* forbidden, and some renderers would end the connection over it */
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    enum tp_result res = transport->ops->create_memory_blob(
        transport, memory->object.id, memory->size, TP_BLOB_MAPPABLE | flags, &memory->blob);
    switch (res) {
    case TP_OK: return VK_SUCCESS;
    case TP_LOST:
        drv_ring_set_lost(device->ring, "it closed the connection when memory was to be mapped");
        return VK_ERROR_DEVICE_LOST;
    case TP_NO_DEVICE_MEMORY: return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    default:
        base_log_error("vkMapMemory: the renderer would not share %llu bytes of memory",
                       (unsigned long long)memory->size);
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
}

static VkResult
map(struct drv_device *device, struct drv_memory *memory, VkDeviceSize offset, void **out)
{
    if (!memory->blob.map) {
        VkResult result = create_mapping(device, memory, 0);
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    *out = (uint8_t *)memory->blob.map + offset;
    return VK_SUCCESS;
}

VkResult
drv_memory_share(struct drv_device *device, struct drv_memory *memory, void **out_map, int *out_fd)
{
    VkResult result = create_mapping(device, memory, TP_BLOB_SHAREABLE);
    if (result == VK_SUCCESS) {
        *out_map = memory->blob.map;
        *out_fd = memory->blob.fd;
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_MapMemory(VkDevice handle, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
              VkMemoryMapFlags flags, void **ppData)
{
    return map(drv_device_from(handle), drv_memory_from(memory), offset, ppData);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_MapMemory2(VkDevice handle, const VkMemoryMapInfo *pMemoryMapInfo, void **ppData)
{
    return map(drv_device_from(handle), drv_memory_from(pMemoryMapInfo->memory),
               pMemoryMapInfo->offset, ppData);
}

/* The mapping is kept for the next time. */
VKAPI_ATTR void VKAPI_CALL
drv_UnmapMemory(VkDevice handle, VkDeviceMemory memory)
{
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_UnmapMemory2(VkDevice handle, const VkMemoryUnmapInfo *pMemoryUnmapInfo)
{
    return VK_SUCCESS;
}

/* Every type that can be mapped is coherent (drv_physical_device_adjust_memory()): nothing to do.
 */
static VkResult
coherent_already(VkDevice handle)
{
    return drv_ring_is_lost(drv_device_from(handle)->ring) ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_FlushMappedMemoryRanges(VkDevice handle, uint32_t memoryRangeCount,
                            const VkMappedMemoryRange *pMemoryRanges)
{
    return coherent_already(handle);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_InvalidateMappedMemoryRanges(VkDevice handle, uint32_t memoryRangeCount,
                                 const VkMappedMemoryRange *pMemoryRanges)
{
    return coherent_already(handle);
}
