#include "driver/device.h"

#include <string.h>

#include "base/attributes.h"
#include "base/log.h"
#include "driver/chain_copy.h"
#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "driver/wsi/display/displays.h"
#include "driver/wsi/swapchain.h"
#include "protocol/proto_encode.h"

/* With them the images of swapchains may leave as dma-bufs (wsi/image.c). */
static const char *const for_windows[] = {
    VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,   VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
    VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
    VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME, /* which the last needs */
};

static VkResult
enable_extensions(struct drv_device *device, const VkDeviceCreateInfo *info)
{
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const struct proto_extension *extension =
            proto_extension_find(info->ppEnabledExtensionNames[i]);
        if (!extension || !drv_extension_set_has(&device->physical_device->extensions, extension)) {
            base_log_warn("vkCreateDevice: extension %s is not offered by %s",
                          info->ppEnabledExtensionNames[i],
                          device->physical_device->properties.deviceName);
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        drv_extension_set_add(&device->extensions, extension);
    }
    return VK_SUCCESS;
}

#define KHR_TIMESTAMPS VK_KHR_CALIBRATED_TIMESTAMPS_EXTENSION_NAME
#define EXT_TIMESTAMPS VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME

/* The renderer is asked only for what it offered; the rest is ours. `names` has room for all. */
static uint32_t
names_for_renderer(const struct drv_device *device, const char **names)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < proto_extension_count; i++) {
        const struct proto_extension *extension = &proto_extensions[i];
        if (drv_extension_set_has(&device->extensions, extension) &&
            drv_extension_set_has(&device->physical_device->renderer_extensions, extension)) {
            names[count++] = extension->name;
        }
    }
    /* That one has the same commands as the other, which the host may not know. */
    const struct drv_extension_set *offered = &device->physical_device->renderer_extensions;
    if (drv_extension_set_has_name(&device->extensions, KHR_TIMESTAMPS) &&
        !drv_extension_set_has_name(offered, KHR_TIMESTAMPS) &&
        !drv_extension_set_has_name(&device->extensions, EXT_TIMESTAMPS)) {
        names[count++] = EXT_TIMESTAMPS;
    }
    return count;
}

/* Windows may be given dma-bufs, whatever the application uses itself. */
static uint32_t
add_names_for_windows(const struct drv_device *device, const char **names, uint32_t count)
{
    const struct drv_extension_set *offered = &device->physical_device->extensions;
    if (!drv_extension_set_has_name(&device->extensions, VK_KHR_SWAPCHAIN_EXTENSION_NAME) ||
        !drv_extension_set_has_name(offered, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME)) {
        return count;
    }
    for (size_t i = 0; i < BASE_COUNT_OF(for_windows); i++) {
        if (drv_extension_set_has_name(offered, for_windows[i]) &&
            !drv_extension_set_has_name(&device->extensions, for_windows[i])) {
            names[count++] = for_windows[i];
        }
    }
    return count;
}

/* The application's chain without structures of extensions that are not offered: the host may have
 * those, and would take them for enabled features. */
static VkResult
clean_chain(const struct drv_device *device, struct drv_scratch *scratch, const void *in,
            void **out)
{
    const char *member =
        proto_chain_first_withheld(device->object.client->caps->private_extensions, in);
    if (member) {
        base_log_warn("vkCreateDevice: %s is not offered by %s", member,
                      device->physical_device->properties.deviceName);
        return VK_ERROR_FEATURE_NOT_PRESENT;
    }
    if (!drv_chain_copy(scratch, in, out)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (const VkBaseInStructure *at = in; at; at = at->pNext) {
        const struct proto_chain_entry *entry = proto_chain_entry_of((int32_t)at->sType);
        if (entry && !drv_physical_device_offers(device->physical_device, entry)) {
            drv_chain_remove(out, at->sType);
        }
    }
    return VK_SUCCESS;
}

static bool
shares_sync_objects(const struct drv_device *device)
{
    return drv_extension_set_has_name(&device->extensions,
                                      VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME) ||
           drv_extension_set_has_name(&device->extensions,
                                      VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME);
}

/* What others share is kept over timelines of the host, which the application need not have
 * enabled. `chain` is info's, a copy. False: out of memory. */
BASE_MUST_CHECK static bool
enable_timelines(const struct drv_device *device, struct drv_scratch *scratch,
                 VkDeviceCreateInfo *info, void *chain, const char **names)
{
    const VkPhysicalDeviceTimelineSemaphoreFeatures feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .timelineSemaphore = VK_TRUE,
    };
    VkPhysicalDeviceVulkan12Features *core =
        drv_find_out_struct(chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES);
    if (core) {
        core->timelineSemaphore = VK_TRUE;
        return true;
    }
    drv_chain_remove(&chain, feature.sType);
    VkPhysicalDeviceTimelineSemaphoreFeatures *copy =
        drv_scratch_copy(scratch, &feature, sizeof(feature));
    if (!copy) {
        return false;
    }
    copy->pNext = chain;
    info->pNext = copy;
    if (device->physical_device->properties.apiVersion < VK_API_VERSION_1_2 &&
        !drv_extension_set_has_name(&device->extensions,
                                    VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME)) {
        names[info->enabledExtensionCount++] = VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME;
    }
    return true;
}

static VkResult
create_on_host(struct drv_device *device, const VkDeviceCreateInfo *info)
{
    const char *names[32 * DRV_EXTENSION_SET_WORDS + BASE_COUNT_OF(for_windows) + 1];
    VkDeviceCreateInfo host_info = *info;
    VkDevice handle = (VkDevice)device;
    struct drv_scratch scratch;
    void *chain;

    drv_scratch_init(&scratch);
    VkResult result = clean_chain(device, &scratch, info->pNext, &chain);
    if (result == VK_SUCCESS) {
        host_info.pNext = chain;
        host_info.enabledLayerCount = 0;
        host_info.ppEnabledLayerNames = NULL;
        host_info.enabledExtensionCount =
            add_names_for_windows(device, names, names_for_renderer(device, names));
        host_info.ppEnabledExtensionNames = names;
        if (shares_sync_objects(device) &&
            !enable_timelines(device, &scratch, &host_info, chain, names)) {
            result = VK_ERROR_OUT_OF_HOST_MEMORY;
        }
    }
    if (result == VK_SUCCESS) {
        result = proto_call_vkCreateDevice(device->object.client,
                                           (VkPhysicalDevice)device->physical_device, &host_info,
                                           NULL, &handle);
    }
    drv_scratch_finish(&scratch);
    return result;
}

static bool
enables_advanced_blend(const VkDeviceCreateInfo *info)
{
    const VkPhysicalDeviceBlendOperationAdvancedFeaturesEXT *features = drv_find_struct(
        info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BLEND_OPERATION_ADVANCED_FEATURES_EXT);
    return features && features->advancedBlendCoherentOperations;
}

static bool
enables_address_reports(const struct drv_device *device, const VkDeviceCreateInfo *info)
{
    const VkPhysicalDeviceAddressBindingReportFeaturesEXT *features = drv_find_struct(
        info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ADDRESS_BINDING_REPORT_FEATURES_EXT);
    return features && features->reportAddressBinding &&
           drv_extension_set_has_name(&device->extensions,
                                      VK_EXT_DEVICE_ADDRESS_BINDING_REPORT_EXTENSION_NAME);
}

/* Reports may come while the host makes the device. */
static VkResult
begin_address_reports(struct drv_device *device, const VkDeviceCreateInfo *info)
{
    if (enables_address_reports(device, info)) {
        device->reports = &device->instance->address_reports;
        return drv_address_reports_add_device(device->reports, &device->object);
    }
    return VK_SUCCESS;
}

static void
end_address_reports(struct drv_device *device)
{
    if (device->reports) {
        drv_address_reports_remove_device(device->reports, &device->object);
    }
}

static void
finish_queues(struct drv_device *device)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        drv_queue_finish(&device->queues[i]);
    }
    drv_free(device->allocator, NULL, device->queues);
}

static VkResult
init_queues(struct drv_device *device, const VkDeviceCreateInfo *info)
{
    size_t count = 0;
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        count += info->pQueueCreateInfos[i].queueCount;
    }
    device->queues = drv_alloc(device->allocator, NULL, count * sizeof(*device->queues),
                               VK_SYSTEM_ALLOCATION_SCOPE_DEVICE);
    if (!device->queues && count > 0) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        const VkDeviceQueueCreateInfo *queue_info = &info->pQueueCreateInfos[i];
        for (uint32_t j = 0; j < queue_info->queueCount; j++) {
            VkResult result = drv_queue_init(&device->queues[device->queue_count], device,
                                             queue_info->flags, queue_info->queueFamilyIndex, j);
            if (result != VK_SUCCESS) {
                return result;
            }
            device->queue_count++;
        }
    }
    return VK_SUCCESS;
}

static void
init_allocator(struct drv_device *device, const VkAllocationCallbacks *allocator)
{
    device->allocator = device->instance->allocator;
    if (allocator) {
        device->allocator_storage = *allocator;
        device->allocator = &device->allocator_storage;
    }
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void
free_device(struct drv_device *device, const VkAllocationCallbacks *allocator)
{
    /* The callbacks may live in what they are about to free. */
    VkAllocationCallbacks storage;
    const VkAllocationCallbacks *parent = device->allocator;
    if (parent) {
        storage = *parent;
        parent = &storage;
    }
    drv_object_destroy(parent, allocator, device);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDevice(VkPhysicalDevice handle, const VkDeviceCreateInfo *pCreateInfo,
                 const VkAllocationCallbacks *pAllocator, VkDevice *pDevice)
{
    struct drv_physical_device *physical_device = drv_physical_device_from(handle);
    struct drv_instance *instance = physical_device->instance;

    struct drv_device *device =
        drv_object_create(physical_device->object.client, instance->allocator, pAllocator,
                          sizeof(*device), VK_OBJECT_TYPE_DEVICE);
    if (!device) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    device->physical_device = physical_device;
    device->instance = instance;
    device->ring = instance->ring;
    device->api_version =
        least(physical_device->properties.apiVersion, instance->application_version);
    device->advanced_blend = enables_advanced_blend(pCreateInfo);
    init_allocator(device, pAllocator);

    VkResult result = enable_extensions(device, pCreateInfo);
    if (result == VK_SUCCESS) {
        result = begin_address_reports(device, pCreateInfo);
    }
    if (result != VK_SUCCESS) {
        goto free_device;
    }
    drv_feedback_init(&device->feedback, device->ring);
    drv_exchange_init(&device->exchange, device);
    result = create_on_host(device, pCreateInfo);
    if (result != VK_SUCCESS) {
        goto finish_exchange;
    }
    result = init_queues(device, pCreateInfo);
    if (result != VK_SUCCESS) {
        goto destroy_on_host;
    }
    pthread_mutex_init(&device->blobs_lock, NULL);
    drv_recordings_init(&device->recordings);
    drv_markers_init(&device->markers);
    drv_precedents_init(&device->precedents, device->physical_device->renderer_version);
    pthread_mutex_init(&device->swapchains_lock, NULL);
    base_list_init(&device->swapchains);
    *pDevice = (VkDevice)device;
    return VK_SUCCESS;

destroy_on_host:
    (void)proto_call_vkDestroyDevice(device->object.client, (VkDevice)device, NULL);
    finish_queues(device);
    device->queue_count = 0;
finish_exchange:
    drv_exchange_finish(&device->exchange);
    drv_feedback_finish(&device->feedback);
    end_address_reports(device);
free_device:
    free_device(device, pAllocator);
    return result;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyDevice(VkDevice handle, const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    if (!device) {
        return;
    }
    drv_markers_finish(&device->markers, device);
    wsi_destroy_swapchains(device);
    wsi_display_events_destroy(device->display_events);
    pthread_mutex_destroy(&device->swapchains_lock);
    drv_exchange_finish(&device->exchange);
    for (uint32_t i = 0; i < device->queue_count; i++) {
        drv_queue_destroy_fence(&device->queues[i]);
    }
    /* With a reply: once it is here, nobody publishes into the feedback page any more, and the
     * queues' timelines are free for another device. */
    (void)proto_call_vkDestroyDevice(device->object.client, handle, NULL);
    finish_queues(device);
    drv_feedback_finish(&device->feedback);
    drv_precedents_finish(&device->precedents);
    pthread_mutex_destroy(&device->blobs_lock);
    drv_recordings_finish(&device->recordings);
    end_address_reports(device);
    free_device(device, pAllocator);
}

VKAPI_ATTR void VKAPI_CALL
drv_GetDeviceQueue2(VkDevice handle, const VkDeviceQueueInfo2 *pQueueInfo, VkQueue *pQueue)
{
    struct drv_device *device = drv_device_from(handle);
    *pQueue = VK_NULL_HANDLE;
    for (uint32_t i = 0; i < device->queue_count; i++) {
        struct drv_queue *queue = &device->queues[i];
        if (queue->flags == pQueueInfo->flags && queue->family == pQueueInfo->queueFamilyIndex &&
            queue->index == pQueueInfo->queueIndex) {
            *pQueue = (VkQueue)queue;
            return;
        }
    }
}

VKAPI_ATTR void VKAPI_CALL
drv_GetDeviceQueue(VkDevice handle, uint32_t queueFamilyIndex, uint32_t queueIndex, VkQueue *pQueue)
{
    const VkDeviceQueueInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
        .queueFamilyIndex = queueFamilyIndex,
        .queueIndex = queueIndex,
    };
    drv_GetDeviceQueue2(handle, &info, pQueue);
}
