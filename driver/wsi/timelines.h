/* Explicit synchronisation: when the window system has done with a dma-buf, by points on timelines
 * of the kernel's (DRM sync objects), one timeline for each image of a swapchain.
 *
 * A frame has two points: one at which it may be read, and one that the window system's GPU reaches
 * once it has read it. The host's GPU reaches no points of this kernel's: the first is reached by
 * our thread when the frame is complete, which may be before or after it is handed over.
 *
 * A timeline is no device's: any node makes them, and every window system can use them. */
#ifndef WSI_TIMELINES_H
#define WSI_TIMELINES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "driver/wsi/surface.h"

struct wsi_points {
    uint64_t acquire, release; /* the former is less */
};

struct wsi_timelines {
    /* Constant. */
    struct wsi_swapchain *swapchain;
    int wake_fd; /* an eventfd of the user's: wsi_timelines_look() is due when it is written to */

    /* Constant once there are images. */
    int node; /* -1: there are none */

    pthread_mutex_t lock;
    /* Guarded by lock. */
    uint32_t count;
    uint32_t handles[WSI_MAX_IMAGES];
    uint64_t last[WSI_MAX_IMAGES]; /* the last point that anybody was told */
    bool awaited[WSI_MAX_IMAGES];  /* the frame may be read, and was not yet, as far as we know */
};

void wsi_timelines_init(struct wsi_timelines *timelines, struct wsi_swapchain *swapchain,
                        int wake_fd);
/* Accepts what wsi_timelines_init() has made, and zeroes. */
void wsi_timelines_finish(struct wsi_timelines *timelines);

/* False, and why in the log, if this machine has no such timelines. Before the first image. */
BASE_MUST_CHECK bool wsi_timelines_open(struct wsi_timelines *timelines);
/* The timeline of the next image, to be passed on and then closed; -1, and why in the log. */
BASE_MUST_CHECK int wsi_timelines_add(struct wsi_timelines *timelines);

/* The image is about to be handed over, with these points; it may be read now, or when
 * wsi_timelines_reach() says so. False, and why in the log: it cannot be. */
BASE_MUST_CHECK bool wsi_timelines_begin(struct wsi_timelines *timelines, uint32_t image,
                                         bool may_be_read, struct wsi_points *out);
void wsi_timelines_reach(struct wsi_timelines *timelines, uint32_t image);
/* It was not handed over. */
void wsi_timelines_cancel(struct wsi_timelines *timelines, uint32_t image);
/* Releases the images that the window system has done with. */
void wsi_timelines_look(struct wsi_timelines *timelines);

/* Why this machine has none; NULL: it has. It takes a while. */
const char *wsi_timelines_find_obstacle(void);

#endif
