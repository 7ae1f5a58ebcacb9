#include "driver/wsi/timing.h"

#include "driver/drv_entry.h"
#include "driver/wsi/swapchain.h"

void
wsi_timing_init(struct wsi_timing *timing)
{
    *timing = (struct wsi_timing){.refresh_ns = WSI_NOMINAL_REFRESH};
}

/* --- what was --- */

/* A frame that was held back for the application could have been seen some whole frames of the
 * screen earlier. */
static uint64_t
earliest_of(const struct wsi_timing *timing, const struct wsi_frame *frame, uint64_t shown_ns)
{
    uint64_t held_until_ns = frame->desired_ns < shown_ns ? frame->desired_ns : shown_ns;
    uint64_t held_ns = held_until_ns > frame->ready_ns ? held_until_ns - frame->ready_ns : 0;
    return shown_ns - held_ns / timing->refresh_ns * timing->refresh_ns;
}

void
wsi_timing_add(struct wsi_timing *timing, const struct wsi_frame *frame, uint64_t shown_ns)
{
    if (shown_ns > timing->last_shown_ns) {
        timing->last_shown_ns = shown_ns;
    }
    if (!frame->is_timed) {
        return;
    }
    if (timing->count == WSI_TIMING_KEPT) {
        timing->first = (timing->first + 1) % WSI_TIMING_KEPT;
        timing->count--;
    }
    uint64_t earliest_ns = earliest_of(timing, frame, shown_ns);
    timing->past[(timing->first + timing->count++) % WSI_TIMING_KEPT] =
        (VkPastPresentationTimingGOOGLE){
            .presentID = frame->timing_id,
            .desiredPresentTime = frame->desired_ns,
            .actualPresentTime = shown_ns,
            .earliestPresentTime = earliest_ns,
            .presentMargin = earliest_ns > frame->ready_ns ? earliest_ns - frame->ready_ns : 0,
        };
}

VkResult
wsi_timing_take(struct wsi_timing *timing, uint32_t *count, VkPastPresentationTimingGOOGLE *out)
{
    if (!out) {
        *count = timing->count;
        return VK_SUCCESS;
    }
    VkResult result = *count < timing->count ? VK_INCOMPLETE : VK_SUCCESS;
    uint32_t taken = *count < timing->count ? *count : timing->count;
    for (uint32_t i = 0; i < taken; i++) {
        out[i] = timing->past[(timing->first + i) % WSI_TIMING_KEPT];
    }
    timing->first = (timing->first + taken) % WSI_TIMING_KEPT;
    timing->count -= taken;
    *count = taken;
    return result;
}

/* --- what is to be --- */

/* The screen takes a new frame at whole refreshes after the last that we know of. What is handed
 * over behind one is seen at the next. It is handed over half-way between the two, since what we
 * know of either may be some milliseconds wrong, and either way would be a refresh too early or too
 * late; but never later than desired, when no frame can be too early. */
uint64_t
wsi_timing_due(const struct wsi_timing *timing, uint64_t desired_ns)
{
    if (!timing->last_shown_ns || desired_ns <= timing->last_shown_ns) {
        return desired_ns;
    }
    uint64_t refreshes =
        (desired_ns - timing->last_shown_ns + timing->refresh_ns - 1) / timing->refresh_ns;
    uint64_t before_ns = timing->last_shown_ns + (refreshes - 1) * timing->refresh_ns;
    uint64_t due_ns = before_ns + timing->refresh_ns / 2;
    return due_ns < desired_ns ? due_ns : desired_ns;
}

/* --- the application's questions --- */

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetRefreshCycleDurationGOOGLE(VkDevice device, VkSwapchainKHR handle,
                                  VkRefreshCycleDurationGOOGLE *pDisplayTimingProperties)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(handle);
    pthread_mutex_lock(&swapchain->lock);
    pDisplayTimingProperties->refreshDuration = swapchain->timing.refresh_ns;
    pthread_mutex_unlock(&swapchain->lock);
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPastPresentationTimingGOOGLE(VkDevice device, VkSwapchainKHR handle,
                                    uint32_t *pPresentationTimingCount,
                                    VkPastPresentationTimingGOOGLE *pPresentationTimings)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(handle);
    pthread_mutex_lock(&swapchain->lock);
    VkResult result =
        wsi_timing_take(&swapchain->timing, pPresentationTimingCount, pPresentationTimings);
    pthread_mutex_unlock(&swapchain->lock);
    return result;
}
