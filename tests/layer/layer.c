#include "tests/layer/layer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"

pthread_mutex_t layer_lock = PTHREAD_MUTEX_INITIALIZER;
static struct base_list instances = {&instances, &instances};
static struct base_list devices = {&devices, &devices};

/* --- lists --- */

/* What the loader put first in every dispatchable handle: the same for all of an instance, and for
 * all of a device. */
static void *
key_of(void *dispatchable)
{
    return *(void **)dispatchable;
}

struct layer_instance_base *
layer_find_instance(void *dispatchable)
{
    struct layer_instance_base *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &instances, struct layer_instance_base, link) {
        found = it->key == key_of(dispatchable) ? it : found;
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

struct layer_device_base *
layer_find_device(void *dispatchable)
{
    struct layer_device_base *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &devices, struct layer_device_base, link) {
        found = it->key == key_of(dispatchable) ? it : found;
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

void
layer_publish(struct base_list *list, struct base_list *link)
{
    pthread_mutex_lock(&layer_lock);
    base_list_push(list, link);
    pthread_mutex_unlock(&layer_lock);
}

void
layer_unpublish(struct base_list *link)
{
    pthread_mutex_lock(&layer_lock);
    base_list_remove(link);
    pthread_mutex_unlock(&layer_lock);
}

/* --- when it cannot go on --- */

_Noreturn void
layer_die(const char *message)
{
    fprintf(stderr, "%s layer: %s\n", layer_definition.name, message);
    abort();
}

void *
layer_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        layer_die("out of memory");
    }
    return memory;
}

/* --- structures --- */

const void *
layer_find_in_chain(const void *chain, VkStructureType type)
{
    for (const VkBaseInStructure *it = chain; it; it = it->pNext) {
        if (it->sType == type) {
            return it;
        }
    }
    return NULL;
}

/* Each layer takes its link and leaves the next one's. NULL: the loader gave none. */
static VkLayerInstanceLink *
take_instance_link(const VkInstanceCreateInfo *info)
{
    for (const VkBaseInStructure *it = info->pNext; it; it = it->pNext) {
        VkLayerInstanceCreateInfo *layer = (VkLayerInstanceCreateInfo *)it;
        if (it->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
            layer->function == VK_LAYER_LINK_INFO) {
            VkLayerInstanceLink *link = layer->u.pLayerInfo;
            layer->u.pLayerInfo = link->pNext;
            return link;
        }
    }
    return NULL;
}

static VkLayerDeviceLink *
take_device_link(const VkDeviceCreateInfo *info)
{
    for (const VkBaseInStructure *it = info->pNext; it; it = it->pNext) {
        VkLayerDeviceCreateInfo *layer = (VkLayerDeviceCreateInfo *)it;
        if (it->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO &&
            layer->function == VK_LAYER_LINK_INFO) {
            VkLayerDeviceLink *link = layer->u.pLayerInfo;
            layer->u.pLayerInfo = link->pNext;
            return link;
        }
    }
    return NULL;
}

/* --- instances --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                     VkInstance *out)
{
    VkLayerInstanceLink *link = take_instance_link(info);
    struct layer_instance_base *base = calloc(1, layer_definition.instance_size);
    if (!link || !base) {
        free(base);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    base->next = link->pfnNextGetInstanceProcAddr;
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)base->next(NULL, "vkCreateInstance");
    VkResult result = create(info, allocator, out);
    if (result != VK_SUCCESS) {
        free(base);
        return result;
    }
    base->key = key_of(*out);
    base->handle = *out;
    base->DestroyInstance = (PFN_vkDestroyInstance)base->next(*out, "vkDestroyInstance");
    base->EnumerateDeviceExtensionProperties = (PFN_vkEnumerateDeviceExtensionProperties)base->next(
        *out, "vkEnumerateDeviceExtensionProperties");
    layer_definition.load_instance(base);
    layer_publish(&instances, &base->link);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyInstance(VkInstance handle, const VkAllocationCallbacks *allocator)
{
    if (!handle) {
        return;
    }
    struct layer_instance_base *base = layer_find_instance(handle);
    layer_unpublish(&base->link);
    base->DestroyInstance(handle, allocator);
    free(base);
}

/* --- devices --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_EnumerateDeviceExtensionProperties(VkPhysicalDevice physical_device, const char *layer_name,
                                         uint32_t *count, VkExtensionProperties *out)
{
    uint32_t room = *count;
    VkResult result =
        layer_find_instance(physical_device)
            ->EnumerateDeviceExtensionProperties(physical_device, layer_name, count, out);
    if (layer_name || !out) {
        *count += layer_name ? 0 : layer_definition.extension_count;
        return result;
    }
    if (result != VK_SUCCESS || room - *count < layer_definition.extension_count) {
        return VK_INCOMPLETE;
    }
    for (uint32_t i = 0; i < layer_definition.extension_count; i++) {
        out[(*count)++] = layer_definition.extensions[i];
    }
    return VK_SUCCESS;
}

static bool
is_ours(const char *extension)
{
    for (uint32_t i = 0; i < layer_definition.extension_count; i++) {
        if (strcmp(extension, layer_definition.extensions[i].extensionName) == 0) {
            return true;
        }
    }
    return false;
}

/* The driver does not know ours; of their structures it knows that it does not know them. */
static VkResult
create_without_extensions(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
                          const VkAllocationCallbacks *allocator, PFN_vkCreateDevice create,
                          VkDevice *out)
{
    VkDeviceCreateInfo ours = *info;
    const char **names = calloc(info->enabledExtensionCount + 1, sizeof(*names));
    if (!names) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    ours.enabledExtensionCount = 0;
    ours.ppEnabledExtensionNames = names;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (!is_ours(info->ppEnabledExtensionNames[i])) {
            names[ours.enabledExtensionCount++] = info->ppEnabledExtensionNames[i];
        }
    }
    VkResult result = create(physical_device, &ours, allocator, out);
    free(names);
    return result;
}

static VkResult
create_device(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
              const VkAllocationCallbacks *allocator, PFN_vkCreateDevice create, VkDevice *out)
{
    if (layer_definition.create_device) {
        return layer_definition.create_device(physical_device, info, allocator, create, out);
    }
    return layer_definition.extension_count > 0
               ? create_without_extensions(physical_device, info, allocator, create, out)
               : create(physical_device, info, allocator, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateDevice(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
                   const VkAllocationCallbacks *allocator, VkDevice *out)
{
    VkLayerDeviceLink *link = take_device_link(info);
    struct layer_device_base *base = calloc(1, layer_definition.device_size);
    if (!link || !base) {
        free(base);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    PFN_vkCreateDevice create = (PFN_vkCreateDevice)link->pfnNextGetInstanceProcAddr(
        layer_find_instance(physical_device)->handle, "vkCreateDevice");
    VkResult result = create_device(physical_device, info, allocator, create, out);
    if (result != VK_SUCCESS) {
        free(base);
        return result;
    }
    base->next = link->pfnNextGetDeviceProcAddr;
    base->key = key_of(*out);
    base->physical_device = physical_device;
    base->handle = *out;
    base->DestroyDevice = (PFN_vkDestroyDevice)base->next(*out, "vkDestroyDevice");
    layer_definition.load_device(base);
    layer_publish(&devices, &base->link);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyDevice(VkDevice handle, const VkAllocationCallbacks *allocator)
{
    if (!handle) {
        return;
    }
    struct layer_device_base *base = layer_find_device(handle);
    layer_unpublish(&base->link);
    base->DestroyDevice(handle, allocator);
    if (layer_definition.finish_device) {
        layer_definition.finish_device(base);
    }
    free(base);
}

/* --- what the loader asks for --- */

static PFN_vkVoidFunction VKAPI_CALL layer_GetInstanceProcAddr(VkInstance instance,
                                                               const char *name);
static PFN_vkVoidFunction VKAPI_CALL layer_GetDeviceProcAddr(VkDevice device, const char *name);

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetInstanceProcAddr),
    LAYER_HOOK(CreateInstance),
    LAYER_HOOK(DestroyInstance),
    LAYER_HOOK(CreateDevice),
    {0},
};
/* Of a layer with extensions. */
static const struct layer_function extension_functions[] = {
    LAYER_HOOK(EnumerateDeviceExtensionProperties),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(GetDeviceProcAddr),
    LAYER_HOOK(DestroyDevice),
    {0},
};

static PFN_vkVoidFunction
look_up(const struct layer_function *functions, const char *name)
{
    for (; functions->name; functions++) {
        if (strcmp(functions->name, name) == 0) {
            return functions->function;
        }
    }
    return NULL;
}

static PFN_vkVoidFunction
find_device_function(const char *name)
{
    PFN_vkVoidFunction own = look_up(device_functions, name);
    return own ? own : look_up(layer_definition.device_functions, name);
}

static PFN_vkVoidFunction
find_function(const char *name)
{
    PFN_vkVoidFunction own = look_up(instance_functions, name);
    own = own || layer_definition.extension_count == 0 ? own : look_up(extension_functions, name);
    own = own ? own : look_up(layer_definition.instance_functions, name);
    return own ? own : find_device_function(name);
}

static PFN_vkVoidFunction VKAPI_CALL
layer_GetDeviceProcAddr(VkDevice device, const char *name)
{
    PFN_vkVoidFunction own = find_device_function(name);
    return own ? own : layer_find_device(device)->next(device, name);
}

static PFN_vkVoidFunction VKAPI_CALL
layer_GetInstanceProcAddr(VkInstance instance, const char *name)
{
    PFN_vkVoidFunction own = find_function(name);
    return own || !instance ? own : layer_find_instance(instance)->next(instance, name);
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *negotiation)
{
    if (negotiation->loaderLayerInterfaceVersion < 2) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    negotiation->loaderLayerInterfaceVersion = 2;
    negotiation->pfnGetInstanceProcAddr = layer_GetInstanceProcAddr;
    negotiation->pfnGetDeviceProcAddr = layer_GetDeviceProcAddr;
    negotiation->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
