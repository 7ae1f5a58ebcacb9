#include "tests/wsi/at_once.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "tests/wsi/compositor/screen.h"

enum { FRAMES = 12 };

static const struct screen *
screen_of(struct presenter *presenter)
{
    const struct window_ops *ops = presenter->window->ops;
    const struct screen *screen = ops->screen ? ops->screen(presenter->window) : NULL;
    vkh_expect(screen, "this test needs the compositor of tests/wsi/compositor");
    return screen;
}

/* --- what the compositor has read when it has read all that was asked before and after --- */

static uint32_t committed_before, at_once;
static bool drawn;

/* What is asked now comes behind the frame, or before it. */
static void
look(struct presenter *presenter)
{
    presenter->window->ops->settle(presenter->window);
    at_once += atomic_load(&screen_of(presenter)->committed) - committed_before;
    drawn = vkGetFenceStatus(presenter->gpu.device, presenter->fence) == VK_SUCCESS;
}

/* Whether the frame was committed when vkQueuePresentKHR returned. */
static bool
present(struct presenter *presenter, uint32_t number)
{
    const uint64_t id = number + 1;
    const VkPresentIdKHR ids = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_ID_KHR,
        .swapchainCount = 1,
        .pPresentIds = &id,
    };
    at_once = 0;
    committed_before = atomic_load(&screen_of(presenter)->committed);
    presenter->present_next = &ids;
    presenter->presented = look;
    VKH_CHECK(presenter_frame(presenter, number));
    presenter->presented = NULL;
    presenter->present_next = NULL;
    return at_once == 1;
}

static void
wait_for(struct presenter *presenter, uint32_t number)
{
    VKH_CHECK(vkWaitForPresentKHR(presenter->gpu.device, presenter->swapchain, number + 1,
                                  PRESENTER_PATIENCE_NS));
}

/* --- every frame --- */

static void
test_mode(struct presenter *presenter, VkPresentModeKHR mode)
{
    VKH_CHECK(presenter_create_swapchain(presenter, mode));
    for (uint32_t i = 0; i < FRAMES; i++) {
        if (!present(presenter, i)) {
            vkh_die("mode %d: frame %u was not committed when vkQueuePresentKHR returned", mode, i);
        }
    }
    wait_for(presenter, FRAMES - 1);
    vkh_expect(presenter_is_shown(presenter, FRAMES - 1),
               "the window does not show the last picture");
}

/* Work that keeps the queue busy: what is submitted behind it is not done before it is. */
static VkCommandBuffer
record_work(struct presenter *presenter, struct vkh_buffer *buffer, uint32_t amount)
{
    VkCommandBuffer commands = vkh_begin(&presenter->gpu);
    for (uint32_t i = 0; i < amount; i++) {
        vkCmdFillBuffer(commands, buffer->buffer, 0, VK_WHOLE_SIZE, i);
    }
    VKH_CHECK(vkEndCommandBuffer(commands));
    return commands;
}

/* A frame that is not even drawn yet: the compositor has it, and waits for it. False: it was drawn
 * before we could look. */
static bool
present_undrawn(struct presenter *presenter, struct vkh_buffer *buffer, uint32_t amount)
{
    const struct screen *screen = screen_of(presenter);
    VkCommandBuffer commands = record_work(presenter, buffer, amount);
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    uint32_t early = atomic_load(&screen->early);
    VKH_CHECK(vkQueueSubmit(presenter->gpu.queue, 1, &submit, VK_NULL_HANDLE));
    vkh_expect(present(presenter, amount), "an undrawn frame was not committed");
    bool undrawn = !drawn;
    vkh_expect(!undrawn || atomic_load(&screen->early) == early + 1,
               "a frame that is not drawn can be read already");
    wait_for(presenter, amount);
    vkh_expect(presenter_is_shown(presenter, amount), "the window does not show the late picture");
    vkFreeCommandBuffers(presenter->gpu.device, presenter->gpu.pool, 1, &commands);
    return undrawn;
}

static void
test_undrawn(struct presenter *presenter)
{
    enum { SIZE = 16 << 20, LEAST = 16, MOST = 1024 };
    struct vkh_buffer buffer;
    vkh_buffer_create(&presenter->gpu, SIZE, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    uint32_t amount = LEAST;
    while (!present_undrawn(presenter, &buffer, amount)) {
        amount *= 2;
        vkh_expect(amount <= MOST, "whatever it has to do, the GPU is done before we can look");
    }
    printf("%u fills took longer than presenting\n", amount);
    VKH_CHECK(vkDeviceWaitIdle(presenter->gpu.device));
    vkh_buffer_destroy(&presenter->gpu, &buffer);
}

/* The application's own commits, which come behind its frames: between a frame's buffer and its
 * points they would end the connection. */
static void
test_own_commits(struct presenter *presenter)
{
    enum { MANY = 200 };
    struct window *window = presenter->window;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_MAILBOX_KHR));
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t image;
        VKH_CHECK(vkAcquireNextImageKHR(presenter->gpu.device, presenter->swapchain,
                                        PRESENTER_PATIENCE_NS, presenter->acquired, VK_NULL_HANDLE,
                                        &image));
        window->ops->commit(window);
        VKH_CHECK(presenter_draw(presenter, image, i));
        window->ops->commit(window);
    }
    window->ops->settle(window);
    vkh_expect(atomic_load(&screen_of(presenter)->own_commits) >= 2 * MANY,
               "the compositor has not seen the application's own commits");
    vkh_expect(presenter_is_shown(presenter, MANY - 1),
               "the window does not show the last picture");
}

static void
test_modes_at_once(struct presenter *presenter)
{
    test_mode(presenter, VK_PRESENT_MODE_FIFO_KHR);
    test_mode(presenter, VK_PRESENT_MODE_MAILBOX_KHR);
    test_mode(presenter, VK_PRESENT_MODE_IMMEDIATE_KHR);
    test_own_commits(presenter);
}

void
test_at_once(struct presenter *presenter)
{
    test_modes_at_once(presenter);
    test_undrawn(presenter);
}

void
test_at_once_waiting(struct presenter *presenter)
{
    test_modes_at_once(presenter);
    vkh_expect(atomic_load(&screen_of(presenter)->early) == 0, "a frame came before it was drawn");
}

/* --- some frames --- */

/* The first frame waits for no other; of those that come at once behind it, no two can be committed
 * before the compositor has come to the first, which is at a refresh. Once it has come to all, the
 * next waits for none again: the driver hears of it a moment after we do. */
void
test_at_once_paced(struct presenter *presenter)
{
    const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    uint32_t count = 0;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    vkh_expect(present(presenter, 0), "the first frame was not committed at once");
    for (uint32_t i = 1; i <= FRAMES; i++) {
        wait_for(presenter, i - 1);
        nanosleep(&moment, NULL);
        count += present(presenter, i);
    }
    printf("%u of %d frames were committed at once\n", count, FRAMES);
    vkh_expect(count >= FRAMES / 2, "frames that wait for no other are not committed at once");
    vkh_expect(presenter_is_shown(presenter, FRAMES), "the window does not show the last picture");
}
