/* The extensions around swapchains: modes, ids, fences and regions of single frames, views of other
 * formats, images that are given back. Not natively: Debian 12's lavapipe has few of them. */
#include <stdio.h>

#include "tests/wsi/extras.h"

static void
test_capabilities(struct presenter *presenter)
{
    VkPhysicalDevice physical_device = presenter->gpu.physical_device;
    VkSurfacePresentModeEXT mode = {
        .sType = VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_EXT,
        .presentMode = VK_PRESENT_MODE_FIFO_KHR,
    };
    const VkPhysicalDeviceSurfaceInfo2KHR info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SURFACE_INFO_2_KHR,
        .pNext = &mode,
        .surface = presenter->surface,
    };
    VkPresentModeKHR modes[8];
    VkSurfacePresentModeCompatibilityEXT compatibility = {
        .sType = VK_STRUCTURE_TYPE_SURFACE_PRESENT_MODE_COMPATIBILITY_EXT,
        .presentModeCount = BASE_COUNT_OF(modes),
        .pPresentModes = modes,
    };
    VkSurfacePresentScalingCapabilitiesEXT scaling = {
        .sType = VK_STRUCTURE_TYPE_SURFACE_PRESENT_SCALING_CAPABILITIES_EXT,
        .pNext = &compatibility,
    };
    VkSurfaceCapabilities2KHR two = {
        .sType = VK_STRUCTURE_TYPE_SURFACE_CAPABILITIES_2_KHR,
        .pNext = &scaling,
    };
    VkSurfaceCapabilitiesKHR one;
    VKH_CHECK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(physical_device, presenter->surface, &one));
    VKH_CHECK(vkGetPhysicalDeviceSurfaceCapabilities2KHR(physical_device, &info, &two));
    vkh_expect(two.surfaceCapabilities.minImageCount == one.minImageCount &&
                   two.surfaceCapabilities.currentExtent.width == one.currentExtent.width,
               "both questions about capabilities have the same answer");
    vkh_expect(compatibility.presentModeCount > 0, "FIFO is compatible with itself at least");
    vkh_expect(scaling.maxScaledImageExtent.width >= one.minImageExtent.width,
               "scaled images may be as large as others");
}

static VkSwapchainKHR
create_swapchain(struct presenter *presenter)
{
    static const VkFormat formats[] = {VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_B8G8R8A8_SRGB};
    static const VkPresentModeKHR modes[] = {VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_MAILBOX_KHR};
    VkSwapchainPresentModesCreateInfoEXT mode_list = {
        .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODES_CREATE_INFO_EXT,
        .presentModeCount = BASE_COUNT_OF(modes),
        .pPresentModes = modes,
    };
    VkImageFormatListCreateInfo format_list = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
        .pNext = &mode_list,
        .viewFormatCount = BASE_COUNT_OF(formats),
        .pViewFormats = formats,
    };
    presenter->swapchain_flags = VK_SWAPCHAIN_CREATE_MUTABLE_FORMAT_BIT_KHR;
    presenter->swapchain_next = &format_list;
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    presenter->swapchain_next = NULL;
    return presenter->swapchain;
}

static void
test_view(struct presenter *presenter)
{
    const VkImageViewCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = presenter->images[0],
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = VK_FORMAT_B8G8R8A8_SRGB,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    VkImageView view;
    VKH_CHECK(vkCreateImageView(presenter->gpu.device, &info, NULL, &view));
    vkDestroyImageView(presenter->gpu.device, view, NULL);
}

static void
test_release(struct presenter *presenter)
{
    VkDevice device = presenter->gpu.device;
    uint32_t index;
    for (uint32_t i = 0; i < 3 * presenter->image_count; i++) {
        VKH_CHECK(vkAcquireNextImageKHR(device, presenter->swapchain, PRESENTER_PATIENCE_NS,
                                        VK_NULL_HANDLE, presenter->fence, &index));
        VKH_CHECK(vkWaitForFences(device, 1, &presenter->fence, VK_TRUE, UINT64_MAX));
        VKH_CHECK(vkResetFences(device, 1, &presenter->fence));
        const VkReleaseSwapchainImagesInfoEXT info = {
            .sType = VK_STRUCTURE_TYPE_RELEASE_SWAPCHAIN_IMAGES_INFO_EXT,
            .swapchain = presenter->swapchain,
            .imageIndexCount = 1,
            .pImageIndices = &index,
        };
        VKH_CHECK(vkReleaseSwapchainImagesEXT(device, &info));
    }
}

static void
test_frames(struct presenter *presenter)
{
    enum { FRAMES = 12 };
    VkDevice device = presenter->gpu.device;
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    VKH_CHECK(vkCreateFence(device, &fence_info, NULL, &fence));
    for (uint64_t id = 1; id <= FRAMES; id++) {
        VkPresentModeKHR mode = id % 4 < 2 ? VK_PRESENT_MODE_FIFO_KHR : VK_PRESENT_MODE_MAILBOX_KHR;
        const VkRectLayerKHR rects[] = {
            {{0, 0}, presenter->extent, 0},
            {{2, 3}, {5, 7}, 0},
        };
        const VkPresentRegionKHR region = {BASE_COUNT_OF(rects), rects};
        VkPresentRegionsKHR regions = {
            .sType = VK_STRUCTURE_TYPE_PRESENT_REGIONS_KHR,
            .swapchainCount = 1,
            .pRegions = &region,
        };
        VkPresentIdKHR ids = {
            .sType = VK_STRUCTURE_TYPE_PRESENT_ID_KHR,
            .pNext = &regions,
            .swapchainCount = 1,
            .pPresentIds = &id,
        };
        VkSwapchainPresentModeInfoEXT modes = {
            .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_MODE_INFO_EXT,
            .pNext = &ids,
            .swapchainCount = 1,
            .pPresentModes = &mode,
        };
        VkSwapchainPresentFenceInfoEXT fences = {
            .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_PRESENT_FENCE_INFO_EXT,
            .pNext = &modes,
            .swapchainCount = 1,
            .pFences = &fence,
        };
        presenter->present_next = &fences;
        VKH_CHECK(presenter_frame(presenter, (uint32_t)id));
        VKH_CHECK(vkWaitForFences(device, 1, &fence, VK_TRUE, UINT64_MAX));
        VKH_CHECK(vkResetFences(device, 1, &fence));
        if (id % 3 == 0) {
            VKH_CHECK(vkWaitForPresentKHR(device, presenter->swapchain, id, UINT64_MAX));
        }
    }
    presenter->present_next = NULL;
    VKH_CHECK(vkWaitForPresentKHR(device, presenter->swapchain, FRAMES, UINT64_MAX));
    vkh_expect(vkWaitForPresentKHR(device, presenter->swapchain, FRAMES + 1, 1000000) == VK_TIMEOUT,
               "a frame that was never presented is not waited for in vain");
    vkDestroyFence(device, fence, NULL);
    if (presenter->window->ops->read) {
        vkh_expect(presenter_is_shown(presenter, FRAMES),
                   "the window does not show the last picture");
    }
}

void
test_extras(struct presenter *presenter)
{
    test_capabilities(presenter);
    create_swapchain(presenter);
    test_view(presenter);
    test_release(presenter);
    test_frames(presenter);
}
