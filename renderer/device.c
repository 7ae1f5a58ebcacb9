#include "renderer/device.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/external.h"
#include "renderer/memory.h"
#include "renderer/queue.h"

/* --- creating --- */

static bool
queues_exist(const struct rnd_physical_device *physical, const VkDeviceCreateInfo *info)
{
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        const VkDeviceQueueCreateInfo *queue = &info->pQueueCreateInfos[i];
        if (queue->queueFamilyIndex >= physical->queue_family_count || queue->queueCount == 0 ||
            queue->queueCount > physical->queue_families[queue->queueFamilyIndex].queueCount) {
            return false;
        }
    }
    return info->queueCreateInfoCount > 0;
}

struct extension_list {
    const char **names;
    uint32_t count;
};

static void
add_once(struct extension_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return;
        }
    }
    list->names[list->count++] = name;
}

enum {
    EXTENSIONS_OF_OURS = 5,
};

/* Never offered, since their commands do not cross the wire. Still Mesa's driver, which has them on
 * its own, passes on what the application enables. */
static bool
is_drivers_own(const char *name)
{
    static const char *const names[] = {
        VK_KHR_DEFERRED_HOST_OPERATIONS_EXTENSION_NAME,
        VK_KHR_MAP_MEMORY_2_EXTENSION_NAME,
        VK_EXT_TOOLING_INFO_EXTENSION_NAME,
    };
    for (size_t i = 0; i < BASE_COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What any memory type is made by. Importing a descriptor is what the conformance suite does on a
 * device for which it has not enabled the extension, and hosts let it. */
static void
add_memory_extensions(const struct rnd_physical_device *physical, struct extension_list *list)
{
    if (physical->memory_types.handles & VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT) {
        add_once(list, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
    }
    if (physical->has_external_memory_fd) {
        add_once(list, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME);
    }
    if (physical->memory_types.handles & VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT) {
        add_once(list, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
    }
}

/* What the guest enables, and what we need: memory of both sides, sync files of fences where
 * vkResetFenceResourceMESA must drop them, and what acceleration structures require. */
static VkResult
collect_extensions(const struct rnd_physical_device *physical, const VkDeviceCreateInfo *info,
                   struct extension_list *list)
{
    bool wants_deferred = false;
    list->count = 0;
    list->names =
        calloc((size_t)info->enabledExtensionCount + EXTENSIONS_OF_OURS, sizeof(*list->names));
    if (!list->names) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        if (is_drivers_own(name)) {
            wants_deferred |= strcmp(name, VK_KHR_DEFERRED_HOST_OPERATIONS_EXTENSION_NAME) == 0;
            continue;
        }
        if (!rnd_physical_device_offers(physical, name)) {
            base_log_warn("\"%s\": a guest wants %s, which was not offered",
                          physical->properties.deviceName, name);
            free(list->names);
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
        if (strcmp(name, VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME) != 0 ||
            physical->has_external_semaphore_fd) {
            add_once(list, name);
        }
        wants_deferred |= strcmp(name, VK_KHR_ACCELERATION_STRUCTURE_EXTENSION_NAME) == 0;
    }
    if (wants_deferred && physical->has_deferred_operations) {
        add_once(list, VK_KHR_DEFERRED_HOST_OPERATIONS_EXTENSION_NAME);
    }
    add_memory_extensions(physical, list);
    if (physical->has_external_fence_fd) {
        add_once(list, VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME);
    }
    return VK_SUCCESS;
}

static VkResult
create_host_device(const struct rnd_physical_device *physical, const VkDeviceCreateInfo *info,
                   VkDevice *out)
{
    struct extension_list extensions;
    VkResult result = collect_extensions(physical, info, &extensions);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkDeviceCreateInfo host_info = *info;
    host_info.enabledLayerCount = 0;
    host_info.ppEnabledLayerNames = NULL;
    host_info.enabledExtensionCount = extensions.count;
    host_info.ppEnabledExtensionNames = extensions.names;
    result = physical->instance->table.CreateDevice(physical->handle, &host_info, NULL, out);
    free(extensions.names);
    return result;
}

static VkQueue
get_host_queue(const struct rnd_device *device, const VkDeviceQueueCreateInfo *info, uint32_t index)
{
    VkQueue queue = VK_NULL_HANDLE;
    if (info->flags == 0 || !device->table.GetDeviceQueue2) {
        device->table.GetDeviceQueue(device->handle, info->queueFamilyIndex, index, &queue);
        return queue;
    }
    VkDeviceQueueInfo2 which = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
        .flags = info->flags,
        .queueFamilyIndex = info->queueFamilyIndex,
        .queueIndex = index,
    };
    device->table.GetDeviceQueue2(device->handle, &which, &queue);
    return queue;
}

static VkResult
add_queues(struct rnd_device *device, const VkDeviceQueueCreateInfo *info)
{
    for (uint32_t i = 0; i < info->queueCount; i++) {
        VkQueue handle = get_host_queue(device, info, i);
        struct rnd_queue *queue = handle ? rnd_queue_create(device, handle, info, i) : NULL;
        if (!queue) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        device->queues[device->queue_count++] = queue;
    }
    return VK_SUCCESS;
}

static VkResult
get_queues(struct rnd_device *device, const VkDeviceCreateInfo *info)
{
    size_t count = 0;
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        count += info->pQueueCreateInfos[i].queueCount;
    }
    device->queues = calloc(count, sizeof(struct rnd_queue *));
    if (!device->queues) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
        VkResult result = add_queues(device, &info->pQueueCreateInfos[i]);
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    return VK_SUCCESS;
}

static void
release(struct rnd_object *object)
{
    struct rnd_device *device = (struct rnd_device *)object;
    pthread_cond_destroy(&device->sync_done);
    rnd_preinitialized_finish(&device->preinitialized);
    rnd_group_handles_finish(&device->group_handles);
    pthread_mutex_destroy(&device->sync_lock);
    pthread_mutex_destroy(&device->copies_lock);
    free(device->queues);
    free(device);
}

static bool
enables_host_image_copy(const VkDeviceCreateInfo *info)
{
    const VkPhysicalDeviceHostImageCopyFeatures *feature =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_FEATURES);
    const VkPhysicalDeviceVulkan14Features *core =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_4_FEATURES);
    return (feature && feature->hostImageCopy) || (core && core->hostImageCopy);
}

static bool
enables_encode_feedback2(const VkDeviceCreateInfo *info)
{
#ifdef VK_KHR_video_encode_feedback2
    const VkPhysicalDeviceVideoEncodeFeedback2FeaturesKHR *feature = rnd_chain_find(
        info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VIDEO_ENCODE_FEEDBACK_2_FEATURES_KHR);
    return feature && feature->videoEncodeFeedback2;
#else
    (void)info;
    return false;
#endif
}

VkResult
rnd_device_create(struct rnd_context *ctx, struct rnd_physical_device *physical,
                  const VkDeviceCreateInfo *info, struct rnd_device **out)
{
    if (!queues_exist(physical, info)) {
        return VK_ERROR_UNKNOWN;
    }
    struct rnd_device *device = calloc(1, sizeof(*device));
    if (!device) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = create_host_device(physical, info, &device->handle);
    if (result != VK_SUCCESS) {
        free(device);
        return result;
    }
    device->object.release = release;
    device->context = ctx;
    device->physical_device = physical;
    pthread_mutex_init(&device->sync_lock, NULL);
    pthread_mutex_init(&device->copies_lock, NULL);
    rnd_preinitialized_init(&device->preinitialized);
    rnd_group_handles_init(&device->group_handles);
    pthread_cond_init(&device->sync_done, NULL);
    rnd_device_table_load(&device->table, physical->instance->table.GetDeviceProcAddr,
                          device->handle);
    device->host_image_copy = device->table.CopyMemoryToImage && enables_host_image_copy(info);
    device->encode_feedback2 = enables_encode_feedback2(info);
    result = get_queues(device, info);
    if (result != VK_SUCCESS) {
        rnd_device_discard(device);
        return result;
    }
    *out = device;
    return VK_SUCCESS;
}

/* --- destroying --- */

/* A queue that the guest named is in the object table, which frees it. */
static void
finish_queues(struct rnd_device *device)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        struct rnd_queue *queue = device->queues[i];
        rnd_queue_finish(queue);
        if (queue->object.id == 0) {
            free(queue);
        }
    }
}

void
rnd_device_discard(struct rnd_device *device)
{
    finish_queues(device);
    device->table.DestroyDevice(device->handle, NULL);
    release(&device->object);
}

/* Host queues are externally synchronised, and waiting for the device means waiting on each. */
static void
wait_idle(struct rnd_device *device)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        pthread_mutex_lock(&device->queues[i]->submit_lock);
    }
    VkResult result = device->table.DeviceWaitIdle(device->handle);
    if (result != VK_SUCCESS) {
        base_log_warn("waiting for a device to be idle gave %d", result);
    }
    for (uint32_t i = device->queue_count; i-- > 0;) {
        pthread_mutex_unlock(&device->queues[i]->submit_lock);
    }
}

static void
destroy_buffer(const struct rnd_device *device, const struct rnd_buffer *buffer)
{
    const struct rnd_device_table *table = &device->table;
    VkBuffer handle = RND_OBJECT_HANDLE(&buffer->object, VkBuffer);

    table->DestroyBuffer(device->handle, buffer->plain ? buffer->shared : handle, NULL);
    if (buffer->plain) {
        table->DestroyBuffer(device->handle, buffer->plain, NULL);
    }
}

void
rnd_device_destroy_object(struct rnd_device *device, struct rnd_object *object)
{
    const struct rnd_device_table *table = &device->table;
    VkDevice handle = device->handle;

#define DESTROY(function, type) table->function(handle, RND_OBJECT_HANDLE(object, type), NULL)
    switch (object->type) {
    case VK_OBJECT_TYPE_SEMAPHORE: DESTROY(DestroySemaphore, VkSemaphore); break;
    case VK_OBJECT_TYPE_FENCE: DESTROY(DestroyFence, VkFence); break;
    case VK_OBJECT_TYPE_DEVICE_MEMORY:
        rnd_memory_free((struct rnd_memory *)object);
        rnd_memory_finish((struct rnd_memory *)object);
        break;
    case VK_OBJECT_TYPE_BUFFER: destroy_buffer(device, (struct rnd_buffer *)object); break;
    case VK_OBJECT_TYPE_IMAGE:
        rnd_preinitialized_destroy_image(device, RND_OBJECT_HANDLE(object, VkImage));
        break;
    case VK_OBJECT_TYPE_DESCRIPTOR_POOL: DESTROY(DestroyDescriptorPool, VkDescriptorPool); break;
    case VK_OBJECT_TYPE_COMMAND_POOL: DESTROY(DestroyCommandPool, VkCommandPool); break;
    default: /* queues are the device's own */
        (void)rnd_device_table_destroy(table, handle, object->type, object->handle);
        break;
    }
#undef DESTROY
}

static void
unbind_timelines(struct rnd_device *device)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        rnd_timelines_unbind(&device->context->timelines, device->queues[i]);
    }
}

void
rnd_device_stop(struct rnd_device *device)
{
    unbind_timelines(device);
    wait_idle(device);
    finish_queues(device);
}

void
rnd_device_finish(struct rnd_device *device)
{
    rnd_preinitialized_destroy_transitions(device);
    device->table.DestroyDevice(device->handle, NULL);
}

struct rnd_queue *
rnd_device_find_queue(struct rnd_device *device, VkDeviceQueueCreateFlags flags, uint32_t family,
                      uint32_t index)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        struct rnd_queue *queue = device->queues[i];
        if (queue->flags == flags && queue->family == family && queue->index == index) {
            return queue;
        }
    }
    return NULL;
}
