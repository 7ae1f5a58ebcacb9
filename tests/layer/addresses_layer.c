/* A Vulkan layer for tests: a host that knows VK_EXT_device_address_binding_report. It makes up
 * addresses, for devices, queues, memory, buffers, fences, compute pipelines and descriptor sets,
 * and never gives one twice; memory changes its address while it is made. A handle of a messenger
 * is the layer's own, so what it reports comes below the validation layer and above the driver. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "tests/layer/addresses_layer.h"
#include "tests/layer/layer.h"

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceFeatures2 GetPhysicalDeviceFeatures2;
};

struct layer_device {
    struct layer_device_base base;
    VkQueue queue;
    PFN_vkGetDeviceQueue GetDeviceQueue;
    PFN_vkAllocateMemory AllocateMemory;
    PFN_vkFreeMemory FreeMemory;
    PFN_vkBindBufferMemory2 BindBufferMemory2;
    PFN_vkGetBufferMemoryRequirements GetBufferMemoryRequirements;
    PFN_vkDestroyBuffer DestroyBuffer;
    PFN_vkCreateFence CreateFence;
    PFN_vkDestroyFence DestroyFence;
    PFN_vkCreateComputePipelines CreateComputePipelines;
    PFN_vkDestroyPipeline DestroyPipeline;
    PFN_vkAllocateDescriptorSets AllocateDescriptorSets;
    PFN_vkFreeDescriptorSets FreeDescriptorSets;
    PFN_vkResetDescriptorPool ResetDescriptorPool;
    PFN_vkDestroyDescriptorPool DestroyDescriptorPool;
};

struct messenger {
    struct base_list link;
    VkDebugUtilsMessengerCreateInfoEXT info;
};

/* An address that an object has. */
struct binding {
    struct base_list link;
    VkObjectType type;
    uint64_t object, pool;
    VkDeviceAddress address;
    VkDeviceSize size;
};

/* Both guarded by layer_lock. */
static struct base_list messengers = {&messengers, &messengers};
static struct base_list bindings = {&bindings, &bindings};

#define HANDLE(handle) ((uint64_t)(uintptr_t)(handle))

LAYER_FINDERS

/* --- the extension --- */

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical_device, VkPhysicalDeviceFeatures2 *out)
{
    VkPhysicalDeviceAddressBindingReportFeaturesEXT *feature = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ADDRESS_BINDING_REPORT_FEATURES_EXT);
    find_instance(physical_device)->GetPhysicalDeviceFeatures2(physical_device, out);
    if (feature) {
        feature->reportAddressBinding = VK_TRUE;
    }
}

/* --- messengers --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateDebugUtilsMessengerEXT(VkInstance instance,
                                   const VkDebugUtilsMessengerCreateInfoEXT *info,
                                   const VkAllocationCallbacks *allocator,
                                   VkDebugUtilsMessengerEXT *out)
{
    struct messenger *messenger = calloc(1, sizeof(*messenger));
    (void)instance;
    (void)allocator;
    if (!messenger) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    messenger->info = *info;
    layer_publish(&messengers, &messenger->link);
    *out = (VkDebugUtilsMessengerEXT)(uintptr_t)messenger;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyDebugUtilsMessengerEXT(VkInstance instance, VkDebugUtilsMessengerEXT handle,
                                    const VkAllocationCallbacks *allocator)
{
    struct messenger *messenger = (struct messenger *)(uintptr_t)handle;
    (void)instance;
    (void)allocator;
    if (messenger) {
        layer_unpublish(&messenger->link);
        free(messenger);
    }
}

/* There is one messenger, the renderer's, and it takes these messages alone. */
static void
report(VkObjectType type, uint64_t object, VkDeviceAddress address, VkDeviceSize size,
       VkDeviceAddressBindingTypeEXT kind, VkDeviceAddressBindingFlagsEXT flags)
{
    const VkDebugUtilsObjectNameInfoEXT name = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = type,
        .objectHandle = object,
    };
    const VkDeviceAddressBindingCallbackDataEXT data = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_ADDRESS_BINDING_CALLBACK_DATA_EXT,
        .flags = flags,
        .baseAddress = address,
        .size = size,
        .bindingType = kind,
    };
    const VkDebugUtilsMessengerCallbackDataEXT message = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CALLBACK_DATA_EXT,
        .pNext = &data,
        .objectCount = 1,
        .pObjects = &name,
    };
    struct messenger *listener = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &messengers, struct messenger, link) {
        listener = it;
    }
    pthread_mutex_unlock(&layer_lock);
    if (listener) {
        listener->info.pfnUserCallback(VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT,
                                       VK_DEBUG_UTILS_MESSAGE_TYPE_DEVICE_ADDRESS_BINDING_BIT_EXT,
                                       &message, listener->info.pUserData);
    }
}

/* --- addresses --- */

static void
bind(VkObjectType type, uint64_t object, uint64_t pool, VkDeviceSize size,
     VkDeviceAddressBindingFlagsEXT flags)
{
    static _Atomic VkDeviceAddress next = UINT64_C(0x100000000);
    struct binding *binding = calloc(1, sizeof(*binding));
    if (!binding) {
        abort(); /* a test without memory */
    }
    binding->type = type;
    binding->object = object;
    binding->pool = pool;
    binding->address = atomic_fetch_add(&next, size);
    binding->size = size;
    layer_publish(&bindings, &binding->link);
    report(type, object, binding->address, size, VK_DEVICE_ADDRESS_BINDING_TYPE_BIND_EXT, flags);
}

/* NULL: there is none. `pool` instead of an object: any of the pool's. */
static struct binding *
find_binding(VkObjectType type, uint64_t object, uint64_t pool)
{
    struct binding *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &bindings, struct binding, link) {
        if (it->type == type && (pool ? it->pool == pool : it->object == object)) {
            found = it;
        }
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

static void
unbind(VkObjectType type, uint64_t object, uint64_t pool)
{
    for (struct binding *it; (it = find_binding(type, object, pool));) {
        layer_unpublish(&it->link);
        report(type, it->object, it->address, it->size, VK_DEVICE_ADDRESS_BINDING_TYPE_UNBIND_EXT,
               0);
        free(it);
    }
}

static void
bind_new(VkObjectType type, uint64_t object, uint64_t pool, VkDeviceSize size)
{
    bind(type, object, pool, size, VK_DEVICE_ADDRESS_BINDING_INTERNAL_OBJECT_BIT_EXT);
}

/* --- memory and buffers --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_AllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                     const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
    VkResult result = find_device(device)->AllocateMemory(device, info, allocator, out);
    if (result == VK_SUCCESS) {
        bind_new(VK_OBJECT_TYPE_BUFFER, ADDRESSES_STRANGER, 0, ADDRESSES_SMALL);
        unbind(VK_OBJECT_TYPE_BUFFER, ADDRESSES_STRANGER, 0);
        bind_new(VK_OBJECT_TYPE_DEVICE_MEMORY, HANDLE(*out), 0, ADDRESSES_SMALL);
        unbind(VK_OBJECT_TYPE_DEVICE_MEMORY, HANDLE(*out), 0);
        bind_new(VK_OBJECT_TYPE_DEVICE_MEMORY, HANDLE(*out), 0, info->allocationSize);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_FreeMemory(VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks *allocator)
{
    unbind(VK_OBJECT_TYPE_DEVICE_MEMORY, HANDLE(memory), 0);
    find_device(device)->FreeMemory(device, memory, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_BindBufferMemory2(VkDevice handle, uint32_t count, const VkBindBufferMemoryInfo *infos)
{
    struct layer_device *device = find_device(handle);
    VkResult result = device->BindBufferMemory2(handle, count, infos);
    for (uint32_t i = 0; result == VK_SUCCESS && i < count; i++) {
        VkMemoryRequirements requirements;
        device->GetBufferMemoryRequirements(handle, infos[i].buffer, &requirements);
        bind(VK_OBJECT_TYPE_BUFFER, HANDLE(infos[i].buffer), 0, requirements.size, 0);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyBuffer(VkDevice device, VkBuffer buffer, const VkAllocationCallbacks *allocator)
{
    unbind(VK_OBJECT_TYPE_BUFFER, HANDLE(buffer), 0);
    find_device(device)->DestroyBuffer(device, buffer, allocator);
}

/* --- whatever is small --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateFence(VkDevice device, const VkFenceCreateInfo *info,
                  const VkAllocationCallbacks *allocator, VkFence *out)
{
    VkResult result = find_device(device)->CreateFence(device, info, allocator, out);
    if (result == VK_SUCCESS) {
        bind_new(VK_OBJECT_TYPE_FENCE, HANDLE(*out), 0, ADDRESSES_SMALL);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyFence(VkDevice device, VkFence fence, const VkAllocationCallbacks *allocator)
{
    unbind(VK_OBJECT_TYPE_FENCE, HANDLE(fence), 0);
    find_device(device)->DestroyFence(device, fence, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                             const VkComputePipelineCreateInfo *infos,
                             const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    VkResult result =
        find_device(device)->CreateComputePipelines(device, cache, count, infos, allocator, out);
    for (uint32_t i = 0; i < count; i++) {
        if (out[i]) {
            bind_new(VK_OBJECT_TYPE_PIPELINE, HANDLE(out[i]), 0, ADDRESSES_SMALL);
        }
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyPipeline(VkDevice device, VkPipeline pipeline, const VkAllocationCallbacks *allocator)
{
    unbind(VK_OBJECT_TYPE_PIPELINE, HANDLE(pipeline), 0);
    find_device(device)->DestroyPipeline(device, pipeline, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_AllocateDescriptorSets(VkDevice device, const VkDescriptorSetAllocateInfo *info,
                             VkDescriptorSet *out)
{
    VkResult result = find_device(device)->AllocateDescriptorSets(device, info, out);
    for (uint32_t i = 0; result == VK_SUCCESS && i < info->descriptorSetCount; i++) {
        bind_new(VK_OBJECT_TYPE_DESCRIPTOR_SET, HANDLE(out[i]), HANDLE(info->descriptorPool),
                 ADDRESSES_SMALL);
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_FreeDescriptorSets(VkDevice device, VkDescriptorPool pool, uint32_t count,
                         const VkDescriptorSet *sets)
{
    for (uint32_t i = 0; i < count; i++) {
        unbind(VK_OBJECT_TYPE_DESCRIPTOR_SET, HANDLE(sets[i]), 0);
    }
    return find_device(device)->FreeDescriptorSets(device, pool, count, sets);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_ResetDescriptorPool(VkDevice device, VkDescriptorPool pool, VkDescriptorPoolResetFlags flags)
{
    unbind(VK_OBJECT_TYPE_DESCRIPTOR_SET, 0, HANDLE(pool));
    return find_device(device)->ResetDescriptorPool(device, pool, flags);
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyDescriptorPool(VkDevice device, VkDescriptorPool pool,
                            const VkAllocationCallbacks *allocator)
{
    unbind(VK_OBJECT_TYPE_DESCRIPTOR_SET, 0, HANDLE(pool));
    find_device(device)->DestroyDescriptorPool(device, pool, allocator);
}

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceFeatures2);
}

/* Its first queue is of family 0, which any device of lavapipe's has. */
static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    LAYER_LOAD(device, GetDeviceQueue);
    LAYER_LOAD(device, AllocateMemory);
    LAYER_LOAD(device, FreeMemory);
    LAYER_LOAD(device, BindBufferMemory2);
    LAYER_LOAD(device, GetBufferMemoryRequirements);
    LAYER_LOAD(device, DestroyBuffer);
    LAYER_LOAD(device, CreateFence);
    LAYER_LOAD(device, DestroyFence);
    LAYER_LOAD(device, CreateComputePipelines);
    LAYER_LOAD(device, DestroyPipeline);
    LAYER_LOAD(device, AllocateDescriptorSets);
    LAYER_LOAD(device, FreeDescriptorSets);
    LAYER_LOAD(device, ResetDescriptorPool);
    LAYER_LOAD(device, DestroyDescriptorPool);
    device->GetDeviceQueue(base->handle, 0, 0, &device->queue);
    bind_new(VK_OBJECT_TYPE_DEVICE, HANDLE(base->handle), 0, ADDRESSES_SMALL);
    bind_new(VK_OBJECT_TYPE_QUEUE, HANDLE(device->queue), 0, ADDRESSES_SMALL);
}

static void
finish_device(struct layer_device_base *base)
{
    unbind(VK_OBJECT_TYPE_QUEUE, HANDLE(((struct layer_device *)base)->queue), 0);
    unbind(VK_OBJECT_TYPE_DEVICE, HANDLE(base->handle), 0);
}

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceFeatures2),
    LAYER_HOOK(CreateDebugUtilsMessengerEXT),
    LAYER_HOOK(DestroyDebugUtilsMessengerEXT),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(AllocateMemory),        LAYER_HOOK(FreeMemory),
    LAYER_HOOK(BindBufferMemory2),     LAYER_HOOK_ALIAS(BindBufferMemory2),
    LAYER_HOOK(DestroyBuffer),         LAYER_HOOK(CreateFence),
    LAYER_HOOK(DestroyFence),          LAYER_HOOK(CreateComputePipelines),
    LAYER_HOOK(DestroyPipeline),       LAYER_HOOK(AllocateDescriptorSets),
    LAYER_HOOK(FreeDescriptorSets),    LAYER_HOOK(ResetDescriptorPool),
    LAYER_HOOK(DestroyDescriptorPool), {0},
};

static const VkExtensionProperties extension = {VK_EXT_DEVICE_ADDRESS_BINDING_REPORT_EXTENSION_NAME,
                                                1};

const struct layer_definition layer_definition = {
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .load_instance = load_instance,
    .load_device = load_device,
    .extensions = &extension,
    .extension_count = 1,
    .finish_device = finish_device,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
