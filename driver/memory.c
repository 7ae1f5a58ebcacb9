#include "driver/memory.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/memory_copy.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

static VkMemoryPropertyFlags
flags_of_type(const struct drv_device *device, uint32_t type)
{
    const VkPhysicalDeviceMemoryProperties *memory = &device->physical_device->memory;
    return type < memory->memoryTypeCount ? memory->memoryTypes[type].propertyFlags : 0;
}

/* What is imported was there before, and is counted by whoever allocated it. */
static void
count(struct drv_device *device, struct drv_memory *memory, uint32_t type)
{
    struct drv_physical_device *physical = device->physical_device;
    if (type < physical->memory.memoryTypeCount) {
        memory->counted = true;
        memory->heap = physical->memory.memoryTypes[type].heapIndex;
        drv_heap_use_add(&physical->heap_use, memory->heap, memory->size);
    }
}

static void
destroy_blob(struct drv_device *device, struct drv_memory *memory)
{
    struct tp_transport *transport = device->ring->transport;
    if (memory->copied) {
        drv_memory_copy_destroy(memory);
        return;
    }
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

static bool
is_for_export(const VkMemoryAllocateInfo *info)
{
    const VkExportMemoryAllocateInfo *export =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    return export && export->handleTypes != 0;
}

/* NULL unless it imports something. */
static const VkImportMemoryFdInfoKHR *
find_import(const VkMemoryAllocateInfo *info)
{
    const VkImportMemoryFdInfoKHR *import =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
    return import && import->handleType != 0 ? import : NULL;
}

static const VkImportMemoryHostPointerInfoEXT *
find_pages(const VkMemoryAllocateInfo *info)
{
    const VkImportMemoryHostPointerInfoEXT *pages =
        drv_find_struct(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
    return pages && pages->handleType != 0 ? pages : NULL;
}

static VkResult
import(struct drv_device *device, struct drv_memory *memory, const VkMemoryAllocateInfo *info)
{
    const VkImportMemoryFdInfoKHR *fd = find_import(info);
    const VkImportMemoryHostPointerInfoEXT *pages = find_pages(info);
    if (fd) {
        return drv_memory_import_fd(device, memory, fd);
    }
    return pages ? drv_memory_import_pages(device, memory, pages) : VK_SUCCESS;
}

/* Running out of memory is something applications handle: they get to know at once. What is
 * imported exists as a resource by then, and the renderer is given its id. */
static VkResult
allocate(struct drv_device *device, struct drv_memory *memory, const VkMemoryAllocateInfo *info)
{
    VkImportMemoryResourceInfoMESA resource = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .pNext = info->pNext,
        .resourceId = memory->blob.resource_id,
    };
    VkMemoryAllocateInfo sent = *info;
    VkDeviceMemory handle = (VkDeviceMemory)(uintptr_t)memory;
    if (resource.resourceId != 0) {
        sent.pNext = &resource;
    }
    return proto_call_vkAllocateMemory(device->object.client, (VkDevice)device, &sent, NULL,
                                       &handle);
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
    const VkImportMemoryFdInfoKHR *fd_import = find_import(pAllocateInfo);
    memory->size = pAllocateInfo->allocationSize;
    VkMemoryPropertyFlags flags = flags_of_type(device, pAllocateInfo->memoryTypeIndex);
    memory->mappable = flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    memory->copied = memory->mappable && !(flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    memory->shareable = fd_import || is_for_export(pAllocateInfo);
    memory->blob.fd = -1;

    VkResult result = import(device, memory, pAllocateInfo);
    if (result == VK_SUCCESS) {
        result = allocate(device, memory, pAllocateInfo);
    }
    if (result != VK_SUCCESS) {
        destroy_blob(device, memory);
        drv_host_pages_take_back(&memory->host_pages);
        drv_device_object_destroy(device, pAllocator, memory);
        return result;
    }
    if (fd_import) {
        int fd = fd_import->fd; /* success hands it over */
        base_fd_close(&fd);
    } else if (memory->host_pages.size == 0) {
        count(device, memory, pAllocateInfo->memoryTypeIndex);
    }
    *pMemory = (VkDeviceMemory)(uintptr_t)memory;
    return VK_SUCCESS;
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
    if (memory->counted) {
        drv_heap_use_take_away(&device->physical_device->heap_use, memory->heap, memory->size);
    }
    drv_memory_unplace(memory);
    destroy_blob(device, memory);
    drv_host_pages_take_back(&memory->host_pages);
    (void)proto_send_vkFreeMemory(device->object.client, handle, memory_handle, NULL);
    drv_device_object_destroy(device, pAllocator, memory);
}

/* --- sharing: always the whole allocation. The renderer has executed vkAllocateMemory already,
 * since we had its reply. --- */

static VkResult
make_blob_locked(struct drv_device *device, struct drv_memory *memory)
{
    struct tp_transport *transport = device->ring->transport;
    if (memory->copied) {
        return memory->in_step ? VK_SUCCESS : drv_memory_copy_create(device, memory);
    }
    if (memory->blob.resource_id != 0) {
        return VK_SUCCESS;
    }
    if (drv_ring_is_lost(device->ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    uint32_t flags =
        (memory->mappable ? TP_BLOB_MAPPABLE : 0) | (memory->shareable ? TP_BLOB_SHAREABLE : 0);
    enum tp_result res = transport->ops->create_memory_blob(transport, memory->object.id,
                                                            memory->size, flags, &memory->blob);
    switch (res) {
    case TP_OK: return VK_SUCCESS;
    case TP_LOST:
        drv_ring_set_lost(device->ring, "it closed the connection when memory was to be shared");
        return VK_ERROR_DEVICE_LOST;
    case TP_NO_DEVICE_MEMORY: return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    default:
        base_log_error("the renderer would not share %llu bytes of memory",
                       (unsigned long long)memory->size);
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
}

VkResult
drv_memory_make_blob(struct drv_device *device, struct drv_memory *memory)
{
    pthread_mutex_lock(&device->blobs_lock);
    VkResult result = make_blob_locked(device, memory);
    pthread_mutex_unlock(&device->blobs_lock);
    return result;
}

VkResult
drv_memory_share(struct drv_device *device, struct drv_memory *memory, void **out_map)
{
    if (!memory->mappable) {
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    memory->shareable = true;
    VkResult result = drv_memory_make_blob(device, memory);
    if (result == VK_SUCCESS) {
        *out_map = drv_memory_bytes(memory);
    }
    return result;
}

static bool
can_be_mapped(int fd, size_t size)
{
    void *map = base_fd_map(fd, size);
    if (map) {
        base_fd_unmap(map, size);
    }
    return map;
}

/* In a guest a blob has no descriptor, and leaves as a dma-buf of the guest's kernel's, which keeps
 * its pages; that others can map it shows when we do. */
static int
export_pages(struct drv_device *device, const struct tp_blob *blob)
{
    struct tp_transport *transport = device->ring->transport;
    int fd = -1;
    if (!transport->takes_fds || transport->ops->export_fd(transport, blob, &fd) != TP_OK) {
        return -1;
    }
    if (!can_be_mapped(fd, (size_t)blob->size)) {
        base_fd_close(&fd);
    }
    return fd;
}

int
drv_memory_get_pages(struct drv_device *device, const struct drv_memory *memory)
{
    int fd = memory->blob.fd;
    if (fd == -1) {
        return export_pages(device, &memory->blob);
    }
    return fcntl(fd, F_GET_SEALS) != -1 ? base_fd_duplicate(fd) : -1;
}
