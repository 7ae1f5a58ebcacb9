/* VkSurfaceKHR: a window of some window system, and what it takes.
 *
 * Each window system has a file that describes windows (struct wsi_surface_ops) and shows frames in
 * them (struct wsi_target_ops); the rest is common. Any thread may ask about a surface. */
#ifndef WSI_SURFACE_H
#define WSI_SURFACE_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/object.h"
#include "driver/wsi/modifiers.h"
#include "driver/wsi/present_timing.h"
#include "driver/wsi/road.h"

struct drv_instance;
struct wsi_pixels;
struct wsi_surface;
struct wsi_swapchain;
struct wsi_target;

enum {
    WSI_MAX_IMAGES = 32, /* of a swapchain */
    WSI_MAX_FORMATS = 128,
    WSI_MAX_MODES = 8,
};

/* What a window is like at the moment. */
struct wsi_window {
    VkExtent2D extent; /* UINT32_MAX: as large as the swapchain's images are */
    VkCompositeAlphaFlagsKHR alpha;
    VkSurfaceCounterFlagsEXT counters;
    enum wsi_seen seen;  /* when frames are, as times tell */
    uint32_t min_images; /* that a swapchain needs in order not to stall */
    uint32_t format_count, mode_count;
    VkFormat formats[WSI_MAX_FORMATS];             /* the window system's order of preference */
    VkColorSpaceKHR color_spaces[WSI_MAX_FORMATS]; /* of each; zero is sRGB */
    VkPresentModeKHR modes[WSI_MAX_MODES];
};

/* What vkSetHdrMetadataEXT said, of the frames after it. */
struct wsi_hdr {
    uint32_t serial; /* counts what was said; 0: nothing yet */
    VkHdrMetadataEXT metadata;
};

/* One frame on its way to the window. */
struct wsi_frame {
    uint32_t image;
    VkPresentModeKHR mode;
    uint64_t id;     /* of VkPresentIdKHR; 0: none */
    VkRect2D damage; /* what differs from the frame before; clamped to the image */
    struct wsi_hdr hdr;

    /* Nanoseconds of CLOCK_MONOTONIC. */
    uint64_t desired_ns;    /* not to be seen before; 0: no wish */
    uint64_t ready_ns;      /* when its copy was done; 0: it is not yet */
    uint64_t dequeued_ns;   /* when it was taken to be shown; 0: it was not */
    uint32_t timing_number; /* of its wsi_timing_record; 0: none */
    bool is_timed;          /* by VkPresentTimesInfoGOOGLE, with this id */
    uint32_t timing_id;
};

/* Where a swapchain's frames go. One frame at a time is shown, by the swapchain's own thread or, if
 * nothing is to be waited for, within vkQueuePresentKHR. */
struct wsi_target_ops {
    /* Image `index` will show these pixels. `pixels` lives as long as the target. Application's
     * thread, before the first frame. VK_ERROR_FORMAT_NOT_SUPPORTED, of a dma-buf only: the window
     * system does not take it. */
    VkResult (*add_image)(struct wsi_target *target, uint32_t index,
                          const struct wsi_pixels *pixels);
    /* Sleeps until the window can take a frame in that mode, which may drop older ones meanwhile;
     * returns early once `stop` was called. NULL: always. */
    void (*pace)(struct wsi_target *target, VkPresentModeKHR mode);
    /* Whether the frame can be handed over now: `pace` and `show` would wait for nothing. NULL: the
     * thread hands over all frames. */
    bool (*is_free)(struct wsi_target *target, const struct wsi_frame *frame);
    /* Hands the frame over. wsi_swapchain_release(), now or later and from any thread, says that
     * its pixels are not looked at any more; after an error they are not. VK_SUBOPTIMAL_KHR: the
     * window has changed. Without `reports_frames` it can be seen when this returns. */
    VkResult (*show)(struct wsi_target *target, const struct wsi_frame *frame);
    /* A frame that was shown before it was ready is so now. The swapchain's thread, maybe while
     * another frame is shown. */
    void (*finish)(struct wsi_target *target, const struct wsi_frame *frame);
    /* Wakes `pace` and `show`, which are not called again. Any thread. */
    void (*stop)(struct wsi_target *target);
    /* The window system looks at no pixels any more when this returns. */
    void (*destroy)(struct wsi_target *target);
};

struct wsi_target {
    const struct wsi_target_ops *ops;
    struct wsi_swapchain *swapchain; /* owns us */
    /* Calls wsi_swapchain_presented() for every frame that it took, now or later. */
    bool reports_frames;
    /* The window system waits for a frame's desired time. */
    bool holds_frames;
    /* Frames may be shown before they are ready: `finish` says when they are. Constant once there
     * are images. */
    bool takes_unfinished;
    /* Which dma-bufs are welcome. */
    struct wsi_offers offers;
    /* Nothing else is: without them it has to be another target. */
    bool needs_dma_bufs;
};

struct wsi_surface_ops {
    const char *name;
    /* VK_ERROR_SURFACE_LOST_KHR once the window is gone. */
    VkResult (*describe)(struct wsi_surface *surface, struct wsi_window *out);
    /* For a swapchain whose `road` is the best that may be taken. NULL: frames go nowhere
     * (headless). */
    VkResult (*create_target)(struct wsi_surface *surface, struct wsi_swapchain *swapchain,
                              struct wsi_target **out);
    /* The only counter, of frames of the screen; NULL: there is none. */
    VkResult (*read_counter)(struct wsi_surface *surface, uint64_t *out);
    /* Frees the surface. */
    void (*destroy)(struct wsi_surface *surface, const VkAllocationCallbacks *allocator);
};

struct wsi_surface {
    struct proto_object object;
    const struct wsi_surface_ops *ops;
    struct drv_instance *instance; /* outlives us */
    enum wsi_road best_road;       /* what the window system has not refused; swapchains' makers */
};

static inline struct wsi_surface *
wsi_surface_from(VkSurfaceKHR handle)
{
    return (struct wsi_surface *)(uintptr_t)handle;
}

/* Zeroed but for its common part. NULL: out of host memory. */
BASE_MUST_CHECK void *wsi_surface_create(VkInstance instance,
                                         const VkAllocationCallbacks *allocator, size_t size,
                                         const struct wsi_surface_ops *ops);
/* For the `destroy` of a surface that holds nothing else. */
void wsi_surface_free(struct wsi_surface *surface, const VkAllocationCallbacks *allocator);

/* Whether queues of that family can copy frames. */
bool wsi_queue_family_can_present(VkPhysicalDevice physical_device, uint32_t family);

#endif
