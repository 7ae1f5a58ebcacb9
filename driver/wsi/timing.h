/* When frames were on the screen, and when they are due: VK_GOOGLE_display_timing.
 *
 * Times are of CLOCK_MONOTONIC, in nanoseconds. Not locked: the swapchain's lock guards it. */
#ifndef WSI_TIMING_H
#define WSI_TIMING_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

struct wsi_frame;

enum {
    WSI_TIMING_KEPT = 64,           /* frames that an application has not asked about yet */
    WSI_NOMINAL_REFRESH = 16666667, /* nanoseconds: 60 Hz, until the window system tells */
};

struct wsi_timing {
    uint64_t refresh_ns;    /* from frame to frame of the screen */
    uint64_t last_shown_ns; /* 0: no frame was shown, or nobody knows when */
    /* A ring buffer, oldest first. */
    uint32_t first, count;
    VkPastPresentationTimingGOOGLE past[WSI_TIMING_KEPT];
};

void wsi_timing_init(struct wsi_timing *timing);
/* The frame is on the screen since then. The oldest one that nobody asked about is forgotten when
 * there are too many. */
void wsi_timing_add(struct wsi_timing *timing, const struct wsi_frame *frame, uint64_t shown_ns);
/* When a frame has to be handed over to be seen not before `desired_ns` and as soon as possible
 * after it. */
uint64_t wsi_timing_due(const struct wsi_timing *timing, uint64_t desired_ns);
/* As vkGetPastPresentationTimingGOOGLE; what is given out is forgotten. */
VkResult wsi_timing_take(struct wsi_timing *timing, uint32_t *count,
                         VkPastPresentationTimingGOOGLE *out);

#endif
