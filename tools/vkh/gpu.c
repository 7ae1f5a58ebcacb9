/* Instance, device, queue, command pool; and the validation layer on request. */
#include "tools/vkh/vkh.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"

static _Atomic uint32_t validation_messages;

uint32_t
vkh_validation_messages(void)
{
    return atomic_load(&validation_messages);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
report_validation(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                  VkDebugUtilsMessageTypeFlagsEXT types,
                  const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    atomic_fetch_add(&validation_messages, 1);
    fprintf(stderr, "validation: %s\n", data->pMessage);
    return VK_FALSE;
}

static const VkDebugUtilsMessengerCreateInfoEXT messenger_info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
    .pfnUserCallback = report_validation,
};

static bool
validation_wanted(void)
{
    const char *value = getenv("VKH_VALIDATE");
    return value && *value && strcmp(value, "0") != 0;
}

static uint32_t
list_instance_extensions(const struct vkh_gpu_info *info, bool validate, const char **out)
{
    uint32_t count = 0;
    if (validate) {
        out[count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    }
    for (const char *const *name = info->instance_extensions; name && *name; name++) {
        if (count == VKH_MAX_EXTENSIONS) {
            vkh_die("more than %d instance extensions", VKH_MAX_EXTENSIONS);
        }
        out[count++] = *name;
    }
    return count;
}

static void
create_instance(struct vkh_gpu *gpu, const struct vkh_gpu_info *info)
{
    const char *layer = VALIDATION_LAYER;
    const char *extensions[VKH_MAX_EXTENSIONS];
    bool validate = validation_wanted();
    uint32_t extension_count = list_instance_extensions(info, validate, extensions);
    VkInstanceCreateInfo create_info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = validate ? &messenger_info : NULL,
        .pApplicationInfo =
            &(VkApplicationInfo){
                .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                .pApplicationName = info->program,
                .apiVersion = info->api_version ? info->api_version : VK_API_VERSION_1_1,
            },
        .enabledLayerCount = validate,
        .ppEnabledLayerNames = &layer,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    VkResult result = vkCreateInstance(&create_info, NULL, &gpu->instance);
    if (result == VK_ERROR_LAYER_NOT_PRESENT) {
        vkh_die("VKH_VALIDATE is set, but there is no " VALIDATION_LAYER
                ": install vulkan-validationlayers or unset it");
    }
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        vkh_die("no Vulkan driver answers (VK_ERROR_INCOMPATIBLE_DRIVER): "
                "install one, such as mesa-vulkan-drivers, or look at VK_DRIVER_FILES");
    }
    vkh_check(result, "vkCreateInstance", __FILE__, __LINE__);
    vkh_load_instance(gpu->instance);
    if (validate && vkCreateDebugUtilsMessengerEXT) {
        VKH_CHECK(
            vkCreateDebugUtilsMessengerEXT(gpu->instance, &messenger_info, NULL, &gpu->messenger));
    }
}

static void
choose_physical_device(struct vkh_gpu *gpu, const struct vkh_gpu_info *info)
{
    VkPhysicalDevice devices[16];
    uint32_t count = BASE_COUNT_OF(devices);
    VkResult result = vkEnumeratePhysicalDevices(gpu->instance, &count, devices);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
        vkh_check(result, "vkEnumeratePhysicalDevices", __FILE__, __LINE__);
    }
    if (info->device_index >= count) {
        vkh_die("no Vulkan device %u: %u found", info->device_index, count);
    }
    gpu->physical_device = devices[info->device_index];
    vkGetPhysicalDeviceProperties(gpu->physical_device, &gpu->properties);
    vkGetPhysicalDeviceMemoryProperties(gpu->physical_device, &gpu->memory);
    uint32_t wanted = info->api_version ? info->api_version : VK_API_VERSION_1_1;
    gpu->api_version = gpu->properties.apiVersion < wanted ? gpu->properties.apiVersion : wanted;
}

static void
choose_queue_family(struct vkh_gpu *gpu)
{
    const VkQueueFlags wanted = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
    VkQueueFamilyProperties families[16];
    uint32_t count = BASE_COUNT_OF(families);
    vkGetPhysicalDeviceQueueFamilyProperties(gpu->physical_device, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        if ((families[i].queueFlags & wanted) == wanted) {
            gpu->queue_family = i;
            gpu->queue_properties = families[i];
            return;
        }
    }
    vkh_die("%s: none of %u queue families does graphics and compute", gpu->properties.deviceName,
            count);
}

static void
choose_extensions(struct vkh_gpu *gpu, const struct vkh_gpu_info *info)
{
    uint32_t count = 0;
    VKH_CHECK(vkEnumerateDeviceExtensionProperties(gpu->physical_device, NULL, &count, NULL));
    VkExtensionProperties *there = calloc(count + 1, sizeof(*there));
    if (!there) {
        vkh_die("out of memory for %u extensions", count);
    }
    VKH_CHECK(vkEnumerateDeviceExtensionProperties(gpu->physical_device, NULL, &count, there));
    for (const char *const *name = info->extensions; name && *name; name++) {
        for (uint32_t i = 0; i < count && gpu->extension_count < VKH_MAX_EXTENSIONS; i++) {
            if (strcmp(there[i].extensionName, *name) == 0) {
                gpu->extensions[gpu->extension_count++] = *name;
            }
        }
    }
    free(there);
}

/* Asks for the features of each version that the device has, and leaves them chained: what the
 * query filled in is what vkCreateDevice() gets. */
static void
chain_features(struct vkh_gpu *gpu, VkPhysicalDeviceFeatures2 *features)
{
    gpu->features11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    gpu->features12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    gpu->features13.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES;
    if (gpu->api_version >= VK_API_VERSION_1_2) {
        features->pNext = &gpu->features11;
        gpu->features11.pNext = &gpu->features12;
    }
    if (gpu->api_version >= VK_API_VERSION_1_3) {
        gpu->features12.pNext = &gpu->features13;
    }
    vkGetPhysicalDeviceFeatures2(gpu->physical_device, features);
    /* Dear on some drivers, and our programs do not rely on it. */
    features->features.robustBufferAccess = VK_FALSE;
    gpu->features = features->features;
}

static void
create_device(struct vkh_gpu *gpu, const struct vkh_gpu_info *info)
{
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    };
    if (info->all_core_features) {
        chain_features(gpu, &features);
    }
    VkBaseOutStructure *last = (VkBaseOutStructure *)&features;
    while (last->pNext) {
        last = last->pNext;
    }
    last->pNext = info->device_next;
    VkDeviceCreateInfo create_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &features,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos =
            &(VkDeviceQueueCreateInfo){
                .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                .queueFamilyIndex = gpu->queue_family,
                .queueCount = 1,
                .pQueuePriorities = (float[]){1.0f},
            },
        .enabledExtensionCount = gpu->extension_count,
        .ppEnabledExtensionNames = gpu->extensions,
    };
    VKH_CHECK(vkCreateDevice(gpu->physical_device, &create_info, NULL, &gpu->device));
    vkh_load_device(gpu->device);
    vkGetDeviceQueue(gpu->device, gpu->queue_family, 0, &gpu->queue);
}

void
vkh_gpu_open(struct vkh_gpu *gpu, const struct vkh_gpu_info *info)
{
    memset(gpu, 0, sizeof(*gpu));
    vkh_load();
    create_instance(gpu, info);
    choose_physical_device(gpu, info);
    choose_queue_family(gpu);
    choose_extensions(gpu, info);
    create_device(gpu, info);
    VkCommandPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        .queueFamilyIndex = gpu->queue_family,
    };
    VKH_CHECK(vkCreateCommandPool(gpu->device, &pool_info, NULL, &gpu->pool));
}

void
vkh_gpu_close(struct vkh_gpu *gpu)
{
    vkDestroyCommandPool(gpu->device, gpu->pool, NULL);
    vkDestroyDevice(gpu->device, NULL);
    if (gpu->messenger) {
        vkDestroyDebugUtilsMessengerEXT(gpu->instance, gpu->messenger, NULL);
    }
    vkDestroyInstance(gpu->instance, NULL);
    memset(gpu, 0, sizeof(*gpu));
    if (vkh_validation_messages()) {
        vkh_die("the validation layer gave %u messages, see above", vkh_validation_messages());
    }
}

bool
vkh_gpu_has_extension(const struct vkh_gpu *gpu, const char *name)
{
    for (uint32_t i = 0; i < gpu->extension_count; i++) {
        if (strcmp(gpu->extensions[i], name) == 0) {
            return true;
        }
    }
    return false;
}
