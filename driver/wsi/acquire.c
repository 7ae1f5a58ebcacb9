/* What the application waits for: images that it may draw into, and frames that were shown. */
#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/thread.h"
#include "driver/drv_entry.h"
#include "driver/sync.h"
#include "driver/wsi/ownership.h"
#include "driver/wsi/swapchain.h"

/* --- images: one is idle only when nobody reads it any more, so its semaphore and its fence are
 * signalled at once, on this side --- */

static struct wsi_image *
find_idle_locked(struct wsi_swapchain *swapchain)
{
    struct wsi_image *oldest = NULL;
    for (uint32_t i = 0; i < swapchain->image_count; i++) {
        struct wsi_image *image = &swapchain->images[i];
        if (image->state == WSI_IMAGE_IDLE && (!oldest || image->idle_since < oldest->idle_since)) {
            oldest = image;
        }
    }
    return oldest;
}

static VkResult
acquire_locked(struct wsi_swapchain *swapchain, uint64_t timeout_ns, uint32_t *index)
{
    uint64_t deadline_ns = base_clock_deadline_ns(timeout_ns);
    for (;;) {
        if (swapchain->status < 0) {
            return swapchain->status;
        }
        struct wsi_image *image = find_idle_locked(swapchain);
        if (image) {
            image->state = WSI_IMAGE_ACQUIRED;
            *index = (uint32_t)(image - swapchain->images);
            return swapchain->status;
        }
        if (timeout_ns == 0) {
            return VK_NOT_READY;
        }
        if (!base_cond_wait_until(&swapchain->changed, &swapchain->lock, deadline_ns)) {
            return VK_TIMEOUT;
        }
    }
}

/* The window system gives a dma-buf back when its GPU has been told to read it, which need not be
 * done yet: the kernel knows. False when the deadline has passed. */
static bool
wait_for_readers(int dma_buf, uint64_t deadline_ns)
{
    struct pollfd readers = {.fd = dma_buf, .events = POLLOUT};
    for (;;) {
        uint64_t now = base_clock_now_ns();
        uint64_t left_ms = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
        int ready = poll(&readers, 1, left_ms < INT32_MAX ? (int)left_ms : INT32_MAX);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true;
        }
        if (ready == 0 && left_ms < INT32_MAX) {
            return false;
        }
    }
}

static VkResult
acquire(struct wsi_swapchain *swapchain, uint64_t timeout_ns, uint32_t *index)
{
    uint64_t deadline_ns = base_clock_deadline_ns(timeout_ns);
    pthread_mutex_lock(&swapchain->lock);
    VkResult result = acquire_locked(swapchain, timeout_ns, index);
    pthread_mutex_unlock(&swapchain->lock);

    int dma_buf = result < 0 || result == VK_NOT_READY || result == VK_TIMEOUT
                      ? -1
                      : swapchain->images[*index].pixels.dma_buf;
    if (dma_buf != -1 && !wait_for_readers(dma_buf, deadline_ns)) {
        pthread_mutex_lock(&swapchain->lock);
        swapchain->images[*index].state = WSI_IMAGE_IDLE; /* the next to be tried again */
        pthread_mutex_unlock(&swapchain->lock);
        return timeout_ns == 0 ? VK_NOT_READY : VK_TIMEOUT;
    }
    return result;
}

static void
claim(struct wsi_swapchain *swapchain, uint32_t index, VkSemaphore semaphore)
{
    if (swapchain->road == WSI_ROAD_DIRECT) {
        pthread_mutex_lock(&swapchain->lock);
        wsi_ownership_claim_locked(swapchain, &swapchain->images[index], semaphore);
        pthread_mutex_unlock(&swapchain->lock);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AcquireNextImage2KHR(VkDevice device, const VkAcquireNextImageInfoKHR *pAcquireInfo,
                         uint32_t *pImageIndex)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(pAcquireInfo->swapchain);
    VkResult result = acquire(swapchain, pAcquireInfo->timeout, pImageIndex);
    if (result == VK_SUCCESS || result == VK_SUBOPTIMAL_KHR) {
        claim(swapchain, *pImageIndex, pAcquireInfo->semaphore);
        drv_semaphore_signal_here(pAcquireInfo->semaphore);
        drv_fence_signal_here(pAcquireInfo->fence);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AcquireNextImageKHR(VkDevice device, VkSwapchainKHR swapchain, uint64_t timeout,
                        VkSemaphore semaphore, VkFence fence, uint32_t *pImageIndex)
{
    const VkAcquireNextImageInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_ACQUIRE_NEXT_IMAGE_INFO_KHR,
        .swapchain = swapchain,
        .timeout = timeout,
        .semaphore = semaphore,
        .fence = fence,
        .deviceMask = 1,
    };
    return drv_AcquireNextImage2KHR(device, &info, pImageIndex);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ReleaseSwapchainImagesKHR(VkDevice device, const VkReleaseSwapchainImagesInfoEXT *pReleaseInfo)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(pReleaseInfo->swapchain);

    pthread_mutex_lock(&swapchain->lock);
    for (uint32_t i = 0; i < pReleaseInfo->imageIndexCount; i++) {
        struct wsi_image *image = &swapchain->images[pReleaseInfo->pImageIndices[i]];
        if (image->state == WSI_IMAGE_ACQUIRED) {
            image->state = WSI_IMAGE_IDLE;
            image->idle_since = ++swapchain->idle_clock;
            wsi_ownership_abandon_locked(swapchain, image);
        }
    }
    VkResult status = swapchain->status;
    pthread_mutex_unlock(&swapchain->lock);
    return status == VK_ERROR_SURFACE_LOST_KHR || status == VK_ERROR_DEVICE_LOST ? status
                                                                                 : VK_SUCCESS;
}

/* --- frames --- */

static VkResult
wait_for_present_locked(struct wsi_swapchain *swapchain, uint64_t id, uint64_t timeout_ns)
{
    uint64_t deadline_ns = base_clock_deadline_ns(timeout_ns);
    while (swapchain->presented_id < id) {
        if (swapchain->status < 0) {
            return swapchain->status;
        }
        if (timeout_ns == 0 ||
            !base_cond_wait_until(&swapchain->changed, &swapchain->lock, deadline_ns)) {
            return VK_TIMEOUT;
        }
    }
    return swapchain->status;
}

static VkResult
wait_for_present(VkSwapchainKHR handle, uint64_t id, uint64_t timeout_ns)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(handle);
    pthread_mutex_lock(&swapchain->lock);
    VkResult result = wait_for_present_locked(swapchain, id, timeout_ns);
    pthread_mutex_unlock(&swapchain->lock);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_WaitForPresentKHR(VkDevice device, VkSwapchainKHR swapchain, uint64_t presentId,
                      uint64_t timeout)
{
    return wait_for_present(swapchain, presentId, timeout);
}

#ifdef VK_KHR_present_wait2
VKAPI_ATTR VkResult VKAPI_CALL
drv_WaitForPresent2KHR(VkDevice device, VkSwapchainKHR swapchain,
                       const VkPresentWait2InfoKHR *pPresentWait2Info)
{
    return wait_for_present(swapchain, pPresentWait2Info->presentId, pPresentWait2Info->timeout);
}
#endif
