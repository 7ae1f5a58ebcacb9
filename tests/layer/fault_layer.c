/* A Vulkan layer for tests: a host that knows VK_EXT_device_fault, and that loses its device with
 * the second submission of commands. VESPER_TEST_FAULT=submit: vkQueueSubmit says so itself; else
 * whoever waits for it hears it first. What it then tells is in fault_layer.h.
 *
 * One driver is below, so its functions are the same for every instance and every device, and a
 * process has one device that can be lost. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "tests/layer/fault_layer.h"
#include "tests/layer/layer.h"

/* What is below. A renderer's thread makes instance and device before others use them. */
static struct {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
    PFN_vkEnumerateDeviceExtensionProperties EnumerateDeviceExtensionProperties;
    PFN_vkGetPhysicalDeviceFeatures2 GetPhysicalDeviceFeatures2;
    VkInstance instance;
    PFN_vkGetDeviceProcAddr GetDeviceProcAddr;
    PFN_vkQueueSubmit QueueSubmit;
    PFN_vkWaitForFences WaitForFences;
    PFN_vkGetFenceStatus GetFenceStatus;
    PFN_vkDeviceWaitIdle DeviceWaitIdle;
} next;
static atomic_uint submissions; /* with commands */
static atomic_bool lost;

#define LOAD(of, name) next.name = (PFN_vk##name)next.Get##of##ProcAddr(*out, "vk" #name)

/* --- the extension --- */

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                     VkInstance *out)
{
    VkLayerInstanceLink *link = layer_take_instance_link(info);
    if (!link) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    next.GetInstanceProcAddr = link->pfnNextGetInstanceProcAddr;
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)next.GetInstanceProcAddr(NULL, "vkCreateInstance");
    VkResult result = create(info, allocator, out);
    if (result == VK_SUCCESS) {
        next.instance = *out;
        LOAD(Instance, EnumerateDeviceExtensionProperties);
        LOAD(Instance, GetPhysicalDeviceFeatures2);
    }
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_EnumerateDeviceExtensionProperties(VkPhysicalDevice physical_device, const char *layer,
                                         uint32_t *count, VkExtensionProperties *out)
{
    static const VkExtensionProperties ours = {VK_EXT_DEVICE_FAULT_EXTENSION_NAME, 2};
    uint32_t room = *count;
    VkResult result = next.EnumerateDeviceExtensionProperties(physical_device, layer, count, out);
    if (layer || !out) {
        *count += layer ? 0 : 1;
        return result;
    }
    if (result != VK_SUCCESS || *count == room) {
        return VK_INCOMPLETE;
    }
    out[(*count)++] = ours;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical_device, VkPhysicalDeviceFeatures2 *out)
{
    VkPhysicalDeviceFaultFeaturesEXT *feature = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAULT_FEATURES_EXT);
    next.GetPhysicalDeviceFeatures2(physical_device, out);
    if (feature) {
        feature->deviceFault = VK_TRUE;
        feature->deviceFaultVendorBinary = VK_TRUE;
    }
}

/* The driver does not know the extension; of its structures it knows that it does not know them. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateDevice(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
                   const VkAllocationCallbacks *allocator, VkDevice *out)
{
    VkLayerDeviceLink *link = layer_take_device_link(info);
    const char **names = calloc(info->enabledExtensionCount + 1, sizeof(*names));
    VkDeviceCreateInfo plain = *info;
    if (!link || !names) {
        free(names);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    plain.enabledExtensionCount = 0;
    plain.ppEnabledExtensionNames = names;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (strcmp(info->ppEnabledExtensionNames[i], VK_EXT_DEVICE_FAULT_EXTENSION_NAME) != 0) {
            names[plain.enabledExtensionCount++] = info->ppEnabledExtensionNames[i];
        }
    }
    PFN_vkCreateDevice create =
        (PFN_vkCreateDevice)link->pfnNextGetInstanceProcAddr(next.instance, "vkCreateDevice");
    VkResult result = create(physical_device, &plain, allocator, out);
    free(names);
    if (result == VK_SUCCESS) {
        next.GetDeviceProcAddr = link->pfnNextGetDeviceProcAddr;
        LOAD(Device, QueueSubmit);
        LOAD(Device, WaitForFences);
        LOAD(Device, GetFenceStatus);
        LOAD(Device, DeviceWaitIdle);
    }
    return result;
}

/* --- losing the device --- */

static bool
is_refused(void)
{
    const char *mode = getenv("VESPER_TEST_FAULT");
    return mode && strcmp(mode, "submit") == 0;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_QueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
    bool loses =
        count > 0 && infos[0].commandBufferCount > 0 && atomic_fetch_add(&submissions, 1) == 1;
    if (atomic_load(&lost) || (loses && is_refused())) {
        atomic_store(&lost, true);
        return VK_ERROR_DEVICE_LOST;
    }
    VkResult result = next.QueueSubmit(queue, count, infos, fence);
    if (loses) {
        atomic_store(&lost, true);
    }
    return result;
}

/* The driver knows of no loss, so it is waited for all the same. */
static VkResult
or_lost(VkResult result)
{
    return atomic_load(&lost) ? VK_ERROR_DEVICE_LOST : result;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_WaitForFences(VkDevice device, uint32_t count, const VkFence *fences, VkBool32 all,
                    uint64_t timeout)
{
    return atomic_load(&lost) ? VK_ERROR_DEVICE_LOST
                              : or_lost(next.WaitForFences(device, count, fences, all, timeout));
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetFenceStatus(VkDevice device, VkFence fence)
{
    return or_lost(next.GetFenceStatus(device, fence));
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_DeviceWaitIdle(VkDevice device)
{
    return or_lost(next.DeviceWaitIdle(device));
}

/* Copies as many as fit. False: not all of them. */
static bool
give(void *out, uint32_t *count, const void *all, uint32_t all_count, size_t size)
{
    uint32_t fits = *count < all_count ? *count : all_count;
    if (fits > 0) {
        memcpy(out, all, fits * size);
    }
    *count = fits;
    return fits == all_count;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetDeviceFaultInfoEXT(VkDevice device, VkDeviceFaultCountsEXT *counts,
                            VkDeviceFaultInfoEXT *info)
{
    const uint32_t address_count = BASE_COUNT_OF(fault_addresses);
    const uint32_t vendor_count = BASE_COUNT_OF(fault_vendors);
    uint32_t binary_size = info ? (uint32_t)counts->vendorBinarySize : sizeof(fault_binary);
    (void)device;
    if (!info) {
        counts->addressInfoCount = address_count;
        counts->vendorInfoCount = vendor_count;
        counts->vendorBinarySize = binary_size;
        return VK_SUCCESS;
    }
    memcpy(info->description, fault_description, sizeof(fault_description));
    bool all = give(info->pAddressInfos, &counts->addressInfoCount, fault_addresses, address_count,
                    sizeof(*fault_addresses));
    all &= give(info->pVendorInfos, &counts->vendorInfoCount, fault_vendors, vendor_count,
                sizeof(*fault_vendors));
    all &= give(info->pVendorBinaryData, &binary_size, fault_binary, sizeof(fault_binary), 1);
    counts->vendorBinarySize = binary_size;
    return all ? VK_SUCCESS : VK_INCOMPLETE;
}

/* --- what the loader asks for --- */

static PFN_vkVoidFunction VKAPI_CALL layer_GetInstanceProcAddr(VkInstance instance,
                                                               const char *name);
static PFN_vkVoidFunction VKAPI_CALL layer_GetDeviceProcAddr(VkDevice device, const char *name);

struct layer_function {
    const char *name;
    PFN_vkVoidFunction function;
};

#define HOOK(name)                                                                                 \
    {                                                                                              \
        "vk" #name, (PFN_vkVoidFunction)layer_##name                                               \
    }
static const struct layer_function functions[] = {
    HOOK(GetInstanceProcAddr),
    HOOK(CreateInstance),
    HOOK(EnumerateDeviceExtensionProperties),
    HOOK(GetPhysicalDeviceFeatures2),
    HOOK(CreateDevice),
    HOOK(GetDeviceProcAddr),
    HOOK(QueueSubmit),
    HOOK(WaitForFences),
    HOOK(GetFenceStatus),
    HOOK(DeviceWaitIdle),
    HOOK(GetDeviceFaultInfoEXT),
};

static PFN_vkVoidFunction
look_up(const char *name)
{
    for (size_t i = 0; i < BASE_COUNT_OF(functions); i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return functions[i].function;
        }
    }
    return NULL;
}

static PFN_vkVoidFunction VKAPI_CALL
layer_GetDeviceProcAddr(VkDevice device, const char *name)
{
    PFN_vkVoidFunction own = look_up(name);
    return own ? own : next.GetDeviceProcAddr(device, name);
}

static PFN_vkVoidFunction VKAPI_CALL
layer_GetInstanceProcAddr(VkInstance instance, const char *name)
{
    PFN_vkVoidFunction own = look_up(name);
    return own || !instance ? own : next.GetInstanceProcAddr(instance, name);
}

VKAPI_ATTR VkResult VKAPI_CALL __attribute__((visibility("default")))
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
