/* Tests of presenting: main.c WINDOW TEST. Exit status 0 if it holds.
 *
 * Natively, too: what fails there is the test's fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wsi/at_once.h"
#include "tests/wsi/colors.h"
#include "tests/wsi/direct.h"
#include "tests/wsi/extras.h"
#include "tests/wsi/feedback.h"
#include "tests/wsi/present_timing.h"
#include "tests/wsi/presenter.h"
#include "tests/wsi/timing.h"

static const VkPresentModeKHR modes[] = {
    VK_PRESENT_MODE_FIFO_KHR,
    VK_PRESENT_MODE_FIFO_RELAXED_KHR,
    VK_PRESENT_MODE_MAILBOX_KHR,
    VK_PRESENT_MODE_IMMEDIATE_KHR,
};

static bool
is_offered(struct presenter *presenter, VkPresentModeKHR mode)
{
    VkPresentModeKHR offered[16];
    uint32_t count = BASE_COUNT_OF(offered);
    VKH_CHECK(vkGetPhysicalDeviceSurfacePresentModesKHR(presenter->gpu.physical_device,
                                                        presenter->surface, &count, offered));
    for (uint32_t i = 0; i < count; i++) {
        if (offered[i] == mode) {
            return true;
        }
    }
    return false;
}

static void
frames(struct presenter *presenter, uint32_t count, uint32_t first)
{
    for (uint32_t i = 0; i < count; i++) {
        VkResult result = presenter_frame(presenter, first + i);
        if (result != VK_SUCCESS && result != VK_SUBOPTIMAL_KHR) {
            vkh_die("frame %u: %s", i, vkh_result_name(result));
        }
    }
}

/* Who has not enabled VK_EXT_swapchain_colorspace. */
static void
expect_srgb_alone(struct presenter *presenter)
{
    VkSurfaceFormatKHR formats[128];
    uint32_t count = BASE_COUNT_OF(formats);
    VKH_CHECK(vkGetPhysicalDeviceSurfaceFormatsKHR(presenter->gpu.physical_device,
                                                   presenter->surface, &count, formats));
    for (uint32_t i = 0; i < count; i++) {
        vkh_expect(formats[i].colorSpace == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR,
                   "a colour space that the application does not know");
    }
}

/* In every mode the window shows, in the end, exactly the last picture. */
static void
test_picture(struct presenter *presenter)
{
    enum { FRAMES = 20 };
    expect_srgb_alone(presenter);
    for (size_t i = 0; i < BASE_COUNT_OF(modes); i++) {
        if (!is_offered(presenter, modes[i])) {
            continue;
        }
        VKH_CHECK(presenter_create_swapchain(presenter, modes[i]));
        frames(presenter, FRAMES, (uint32_t)i);
        if (presenter->window->ops->read) {
            vkh_expect(presenter_is_shown(presenter, FRAMES - 1 + (uint32_t)i),
                       "the window does not show what was presented last");
        }
        printf("present mode %d: %d frames\n", modes[i], FRAMES);
    }
}

/* The cube of `vesper demo`, drawn off-screen, is what the window shows. */
static void
test_cube(struct presenter *presenter)
{
    struct demo_picture cube;
    presenter_draw_cube(presenter,
                        (VkExtent2D){presenter->window->width, presenter->window->height}, &cube);
    vkh_expect(demo_picture_drawn_pixels(&cube) > 1000, "there is a cube in the picture");
    presenter->own_picture = cube.rgba;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    vkh_expect(presenter->extent.width == cube.width && presenter->extent.height == cube.height,
               "the window has the size that it was opened with");
    frames(presenter, 5, 0);
    vkh_expect(presenter_is_shown(presenter, 4), "the window does not show the cube");
    presenter->own_picture = NULL;
    demo_picture_finish(&cube);
}

/* Images that nobody gives back run out, and calls say so in time. */
static void
test_acquire(struct presenter *presenter)
{
    VkDevice device = presenter->gpu.device;
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    uint32_t index, acquired = 0;
    VkFence fence;

    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    uint32_t may_have = presenter->image_count - presenter->min_images + 1;
    VKH_CHECK(vkCreateFence(device, &info, NULL, &fence));
    for (; acquired < may_have; acquired++) {
        VKH_CHECK(vkAcquireNextImageKHR(device, presenter->swapchain, UINT64_MAX, VK_NULL_HANDLE,
                                        fence, &index));
        VKH_CHECK(vkWaitForFences(device, 1, &fence, VK_TRUE, UINT64_MAX));
        vkh_expect(vkGetFenceStatus(device, fence) == VK_SUCCESS, "the fence is not signalled");
        VKH_CHECK(vkResetFences(device, 1, &fence));
        vkh_expect(vkGetFenceStatus(device, fence) == VK_NOT_READY, "the fence is not reset");
    }
    VkResult result = VK_SUCCESS;
    for (; result == VK_SUCCESS && acquired < presenter->image_count; acquired++) {
        result =
            vkAcquireNextImageKHR(device, presenter->swapchain, 0, VK_NULL_HANDLE, fence, &index);
        if (result == VK_SUCCESS) {
            VKH_CHECK(vkWaitForFences(device, 1, &fence, VK_TRUE, UINT64_MAX));
            VKH_CHECK(vkResetFences(device, 1, &fence));
        }
    }
    if (result == VK_SUCCESS) { /* all of them: the next one cannot come */
        result =
            vkAcquireNextImageKHR(device, presenter->swapchain, 0, VK_NULL_HANDLE, fence, &index);
        vkh_expect(result == VK_NOT_READY, "no image is left, and no time to wait: VK_NOT_READY");
        result = vkAcquireNextImageKHR(device, presenter->swapchain, 5000000, VK_NULL_HANDLE, fence,
                                       &index);
        vkh_expect(result == VK_TIMEOUT, "no image is left: VK_TIMEOUT");
    }
    vkDestroyFence(device, fence, NULL);
}

/* A window that changes its size all the time, and a swapchain that follows. */
static void
test_resize(struct presenter *presenter)
{
    enum { STEPS = 60 };
    struct window *window = presenter->window;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_MAILBOX_KHR));
    for (uint32_t i = 0; i < STEPS; i++) {
        window->ops->resize(window, 40 + i * 37 % 300, 30 + i * 53 % 200);
        for (int j = 0; j < 3; j++) {
            VkResult result = presenter_frame(presenter, i);
            if (result == VK_SUBOPTIMAL_KHR || result == VK_ERROR_OUT_OF_DATE_KHR) {
                VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_MAILBOX_KHR));
            } else {
                vkh_check(result, "presenter_frame", __FILE__, __LINE__);
            }
        }
    }
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, STEPS);
    vkh_expect(presenter_is_shown(presenter, STEPS + 4),
               "the window does not show the last picture");
}

/* Nobody sees the frames, and the application goes on. */
static void
test_hidden(struct presenter *presenter)
{
    struct window *window = presenter->window;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 5, 0);
    window->ops->set_visible(window, false);
    frames(presenter, 10, 5);
    window->ops->set_visible(window, true);
    frames(presenter, 5, 15);
    vkh_expect(presenter_is_shown(presenter, 19), "the window does not show the last picture");
}

/* Goes on until the window is reported lost. */
static void
until_lost(struct presenter *presenter)
{
    for (uint32_t i = 0; i < 1000; i++) {
        VkResult result = presenter_frame(presenter, i);
        if (result == VK_ERROR_SURFACE_LOST_KHR || result == VK_ERROR_OUT_OF_DATE_KHR) {
            VkResult again = presenter_create_swapchain(presenter, presenter->mode);
            vkh_expect(again == VK_ERROR_SURFACE_LOST_KHR ||
                           again == VK_ERROR_NATIVE_WINDOW_IN_USE_KHR,
                       "a lost window still takes a swapchain");
            return;
        }
    }
    vkh_die("the window is gone, and 1000 frames later nobody has noticed");
}

static void
test_vanish(struct presenter *presenter)
{
    struct window *window = presenter->window;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 10, 0);
    window->ops->vanish(window);
    until_lost(presenter);
}

/* The server dies once it is told that frames come. */
static void
test_killed(struct presenter *presenter)
{
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 10, 0);
    printf("kill\n");
    fflush(stdout);
    until_lost(presenter);
}

/* As fast as it goes: frames a second. */
static void
test_rate(struct presenter *presenter)
{
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    frames(presenter, 300, 0);
}

static const struct {
    const char *name;
    void (*run)(struct presenter *presenter);
    bool extras; /* needs a presenter with them */
} tests[] = {
    {"picture", test_picture, false},
    {"cube", test_cube, false},
    {"acquire", test_acquire, false},
    {"resize", test_resize, false},
    {"hidden", test_hidden, false},
    {"vanish", test_vanish, false},
    {"killed", test_killed, false},
    {"rate", test_rate, false},
    {"extras", test_extras, true},
    {"timing", test_timing, true},
    {"modes", test_modes, true},
    {"unseen", test_unseen, true},
    {"dma-bufs", test_dma_bufs, true},
    {"no-dma-bufs", test_no_dma_bufs, true},
    {"explicit", test_explicit, true},
    {"implicit", test_implicit, true},
    {"shared-dma-bufs", test_shared_dma_bufs, true},
    {"at-once", test_at_once, true},
    {"at-once-waiting", test_at_once_waiting, true},
    {"at-once-paced", test_at_once_paced, true},
    {"feedback", test_feedback, true},
    {"colors", test_colors, true},
    {"no-colors", test_no_colors, true},
    {"direct", test_direct, true},
    {"kept", test_kept, true},
    {"alias", test_alias, true},
    {"storm", test_storm, true},
#ifdef VK_EXT_present_timing
    {"present-timing", test_present_timing, true},
#endif
};

static const struct window_ops *const windows[] = {
    &window_headless,
#if TEST_X11
    &window_xcb,
    &window_xlib,
#endif
#if TEST_WAYLAND
    &window_wayland,
#endif
};

int
main(int argc, char **argv)
{
    const struct window_ops *window_ops = NULL;
    const char *name = argc == 3 ? argv[2] : "";
    size_t test = 0;
    for (size_t i = 0; argc == 3 && i < BASE_COUNT_OF(windows); i++) {
        window_ops = strcmp(windows[i]->name, argv[1]) == 0 ? windows[i] : window_ops;
    }
    while (test < BASE_COUNT_OF(tests) && strcmp(tests[test].name, name) != 0) {
        test++;
    }
    if (!window_ops || test == BASE_COUNT_OF(tests)) {
        vkh_die("usage: presenting WINDOW TEST, and no such window or test in this build");
    }
    struct window *window = window_ops->open(300, 200);
    struct presenter presenter;
    presenter_open(&presenter, window, tests[test].extras,
                   strcmp(tests[test].name, "present-timing") == 0);
    tests[test].run(&presenter);
    presenter_close(&presenter);
    window->ops->close(window);
    return 0;
}
