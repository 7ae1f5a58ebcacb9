/* vkQueuePresentKHR: a submission that waits for the semaphores and copies the images, or releases
 * them to the window system, and a frame for each swapchain's thread. */
#include "driver/drv_entry.h"
#include "driver/queue.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "driver/wsi/ownership.h"
#include "driver/wsi/swapchain.h"

/* The application's request, taken apart. */
struct request {
    struct drv_queue *queue;
    const VkPresentInfoKHR *info;
    const VkPipelineStageFlags *stages; /* one for each semaphore */

    /* What is chained to it; NULL: nothing of the kind. An element for each swapchain. */
    const VkFence *fences;
    const VkPresentModeKHR *modes;
    const uint64_t *ids;
    const VkPresentRegionKHR *regions;
    const VkPresentTimeGOOGLE *times;
#ifdef VK_EXT_present_timing
    const VkPresentTimingInfoEXT *timings;
#endif
};

static void
read_chain(struct request *request)
{
    for (const VkBaseInStructure *at = request->info->pNext; at; at = at->pNext) {
        switch ((int)at->sType) {
        case VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_FENCE_INFO_EXT:
            request->fences = ((const VkSwapchainPresentFenceInfoEXT *)at)->pFences;
            break;
        case VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODE_INFO_EXT:
            request->modes = ((const VkSwapchainPresentModeInfoEXT *)at)->pPresentModes;
            break;
        case VK_STRUCTURE_TYPE_PRESENT_ID_KHR:
            request->ids = ((const VkPresentIdKHR *)at)->pPresentIds;
            break;
#ifdef VK_KHR_present_id2
        case VK_STRUCTURE_TYPE_PRESENT_ID_2_KHR:
            request->ids = ((const VkPresentId2KHR *)at)->pPresentIds;
            break;
#endif
        case VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR:
            request->regions = ((const VkPresentRegionsKHR *)at)->pRegions;
            break;
        case VK_STRUCTURE_TYPE_PRESENT_TIMES_INFO_GOOGLE:
            request->times = ((const VkPresentTimesInfoGOOGLE *)at)->pTimes;
            break;
#ifdef VK_EXT_present_timing
        case VK_STRUCTURE_TYPE_PRESENT_TIMINGS_INFO_EXT:
            request->timings = ((const VkPresentTimingsInfoEXT *)at)->pTimingInfos;
            break;
#endif
        default: break;
        }
    }
}

/* --- the copy, or the release --- */

/* Everything that the semaphores guard is read by copies. */
static VkResult
submit(const struct request *request, uint32_t wait_count, VkCommandBuffer commands, VkFence fence)
{
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .waitSemaphoreCount = wait_count,
        .pWaitSemaphores = request->info->pWaitSemaphores,
        .pWaitDstStageMask = request->stages,
        .commandBufferCount = commands ? 1 : 0,
        .pCommandBuffers = &commands,
    };
    return drv_QueueSubmit((VkQueue)request->queue, 1, &info, fence);
}

static VkResult
submit_copy(const struct request *request, struct wsi_swapchain *swapchain, struct wsi_image *image,
            uint32_t wait_count)
{
    VkCommandBuffer commands = VK_NULL_HANDLE;
    VkResult result = VK_SUCCESS;
    if (swapchain->target) {
        result = wsi_image_get_commands(swapchain, image, request->queue->family,
                                        WSI_COMMANDS_PRESENT, &commands);
    }
    if (result == VK_SUCCESS && image->submitted) {
        result = drv_ResetFences((VkDevice)swapchain->device, 1, &image->copied);
        image->submitted = false;
    }
    if (result == VK_SUCCESS) {
        result = submit(request, wait_count, commands, image->copied);
        image->submitted = result == VK_SUCCESS;
    }
    return result;
}

/* The application's fence says that the semaphores may be used again: behind the copy they may. */
static VkResult
submit_fence(const struct request *request, uint32_t place)
{
    if (!request->fences || !request->fences[place]) {
        return VK_SUCCESS;
    }
    return drv_QueueSubmit((VkQueue)request->queue, 0, NULL, request->fences[place]);
}

/* --- the frame --- */

static VkRect2D
whole_image(const struct wsi_swapchain *swapchain)
{
    VkExtent3D extent = swapchain->image_info.extent;
    return (VkRect2D){.extent = {extent.width, extent.height}};
}

static uint32_t
least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* The smallest rectangle that covers the region, within the image. */
static VkRect2D
cover(const struct wsi_swapchain *swapchain, const VkPresentRegionKHR *region)
{
    VkRect2D whole = whole_image(swapchain);
    uint32_t left = UINT32_MAX, top = UINT32_MAX, right = 0, bottom = 0;
    if (!region->pRectangles || region->rectangleCount == 0) {
        return whole;
    }
    for (uint32_t i = 0; i < region->rectangleCount; i++) {
        const VkRectLayerKHR *rect = &region->pRectangles[i];
        uint32_t x = rect->offset.x > 0 ? (uint32_t)rect->offset.x : 0;
        uint32_t y = rect->offset.y > 0 ? (uint32_t)rect->offset.y : 0;
        left = least(left, x);
        top = least(top, y);
        uint32_t x_end = least((uint64_t)x + rect->extent.width, whole.extent.width);
        uint32_t y_end = least((uint64_t)y + rect->extent.height, whole.extent.height);
        right = x_end > right ? x_end : right;
        bottom = y_end > bottom ? y_end : bottom;
    }
    if (left >= right || top >= bottom) {
        return (VkRect2D){.extent = {1, 1}}; /* nothing has changed */
    }
    return (VkRect2D){{(int32_t)left, (int32_t)top}, {right - left, bottom - top}};
}

static struct wsi_frame
make_frame(const struct request *request, struct wsi_swapchain *swapchain, uint32_t place)
{
    if (request->modes) {
        swapchain->mode = request->modes[place]; /* of the frames after it, too */
    }
    pthread_mutex_lock(&swapchain->lock);
    struct wsi_hdr hdr = swapchain->hdr;
    pthread_mutex_unlock(&swapchain->lock);
    return (struct wsi_frame){
        .image = request->info->pImageIndices[place],
        .mode = swapchain->mode,
        .id = request->ids ? request->ids[place] : 0,
        .damage =
            request->regions ? cover(swapchain, &request->regions[place]) : whole_image(swapchain),
        .hdr = hdr,
        .is_timed = request->times,
        .timing_id = request->times ? request->times[place].presentID : 0,
        .desired_ns = request->times ? request->times[place].desiredPresentTime : 0,
    };
}

/* What it is to be asked for later. False: there is no room to remember it. */
static bool
begin_timing(const struct request *request, struct wsi_swapchain *swapchain, uint32_t place,
             struct wsi_frame *frame)
{
    bool has_room = true;
#ifdef VK_EXT_present_timing
    if (request->timings) {
        pthread_mutex_lock(&swapchain->lock);
        has_room = wsi_results_begin(&swapchain->timing_results, frame, &request->timings[place]);
        pthread_mutex_unlock(&swapchain->lock);
    }
#endif
    return has_room;
}

/* The image stays acquired; semaphores are waited for all the same. */
static VkResult
refuse_for_timing(const struct request *request, uint32_t place, uint32_t wait_count)
{
    VkResult result = VK_SUCCESS;
    if (wait_count > 0) {
        result = submit(request, wait_count, VK_NULL_HANDLE, VK_NULL_HANDLE);
    }
    if (result == VK_SUCCESS) {
        result = submit_fence(request, place);
    }
#ifdef VK_EXT_present_timing
    return result == VK_SUCCESS ? VK_ERROR_PRESENT_TIMING_QUEUE_FULL_EXT : result;
#else
    return result;
#endif
}

/* --- presenting --- */

static VkResult
status_of(struct wsi_swapchain *swapchain)
{
    pthread_mutex_lock(&swapchain->lock);
    VkResult status = swapchain->status;
    pthread_mutex_unlock(&swapchain->lock);
    return status;
}

static VkResult
present_one(const struct request *request, uint32_t place)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(request->info->pSwapchains[place]);
    struct wsi_frame frame = make_frame(request, swapchain, place);
    struct wsi_image *image = &swapchain->images[frame.image];
    /* What the first copy has waited for holds for those behind it. */
    uint32_t wait_count = place == 0 ? request->info->waitSemaphoreCount : 0;

    if (!begin_timing(request, swapchain, place, &frame)) {
        return refuse_for_timing(request, place, wait_count);
    }
    VkResult result = submit_copy(request, swapchain, image, wait_count);
    if (result == VK_SUCCESS) {
        if (swapchain->road == WSI_ROAD_DIRECT) {
            wsi_ownership_released(swapchain, image, request->queue);
        }
        wsi_present_thread_push(swapchain, &frame);
        result = submit_fence(request, place);
    } else {
        wsi_swapchain_presented(swapchain, &frame, 0);
    }
    if (result != VK_SUCCESS) {
        wsi_swapchain_set_status(swapchain, result);
        return result;
    }
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
    struct request request = {.queue = drv_queue_from(handle), .info = pPresentInfo};
    VkResult result = VK_SUCCESS;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkPipelineStageFlags *stages =
        drv_scratch_array(&scratch, pPresentInfo->waitSemaphoreCount, sizeof(*stages));
    if (!stages) {
        drv_scratch_finish(&scratch);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < pPresentInfo->waitSemaphoreCount; i++) {
        stages[i] = VK_PIPELINE_STAGE_TRANSFER_BIT;
    }
    request.stages = stages;
    read_chain(&request);
    for (uint32_t i = 0; i < pPresentInfo->swapchainCount; i++) {
        VkResult one = present_one(&request, i);
        if (pPresentInfo->pResults) {
            pPresentInfo->pResults[i] = one;
        }
        result = worse(result, one);
    }
    drv_scratch_finish(&scratch);
    return result;
}
