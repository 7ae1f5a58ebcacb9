#include "tests/unit/test.h"

#include "driver/wsi/surface.h"
#include "driver/wsi/timing.h"

#define REFRESH UINT64_C(10)

static struct wsi_timing
with_short_refresh(void)
{
    struct wsi_timing timing;
    wsi_timing_init(&timing);
    timing.refresh_ns = REFRESH;
    return timing;
}

static struct wsi_frame
frame(uint32_t id, uint64_t desired_ns, uint64_t ready_ns)
{
    return (struct wsi_frame){
        .is_timed = true,
        .timing_id = id,
        .desired_ns = desired_ns,
        .ready_ns = ready_ns,
    };
}

static VkPastPresentationTimingGOOGLE
take_one(struct wsi_timing *timing)
{
    VkPastPresentationTimingGOOGLE past = {0};
    uint32_t count = 1;
    assert_int_equal(wsi_timing_take(timing, &count, &past), VK_SUCCESS);
    assert_int_equal(count, 1);
    return past;
}

TEST(a_frame_without_a_wish_was_seen_as_early_as_could_be)
{
    struct wsi_timing timing = with_short_refresh();
    const struct wsi_frame shown = frame(7, 0, 93);
    wsi_timing_add(&timing, &shown, 100);

    VkPastPresentationTimingGOOGLE past = take_one(&timing);
    assert_int_equal(past.presentID, 7);
    assert_int_equal(past.actualPresentTime, 100);
    assert_int_equal(past.earliestPresentTime, 100);
    assert_int_equal(past.presentMargin, 7);
}

TEST(a_frame_that_was_held_back_could_have_been_seen_whole_refreshes_earlier)
{
    struct wsi_timing timing = with_short_refresh();
    const struct wsi_frame shown = frame(7, 125, 93);
    wsi_timing_add(&timing, &shown, 130);

    VkPastPresentationTimingGOOGLE past = take_one(&timing);
    assert_int_equal(past.desiredPresentTime, 125);
    assert_int_equal(past.actualPresentTime, 130);
    assert_int_equal(past.earliestPresentTime, 100);
    assert_int_equal(past.presentMargin, 7);
}

TEST(a_frame_that_comes_behind_its_time_was_not_held_back)
{
    struct wsi_timing timing = with_short_refresh();
    const struct wsi_frame shown = frame(7, 50, 93);
    wsi_timing_add(&timing, &shown, 100);
    assert_int_equal(take_one(&timing).earliestPresentTime, 100);
}

TEST(frames_that_nobody_asked_about_are_forgotten_oldest_first)
{
    struct wsi_timing timing = with_short_refresh();
    VkPastPresentationTimingGOOGLE past[WSI_TIMING_KEPT];
    for (uint32_t i = 0; i < WSI_TIMING_KEPT + 3; i++) {
        const struct wsi_frame shown = frame(i, 0, 0);
        wsi_timing_add(&timing, &shown, 100 + i * REFRESH);
    }
    uint32_t count = 2;
    assert_int_equal(wsi_timing_take(&timing, &count, past), VK_INCOMPLETE);
    assert_int_equal(count, 2);
    assert_int_equal(past[0].presentID, 3);
    count = WSI_TIMING_KEPT;
    assert_int_equal(wsi_timing_take(&timing, &count, past), VK_SUCCESS);
    assert_int_equal(count, WSI_TIMING_KEPT - 2);
    assert_int_equal(past[0].presentID, 5);
    assert_int_equal(past[count - 1].presentID, WSI_TIMING_KEPT + 2);
}

TEST(a_frame_without_an_id_leaves_no_time_but_tells_when_the_screen_refreshes)
{
    struct wsi_timing timing = with_short_refresh();
    const struct wsi_frame shown = {.ready_ns = 93};
    uint32_t count;
    wsi_timing_add(&timing, &shown, 100);
    assert_int_equal(wsi_timing_take(&timing, &count, NULL), VK_SUCCESS);
    assert_int_equal(count, 0);
    assert_int_equal(timing.last_shown_ns, 100);
}

TEST(a_frame_is_due_half_way_to_the_refresh_that_it_is_for)
{
    struct wsi_timing timing = with_short_refresh();
    assert_int_equal(wsi_timing_due(&timing, 0), 0);
    assert_int_equal(wsi_timing_due(&timing, 125), 125); /* nothing is known of the screen */
    timing.last_shown_ns = 100;
    assert_int_equal(wsi_timing_due(&timing, 130), 125);
    assert_int_equal(wsi_timing_due(&timing, 123), 123);
    assert_int_equal(wsi_timing_due(&timing, 101), 101);
    assert_int_equal(wsi_timing_due(&timing, 90), 90);
}
