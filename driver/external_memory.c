/* Memory that enters or leaves. As file descriptors: given out by one process, taken by another;
 * one is that of a blob, and what it really is (pages, a dma-buf, the host driver's own) is between
 * renderers. Or as pages that the application has already. */
#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/host_pages.h"
#include "driver/memory.h"
#include "protocol/proto_encode.h"

#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define HOST_ALLOCATION VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

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
import(struct drv_device *device, const struct tp_fd *memory, uint32_t flags, struct tp_blob *out)
{
    struct tp_transport *transport = device->ring->transport;
    if (drv_ring_is_lost(device->ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    VkResult result = explain(device, transport->ops->import_fd(transport, memory, flags, out));
    return result == VK_SUCCESS ? order_behind_import(device, out) : result;
}

static VkResult
import_fd(struct drv_device *device, int fd, VkExternalMemoryHandleTypeFlagBits type, uint64_t size,
          uint32_t flags, struct tp_blob *out)
{
    const struct tp_fd memory = {
        .kind = type == OPAQUE ? TP_FD_OPAQUE : TP_FD_DMA_BUF,
        .fd = fd,
        .size = size,
    };
    if (!device->physical_device->shares_memory || (type != OPAQUE && type != DMA_BUF)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    return import(device, &memory, flags, out);
}

VkResult
drv_memory_import_fd(struct drv_device *device, struct drv_memory *memory,
                     const VkImportMemoryFdInfoKHR *info)
{
    return import_fd(device, info->fd, info->handleType, memory->size,
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

/* The memory types that a blob can be imported as. The blob is done with. */
static VkResult
ask_types(struct drv_device *device, struct tp_blob *blob, uint32_t *out_types)
{
    struct tp_transport *transport = device->ring->transport;
    VkMemoryResourcePropertiesMESA properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA,
    };
    VkResult result = proto_call_vkGetMemoryResourcePropertiesMESA(
        device->object.client, (VkDevice)device, blob->resource_id, &properties);
    transport->ops->destroy_blob(transport, blob);
    *out_types = result == VK_SUCCESS ? properties.memoryTypeBits : 0;
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetMemoryFdPropertiesKHR(VkDevice handle, VkExternalMemoryHandleTypeFlagBits handleType, int fd,
                             VkMemoryFdPropertiesKHR *pMemoryFdProperties)
{
    struct drv_device *device = drv_device_from(handle);
    struct tp_blob blob;
    if (handleType != DMA_BUF) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE; /* of opaque ones one must not ask */
    }
    off_t size = lseek(fd, 0, SEEK_END);
    VkResult result = size > 0 ? import_fd(device, fd, handleType, (uint64_t)size, 0, &blob)
                               : VK_ERROR_INVALID_EXTERNAL_HANDLE;
    return result == VK_SUCCESS ? ask_types(device, &blob, &pMemoryFdProperties->memoryTypeBits)
                                : result;
}

/* --- the application's own pages --- */

static bool
is_whole_pages(const void *address, VkDeviceSize size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return size > 0 && size <= SIZE_MAX / 2 && ((uintptr_t)address | size) % page == 0;
}

static bool
takes(const struct drv_device *device, VkExternalMemoryHandleTypeFlagBits type)
{
    return type == HOST_ALLOCATION && device->physical_device->takes_pages;
}

/* The renderer sees the descriptor, so it may tell why it took it for something else. */
VkResult
drv_memory_import_pages(struct drv_device *device, struct drv_memory *memory,
                        const VkImportMemoryHostPointerInfoEXT *info)
{
    void *pages = info->pHostPointer;
    size_t size = (size_t)memory->size;
    if (!takes(device, info->handleType) || !is_whole_pages(pages, memory->size)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    const struct tp_fd shared = {
        .kind = TP_FD_PAGES,
        .fd = drv_host_pages_share(&memory->host_pages, pages, size),
        .offset = (uintptr_t)pages,
        .size = size,
    };
    if (shared.fd >= 0) {
        return import(device, &shared, 0, &memory->blob);
    }
    if (errno == EINVAL) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    base_log_error("%zu bytes at %p cannot be shared: %s", size, pages, base_fd_explain(errno));
    return VK_ERROR_OUT_OF_HOST_MEMORY;
}

/* Pages are the application's to read and write, and many map what they import, whatever its type
 * says: types that cannot be mapped are named only if there are no others. */
static uint32_t
prefer_mappable(const struct drv_device *device, uint32_t types)
{
    const VkPhysicalDeviceMemoryProperties *memory = &device->physical_device->memory;
    uint32_t mappable = 0;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        if (memory->memoryTypes[i].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
            mappable |= UINT32_C(1) << i;
        }
    }
    return types & mappable ? types & mappable : types;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetMemoryHostPointerPropertiesEXT(
    VkDevice handle, VkExternalMemoryHandleTypeFlagBits handleType, const void *pHostPointer,
    VkMemoryHostPointerPropertiesEXT *pMemoryHostPointerProperties)
{
    struct drv_device *device = drv_device_from(handle);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct tp_blob blob;
    pMemoryHostPointerProperties->memoryTypeBits = 0;
    if (!takes(device, handleType) || !is_whole_pages(pHostPointer, page) ||
        !drv_host_pages_shareable(pHostPointer, page)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    /* Any pages will do for the question: they are what those would become. */
    struct tp_fd question = {
        .kind = TP_FD_PAGES,
        .fd = base_fd_create_shared_memory("vesper-question", page),
        .size = page,
    };
    if (question.fd < 0) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = import(device, &question, 0, &blob);
    base_fd_close(&question.fd);
    uint32_t types = 0;
    if (result == VK_SUCCESS) {
        result = ask_types(device, &blob, &types);
    }
    pMemoryHostPointerProperties->memoryTypeBits = prefer_mappable(device, types);
    return result;
}
