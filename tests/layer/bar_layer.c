/* A Vulkan layer for tests: a host with memory of its own behind a BAR, as NVIDIA's driver has it.
 *
 * There is one more memory type than the driver's, the last, which can be mapped but imports no
 * pages. Optimal images that the host copies can lie in no other, and are external to nothing;
 * buffers can lie there unless they are external. It is made of the driver's first type. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "tests/layer/layer.h"

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceImageFormatProperties2 GetPhysicalDeviceImageFormatProperties2;
    PFN_vkGetPhysicalDeviceMemoryProperties GetPhysicalDeviceMemoryProperties;
};

struct layer_device {
    struct layer_device_base base;
    uint32_t bar; /* the type's number */
    PFN_vkAllocateMemory AllocateMemory;
    PFN_vkCreateBuffer CreateBuffer;
    PFN_vkDestroyBuffer DestroyBuffer;
    PFN_vkCreateImage CreateImage;
    PFN_vkDestroyImage DestroyImage;
    PFN_vkGetBufferMemoryRequirements GetBufferMemoryRequirements;
    PFN_vkGetBufferMemoryRequirements2 GetBufferMemoryRequirements2;
    PFN_vkGetImageMemoryRequirements GetImageMemoryRequirements;
    PFN_vkGetImageMemoryRequirements2 GetImageMemoryRequirements2;
    PFN_vkGetDeviceBufferMemoryRequirements GetDeviceBufferMemoryRequirements;
    PFN_vkGetDeviceImageMemoryRequirements GetDeviceImageMemoryRequirements;
};

/* A buffer that is not external, or an image that the host copies. */
struct resource {
    struct base_list link;
    uint64_t handle;
};

/* Guarded by layer_lock. */
static struct base_list buffers = {&buffers, &buffers}, images = {&images, &images};

#define HANDLE(handle) ((uint64_t)(uintptr_t)(handle))

LAYER_FINDERS

static void
remember(struct base_list *list, uint64_t handle)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    if (!resource) {
        abort();
    }
    resource->handle = handle;
    layer_publish(list, &resource->link);
}

static struct resource *
find(struct base_list *list, uint64_t handle)
{
    struct resource *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, list, struct resource, link) {
        found = it->handle == handle ? it : found;
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

static void
forget(struct base_list *list, uint64_t handle)
{
    struct resource *resource = find(list, handle);
    if (resource) {
        layer_unpublish(&resource->link);
        free(resource);
    }
}

/* --- instance --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPhysicalDeviceImageFormatProperties2(VkPhysicalDevice physical_device,
                                              const VkPhysicalDeviceImageFormatInfo2 *info,
                                              VkImageFormatProperties2 *out)
{
    const VkPhysicalDeviceExternalImageFormatInfo *external = layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
    if (external && external->handleType != 0 && info->tiling == VK_IMAGE_TILING_OPTIMAL) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    return find_instance(physical_device)
        ->GetPhysicalDeviceImageFormatProperties2(physical_device, info, out);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceMemoryProperties(VkPhysicalDevice physical_device,
                                        VkPhysicalDeviceMemoryProperties *out)
{
    find_instance(physical_device)->GetPhysicalDeviceMemoryProperties(physical_device, out);
    out->memoryTypes[out->memoryTypeCount++] = (VkMemoryType){
        .propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                         VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    };
}

/* --- memory --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_AllocateMemory(VkDevice handle, const VkMemoryAllocateInfo *info,
                     const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
    struct layer_device *device = find_device(handle);
    VkMemoryAllocateInfo below = *info;
    if (info->memoryTypeIndex == device->bar) {
        below.memoryTypeIndex = 0;
        if (layer_find_in_chain(info->pNext,
                                VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT)) {
            return VK_ERROR_INVALID_EXTERNAL_HANDLE;
        }
    }
    return device->AllocateMemory(handle, &below, allocator, out);
}

/* --- buffers --- */

static bool
is_external(const VkBufferCreateInfo *info)
{
    const VkExternalMemoryBufferCreateInfo *external =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
    return external && external->handleTypes != 0;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateBuffer(VkDevice handle, const VkBufferCreateInfo *info,
                   const VkAllocationCallbacks *allocator, VkBuffer *out)
{
    VkResult result = find_device(handle)->CreateBuffer(handle, info, allocator, out);
    if (result == VK_SUCCESS && !is_external(info)) {
        remember(&buffers, HANDLE(*out));
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyBuffer(VkDevice handle, VkBuffer buffer, const VkAllocationCallbacks *allocator)
{
    forget(&buffers, HANDLE(buffer));
    find_device(handle)->DestroyBuffer(handle, buffer, allocator);
}

static void
add_bar(const struct layer_device *device, bool plain, VkMemoryRequirements *out)
{
    out->memoryTypeBits |= plain ? UINT32_C(1) << device->bar : 0;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetBufferMemoryRequirements(VkDevice handle, VkBuffer buffer, VkMemoryRequirements *out)
{
    struct layer_device *device = find_device(handle);
    device->GetBufferMemoryRequirements(handle, buffer, out);
    add_bar(device, find(&buffers, HANDLE(buffer)), out);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetBufferMemoryRequirements2(VkDevice handle, const VkBufferMemoryRequirementsInfo2 *info,
                                   VkMemoryRequirements2 *out)
{
    struct layer_device *device = find_device(handle);
    device->GetBufferMemoryRequirements2(handle, info, out);
    add_bar(device, find(&buffers, HANDLE(info->buffer)), &out->memoryRequirements);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetDeviceBufferMemoryRequirements(VkDevice handle,
                                        const VkDeviceBufferMemoryRequirements *info,
                                        VkMemoryRequirements2 *out)
{
    struct layer_device *device = find_device(handle);
    device->GetDeviceBufferMemoryRequirements(handle, info, out);
    add_bar(device, !is_external(info->pCreateInfo), &out->memoryRequirements);
}

/* --- images --- */

static bool
is_copied_by_host(const VkImageCreateInfo *info)
{
    return info->tiling == VK_IMAGE_TILING_OPTIMAL &&
           (info->usage & VK_IMAGE_USAGE_HOST_TRANSFER_BIT);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateImage(VkDevice handle, const VkImageCreateInfo *info,
                  const VkAllocationCallbacks *allocator, VkImage *out)
{
    VkResult result = find_device(handle)->CreateImage(handle, info, allocator, out);
    if (result == VK_SUCCESS && is_copied_by_host(info)) {
        remember(&images, HANDLE(*out));
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyImage(VkDevice handle, VkImage image, const VkAllocationCallbacks *allocator)
{
    forget(&images, HANDLE(image));
    find_device(handle)->DestroyImage(handle, image, allocator);
}

static void
leave_bar(const struct layer_device *device, bool copied_by_host, VkMemoryRequirements *out)
{
    out->memoryTypeBits = copied_by_host ? UINT32_C(1) << device->bar : out->memoryTypeBits;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetImageMemoryRequirements(VkDevice handle, VkImage image, VkMemoryRequirements *out)
{
    struct layer_device *device = find_device(handle);
    device->GetImageMemoryRequirements(handle, image, out);
    leave_bar(device, find(&images, HANDLE(image)), out);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetImageMemoryRequirements2(VkDevice handle, const VkImageMemoryRequirementsInfo2 *info,
                                  VkMemoryRequirements2 *out)
{
    struct layer_device *device = find_device(handle);
    device->GetImageMemoryRequirements2(handle, info, out);
    leave_bar(device, find(&images, HANDLE(info->image)), &out->memoryRequirements);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetDeviceImageMemoryRequirements(VkDevice handle, const VkDeviceImageMemoryRequirements *info,
                                       VkMemoryRequirements2 *out)
{
    struct layer_device *device = find_device(handle);
    device->GetDeviceImageMemoryRequirements(handle, info, out);
    leave_bar(device, is_copied_by_host(info->pCreateInfo), &out->memoryRequirements);
}

/* --- definition --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceImageFormatProperties2);
    LAYER_LOAD(instance, GetPhysicalDeviceMemoryProperties);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    VkPhysicalDeviceMemoryProperties properties;
    find_instance(base->physical_device)
        ->GetPhysicalDeviceMemoryProperties(base->physical_device, &properties);
    device->bar = properties.memoryTypeCount;
    LAYER_LOAD(device, AllocateMemory);
    LAYER_LOAD(device, CreateBuffer);
    LAYER_LOAD(device, DestroyBuffer);
    LAYER_LOAD(device, CreateImage);
    LAYER_LOAD(device, DestroyImage);
    LAYER_LOAD(device, GetBufferMemoryRequirements);
    LAYER_LOAD(device, GetBufferMemoryRequirements2);
    LAYER_LOAD(device, GetImageMemoryRequirements);
    LAYER_LOAD(device, GetImageMemoryRequirements2);
    LAYER_LOAD(device, GetDeviceBufferMemoryRequirements);
    LAYER_LOAD(device, GetDeviceImageMemoryRequirements);
}

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceImageFormatProperties2),
    LAYER_HOOK_ALIAS(GetPhysicalDeviceImageFormatProperties2),
    LAYER_HOOK(GetPhysicalDeviceMemoryProperties),
    {0},
};

static const struct layer_function device_functions[] = {
    LAYER_HOOK(AllocateMemory),
    LAYER_HOOK(CreateBuffer),
    LAYER_HOOK(DestroyBuffer),
    LAYER_HOOK(CreateImage),
    LAYER_HOOK(DestroyImage),
    LAYER_HOOK(GetBufferMemoryRequirements),
    LAYER_HOOK(GetBufferMemoryRequirements2),
    LAYER_HOOK_ALIAS(GetBufferMemoryRequirements2),
    LAYER_HOOK(GetImageMemoryRequirements),
    LAYER_HOOK(GetImageMemoryRequirements2),
    LAYER_HOOK_ALIAS(GetImageMemoryRequirements2),
    LAYER_HOOK(GetDeviceBufferMemoryRequirements),
    LAYER_HOOK_ALIAS(GetDeviceBufferMemoryRequirements),
    LAYER_HOOK(GetDeviceImageMemoryRequirements),
    LAYER_HOOK_ALIAS(GetDeviceImageMemoryRequirements),
    {0},
};

const struct layer_definition layer_definition = {
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .load_instance = load_instance,
    .load_device = load_device,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
