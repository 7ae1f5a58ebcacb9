#include "driver/memory_copy.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/memory.h"
#include "protocol/proto_encode.h"

enum {
    LARGEST_PIECE = 1 << 20, /* bytes of one command */
};

/* Pages of a file of their own, since what is placed is a second mapping of them. */
static void *
map_pages(VkDeviceSize size)
{
    int fd = base_fd_create_shared_memory("vesper-copy", size);
    void *pages = fd >= 0 ? base_fd_map(fd, (size_t)size) : NULL;
    if (fd >= 0) {
        base_fd_close(&fd);
    }
    return pages;
}

/* --- memory that is new to both sides --- */

static bool
only_we_write(const struct drv_memory *memory)
{
    return !memory->bound && !memory->shareable;
}

/* The host's memory becomes what the copy began as, and what in_step is until then. */
static VkResult
clear_host(struct drv_device *device, struct drv_memory *memory)
{
    VkDeviceMemory handle = (VkDeviceMemory)(uintptr_t)memory;
    size_t size = (size_t)memory->size, at = 0;
    VkResult result = VK_SUCCESS;

    for (; size - at > LARGEST_PIECE && result == VK_SUCCESS; at += LARGEST_PIECE) {
        result = proto_send_vkWriteMemoryVESPER(device->object.client, (VkDevice)device, handle, at,
                                                LARGEST_PIECE, memory->in_step + at);
    }
    return result == VK_SUCCESS
               ? proto_call_vkWriteMemoryVESPER(device->object.client, (VkDevice)device, handle, at,
                                                size - at, memory->in_step + at)
               : result;
}

/* Under the device's blobs_lock. */
static VkResult
clear_if_unknown(struct drv_device *device, struct drv_memory *memory)
{
    VkResult result = memory->unknown ? clear_host(device, memory) : VK_SUCCESS;

    memory->unknown = memory->unknown && result != VK_SUCCESS;
    /* vkMapMemory's alone. */
    return result == VK_ERROR_MEMORY_MAP_FAILED ? VK_ERROR_OUT_OF_DEVICE_MEMORY : result;
}

static VkResult
make_known(struct drv_device *device, struct drv_memory *memory)
{
    if (!memory->unknown) {
        return VK_SUCCESS;
    }
    pthread_mutex_lock(&device->blobs_lock);
    VkResult result = clear_if_unknown(device, memory);
    pthread_mutex_unlock(&device->blobs_lock);
    return result;
}

VkResult
drv_memory_copy_note_bound(struct drv_device *device, struct drv_memory *memory)
{
    if (!memory || !memory->copied || memory->bound) {
        return VK_SUCCESS;
    }
    pthread_mutex_lock(&device->blobs_lock);
    VkResult result = clear_if_unknown(device, memory);
    memory->bound = result == VK_SUCCESS;
    pthread_mutex_unlock(&device->blobs_lock);
    return result;
}

/* --- the copy --- */

/* Zeros, which take no memory as long as nobody writes there. */
static uint8_t *
reserve_zeros(VkDeviceSize size)
{
    void *zeros = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return zeros == MAP_FAILED ? NULL : zeros;
}

VkResult
drv_memory_copy_create(struct drv_device *device, struct drv_memory *memory)
{
    uint8_t *in_step = reserve_zeros(memory->size);
    void *pages = in_step ? map_pages(memory->size) : NULL;
    if (!pages) {
        base_fd_unmap(in_step, (size_t)memory->size);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    memory->in_step = in_step;
    memory->blob.map = pages;
    memory->blob.size = memory->size;
    memory->unknown = only_we_write(memory);
    return VK_SUCCESS;
}

void
drv_memory_copy_destroy(struct drv_memory *memory)
{
    if (memory->in_step) {
        base_fd_unmap(memory->blob.map, (size_t)memory->size);
        base_fd_unmap(memory->in_step, (size_t)memory->size);
    }
}

static size_t
end_of(const struct drv_memory *memory, VkDeviceSize offset, VkDeviceSize size)
{
    return (size_t)(size == VK_WHOLE_SIZE ? memory->size : offset + size);
}

/* --- to the host --- */

/* What lies in one atom is either the host's or the application's to write: the end of the one at
 * `at`, or `end`. */
static size_t
end_of_atom(const struct drv_device *device, size_t at, size_t end)
{
    size_t atom = (size_t)device->physical_device->properties.limits.nonCoherentAtomSize;
    size_t next = at + (atom > 0 ? atom - at % atom : 1);
    return next < end ? next : end;
}

/* Whole atoms from `at` of which each has changed, or of which none has. */
static size_t
find_run(const struct drv_device *device, const struct drv_memory *memory, size_t at, size_t end,
         bool *changed)
{
    const uint8_t *now = memory->blob.map;
    size_t from = at;
    do {
        size_t next = end_of_atom(device, at, end);
        bool differs = memcmp(now + at, memory->in_step + at, next - at) != 0;
        if (at > from && differs != *changed) {
            break;
        }
        *changed = differs;
        at = next;
    } while (at < end && (!*changed || at - from < LARGEST_PIECE));
    return at;
}

VkResult
drv_memory_copy_send(struct drv_device *device, struct drv_memory *memory, VkDeviceSize offset,
                     VkDeviceSize size)
{
    VkDeviceMemory handle = (VkDeviceMemory)(uintptr_t)memory;
    size_t at = (size_t)offset, end = end_of(memory, offset, size);
    VkResult result = make_known(device, memory);

    while (at < end && result == VK_SUCCESS) {
        bool changed = false;
        size_t next = find_run(device, memory, at, end, &changed);
        if (changed) {
            uint8_t *bytes = memory->in_step + at;
            memcpy(bytes, (const uint8_t *)memory->blob.map + at, next - at);
            result = proto_send_vkWriteMemoryVESPER(device->object.client, (VkDevice)device, handle,
                                                    at, next - at, bytes);
        }
        at = next;
    }
    return result;
}

/* --- from the host --- */

static VkResult
read_host(struct drv_device *device, struct drv_memory *memory, size_t at, size_t end,
          uint8_t *bytes)
{
    VkDeviceMemory handle = (VkDeviceMemory)(uintptr_t)memory;
    VkResult result = VK_SUCCESS;

    while (at < end && result == VK_SUCCESS) {
        size_t piece = end - at < LARGEST_PIECE ? end - at : (size_t)LARGEST_PIECE;
        result = proto_call_vkReadMemoryVESPER(device->object.client, (VkDevice)device, handle, at,
                                               piece, bytes);
        bytes += piece;
        at += piece;
    }
    return result;
}

static VkResult
fetch(struct drv_device *device, struct drv_memory *memory, size_t at, size_t end)
{
    uint8_t *now = memory->blob.map;
    if (only_we_write(memory)) { /* the host has what was last sent */
        memcpy(now + at, memory->in_step + at, end - at);
        return VK_SUCCESS;
    }
    VkResult result = read_host(device, memory, at, end, now + at);
    if (result == VK_SUCCESS) {
        memcpy(memory->in_step + at, now + at, end - at);
    }
    return result;
}

VkResult
drv_memory_copy_fetch(struct drv_device *device, struct drv_memory *memory, VkDeviceSize offset,
                      VkDeviceSize size)
{
    return fetch(device, memory, (size_t)offset, end_of(memory, offset, size));
}

/* Of what the application has written, only what it is in step with is the host's. */
VkResult
drv_memory_copy_refresh(struct drv_device *device, struct drv_memory *memory, VkDeviceSize offset,
                        VkDeviceSize size)
{
    size_t at = (size_t)offset, end = end_of(memory, offset, size);
    VkResult result = VK_SUCCESS;

    if (only_we_write(memory)) {
        return VK_SUCCESS;
    }
    while (at < end && result == VK_SUCCESS) {
        bool changed = false;
        size_t next = find_run(device, memory, at, end, &changed);
        result = changed ? read_host(device, memory, at, next, memory->in_step + at)
                         : fetch(device, memory, at, next);
        at = next;
    }
    return result;
}
