#include "renderer/preinitialized.h"

#include <stdlib.h>

#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/external.h"
#include "renderer/queue.h"

void
rnd_preinitialized_init(struct rnd_preinitialized *set)
{
    pthread_mutex_init(&set->lock, NULL);
    base_table_init(&set->images);
    base_list_init(&set->transitions);
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

static VkImageSubresourceRange
all_of(const struct rnd_image *image)
{
    return (VkImageSubresourceRange){
        .aspectMask = all_aspects(image->format),
        .levelCount = VK_REMAINING_MIP_LEVELS,
        .layerCount = VK_REMAINING_ARRAY_LAYERS,
    };
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
        .subresourceRange = all_of(image),
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

/* --- transitions that queues may still have before them --- */

struct transition {
    struct base_list link; /* rnd_preinitialized.transitions */
    VkCommandPool pool;
    VkFence fence;
    VkImage image;
    bool destroy_image; /* the guest has: its image goes with us; guarded by the set's lock */
};

enum {
    /* An idle queue is done long before; one that waits for a semaphore may never be. */
    SHORT_WAIT_NS = 20 * 1000 * 1000,
};

/* Accepts one of which only a part was made. */
static void
destroy_transition(const struct rnd_device *device, struct transition *transition)
{
    device->table.DestroyCommandPool(device->handle, transition->pool, NULL);
    device->table.DestroyFence(device->handle, transition->fence, NULL);
    if (transition->destroy_image) {
        device->table.DestroyImage(device->handle, transition->image, NULL);
    }
    free(transition);
}

static void
destroy_finished(struct rnd_device *device)
{
    struct rnd_preinitialized *set = &device->preinitialized;
    pthread_mutex_lock(&set->lock);
    base_list_for_each_safe (it, &set->transitions, struct transition, link) {
        if (device->table.GetFenceStatus(device->handle, it->fence) == VK_SUCCESS) {
            base_list_remove(&it->link);
            destroy_transition(device, it);
        }
    }
    pthread_mutex_unlock(&set->lock);
}

void
rnd_preinitialized_destroy_transitions(struct rnd_device *device)
{
    struct rnd_preinitialized *set = &device->preinitialized;
    base_list_for_each_safe (it, &set->transitions, struct transition, link) {
        base_list_remove(&it->link);
        destroy_transition(device, it);
    }
}

void
rnd_preinitialized_destroy_image(struct rnd_device *device, VkImage handle)
{
    struct rnd_preinitialized *set = &device->preinitialized;
    bool pending = false;
    if (set->any) {
        destroy_finished(device);
        pthread_mutex_lock(&set->lock);
        (void)base_table_remove(&set->images, RND_HANDLE(handle));
        base_list_for_each (it, &set->transitions, struct transition, link) {
            if (it->image == handle) {
                it->destroy_image = true;
                pending = true;
            }
        }
        pthread_mutex_unlock(&set->lock);
    }
    if (!pending) {
        device->table.DestroyImage(device->handle, handle, NULL);
    }
}

/* --- making one --- */

static VkResult
create_objects(const struct rnd_device *device, uint32_t family, struct transition *transition,
               VkCommandBuffer *commands)
{
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkCommandPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
        .queueFamilyIndex = family,
    };
    VkResult result =
        device->table.CreateFence(device->handle, &fence_info, NULL, &transition->fence);
    if (result != VK_SUCCESS) {
        transition->fence = VK_NULL_HANDLE;
        return result;
    }
    result = device->table.CreateCommandPool(device->handle, &pool_info, NULL, &transition->pool);
    if (result != VK_SUCCESS) {
        transition->pool = VK_NULL_HANDLE;
        return result;
    }
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = transition->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    return device->table.AllocateCommandBuffers(device->handle, &info, commands);
}

static VkResult
submit(struct rnd_queue *queue, VkCommandBuffer commands, VkFence fence)
{
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    pthread_mutex_lock(&queue->submit_lock);
    VkResult result = queue->device->table.QueueSubmit(queue->handle, 1, &info, fence);
    pthread_mutex_unlock(&queue->submit_lock);
    return result;
}

/* The queue may wait for a semaphore that the guest signals after this very command, on the same
 * ring. So nothing here waits for long, and a transition that is not done stays on the list. */
static VkResult
transition_on(struct rnd_queue *queue, const struct rnd_image *image, VkImage handle)
{
    struct rnd_device *device = queue->device;
    struct rnd_preinitialized *set = &device->preinitialized;
    struct transition *transition = calloc(1, sizeof(*transition));
    if (!transition) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    transition->image = handle;
    VkCommandBuffer commands;
    VkResult result = create_objects(device, queue->family, transition, &commands);
    if (result == VK_SUCCESS) {
        result = record_transition(device, commands, image, handle);
    }
    if (result == VK_SUCCESS) {
        result = submit(queue, commands, transition->fence);
    }
    if (result != VK_SUCCESS) {
        destroy_transition(device, transition);
        return result;
    }
    result =
        device->table.WaitForFences(device->handle, 1, &transition->fence, VK_TRUE, SHORT_WAIT_NS);
    pthread_mutex_lock(&set->lock);
    base_list_push(&set->transitions, &transition->link);
    pthread_mutex_unlock(&set->lock);
    return result < 0 ? result : VK_SUCCESS;
}

/* Without any queue. */
static VkResult
transition_by_host(const struct rnd_device *device, const struct rnd_image *image, VkImage handle)
{
    const VkHostImageLayoutTransitionInfo info = {
        .sType = VK_STRUCTURE_TYPE_HOST_IMAGE_LAYOUT_TRANSITION_INFO,
        .image = handle,
        .oldLayout = VK_IMAGE_LAYOUT_UNDEFINED,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .subresourceRange = all_of(image),
    };
    return device->table.TransitionImageLayout(device->handle, 1, &info);
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
    if (!image) {
        return VK_SUCCESS;
    }
    if (device->host_image_copy && (image->usage & VK_IMAGE_USAGE_HOST_TRANSFER_BIT)) {
        return transition_by_host(device, image, handle);
    }
    destroy_finished(device);
    struct rnd_queue *queue = ordinary_queue(device);
    return queue ? transition_on(queue, image, handle) : VK_SUCCESS;
}
