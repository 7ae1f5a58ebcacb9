#include "tests/wsi/feedback.h"

#include "base/clock.h"
#include "tests/layer/modifiers.h"
#include "tests/wsi/compositor/screen.h"

/* What the compositor says to that, it has said when this returns. */
static void
set_full_screen(struct presenter *presenter, bool full_screen)
{
    struct window *window = presenter->window;
    window->ops->set_full_screen(window, full_screen);
    window->ops->settle(window);
}

/* A driver looks for what the compositor says at least four times a second. */
static void
expect_no_change(struct presenter *presenter)
{
    const uint64_t end_ns = base_clock_now_ns() + 600 * 1000 * 1000;
    for (uint32_t i = 0; i < 20 || base_clock_now_ns() < end_ns; i++) {
        VKH_CHECK(presenter_frame(presenter, i));
    }
}

/* Frames of a new swapchain have the modifier, and it is as good as another. */
static void
expect_modifier(struct presenter *presenter, uint64_t modifier)
{
    const struct screen *screen = presenter->window->ops->screen(presenter->window);
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    expect_no_change(presenter);
    VKH_CHECK(presenter_frame(presenter, 1));
    vkh_expect(presenter_is_shown(presenter, 1), "the window does not show the picture");
    if (atomic_load(&screen->modifier) != modifier) {
        vkh_die("frames have the modifier 0x%llx, expected 0x%llx",
                (unsigned long long)atomic_load(&screen->modifier), (unsigned long long)modifier);
    }
}

/* The swapchain goes on, and says that another would be better. */
static void
expect_change(struct presenter *presenter)
{
    uint64_t deadline_ns = base_clock_deadline_ns(PRESENTER_PATIENCE_NS);
    VkResult result = VK_SUCCESS;
    while (result == VK_SUCCESS && base_clock_now_ns() < deadline_ns) {
        result = presenter_frame(presenter, 2);
    }
    vkh_expect(result == VK_SUBOPTIMAL_KHR, "the compositor's change went unnoticed");
    vkh_expect(presenter_frame(presenter, 3) == VK_SUBOPTIMAL_KHR, "it is forgotten again");
    vkh_expect(presenter_is_shown(presenter, 3), "the window does not show the picture any more");
}

void
test_feedback(struct presenter *presenter)
{
    const struct window_ops *ops = presenter->window->ops;
    vkh_expect(ops->screen && ops->screen(presenter->window),
               "this test needs the compositor of tests/wsi/compositor");
    expect_modifier(presenter, TEST_MODIFIER_METADATA); /* it began in full screen */
    set_full_screen(presenter, false);
    expect_change(presenter);
    expect_modifier(presenter, TEST_MODIFIER_LINEAR);
    set_full_screen(presenter, true);
    expect_change(presenter);
    expect_modifier(presenter, TEST_MODIFIER_METADATA);

    /* The same once more is no change. */
    set_full_screen(presenter, true);
    expect_no_change(presenter);

    /* Nobody looks in between. */
    set_full_screen(presenter, false);
    expect_modifier(presenter, TEST_MODIFIER_LINEAR);
}
