/* VK_EXT_display_control's events: fences that displays signal.
 *
 * The fences are the driver's own payloads, which live until the event has come, whatever becomes
 * of the fence. A thread of the device's, made with the first of them, signals them. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/sync.h"
#include "driver/wsi/display/kms.h"

/* From look to look at connectors, while somebody waits for one to change. */
#define LOOK_NS (UINT64_C(200) * 1000 * 1000)

struct event {
    struct drv_payload *payload;       /* a reference */
    const struct wsi_display *display; /* whose next frame it is; NULL: a monitor comes or goes */
    uint64_t monitors;                 /* there when it was registered */
    struct base_list link;
};

struct wsi_display_events {
    struct drv_device *device; /* owns us */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    /* Guarded by lock. */
    bool stop;
    struct base_list events; /* event.link, oldest first */
};

/* --- the thread --- */

static void
finish_event(struct wsi_display_events *events, struct event *event, bool has_come)
{
    struct drv_exchange *exchange = &events->device->exchange;
    if (has_come) {
        drv_exchange_signal(exchange, event->payload, 1);
    }
    drv_exchange_unref(exchange, event->payload);
    free(event);
}

/* Takes the oldest event of a display's frames; NULL: there is none. */
static struct event *
take_frame_event_locked(struct wsi_display_events *events)
{
    base_list_for_each (event, &events->events, struct event, link) {
        if (event->display) {
            base_list_remove(&event->link);
            return event;
        }
    }
    return NULL;
}

/* Moves those to whom this is news. */
static void
take_hotplugs_locked(struct wsi_display_events *events, uint64_t monitors, struct base_list *out)
{
    base_list_for_each_safe (event, &events->events, struct event, link) {
        if (!event->display && event->monitors != monitors) {
            base_list_remove(&event->link);
            base_list_push(out, &event->link);
        }
    }
}

static void
look_at_connectors(struct wsi_display_events *events)
{
    struct base_list come;
    base_list_init(&come);
    uint64_t monitors = wsi_kms_find_monitors(events->device->physical_device->kms);
    pthread_mutex_lock(&events->lock);
    take_hotplugs_locked(events, monitors, &come);
    pthread_mutex_unlock(&events->lock);
    base_list_for_each_safe (event, &come, struct event, link) {
        finish_event(events, event, true);
    }
}

/* The lock is held, but for while something is waited for. */
static void
work_locked(struct wsi_display_events *events)
{
    uint64_t deadline_ns = base_clock_deadline_ns(LOOK_NS);
    struct event *frame = take_frame_event_locked(events);
    if (frame) {
        pthread_mutex_unlock(&events->lock);
        wsi_display_wait_for_frame(frame->display);
        finish_event(events, frame, true);
        pthread_mutex_lock(&events->lock);
    } else if (base_list_empty(&events->events)) {
        pthread_cond_wait(&events->changed, &events->lock);
    } else {
        (void)base_cond_wait_until(&events->changed, &events->lock, deadline_ns);
        pthread_mutex_unlock(&events->lock);
        look_at_connectors(events);
        pthread_mutex_lock(&events->lock);
    }
}

static void *
run(void *user)
{
    struct wsi_display_events *events = user;
    drv_address_reports_stay_out();
    pthread_mutex_lock(&events->lock);
    while (!events->stop) {
        work_locked(events);
    }
    pthread_mutex_unlock(&events->lock);
    return NULL;
}

/* --- life --- */

static bool
start_thread(struct wsi_display_events *events)
{
    int error = base_thread_start(&events->thread, "vesper-display", run, events);
    if (error) {
        base_log_error("no thread can be started that waits for displays (error %d)", error);
        return false;
    }
    return true;
}

static void
free_events(struct wsi_display_events *events)
{
    pthread_cond_destroy(&events->changed);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

static struct wsi_display_events *
create_events(struct drv_device *device)
{
    struct wsi_display_events *events = calloc(1, sizeof(*events));
    if (!events) {
        return NULL;
    }
    base_cond_init(&events->changed);
    pthread_mutex_init(&events->lock, NULL);
    base_list_init(&events->events);
    events->device = device;
    if (!start_thread(events)) {
        free_events(events);
        return NULL;
    }
    return events;
}

/* Made with the first. NULL: out of memory or threads. */
static struct wsi_display_events *
get_events(struct drv_device *device)
{
    pthread_mutex_lock(&device->swapchains_lock);
    if (!device->display_events) {
        device->display_events = create_events(device);
    }
    struct wsi_display_events *events = device->display_events;
    pthread_mutex_unlock(&device->swapchains_lock);
    return events;
}

void
wsi_display_events_destroy(struct wsi_display_events *events)
{
    if (!events) {
        return;
    }
    pthread_mutex_lock(&events->lock);
    events->stop = true;
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->thread, NULL);
    base_list_for_each_safe (event, &events->events, struct event, link) {
        base_list_remove(&event->link);
        finish_event(events, event, false);
    }
    free_events(events);
}

/* --- the application's questions --- */

static VkResult
create_fence(struct drv_device *device, const VkAllocationCallbacks *allocator, VkFence *out)
{
    const VkExportFenceCreateInfo kept_here = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_OPAQUE_FD_BIT,
    };
    const VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = &kept_here,
    };
    return drv_CreateFence((VkDevice)device, &info, allocator, out);
}

/* `display`: NULL, or whose next frame is waited for. */
static VkResult
register_event(struct drv_device *device, const struct wsi_display *display,
               const VkAllocationCallbacks *allocator, VkFence *out)
{
    struct wsi_display_events *events = get_events(device);
    struct event *event = events ? calloc(1, sizeof(*event)) : NULL;
    if (!event) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkFence fence;
    VkResult result = create_fence(device, allocator, &fence);
    if (result != VK_SUCCESS) {
        free(event);
        return result;
    }
    event->payload =
        drv_exchange_ref(&device->exchange, drv_external_payload(&drv_fence_from(fence)->external));
    event->display = display;
    event->monitors = display ? 0 : wsi_kms_find_monitors(device->physical_device->kms);
    pthread_mutex_lock(&events->lock);
    base_list_push(&events->events, &event->link);
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
    *out = fence;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_RegisterDeviceEventEXT(VkDevice device, const VkDeviceEventInfoEXT *pDeviceEventInfo,
                           const VkAllocationCallbacks *pAllocator, VkFence *pFence)
{
    return register_event(drv_device_from(device), NULL, pAllocator, pFence);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_RegisterDisplayEventEXT(VkDevice device, VkDisplayKHR display,
                            const VkDisplayEventInfoEXT *pDisplayEventInfo,
                            const VkAllocationCallbacks *pAllocator, VkFence *pFence)
{
    return register_event(drv_device_from(device), wsi_display_from(display), pAllocator, pFence);
}
