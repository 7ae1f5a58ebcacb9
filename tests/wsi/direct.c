/* What is different when the window system reads the application's images themselves, and must not
 * be seen to be. */
#include "tests/wsi/direct.h"

static uint32_t
acquire(struct presenter *presenter, VkSemaphore semaphore, VkFence fence)
{
    uint32_t image;
    VKH_CHECK(vkAcquireNextImageKHR(presenter->gpu.device, presenter->swapchain,
                                    PRESENTER_PATIENCE_NS, semaphore, fence, &image));
    if (fence) {
        VKH_CHECK(vkWaitForFences(presenter->gpu.device, 1, &fence, VK_TRUE, UINT64_MAX));
        VKH_CHECK(vkResetFences(presenter->gpu.device, 1, &fence));
    }
    return image;
}

static void
present(struct presenter *presenter, uint32_t image, VkSemaphore semaphore)
{
    const VkPresentInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
        .waitSemaphoreCount = semaphore ? 1 : 0,
        .pWaitSemaphores = &semaphore,
        .swapchainCount = 1,
        .pSwapchains = &presenter->swapchain,
        .pImageIndices = &image,
    };
    VKH_CHECK(vkQueuePresentKHR(presenter->gpu.queue, &info));
}

/* Uses the image without changing it, behind `acquired` if that is not null. */
static void
touch(struct presenter *presenter, uint32_t image, VkSemaphore acquired)
{
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    VkCommandBuffer commands = vkh_begin(&presenter->gpu);
    vkh_image_barrier(commands, presenter->images[image], VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_PRESENT_SRC_KHR, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, stage,
                      0, stage, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_image_barrier(commands, presenter->images[image], VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR, stage,
                      VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0);
    VKH_CHECK(vkEndCommandBuffer(commands));
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .waitSemaphoreCount = acquired ? 1 : 0,
        .pWaitSemaphores = &acquired,
        .pWaitDstStageMask = &stage,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &presenter->drawn[image],
    };
    VKH_CHECK(vkQueueSubmit(presenter->gpu.queue, 1, &submit, presenter->fence));
    present(presenter, image, presenter->drawn[image]);
    VKH_CHECK(vkWaitForFences(presenter->gpu.device, 1, &presenter->fence, VK_TRUE, UINT64_MAX));
    VKH_CHECK(vkResetFences(presenter->gpu.device, 1, &presenter->fence));
    vkFreeCommandBuffers(presenter->gpu.device, presenter->gpu.pool, 1, &commands);
}

/* Each image shows the picture of its own number. */
static void
draw_all(struct presenter *presenter)
{
    uint32_t drawn = 0;
    while (drawn != (1u << presenter->image_count) - 1) {
        uint32_t image = acquire(presenter, presenter->acquired, VK_NULL_HANDLE);
        VKH_CHECK(presenter_draw(presenter, image, image));
        drawn |= 1u << image;
    }
}

void
test_kept(struct presenter *presenter)
{
    enum { WAYS = 4 };
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    draw_all(presenter);
    for (uint32_t i = 0; i < 3 * WAYS; i++) {
        bool by_fence = i % 2;
        uint32_t image = acquire(presenter, by_fence ? VK_NULL_HANDLE : presenter->acquired,
                                 by_fence ? presenter->fence : VK_NULL_HANDLE);
        VkSemaphore semaphore = by_fence ? VK_NULL_HANDLE : presenter->acquired;
        if (i % WAYS < 2) {
            touch(presenter, image, semaphore);
        } else {
            present(presenter, image, semaphore);
        }
        vkh_expect(presenter_is_shown(presenter, image), "the window does not show what was kept");
    }
}

void
test_alias(struct presenter *presenter)
{
    VkDevice device = presenter->gpu.device;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    const VkImageSwapchainCreateInfoKHR of = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_SWAPCHAIN_CREATE_INFO_KHR,
        .swapchain = presenter->swapchain,
    };
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = &of,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_B8G8R8A8_UNORM,
        .extent = {presenter->extent.width, presenter->extent.height, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
    };
    for (uint32_t i = 0; i < presenter->image_count; i++) {
        const VkBindImageMemorySwapchainInfoKHR image = {
            .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_SWAPCHAIN_INFO_KHR,
            .swapchain = presenter->swapchain,
            .imageIndex = i,
        };
        VkBindImageMemoryInfo bind = {
            .sType = VK_STRUCTURE_TYPE_BIND_IMAGE_MEMORY_INFO,
            .pNext = &image,
        };
        VKH_CHECK(vkCreateImage(device, &info, NULL, &bind.image));
        VKH_CHECK(vkBindImageMemory2(device, 1, &bind));
        VKH_CHECK(presenter_frame(presenter, i));
        vkDestroyImage(device, bind.image, NULL);
    }
    VKH_CHECK(presenter_frame(presenter, presenter->image_count));
    vkh_expect(presenter_is_shown(presenter, presenter->image_count),
               "the window does not show the last picture");
}

void
test_storm(struct presenter *presenter)
{
    enum { STEPS = 40 };
    struct window *window = presenter->window;
    for (uint32_t i = 0; i < STEPS; i++) {
        window->width = 40 + i * 37 % 300;
        window->height = 30 + i * 53 % 200;
        VkPresentModeKHR mode = i % 2 ? VK_PRESENT_MODE_FIFO_KHR : VK_PRESENT_MODE_MAILBOX_KHR;
        VKH_CHECK(presenter_create_swapchain(presenter, mode));
        for (uint32_t j = 0; j < 3; j++) {
            VKH_CHECK(presenter_frame(presenter, i + j));
        }
    }
    vkh_expect(presenter_is_shown(presenter, STEPS + 1),
               "the window does not show the last picture");
}
