#include "driver/wsi/present_timing.h"

#ifdef VK_EXT_present_timing

#include <string.h>

#include "driver/drv_entry.h"
#include "driver/struct_chain.h"
#include "driver/wsi/swapchain.h"

#define SEEN                                                                                       \
    (VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_OUT_BIT_EXT |                                              \
     VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_VISIBLE_BIT_EXT)

/* --- records --- */

static bool
waits_for_time(VkPresentModeKHR mode)
{
    return mode != VK_PRESENT_MODE_MAILBOX_KHR && mode != VK_PRESENT_MODE_IMMEDIATE_KHR;
}

/* Times are meant for modes that queue. */
static uint64_t
desired_of(const struct wsi_frame *frame, const VkPresentTimingInfoEXT *info, uint64_t refresh_ns)
{
    uint64_t desired_ns = waits_for_time(frame->mode) ? info->targetTime : 0;
    bool nearest = info->flags & VK_PRESENT_TIMING_INFO_PRESENT_AT_NEAREST_REFRESH_CYCLE_BIT_EXT;
    return nearest && desired_ns > refresh_ns / 2 ? desired_ns - refresh_ns / 2 : desired_ns;
}

bool
wsi_results_begin(struct wsi_timing_results *results, struct wsi_frame *frame,
                  const VkPresentTimingInfoEXT *info)
{
    struct wsi_swapchain *swapchain =
        BASE_CONTAINER_OF(results, struct wsi_swapchain, timing_results);
    if (info->presentStageQueries && results->count == results->room) {
        return false;
    }
    frame->desired_ns = desired_of(frame, info, swapchain->timing.refresh_ns);
    if (info->presentStageQueries) {
        results->last_number += results->last_number == UINT32_MAX ? 2 : 1; /* never 0 */
        frame->timing_number = results->last_number;
        results->records[results->count++] = (struct wsi_timing_record){
            .number = frame->timing_number,
            .present_id = frame->id,
            .target = info->targetTime,
            .domain_id = info->timeDomainId,
            .stages = info->presentStageQueries,
        };
    }
    return true;
}

void
wsi_results_complete(struct wsi_timing_results *results, const struct wsi_frame *frame,
                     uint64_t shown_ns)
{
    for (uint32_t i = 0; frame->timing_number && i < results->count; i++) {
        struct wsi_timing_record *record = &results->records[i];
        if (record->number == frame->timing_number && !record->is_complete) {
            record->copied_ns = frame->ready_ns;
            record->dequeued_ns = frame->dequeued_ns;
            record->seen_ns = shown_ns;
            record->is_complete = true;
        }
    }
}

void
wsi_results_set_refresh(struct wsi_timing_results *results, bool has_changed)
{
    results->refreshes += has_changed || !results->knows_refresh;
    results->knows_refresh = true;
}

void
wsi_results_finish(struct wsi_swapchain *swapchain)
{
    drv_free(swapchain->device->allocator, swapchain->allocator, swapchain->timing_results.records);
}

void
wsi_get_timing_capabilities(enum wsi_seen seen, VkPresentTimingSurfaceCapabilitiesEXT *out)
{
    static const VkPresentStageFlagsEXT stages[] = {
        [WSI_SEEN_UNTOLD] = 0,
        [WSI_SEEN_OUT] = VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_OUT_BIT_EXT,
        [WSI_SEEN_VISIBLE] = VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_VISIBLE_BIT_EXT,
    };
    out->presentTimingSupported = VK_TRUE;
    out->presentAtAbsoluteTimeSupported = VK_TRUE;
    out->presentAtRelativeTimeSupported = VK_FALSE;
    out->presentStageQueries = VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT |
                               VK_PRESENT_STAGE_REQUEST_DEQUEUED_BIT_EXT | stages[seen];
}

/* --- domains: one clock by several names; an id is the place, from 1 --- */

static const VkTimeDomainKHR domains[] = {
    VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT,
    VK_TIME_DOMAIN_SWAPCHAIN_LOCAL_EXT,
    VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR,
};
enum { DOMAINS_COUNTER = 1 }; /* they never change */

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSwapchainTimeDomainPropertiesEXT(
    VkDevice device, VkSwapchainKHR swapchain,
    VkSwapchainTimeDomainPropertiesEXT *pSwapchainTimeDomainProperties,
    uint64_t *pTimeDomainsCounter)
{
    VkSwapchainTimeDomainPropertiesEXT *out = pSwapchainTimeDomainProperties;
    uint32_t count = BASE_COUNT_OF(domains), room = out->timeDomainCount;
    if (pTimeDomainsCounter) {
        *pTimeDomainsCounter = DOMAINS_COUNTER;
    }
    out->timeDomainCount = count;
    if (!out->pTimeDomains && !out->pTimeDomainIds) {
        return VK_SUCCESS;
    }
    out->timeDomainCount = room < count ? room : count;
    for (uint32_t i = 0; i < out->timeDomainCount; i++) {
        if (out->pTimeDomains) {
            out->pTimeDomains[i] = domains[i];
        }
        if (out->pTimeDomainIds) {
            out->pTimeDomainIds[i] = i + 1;
        }
    }
    return room < count ? VK_INCOMPLETE : VK_SUCCESS;
}

static VkTimeDomainKHR
domain_of(uint64_t id)
{
    return id >= 1 && id <= BASE_COUNT_OF(domains) ? domains[id - 1] : domains[0];
}

/* --- the application's questions --- */

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSwapchainTimingPropertiesEXT(VkDevice device, VkSwapchainKHR handle,
                                    VkSwapchainTimingPropertiesEXT *pSwapchainTimingProperties,
                                    uint64_t *pSwapchainTimingPropertiesCounter)
{
    struct wsi_swapchain *swapchain = wsi_swapchain_from(handle);
    pthread_mutex_lock(&swapchain->lock);
    const struct wsi_timing_results *results = &swapchain->timing_results;
    uint64_t refresh_ns = results->knows_refresh ? swapchain->timing.refresh_ns : 0;
    if (pSwapchainTimingPropertiesCounter) {
        *pSwapchainTimingPropertiesCounter = results->refreshes;
    }
    pthread_mutex_unlock(&swapchain->lock);
    pSwapchainTimingProperties->refreshDuration = refresh_ns;
    pSwapchainTimingProperties->refreshInterval = refresh_ns;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_SetSwapchainPresentTimingQueueSizeEXT(VkDevice handle, VkSwapchainKHR swapchain_handle,
                                          uint32_t size)
{
    struct drv_device *device = drv_device_from(handle);
    struct wsi_swapchain *swapchain = wsi_swapchain_from(swapchain_handle);
    struct wsi_timing_results *results = &swapchain->timing_results;
    struct wsi_timing_record *records =
        drv_alloc(device->allocator, swapchain->allocator, size * sizeof(*records),
                  VK_SYSTEM_ALLOCATION_SCOPE_OBJECT);
    if (size > 0 && !records) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    pthread_mutex_lock(&swapchain->lock);
    bool fits = results->count <= size;
    struct wsi_timing_record *unused = records;
    if (fits) {
        if (results->count > 0) {
            memcpy(records, results->records, results->count * sizeof(*records));
        }
        unused = results->records;
        results->records = records;
        results->room = size;
    }
    pthread_mutex_unlock(&swapchain->lock);
    drv_free(device->allocator, swapchain->allocator, unused);
    return fits ? VK_SUCCESS : VK_NOT_READY;
}

static void
report(const struct wsi_timing_record *record, VkPastPresentationTimingEXT *out)
{
    const struct {
        VkPresentStageFlagsEXT stage;
        uint64_t time_ns;
    } stages[] = {
        {VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT, record->copied_ns},
        {VK_PRESENT_STAGE_REQUEST_DEQUEUED_BIT_EXT, record->dequeued_ns},
        {record->stages & SEEN & VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_OUT_BIT_EXT, record->seen_ns},
        {record->stages & SEEN & VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_VISIBLE_BIT_EXT,
         record->seen_ns},
    };
    uint32_t count = 0;
    for (size_t i = 0; i < BASE_COUNT_OF(stages); i++) {
        if (record->stages & stages[i].stage) {
            out->pPresentStages[count++] =
                (VkPresentStageTimeEXT){stages[i].stage, stages[i].time_ns};
        }
    }
    out->presentStageCount = count;
    out->presentId = record->present_id;
    out->targetTime = record->target;
    out->timeDomain = domain_of(record->domain_id);
    out->timeDomainId = record->domain_id;
    out->reportComplete = VK_TRUE;
}

/* Complete ones alone, which the specification leaves to us; in order unless that does not matter.
 * Those that are given out are forgotten. `out` NULL: how many there are. */
static uint32_t
take_locked(struct wsi_timing_results *results, bool any_order, VkPastPresentationTimingEXT *out,
            uint32_t room)
{
    uint32_t taken = 0, kept = 0;
    bool goes_on = true;
    for (uint32_t i = 0; i < results->count; i++) {
        struct wsi_timing_record *record = &results->records[i];
        goes_on = goes_on && (any_order || record->is_complete);
        bool takes = goes_on && record->is_complete && taken < room;
        if (takes && out) {
            report(record, &out[taken]);
        } else {
            results->records[kept++] = *record;
        }
        taken += takes;
    }
    results->count = kept;
    return taken;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPastPresentationTimingEXT(
    VkDevice device, const VkPastPresentationTimingInfoEXT *pPastPresentationTimingInfo,
    VkPastPresentationTimingPropertiesEXT *pPastPresentationTimingProperties)
{
    VkPastPresentationTimingPropertiesEXT *out = pPastPresentationTimingProperties;
    struct wsi_swapchain *swapchain = wsi_swapchain_from(pPastPresentationTimingInfo->swapchain);
    bool any_order = pPastPresentationTimingInfo->flags &
                     VK_PAST_PRESENTATION_TIMING_ALLOW_OUT_OF_ORDER_RESULTS_BIT_EXT;
    pthread_mutex_lock(&swapchain->lock);
    struct wsi_timing_results *results = &swapchain->timing_results;
    uint32_t count = take_locked(results, any_order, NULL, UINT32_MAX);
    out->timingPropertiesCounter = results->refreshes;
    out->timeDomainsCounter = DOMAINS_COUNTER;
    bool incomplete = out->pPresentationTimings && out->presentationTimingCount < count;
    out->presentationTimingCount = out->pPresentationTimings
                                       ? take_locked(results, any_order, out->pPresentationTimings,
                                                     out->presentationTimingCount)
                                       : count;
    pthread_mutex_unlock(&swapchain->lock);
    return incomplete ? VK_INCOMPLETE : VK_SUCCESS;
}

#endif
