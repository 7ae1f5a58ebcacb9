#include "driver/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/physical_device.h"
#include "driver/ring.h"
#include "driver/struct_chain.h"
#include "driver/wsi/features.h"
#include "driver/wsi/platform.h"
#include "driver/wsi/road.h"
#include "protocol/proto_encode.h"

/* What the loader and the driver do without the host. */
const VkExtensionProperties drv_instance_extensions[] = {
#if DRV_WSI_DISPLAY
    {VK_EXT_ACQUIRE_DRM_DISPLAY_EXTENSION_NAME, VK_EXT_ACQUIRE_DRM_DISPLAY_SPEC_VERSION},
#endif
#if DRV_WSI_RANDR
    {VK_EXT_ACQUIRE_XLIB_DISPLAY_EXTENSION_NAME, VK_EXT_ACQUIRE_XLIB_DISPLAY_SPEC_VERSION},
#endif
    {VK_EXT_DEBUG_UTILS_EXTENSION_NAME, VK_EXT_DEBUG_UTILS_SPEC_VERSION},
#if DRV_WSI_DISPLAY
    {VK_EXT_DIRECT_MODE_DISPLAY_EXTENSION_NAME, VK_EXT_DIRECT_MODE_DISPLAY_SPEC_VERSION},
    {VK_EXT_DISPLAY_SURFACE_COUNTER_EXTENSION_NAME, VK_EXT_DISPLAY_SURFACE_COUNTER_SPEC_VERSION},
#endif
    {VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME, VK_EXT_HEADLESS_SURFACE_SPEC_VERSION},
    {VK_KHR_DEVICE_GROUP_CREATION_EXTENSION_NAME, VK_KHR_DEVICE_GROUP_CREATION_SPEC_VERSION},
    {VK_KHR_EXTERNAL_FENCE_CAPABILITIES_EXTENSION_NAME,
     VK_KHR_EXTERNAL_FENCE_CAPABILITIES_SPEC_VERSION},
    {VK_KHR_EXTERNAL_MEMORY_CAPABILITIES_EXTENSION_NAME,
     VK_KHR_EXTERNAL_MEMORY_CAPABILITIES_SPEC_VERSION},
    {VK_KHR_EXTERNAL_SEMAPHORE_CAPABILITIES_EXTENSION_NAME,
     VK_KHR_EXTERNAL_SEMAPHORE_CAPABILITIES_SPEC_VERSION},
#if DRV_WSI_DISPLAY
    {VK_KHR_DISPLAY_EXTENSION_NAME, VK_KHR_DISPLAY_SPEC_VERSION},
    {VK_KHR_GET_DISPLAY_PROPERTIES_2_EXTENSION_NAME, VK_KHR_GET_DISPLAY_PROPERTIES_2_SPEC_VERSION},
#endif
    {VK_KHR_GET_PHYSICAL_DEVICE_PROPERTIES_2_EXTENSION_NAME,
     VK_KHR_GET_PHYSICAL_DEVICE_PROPERTIES_2_SPEC_VERSION},
    {VK_KHR_GET_SURFACE_CAPABILITIES_2_EXTENSION_NAME,
     VK_KHR_GET_SURFACE_CAPABILITIES_2_SPEC_VERSION},
    {VK_KHR_SURFACE_EXTENSION_NAME, VK_KHR_SURFACE_SPEC_VERSION},
    {VK_KHR_SURFACE_PROTECTED_CAPABILITIES_EXTENSION_NAME,
     VK_KHR_SURFACE_PROTECTED_CAPABILITIES_SPEC_VERSION},
    {VK_EXT_SURFACE_MAINTENANCE_1_EXTENSION_NAME, VK_EXT_SURFACE_MAINTENANCE_1_SPEC_VERSION},
#ifdef VK_KHR_surface_maintenance1
    {VK_KHR_SURFACE_MAINTENANCE_1_EXTENSION_NAME, VK_KHR_SURFACE_MAINTENANCE_1_SPEC_VERSION},
#endif
    {VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME, VK_EXT_SWAPCHAIN_COLOR_SPACE_SPEC_VERSION},
#if DRV_WSI_WAYLAND
    {VK_KHR_WAYLAND_SURFACE_EXTENSION_NAME, VK_KHR_WAYLAND_SURFACE_SPEC_VERSION},
#endif
#if DRV_WSI_X11
    {VK_KHR_XCB_SURFACE_EXTENSION_NAME, VK_KHR_XCB_SURFACE_SPEC_VERSION},
    {VK_KHR_XLIB_SURFACE_EXTENSION_NAME, VK_KHR_XLIB_SURFACE_SPEC_VERSION},
#endif
};
const uint32_t drv_instance_extension_count = BASE_COUNT_OF(drv_instance_extensions);

static bool
find_extension(const char *name, uint32_t *index)
{
    for (uint32_t i = 0; i < drv_instance_extension_count; i++) {
        if (strcmp(drv_instance_extensions[i].extensionName, name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool
drv_instance_has_extension(const struct drv_instance *instance, const char *name)
{
    uint32_t index;
    return find_extension(name, &index) && (instance->enabled_extensions >> index & 1);
}

uint32_t
drv_instance_take_timeline(struct drv_instance *instance)
{
    uint32_t taken = 0;
    pthread_mutex_lock(&instance->lock);
    for (uint32_t i = 1; i < WIRE_MAX_TIMELINES && taken == 0; i++) {
        if (!(instance->timelines_in_use >> i & 1)) {
            instance->timelines_in_use |= UINT64_C(1) << i;
            taken = i;
        }
    }
    pthread_mutex_unlock(&instance->lock);
    return taken;
}

void
drv_instance_return_timeline(struct drv_instance *instance, uint32_t index)
{
    if (index != 0) {
        pthread_mutex_lock(&instance->lock);
        instance->timelines_in_use &= ~(UINT64_C(1) << index);
        pthread_mutex_unlock(&instance->lock);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumerateInstanceVersion(uint32_t *pApiVersion)
{
    *pApiVersion = DRV_MAX_API_VERSION;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumerateInstanceExtensionProperties(const char *pLayerName, uint32_t *pPropertyCount,
                                         VkExtensionProperties *pProperties)
{
    if (pLayerName) {
        *pPropertyCount = 0;
        return VK_ERROR_LAYER_NOT_PRESENT;
    }
    return drv_return_array(drv_instance_extensions, drv_instance_extension_count,
                            sizeof(drv_instance_extensions[0]), pPropertyCount, pProperties);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumerateInstanceLayerProperties(uint32_t *pPropertyCount, VkLayerProperties *pProperties)
{
    *pPropertyCount = 0;
    return VK_SUCCESS;
}

/* Set while a renderer lives in this process or is our parent: its driver must not be us again. */
static bool
we_are_inside_a_renderer(void)
{
    const char *value = getenv("VESPER_RENDERER");
    return value && strcmp(value, "1") == 0;
}

static VkResult
enable_extensions(struct drv_instance *instance, const VkInstanceCreateInfo *info)
{
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        uint32_t index;
        if (!find_extension(info->ppEnabledExtensionNames[i], &index)) {
            base_log_debug("instance extension %s is not offered",
                           info->ppEnabledExtensionNames[i]);
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        instance->enabled_extensions |= 1u << index;
    }
    return VK_SUCCESS;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The private extensions that we know. */
static void
fill_private_mask(uint32_t mask[WIRE_CAPSET_EXTENSION_WORDS])
{
    for (uint32_t i = 0; i < proto_extension_count; i++) {
        if (proto_extensions[i].is_private) {
            mask[proto_extensions[i].number / 32] |= 1u << (proto_extensions[i].number % 32);
        }
    }
}

/* What the renderer itself said; the driver has already named what went wrong on this side. */
static bool
is_of_the_host(VkResult result)
{
    return result == VK_ERROR_INITIALIZATION_FAILED || result == VK_ERROR_INCOMPATIBLE_DRIVER;
}

/* The host's instance: as new as both sides know, whatever the application asked for, since a
 * device's version does not depend on that. No layer, and nothing that the application chained
 * crosses the wire; a renderer of ours hears what we are, and whether names for its tools will
 * come. */
static VkResult
create_on_host(struct drv_instance *instance, const VkInstanceCreateInfo *info)
{
    struct proto_client *client = instance->object.client;
    uint32_t version = VK_API_VERSION_1_1;
    VkResult result = proto_call_vkEnumerateInstanceVersion(client, &version);
    if (result != VK_SUCCESS) {
        return result;
    }
    version = least(version, least(client->caps->vk_xml_version, DRV_MAX_API_VERSION));

    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO};
    if (info->pApplicationInfo) {
        application = *info->pApplicationInfo;
        application.pNext = NULL;
    }
    application.apiVersion = version;
    uint32_t mask[WIRE_CAPSET_EXTENSION_WORDS] = {0};
    fill_private_mask(mask);
    const VkPeerInfoVESPER peer = {
        .sType = VK_STRUCTURE_TYPE_PEER_INFO_VESPER,
        .extensionMaskWordCount = BASE_COUNT_OF(mask),
        .pExtensionMask = mask,
    };
    const char *const names[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    bool names_objects = drv_instance_has_extension(instance, names[0]) &&
                         (client->caps->vesper_features & WIRE_FEATURE_PEER_INFO);
    const VkInstanceCreateInfo host_info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = &peer,
        .pApplicationInfo = &application,
        .enabledExtensionCount = names_objects ? BASE_COUNT_OF(names) : 0,
        .ppEnabledExtensionNames = names,
    };
    VkInstance handle = (VkInstance)instance;
    instance->renderer_version = version;
    return proto_call_vkCreateInstance(client, &host_info, NULL, &handle);
}

/* Leaves instance->ring NULL where there is simply no renderer to be found. */
static VkResult
connect(struct drv_instance *instance, const VkInstanceCreateInfo *info)
{
    bool no_device = false;
    if (we_are_inside_a_renderer()) {
        return VK_SUCCESS;
    }
    VkResult result = drv_ring_create(&instance->ring, &no_device);
    if (result != VK_SUCCESS) {
        return no_device ? VK_SUCCESS : result;
    }
    instance->object.client = &instance->ring->client;
    result = create_on_host(instance, info);
    if (result != VK_SUCCESS) {
        if (is_of_the_host(result)) {
            base_log_error("the renderer could not create a Vulkan instance (VkResult %d): check "
                           "its host driver",
                           result);
        }
        drv_ring_destroy(instance->ring);
        instance->ring = NULL;
        return result == VK_ERROR_DEVICE_LOST ? VK_ERROR_INITIALIZATION_FAILED : result;
    }
    drv_lanes_init(&instance->lanes, instance->ring);
    return VK_SUCCESS;
}

static void
remember_application(struct drv_instance *instance, const VkInstanceCreateInfo *info)
{
    instance->application_version = VK_API_VERSION_1_0;
    if (info->pApplicationInfo && info->pApplicationInfo->apiVersion != 0) {
        instance->application_version = info->pApplicationInfo->apiVersion;
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateInstance(const VkInstanceCreateInfo *pCreateInfo, const VkAllocationCallbacks *pAllocator,
                   VkInstance *pInstance)
{
    struct drv_instance *instance =
        drv_object_create(NULL, NULL, pAllocator, sizeof(*instance), VK_OBJECT_TYPE_INSTANCE);
    if (!instance) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (pAllocator) {
        instance->allocator_storage = *pAllocator;
        instance->allocator = &instance->allocator_storage;
    }
    pthread_mutex_init(&instance->lock, NULL);
    remember_application(instance, pCreateInfo);

    VkResult result = enable_extensions(instance, pCreateInfo);
    if (result == VK_SUCCESS) {
        result = connect(instance, pCreateInfo);
    }
    if (result != VK_SUCCESS) {
        pthread_mutex_destroy(&instance->lock);
        drv_object_destroy(NULL, pAllocator, instance);
        return result;
    }
    drv_address_reports_init(&instance->address_reports, (VkInstance)instance, instance->ring);
    *pInstance = (VkInstance)instance;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyInstance(VkInstance handle, const VkAllocationCallbacks *pAllocator)
{
    struct drv_instance *instance = drv_instance_from(handle);
    if (!instance) {
        return;
    }
    if (instance->ring) {
        /* A renderer that is gone has nothing left to destroy. */
        (void)proto_send_vkDestroyInstance(instance->object.client, handle, NULL);
        drv_lanes_finish(&instance->lanes);
        drv_ring_destroy(instance->ring);
    }
    for (uint32_t i = 0; i < instance->physical_device_count; i++) {
        drv_physical_device_destroy(instance->physical_devices[i]);
    }
    drv_free(instance->allocator, NULL, instance->physical_devices);
    drv_address_reports_finish(&instance->address_reports);
    pthread_mutex_destroy(&instance->lock);
    /* The callbacks live in what they are about to free. */
    VkAllocationCallbacks allocator = instance->allocator_storage;
    drv_object_destroy(instance->allocator ? &allocator : NULL, pAllocator, instance);
}

static void
forget_devices(struct drv_instance *instance, struct drv_physical_device **devices, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        drv_physical_device_destroy(devices[i]);
    }
    drv_free(instance->allocator, NULL, devices);
}

/* Names the host's devices and asks each what it is. */
static VkResult
enumerate_on_host(struct drv_instance *instance, struct drv_physical_device **devices,
                  uint32_t *count)
{
    struct proto_client *client = instance->object.client;
    uint32_t wanted = *count;

    for (uint32_t i = 0; i < wanted; i++) {
        devices[i] = drv_physical_device_create(instance);
        if (!devices[i]) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
    }
    /* The array's elements are the handles. */
    VkResult result = proto_call_vkEnumeratePhysicalDevices(client, (VkInstance)instance, count,
                                                            (VkPhysicalDevice *)devices);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
        return result;
    }
    for (uint32_t i = 0; i < *count; i++) {
        result = devices[i] ? drv_physical_device_init(devices[i]) : VK_ERROR_INITIALIZATION_FAILED;
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    return VK_SUCCESS;
}

static VkResult
enumerate_locked(struct drv_instance *instance)
{
    uint32_t found = 0;
    VkResult result = proto_call_vkEnumeratePhysicalDevices(instance->object.client,
                                                            (VkInstance)instance, &found, NULL);
    if (result != VK_SUCCESS || found == 0) {
        instance->enumerated = result == VK_SUCCESS;
        return result;
    }
    struct drv_physical_device **devices = drv_alloc(
        instance->allocator, NULL, found * sizeof(*devices), VK_SYSTEM_ALLOCATION_SCOPE_INSTANCE);
    if (!devices) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    uint32_t count = found;
    result = enumerate_on_host(instance, devices, &count);
    if (result != VK_SUCCESS) {
        forget_devices(instance, devices, found);
        return result;
    }
    for (uint32_t i = count; i < found; i++) { /* unplugged between the two questions */
        drv_physical_device_destroy(devices[i]);
    }
    instance->physical_devices = devices;
    instance->physical_device_count = count;
    instance->enumerated = true;
    wsi_explain_road();
    for (uint32_t i = 0; i < count; i++) {
        wsi_road_explain(devices[i]);
    }
    return VK_SUCCESS;
}

/* Physical devices are found at first use and stay the same afterwards. */
static VkResult
enumerate(struct drv_instance *instance)
{
    if (!instance->ring) {
        return VK_SUCCESS;
    }
    pthread_mutex_lock(&instance->lock);
    VkResult result = instance->enumerated ? VK_SUCCESS : enumerate_locked(instance);
    pthread_mutex_unlock(&instance->lock);
    return result == VK_ERROR_DEVICE_LOST ? VK_ERROR_INITIALIZATION_FAILED : result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumeratePhysicalDevices(VkInstance handle, uint32_t *pPhysicalDeviceCount,
                             VkPhysicalDevice *pPhysicalDevices)
{
    struct drv_instance *instance = drv_instance_from(handle);
    VkResult result = enumerate(instance);
    if (result != VK_SUCCESS) {
        return result;
    }
    return drv_return_array(instance->physical_devices, instance->physical_device_count,
                            sizeof(VkPhysicalDevice), pPhysicalDeviceCount, pPhysicalDevices);
}

/* Each device is a group of its own: nothing carries peer memory between the host's devices. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_EnumeratePhysicalDeviceGroups(VkInstance handle, uint32_t *pPhysicalDeviceGroupCount,
                                  VkPhysicalDeviceGroupProperties *pPhysicalDeviceGroupProperties)
{
    struct drv_instance *instance = drv_instance_from(handle);
    VkResult result = enumerate(instance);
    if (result != VK_SUCCESS) {
        return result;
    }
    uint32_t room = *pPhysicalDeviceGroupCount;
    *pPhysicalDeviceGroupCount = instance->physical_device_count;
    if (!pPhysicalDeviceGroupProperties) {
        return VK_SUCCESS;
    }
    if (room < instance->physical_device_count) {
        *pPhysicalDeviceGroupCount = room;
        result = VK_INCOMPLETE;
    }
    for (uint32_t i = 0; i < *pPhysicalDeviceGroupCount; i++) {
        VkPhysicalDeviceGroupProperties *group = &pPhysicalDeviceGroupProperties[i];
        memset(group->physicalDevices, 0, sizeof(group->physicalDevices));
        group->physicalDeviceCount = 1;
        group->physicalDevices[0] = (VkPhysicalDevice)instance->physical_devices[i];
        group->subsetAllocation = VK_FALSE;
    }
    return result;
}
