#include "renderer/memory_probe.h"

#include "base/log.h"
#include "renderer/host_table.h"
#include "renderer/physical_device.h"
#include "renderer/resource.h"

static VkResult
create_device(const struct rnd_physical_device *physical, VkDevice *out)
{
    const float priority = 0.5f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = 0,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    const char *extension = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = 1,
        .ppEnabledExtensionNames = &extension,
    };
    return physical->instance->table.CreateDevice(physical->handle, &info, NULL, out);
}

static uint32_t
query_types(const struct rnd_device_table *table, VkDevice device, const struct rnd_shm *shm)
{
    VkMemoryHostPointerPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    if (!table->GetMemoryHostPointerPropertiesEXT ||
        table->GetMemoryHostPointerPropertiesEXT(
            device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, shm->map,
            &properties) != VK_SUCCESS) {
        return 0;
    }
    return properties.memoryTypeBits;
}

static VkResult
try_import(const struct rnd_device_table *table, VkDevice device, const struct rnd_shm *shm,
           uint32_t type)
{
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = shm->map,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &import,
        .allocationSize = shm->size,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;
    VkResult result = table->AllocateMemory(device, &info, NULL, &memory);
    if (result == VK_SUCCESS) {
        table->FreeMemory(device, memory, NULL);
    }
    return result;
}

/* Of the types that the host promises, those that keep it. Kernel drivers may take only anonymous
 * pages: amdgpu refuses those of a file, which a memfd's are, and its Vulkan driver does not know.
 */
static uint32_t
try_types(const struct rnd_physical_device *physical, const struct rnd_device_table *table,
          VkDevice device, const struct rnd_shm *shm)
{
    const char *name = physical->properties.deviceName;
    uint32_t promised = query_types(table, device, shm);
    uint32_t kept = 0;
    for (uint32_t type = 0; type < VK_MAX_MEMORY_TYPES; type++) {
        if (!(promised & (UINT32_C(1) << type))) {
            continue;
        }
        VkResult result = try_import(table, device, shm, type);
        if (result == VK_SUCCESS) {
            kept |= UINT32_C(1) << type;
        } else {
            base_log_debug("\"%s\": importing shared pages as memory type %u failed with %d", name,
                           type, result);
        }
    }
    if (promised != 0 && kept == 0) {
        base_log_warn(
            "\"%s\" promises to import host memory (mask %#x) but refuses the pages of a memfd",
            name, promised);
    }
    return kept;
}

uint32_t
rnd_memory_probe_importable(const struct rnd_physical_device *physical)
{
    struct rnd_shm *shm =
        rnd_shm_create("vesper-probe", physical->import_alignment, physical->import_alignment);
    if (!shm) {
        base_log_error("no memory to try what \"%s\" can import", physical->properties.deviceName);
        return 0;
    }
    uint32_t types = 0;
    VkDevice device;
    VkResult result = create_device(physical, &device);
    if (result == VK_SUCCESS) {
        struct rnd_device_table table;
        rnd_device_table_load(&table, physical->instance->table.GetDeviceProcAddr, device);
        types = try_types(physical, &table, device, shm);
        table.DestroyDevice(device, NULL);
    } else {
        base_log_warn("\"%s\": creating a device to try it failed with %d",
                      physical->properties.deviceName, result);
    }
    rnd_shm_unref(shm);
    return types;
}
