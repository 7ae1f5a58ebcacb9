#include "renderer/memory_probe.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/gbm_allocator.h"
#include "renderer/host_table.h"
#include "renderer/physical_device.h"
#include "renderer/resource.h"

#define MAPPABLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

enum {
    DMA_BUF_SIZE = 1 << 16, /* bytes; more than a page, less than anybody notices */
};

/* The device that is tried. */
struct probe {
    const struct rnd_physical_device *physical;
    const char *name;
    VkDevice device;
    struct rnd_device_table table;
};

static VkResult
create_device(struct probe *probe)
{
    const float priority = 0.5f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = 0,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const char *extensions[3];
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .ppEnabledExtensionNames = extensions,
    };
    if (probe->physical->has_external_memory_host) {
        extensions[info.enabledExtensionCount++] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    }
    if (probe->physical->has_dma_bufs) {
        extensions[info.enabledExtensionCount++] = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
        extensions[info.enabledExtensionCount++] = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
    }
    const struct rnd_instance_table *table = &probe->physical->instance->table;
    VkResult result = table->CreateDevice(probe->physical->handle, &info, NULL, &probe->device);
    if (result == VK_SUCCESS) {
        rnd_device_table_load(&probe->table, table->GetDeviceProcAddr, probe->device);
    }
    return result;
}

static VkResult
allocate(const struct probe *probe, uint32_t type, uint64_t size, const void *chain,
         VkDeviceMemory *out)
{
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = chain,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    return probe->table.AllocateMemory(probe->device, &info, NULL, out);
}

/* --- pages of a memfd --- */

static uint32_t
types_of_pointer(const struct probe *probe, const struct rnd_shm *shm)
{
    VkMemoryHostPointerPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    if (!probe->table.GetMemoryHostPointerPropertiesEXT ||
        probe->table.GetMemoryHostPointerPropertiesEXT(
            probe->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, shm->map,
            &properties) != VK_SUCCESS) {
        return 0;
    }
    return properties.memoryTypeBits;
}

static bool
imports_pages(const struct probe *probe, const struct rnd_shm *shm, uint32_t type)
{
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = shm->map,
    };
    VkDeviceMemory memory;
    VkResult result = allocate(probe, type, shm->size, &import, &memory);
    if (result != VK_SUCCESS) {
        base_log_debug("\"%s\": importing shared pages as memory type %u failed with %d",
                       probe->name, type, result);
        return false;
    }
    probe->table.FreeMemory(probe->device, memory, NULL);
    return true;
}

/* Of the types that the host promises, those that keep it. Kernel drivers may take only anonymous
 * pages: amdgpu refuses those of a file, which a memfd's are, and its Vulkan driver does not know.
 */
static uint32_t
try_pages(const struct probe *probe, uint32_t candidates)
{
    uint64_t size = probe->physical->import_alignment;
    struct rnd_shm *shm = rnd_shm_create("vesper-probe", size, size, NULL);
    if (!shm) {
        base_log_error("no memory to try what \"%s\" can import", probe->name);
        return 0;
    }
    uint32_t promised = types_of_pointer(probe, shm) & candidates, kept = 0;
    for (uint32_t type = 0; type < VK_MAX_MEMORY_TYPES; type++) {
        if ((promised >> type & 1) && imports_pages(probe, shm, type)) {
            kept |= UINT32_C(1) << type;
        }
    }
    if (promised != 0 && kept == 0) {
        base_log_warn(
            "\"%s\" promises to import host memory (mask %#x) but refuses the pages of a memfd",
            probe->name, promised);
    }
    rnd_shm_unref(shm);
    return kept;
}

/* --- dma-bufs --- */

/* Whether it promises them for the plainest of buffers; others are asked about when they are
 * created. It need not export what libgbm gives. */
static bool
promises_dma_bufs(const struct probe *probe)
{
    const VkExternalMemoryFeatureFlags needed =
        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT |
        (probe->physical->gbm ? 0 : VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT);
    VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .handleType = DMA_BUF,
    };
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };
    probe->physical->instance->table.GetPhysicalDeviceExternalBufferProperties(
        probe->physical->handle, &info, &properties);
    VkExternalMemoryFeatureFlags features =
        properties.externalMemoryProperties.externalMemoryFeatures;
    return (features & needed) == needed &&
           !(features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT);
}

/* What the host writes by its own mapping is what the descriptor's mapping shows, from offset 0,
 * and the other way round. Freeing the memory unmaps it. */
static bool
shows_same_bytes(const struct probe *probe, VkDeviceMemory memory, volatile uint8_t *map)
{
    void *host;
    if (probe->table.MapMemory(probe->device, memory, 0, VK_WHOLE_SIZE, 0, &host) != VK_SUCCESS) {
        return false;
    }
    volatile uint8_t *mapped_by_host = host;
    bool same = true;
    for (uint32_t at = 0; at < DMA_BUF_SIZE; at += 4093) { /* any place in a page */
        mapped_by_host[at] = (uint8_t)(at | 1);
        same = same && map[at] == (uint8_t)(at | 1);
        map[at] = (uint8_t)~at;
        same = same && mapped_by_host[at] == (uint8_t)~at;
    }
    return same;
}

/* NULL, or what is wrong with the descriptor of that memory. */
static const char *
find_dma_buf_fault(const struct probe *probe, VkDeviceMemory memory, int fd)
{
    if (lseek(fd, 0, SEEK_END) < DMA_BUF_SIZE) {
        return "is smaller than what was allocated";
    }
    uint8_t *map = base_fd_map(fd, DMA_BUF_SIZE);
    if (!map) {
        return "cannot be mapped for reading and writing";
    }
    bool same = shows_same_bytes(probe, memory, map);
    base_fd_unmap(map, DMA_BUF_SIZE);
    return same ? NULL : "shows other bytes than the host's own mapping";
}

/* The host's memory, and its descriptor. */
static VkResult
export_dma_buf(const struct probe *probe, uint32_t type, VkDeviceMemory *memory, int *fd)
{
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = DMA_BUF,
    };
    VkResult result = allocate(probe, type, DMA_BUF_SIZE, &export, memory);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = *memory,
        .handleType = DMA_BUF,
    };
    result = probe->table.GetMemoryFdKHR(probe->device, &info, fd);
    if (result != VK_SUCCESS) {
        probe->table.FreeMemory(probe->device, *memory, NULL);
    }
    return result;
}

/* libgbm's memory, which the host imports, and its descriptor. */
static VkResult
import_dma_buf(const struct probe *probe, uint32_t type, VkDeviceMemory *memory, int *out_fd)
{
    int fd = rnd_gbm_allocate(probe->physical->gbm, DMA_BUF_SIZE);
    int for_host = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (for_host < 0) {
        base_fd_close(&fd);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .handleType = DMA_BUF,
        .fd = for_host,
    };
    VkResult result = allocate(probe, type, DMA_BUF_SIZE, &import, memory);
    if (result == VK_SUCCESS) {
        *out_fd = fd;
    } else {
        base_fd_close(&for_host); /* the host takes it over on success only */
        base_fd_close(&fd);
    }
    return result;
}

static bool
shares_dma_bufs(const struct probe *probe, uint32_t type)
{
    VkDeviceMemory memory;
    int fd;
    VkResult result = probe->physical->gbm ? import_dma_buf(probe, type, &memory, &fd)
                                           : export_dma_buf(probe, type, &memory, &fd);
    if (result != VK_SUCCESS) {
        base_log_debug("\"%s\": getting a dma-buf of memory type %u failed with %d", probe->name,
                       type, result);
        return false;
    }
    const char *fault = find_dma_buf_fault(probe, memory, fd);
    if (fault) {
        base_log_debug("\"%s\": a dma-buf of memory type %u %s", probe->name, type, fault);
    }
    base_fd_close(&fd);
    probe->table.FreeMemory(probe->device, memory, NULL);
    return !fault;
}

static uint32_t
try_dma_bufs(const struct probe *probe, uint32_t candidates)
{
    uint32_t kept = 0;
    if (!promises_dma_bufs(probe)) {
        return 0;
    }
    for (uint32_t type = 0; type < VK_MAX_MEMORY_TYPES; type++) {
        if ((candidates >> type & 1) && shares_dma_bufs(probe, type)) {
            kept |= UINT32_C(1) << type;
        }
    }
    return kept;
}

static uint32_t
mappable_types(const VkPhysicalDeviceMemoryProperties *memory)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < memory->memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++) {
        if ((memory->memoryTypes[i].propertyFlags & MAPPABLE) == MAPPABLE) {
            mask |= UINT32_C(1) << i;
        }
    }
    return mask;
}

void
rnd_memory_probe(const struct rnd_physical_device *device,
                 const VkPhysicalDeviceMemoryProperties *memory, struct rnd_memory_abilities *out)
{
    struct probe probe = {.physical = device, .name = device->properties.deviceName};
    memset(out, 0, sizeof(*out));
    if (device->has_external_memory_fd) {
        out->descriptors |= VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
    }
    if (device->has_dma_bufs) {
        out->descriptors |= DMA_BUF;
    }
    if (!device->has_external_memory_host && !device->has_dma_bufs) {
        return;
    }
    VkResult result = create_device(&probe);
    if (result != VK_SUCCESS) {
        base_log_warn("\"%s\": creating a device to try it failed with %d", probe.name, result);
        return;
    }
    uint32_t candidates = mappable_types(memory);
    if (device->has_external_memory_host && !device->gbm) { /* it was asked for, or pages failed */
        out->imports_pages = try_pages(&probe, candidates);
    }
    if (device->has_dma_bufs) {
        out->shares_dma_bufs = try_dma_bufs(&probe, candidates & ~out->imports_pages);
    }
    probe.table.DestroyDevice(probe.device, NULL);
}
