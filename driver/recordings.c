#include "driver/recordings.h"

#include <stdlib.h>

#include "driver/device.h"
#include "protocol/proto_encode.h"

void
drv_recordings_init(struct drv_recordings *recordings)
{
    pthread_mutex_init(&recordings->lock, NULL);
    recordings->clock = 0;
    base_list_init(&recordings->open);
    base_list_init(&recordings->retired);
}

void
drv_recordings_finish(struct drv_recordings *recordings)
{
    base_list_for_each_safe (layout, &recordings->retired, struct drv_retired_layout, link) {
        free(layout);
    }
    pthread_mutex_destroy(&recordings->lock);
}

void
drv_recordings_begin(struct drv_recordings *recordings, struct drv_recording *recording)
{
    pthread_mutex_lock(&recordings->lock);
    recording->began = ++recordings->clock;
    base_list_push(&recordings->open, &recording->link);
    pthread_mutex_unlock(&recordings->lock);
}

/* The oldest retired layout, taken out, if no open recording is older; else NULL. */
static struct drv_retired_layout *
take_unused_locked(struct drv_recordings *recordings)
{
    if (base_list_empty(&recordings->retired)) {
        return NULL;
    }
    struct drv_retired_layout *layout =
        base_list_entry(recordings->retired.next, struct drv_retired_layout, link);
    if (!base_list_empty(&recordings->open) &&
        base_list_entry(recordings->open.next, struct drv_recording, link)->began < layout->since) {
        return NULL;
    }
    base_list_remove(&layout->link);
    return layout;
}

static void
destroy_unused(struct drv_device *device)
{
    struct drv_recordings *recordings = &device->recordings;
    struct drv_retired_layout *layout;
    do {
        pthread_mutex_lock(&recordings->lock);
        layout = take_unused_locked(recordings);
        pthread_mutex_unlock(&recordings->lock);
        if (layout) {
            VkPipelineLayout handle = (VkPipelineLayout)(uintptr_t)layout;
            (void)proto_send_vkDestroyPipelineLayout(device->object.client, (VkDevice)device,
                                                     handle, NULL);
            free(layout);
        }
    } while (layout);
}

void
drv_recordings_end(struct drv_device *device, struct drv_recording *recording)
{
    struct drv_recordings *recordings = &device->recordings;
    if (recording->began == 0) {
        return;
    }
    pthread_mutex_lock(&recordings->lock);
    recording->began = 0;
    base_list_remove(&recording->link);
    bool retired = !base_list_empty(&recordings->retired);
    pthread_mutex_unlock(&recordings->lock);
    if (retired) {
        destroy_unused(device);
    }
}

void
drv_recordings_retire(struct drv_device *device, struct drv_retired_layout *layout)
{
    struct drv_recordings *recordings = &device->recordings;
    pthread_mutex_lock(&recordings->lock);
    layout->since = ++recordings->clock;
    base_list_push(&recordings->retired, &layout->link);
    pthread_mutex_unlock(&recordings->lock);
    destroy_unused(device);
}
