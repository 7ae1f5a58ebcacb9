/* Making a physical device: asking the renderer once, and deciding what the application sees of it.
 * The queries themselves are in physical_device_queries.c and format.c. */
#include "driver/physical_device.h"

#include <stdio.h>
#include <string.h>

#include "base/attributes.h"
#include "base/log.h"
#include "driver/host_pages.h"
#include "driver/instance.h"
#include "driver/location.h"
#include "driver/ring.h"
#include "driver/wsi/display/displays.h"
#include "protocol/proto_encode.h"

enum {
    /* First guesses, to have the answer in one round trip. */
    LIKELY_EXTENSIONS = 512,
    LIKELY_QUEUE_FAMILIES = 16,
};

#define PROTOCOL_ITSELF "it is the protocol itself, which devices never list"
#define NO_MEMORY_DESCRIPTORS                                                                      \
    "this renderer, or the way to it, neither hands out descriptors of memory nor takes them"

/* Extensions of the protocol that we do not offer although the renderer may, and what they lack
 * here. `vesper info` shows the reasons: they reach it by the debug log. */
static const struct {
    const char *name, *reason;
} withheld[] = {
    {"VK_EXT_command_serialization", PROTOCOL_ITSELF},
    {"VK_MESA_venus_protocol", PROTOCOL_ITSELF},
};

/* What this file's neighbours and wsi/ implement without the renderer. */
static const char *const ours[] = {
    "VK_EXT_map_memory_placed",
    "VK_EXT_tooling_info",
    "VK_KHR_map_memory2",
#if DRV_WSI_DISPLAY
    "VK_EXT_display_control",
#endif
    "VK_EXT_hdr_metadata",
    "VK_EXT_present_mode_fifo_latest_ready",
    "VK_EXT_swapchain_maintenance1",
    "VK_GOOGLE_display_timing",
    "VK_KHR_incremental_present",
    "VK_KHR_present_id",
    "VK_KHR_present_id2",
    "VK_KHR_present_mode_fifo_latest_ready",
    "VK_KHR_present_wait",
    "VK_KHR_present_wait2",
    "VK_KHR_swapchain",
    "VK_KHR_swapchain_maintenance1",
    "VK_KHR_swapchain_mutable_format",
};

/* Those that need memory which leaves or enters as a descriptor. */
static const char *const for_shared_memory[] = {
    "VK_KHR_external_memory_fd",
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
    "VK_EXT_queue_family_foreign",
};

/* Kept in the guest over timelines of the host (driver/exchange.h), whatever else it has. */
static const char *const ours_over_timelines[] = {
    "VK_KHR_external_fence",
    "VK_KHR_external_fence_fd",
    "VK_KHR_external_semaphore",
    "VK_KHR_external_semaphore_fd",
};

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* NULL if there is none. */
static const char *
reason_to_withhold(const struct drv_physical_device *device, const char *name)
{
    for (size_t i = 0; i < BASE_COUNT_OF(for_shared_memory); i++) {
        if (strcmp(for_shared_memory[i], name) == 0) {
            return device->shares_memory ? NULL : NO_MEMORY_DESCRIPTORS;
        }
    }
    for (size_t i = 0; i < BASE_COUNT_OF(withheld); i++) {
        if (strcmp(withheld[i].name, name) == 0) {
            return withheld[i].reason;
        }
    }
    return NULL;
}

struct drv_physical_device *
drv_physical_device_create(struct drv_instance *instance)
{
    struct drv_physical_device *device =
        drv_object_create(instance->object.client, instance->allocator, NULL, sizeof(*device),
                          VK_OBJECT_TYPE_PHYSICAL_DEVICE);
    if (device) {
        const struct tp_transport *transport = instance->ring->transport;
        device->instance = instance;
        device->shares_memory =
            transport->takes_fds &&
            wire_capset_has_feature(&transport->capset, WIRE_FEATURE_EXTERNAL_MEMORY);
        drv_format_cache_init(&device->formats);
    }
    return device;
}

void
drv_physical_device_destroy(struct drv_physical_device *device)
{
    if (device) {
        const VkAllocationCallbacks *allocator = device->instance->allocator;
        wsi_kms_destroy(device->kms);
        drv_format_cache_finish(&device->formats);
        drv_heap_use_finish(&device->heap_use);
        drv_free(allocator, NULL, device->queue_families);
        drv_object_destroy(allocator, NULL, device);
    }
}

/* --- extensions --- */

static VkResult
ask_extensions(struct drv_physical_device *device, VkExtensionProperties **out, uint32_t *out_count)
{
    const VkAllocationCallbacks *allocator = device->instance->allocator;
    uint32_t room = LIKELY_EXTENSIONS;

    for (;;) {
        VkExtensionProperties *list =
            drv_alloc(allocator, NULL, room * sizeof(*list), VK_SYSTEM_ALLOCATION_SCOPE_COMMAND);
        if (!list) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        uint32_t count = room;
        VkResult result = proto_call_vkEnumerateDeviceExtensionProperties(
            device->object.client, (VkPhysicalDevice)device, NULL, &count, list);
        if (result == VK_SUCCESS) {
            *out = list;
            *out_count = count;
            return VK_SUCCESS;
        }
        drv_free(allocator, NULL, list);
        if (result != VK_INCOMPLETE) {
            return result;
        }
        room *= 2;
    }
}

static bool
is_known(const struct drv_physical_device *device, const struct proto_extension *extension)
{
    const struct proto_caps *caps = device->object.client->caps;
    return extension && !extension->is_instance && !extension->is_local &&
           (!extension->is_private || proto_caps_has_private_extension(caps, extension->number));
}

/* One extension of the renderer's list. */
static void
add_extension(struct drv_physical_device *device, const VkExtensionProperties *properties)
{
    const struct proto_extension *extension = proto_extension_find(properties->extensionName);
    if (!is_known(device, extension)) {
        return;
    }
    drv_extension_set_add(&device->renderer_extensions, extension);
    if (extension->guest_reason) {
        return; /* ours to offer */
    }
    const char *reason = reason_to_withhold(device, extension->name);
    if (reason) {
        base_log_debug("%s is held back: %s", extension->name, reason);
        return;
    }
    drv_extension_set_add(&device->extensions, extension);
    device->spec_versions[extension - proto_extensions] =
        least(properties->specVersion, extension->spec_version);
}

static void
add_our_own(struct drv_physical_device *device, const char *name)
{
    const struct proto_extension *extension = proto_extension_find(name);
    if (extension) {
        drv_extension_set_add(&device->extensions, extension);
        device->spec_versions[extension - proto_extensions] = extension->spec_version;
    }
}

static void
add_all_of_our_own(struct drv_physical_device *device, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_our_own(device, names[i]);
    }
}

/* The older name is as good, whichever the host knows; times of frames need them. */
static void
offer_calibrated_timestamps(struct drv_physical_device *device)
{
    if (drv_extension_set_has_name(&device->renderer_extensions, "VK_EXT_calibrated_timestamps")) {
        add_our_own(device, "VK_KHR_calibrated_timestamps");
    }
    if (drv_extension_set_has_name(&device->extensions, "VK_KHR_calibrated_timestamps")) {
        add_our_own(device, "VK_EXT_present_timing");
    }
}

/* Loaders hide instance extensions that are newer than they are, and a device may not offer what
 * needs one that the application cannot enable. */
static void
withdraw_what_lacks_its_instance(struct drv_physical_device *device)
{
    const struct proto_extension *swapchain = proto_extension_find("VK_KHR_swapchain_maintenance1");
    if (swapchain && !drv_instance_has_extension(device->instance, "VK_KHR_surface_maintenance1")) {
        drv_extension_set_remove(&device->extensions, swapchain);
    }
}

/* Pages can reach only a renderer on the same kernel, and memory only on a host that imports pages.
 */
static bool
can_take_pages(struct drv_physical_device *device)
{
    const VkPhysicalDeviceExternalBufferInfo question = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
    };
    VkExternalBufferProperties answer = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };
    return device->shares_memory && device->instance->ring->transport->takes_pages &&
           drv_host_pages_possible() &&
           proto_call_vkGetPhysicalDeviceExternalBufferProperties(
               device->object.client, (VkPhysicalDevice)device, &question, &answer) == VK_SUCCESS &&
           (answer.externalMemoryProperties.externalMemoryFeatures &
            VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT);
}

static VkResult
init_extensions(struct drv_physical_device *device)
{
    VkExtensionProperties *list;
    uint32_t count;
    VkResult result = ask_extensions(device, &list, &count);
    if (result != VK_SUCCESS) {
        return result;
    }
    for (uint32_t i = 0; i < count; i++) {
        list[i].extensionName[VK_MAX_EXTENSION_NAME_SIZE - 1] = '\0';
        add_extension(device, &list[i]);
    }
    drv_free(device->instance->allocator, NULL, list);
    add_all_of_our_own(device, ours, BASE_COUNT_OF(ours));
    /* Acceleration structures require it, and nothing else needs it. */
    if (drv_extension_set_has_name(&device->extensions, "VK_KHR_acceleration_structure")) {
        add_our_own(device, "VK_KHR_deferred_host_operations");
    }
    offer_calibrated_timestamps(device);
    withdraw_what_lacks_its_instance(device);
    device->takes_pages = can_take_pages(device);
    if (device->takes_pages) {
        add_our_own(device, "VK_EXT_external_memory_host");
    }
    drv_location_offer(device);
    return VK_SUCCESS;
}

bool
drv_physical_device_shares_sync_objects(const struct drv_physical_device *device)
{
    return device->properties.apiVersion >= VK_API_VERSION_1_2 ||
           drv_extension_set_has_name(&device->renderer_extensions,
                                      VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME);
}

/* --- properties --- */

static void
rename_device(VkPhysicalDeviceProperties *properties)
{
    char host_name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    memcpy(host_name, properties->deviceName, sizeof(host_name));
    host_name[sizeof(host_name) - 1] = '\0';
    int length = snprintf(properties->deviceName, sizeof(properties->deviceName), "Vesper on %.*s",
                          (int)(sizeof(host_name) - sizeof("Vesper on ")), host_name);
    memset(properties->deviceName + length, 0, sizeof(properties->deviceName) - (size_t)length);
}

static VkResult
init_properties(struct drv_physical_device *device)
{
    struct proto_client *client = device->object.client;
    VkPhysicalDevice handle = (VkPhysicalDevice)device;

    VkResult result = proto_call_vkGetPhysicalDeviceProperties(client, handle, &device->properties);
    if (result != VK_SUCCESS) {
        return result;
    }
    device->renderer_version =
        least(device->properties.apiVersion, device->instance->renderer_version);
    device->properties.apiVersion = least(device->renderer_version, DRV_MAX_API_VERSION);
    rename_device(&device->properties);
    return VK_SUCCESS;
}

/* The driver's name and the device's UUID, which no two instances know by another value. */
static VkResult
init_names(struct drv_physical_device *device)
{
    VkPhysicalDeviceIDProperties ids = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
    };
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &ids,
    };
    if (device->properties.apiVersion >= VK_API_VERSION_1_2 ||
        drv_extension_set_has_name(&device->renderer_extensions, "VK_KHR_driver_properties")) {
        ids.pNext = &driver;
    }
    VkResult result = proto_call_vkGetPhysicalDeviceProperties2(
        device->object.client, (VkPhysicalDevice)device, &properties);
    driver.driverName[VK_MAX_DRIVER_NAME_SIZE - 1] = '\0';
    memcpy(device->host_driver_name, driver.driverName, sizeof(device->host_driver_name));
    if (result == VK_SUCCESS) {
        drv_heap_use_init(&device->heap_use, ids.deviceUUID);
    }
    return result;
}

/* --- memory --- */

/* A mapping is shared memory, which is coherent. A renderer of ours may show types that are visible
 * but not coherent, which are mapped in copies (memory_map.c). With any other, nothing on the wire
 * flushes: such a type cannot be mapped honestly, so it is not visible. */
void
drv_physical_device_adjust_memory(const struct drv_physical_device *device,
                                  VkPhysicalDeviceMemoryProperties *memory)
{
    const struct proto_extension *copies = proto_extension_find("VK_VESPER_copied_memory");
    bool flushes =
        copies && proto_caps_has_private_extension(device->object.client->caps, copies->number);
    const VkMemoryPropertyFlags mapping = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                          VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                                          VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
    memory->memoryTypeCount = least(memory->memoryTypeCount, VK_MAX_MEMORY_TYPES);
    memory->memoryHeapCount = least(memory->memoryHeapCount, VK_MAX_MEMORY_HEAPS);
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        VkMemoryPropertyFlags *flags = &memory->memoryTypes[i].propertyFlags;
        if (!flushes && !(*flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)) {
            *flags &= ~mapping;
        }
    }
}

static VkResult
init_memory(struct drv_physical_device *device)
{
    VkResult result = proto_call_vkGetPhysicalDeviceMemoryProperties(
        device->object.client, (VkPhysicalDevice)device, &device->memory);
    drv_physical_device_adjust_memory(device, &device->memory);
    return result;
}

/* --- queue families --- */

/* What queues are for that has its commands in an extension. */
static const struct {
    VkQueueFlags flag;
    const char *extension;
} queue_extensions[] = {
    {VK_QUEUE_VIDEO_DECODE_BIT_KHR, VK_KHR_VIDEO_DECODE_QUEUE_EXTENSION_NAME},
    {VK_QUEUE_VIDEO_ENCODE_BIT_KHR, VK_KHR_VIDEO_ENCODE_QUEUE_EXTENSION_NAME},
    {VK_QUEUE_OPTICAL_FLOW_BIT_NV, VK_NV_OPTICAL_FLOW_EXTENSION_NAME},
};

/* Without flags whose commands are not offered. */
static void
adjust_queue_families(const struct drv_physical_device *device, VkQueueFamilyProperties *families,
                      uint32_t count)
{
    VkQueueFlags known = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT |
                         VK_QUEUE_SPARSE_BINDING_BIT | VK_QUEUE_PROTECTED_BIT;
    for (size_t i = 0; i < BASE_COUNT_OF(queue_extensions); i++) {
        if (drv_extension_set_has_name(&device->extensions, queue_extensions[i].extension)) {
            known |= queue_extensions[i].flag;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        families[i].queueFlags &= known;
    }
}

static VkResult
init_queue_families(struct drv_physical_device *device)
{
    const VkAllocationCallbacks *allocator = device->instance->allocator;
    uint32_t room = LIKELY_QUEUE_FAMILIES;

    for (;;) {
        VkQueueFamilyProperties *families = drv_alloc(allocator, NULL, room * sizeof(*families),
                                                      VK_SYSTEM_ALLOCATION_SCOPE_INSTANCE);
        if (!families) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        uint32_t count = room;
        VkResult result = proto_call_vkGetPhysicalDeviceQueueFamilyProperties(
            device->object.client, (VkPhysicalDevice)device, &count, families);
        if (result == VK_SUCCESS && count < room) { /* a full array may have been cut off */
            adjust_queue_families(device, families, count);
            device->queue_families = families;
            device->queue_family_count = count;
            return VK_SUCCESS;
        }
        drv_free(allocator, NULL, families);
        if (result != VK_SUCCESS) {
            return result;
        }
        room *= 2;
    }
}

VkResult
drv_physical_device_init(struct drv_physical_device *device)
{
    VkResult result = init_extensions(device);
    if (result == VK_SUCCESS) {
        result = init_properties(device);
    }
    if (result == VK_SUCCESS && drv_physical_device_shares_sync_objects(device)) {
        add_all_of_our_own(device, ours_over_timelines, BASE_COUNT_OF(ours_over_timelines));
    }
    if (result == VK_SUCCESS) {
        result = init_names(device);
    }
    if (result == VK_SUCCESS) {
        result = proto_call_vkGetPhysicalDeviceFeatures(
            device->object.client, (VkPhysicalDevice)device, &device->features);
    }
    if (result == VK_SUCCESS) {
        result = init_memory(device);
    }
    if (result == VK_SUCCESS) {
        result = init_queue_families(device);
    }
    return result == VK_SUCCESS ? wsi_kms_create(device, &device->kms) : result;
}
