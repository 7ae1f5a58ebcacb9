#include "renderer/preinitialized.h"

#include "renderer/device.h"
#include "renderer/external.h"
#include "renderer/queue.h"

void
rnd_preinitialized_init(struct rnd_preinitialized *set)
{
    pthread_mutex_init(&set->lock, NULL);
    base_table_init(&set->images);
}

void
rnd_preinitialized_finish(struct rnd_preinitialized *set)
{
    base_table_finish(&set->images);
    pthread_mutex_destroy(&set->lock);
}

bool
rnd_preinitialized_add(struct rnd_preinitialized *set, VkImage handle, struct rnd_image *image)
{
    pthread_mutex_lock(&set->lock);
    bool added = base_table_insert(&set->images, RND_HANDLE(handle), image);
    pthread_mutex_unlock(&set->lock);
    if (added) {
        set->any = true;
    }
    return added;
}

void
rnd_preinitialized_remove(struct rnd_preinitialized *set, VkImage handle)
{
    if (set->any) {
        pthread_mutex_lock(&set->lock);
        (void)base_table_remove(&set->images, RND_HANDLE(handle));
        pthread_mutex_unlock(&set->lock);
    }
}

static struct rnd_image *
find(struct rnd_preinitialized *set, VkImage handle)
{
    if (!set->any || !handle) {
        return NULL;
    }
    pthread_mutex_lock(&set->lock);
    struct rnd_image *image = base_table_find(&set->images, RND_HANDLE(handle));
    pthread_mutex_unlock(&set->lock);
    return image;
}

VkImageLayout
rnd_preinitialized_layout(struct rnd_preinitialized *set, VkImage handle, VkImageLayout layout)
{
    if (layout != VK_IMAGE_LAYOUT_PREINITIALIZED || !find(set, handle)) {
        return layout;
    }
    return VK_IMAGE_LAYOUT_GENERAL;
}

static VkImageAspectFlags
all_aspects(VkFormat format)
{
    switch (format) {
    case VK_FORMAT_D16_UNORM:
    case VK_FORMAT_X8_D24_UNORM_PACK32:
    case VK_FORMAT_D32_SFLOAT: return VK_IMAGE_ASPECT_DEPTH_BIT;
    case VK_FORMAT_S8_UINT: return VK_IMAGE_ASPECT_STENCIL_BIT;
    case VK_FORMAT_D16_UNORM_S8_UINT:
    case VK_FORMAT_D24_UNORM_S8_UINT:
    case VK_FORMAT_D32_SFLOAT_S8_UINT:
        return VK_IMAGE_ASPECT_DEPTH_BIT | VK_IMAGE_ASPECT_STENCIL_BIT;
    default: return VK_IMAGE_ASPECT_COLOR_BIT;
    }
}

static VkResult
record_transition(const struct rnd_device *device, VkCommandBuffer commands,
                  const struct rnd_image *image, VkImage handle)
{
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
        .oldLayout = VK_IMAGE_LAYOUT_UNDEFINED,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = handle,
        .subresourceRange = {.aspectMask = all_aspects(image->format),
                             .levelCount = VK_REMAINING_MIP_LEVELS,
                             .layerCount = VK_REMAINING_ARRAY_LAYERS},
    };
    VkResult result = device->table.BeginCommandBuffer(commands, &begin);
    if (result != VK_SUCCESS) {
        return result;
    }
    device->table.CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                                     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 1,
                                     &barrier);
    return device->table.EndCommandBuffer(commands);
}

static VkResult
submit_and_wait(struct rnd_queue *queue, VkCommandBuffer commands)
{
    const struct rnd_device *device = queue->device;
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    VkFence fence;
    VkResult result = device->table.CreateFence(device->handle, &fence_info, NULL, &fence);
    if (result != VK_SUCCESS) {
        return result;
    }
    pthread_mutex_lock(&queue->submit_lock);
    result = device->table.QueueSubmit(queue->handle, 1, &submit, fence);
    pthread_mutex_unlock(&queue->submit_lock);
    if (result == VK_SUCCESS) {
        result = device->table.WaitForFences(device->handle, 1, &fence, VK_TRUE, UINT64_MAX);
    }
    device->table.DestroyFence(device->handle, fence, NULL);
    return result;
}

static VkResult
transition(struct rnd_queue *queue, VkCommandPool pool, const struct rnd_image *image,
           VkImage handle)
{
    const struct rnd_device *device = queue->device;
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer commands;
    VkResult result = device->table.AllocateCommandBuffers(device->handle, &info, &commands);
    if (result == VK_SUCCESS) {
        result = record_transition(device, commands, image, handle);
    }
    return result == VK_SUCCESS ? submit_and_wait(queue, commands) : result;
}

/* Any queue can do it but one that takes only protected work. */
static struct rnd_queue *
ordinary_queue(const struct rnd_device *device)
{
    for (uint32_t i = 0; i < device->queue_count; i++) {
        if (!(device->queues[i]->flags & VK_DEVICE_QUEUE_CREATE_PROTECTED_BIT)) {
            return device->queues[i];
        }
    }
    return NULL;
}

VkResult
rnd_preinitialized_bound(struct rnd_device *device, VkImage handle)
{
    const struct rnd_image *image = find(&device->preinitialized, handle);
    struct rnd_queue *queue = image ? ordinary_queue(device) : NULL;
    if (!queue) {
        return VK_SUCCESS;
    }
    const VkCommandPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
        .queueFamilyIndex = queue->family,
    };
    VkCommandPool pool;
    VkResult result = device->table.CreateCommandPool(device->handle, &info, NULL, &pool);
    if (result == VK_SUCCESS) {
        result = transition(queue, pool, image, handle);
        device->table.DestroyCommandPool(device->handle, pool, NULL);
    }
    return result;
}
