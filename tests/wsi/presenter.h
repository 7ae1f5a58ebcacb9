/* Draws pictures that are known to the last bit into a window. One thread. */
#ifndef TEST_WSI_PRESENTER_H
#define TEST_WSI_PRESENTER_H

#include "tests/wsi/window.h"
#include "tools/demo/demo.h"
#include "tools/vkh/vkh.h"

/* Vulkan's functions for windows, which vkh does not have. */
#define WSI_FUNCTIONS(X)                                                                           \
    X(vkAcquireNextImageKHR)                                                                       \
    X(vkCreateSwapchainKHR)                                                                        \
    X(vkDestroySurfaceKHR)                                                                         \
    X(vkDestroySwapchainKHR)                                                                       \
    X(vkGetPhysicalDeviceSurfaceCapabilities2KHR)                                                  \
    X(vkGetPhysicalDeviceSurfaceCapabilitiesKHR)                                                   \
    X(vkGetPhysicalDeviceSurfaceFormatsKHR)                                                        \
    X(vkGetPhysicalDeviceSurfacePresentModesKHR)                                                   \
    X(vkGetPhysicalDeviceSurfaceSupportKHR)                                                        \
    X(vkGetPastPresentationTimingGOOGLE)                                                           \
    X(vkGetRefreshCycleDurationGOOGLE)                                                             \
    X(vkGetSwapchainImagesKHR)                                                                     \
    X(vkQueuePresentKHR)                                                                           \
    X(vkReleaseSwapchainImagesEXT)                                                                 \
    X(vkSetHdrMetadataEXT)                                                                         \
    X(vkWaitForPresentKHR)
#define WSI_DECLARE(name) extern PFN_##name name;
WSI_FUNCTIONS(WSI_DECLARE)
#undef WSI_DECLARE

enum { PRESENTER_MAX_IMAGES = 8 };

/* As good as for ever, of which validation layers of 2023 think ill: they do not know that images
 * can be given back. */
#define PRESENTER_PATIENCE_NS (UINT64_C(60) * 1000000000)

struct presenter {
    struct vkh_gpu gpu;
    struct window *window;
    VkSurfaceKHR surface;
    VkSwapchainKHR swapchain;
    VkPresentModeKHR mode;
    uint32_t min_images; /* of the surface */
    VkExtent2D extent;
    uint32_t image_count;
    VkImage images[PRESENTER_MAX_IMAGES];
    VkSemaphore drawn[PRESENTER_MAX_IMAGES];
    VkSemaphore acquired; /* of the frame that is being drawn */
    VkFence fence;
    struct vkh_buffer picture;
    const uint8_t *own_picture; /* drawn instead of the numbered ones: BGRX, of the extent */

    /* For the next swapchain and the next frames. */
    VkFormat format; /* VK_FORMAT_UNDEFINED: B8G8R8A8_UNORM, which pictures are for */
    VkColorSpaceKHR color_space;
    VkSwapchainCreateFlagsKHR swapchain_flags;
    const void *swapchain_next, *present_next;
    void (*presented)(struct presenter *presenter); /* called when vkQueuePresentKHR has returned */
};

/* `extras`: with the extensions that tests/wsi/extras.c is about; `timing`: and those of
 * present_timing.c, which validation layers of 2023 do not know. */
void presenter_open(struct presenter *presenter, struct window *window, bool extras, bool timing);
void presenter_close(struct presenter *presenter);

/* Makes a swapchain of the window's size, out of the old one if there is one. */
VkResult presenter_create_swapchain(struct presenter *presenter, VkPresentModeKHR mode);
void presenter_destroy_swapchain(struct presenter *presenter);

/* Acquires an image, draws the picture of that number and presents it: the worst result of the
 * two. */
VkResult presenter_frame(struct presenter *presenter, uint32_t number);
/* Draws into an image that was acquired with `acquired`, and presents it. */
VkResult presenter_draw(struct presenter *presenter, uint32_t image, uint32_t number);

/* The cube of `vesper demo`, drawn off-screen, for `own_picture`; the caller finishes it. */
void presenter_draw_cube(struct presenter *presenter, VkExtent2D extent, struct demo_picture *out);

/* Whether the window shows the picture of that number, or `own_picture`, exactly, within some
 * seconds. */
bool presenter_is_shown(struct presenter *presenter, uint32_t number);

#endif
