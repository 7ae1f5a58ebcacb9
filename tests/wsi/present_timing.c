#include "tests/wsi/present_timing.h"

#ifdef VK_EXT_present_timing

#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "tests/wsi/compositor/screen.h"

#define SEEN                                                                                       \
    (VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_OUT_BIT_EXT |                                              \
     VK_PRESENT_STAGE_IMAGE_FIRST_PIXEL_VISIBLE_BIT_EXT)

enum { ROOM = 4 };

static PFN_vkGetPastPresentationTimingEXT get_past;
static PFN_vkGetSwapchainTimeDomainPropertiesEXT get_domains;
static PFN_vkGetSwapchainTimingPropertiesEXT get_properties;
static PFN_vkSetSwapchainPresentTimingQueueSizeEXT set_room;
static PFN_vkGetCalibratedTimestampsKHR get_timestamps;

static void
load(VkDevice device)
{
    get_past = (PFN_vkGetPastPresentationTimingEXT)vkGetDeviceProcAddr(
        device, "vkGetPastPresentationTimingEXT");
    get_domains = (PFN_vkGetSwapchainTimeDomainPropertiesEXT)vkGetDeviceProcAddr(
        device, "vkGetSwapchainTimeDomainPropertiesEXT");
    get_properties = (PFN_vkGetSwapchainTimingPropertiesEXT)vkGetDeviceProcAddr(
        device, "vkGetSwapchainTimingPropertiesEXT");
    set_room = (PFN_vkSetSwapchainPresentTimingQueueSizeEXT)vkGetDeviceProcAddr(
        device, "vkSetSwapchainPresentTimingQueueSizeEXT");
    get_timestamps = (PFN_vkGetCalibratedTimestampsKHR)vkGetDeviceProcAddr(
        device, "vkGetCalibratedTimestampsKHR");
    vkh_expect(get_past && get_domains && get_properties && set_room && get_timestamps,
               "the device has no VK_EXT_present_timing");
}

/* The stages that the window tells of. */
static VkPresentStageFlagsEXT
test_capabilities(struct presenter *presenter)
{
    const VkPhysicalDeviceSurfaceInfo2KHR info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR,
        .surface = presenter->surface,
    };
    VkPresentTimingSurfaceCapabilitiesEXT timing = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_TIMING_SURFACE_CAPABILITIES_EXT,
    };
    VkSurfaceCapabilities2KHR capabilities = {
        .sType = VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR,
        .pNext = &timing,
    };
    VKH_CHECK(vkGetPhysicalDeviceSurfaceCapabilities2KHR(presenter->gpu.physical_device, &info,
                                                         &capabilities));
    vkh_expect(timing.presentTimingSupported && timing.presentAtAbsoluteTimeSupported,
               "frames have times");
    vkh_expect(timing.presentStageQueries & VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT,
               "the first stage is always there");
    return timing.presentStageQueries;
}

/* The id of the domain of single stages, which there must be. */
static uint64_t
test_domains(struct presenter *presenter)
{
    VkTimeDomainKHR names[8];
    uint64_t ids[8], counter, found = 0;
    VkSwapchainTimeDomainPropertiesEXT domains = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_TIME_DOMAIN_PROPERTIES_EXT,
    };
    VkDevice device = presenter->gpu.device;
    VKH_CHECK(get_domains(device, presenter->swapchain, &domains, &counter));
    uint32_t count = domains.timeDomainCount;
    vkh_expect(count > 0 && count <= 8, "there are domains");
    domains.timeDomainCount = count - 1;
    domains.pTimeDomains = names;
    domains.pTimeDomainIds = ids;
    vkh_expect(get_domains(device, presenter->swapchain, &domains, NULL) ==
                       (count > 1 ? VK_INCOMPLETE : VK_SUCCESS) &&
                   domains.timeDomainCount == count - 1,
               "less room than domains");
    domains.timeDomainCount = count;
    VKH_CHECK(get_domains(device, presenter->swapchain, &domains, NULL));
    for (uint32_t i = 0; i < count; i++) {
        found = names[i] == VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT ? ids[i] : found;
    }
    vkh_expect(found, "stages have a domain");
    return found;
}

/* The domain's clock against the one that all know. */
static void
test_calibration(struct presenter *presenter, uint64_t domain)
{
    const VkSwapchainCalibratedTimestampInfoEXT of = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CALIBRATED_TIMESTAMP_INFO_EXT,
        .swapchain = presenter->swapchain,
        .presentStage = VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT,
        .timeDomainId = domain,
    };
    const VkCalibratedTimestampInfoKHR infos[] = {
        {VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_KHR, &of,
         VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT},
        {VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_KHR, NULL, VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR},
    };
    uint64_t times[2], deviation, before_ns = base_clock_now_ns();
    VKH_CHECK(get_timestamps(presenter->gpu.device, 2, infos, times, &deviation));
    vkh_expect(times[0] >= before_ns && times[1] >= before_ns && times[0] <= base_clock_now_ns(),
               "the domain's clock is CLOCK_MONOTONIC");
}

/* --- frames --- */

struct wish {
    VkPresentTimingsInfoEXT infos;
    VkPresentTimingInfoEXT info;
    VkPresentId2KHR ids;
    uint64_t id;
};

static void
make_wish(struct wish *wish, uint64_t id, VkPresentStageFlagsEXT stages, uint64_t domain,
          uint64_t target_ns)
{
    *wish = (struct wish){
        .infos = {.sType = VK_STRUCTURE_TYPE_PRESENT_TIMINGS_INFO_EXT,
                  .pNext = &wish->ids,
                  .swapchainCount = 1,
                  .pTimingInfos = &wish->info},
        .info = {.sType = VK_STRUCTURE_TYPE_PRESENT_TIMING_INFO_EXT,
                 .targetTime = target_ns,
                 .timeDomainId = domain,
                 .presentStageQueries = stages,
                 .targetTimeDomainPresentStage = VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT},
        .ids = {.sType = VK_STRUCTURE_TYPE_PRESENT_ID_2_KHR,
                .swapchainCount = 1,
                .pPresentIds = &wish->id},
        .id = id,
    };
}

static VkResult
frame(struct presenter *presenter, const struct wish *wish)
{
    presenter->present_next = &wish->infos;
    VkResult result = presenter_frame(presenter, (uint32_t)wish->id);
    presenter->present_next = NULL;
    return result;
}

struct past {
    VkPastPresentationTimingEXT timings[ROOM];
    VkPresentStageTimeEXT stages[ROOM][4];
};

static VkResult
ask(struct presenter *presenter, struct past *past, uint32_t *count)
{
    const VkPastPresentationTimingInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_INFO_EXT,
        .swapchain = presenter->swapchain,
    };
    VkPastPresentationTimingPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_PROPERTIES_EXT,
        .presentationTimingCount = past ? *count : 0,
        .pPresentationTimings = past ? past->timings : NULL,
    };
    for (uint32_t i = 0; past && i < ROOM; i++) {
        past->timings[i] = (VkPastPresentationTimingEXT){
            .sType = VK_STRUCTURE_TYPE_PAST_PRESENTATION_TIMING_EXT,
            .presentStageCount = 4,
            .pPresentStages = past->stages[i],
        };
    }
    VkResult result = get_past(presenter->gpu.device, &info, &properties);
    *count = properties.presentationTimingCount;
    return result;
}

static void
wait_for_results(struct presenter *presenter, uint32_t wanted)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    uint64_t deadline_ns = base_clock_deadline_ns(PRESENTER_PATIENCE_NS);
    uint32_t count = 0;
    VKH_CHECK(ask(presenter, NULL, &count));
    while (count < wanted) {
        vkh_expect(base_clock_now_ns() < deadline_ns, "times of frames do not come");
        nanosleep(&pause, NULL);
        VKH_CHECK(ask(presenter, NULL, &count));
    }
    vkh_expect(count == wanted, "there are times of more frames than were asked about");
}

static uint64_t
time_of(const VkPastPresentationTimingEXT *timing, VkPresentStageFlagsEXT stages)
{
    for (uint32_t i = 0; i < timing->presentStageCount; i++) {
        if (timing->pPresentStages[i].stage & stages) {
            return timing->pPresentStages[i].time;
        }
    }
    return 0;
}

static void
expect_order(const VkPastPresentationTimingEXT *timing, VkPresentStageFlagsEXT stages,
             uint64_t after_ns)
{
    uint64_t copied_ns = time_of(timing, VK_PRESENT_STAGE_QUEUE_OPERATIONS_END_BIT_EXT);
    uint64_t dequeued_ns = time_of(timing, VK_PRESENT_STAGE_REQUEST_DEQUEUED_BIT_EXT);
    uint32_t wanted = 0;
    for (VkPresentStageFlagsEXT left = stages; left; left &= left - 1) {
        wanted++;
    }
    vkh_expect(timing->reportComplete && timing->presentStageCount == wanted,
               "each stage that was asked for is told");
    vkh_expect(copied_ns >= after_ns && dequeued_ns >= copied_ns,
               "a frame is drawn, then dequeued");
}

/* As many as there is room for, and what happens to one more. */
static void
test_room(struct presenter *presenter, VkPresentStageFlagsEXT stages, uint64_t domain)
{
    VkDevice device = presenter->gpu.device;
    uint64_t begin_ns = base_clock_now_ns();
    struct wish wish;
    struct past past;
    uint32_t image, count = ROOM - 1;

    VKH_CHECK(set_room(device, presenter->swapchain, 2));
    VKH_CHECK(set_room(device, presenter->swapchain, 0));
    VKH_CHECK(set_room(device, presenter->swapchain, ROOM));
    for (uint32_t i = 0; i < ROOM; i++) {
        make_wish(&wish, 10 + i, stages, domain, 0);
        VKH_CHECK(frame(presenter, &wish));
    }
    VKH_CHECK(vkAcquireNextImageKHR(device, presenter->swapchain, PRESENTER_PATIENCE_NS,
                                    presenter->acquired, VK_NULL_HANDLE, &image));
    make_wish(&wish, 10 + ROOM, stages, domain, 0);
    presenter->present_next = &wish.infos;
    VkResult result = presenter_draw(presenter, image, 0);
    presenter->present_next = NULL;
    vkh_expect(result == VK_ERROR_PRESENT_TIMING_QUEUE_FULL_EXT, "no room, and no error");
    const VkPresentInfoKHR again = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
        .swapchainCount = 1,
        .pSwapchains = &presenter->swapchain,
        .pImageIndices = &image,
    };
    VKH_CHECK(vkQueuePresentKHR(presenter->gpu.queue, &again));
    vkh_expect(set_room(device, presenter->swapchain, 2) == VK_NOT_READY, "what is there must fit");

    wait_for_results(presenter, ROOM);
    vkh_expect(ask(presenter, &past, &count) == VK_INCOMPLETE && count == ROOM - 1,
               "less room than times");
    for (uint32_t i = 0; i < count; i++) {
        vkh_expect(past.timings[i].presentId == 10 + i, "times come in order");
        vkh_expect(past.timings[i].timeDomainId == domain &&
                       past.timings[i].timeDomain == VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT,
                   "times are of the domain that was asked for");
        expect_order(&past.timings[i], stages, begin_ns);
    }
    count = ROOM;
    VKH_CHECK(ask(presenter, &past, &count));
    vkh_expect(count == 1 && past.timings[0].presentId == 10 + ROOM - 1, "each time is told once");
}

/* Not before its time. */
static void
test_target(struct presenter *presenter, VkPresentStageFlagsEXT stages, uint64_t domain)
{
    struct wish wish;
    struct past past;
    for (uint64_t i = 1; i <= 3; i++) {
        uint64_t target_ns = base_clock_now_ns() + i * 50 * 1000 * 1000;
        uint32_t count = ROOM;
        make_wish(&wish, 100 + i, stages, domain, target_ns);
        VKH_CHECK(frame(presenter, &wish));
        wait_for_results(presenter, 1);
        VKH_CHECK(ask(presenter, &past, &count));
        uint64_t shown_ns = time_of(
            &past.timings[0], stages & SEEN ? SEEN : VK_PRESENT_STAGE_REQUEST_DEQUEUED_BIT_EXT);
        vkh_expect(past.timings[0].targetTime == target_ns, "the target is the application's");
        /* 0: a busy machine has held the compositor up for a second. */
        if (shown_ns && shown_ns < target_ns) {
            vkh_die("a frame was shown %" PRIu64 " ns before its time", target_ns - shown_ns);
        }
    }
}

static void
test_refresh(struct presenter *presenter)
{
    const struct window_ops *ops = presenter->window->ops;
    const struct screen *screen = ops->screen ? ops->screen(presenter->window) : NULL;
    VkSwapchainTimingPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_TIMING_PROPERTIES_EXT,
    };
    uint64_t counter;
    VKH_CHECK(get_properties(presenter->gpu.device, presenter->swapchain, &properties, &counter));
    vkh_expect(properties.refreshInterval == properties.refreshDuration, "a fixed rate");
    vkh_expect(!screen || (properties.refreshDuration == screen->refresh_ns && counter > 0),
               "the refresh is the compositor's");
}

void
test_present_timing(struct presenter *presenter)
{
    load(presenter->gpu.device);
    VkPresentStageFlagsEXT stages = test_capabilities(presenter);
    presenter->swapchain_flags =
        VK_SWAPCHAIN_CREATE_PRESENT_TIMING_BIT_EXT | VK_SWAPCHAIN_CREATE_PRESENT_ID_2_BIT_KHR;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    uint64_t domain = test_domains(presenter);
    test_calibration(presenter, domain);
    test_room(presenter, stages, domain);
    test_target(presenter, stages, domain);
    test_refresh(presenter);
}

#endif
