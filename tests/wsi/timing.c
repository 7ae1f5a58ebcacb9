/* VK_GOOGLE_display_timing and VK_KHR_present_wait: when frames were seen, and that they were. */
#include "tests/wsi/timing.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "tests/layer/modifiers.h"
#include "tests/wsi/compositor/screen.h"

enum { FRAMES = 12 };

/* A busy machine may hold a compositor up for so long that the driver takes the window for one that
 * nobody sees: such a frame counts as presented before it is (docs/presenting.md). */
#define HELD_UP_NS UINT64_C(900000000)

static const struct screen *
screen_of(struct presenter *presenter)
{
    const struct window_ops *ops = presenter->window->ops;
    return ops->screen ? ops->screen(presenter->window) : NULL;
}

/* With the number as its id. */
static void
timed_frame(struct presenter *presenter, uint32_t number, uint64_t desired_ns)
{
    const VkPresentTimeGOOGLE time = {number, desired_ns};
    VkPresentTimesInfoGOOGLE times = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_TIMES_INFO_GOOGLE,
        .swapchainCount = 1,
        .pTimes = &time,
    };
    const uint64_t id = number;
    const VkPresentIdKHR ids = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_ID_KHR,
        .pNext = &times,
        .swapchainCount = 1,
        .pPresentIds = &id,
    };
    presenter->present_next = &ids;
    VKH_CHECK(presenter_frame(presenter, number));
    presenter->present_next = NULL;
}

/* False: the machine is so busy that the frame may not have been seen. */
static bool
wait_for(struct presenter *presenter, uint64_t id)
{
    uint64_t before_ns = base_clock_now_ns();
    VKH_CHECK(vkWaitForPresentKHR(presenter->gpu.device, presenter->swapchain, id,
                                  PRESENTER_PATIENCE_NS));
    return base_clock_now_ns() - before_ns < HELD_UP_NS;
}

/* How many times there are to be had; `wanted`, unless they do not come. */
static uint32_t
count_past(struct presenter *presenter, uint32_t wanted)
{
    uint64_t deadline_ns = base_clock_deadline_ns(PRESENTER_PATIENCE_NS);
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    uint32_t known;
    for (;;) {
        VKH_CHECK(vkGetPastPresentationTimingGOOGLE(presenter->gpu.device, presenter->swapchain,
                                                    &known, NULL));
        if (known >= wanted || base_clock_now_ns() > deadline_ns) {
            return known;
        }
        nanosleep(&pause, NULL);
    }
}

/* Exactly `count` frames, from `first` on, in the order in which they were seen. */
static void
expect_past(struct presenter *presenter, uint32_t first, uint32_t count,
            VkPastPresentationTimingGOOGLE *past)
{
    VkDevice device = presenter->gpu.device;
    uint32_t known = count_past(presenter, count), taken = 1;
    if (known != count) {
        vkh_die("%u frames were seen, and there are times of %u", count, known);
    }
    VkResult result = vkGetPastPresentationTimingGOOGLE(device, presenter->swapchain, &taken, past);
    vkh_expect(taken == 1 && result == (count > 1 ? VK_INCOMPLETE : VK_SUCCESS),
               "room for one time gets one, and says so");
    taken = known - 1;
    VKH_CHECK(vkGetPastPresentationTimingGOOGLE(device, presenter->swapchain, &taken, past + 1));
    for (uint32_t i = 0; i < count; i++) {
        if (past[i].presentID != first + i ||
            (i > 0 && past[i].actualPresentTime <= past[i - 1].actualPresentTime)) {
            vkh_die("place %u: frame %u at %" PRIu64 ", expected frame %u, later than the last", i,
                    past[i].presentID, past[i].actualPresentTime, first + i);
        }
        vkh_expect(past[i].earliestPresentTime <= past[i].actualPresentTime,
                   "a frame is not seen before it can be");
    }
    VKH_CHECK(vkGetPastPresentationTimingGOOGLE(device, presenter->swapchain, &known, NULL));
    vkh_expect(known == 0, "each time is told once");
}

static void
test_past(struct presenter *presenter)
{
    const struct screen *screen = screen_of(presenter);
    VkPastPresentationTimingGOOGLE past[FRAMES];
    uint64_t before_ns = base_clock_now_ns();
    uint32_t shown_before = screen ? atomic_load(&screen->shown) : 0;

    for (uint32_t i = 1; i <= FRAMES; i++) {
        timed_frame(presenter, i, 0);
        bool seen = wait_for(presenter, i);
        vkh_expect(!screen || !seen || atomic_load(&screen->shown) - shown_before >= i,
                   "a frame that was waited for has been seen");
    }
    expect_past(presenter, 1, FRAMES, past);
    vkh_expect(past[0].actualPresentTime >= before_ns, "no frame is seen before it is drawn");
    /* One refresh may lie ahead: the compositor tells when the light comes. */
    vkh_expect(past[FRAMES - 1].actualPresentTime < base_clock_now_ns() + 1000000000,
               "no frame is seen in a far future");
}

/* Not before its time. */
static void
test_desired(struct presenter *presenter, uint64_t refresh_ns)
{
    VkPastPresentationTimingGOOGLE past;
    for (uint32_t i = 1; i <= 3; i++) {
        uint64_t desired_ns = base_clock_now_ns() + i * 5 * refresh_ns + refresh_ns / 2;
        timed_frame(presenter, FRAMES + i, desired_ns);
        (void)wait_for(presenter, FRAMES + i);
        expect_past(presenter, FRAMES + i, 1, &past);
        vkh_expect(past.desiredPresentTime == desired_ns,
                   "the desired time is the one that was asked for");
        if (past.actualPresentTime < desired_ns) {
            vkh_die("a frame was seen %" PRIu64 " ns before its time",
                    desired_ns - past.actualPresentTime);
        }
    }
}

void
test_timing(struct presenter *presenter)
{
    const struct screen *screen = screen_of(presenter);
    VkRefreshCycleDurationGOOGLE refresh;

    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    test_past(presenter);
    VKH_CHECK(
        vkGetRefreshCycleDurationGOOGLE(presenter->gpu.device, presenter->swapchain, &refresh));
    printf("a frame lasts %" PRIu64 " ns\n", refresh.refreshDuration);
    vkh_expect(!screen || refresh.refreshDuration == screen->refresh_ns,
               "the refresh is the compositor's");
    test_desired(presenter, refresh.refreshDuration);
}

/* --- the fake compositor only --- */

struct counts {
    uint32_t torn, barriers, timed;
};

/* What the compositor has counted in a few frames of that mode. */
static struct counts
count_in_mode(struct presenter *presenter, VkPresentModeKHR mode, uint64_t desired_ns)
{
    const struct screen *screen = screen_of(presenter);
    VKH_CHECK(presenter_create_swapchain(presenter, mode));
    struct counts before = {atomic_load(&screen->torn), atomic_load(&screen->barriers),
                            atomic_load(&screen->timed)};
    for (uint32_t i = 1; i <= FRAMES; i++) {
        timed_frame(presenter, i, desired_ns);
        (void)wait_for(presenter, i);
    }
    (void)count_past(presenter, FRAMES); /* by then the compositor has heard of them all */
    return (struct counts){
        .torn = atomic_load(&screen->torn) - before.torn,
        .barriers = atomic_load(&screen->barriers) - before.barriers,
        .timed = atomic_load(&screen->timed) - before.timed,
    };
}

static void
expect_counts(const char *mode, struct counts counts, struct counts wanted)
{
    if (counts.torn != wanted.torn || counts.barriers != wanted.barriers ||
        counts.timed != wanted.timed) {
        vkh_die("%s: %u torn, %u behind barriers, %u with a time; expected %u, %u, %u", mode,
                counts.torn, counts.barriers, counts.timed, wanted.torn, wanted.barriers,
                wanted.timed);
    }
}

void
test_modes(struct presenter *presenter)
{
    vkh_expect(screen_of(presenter), "this test needs the compositor of tests/wsi/compositor");
    /* A time that has passed is one all the same. */
    expect_counts("FIFO", count_in_mode(presenter, VK_PRESENT_MODE_FIFO_KHR, 1),
                  (struct counts){.barriers = FRAMES, .timed = FRAMES});
    expect_counts("MAILBOX", count_in_mode(presenter, VK_PRESENT_MODE_MAILBOX_KHR, 0),
                  (struct counts){0});
    expect_counts("IMMEDIATE", count_in_mode(presenter, VK_PRESENT_MODE_IMMEDIATE_KHR, 0),
                  (struct counts){.torn = FRAMES});
    expect_counts("FIFO again", count_in_mode(presenter, VK_PRESENT_MODE_FIFO_KHR, 0),
                  (struct counts){.barriers = FRAMES});
}

void
test_unseen(struct presenter *presenter)
{
    VkPastPresentationTimingGOOGLE past;
    uint32_t known = 1;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    for (uint32_t i = 1; i <= 6; i++) {
        timed_frame(presenter, i, 0);
    }
    (void)wait_for(presenter, 6);
    VKH_CHECK(vkGetPastPresentationTimingGOOGLE(presenter->gpu.device, presenter->swapchain, &known,
                                                &past));
    vkh_expect(known == 0, "a frame that nobody saw has no time");
}

/* Each picture is seen to the last bit; returns how many were dma-bufs. */
static uint32_t
count_dma_bufs(struct presenter *presenter)
{
    const struct screen *screen = screen_of(presenter);
    vkh_expect(screen, "this test needs the compositor of tests/wsi/compositor");
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    for (uint32_t i = 1; i <= FRAMES; i++) {
        timed_frame(presenter, i, 0);
        (void)wait_for(presenter, i);
        vkh_expect(presenter_is_shown(presenter, i), "the window does not show the picture");
    }
    vkh_expect(atomic_load(&screen->shown) == FRAMES, "each frame was shown once");
    return atomic_load(&screen->dma_bufs);
}

void
test_dma_bufs(struct presenter *presenter)
{
    vkh_expect(count_dma_bufs(presenter) == FRAMES, "every frame is a dma-buf");
    vkh_expect(atomic_load(&screen_of(presenter)->modifier) == 0, "a linear one");
}

void
test_direct(struct presenter *presenter)
{
    vkh_expect(count_dma_bufs(presenter) == FRAMES, "every frame is a dma-buf");
    vkh_expect(atomic_load(&screen_of(presenter)->modifier) == TEST_MODIFIER_METADATA,
               "the images themselves, of the modifier that both sides like best");
}

void
test_no_dma_bufs(struct presenter *presenter)
{
    vkh_expect(count_dma_bufs(presenter) == 0, "no frame is a dma-buf");
    vkh_expect(atomic_load(&screen_of(presenter)->shared_dma_bufs) == 0, "nor is shared memory");
}

void
test_shared_dma_bufs(struct presenter *presenter)
{
    vkh_expect(count_dma_bufs(presenter) == 0, "no frame is handed over as a dma-buf");
    vkh_expect(atomic_load(&screen_of(presenter)->shared_dma_bufs) == FRAMES,
               "every frame lies in a dma-buf that the compositor has mapped");
}

void
test_explicit(struct presenter *presenter)
{
    vkh_expect(count_dma_bufs(presenter) == FRAMES, "every frame is a dma-buf");
    vkh_expect(atomic_load(&screen_of(presenter)->synced) == FRAMES, "with its points");
}

void
test_implicit(struct presenter *presenter)
{
    vkh_expect(count_dma_bufs(presenter) == FRAMES, "every frame is a dma-buf");
    vkh_expect(atomic_load(&screen_of(presenter)->synced) == 0, "without points");
}
