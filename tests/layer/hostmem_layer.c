/* A Vulkan layer for tests: gives a host driver that cannot export mappable memory (lavapipe
 * without udmabuf) the look of one that can. virglrenderer's server needs that and cannot run
 * without.
 *
 * The layer claims VK_EXT_external_memory_dma_buf. A host-visible allocation that asks for export
 * as dma-buf becomes a memfd, imported by VK_EXT_external_memory_host; vkGetMemoryFdKHR hands that
 * memfd out, and importing one as dma-buf imports its pages. Everything else passes through.
 *
 * With VESPER_TEST_DMA_BUFS_ONLY=1 the host also looks as if it could import no pages: it has lost
 * VK_EXT_external_memory_host, and buffers and images may be external to dma-bufs under the
 * conditions that the driver sets for pages. With VESPER_TEST_DMA_BUFS_ONLY=import it exports none
 * either, and only imports them. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"
#include "tests/layer/layer.h"

/* Vulkan lets no driver ask for more as minImportedHostPointerAlignment. */
static const VkDeviceSize import_alignment = 65536;
static const char dma_buf_name[] = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
static const char host_name[] = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceExternalBufferProperties GetPhysicalDeviceExternalBufferProperties;
    PFN_vkGetPhysicalDeviceImageFormatProperties2 GetPhysicalDeviceImageFormatProperties2;
    PFN_vkGetPhysicalDeviceMemoryProperties GetPhysicalDeviceMemoryProperties;
};

struct layer_device {
    struct layer_device_base base;
    struct base_list memories; /* layer_memory.link */
    PFN_vkAllocateMemory AllocateMemory;
    PFN_vkFreeMemory FreeMemory;
    PFN_vkGetMemoryFdKHR GetMemoryFdKHR;
    PFN_vkGetMemoryFdPropertiesKHR GetMemoryFdPropertiesKHR;
    PFN_vkGetMemoryHostPointerPropertiesEXT GetMemoryHostPointerPropertiesEXT;
    VkPhysicalDeviceMemoryProperties properties;
};

/* The shared pages behind one allocation. */
struct layer_memory {
    struct base_list link;
    VkDeviceMemory handle;
    int fd;
    void *map;
    size_t size;
};

LAYER_FINDERS

static bool
dma_bufs_only(void)
{
    const char *value = getenv("VESPER_TEST_DMA_BUFS_ONLY");
    return value && (strcmp(value, "1") == 0 || strcmp(value, "import") == 0);
}

static bool
imports_only(void)
{
    const char *value = getenv("VESPER_TEST_DMA_BUFS_ONLY");
    return value && strcmp(value, "import") == 0;
}

/* --- instance --- */

static VkExternalMemoryProperties
dma_buf_properties(void)
{
    VkExternalMemoryProperties properties = {
        .externalMemoryFeatures = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT,
        .compatibleHandleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    if (!imports_only()) {
        properties.externalMemoryFeatures |= VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
        properties.exportFromImportedHandleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    }
    return properties;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceExternalBufferProperties(VkPhysicalDevice physical_device,
                                                const VkPhysicalDeviceExternalBufferInfo *info,
                                                VkExternalBufferProperties *out)
{
    find_instance(physical_device)
        ->GetPhysicalDeviceExternalBufferProperties(physical_device, info, out);
    if (info->handleType == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) {
        out->externalMemoryProperties = dma_buf_properties();
    } else if (dma_bufs_only()) {
        out->externalMemoryProperties =
            (VkExternalMemoryProperties){.compatibleHandleTypes = info->handleType};
    }
}

/* As the driver would answer for pages, in other words. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPhysicalDeviceImageFormatProperties2(VkPhysicalDevice physical_device,
                                              const VkPhysicalDeviceImageFormatInfo2 *info,
                                              VkImageFormatProperties2 *out)
{
    struct layer_instance *instance = find_instance(physical_device);
    VkPhysicalDeviceExternalImageFormatInfo *question = (void *)layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    VkExternalImageFormatProperties *answer =
        (void *)layer_find_in_chain(out->pNext, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);
    if (!question || question->handleType != VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) {
        return instance->GetPhysicalDeviceImageFormatProperties2(physical_device, info, out);
    }
    question->handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
    VkResult result = instance->GetPhysicalDeviceImageFormatProperties2(physical_device, info, out);
    question->handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
    if (answer && (answer->externalMemoryProperties.externalMemoryFeatures &
                   VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)) {
        answer->externalMemoryProperties = dma_buf_properties();
    }
    return result;
}

/* The driver's device extensions with room for one more; NULL without memory. Freed by the caller.
 */
static VkExtensionProperties *
driver_extensions(struct layer_instance *instance, VkPhysicalDevice physical_device,
                  uint32_t *count)
{
    *count = 0;
    instance->base.EnumerateDeviceExtensionProperties(physical_device, NULL, count, NULL);
    VkExtensionProperties *all = calloc(*count + 1, sizeof(*all));
    if (all) {
        instance->base.EnumerateDeviceExtensionProperties(physical_device, NULL, count, all);
    }
    return all;
}

static bool
has_extension(const VkExtensionProperties *all, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(all[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns how many are left. */
static uint32_t
drop_extension(VkExtensionProperties *all, uint32_t count, const char *name)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(all[i].extensionName, name) != 0) {
            all[kept++] = all[i];
        }
    }
    return kept;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_EnumerateDeviceExtensionProperties(VkPhysicalDevice physical_device, const char *layer_name,
                                         uint32_t *count, VkExtensionProperties *out)
{
    struct layer_instance *instance = find_instance(physical_device);
    if (layer_name) {
        return instance->base.EnumerateDeviceExtensionProperties(physical_device, layer_name, count,
                                                                 out);
    }
    uint32_t total;
    VkExtensionProperties *all = driver_extensions(instance, physical_device, &total);
    if (!all) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (!has_extension(all, total, dma_buf_name)) {
        memcpy(all[total].extensionName, dma_buf_name, sizeof(dma_buf_name));
        all[total++].specVersion = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_SPEC_VERSION;
    }
    if (dma_bufs_only()) {
        total = drop_extension(all, total, host_name);
    }
    uint32_t copied = out && *count < total ? *count : total;
    if (out) {
        memcpy(out, all, copied * sizeof(*out));
    }
    *count = copied;
    free(all);
    return copied < total ? VK_INCOMPLETE : VK_SUCCESS;
}

/* --- device --- */

/* The application's extension names without what we only pretend, with what we need. */
static const char **
names_for_driver(const VkDeviceCreateInfo *info, bool has_dma_buf, uint32_t *count)
{
    const char **names = calloc(info->enabledExtensionCount + 1, sizeof(*names));
    bool has_host = false;
    *count = 0;
    for (uint32_t i = 0; names && i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        has_host |= strcmp(name, host_name) == 0;
        if (has_dma_buf || strcmp(name, dma_buf_name) != 0) {
            names[(*count)++] = name;
        }
    }
    if (names && !has_host) {
        names[(*count)++] = host_name;
    }
    return names;
}

static VkResult
create_device(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
              const VkAllocationCallbacks *allocator, PFN_vkCreateDevice create, VkDevice *out)
{
    uint32_t total;
    VkExtensionProperties *all =
        driver_extensions(find_instance(physical_device), physical_device, &total);
    if (!all) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkDeviceCreateInfo ours = *info;
    const char **names = names_for_driver(info, has_extension(all, total, dma_buf_name),
                                          &ours.enabledExtensionCount);
    VkResult result = VK_ERROR_OUT_OF_HOST_MEMORY;
    if (names) {
        ours.ppEnabledExtensionNames = names;
        result = create(physical_device, &ours, allocator, out);
    }
    free(names);
    free(all);
    return result;
}

/* --- memory --- */

static void
memory_destroy(struct layer_memory *memory)
{
    if (memory->map) {
        munmap(memory->map, memory->size);
    }
    if (memory->fd >= 0) {
        close(memory->fd);
    }
    free(memory);
}

/* Takes over `fd`, on failure too. */
static struct layer_memory *
memory_create_of(int fd, size_t size)
{
    struct layer_memory *memory = calloc(1, sizeof(*memory));
    if (!memory) {
        close(fd);
        return NULL;
    }
    memory->fd = fd;
    memory->size = size;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        memory_destroy(memory);
        return NULL;
    }
    memory->map = map;
    return memory;
}

static struct layer_memory *
memory_create(VkDeviceSize size)
{
    size_t aligned = (size + import_alignment - 1) & ~(import_alignment - 1);
    int fd = memfd_create("hostmem-layer", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, aligned) != 0) {
        close(fd);
        fd = -1;
    }
    return fd >= 0 ? memory_create_of(fd, aligned) : NULL;
}

/* NULL unless the allocation imports a dma-buf. */
static const VkImportMemoryFdInfoKHR *
find_import(const VkMemoryAllocateInfo *info)
{
    const VkImportMemoryFdInfoKHR *import =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
    return import && import->handleType == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT ? import
                                                                                          : NULL;
}

static bool
wants_shared_pages(const struct layer_device *device, const VkMemoryAllocateInfo *info)
{
    const VkExportMemoryAllocateInfo *export_info =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
    return export_info &&
           (export_info->handleTypes & VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) &&
           (device->properties.memoryTypes[info->memoryTypeIndex].propertyFlags &
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
}

static VkResult
import_pages(struct layer_device *device, VkDevice handle, const VkMemoryAllocateInfo *info,
             const VkAllocationCallbacks *allocator, struct layer_memory *memory)
{
    VkImportMemoryHostPointerInfoEXT import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
        .pHostPointer = memory->map,
    };
    VkMemoryAllocateFlagsInfo flags;
    const VkMemoryAllocateFlagsInfo *given =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO);
    if (given) { /* device addresses need it; nothing else of the chain goes with an import */
        flags = *given;
        flags.pNext = NULL;
        import.pNext = &flags;
    }
    VkMemoryHostPointerPropertiesEXT importable = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
    };
    VkResult result = device->GetMemoryHostPointerPropertiesEXT(handle, import.handleType,
                                                                memory->map, &importable);
    if (result != VK_SUCCESS || !(importable.memoryTypeBits >> info->memoryTypeIndex & 1)) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &import,
        .allocationSize = memory->size,
        .memoryTypeIndex = info->memoryTypeIndex,
    };
    return device->AllocateMemory(handle, &allocate, allocator, &memory->handle);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_AllocateMemory(VkDevice handle, const VkMemoryAllocateInfo *info,
                     const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
    struct layer_device *device = find_device(handle);
    const VkImportMemoryFdInfoKHR *import = find_import(info);
    if (!import && !wants_shared_pages(device, info)) {
        return device->AllocateMemory(handle, info, allocator, out);
    }
    if (!import && imports_only()) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE;
    }
    struct layer_memory *memory =
        import ? memory_create_of(dup(import->fd), lseek(import->fd, 0, SEEK_END))
               : memory_create(info->allocationSize);
    if (!memory) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = import_pages(device, handle, info, allocator, memory);
    if (result != VK_SUCCESS) {
        memory_destroy(memory);
        return result;
    }
    if (import) {
        close(import->fd); /* ours now */
    }
    *out = memory->handle;
    layer_publish(&device->memories, &memory->link);
    return VK_SUCCESS;
}

/* Unlinks and returns what is behind the handle, or NULL. */
static struct layer_memory *
take_memory(struct layer_device *device, VkDeviceMemory handle)
{
    struct layer_memory *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &device->memories, struct layer_memory, link) {
        if (it->handle == handle) {
            found = it;
        }
    }
    if (found) {
        base_list_remove(&found->link);
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

static VKAPI_ATTR void VKAPI_CALL
layer_FreeMemory(VkDevice handle, VkDeviceMemory memory_handle,
                 const VkAllocationCallbacks *allocator)
{
    struct layer_device *device = find_device(handle);
    struct layer_memory *memory = take_memory(device, memory_handle);
    device->FreeMemory(handle, memory_handle, allocator);
    if (memory) {
        memory_destroy(memory);
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetMemoryFdKHR(VkDevice handle, const VkMemoryGetFdInfoKHR *info, int *out)
{
    struct layer_device *device = find_device(handle);
    bool ours = false;
    int fd = -1;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &device->memories, struct layer_memory, link) {
        if (it->handle == info->memory) {
            ours = true;
            fd = dup(it->fd);
        }
    }
    pthread_mutex_unlock(&layer_lock);
    if (!ours) {
        return device->GetMemoryFdKHR(handle, info, out);
    }
    if (fd < 0) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    *out = fd;
    return VK_SUCCESS;
}

/* Any type takes pages, if it takes any. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetMemoryFdPropertiesKHR(VkDevice handle, VkExternalMemoryHandleTypeFlagBits type, int fd,
                               VkMemoryFdPropertiesKHR *out)
{
    struct layer_device *device = find_device(handle);
    if (type != VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) {
        return device->GetMemoryFdPropertiesKHR(handle, type, fd, out);
    }
    if (fcntl(fd, F_GET_SEALS) == -1) {
        return VK_ERROR_INVALID_EXTERNAL_HANDLE; /* no memfd */
    }
    out->memoryTypeBits = (UINT32_C(1) << device->properties.memoryTypeCount) - 1;
    return VK_SUCCESS;
}

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceExternalBufferProperties);
    LAYER_LOAD(instance, GetPhysicalDeviceImageFormatProperties2);
    LAYER_LOAD(instance, GetPhysicalDeviceMemoryProperties);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    base_list_init(&device->memories);
    find_instance(base->physical_device)
        ->GetPhysicalDeviceMemoryProperties(base->physical_device, &device->properties);
    LAYER_LOAD(device, AllocateMemory);
    LAYER_LOAD(device, FreeMemory);
    LAYER_LOAD(device, GetMemoryFdKHR);
    LAYER_LOAD(device, GetMemoryFdPropertiesKHR);
    LAYER_LOAD(device, GetMemoryHostPointerPropertiesEXT);
}

/* The specification wants all memory freed by now; what was not still goes with its device. */
static void
finish_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    base_list_for_each_safe (it, &device->memories, struct layer_memory, link) {
        memory_destroy(it);
    }
}

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(EnumerateDeviceExtensionProperties),
    LAYER_HOOK(GetPhysicalDeviceExternalBufferProperties),
    LAYER_HOOK_ALIAS(GetPhysicalDeviceExternalBufferProperties),
    LAYER_HOOK(GetPhysicalDeviceImageFormatProperties2),
    LAYER_HOOK_ALIAS(GetPhysicalDeviceImageFormatProperties2),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(AllocateMemory),
    LAYER_HOOK(FreeMemory),
    LAYER_HOOK(GetMemoryFdKHR),
    LAYER_HOOK(GetMemoryFdPropertiesKHR),
    {0},
};

const struct layer_definition layer_definition = {
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .load_instance = load_instance,
    .load_device = load_device,
    .create_device = create_device,
    .finish_device = finish_device,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
