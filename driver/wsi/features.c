#include "driver/wsi/features.h"

#include <vulkan/vulkan_core.h>

#include "base/log.h"
#include "driver/wsi/timelines.h"

#if DRV_WSI_X11
#define X11 "X11 (DRI3 where host and server exchange dma-bufs, else MIT-SHM), "
#else
#define X11 ""
#endif
#if DRV_WSI_WAYLAND
#define WAYLAND "Wayland (dma-bufs where host and compositor exchange them, else wl_shm), "
#else
#define WAYLAND ""
#endif
#if DRV_WSI_DISPLAY
#define DISPLAYS "displays (KMS), "
#else
#define DISPLAYS ""
#endif

void
wsi_explain_road(void)
{
    if (!base_log_enabled(BASE_LOG_DEBUG)) {
        return; /* nodes are opened for it */
    }
    const char *obstacle = wsi_timelines_find_obstacle();
    base_log_debug("windows: " X11 WAYLAND DISPLAYS
                   "headless; at most one copy of each frame on the GPU, into shared memory or a "
                   "dma-buf, none where both sides know the same modifiers; %s%s",
                   obstacle ? "no explicit synchronisation of dma-bufs: "
                            : "explicit synchronisation of dma-bufs where the window system has it",
                   obstacle ? obstacle : "");
}

void
wsi_get_features(void *chain)
{
    for (VkBaseOutStructure *at = chain; at; at = at->pNext) {
        switch ((int)at->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SWAPCHAIN_MAINTENANCE_1_FEATURES_EXT:
            ((VkPhysicalDeviceSwapchainMaintenance1FeaturesEXT *)at)->swapchainMaintenance1 =
                VK_TRUE;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_FEATURES_KHR:
            ((VkPhysicalDevicePresentIdFeaturesKHR *)at)->presentId = VK_TRUE;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_FEATURES_KHR:
            ((VkPhysicalDevicePresentWaitFeaturesKHR *)at)->presentWait = VK_TRUE;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_MODE_FIFO_LATEST_READY_FEATURES_EXT:
            ((VkPhysicalDevicePresentModeFifoLatestReadyFeaturesEXT *)at)
                ->presentModeFifoLatestReady = VK_TRUE;
            break;
#ifdef VK_KHR_present_id2
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_ID_2_FEATURES_KHR:
            ((VkPhysicalDevicePresentId2FeaturesKHR *)at)->presentId2 = VK_TRUE;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_WAIT_2_FEATURES_KHR:
            ((VkPhysicalDevicePresentWait2FeaturesKHR *)at)->presentWait2 = VK_TRUE;
            break;
#endif
#ifdef VK_EXT_present_timing
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PRESENT_TIMING_FEATURES_EXT:
            ((VkPhysicalDevicePresentTimingFeaturesEXT *)at)->presentTiming = VK_TRUE;
            ((VkPhysicalDevicePresentTimingFeaturesEXT *)at)->presentAtAbsoluteTime = VK_TRUE;
            ((VkPhysicalDevicePresentTimingFeaturesEXT *)at)->presentAtRelativeTime = VK_FALSE;
            break;
#endif
        default: break;
        }
    }
}
