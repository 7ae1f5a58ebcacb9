#include "renderer/memory.h"

#include <stdlib.h>

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

/* New pages for an allocation of a shared type. */
static VkResult
create_pages(const struct rnd_physical_device *physical, const VkMemoryAllocateInfo *info,
             struct rnd_shm **out)
{
    uint64_t size = import_size(physical, info->allocationSize);
    if (size == 0) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    *out = rnd_shm_create("vesper-memory", size, physical->import_alignment);
    return *out ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

/* The pages of another memory object, which the guest names by their resource. */
static VkResult
import_pages(struct rnd_call *call, const VkImportMemoryResourceInfoMESA *import,
             const VkMemoryAllocateInfo *info, struct rnd_shm **out)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    enum rnd_resource_kind kind;
    struct rnd_shm *shm =
        rnd_resource_table_get(&call->context->resources, import->resourceId, &kind);
    if (!shm) {
        rnd_call_fail(call, "there is no resource %u to import", import->resourceId);
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    uint64_t size = import_size(physical, info->allocationSize);
    if (kind != RND_RESOURCE_DEVICE_MEMORY || size == 0 || size > shm->size ||
        (uintptr_t)shm->map % physical->import_alignment != 0) {
        rnd_shm_unref(shm);
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    *out = shm;
    return VK_SUCCESS;
}

/* Imported host memory cannot be dedicated, nor exported by the host; sharing needs no host's help.
 */
static VkResult
allocate_shared(struct rnd_call *call, const VkMemoryAllocateInfo *info, const struct rnd_shm *shm,
                VkDeviceMemory *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);

    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .pNext = info->pNext,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = shm->map,
    };
    VkMemoryAllocateInfo host_info = *info;
    host_info.pNext = &import;
    host_info.allocationSize = import_size(device->physical_device, info->allocationSize);
    host_info.memoryTypeIndex =
        device->physical_device->memory_types.types[info->memoryTypeIndex].host_index;
    return device->table.AllocateMemory(device->handle, &host_info, NULL, out);
}

static VkResult
allocate_on_device(struct rnd_call *call, const VkMemoryAllocateInfo *info, VkDeviceMemory *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    const VkExportMemoryAllocateInfo *export =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    if (export && export->handleTypes != 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE; /* was never offered: nothing could carry it */
    }
    VkMemoryAllocateInfo host_info = *info;
    host_info.memoryTypeIndex =
        device->physical_device->memory_types.types[info->memoryTypeIndex].host_index;
    return device->table.AllocateMemory(device->handle, &host_info, NULL, out);
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
    const VkImportMemoryResourceInfoMESA *import =
        rnd_chain_remove(info, VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA);
    if (type->backing == RND_BACKING_DEVICE) {
        return import ? VK_ERROR_INVALID_EXTERNAL_HANDLE : allocate_on_device(call, info, out);
    }
    memory->taken = import; /* the resource that it names is the blob */
    VkResult result = import ? import_pages(call, import, info, &memory->shm)
                             : create_pages(physical, info, &memory->shm);
    return result == VK_SUCCESS ? allocate_shared(call, info, memory->shm, out) : result;
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
    if (kind == RND_RESOURCE_DEVICE_MEMORY) {
        args->ret = VK_SUCCESS;
        args->pMemoryResourceProperties->memoryTypeBits =
            rnd_memory_types_shared(&rnd_call_device(call)->physical_device->memory_types);
        VkMemoryResourceAllocationSizePropertiesMESA *size =
            rnd_chain_find(args->pMemoryResourceProperties->pNext,
                           VK_STRUCTURE_TYPE_MEMORY_RESOURCE_ALLOCATION_SIZE_PROPERTIES_MESA);
        if (size) {
            size->allocationSize = shm->size;
        }
    }
    rnd_shm_unref(shm);
}
