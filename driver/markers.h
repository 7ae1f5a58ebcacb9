/* Fences of the driver's own that it put behind an application's work, to be woken when that is
 * done (query.c). Destroying one that is not signalled yet would hold the renderer up, perhaps for
 * what the application sends only afterwards: so they are put aside until they are. Any thread. */
#ifndef DRV_MARKERS_H
#define DRV_MARKERS_H

#include <pthread.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"

struct drv_device;

struct drv_markers {
    pthread_mutex_t lock;
    struct base_list pending; /* marker.link; guarded by lock */
};

void drv_markers_init(struct drv_markers *markers);
/* The device is idle or lost: all are signalled, or nobody waits for them any more. */
void drv_markers_finish(struct drv_markers *markers, struct drv_device *device);
/* Takes the fence over: destroys it when it has signalled, and those from earlier that have. */
void drv_markers_put_aside(struct drv_markers *markers, struct drv_device *device, VkFence fence);

#endif
