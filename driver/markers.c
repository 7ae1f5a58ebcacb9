#include "driver/markers.h"

#include <stdlib.h>

#include "driver/device.h"
#include "driver/drv_entry.h"

struct marker {
    struct base_list link;
    VkFence fence;
};

static void
destroy(struct drv_device *device, struct marker *marker)
{
    base_list_remove(&marker->link);
    drv_DestroyFence((VkDevice)device, marker->fence, NULL);
    free(marker);
}

static void
destroy_signalled_locked(struct drv_markers *markers, struct drv_device *device)
{
    base_list_for_each_safe (marker, &markers->pending, struct marker, link) {
        if (drv_GetFenceStatus((VkDevice)device, marker->fence) != VK_NOT_READY) {
            destroy(device, marker);
        }
    }
}

void
drv_markers_init(struct drv_markers *markers)
{
    pthread_mutex_init(&markers->lock, NULL);
    base_list_init(&markers->pending);
}

void
drv_markers_finish(struct drv_markers *markers, struct drv_device *device)
{
    base_list_for_each_safe (marker, &markers->pending, struct marker, link) {
        destroy(device, marker);
    }
    pthread_mutex_destroy(&markers->lock);
}

void
drv_markers_put_aside(struct drv_markers *markers, struct drv_device *device, VkFence fence)
{
    struct marker *marker = fence ? malloc(sizeof(*marker)) : NULL;
    if (!marker) {
        drv_DestroyFence((VkDevice)device, fence, NULL); /* may wait, but loses nothing */
        return;
    }
    marker->fence = fence;
    pthread_mutex_lock(&markers->lock);
    base_list_push(&markers->pending, &marker->link);
    destroy_signalled_locked(markers, device);
    pthread_mutex_unlock(&markers->lock);
}
