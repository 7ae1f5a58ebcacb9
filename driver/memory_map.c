/* vkMapMemory: what the application maps is a place in the one mapping that the blob has. Where it
 * names an address (VK_EXT_map_memory_placed) the same pages are mapped there a second time.
 *
 * The first mapping stays until the memory is freed, for the next time. Only an address range that
 * the application wants to keep reserved after it has unmapped is no longer ours then, and the
 * blob's mapping moves away from it. */
#include "driver/memory_map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/huge_pages.h"
#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/memory.h"
#include "driver/memory_copy.h"
#include "driver/struct_chain.h"

void
drv_memory_map_get_features(void *chain)
{
    VkPhysicalDeviceMapMemoryPlacedFeaturesEXT *placed = drv_find_out_struct(
        chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAP_MEMORY_PLACED_FEATURES_EXT);
    if (placed) {
        placed->memoryMapPlaced = VK_TRUE;
        placed->memoryMapRangePlaced = VK_TRUE;
        placed->memoryUnmapReserve = VK_TRUE;
    }
}

static size_t
page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void
drv_memory_map_get_properties(void *chain)
{
    VkPhysicalDeviceMapMemoryPlacedPropertiesEXT *placed = drv_find_out_struct(
        chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAP_MEMORY_PLACED_PROPERTIES_EXT);
    if (placed) {
        placed->minPlacedMemoryMapAlignment = page_size();
    }
}

/* --- mapping --- */

/* Notes the pages that a range touches. */
static void
note_mapped(struct drv_memory *memory, VkDeviceSize offset, VkDeviceSize size)
{
    size_t within = page_size() - 1;
    VkDeviceSize end = size == VK_WHOLE_SIZE ? memory->size : offset + size;

    memory->mapped.offset = (size_t)offset & ~within;
    memory->mapped.size = (((size_t)end + within) & ~within) - memory->mapped.offset;
}

/* The host's driver may have made and pinned all pages, as NVIDIA's does: then no access of the
 * application's needs to fault. Where it has not, as on lavapipe, accesses make them. */
static void
begin_mapping(struct drv_memory *memory)
{
    if (!memory->was_mapped && memory->host_pages.size == 0) {
        base_huge_pages_prefer(memory->blob.map, memory->blob.size);
        base_fd_enter_pages((uint8_t *)memory->blob.map + memory->mapped.offset,
                            memory->mapped.size);
        memory->was_mapped = true;
    }
}

/* Maps whole pages of the blob a second time. False: errno says why. */
static bool
map_again(struct drv_device *device, struct drv_memory *memory, size_t offset, size_t size,
          void *address)
{
    struct tp_transport *transport = device->ring->transport;

    if (memory->host_pages.size > 0) {
        errno = EPERM; /* Vulkan forbids it: they are where the application has put them */
        return false;
    }
    return memory->copied ? base_fd_map_again((uint8_t *)memory->blob.map + offset, size, address)
                          : transport->ops->place(transport, &memory->blob, offset, size, address);
}

/* The application gives up what it had at the address, which is whole pages of its own. */
static VkResult
place(struct drv_device *device, struct drv_memory *memory, void *address)
{
    if (!map_again(device, memory, memory->mapped.offset, memory->mapped.size, address)) {
        base_log_error("%zu bytes of memory cannot be mapped at %p: %s", memory->mapped.size,
                       address, strerror(errno));
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    memory->mapped.placed = address;
    base_fd_enter_pages(address, memory->mapped.size);
    return VK_SUCCESS;
}

static VkResult
map(struct drv_device *device, struct drv_memory *memory, VkDeviceSize offset, VkDeviceSize size,
    const VkMemoryMapPlacedInfoEXT *placed, void **out)
{
    if (!memory->mappable) { /* forbidden, and some renderers would end the connection over it */
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    VkResult result = drv_memory_make_blob(device, memory);
    if (result != VK_SUCCESS) {
        return result;
    }
    /* What is around the application's own bytes goes back with them. */
    if (memory->copied && drv_memory_copy_refresh(device, memory, offset, size) != VK_SUCCESS) {
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    note_mapped(memory, offset, size);
    if (!placed) {
        begin_mapping(memory);
        *out = drv_memory_bytes(memory) + offset;
        return VK_SUCCESS;
    }
    result = place(device, memory, placed->pPlacedAddress);
    if (result == VK_SUCCESS) {
        *out = placed->pPlacedAddress;
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_MapMemory(VkDevice handle, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
              VkMemoryMapFlags flags, void **ppData)
{
    return map(drv_device_from(handle), drv_memory_from(memory), offset, size, NULL, ppData);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_MapMemory2(VkDevice handle, const VkMemoryMapInfo *pMemoryMapInfo, void **ppData)
{
    const VkMemoryMapPlacedInfoEXT *placed =
        pMemoryMapInfo->flags & VK_MEMORY_MAP_PLACED_BIT_EXT
            ? drv_find_struct(pMemoryMapInfo->pNext, VK_STRUCTURE_TYPE_MEMORY_MAP_PLACED_INFO_EXT)
            : NULL;
    return map(drv_device_from(handle), drv_memory_from(pMemoryMapInfo->memory),
               pMemoryMapInfo->offset, pMemoryMapInfo->size, placed, ppData);
}

/* --- unmapping --- */

void
drv_memory_unplace(struct drv_memory *memory)
{
    if (memory->mapped.placed) {
        base_fd_unmap(memory->mapped.placed, memory->mapped.size);
        memory->mapped.placed = NULL;
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_UnmapMemory(VkDevice handle, VkDeviceMemory memory)
{
    drv_memory_unplace(drv_memory_from(memory));
}

/* Gives the blob another mapping; where it had the first, only reserved pages remain, and of those
 * only what the application had mapped. */
static bool
move_away(struct drv_device *device, struct drv_memory *memory)
{
    size_t within = page_size() - 1;
    size_t size = ((size_t)memory->blob.size + within) & ~within;
    uint8_t *old = memory->blob.map;
    size_t end = memory->mapped.offset + memory->mapped.size;
    void *new = base_fd_reserve(NULL, size);

    if (new == MAP_FAILED) {
        return false;
    }
    if (!map_again(device, memory, 0, size, new) ||
        base_fd_reserve(old + memory->mapped.offset, memory->mapped.size) == MAP_FAILED) {
        base_fd_unmap(new, size);
        return false;
    }
    memory->blob.map = new;
    if (memory->mapped.offset > 0) {
        base_fd_unmap(old, memory->mapped.offset);
    }
    if (end < size) {
        base_fd_unmap(old + end, size - end);
    }
    return true;
}

/* The application may unmap what is reserved for it, or place another mapping there. */
static bool
leave_reserved(struct drv_device *device, struct drv_memory *memory)
{
    if (!memory->mapped.placed) {
        return move_away(device, memory);
    }
    if (base_fd_reserve(memory->mapped.placed, memory->mapped.size) == MAP_FAILED) {
        return false;
    }
    memory->mapped.placed = NULL;
    return true;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_UnmapMemory2(VkDevice handle, const VkMemoryUnmapInfo *pMemoryUnmapInfo)
{
    struct drv_memory *memory = drv_memory_from(pMemoryUnmapInfo->memory);

    if (!(pMemoryUnmapInfo->flags & VK_MEMORY_UNMAP_RESERVE_BIT_EXT)) {
        drv_memory_unplace(memory);
        return VK_SUCCESS;
    }
    if (!leave_reserved(drv_device_from(handle), memory)) {
        base_log_error("%zu bytes of addresses cannot be kept reserved: %s", memory->mapped.size,
                       strerror(errno));
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    return VK_SUCCESS;
}

/* --- coherent types need nothing of this; what is sent comes before whatever is submitted next ---
 */

static VkResult
move_ranges(VkDevice handle, uint32_t count, const VkMappedMemoryRange *ranges,
            VkResult (*move)(struct drv_device *, struct drv_memory *, VkDeviceSize, VkDeviceSize))
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = drv_ring_is_lost(device->ring) ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;

    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) {
        struct drv_memory *memory = drv_memory_from(ranges[i].memory);
        if (memory->copied && memory->blob.map) {
            result = move(device, memory, ranges[i].offset, ranges[i].size);
        }
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_FlushMappedMemoryRanges(VkDevice handle, uint32_t memoryRangeCount,
                            const VkMappedMemoryRange *pMemoryRanges)
{
    return move_ranges(handle, memoryRangeCount, pMemoryRanges, drv_memory_copy_send);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_InvalidateMappedMemoryRanges(VkDevice handle, uint32_t memoryRangeCount,
                                 const VkMappedMemoryRange *pMemoryRanges)
{
    return move_ranges(handle, memoryRangeCount, pMemoryRanges, drv_memory_copy_fetch);
}
