/* VkSwapchainKHR: images for the application, and a thread that shows them.
 *
 * vkQueuePresentKHR submits something behind the semaphores and returns; the swapchain's thread
 * waits for it and hands the frame to the window system. By the swapchain's road it is a copy of
 * the application's image into a buffer that the window system can read, or, where that can read
 * the image itself, only the barrier that hands it over. Where there is nothing to wait for,
 * vkQueuePresentKHR hands the frame over itself.
 *
 *     idle --acquire--> acquired --present--> queued --thread--> shown --window system--> idle
 *                                \--------- present ----------/
 *
 * The application synchronises calls with one swapchain, as Vulkan asks. `lock` is held for a few
 * loads and stores only, and nothing else is locked inside it. */
#ifndef WSI_SWAPCHAIN_H
#define WSI_SWAPCHAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "base/list.h"
#include "driver/device.h"
#include "driver/wsi/modifiers.h"
#include "driver/wsi/road.h"
#include "driver/wsi/surface.h"
#include "driver/wsi/timing.h"

/* One function and one structure with two names; the older registry knows only the first. */
#ifndef VK_KHR_swapchain_maintenance1
#define drv_ReleaseSwapchainImagesKHR drv_ReleaseSwapchainImagesEXT
#endif

struct wsi_plane {
    uint32_t offset, pitch; /* bytes */
};

/* A frame where the window system can read it. */
struct wsi_pixels {
    VkExtent2D extent;
    VkFormat format;
    uint32_t pitch;    /* bytes from row to row */
    uint64_t size;     /* bytes */
    int fd;            /* shared memory that others may map, the frame at offset 0; else -1 */
    void *map;         /* NULL: it is a dma-buf */
    int dma_buf;       /* instead of both, and of pitch and size; else -1 */
    uint64_t modifier; /* of the dma-buf, as are its planes */
    uint32_t plane_count;
    struct wsi_plane planes[WSI_MAX_PLANES];
};

enum wsi_image_state {
    WSI_IMAGE_IDLE,
    WSI_IMAGE_ACQUIRED,
    WSI_IMAGE_QUEUED,
    WSI_IMAGE_SHOWN,
};

/* What is submitted with an image: when it is presented, the copy or the barrier that releases it;
 * after it was acquired, on the direct road, the barrier that takes it back. */
enum wsi_commands {
    WSI_COMMANDS_PRESENT,
    WSI_COMMANDS_ACQUIRE,
    WSI_COMMANDS_COUNT,
};

struct wsi_family_commands {
    VkCommandBuffer of[WSI_COMMANDS_COUNT]; /* recorded at first use */
};

struct wsi_image {
    /* Constant. */
    VkImage image;
    VkDeviceMemory memory;
    VkBuffer buffer; /* null if frames are not copied, and so is the next */
    VkDeviceMemory buffer_memory;
    struct wsi_pixels pixels; /* zeroes if frames go nowhere */
    VkFence copied; /* of the last present: its semaphores waited for, its commands done */
    struct wsi_family_commands *commands; /* for each queue family; guarded by recording_lock */

    bool submitted;    /* `copied` was submitted; the application's thread only */
    uint64_t ready_ns; /* when `copied` was seen signalled, 0: not yet; whoever shows the frame */

    /* Guarded by the swapchain's lock. */
    enum wsi_image_state state;
    uint64_t idle_since; /* orders idle images: the oldest is acquired first */
    /* On the direct road (driver/wsi/ownership.h). */
    bool is_foreign;            /* released to the window system, and not taken back */
    struct drv_queue *releaser; /* NULL: not presented yet */
    uint64_t claim;             /* how the application will take it back; 0: it has, or need not */
};

struct wsi_swapchain {
    struct proto_object object;

    /* Constant. */
    struct drv_device *device;   /* outlives us */
    struct wsi_surface *surface; /* outlives us */
    struct base_list link;       /* drv_device.swapchains; guarded by its lock */
    VkAllocationCallbacks allocator_storage;
    const VkAllocationCallbacks *allocator; /* vkCreateSwapchainKHR's own, or NULL */
    struct wsi_target *target;              /* NULL: frames go nowhere */
    enum wsi_road road, road_limit;         /* that it took, of those that it might have taken */
    struct wsi_modifiers modifiers;         /* that the images may have on the direct road */
    VkImageCreateInfo image_info;           /* without chain; sharing by pointer into `families` */
    VkFormat *view_formats;                 /* of VkImageFormatListCreateInfo */
    uint32_t view_format_count;
    VkColorSpaceKHR color_space;
    uint32_t *families;
    VkPresentModeKHR mode; /* of the next frame; calls of the application only */
    bool is_opaque;        /* alpha means nothing to the window system */
    bool waits;            /* vkQueuePresentKHR does, until the frame is handed over */
    uint32_t image_count;
    struct wsi_image *images;
    VkCommandPool *pools; /* for each queue family, made at first use; guarded by recording_lock */
    pthread_t thread;

    pthread_mutex_t recording_lock;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */

    /* Guarded by lock. */
    VkResult status; /* VK_SUCCESS, VK_SUBOPTIMAL_KHR, or the error that ended it */
    bool stop;
    bool showing; /* somebody is busy with a frame */
    /* A ring buffer with room for each image, oldest first. Those that were shown before they are
     * ready come first: nobody overtakes a frame that waits. */
    struct wsi_frame *frames;
    uint32_t frame_first, frame_count;
    uint64_t idle_clock;   /* counts images that became idle */
    uint64_t presented_id; /* the highest VkPresentIdKHR that was shown, or dropped for a later */
    struct wsi_timing timing;
    struct wsi_timing_results timing_results;
    struct wsi_hdr hdr; /* of the next frame */
};

static inline struct wsi_swapchain *
wsi_swapchain_from(VkSwapchainKHR handle)
{
    return (struct wsi_swapchain *)(uintptr_t)handle;
}

/* The window system does not look at the image's pixels any more. Any thread. */
void wsi_swapchain_release(struct wsi_swapchain *swapchain, uint32_t image);
/* The frame is on the screen since `shown_ns`; 0: it never was, since a later one took its place,
 * or nobody knows when. May be told twice, first without a time. Any thread. */
void wsi_swapchain_presented(struct wsi_swapchain *swapchain, const struct wsi_frame *frame,
                             uint64_t shown_ns);
/* From frame to frame of the screen; 0 tells nothing. Any thread. */
void wsi_swapchain_set_refresh(struct wsi_swapchain *swapchain, uint64_t refresh_ns);
/* Ends or degrades the swapchain; a worse status stays. Any thread. */
void wsi_swapchain_set_status(struct wsi_swapchain *swapchain, VkResult status);

/* The smallest rectangle around both; an empty one adds nothing. */
VkRect2D wsi_rect_join(VkRect2D a, VkRect2D b);

struct drv_image;
/* One more image like the swapchain's, without memory: for VkImageSwapchainCreateInfoKHR. */
BASE_MUST_CHECK VkResult wsi_swapchain_create_image(struct wsi_swapchain *swapchain,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkImage *out);

/* The memory to bind such an image to, so that it is image `index` again. */
BASE_MUST_CHECK VkResult wsi_swapchain_get_memory(struct wsi_swapchain *swapchain,
                                                  struct drv_image *image, uint32_t index,
                                                  VkDeviceMemory *out);

/* For vkDestroyDevice, should the application have forgotten some: their threads must not outlive
 * the device. */
void wsi_destroy_swapchains(struct drv_device *device);

/* --- images: wsi/image.c --- */

/* By the swapchain's road. */
BASE_MUST_CHECK VkResult wsi_image_init(struct wsi_swapchain *swapchain, struct wsi_image *image);
void wsi_image_finish(struct wsi_swapchain *swapchain, struct wsi_image *image);
/* The command buffer of that kind, for that family's queues. Any thread. */
BASE_MUST_CHECK VkResult wsi_image_get_commands(struct wsi_swapchain *swapchain,
                                                struct wsi_image *image, uint32_t family,
                                                enum wsi_commands kind, VkCommandBuffer *out);

/* --- the thread: wsi/present_thread.c --- */

BASE_MUST_CHECK VkResult wsi_present_thread_start(struct wsi_swapchain *swapchain);
/* Frames that were not shown yet never will be. */
void wsi_present_thread_stop(struct wsi_swapchain *swapchain);
/* Another swapchain takes over the window: shows nothing more from now on. Waits for the frame that
 * is being handed over, if there is one. */
void wsi_present_thread_retire(struct wsi_swapchain *swapchain);
/* The copy of that frame was submitted: hands it over, or leaves that to the thread. */
void wsi_present_thread_push(struct wsi_swapchain *swapchain, const struct wsi_frame *frame);

#endif
