/* A Vulkan layer for tests: a host that knows VK_EXT_device_fault, and that loses its device with
 * the second submission of commands. VESPER_TEST_FAULT=submit: vkQueueSubmit says so itself; else
 * whoever waits for it hears it first. What it then tells is in fault_layer.h. A process has one
 * device that can be lost. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "tests/layer/fault_layer.h"
#include "tests/layer/layer.h"

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceFeatures2 GetPhysicalDeviceFeatures2;
};

struct layer_device {
    struct layer_device_base base;
    PFN_vkQueueSubmit QueueSubmit;
    PFN_vkWaitForFences WaitForFences;
    PFN_vkGetFenceStatus GetFenceStatus;
    PFN_vkDeviceWaitIdle DeviceWaitIdle;
};

static atomic_uint submissions; /* with commands */
static atomic_bool lost;

LAYER_FINDERS

/* --- the extension --- */

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical_device, VkPhysicalDeviceFeatures2 *out)
{
    VkPhysicalDeviceFaultFeaturesEXT *feature = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAULT_FEATURES_EXT);
    find_instance(physical_device)->GetPhysicalDeviceFeatures2(physical_device, out);
    if (feature) {
        feature->deviceFault = VK_TRUE;
        feature->deviceFaultVendorBinary = VK_TRUE;
    }
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
    VkResult result = find_device(queue)->QueueSubmit(queue, count, infos, fence);
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
    return atomic_load(&lost)
               ? VK_ERROR_DEVICE_LOST
               : or_lost(find_device(device)->WaitForFences(device, count, fences, all, timeout));
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetFenceStatus(VkDevice device, VkFence fence)
{
    return or_lost(find_device(device)->GetFenceStatus(device, fence));
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_DeviceWaitIdle(VkDevice device)
{
    return or_lost(find_device(device)->DeviceWaitIdle(device));
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

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceFeatures2);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    LAYER_LOAD(device, QueueSubmit);
    LAYER_LOAD(device, WaitForFences);
    LAYER_LOAD(device, GetFenceStatus);
    LAYER_LOAD(device, DeviceWaitIdle);
}

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceFeatures2),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(QueueSubmit),    LAYER_HOOK(WaitForFences),         LAYER_HOOK(GetFenceStatus),
    LAYER_HOOK(DeviceWaitIdle), LAYER_HOOK(GetDeviceFaultInfoEXT), {0},
};

static const VkExtensionProperties extension = {VK_EXT_DEVICE_FAULT_EXTENSION_NAME, 2};

const struct layer_definition layer_definition = {
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .load_instance = load_instance,
    .load_device = load_device,
    .extensions = &extension,
    .extension_count = 1,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
