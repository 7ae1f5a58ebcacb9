/* VK_EXT_present_timing: what the application wants to know of single frames, until it is known and
 * has been asked for. Older registries do not have it.
 *
 * All times are of CLOCK_MONOTONIC, in every domain that a swapchain has. Not locked: the
 * swapchain's lock guards it. */
#ifndef WSI_PRESENT_TIMING_H
#define WSI_PRESENT_TIMING_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct wsi_frame;
struct wsi_swapchain;

/* Where a window system's times of frames are taken. */
enum wsi_seen {
    WSI_SEEN_UNTOLD,  /* it tells none: frames count as presented when they are handed over */
    WSI_SEEN_OUT,     /* the first pixel leaves for the screen */
    WSI_SEEN_VISIBLE, /* it can be seen there */
};

#ifdef VK_EXT_present_timing

struct wsi_timing_record {
    uint32_t number; /* wsi_frame.timing_number */
    bool is_complete;
    uint64_t present_id, target, domain_id;
    VkPresentStageFlagsEXT stages; /* that were asked for */
    /* 0: the frame never came there, or nobody knows when. */
    uint64_t copied_ns, dequeued_ns, seen_ns;
};

struct wsi_timing_results {
    uint32_t room, count;
    struct wsi_timing_record *records; /* oldest first */
    uint32_t last_number;
    bool knows_refresh;
    uint64_t refreshes; /* how often the refresh has changed */
};

void wsi_results_finish(struct wsi_swapchain *swapchain);
/* Makes a record for the frame, if one is wanted, and gives it its wishes. False: no room. */
BASE_MUST_CHECK bool wsi_results_begin(struct wsi_timing_results *results, struct wsi_frame *frame,
                                       const VkPresentTimingInfoEXT *info);
/* The frame has been shown at that time, or never will be: 0. Only the first call for it counts. */
void wsi_results_complete(struct wsi_timing_results *results, const struct wsi_frame *frame,
                          uint64_t shown_ns);
void wsi_results_set_refresh(struct wsi_timing_results *results, bool has_changed);
/* For vkGetPhysicalDeviceSurfaceCapabilities2KHR. */
void wsi_get_timing_capabilities(enum wsi_seen seen, VkPresentTimingSurfaceCapabilitiesEXT *out);

#else

struct wsi_timing_results {
    bool none; /* as C wants a member */
};

static inline void
wsi_results_finish(struct wsi_swapchain *swapchain)
{
}

static inline void
wsi_results_complete(struct wsi_timing_results *results, const struct wsi_frame *frame,
                     uint64_t shown_ns)
{
}

static inline void
wsi_results_set_refresh(struct wsi_timing_results *results, bool has_changed)
{
}

#endif

#endif
