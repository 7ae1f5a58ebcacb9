#include "renderer/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/zalloc.h"
#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/gbm_export.h"
#include "renderer/rnd_dispatch.h"
#include "wire/range.h"

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

#define PAGES VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define OPAQUE VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT

static VkResult
allocate_from_host(struct rnd_call *call, const VkMemoryAllocateInfo *info, uint64_t size,
                   void *structure, VkDeviceMemory *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    if (structure) {
        rnd_chain_push(info, structure);
    }
    VkMemoryAllocateInfo host_info = *info;
    host_info.allocationSize = size;
    host_info.memoryTypeIndex =
        device->physical_device->memory_types.types[info->memoryTypeIndex].host_index;
    return device->table.AllocateMemory(device->handle, &host_info, NULL, out);
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

static bool
charge_pages(struct rnd_call *call, uint64_t size)
{
    struct rnd_budget *budget = &call->context->budget;
    return rnd_budget_charge(budget, &budget->memory, call->context->info.name,
                             "device memory in shared pages", size);
}

/* The host imports pages; memory->shm, or new ones. It never dedicates such memory. */
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
        if (!charge_pages(call, size)) {
            return VK_ERROR_OUT_OF_DEVICE_MEMORY;
        }
        memory->shm = rnd_shm_create("vesper-memory", size, physical->import_alignment,
                                     &call->context->budget.memory);
        if (!memory->shm) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
    }
    if (size > memory->shm->size || (uintptr_t)memory->shm->map % physical->import_alignment != 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = PAGES,
        .pHostPointer = memory->shm->map,
    };
    forget_zeroing(info);
    rnd_chain_remove(info, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);
    return allocate_from_host(call, info, size, &import, out);
}

/* The pages are the host's; it gives a descriptor of them when there is to be a blob (memory.c). */
static VkResult
allocate_for_export(struct rnd_call *call, const VkMemoryAllocateInfo *info,
                    VkExternalMemoryHandleTypeFlags handle, VkDeviceMemory *out)
{
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = handle,
    };
    if (!rnd_call_device(call)->table.GetMemoryFdKHR) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE; /* the guest has not enabled the extension */
    }
    return allocate_from_host(call, info, info->allocationSize, &export, out);
}

static VkResult
import_descriptor(struct rnd_call *call, const VkMemoryAllocateInfo *info,
                  VkExternalMemoryHandleTypeFlags handle, const struct rnd_shm *shm,
                  VkDeviceMemory *out)
{
    const struct rnd_device *device = rnd_call_device(call);
    uint32_t host_index =
        device->physical_device->memory_types.types[info->memoryTypeIndex].host_index;
    if (!device->table.GetMemoryFdKHR || info->allocationSize > shm->size ||
        (handle == DMA_BUF && !(rnd_memory_dma_buf_types(device, shm->fd) >> host_index & 1))) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    int fd = fcntl(shm->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .handleType = (VkExternalMemoryHandleTypeFlagBits)handle,
        .fd = fd,
    };
    forget_zeroing(info);
    VkResult result = allocate_from_host(call, info, info->allocationSize, &import, out);
    if (result != VK_SUCCESS) {
        base_fd_close(&fd); /* the host takes it over on success only */
    }
    return result;
}

/* The pages are libgbm's, and the host imports them. */
static VkResult
allocate_by_gbm(struct rnd_call *call, const VkMemoryAllocateInfo *info, struct rnd_memory *memory,
                VkDeviceMemory *out)
{
    int fd = rnd_gbm_export_allocate(call, info);
    if (fd < 0) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    memory->shm = rnd_shm_wrap_or_close(fd, RND_FD_DMA_BUF, 0);
    if (!memory->shm) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    rnd_memory_charge_descriptor(memory);
    return import_descriptor(call, info, DMA_BUF, memory->shm, out);
}

/* Pages are charged where they come from, which another memory object may have done before. */
static VkResult
charge(struct rnd_call *call, const VkMemoryAllocateInfo *info, struct rnd_memory *memory)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    uint32_t heap = physical->memory_types.guest.memoryTypes[info->memoryTypeIndex].heapIndex;
    return memory->carrier == PAGES ? VK_SUCCESS
                                    : rnd_memory_charge(memory, call->context, physical, heap);
}

static VkResult
allocate_as(struct rnd_call *call, const VkMemoryAllocateInfo *info, struct rnd_memory *memory,
            VkDeviceMemory *out)
{
    VkResult charged = charge(call, info, memory);
    if (charged != VK_SUCCESS) {
        return charged;
    }
    switch (memory->carrier) {
    case 0: return allocate_from_host(call, info, info->allocationSize, NULL, out);
    case PAGES: return allocate_in_pages(call, info, memory, out);
    case DMA_BUF:
        if (rnd_call_device(call)->physical_device->gbm) {
            return allocate_by_gbm(call, info, memory, out);
        }
    }
    return allocate_for_export(call, info, memory->carrier, out);
}

/* --- importing --- */

/* What another of us has given out for pages: its file, mapped here too. */
static VkResult
import_foreign_pages(struct rnd_call *call, const VkMemoryAllocateInfo *info,
                     struct rnd_memory *memory, VkDeviceMemory *out)
{
    const struct rnd_physical_device *physical = rnd_call_device(call)->physical_device;
    uint64_t size = import_size(physical, info->allocationSize);
    if (size == 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    if (!charge_pages(call, size)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    struct rnd_shm *pages =
        rnd_shm_map(memory->shm, size, physical->import_alignment, &call->context->budget.memory);
    if (!pages) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    rnd_shm_unref(memory->shm);
    memory->shm = pages;
    return allocate_in_pages(call, info, memory, out);
}

/* The host's handle type that a resource is to memory of that type; 0: it is none. */
static VkExternalMemoryHandleTypeFlags
carrier_of(const struct rnd_memory_type *type, const struct rnd_shm *shm)
{
    switch (shm->kind) {
    case RND_FD_SHARED_MEMORY:
        return type->backing == RND_BACKING_SHARED || type->as_opaque == PAGES ? PAGES : 0;
    case RND_FD_DMA_BUF: return type->as_dma_buf;
    case RND_FD_OPAQUE: return type->as_opaque;
    }
    return 0;
}

/* What another memory object is made of, here or elsewhere, which the guest names by its resource.
 */
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
    memory->carrier = kind == RND_RESOURCE_DEVICE_MEMORY ? carrier_of(type, shm) : 0;
    if (memory->carrier == 0) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    VkResult charged = charge(call, info, memory);
    if (charged != VK_SUCCESS) {
        return charged;
    }
    switch (memory->carrier) {
    case PAGES:
        return shm->map ? allocate_in_pages(call, info, memory, out)
                        : import_foreign_pages(call, info, memory, out);
    default: return import_descriptor(call, info, memory->carrier, shm, out);
    }
}

/* False: memory of that type cannot be exported as the guest wants. What is mapped has a descriptor
 * all the same, and Mesa's driver asks for that by the name of dma-bufs without looking. */
static bool
choose_carrier(const struct rnd_memory_types *types, const struct rnd_memory_type *type,
               const VkExportMemoryAllocateInfo *export, VkExternalMemoryHandleTypeFlags *out)
{
    if (!export || export->handleTypes == 0) {
        *out = rnd_backing_handle(type->backing);
        return true;
    }
    *out = rnd_memory_type_carrier(type, rnd_memory_types_settle(types, export->handleTypes));
    if (*out == 0) {
        *out = rnd_backing_handle(type->backing);
    }
    return *out != 0;
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
    memory->size = info->allocationSize;
    memory->mappable = rnd_backing_handle(type->backing) != 0;
    memory->cached = physical->memory_types.guest.memoryTypes[info->memoryTypeIndex].propertyFlags &
                     VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    if (import) {
        return import_resource(call, import->resourceId, info, type, memory, out);
    }
    if (!choose_carrier(&physical->memory_types, type, export, &memory->carrier)) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    memory->copied = type->backing == RND_BACKING_COPY;
    return allocate_as(call, info, memory, out);
}

void
rnd_do_vkAllocateMemory(struct rnd_call *call, struct proto_vkAllocateMemory *args)
{
    struct rnd_device *device = rnd_call_device(call);
    if (!rnd_call_check_new_ids(call, args->pMemory_ids, 1)) {
        return;
    }
    struct rnd_memory *memory = base_zalloc(sizeof(*memory));
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
    uint32_t host_mask =
        shm->kind == RND_FD_DMA_BUF ? rnd_memory_dma_buf_types(device, shm->fd) : UINT32_MAX;
    uint32_t mask = 0;
    for (uint32_t i = 0; i < types->guest.memoryTypeCount; i++) {
        const struct rnd_memory_type *type = &types->types[i];
        bool fits = carrier_of(type, shm) != 0 && (host_mask >> type->host_index & 1);
        mask |= fits ? UINT32_C(1) << i : 0;
    }
    return mask;
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

/* --- memory that the guest maps in copies --- */

/* NULL: the context has ended. */
static struct rnd_memory *
find_copied(struct rnd_call *call, VkDeviceMemory handle, uint64_t offset, uint64_t size)
{
    struct rnd_memory *memory =
        (struct rnd_memory *)rnd_call_seen(call, VK_OBJECT_TYPE_DEVICE_MEMORY, RND_HANDLE(handle));
    if (!memory || !memory->copied) {
        rnd_call_fail(call, "it names no memory that is mapped in copies");
        return NULL;
    }
    if (!wire_range_fits(offset, size, memory->size)) {
        rnd_call_fail(
            call, "%" PRIu64 " bytes at %" PRIu64 " exceed memory %" PRIu64 " of %" PRIu64 " bytes",
            size, offset, memory->object.id, memory->size);
        return NULL;
    }
    return memory;
}

/* Only coherent types have copies, so the host flushes nothing. */
void
rnd_do_vkWriteMemoryVESPER(struct rnd_call *call, struct proto_vkWriteMemoryVESPER *args)
{
    struct rnd_memory *memory = find_copied(call, args->memory, args->offset, args->dataSize);
    uint8_t *bytes = memory ? rnd_memory_begin_copy(call, memory, &args->ret) : NULL;
    if (bytes) {
        if (args->dataSize > 0) {
            memcpy(bytes + args->offset, args->pData, args->dataSize);
        }
        rnd_memory_end_copy(memory);
    }
}

void
rnd_do_vkReadMemoryVESPER(struct rnd_call *call, struct proto_vkReadMemoryVESPER *args)
{
    struct rnd_memory *memory = find_copied(call, args->memory, args->offset, args->dataSize);
    const uint8_t *bytes = memory ? rnd_memory_begin_copy(call, memory, &args->ret) : NULL;
    if (bytes) {
        if (args->dataSize > 0) {
            memcpy(args->pData, bytes + args->offset, args->dataSize);
        }
        rnd_memory_end_copy(memory);
    }
}
