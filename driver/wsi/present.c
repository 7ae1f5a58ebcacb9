/* vkQueuePresentKHR: a submission that waits for the semaphores and copies the images, and a frame
 * for each swapchain's thread. */
#include "driver/drv_entry.h"
#include "driver/queue.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "driver/wsi/swapchain.h"

/* Everything that the semaphores guard is read by copies. */
static VkResult
submit(struct drv_queue *queue, uint32_t wait_count, const VkSemaphore *waits,
       const VkPipelineStageFlags *stages, VkCommandBuffer commands, VkFence fence)
{
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .waitSemaphoreCount = wait_count,
        .pWaitSemaphores = waits,
        .pWaitDstStageMask = stages,
        .commandBufferCount = commands ? 1 : 0,
        .pCommandBuffers = &commands,
    };
    return drv_QueueSubmit((VkQueue)queue, 1, &info, fence);
}

static VkResult
submit_copy(struct drv_queue *queue, struct wsi_swapchain *swapchain, struct wsi_image *image,
            uint32_t wait_count, const VkSemaphore *waits, const VkPipelineStageFlags *stages)
{
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkResult result = VK_SUCCESS;
    if (image->buffer) {
        result = wsi_image_get_copy(swapchain, image, queue->family, &commands);
    }
    if (result == VK_SUCCESS && image->submitted) {
        result = drv_ResetFences((VkDevice)swapchain->device, 1, &image->copied);
    }
    if (result == VK_SUCCESS) {
        image->submitted = false;
        result = submit(queue, wait_count, waits, stages, commands, image->copied);
    }
    image->submitted = result == VK_SUCCESS;
    return result;
}

static VkRect2D
whole_image(const struct wsi_swapchain *swapchain)
{
    VkExtent3D extent = swapchain->image_info.extent;
    return (VkRect2D){.extent = {extent.width, extent.height}};
}

static VkResult
status_of(struct wsi_swapchain *swapchain)
{
    pthread_mutex_lock(&swapchain->lock);
    VkResult status = swapchain->status;
    pthread_mutex_unlock(&swapchain->lock);
    return status;
}

static VkResult
present_one(struct drv_queue *queue, const VkPresentInfoKHR *info, uint32_t place,
            uint32_t wait_count, const VkPipelineStageFlags *stages)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(info->pSwapchains[place]);
    struct wsi_image *image = &swapchain->images[info->pImageIndices[place]];
    const struct wsi_frame frame = {
        .image = info->pImageIndices[place],
        .mode = swapchain->mode,
        .damage = whole_image(swapchain),
    };
    VkResult result =
        submit_copy(queue, swapchain, image, wait_count, info->pWaitSemaphores, stages);
    if (result != VK_SUCCESS) {
        wsi_swapchain_set_status(swapchain, result);
        return result;
    }
    wsi_present_thread_push(swapchain, &frame);
    return status_of(swapchain);
}

/* The worse of two results of one call. */
static VkResult
worse(VkResult a, VkResult b)
{
    if (a < 0 || b < 0) {
        return a < 0 ? a : b;
    }
    return a == VK_SUCCESS ? b : a;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_QueuePresentKHR(VkQueue handle, const VkPresentInfoKHR *pPresentInfo)
{
    struct drv_queue *queue = drv_queue_from(handle);
    uint32_t wait_count = pPresentInfo->waitSemaphoreCount;
    VkResult result = VK_SUCCESS;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkPipelineStageFlags *stages = drv_scratch_array(&scratch, wait_count, sizeof(*stages));
    if (!stages) {
        drv_scratch_finish(&scratch);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < wait_count; i++) {
        stages[i] = VK_PIPELINE_STAGE_TRANSFER_BIT;
    }
    for (uint32_t i = 0; i < pPresentInfo->swapchainCount; i++) {
        /* What the first copy has waited for holds for those behind it. */
        VkResult one = present_one(queue, pPresentInfo, i, i == 0 ? wait_count : 0, stages);
        if (pPresentInfo->pResults) {
            pPresentInfo->pResults[i] = one;
        }
        result = worse(result, one);
    }
    drv_scratch_finish(&scratch);
    return result;
}
