/* A thread of its own hears what the server says: which pixmaps it has done with, and when each
 * frame was shown. Those are special events, which the application never sees. */
#include "driver/wsi/x11/pixmap_target.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "driver/wsi/listener.h"
#include "driver/wsi/swapchain.h"
#include "driver/wsi/x11/sync.h"

/* A frame that the server says nothing about for so long counts as presented, or the window is
 * gone.
 */
#define EVENT_PATIENCE_NS (UINT64_C(1000) * 1000 * 1000)

enum {
    OFFERS = 128,
    SHORTEST_REFRESH_NS = 1000 * 1000,
    LONGEST_REFRESH_NS = 1000 * 1000 * 1000,
    STEADY_FRAMES = 60, /* tell the refresh well */
};

struct pixmap_image {
    xcb_pixmap_t pixmap;
    /* Guarded by the listener's lock. */
    bool is_busy;           /* the server has it, and says when it has done with it */
    bool is_due;            /* and has not said yet when it was shown */
    uint64_t shown_ns;      /* when it was given to the server */
    uint32_t serial;        /* of that */
    struct wsi_frame frame; /* likewise */
};

struct pixmap_target {
    struct wsi_target base;
    const struct wsi_x11_library *x11;
    xcb_connection_t *connection; /* the application's */
    xcb_window_t window;
    uint8_t depth, bits_per_pixel;
    bool has_modifiers; /* DRI3 and Present 1.2 */
    struct wsi_x11_sync sync;
    struct wsi_modifier_offer offers[OFFERS];
    VkExtent2D extent; /* of the images */
    uint32_t image_count;
    struct pixmap_image images[WSI_MAX_IMAGES];

    xcb_special_event_t *events;
    uint32_t event_id;
    struct wsi_listener listener;

    /* Guarded by the listener's lock. */
    uint32_t serial;
    uint64_t first_msc, first_ust, last_ust; /* 0: none yet */
    uint64_t refresh_ns;                     /* 0: not known yet */
    uint64_t refresh_frames;                 /* that it was found by */
};

static struct pixmap_target *
target_from(struct wsi_target *target)
{
    return (struct pixmap_target *)target;
}

/* --- what the server says; on the listener's thread --- */

static void
start_counting_locked(struct pixmap_target *target, uint64_t msc, uint64_t ust)
{
    target->first_msc = msc;
    target->first_ust = ust;
}

/* Two counts, and the microseconds when they were, tell how long the screen shows a frame. Servers
 * without a screen tell times that are off by a millisecond and more, so the counts shall lie some
 * way apart. If the window has moved to an output that counts from elsewhere they give absurd
 * figures. */
static void
note_time_locked(struct pixmap_target *target, uint64_t msc, uint64_t ust)
{
    uint64_t frames = msc - target->first_msc;
    target->last_ust = ust;
    if (!target->first_msc) {
        start_counting_locked(target, msc, ust);
        return;
    }
    uint64_t period_ns = frames ? (ust - target->first_ust) * 1000 / frames : 0;
    bool absurd = frames && (period_ns < SHORTEST_REFRESH_NS || period_ns > LONGEST_REFRESH_NS);
    if (absurd) {
        target->refresh_frames = 0;
    } else if (frames && frames >= target->refresh_frames) {
        target->refresh_ns = period_ns;
        target->refresh_frames = frames < STEADY_FRAMES ? frames : STEADY_FRAMES;
    }
    if (absurd || frames >= STEADY_FRAMES) {
        start_counting_locked(target, msc, ust);
    }
}

static void
frame_shown(struct pixmap_target *target, const xcb_present_complete_notify_event_t *event)
{
    bool skipped = event->mode == XCB_PRESENT_COMPLETE_MODE_SKIP, found = false;
    struct wsi_frame frame;
    pthread_mutex_lock(&target->listener.lock);
    for (uint32_t i = 0; i < target->image_count && !found; i++) {
        struct pixmap_image *image = &target->images[i];
        if (image->is_due && image->serial == event->serial) {
            image->is_due = false;
            frame = image->frame;
            found = true;
        }
    }
    if (!skipped) {
        note_time_locked(target, event->msc, event->ust);
    }
    uint64_t refresh_ns = target->refresh_ns;
    pthread_cond_broadcast(&target->listener.changed);
    pthread_mutex_unlock(&target->listener.lock);
    if (found) {
        wsi_swapchain_presented(target->base.swapchain, &frame, skipped ? 0 : event->ust * 1000);
        wsi_swapchain_set_refresh(target->base.swapchain, refresh_ns);
    }
}

static void
pixmap_idle(struct pixmap_target *target, const xcb_present_idle_notify_event_t *event)
{
    uint32_t index = 0;
    pthread_mutex_lock(&target->listener.lock);
    while (index < target->image_count && target->images[index].pixmap != event->pixmap) {
        index++;
    }
    bool found = index < target->image_count && target->images[index].is_busy;
    if (found) {
        target->images[index].is_busy = false;
    }
    pthread_mutex_unlock(&target->listener.lock);
    if (found) {
        wsi_swapchain_release(target->base.swapchain, index);
    }
}

static void
handle(struct pixmap_target *target, const xcb_generic_event_t *event)
{
    const xcb_present_generic_event_t *present = (const void *)event;
    if (present->evtype == XCB_PRESENT_COMPLETE_NOTIFY) {
        const xcb_present_complete_notify_event_t *complete = (const void *)event;
        if (complete->kind == XCB_PRESENT_COMPLETE_KIND_PIXMAP) {
            frame_shown(target, complete);
        }
    } else if (present->evtype == XCB_PRESENT_EVENT_IDLE_NOTIFY) {
        pixmap_idle(target, (const void *)event);
    }
}

static bool
expects_events(void *user)
{
    struct pixmap_target *target = user;
    bool expects = false;
    pthread_mutex_lock(&target->listener.lock);
    for (uint32_t i = 0; i < target->image_count; i++) {
        expects = expects || target->images[i].is_busy || target->images[i].is_due;
    }
    pthread_mutex_unlock(&target->listener.lock);
    return expects;
}

/* A frame that nothing was heard of for long. */
static bool
take_overdue(struct pixmap_target *target, struct wsi_frame *out)
{
    bool found = false;
    uint64_t now_ns = base_clock_now_ns();
    pthread_mutex_lock(&target->listener.lock);
    for (uint32_t i = 0; i < target->image_count && !found; i++) {
        struct pixmap_image *image = &target->images[i];
        if (image->is_due && now_ns > image->shown_ns + EVENT_PATIENCE_NS) {
            image->is_due = false;
            *out = image->frame;
            found = true;
        }
    }
    pthread_mutex_unlock(&target->listener.lock);
    return found;
}

/* Where the window is gone there is no geometry. */
static VkResult
get_status(struct pixmap_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    xcb_generic_error_t *error = NULL;
    xcb_get_geometry_reply_t *geometry = x11->xcb_get_geometry_reply(
        target->connection, x11->xcb_get_geometry(target->connection, target->window), &error);
    VkResult result = VK_ERROR_SURFACE_LOST_KHR;
    if (geometry) {
        bool same =
            geometry->width == target->extent.width && geometry->height == target->extent.height;
        result = same ? VK_SUCCESS : VK_SUBOPTIMAL_KHR;
    } else {
        base_log_info("X11 window 0x%x is gone", target->window);
    }
    free(geometry);
    free(error);
    return result;
}

static void
give_up_overdue(struct pixmap_target *target)
{
    struct wsi_frame frame;
    while (take_overdue(target, &frame)) {
        VkResult status = get_status(target);
        wsi_swapchain_presented(target->base.swapchain, &frame, 0);
        if (status < 0) {
            wsi_swapchain_set_status(target->base.swapchain, status);
        }
    }
}

static bool
hear_server(void *user)
{
    struct pixmap_target *target = user;
    xcb_generic_event_t *event;
    if (target->x11->xcb_connection_has_error(target->connection)) {
        return false;
    }
    while ((event = target->x11->xcb_poll_for_special_event(target->connection, target->events))) {
        handle(target, event);
        free(event);
    }
    wsi_timelines_look(&target->sync.timelines);
    give_up_overdue(target);
    return true;
}

static const struct wsi_listener_ops listener_ops = {
    .thread_name = "vesper-x11",
    .shortest_sleep_ms = 4,
    .expects = expects_events,
    .hear = hear_server,
};

/* --- pixmaps --- */

static void
close_all(int32_t *fds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        base_fd_close(&fds[i]);
    }
}

/* One for each plane, since xcb closes what it sends. */
static bool
duplicate(const struct wsi_pixels *pixels, int32_t fds[WSI_MAX_PLANES])
{
    for (uint32_t i = 0; i < pixels->plane_count; i++) {
        fds[i] = fcntl(pixels->dma_buf, F_DUPFD_CLOEXEC, 0);
        if (fds[i] == -1) {
            close_all(fds, i);
            return false;
        }
    }
    return true;
}

static xcb_void_cookie_t
request_pixmap(const struct pixmap_target *target, xcb_pixmap_t pixmap,
               const struct wsi_pixels *pixels, const int32_t fds[WSI_MAX_PLANES])
{
    const struct wsi_plane *planes = pixels->planes;
    uint16_t width = (uint16_t)pixels->extent.width, height = (uint16_t)pixels->extent.height;
    if (!target->has_modifiers) {
        uint32_t size = planes[0].pitch * height;
        return target->x11->xcb_dri3_pixmap_from_buffer_checked(
            target->connection, pixmap, target->window, size, width, height,
            (uint16_t)planes[0].pitch, target->depth, target->bits_per_pixel, fds[0]);
    }
    return target->x11->xcb_dri3_pixmap_from_buffers_checked(
        target->connection, pixmap, target->window, (uint8_t)pixels->plane_count, width, height,
        planes[0].pitch, planes[0].offset, planes[1].pitch, planes[1].offset, planes[2].pitch,
        planes[2].offset, planes[3].pitch, planes[3].offset, target->depth, target->bits_per_pixel,
        pixels->modifier, fds);
}

static bool
can_be_told(const struct pixmap_target *target, const struct wsi_pixels *pixels)
{
    return pixels->dma_buf != -1 && pixels->extent.width <= INT16_MAX &&
           pixels->extent.height <= INT16_MAX &&
           (target->has_modifiers || pixels->planes[0].pitch <= UINT16_MAX);
}

static VkResult
add_image(struct wsi_target *base, uint32_t index, const struct wsi_pixels *pixels)
{
    struct pixmap_target *target = target_from(base);
    int32_t fds[WSI_MAX_PLANES];
    if (index >= BASE_COUNT_OF(target->images) || !can_be_told(target, pixels)) {
        return VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    if (!duplicate(pixels, fds)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    xcb_pixmap_t pixmap = target->x11->xcb_generate_id(target->connection);
    if (!wsi_x11_check(target->x11, target->connection,
                       request_pixmap(target, pixmap, pixels, fds))) {
        return target->x11->xcb_connection_has_error(target->connection)
                   ? VK_ERROR_SURFACE_LOST_KHR
                   : VK_ERROR_FORMAT_NOT_SUPPORTED;
    }
    pthread_mutex_lock(&target->listener.lock);
    target->images[index].pixmap = pixmap;
    target->image_count = index + 1;
    pthread_mutex_unlock(&target->listener.lock);
    return wsi_x11_sync_add(&target->sync, index);
}

/* --- pacing: Present shows a frame at the next refresh, or in the place of one that waits for it
 * --- */

static bool
is_any_due_locked(const void *user)
{
    const struct pixmap_target *target = user;
    for (uint32_t i = 0; i < target->image_count; i++) {
        if (target->images[i].is_due) {
            return true;
        }
    }
    return false;
}

static void
pace(struct wsi_target *base, VkPresentModeKHR mode)
{
    struct pixmap_target *target = target_from(base);
    if (mode != VK_PRESENT_MODE_IMMEDIATE_KHR && mode != VK_PRESENT_MODE_MAILBOX_KHR) {
        wsi_listener_wait(&target->listener, is_any_due_locked, target);
    }
}

/* --- showing --- */

/* A frame that may tear is shown without waiting for the next refresh: that of FIFO_RELAXED when it
 * is late. */
static uint32_t
options_locked(const struct pixmap_target *target, VkPresentModeKHR mode)
{
    uint64_t next_ns = target->last_ust * 1000 + target->refresh_ns;
    bool late = target->refresh_ns && base_clock_now_ns() > next_ns + target->refresh_ns / 2;
    bool tears =
        mode == VK_PRESENT_MODE_IMMEDIATE_KHR || (mode == VK_PRESENT_MODE_FIFO_RELAXED_KHR && late);
    return tears ? XCB_PRESENT_OPTION_ASYNC : XCB_PRESENT_OPTION_NONE;
}

static uint32_t
begin_frame(struct pixmap_target *target, const struct wsi_frame *frame, uint32_t *options)
{
    struct pixmap_image *image = &target->images[frame->image];
    pthread_mutex_lock(&target->listener.lock);
    image->is_busy = !target->sync.is_used;
    image->is_due = true;
    image->serial = ++target->serial;
    image->shown_ns = base_clock_now_ns();
    image->frame = *frame;
    *options = options_locked(target, frame->mode);
    uint32_t serial = image->serial;
    pthread_mutex_unlock(&target->listener.lock);
    return serial;
}

/* It was not shown, and nobody will say anything of it. */
static void
cancel_frame(struct pixmap_target *target, const struct wsi_frame *frame)
{
    pthread_mutex_lock(&target->listener.lock);
    target->images[frame->image].is_busy = target->images[frame->image].is_due = false;
    pthread_mutex_unlock(&target->listener.lock);
    wsi_x11_sync_cancel(&target->sync, frame->image);
}

static VkResult
show(struct wsi_target *base, const struct wsi_frame *frame)
{
    struct pixmap_target *target = target_from(base);
    struct wsi_x11_present present = {.pixmap = target->images[frame->image].pixmap};
    xcb_void_cookie_t request;
    present.serial = begin_frame(target, frame, &present.options);
    if (!wsi_x11_sync_present(&target->sync, frame->image, &present, &request)) {
        cancel_frame(target, frame);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = get_status(target);
    if (!wsi_x11_check(target->x11, target->connection, request)) {
        result = VK_ERROR_SURFACE_LOST_KHR;
    }
    if (result < 0) {
        cancel_frame(target, frame);
    }
    wsi_listener_wake(&target->listener);
    return result;
}

/* --- life --- */

static void
stop(struct wsi_target *base)
{
    wsi_listener_stop(&target_from(base)->listener);
}

static void
stop_listening(struct pixmap_target *target)
{
    wsi_listener_end(&target->listener);
    if (target->events) {
        const struct wsi_x11_library *x11 = target->x11;
        xcb_void_cookie_t request = x11->xcb_present_select_input_checked(
            target->connection, target->event_id, target->window, 0);
        x11->xcb_discard_reply(target->connection, request.sequence); /* the window may be gone */
        x11->xcb_unregister_for_special_event(target->connection, target->events);
    }
}

/* The server keeps what it still shows for as long as it needs it. */
static void
destroy(struct wsi_target *base)
{
    struct pixmap_target *target = target_from(base);
    const struct wsi_x11_library *x11 = target->x11;
    stop_listening(target);
    wsi_x11_sync_finish(&target->sync);
    for (uint32_t i = 0; i < target->image_count; i++) {
        x11->xcb_free_pixmap(target->connection, target->images[i].pixmap);
    }
    x11->xcb_flush(target->connection);
    wsi_listener_finish(&target->listener);
    free(target);
}

static bool
has_extension(const struct pixmap_target *target, xcb_extension_t *extension)
{
    const xcb_query_extension_reply_t *reply =
        extension ? target->x11->xcb_get_extension_data(target->connection, extension) : NULL;
    return reply && reply->present;
}

static bool
is_at_least(uint32_t major, uint32_t minor, uint32_t wanted)
{
    return major > 1 || minor >= wanted;
}

/* Fills `has_modifiers` and what `sync` is offered; false without both extensions. */
static bool
query_versions(struct pixmap_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    if (!has_extension(target, x11->dri3_extension) ||
        !has_extension(target, x11->present_extension)) {
        return false;
    }
    xcb_dri3_query_version_cookie_t ask_dri3 =
        x11->xcb_dri3_query_version(target->connection, 1, 4);
    xcb_present_query_version_cookie_t ask_present =
        x11->xcb_present_query_version(target->connection, 1, 4);
    xcb_dri3_query_version_reply_t *dri3 =
        x11->xcb_dri3_query_version_reply(target->connection, ask_dri3, NULL);
    xcb_present_query_version_reply_t *present =
        x11->xcb_present_query_version_reply(target->connection, ask_present, NULL);
    bool usable = dri3 && present;
    if (usable) {
        target->has_modifiers = is_at_least(dri3->major_version, dri3->minor_version, 2) &&
                                is_at_least(present->major_version, present->minor_version, 2);
        if (is_at_least(dri3->major_version, dri3->minor_version, 4) &&
            is_at_least(present->major_version, present->minor_version, 4)) {
            wsi_x11_sync_ask(&target->sync);
        }
    }
    free(dri3);
    free(present);
    return usable;
}

static void
add_offers(struct pixmap_target *target, const uint64_t *modifiers, int count, uint32_t rank)
{
    struct wsi_offers *known = &target->base.offers;
    for (int i = 0; i < count && known->count < OFFERS; i++) {
        if (modifiers[i] != WSI_MODIFIER_INVALID) {
            target->offers[known->count++] = (struct wsi_modifier_offer){modifiers[i], rank};
            known->takes_linear |= modifiers[i] == WSI_MODIFIER_LINEAR;
        }
    }
}

/* The window's own modifiers let the server show the pixmap as it is; the screen's let it copy. */
static void
query_modifiers(struct pixmap_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    xcb_generic_error_t *error = NULL;
    target->base.offers.modifiers = target->offers;
    if (!target->has_modifiers) {
        target->base.offers.takes_linear = true;
        return;
    }
    xcb_dri3_get_supported_modifiers_reply_t *reply = x11->xcb_dri3_get_supported_modifiers_reply(
        target->connection,
        x11->xcb_dri3_get_supported_modifiers(target->connection, target->window, target->depth,
                                              target->bits_per_pixel),
        &error);
    if (reply) {
        add_offers(target, x11->xcb_dri3_get_supported_modifiers_window_modifiers(reply),
                   x11->xcb_dri3_get_supported_modifiers_window_modifiers_length(reply), 0);
        add_offers(target, x11->xcb_dri3_get_supported_modifiers_screen_modifiers(reply),
                   x11->xcb_dri3_get_supported_modifiers_screen_modifiers_length(reply), 1);
    }
    free(reply);
    free(error);
}

static VkResult
start_listening(struct pixmap_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    target->event_id = x11->xcb_generate_id(target->connection);
    target->events = x11->xcb_register_for_special_xge(target->connection, x11->present_extension,
                                                       target->event_id, NULL);
    if (!target->events) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (!wsi_x11_check(
            target->x11, target->connection,
            x11->xcb_present_select_input_checked(
                target->connection, target->event_id, target->window,
                XCB_PRESENT_EVENT_MASK_COMPLETE_NOTIFY | XCB_PRESENT_EVENT_MASK_IDLE_NOTIFY))) {
        return VK_ERROR_SURFACE_LOST_KHR;
    }
    return wsi_listener_start(&target->listener, x11->xcb_get_file_descriptor(target->connection))
               ? VK_SUCCESS
               : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static const struct wsi_target_ops ops = {
    .add_image = add_image,
    .pace = pace,
    .show = show,
    .stop = stop,
    .destroy = destroy,
};

static struct pixmap_target *
create(struct wsi_x11_surface *surface, struct wsi_swapchain *swapchain,
       const struct wsi_x11_visual *visual)
{
    struct pixmap_target *target = calloc(1, sizeof(*target));
    if (!target) {
        return NULL;
    }
    target->base.ops = &ops;
    target->base.swapchain = swapchain;
    target->base.reports_frames = true;
    target->base.needs_dma_bufs = true;
    target->x11 = surface->x11;
    target->connection = surface->connection;
    target->window = surface->window;
    target->depth = visual->depth;
    target->bits_per_pixel = visual->bits_per_pixel;
    target->extent.width = swapchain->image_info.extent.width;
    target->extent.height = swapchain->image_info.extent.height;
    wsi_listener_init(&target->listener, &listener_ops, target, swapchain);
    wsi_x11_sync_init(&target->sync, target->x11, target->connection, target->window, swapchain,
                      target->listener.wake_fd);
    return target;
}

VkResult
wsi_x11_create_pixmap_target(struct wsi_x11_surface *surface, struct wsi_swapchain *swapchain,
                             const struct wsi_x11_visual *visual, struct wsi_target **out)
{
    struct pixmap_target *target = create(surface, swapchain, visual);
    VkResult result = VK_ERROR_FEATURE_NOT_PRESENT;
    if (!target) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (query_versions(target)) {
        query_modifiers(target);
        result = start_listening(target);
    }
    if (result != VK_SUCCESS) {
        destroy(&target->base);
        return result;
    }
    *out = &target->base;
    return VK_SUCCESS;
}
