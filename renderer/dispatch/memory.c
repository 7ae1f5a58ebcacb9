#include "renderer/memory.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"
#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* Rounds up to what the host imports; 0 if that overflows. */
static uint64_t
import_size(const struct rnd_physical_device *physical, uint64_t size)
{
    uint64_t alignment = physical->import_alignment;
    uint64_t at_least = size > 0 ? size : 1;
    return at_least > UINT64_MAX - alignment ? 0 : (at_least + alignment - 1) & ~(alignment - 1);
}

/* Vulkan forbids asking for more; such a size would also go into no file. */
static bool
exceeds_heap(const struct rnd_physical_device *physical, const VkMemoryAllocateInfo *info)
{
    const VkPhysicalDeviceMemoryProperties *guest = &physical->memory_types.guest;
    uint32_t heap = guest->memoryTypes[info->memoryTypeIndex].heapIndex;
    return info->allocationSize > guest->memoryHeaps[heap].size;
}

/* --- allocating --- */

/* Neither imported pages nor what is exported for every mapping is dedicated; and the guest's own
 * wish to export has no say in what backs a type. */
static VkResult
allocate_from_host(struct rnd_call *call, const VkMemoryAllocateInfo *info, uint64_t size,
                   void *structure, VkDeviceMemory *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    if (structure) {
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
        rnd_chain_push(info, structure);
    }
    VkMemoryAllocateInfo host_info = *info;
    host_info.allocationSize = size;
    host_info.memoryTypeIndex =
        device->physical_device->memory_types.types[info->memoryTypeIndex].host_index;
    return device->table.AllocateMemory(device->handle, &host_info, NULL, out);
}

static VkResult
allocate_on_device(struct rnd_call *call, const VkMemoryAllocateInfo *info, VkDeviceMemory *out)
{
    return allocate_from_host(call, info, info->allocationSize, NULL, out);
}

/* Our pages are new, so they are zero, and what is imported may not ask for it. */
static void
forget_zeroing(const VkMemoryAllocateInfo *info)
{
#ifdef VK_EXT_zero_initialize_device_memory
    VkMemoryAllocateFlagsInfo *flags =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO);
    if (flags) {
        flags->flags &= ~(VkMemoryAllocateFlags)VK_MEMORY_ALLOCATE_ZERO_INITIALIZE_BIT_EXT;
    }
#endif
}

/* The pages are ours, and the host imports them. */
static VkResult
allocate_in_pages(struct rnd_call *call, const VkMemoryAllocateInfo *info,
                  struct rnd_memory *memory, VkDeviceMemory *out)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    uint64_t size = import_size(physical, info->allocationSize);
    if (size == 0) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    if (!memory->shm) {
        memory->shm = rnd_shm_create("vesper-memory", size, physical->import_alignment);
        if (!memory->shm) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
    }
    if (size > memory->shm->size || (uintptr_t)memory->shm->map % physical->import_alignment != 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = memory->shm->map,
    };
    forget_zeroing(info);
    return allocate_from_host(call, info, size, &import, out);
}

/* The pages are the host's; it gives a descriptor of them when the guest maps (memory.c). */
static VkResult
allocate_as_dma_buf(struct rnd_call *call, const VkMemoryAllocateInfo *info, VkDeviceMemory *out)
{
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    return allocate_from_host(call, info, info->allocationSize, &export, out);
}

/* The host's memory types that it would import the dma-buf as; 0: none. */
static uint32_t
dma_buf_types(const struct rnd_device *device, int fd)
{
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    VkResult result = device->table.GetMemoryFdPropertiesKHR(
        device->handle, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, fd, &properties);
    return result == VK_SUCCESS ? properties.memoryTypeBits : 0;
}

static VkResult
import_dma_buf(struct rnd_call *call, const VkMemoryAllocateInfo *info, const struct rnd_shm *shm,
               uint32_t host_index, VkDeviceMemory *out)
{
    if (info->allocationSize > shm->size ||
        !(dma_buf_types(rnd_call_device(call), shm->fd) >> host_index & 1)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    int fd = fcntl(shm->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
        .fd = fd,
    };
    VkResult result = allocate_from_host(call, info, info->allocationSize, &import, out);
    if (result != VK_SUCCESS) {
        base_fd_close(&fd); /* the host takes it over on success only */
    }
    return result;
}

/* What another memory object is made of, which the guest names by its resource. */
static VkResult
import_resource(struct rnd_call *call, uint32_t resource_id, const VkMemoryAllocateInfo *info,
                const struct rnd_memory_type *type, struct rnd_memory *memory, VkDeviceMemory *out)
{
    enum rnd_resource_kind kind;
    struct rnd_shm *shm = rnd_resource_table_get(&call->context->resources, resource_id, &kind);
    if (!shm) {
        rnd_call_fail(call, "there is no resource %u to import", resource_id);
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    memory->shm = shm;
    memory->taken = true; /* the resource is its blob */
    if (kind == RND_RESOURCE_DEVICE_MEMORY) {
        if (type->backing == RND_BACKING_SHARED && shm->kind == RND_FD_SHARED_MEMORY) {
            return allocate_in_pages(call, info, memory, out);
        }
        if (type->backing == RND_BACKING_DMA_BUF && shm->kind == RND_FD_DMA_BUF) {
            return import_dma_buf(call, info, shm, type->host_index, out);
        }
    }
    return VK_ERROR_INVALID_EXTERNAL_HANDLE;
}

static VkResult
allocate(struct rnd_call *call, const VkMemoryAllocateInfo *info, struct rnd_memory *memory,
         VkDeviceMemory *out)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    const struct rnd_memory_type *type =
        rnd_memory_types_find(&physical->memory_types, info->memoryTypeIndex);
    if (!type) {
        return VK_ERROR_UNKNOWN;
    }
    if (exceeds_heap(physical, info)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    const VkExportMemoryAllocateInfo *export =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    const VkImportMemoryResourceInfoMESA *import =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA);
    memory->backing = type->backing;
    memory->cached = physical->memory_types.guest.memoryTypes[info->memoryTypeIndex].propertyFlags &
                     VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    if (import) {
        return import_resource(call, import->resourceId, info, type, memory, out);
    }
    switch (type->backing) {
    case RND_BACKING_SHARED: return allocate_in_pages(call, info, memory, out);
    case RND_BACKING_DMA_BUF: return allocate_as_dma_buf(call, info, out);
    case RND_BACKING_DEVICE: break;
    }
    if (export && export->handleTypes != 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE; /* was never offered: nothing could carry it */
    }
    return allocate_on_device(call, info, out);
}

void
rnd_do_vkAllocateMemory(struct rnd_call *call, struct proto_vkAllocateMemory *args)
{
    struct rnd_device *device = rnd_call_device(call);
    if (!rnd_call_check_new_ids(call, args->pMemory_ids, 1)) {
        return;
    }
    struct rnd_memory *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    args->ret = allocate(call, args->pAllocateInfo, memory, args->pMemory);
    if (args->ret != VK_SUCCESS) {
        rnd_memory_finish(memory);
        free(memory);
        return;
    }
    if (!rnd_call_add(call, &memory->object, VK_OBJECT_TYPE_DEVICE_MEMORY, args->pMemory_ids[0],
                      RND_HANDLE(*args->pMemory), device, &device->object)) {
        device->table.FreeMemory(device->handle, *args->pMemory, NULL);
        rnd_memory_finish(memory);
        free(memory);
    }
}

void
rnd_do_vkFreeMemory(struct rnd_call *call, struct proto_vkFreeMemory *args)
{
    rnd_call_destroy(call, args->memory_id, VK_OBJECT_TYPE_DEVICE_MEMORY);
}

/* The guest's memory types that a resource can be imported as. */
static uint32_t
importable_types(const struct rnd_device *device, const struct rnd_shm *shm)
{
    const struct rnd_memory_types *types = &device->physical_device->memory_types;
    if (shm->kind == RND_FD_DMA_BUF) {
        return rnd_memory_types_backed_by(types, RND_BACKING_DMA_BUF,
                                          dma_buf_types(device, shm->fd));
    }
    return rnd_memory_types_backed_by(types, RND_BACKING_SHARED, UINT32_MAX);
}

void
rnd_do_vkGetMemoryResourcePropertiesMESA(struct rnd_call *call,
                                         struct proto_vkGetMemoryResourcePropertiesMESA *args)
{
    enum rnd_resource_kind kind;
    struct rnd_shm *shm =
        rnd_resource_table_get(&call->context->resources, args->resourceId, &kind);
    if (!shm) {
        rnd_call_fail(call, "there is no resource %u", args->resourceId);
        return;
    }
    args->ret = VK_ERROR_INVALID_EXTERNAL_HANDLE;
    uint32_t types =
        kind == RND_RESOURCE_DEVICE_MEMORY ? importable_types(rnd_call_device(call), shm) : 0;
    if (types != 0) {
        args->ret = VK_SUCCESS;
        args->pMemoryResourceProperties->memoryTypeBits = types;
        VkMemoryResourceAllocationSizePropertiesMESA *size =
            rnd_chain_find(args->pMemoryResourceProperties->pNext,
                           VK_STRUCTURE_TYPE_MEMORY_RESOURCE_ALLOCATION_SIZE_PROPERTIES_MESA);
        if (size) {
            size->allocationSize = shm->size;
        }
    }
    rnd_shm_unref(shm);
}
