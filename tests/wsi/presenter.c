#include "tests/wsi/presenter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_FORMAT VK_FORMAT_B8G8R8A8_UNORM

#define WSI_DEFINE(name) PFN_##name name;
WSI_FUNCTIONS(WSI_DEFINE)
#undef WSI_DEFINE

/* Every pixel differs from its neighbours, and every picture from the others. */
static void
paint(uint8_t *pixels, VkExtent2D extent, uint32_t number)
{
    for (uint32_t y = 0; y < extent.height; y++) {
        for (uint32_t x = 0; x < extent.width; x++) {
            uint8_t *pixel = pixels + ((size_t)y * extent.width + x) * 4;
            pixel[0] = (uint8_t)x;
            pixel[1] = (uint8_t)y;
            pixel[2] = (uint8_t)(x / 256 + y / 256 + number * 7);
            pixel[3] = 0xff;
        }
    }
}

/* What is to be seen of that number. */
static void
draw_picture(const struct presenter *presenter, uint8_t *pixels, VkExtent2D extent, uint32_t number)
{
    if (presenter->own_picture) {
        memcpy(pixels, presenter->own_picture, (size_t)extent.width * extent.height * 4);
    } else {
        paint(pixels, extent, number);
    }
}

enum { LARGEST_PIXEL = 8 }; /* bytes */

#ifdef VK_EXT_present_timing
static VkPhysicalDevicePresentId2FeaturesKHR present_id2 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_2_FEATURES_KHR,
    .presentId2 = VK_TRUE,
};
static VkPhysicalDevicePresentTimingFeaturesEXT present_timing = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_TIMING_FEATURES_EXT,
    .pNext = &present_id2,
    .presentTiming = VK_TRUE,
    .presentAtAbsoluteTime = VK_TRUE,
};
#endif
static VkPhysicalDeviceSwapchainMaintenance1FeaturesEXT maintenance = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SWAPCHAIN_MAINTENANCE_1_FEATURES_EXT,
    .swapchainMaintenance1 = VK_TRUE,
};
static VkPhysicalDevicePresentIdFeaturesKHR present_id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR,
    .pNext = &maintenance,
    .presentId = VK_TRUE,
};
static VkPhysicalDevicePresentWaitFeaturesKHR present_wait = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR,
    .pNext = &present_id,
    .presentWait = VK_TRUE,
};

void
presenter_open(struct presenter *presenter, struct window *window, bool extras, bool timing)
{
#ifdef VK_EXT_present_timing
    maintenance.pNext = timing ? &present_timing : NULL;
#endif
    const char *const *more = window->ops->more_extensions;
    const char *instance_extensions[] = {
        VK_KHR_SURFACE_EXTENSION_NAME,
        window->ops->extension,
        extras ? VK_KHR_GET_SURFACE_CAPABILITIES_2_EXTENSION_NAME : more[0],
        extras ? VK_EXT_SURFACE_MAINTENANCE_1_EXTENSION_NAME : more[1],
        extras ? VK_EXT_SWAPCHAIN_COLOR_SPACE_EXTENSION_NAME : more[2],
        extras ? NULL : more[3],
        extras ? NULL : more[4],
        NULL,
    };
    const char *extensions[] = {
        VK_KHR_SWAPCHAIN_EXTENSION_NAME,
        extras ? VK_EXT_SWAPCHAIN_MAINTENANCE_1_EXTENSION_NAME : window->ops->device_extension,
        extras ? VK_KHR_SWAPCHAIN_MUTABLE_FORMAT_EXTENSION_NAME : NULL,
        VK_KHR_IMAGE_FORMAT_LIST_EXTENSION_NAME,
        VK_KHR_PRESENT_ID_EXTENSION_NAME,
        VK_KHR_PRESENT_WAIT_EXTENSION_NAME,
        VK_KHR_INCREMENTAL_PRESENT_EXTENSION_NAME,
        VK_GOOGLE_DISPLAY_TIMING_EXTENSION_NAME,
        VK_EXT_HDR_METADATA_EXTENSION_NAME,
#ifdef VK_EXT_present_timing
        timing ? VK_KHR_CALIBRATED_TIMESTAMPS_EXTENSION_NAME : NULL,
        VK_KHR_PRESENT_ID_2_EXTENSION_NAME,
        VK_EXT_PRESENT_TIMING_EXTENSION_NAME,
#endif
        NULL,
    };
    const struct vkh_gpu_info info = {
        .program = "presenting",
        .instance_extensions = instance_extensions,
        .extensions = extensions,
        .device_next = extras ? &present_wait : NULL,
    };
    *presenter = (struct presenter){.window = window};
    vkh_gpu_open(&presenter->gpu, &info);
#define WSI_GET(name) name = (PFN_##name)vkGetInstanceProcAddr(presenter->gpu.instance, #name);
    WSI_FUNCTIONS(WSI_GET)
#undef WSI_GET
    VkDevice device = presenter->gpu.device;
    presenter->surface = window->ops->create_surface(window, presenter->gpu.instance);
    VkBool32 supported = VK_FALSE;
    VKH_CHECK(vkGetPhysicalDeviceSurfaceSupportKHR(presenter->gpu.physical_device,
                                                   presenter->gpu.queue_family, presenter->surface,
                                                   &supported));
    if (!supported) {
        vkh_die("the queue family cannot present to a %s window", window->ops->name);
    }
    const VkSemaphoreCreateInfo semaphore_info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    };
    const VkFenceCreateInfo fence_info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
    };
    VKH_CHECK(vkCreateSemaphore(device, &semaphore_info, NULL, &presenter->acquired));
    VKH_CHECK(vkCreateFence(device, &fence_info, NULL, &presenter->fence));
}

void
presenter_close(struct presenter *presenter)
{
    VkDevice device = presenter->gpu.device;
    presenter_destroy_swapchain(presenter);
    vkDestroyFence(device, presenter->fence, NULL);
    vkDestroySemaphore(device, presenter->acquired, NULL);
    vkDestroySurfaceKHR(presenter->gpu.instance, presenter->surface, NULL);
    vkh_gpu_close(&presenter->gpu);
}

/* --- the swapchain --- */

static void
destroy_drawn(struct presenter *presenter)
{
    for (uint32_t i = 0; i < presenter->image_count; i++) {
        vkDestroySemaphore(presenter->gpu.device, presenter->drawn[i], NULL);
    }
    if (presenter->image_count > 0) {
        vkh_buffer_destroy(&presenter->gpu, &presenter->picture);
    }
    presenter->image_count = 0;
}

void
presenter_destroy_swapchain(struct presenter *presenter)
{
    VKH_CHECK(vkDeviceWaitIdle(presenter->gpu.device));
    destroy_drawn(presenter);
    vkDestroySwapchainKHR(presenter->gpu.device, presenter->swapchain, NULL);
    presenter->swapchain = VK_NULL_HANDLE;
}

static void
get_images(struct presenter *presenter)
{
    VkDevice device = presenter->gpu.device;
    const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    presenter->image_count = PRESENTER_MAX_IMAGES;
    VKH_CHECK(vkGetSwapchainImagesKHR(device, presenter->swapchain, &presenter->image_count,
                                      presenter->images));
    for (uint32_t i = 0; i < presenter->image_count; i++) {
        VKH_CHECK(vkCreateSemaphore(device, &info, NULL, &presenter->drawn[i]));
    }
    vkh_buffer_create(&presenter->gpu,
                      (VkDeviceSize)presenter->extent.width * presenter->extent.height *
                          LARGEST_PIXEL,
                      VK_BUFFER_USAGE_TRANSFER_SRC_BIT, VKH_MAPPED, &presenter->picture);
}

static bool
has_format(struct presenter *presenter)
{
    VkSurfaceFormatKHR formats[128];
    uint32_t count = BASE_COUNT_OF(formats);
    VKH_CHECK(vkGetPhysicalDeviceSurfaceFormatsKHR(presenter->gpu.physical_device,
                                                   presenter->surface, &count, formats));
    for (uint32_t i = 0; i < count; i++) {
        if (formats[i].format == presenter->format &&
            formats[i].colorSpace == presenter->color_space) {
            return true;
        }
    }
    return false;
}

VkResult
presenter_create_swapchain(struct presenter *presenter, VkPresentModeKHR mode)
{
    VkPhysicalDevice physical_device = presenter->gpu.physical_device;
    VkSurfaceCapabilitiesKHR capabilities;
    VkResult result = vkGetPhysicalDeviceSurfaceCapabilitiesKHR(physical_device, presenter->surface,
                                                                &capabilities);
    if (result != VK_SUCCESS) {
        return result;
    }
    presenter->format = presenter->format ? presenter->format : DEFAULT_FORMAT;
    if (!has_format(presenter)) {
        vkh_die("the %s window does not take format %d in colour space %d",
                presenter->window->ops->name, presenter->format, presenter->color_space);
    }
    presenter->min_images = capabilities.minImageCount;
    presenter->extent = capabilities.currentExtent;
    if (presenter->extent.width == UINT32_MAX) {
        presenter->extent = (VkExtent2D){presenter->window->width, presenter->window->height};
    }
    VkSwapchainKHR old = presenter->swapchain;
    const VkSwapchainCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
        .pNext = presenter->swapchain_next,
        .flags = presenter->swapchain_flags,
        .surface = presenter->surface,
        .minImageCount = capabilities.minImageCount + 1,
        .imageFormat = presenter->format,
        .imageColorSpace = presenter->color_space,
        .imageExtent = presenter->extent,
        .imageArrayLayers = 1,
        .imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
        .preTransform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
        .compositeAlpha = capabilities.supportedCompositeAlpha & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                              ? VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                              : VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR,
        .presentMode = mode,
        .clipped = VK_TRUE,
        .oldSwapchain = old,
    };
    presenter->mode = mode;
    result = vkCreateSwapchainKHR(presenter->gpu.device, &info, NULL, &presenter->swapchain);
    if (old) {
        VKH_CHECK(vkDeviceWaitIdle(presenter->gpu.device));
        destroy_drawn(presenter);
        vkDestroySwapchainKHR(presenter->gpu.device, old, NULL);
    }
    if (result == VK_SUCCESS) {
        get_images(presenter);
    } else {
        presenter->swapchain = VK_NULL_HANDLE;
    }
    return result;
}

/* --- frames --- */

static VkCommandBuffer
record(struct presenter *presenter, uint32_t image)
{
    VkCommandBuffer commands = vkh_begin(&presenter->gpu);
    const VkBufferImageCopy region = {
        .imageSubresource = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .layerCount = 1},
        .imageExtent = {presenter->extent.width, presenter->extent.height, 1},
    };
    vkh_image_barrier(commands, presenter->images[image], VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, 0, VK_PIPELINE_STAGE_TRANSFER_BIT,
                      VK_ACCESS_TRANSFER_WRITE_BIT);
    vkCmdCopyBufferToImage(commands, presenter->picture.buffer, presenter->images[image],
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
    vkh_image_barrier(commands, presenter->images[image], VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                      VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0);
    VKH_CHECK(vkEndCommandBuffer(commands));
    return commands;
}

VkResult
presenter_draw(struct presenter *presenter, uint32_t image, uint32_t number)
{
    VkDevice device = presenter->gpu.device;
    draw_picture(presenter, presenter->picture.map, presenter->extent, number);
    VkCommandBuffer commands = record(presenter, image);
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &presenter->acquired,
        .pWaitDstStageMask = &stage,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &presenter->drawn[image],
    };
    VKH_CHECK(vkQueueSubmit(presenter->gpu.queue, 1, &submit, presenter->fence));
    const VkPresentInfoKHR present = {
        .sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
        .pNext = presenter->present_next,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &presenter->drawn[image],
        .swapchainCount = 1,
        .pSwapchains = &presenter->swapchain,
        .pImageIndices = &image,
    };
    VkResult result = vkQueuePresentKHR(presenter->gpu.queue, &present);
    if (presenter->presented) {
        presenter->presented(presenter);
    }
    VKH_CHECK(vkWaitForFences(device, 1, &presenter->fence, VK_TRUE, UINT64_MAX));
    VKH_CHECK(vkResetFences(device, 1, &presenter->fence));
    vkFreeCommandBuffers(device, presenter->gpu.pool, 1, &commands);
    return result;
}

VkResult
presenter_frame(struct presenter *presenter, uint32_t number)
{
    uint32_t image;
    VkResult acquired =
        vkAcquireNextImageKHR(presenter->gpu.device, presenter->swapchain, PRESENTER_PATIENCE_NS,
                              presenter->acquired, VK_NULL_HANDLE, &image);
    if (acquired < 0) {
        return acquired;
    }
    VkResult presented = presenter_draw(presenter, image, number);
    return presented == VK_SUCCESS ? acquired : presented;
}

/* --- what can be seen --- */

void
presenter_draw_cube(struct presenter *presenter, VkExtent2D extent, struct demo_picture *out)
{
    const struct demo_cube_info info = {extent.width, extent.height, 4};
    struct demo_cube_figures figures;
    demo_cube_render(&presenter->gpu, &info, out, &figures);
    for (size_t i = 0; i < (size_t)extent.width * extent.height; i++) { /* to BGRX */
        uint8_t *pixel = out->rgba + i * 4, red = pixel[0];
        pixel[0] = pixel[2];
        pixel[2] = red;
    }
}

/* The first pixel that differs; alpha does not count. -1: none. */
static long
find_difference(const uint8_t *seen, const uint8_t *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(seen + i * 4, wanted + i * 4, 3) != 0) {
            return (long)i;
        }
    }
    return -1;
}

bool
presenter_is_shown(struct presenter *presenter, uint32_t number)
{
    struct window *window = presenter->window;
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    size_t count = (size_t)window->width * window->height;
    uint8_t *seen = calloc(count, 4), *wanted = calloc(count, 4);
    long different = 0;

    if (!seen || !wanted) {
        vkh_die("out of memory for two pictures");
    }
    draw_picture(presenter, wanted, (VkExtent2D){window->width, window->height}, number);
    for (int i = 0; i < 500 && different >= 0; i++) { /* ten seconds: machines may be busy */
        nanosleep(&pause, NULL);
        different = window->ops->read(window, seen) ? find_difference(seen, wanted, count) : 0;
    }
    if (different >= 0) {
        const uint8_t *s = seen + different * 4, *w = wanted + different * 4;
        fprintf(stderr, "picture %u: at %ld, %ld is %02x%02x%02x, expected %02x%02x%02x\n", number,
                different % window->width, different / window->width, s[2], s[1], s[0], w[2], w[1],
                w[0]);
    }
    free(seen);
    free(wanted);
    return different < 0;
}
