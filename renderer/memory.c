#include "renderer/memory.h"

#include <inttypes.h>

#include "base/log.h"
#include "renderer/call_impl.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"

/* The host makes the descriptor when somebody wants one: most memory is never mapped. */
static enum rnd_result
export_from_host(struct rnd_memory *memory)
{
    bool opaque = memory->carrier == VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
    const struct rnd_device *device = memory->object.device;
    VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = RND_OBJECT_HANDLE(&memory->object, VkDeviceMemory),
        .handleType = (VkExternalMemoryHandleTypeFlagBits)memory->carrier,
    };
    int fd;
    VkResult result = device->table.GetMemoryFdKHR(device->handle, &info, &fd);
    if (result != VK_SUCCESS) {
        base_log_warn("\"%s\" gave no %s of memory that was allocated for that: %d",
                      device->physical_device->properties.deviceName,
                      opaque ? "opaque descriptor" : "dma-buf", result);
        return RND_NO_MEMORY;
    }
    memory->shm = rnd_shm_wrap_or_close(fd, opaque ? RND_FD_OPAQUE : RND_FD_DMA_BUF,
                                        opaque ? memory->size : 0);
    if (!memory->shm) {
        return RND_NO_MEMORY;
    }
    rnd_memory_charge_descriptor(memory);
    return RND_OK;
}

static enum rnd_result
take_locked(struct rnd_memory *memory, uint64_t size, uint32_t flags, struct rnd_shm **out,
            enum rnd_map_caching *caching)
{
    if (!memory || memory->object.type != VK_OBJECT_TYPE_DEVICE_MEMORY || memory->carrier == 0 ||
        memory->taken || size == 0 || ((flags & RND_BLOB_MAPPABLE) && !memory->mappable)) {
        return RND_INVALID;
    }
    if (!memory->shm) {
        enum rnd_result result = export_from_host(memory);
        if (result != RND_OK) {
            return result;
        }
    }
    if (size > memory->shm->size) {
        return RND_INVALID;
    }
    memory->taken = true;
    *out = rnd_shm_ref(memory->shm);
    /* Shared pages are ordinary memory whatever the host's type says. */
    bool cached = memory->shm->kind == RND_FD_SHARED_MEMORY || memory->cached;
    *caching = cached ? RND_MAP_CACHED : RND_MAP_WRITE_COMBINED;
    return RND_OK;
}

/* Holds the table's lock: once vkFreeMemory has the object out of the table, nobody gets here with
 * it. */
enum rnd_result
rnd_memory_take(struct rnd_context *ctx, uint64_t id, uint64_t size, uint32_t flags,
                struct rnd_shm **out, enum rnd_map_caching *caching)
{
    pthread_mutex_lock(&ctx->objects.lock);
    enum rnd_result result =
        take_locked(base_table_find(&ctx->objects.ids, id), size, flags, out, caching);
    pthread_mutex_unlock(&ctx->objects.lock);
    return result;
}

uint32_t
rnd_memory_dma_buf_types(const struct rnd_device *device, int fd)
{
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    return device->table.GetMemoryFdPropertiesKHR &&
                   device->table.GetMemoryFdPropertiesKHR(
                       device->handle, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, fd,
                       &properties) == VK_SUCCESS
               ? properties.memoryTypeBits
               : 0;
}

VkResult
rnd_memory_charge(struct rnd_memory *memory, struct rnd_context *ctx,
                  const struct rnd_physical_device *physical, uint32_t heap)
{
    if (!rnd_physical_device_heap_is_ram(physical, heap)) {
        return VK_SUCCESS;
    }
    struct base_account *account = &ctx->budget.memory;
    if (!rnd_budget_charge(&ctx->budget, account, ctx->info.name, "device memory", memory->size)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    memory->account = account;
    return VK_SUCCESS;
}

void
rnd_memory_charge_descriptor(struct rnd_memory *memory)
{
    memory->shm->account = memory->account;
    memory->shm->charged = memory->size;
    memory->account = NULL;
}

/* Mapped when a copy first comes or goes. */
static VkResult
map_locked(struct rnd_memory *memory)
{
    const struct rnd_device *device = memory->object.device;
    return memory->host_map
               ? VK_SUCCESS
               : device->table.MapMemory(device->handle,
                                         RND_OBJECT_HANDLE(&memory->object, VkDeviceMemory), 0,
                                         VK_WHOLE_SIZE, 0, &memory->host_map);
}

/* It is we who touch the bytes, so another ring's vkFreeMemory must not unmap them under us: it
 * would be our own stray access, into whatever lies there next. */
uint8_t *
rnd_memory_begin_copy(struct rnd_call *call, struct rnd_memory *memory, VkResult *result)
{
    struct rnd_device *device = memory->object.device;
    pthread_mutex_lock(&device->copies_lock);
    if (memory->freed) {
        pthread_mutex_unlock(&device->copies_lock);
        rnd_call_fail(call, "another ring has just freed memory %" PRIu64, memory->object.id);
        return NULL;
    }
    *result = map_locked(memory);
    if (*result != VK_SUCCESS) {
        pthread_mutex_unlock(&device->copies_lock);
        return NULL;
    }
    return memory->host_map;
}

void
rnd_memory_end_copy(struct rnd_memory *memory)
{
    pthread_mutex_unlock(&memory->object.device->copies_lock);
}

void
rnd_memory_free(struct rnd_memory *memory)
{
    struct rnd_device *device = memory->object.device;
    if (memory->copied) {
        pthread_mutex_lock(&device->copies_lock);
        memory->freed = true;
    }
    device->table.FreeMemory(device->handle, RND_OBJECT_HANDLE(&memory->object, VkDeviceMemory),
                             NULL);
    if (memory->copied) {
        pthread_mutex_unlock(&device->copies_lock);
    }
}

void
rnd_memory_finish(struct rnd_memory *memory)
{
    base_account_give_back(memory->account, memory->size);
    memory->account = NULL;
    rnd_shm_unref(memory->shm);
    memory->shm = NULL;
}
