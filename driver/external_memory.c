/* Memory as file descriptors: given out by one process, taken by another. A descriptor is that of a
 * blob, and what it really is (pages, a dma-buf, the host driver's own) is between renderers. */
#include <errno.h>
#include <unistd.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/memory.h"
#include "protocol/proto_encode.h"

#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static VkResult
explain(struct drv_device *device, enum tp_result res)
{
    switch (res) {
    case TP_OK: return VK_SUCCESS;
    case TP_LOST:
        drv_ring_set_lost(device->ring, "it closed the connection over a descriptor of memory");
        return VK_ERROR_DEVICE_LOST;
    case TP_REFUSED: return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    default: return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
}

/* Commands on the ring may name the resource from now on. Where the renderer is told of it by
 * another way than the ring's, the ring could be faster. */
static VkResult
order_behind_import(struct drv_device *device, struct tp_blob *blob)
{
    struct tp_transport *transport = device->ring->transport;
    VkResult result =
        transport->imports_by_stream ? drv_ring_order_after_transport(device->ring) : VK_SUCCESS;
    if (result != VK_SUCCESS) {
        transport->ops->destroy_blob(transport, blob);
    }
    return result;
}

static VkResult
import(struct drv_device *device, int fd, VkExternalMemoryHandleTypeFlagBits type, uint64_t size,
       uint32_t flags, struct tp_blob *out)
{
    struct tp_transport *transport = device->ring->transport;
    if (!device->physical_device->shares_memory || (type != OPAQUE && type != DMA_BUF)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    if (drv_ring_is_lost(device->ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    VkResult result =
        explain(device, transport->ops->import_fd(transport, fd,
                                                  type == OPAQUE ? TP_FD_OPAQUE : TP_FD_DMA_BUF,
                                                  size, flags, out));
    return result == VK_SUCCESS ? order_behind_import(device, out) : result;
}

VkResult
drv_memory_import_fd(struct drv_device *device, struct drv_memory *memory,
                     const VkImportMemoryFdInfoKHR *info)
{
    return import(device, info->fd, info->handleType, memory->size,
                  memory->mappable ? TP_BLOB_MAPPABLE : 0, &memory->blob);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetMemoryFdKHR(VkDevice handle, const VkMemoryGetFdInfoKHR *pGetFdInfo, int *pFd)
{
    struct drv_device *device = drv_device_from(handle);
    struct tp_transport *transport = device->ring->transport;
    struct drv_memory *memory = drv_memory_from(pGetFdInfo->memory);
    if (!device->physical_device->shares_memory || !memory->shareable) {
        return VK_ERROR_TOO_MANY_OBJECTS; /* forbidden */
    }
    VkResult result = drv_memory_make_blob(device, memory);
    if (result != VK_SUCCESS) {
        return result;
    }
    enum tp_result res = transport->ops->export_fd(transport, &memory->blob, pFd);
    return res == TP_NO_MEMORY ? VK_ERROR_TOO_MANY_OBJECTS : explain(device, res);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetMemoryFdPropertiesKHR(VkDevice handle, VkExternalMemoryHandleTypeFlagBits handleType, int fd,
                             VkMemoryFdPropertiesKHR *pMemoryFdProperties)
{
    struct drv_device *device = drv_device_from(handle);
    struct tp_transport *transport = device->ring->transport;
    VkMemoryResourcePropertiesMESA properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA,
    };
    struct tp_blob blob;
    if (handleType != DMA_BUF) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE; /* of opaque ones one must not ask */
    }
    off_t size = lseek(fd, 0, SEEK_END);
    VkResult result = size > 0 ? import(device, fd, handleType, (uint64_t)size, 0, &blob)
                               : VK_ERROR_INVALID_EXTERNAL_HANDLE;
    if (result != VK_SUCCESS) {
        return result;
    }
    result = proto_call_vkGetMemoryResourcePropertiesMESA(device->object.client, handle,
                                                          blob.resource_id, &properties);
    transport->ops->destroy_blob(transport, &blob);
    pMemoryFdProperties->memoryTypeBits = result == VK_SUCCESS ? properties.memoryTypeBits : 0;
    return result;
}
