#include "driver/wsi/ownership.h"

#include "driver/drv_entry.h"
#include "driver/wsi/swapchain.h"

/* wsi_image.claim of an image that was acquired by fence only. */
#define CLAIM_BY_FENCE UINT64_MAX

/* --- barriers. Presentable images are in GENERAL while they are presented
 * (protocol/runtime/layout.h), and stay in it --- */

static void
record(const struct wsi_swapchain *swapchain, const struct wsi_image *image, bool release,
       uint32_t family, VkCommandBuffer commands)
{
    bool shared = swapchain->image_info.sharingMode == VK_SHARING_MODE_CONCURRENT;
    uint32_t own = shared ? VK_QUEUE_FAMILY_IGNORED : family;
    uint32_t foreign = wsi_foreign_family(swapchain);
    const VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = release ? VK_ACCESS_MEMORY_WRITE_BIT : 0,
        .dstAccessMask = release ? 0 : VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
        .oldLayout = VK_IMAGE_LAYOUT_GENERAL,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .srcQueueFamilyIndex = release ? own : foreign,
        .dstQueueFamilyIndex = release ? foreign : own,
        .image = image->image,
        .subresourceRange = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
                             .levelCount = 1,
                             .layerCount = 1},
    };
    VkPipelineStageFlags before =
        release ? VK_PIPELINE_STAGE_ALL_COMMANDS_BIT : VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT;
    VkPipelineStageFlags after =
        release ? VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT : VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    drv_CmdPipelineBarrier(commands, before, after, 0, 0, NULL, 0, NULL, 1, &barrier);
}

void
wsi_ownership_record_release(const struct wsi_swapchain *swapchain, const struct wsi_image *image,
                             uint32_t family, VkCommandBuffer commands)
{
    record(swapchain, image, true, family, commands);
}

void
wsi_ownership_record_acquire(const struct wsi_swapchain *swapchain, const struct wsi_image *image,
                             uint32_t family, VkCommandBuffer commands)
{
    record(swapchain, image, false, family, commands);
}

/* --- claims --- */

static void
drop_claim_locked(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    if (image->claim == CLAIM_BY_FENCE) {
        atomic_fetch_sub(&swapchain->device->fenced_images, 1);
    }
    image->claim = 0;
}

void
wsi_ownership_claim_locked(struct wsi_swapchain *swapchain, struct wsi_image *image,
                           VkSemaphore semaphore)
{
    struct drv_device *device = swapchain->device;
    uint64_t claim = 0;
    if (image->is_foreign) {
        claim = semaphore ? atomic_fetch_add(&device->image_claims, 1) + 1 : CLAIM_BY_FENCE;
    }
    image->claim = claim;
    if (semaphore) {
        drv_semaphore_from(semaphore)->claim = claim;
    } else if (claim) {
        atomic_fetch_add(&device->fenced_images, 1);
    }
}

void
wsi_ownership_abandon_locked(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    drop_claim_locked(swapchain, image);
}

void
wsi_ownership_released(struct wsi_swapchain *swapchain, struct wsi_image *image,
                       struct drv_queue *queue)
{
    pthread_mutex_lock(&swapchain->lock);
    drop_claim_locked(swapchain, image);
    image->is_foreign = true;
    image->releaser = queue;
    pthread_mutex_unlock(&swapchain->lock);
}

/* --- taking back --- */

static VkResult
submit_acquire(struct drv_queue *queue, struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkCommandBuffer commands;
    VkResult result =
        wsi_image_get_commands(swapchain, image, queue->family, WSI_COMMANDS_ACQUIRE, &commands);
    if (result != VK_SUCCESS) {
        return result;
    }
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    return drv_QueueSubmit((VkQueue)queue, 1, &info, VK_NULL_HANDLE);
}

/* Finds an image with the claim, or with any fence's on that queue, and notes that it is taken
 * back. NULL: there is none, since its swapchain is gone or it was given back. */
static struct wsi_image *
find_in(struct wsi_swapchain *swapchain, const struct drv_queue *queue, uint64_t claim)
{
    struct wsi_image *found = NULL;
    pthread_mutex_lock(&swapchain->lock);
    for (uint32_t i = 0; i < swapchain->image_count && !found; i++) {
        struct wsi_image *image = &swapchain->images[i];
        if (image->claim == claim && (claim != CLAIM_BY_FENCE || image->releaser == queue)) {
            drop_claim_locked(swapchain, image);
            image->is_foreign = false;
            found = image;
        }
    }
    pthread_mutex_unlock(&swapchain->lock);
    return found;
}

/* The swapchain outlives the call: the application is about to use its image. */
static struct wsi_image *
find(struct drv_queue *queue, uint64_t claim, struct wsi_swapchain **out)
{
    struct drv_device *device = queue->device;
    struct wsi_image *found = NULL;
    pthread_mutex_lock(&device->swapchains_lock);
    base_list_for_each (swapchain, &device->swapchains, struct wsi_swapchain, link) {
        if (!found) {
            found = find_in(swapchain, queue, claim);
            *out = swapchain;
        }
    }
    pthread_mutex_unlock(&device->swapchains_lock);
    return found;
}

VkResult
wsi_ownership_take(struct drv_queue *queue, uint64_t claim)
{
    struct wsi_swapchain *swapchain;
    struct wsi_image *image = find(queue, claim, &swapchain);
    return image ? submit_acquire(queue, swapchain, image) : VK_SUCCESS;
}

VkResult
wsi_ownership_take_of_queue(struct drv_queue *queue)
{
    struct wsi_swapchain *swapchain;
    struct wsi_image *image;
    VkResult result = VK_SUCCESS;
    while (result == VK_SUCCESS && (image = find(queue, CLAIM_BY_FENCE, &swapchain))) {
        result = submit_acquire(queue, swapchain, image);
    }
    return result;
}
