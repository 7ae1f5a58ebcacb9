/* Frames in a window of Wayland, as dma-bufs or by wl_shm: the compositor reads them from the
 * memory that the GPU copied them to.
 *
 * A thread of its own hears what the compositor says: which frames it has read, and when the next
 * is due. It has its own event queue, so it never touches what is the application's. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/wsi/listener.h"
#include "driver/wsi/swapchain.h"
#include "driver/wsi/wayland/color.h"
#include "driver/wsi/wayland/dma_buf.h"
#include "driver/wsi/wayland/extensions.h"
#include "driver/wsi/wayland/feedback.h"
#include "driver/wsi/wayland/sync.h"
#include "driver/wsi/wayland/wayland.h"

struct shared_image {
    struct wayland_target *target;
    uint32_t index;
    const struct wsi_pixels *pixels;
    struct wl_buffer *buffer;
    /* Where the renderer's memory cannot be passed on, a copy of the frame. */
    int staging_fd;
    void *staging;
};

struct wayland_target {
    struct wsi_target base;
    struct wl_display *display;
    struct wl_event_queue *queue;
    struct wl_surface *surface; /* the application's, wrapped: its events come to our queue */
    struct wl_shm *shm;         /* the surface's, wrapped likewise, as is the next */
    struct wp_presentation
        *presentation; /* NULL: the compositor does not say when frames were seen */
    struct wsi_wayland_feedback feedback; /* unless that is NULL */
    struct wsi_wayland_color color;
    struct wsi_wayland_sync sync;
    struct wsi_wayland_surface *window; /* outlives us */
    uint32_t code;                      /* wl_shm's name for the format */
    struct wsi_wayland_offers offers;   /* when the swapchain was made */
    uint32_t heard_serial;              /* of what was heard since; the listener's */
    _Atomic bool has_shown;             /* a frame */
    uint32_t image_count;
    struct shared_image *images[WSI_MAX_IMAGES];
    struct wsi_listener listener;

    /* Guarded by the listener's lock. */
    struct wl_callback *frames[WSI_MAX_IMAGES]; /* that the compositor has yet to come to */
};

static struct wayland_target *
target_from(struct wsi_target *target)
{
    return (struct wayland_target *)target;
}

/* --- what the compositor says; on the listener's thread --- */

static void
buffer_released(void *user, struct wl_buffer *buffer)
{
    struct shared_image *image = user;
    if (!image->target->sync.is_used) {
        wsi_swapchain_release(image->target->base.swapchain, image->index);
    }
}

static const struct wl_buffer_listener buffer_listener = {.release = buffer_released};

static void
frame_due(void *user, struct wl_callback *callback, uint32_t time)
{
    struct wayland_target *target = user;
    pthread_mutex_lock(&target->listener.lock);
    for (size_t i = 0; i < WSI_MAX_IMAGES; i++) {
        if (target->frames[i] == callback) {
            target->frames[i] = NULL;
        }
    }
    pthread_cond_broadcast(&target->listener.changed);
    pthread_mutex_unlock(&target->listener.lock);
    wl_callback_destroy(callback);
}

static const struct wl_callback_listener frame_listener = {.done = frame_due};

/* A change of what the compositor takes is not for frames of a swapchain that is still being made:
 * it is seen with the first. */
static bool
hear_of_dma_bufs(struct wayland_target *target)
{
    const struct wsi_swapchain *swapchain = target->base.swapchain;
    struct wsi_wayland_offers now;
    uint32_t serial;
    if (!wsi_wayland_hear_dma_bufs(target->window, &serial)) {
        return false;
    }
    if (!atomic_load(&target->has_shown) || serial == target->heard_serial) {
        return true;
    }
    wsi_wayland_find_dma_bufs(target->window, swapchain->image_info.format, swapchain->is_opaque,
                              &now);
    target->heard_serial = now.serial;
    const struct wsi_offers offers = wsi_wayland_offers_of(&now);
    if (wsi_road_has_changed(swapchain, &offers)) {
        base_log_info("the compositor would take other dma-bufs for this window now");
        wsi_swapchain_set_status(target->base.swapchain, VK_SUBOPTIMAL_KHR);
    }
    return true;
}

static bool
hear_compositor(void *user)
{
    struct wayland_target *target = user;
    if (!wsi_wayland_read_events(target->display, target->queue) ||
        wl_display_dispatch_queue_pending(target->display, target->queue) < 0 ||
        !hear_of_dma_bufs(target)) {
        return false;
    }
    if (target->presentation) {
        wsi_wayland_feedback_look(&target->feedback);
    }
    wsi_timelines_look(&target->sync.timelines);
    return true;
}

/* What the compositor does not take yet, the listener writes: no frame, and so no call of the
 * application's, waits for one that is busy. False if the connection is lost. */
static bool
write_to_compositor(void *user)
{
    struct wayland_target *target = user;
    bool written = wl_display_flush(target->display) >= 0;
    if (!written && errno == EAGAIN) {
        wsi_listener_write_later(&target->listener);
        return true;
    }
    return written;
}

static const struct wsi_listener_ops listener_ops = {
    .thread_name = "vesper-wayland",
    .shortest_sleep_ms = 2,
    .hear = hear_compositor,
    .write = write_to_compositor,
};

/* --- frames --- */

static bool
create_staging(struct shared_image *image)
{
    image->staging_fd = base_fd_create_shared_memory("vesper-frame", image->pixels->size);
    if (image->staging_fd != -1) {
        image->staging = base_fd_map(image->staging_fd, image->pixels->size);
    }
    return image->staging;
}

static bool
create_shared_buffer(struct wayland_target *target, struct shared_image *image)
{
    const struct wsi_pixels *pixels = image->pixels;
    int fd = pixels->fd;
    if (pixels->size > INT32_MAX) {
        return false;
    }
    if (fd == -1) {
        if (!create_staging(image)) {
            return false;
        }
        fd = image->staging_fd;
    }
    struct wl_shm_pool *pool = wl_shm_create_pool(target->shm, fd, (int32_t)pixels->size);
    if (!pool) {
        return false;
    }
    image->buffer = wl_shm_pool_create_buffer(pool, 0, (int32_t)pixels->extent.width,
                                              (int32_t)pixels->extent.height,
                                              (int32_t)pixels->pitch, target->code);
    wl_shm_pool_destroy(pool);
    return image->buffer;
}

static VkResult
create_buffer(struct wayland_target *target, struct shared_image *image)
{
    VkResult result = VK_SUCCESS;
    if (image->pixels->dma_buf != -1) {
        image->buffer = wsi_wayland_create_dma_buf(target->window, image->pixels,
                                                   target->offers.code, target->queue);
        result = image->buffer ? VK_SUCCESS : VK_ERROR_FORMAT_NOT_SUPPORTED;
    } else if (!create_shared_buffer(target, image)) {
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (image->buffer) {
        wl_buffer_add_listener(image->buffer, &buffer_listener, image);
    }
    return result;
}

static void
destroy_image(struct shared_image *image)
{
    if (image->buffer) {
        wl_buffer_destroy(image->buffer);
    }
    if (image->staging) {
        base_fd_unmap(image->staging, image->pixels->size);
    }
    base_fd_close(&image->staging_fd);
    free(image);
}

static VkResult
add_image(struct wsi_target *base, uint32_t index, const struct wsi_pixels *pixels)
{
    struct wayland_target *target = target_from(base);
    struct shared_image *image =
        index < BASE_COUNT_OF(target->images) ? calloc(1, sizeof(*image)) : NULL;
    if (!image) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    *image = (struct shared_image){target, index, pixels, .staging_fd = -1};
    VkResult result = create_buffer(target, image);
    if (result != VK_SUCCESS) {
        destroy_image(image);
        return result;
    }
    target->images[index] = image;
    target->image_count = index + 1;
    result = wsi_wayland_sync_add(&target->sync, index, pixels->dma_buf != -1);
    target->base.takes_unfinished = target->sync.is_used;
    return result;
}

static bool
has_frame_locked(const void *user)
{
    const struct wayland_target *target = user;
    bool has = false;
    for (size_t i = 0; i < WSI_MAX_IMAGES; i++) {
        has = has || target->frames[i];
    }
    return has;
}

/* The application wants no more than one frame to be seen at each refresh. */
static bool
waits_for_refresh(VkPresentModeKHR mode)
{
    return mode != VK_PRESENT_MODE_MAILBOX_KHR && mode != VK_PRESENT_MODE_IMMEDIATE_KHR;
}

/* Whether the compositor keeps the frame from taking the place of one that was not seen yet. The
 * newest of FIFO_LATEST_READY is chosen here, so it must not queue there. */
static bool
queues_in_compositor(const struct wayland_target *target, VkPresentModeKHR mode)
{
    return target->window->fifo && mode == VK_PRESENT_MODE_FIFO_KHR;
}

/* Whether the frame must not be committed while the compositor has yet to come to another; else it
 * keeps them apart, or takes the latest when it comes to it. */
static bool
is_paced(const struct wayland_target *target, VkPresentModeKHR mode)
{
    return waits_for_refresh(mode) && !queues_in_compositor(target, mode);
}

static void
pace(struct wsi_target *base, VkPresentModeKHR mode)
{
    struct wayland_target *target = target_from(base);
    if (is_paced(target, mode)) {
        wsi_listener_wait(&target->listener, has_frame_locked, target);
    }
}

static bool
is_free(struct wsi_target *base, const struct wsi_frame *frame)
{
    struct wayland_target *target = target_from(base);
    if (target->images[frame->image]->staging || wsi_wayland_color_asks(&target->color, frame)) {
        return false;
    }
    pthread_mutex_lock(&target->listener.lock);
    bool free = !is_paced(target, frame->mode) || !has_frame_locked(target);
    pthread_mutex_unlock(&target->listener.lock);
    return free;
}

/* Asks to be told when the compositor has come to this frame. Where it is silent for long, some
 * frames are not asked about. */
static void
ask_for_frame(struct wayland_target *target)
{
    pthread_mutex_lock(&target->listener.lock);
    struct wl_callback **place = target->frames;
    while (place < target->frames + WSI_MAX_IMAGES && *place) {
        place++;
    }
    if (place < target->frames + WSI_MAX_IMAGES) {
        *place = wl_surface_frame(target->surface);
        if (*place) {
            wl_callback_add_listener(*place, &frame_listener, target);
        }
    }
    pthread_mutex_unlock(&target->listener.lock);
}

/* Not to be seen before that time. */
static void
set_time(struct wayland_target *target, uint64_t desired_ns)
{
    uint64_t time_ns = wsi_wayland_time_of(target->window->clock, desired_ns),
             seconds = time_ns / 1000000000;
    wp_commit_timer_v1_set_timestamp(target->window->timer, (uint32_t)(seconds >> 32),
                                     (uint32_t)seconds, (uint32_t)(time_ns % 1000000000));
}

/* What the compositor shall know of the frame that is committed next. */
static void
describe_frame(struct wayland_target *target, const struct wsi_frame *frame)
{
    bool tears = frame->mode == VK_PRESENT_MODE_IMMEDIATE_KHR;
    if (target->window->tearing && tears != target->window->tears) {
        wp_tearing_control_v1_set_presentation_hint(
            target->window->tearing, tears ? WP_TEARING_CONTROL_V1_PRESENTATION_HINT_ASYNC
                                           : WP_TEARING_CONTROL_V1_PRESENTATION_HINT_VSYNC);
        target->window->tears = tears;
    }
    if (queues_in_compositor(target, frame->mode)) {
        wp_fifo_v1_wait_barrier(target->window->fifo);
        wp_fifo_v1_set_barrier(target->window->fifo);
    }
    if (target->base.holds_frames && frame->desired_ns) {
        set_time(target, frame->desired_ns);
    }
    if (waits_for_refresh(frame->mode)) {
        ask_for_frame(target);
    }
    wsi_wayland_color_describe(&target->color, frame);
    if (target->presentation) {
        wsi_wayland_feedback_ask(&target->feedback, frame);
    }
}

static void
damage(const struct wayland_target *target, const VkRect2D *rect)
{
    if (wl_proxy_get_version((struct wl_proxy *)target->surface) >=
        WL_SURFACE_DAMAGE_BUFFER_SINCE_VERSION) {
        wl_surface_damage_buffer(target->surface, rect->offset.x, rect->offset.y,
                                 (int32_t)rect->extent.width, (int32_t)rect->extent.height);
    } else { /* in coordinates that we do not know */
        wl_surface_damage(target->surface, 0, 0, INT32_MAX, INT32_MAX);
    }
}

/* A commit of the application's own between these would be one with a buffer and without its
 * points, which ends the connection: nothing else is to be said in between. */
static void
commit(struct wayland_target *target, uint32_t image, const struct wsi_points *points)
{
    wl_surface_attach(target->surface, target->images[image]->buffer, 0, 0);
    if (target->sync.is_used) {
        wsi_wayland_sync_tell(&target->sync, image, points);
    }
    wl_surface_commit(target->surface);
}

static VkResult
show(struct wsi_target *base, const struct wsi_frame *frame)
{
    struct wayland_target *target = target_from(base);
    struct shared_image *image = target->images[frame->image];
    struct wsi_points points;
    bool may_be_read = frame->ready_ns;
    if (target->sync.is_used &&
        !wsi_wayland_sync_begin(&target->sync, frame->image, may_be_read, &points)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (image->staging) {
        memcpy(image->staging, image->pixels->map, image->pixels->size);
    }
    damage(target, &frame->damage);
    describe_frame(target, frame);
    commit(target, frame->image, &points);
    bool written = write_to_compositor(target);
    atomic_store(&target->has_shown, true);
    wsi_listener_wake(&target->listener);
    return written ? VK_SUCCESS : VK_ERROR_SURFACE_LOST_KHR;
}

static void
finish_frame(struct wsi_target *base, const struct wsi_frame *frame)
{
    struct wayland_target *target = target_from(base);
    if (target->presentation) {
        wsi_wayland_feedback_note_ready(&target->feedback, frame);
    }
    wsi_timelines_reach(&target->sync.timelines, frame->image);
}

/* --- life --- */

static void
stop(struct wsi_target *base)
{
    struct wayland_target *target = target_from(base);
    wsi_wayland_color_end(&target->color);
    wsi_listener_stop(&target->listener);
}

static void
finish(struct wayland_target *target)
{
    for (uint32_t i = 0; i < target->image_count; i++) {
        destroy_image(target->images[i]);
    }
    for (size_t i = 0; i < WSI_MAX_IMAGES; i++) {
        if (target->frames[i]) {
            wl_callback_destroy(target->frames[i]);
        }
    }
    if (target->presentation) {
        wsi_wayland_feedback_finish(&target->feedback);
        wl_proxy_wrapper_destroy(target->presentation);
    }
    wsi_wayland_color_finish(&target->color);
    wsi_wayland_sync_finish(&target->sync);
    if (target->shm) {
        wl_proxy_wrapper_destroy(target->shm);
    }
    if (target->surface) {
        wl_proxy_wrapper_destroy(target->surface);
    }
    if (target->queue) {
        wl_display_flush(target->display);
        wl_event_queue_destroy(target->queue);
    }
    wsi_listener_finish(&target->listener);
    free(target);
}

static void
destroy(struct wsi_target *base)
{
    struct wayland_target *target = target_from(base);
    wsi_listener_end(&target->listener);
    finish(target);
}

static void *
wrap(void *proxy, struct wl_event_queue *queue)
{
    void *wrapper = wl_proxy_create_wrapper(proxy);
    if (wrapper) {
        wl_proxy_set_queue(wrapper, queue);
    }
    return wrapper;
}

/* What the compositor knows of time; false: out of memory. */
static bool
init_timing(struct wayland_target *target, const struct wsi_wayland_surface *surface)
{
    if (!surface->presentation) {
        return true;
    }
    target->presentation = wrap(surface->presentation, target->queue);
    if (!target->presentation) {
        return false;
    }
    wsi_wayland_feedback_init(&target->feedback, target->base.swapchain, target->surface,
                              target->presentation, surface->clock);
    target->base.reports_frames = true;
    target->base.holds_frames = target->window->timer; /* which counts by that clock */
    return true;
}

static bool
init(struct wayland_target *target, const struct wsi_wayland_surface *surface)
{
    target->display = surface->display;
    target->queue = wl_display_create_queue(target->display);
    if (target->queue) {
        target->surface = wrap(surface->surface, target->queue);
        target->shm = wrap(surface->shm, target->queue);
    }
    wsi_wayland_sync_init(&target->sync, target->window, target->base.swapchain,
                          target->listener.wake_fd);
    return target->surface && target->shm && init_timing(target, surface) &&
           wsi_listener_start(&target->listener, wl_display_get_fd(target->display));
}

/* Which dma-bufs are welcome, by the last that the compositor has said. False if the connection is
 * lost. */
static bool
init_offers(struct wayland_target *target, struct wsi_wayland_surface *surface)
{
    const struct wsi_swapchain *swapchain = target->base.swapchain;
    uint32_t serial;
    if (!wsi_wayland_read_events(surface->display, surface->queue) ||
        !wsi_wayland_hear_dma_bufs(surface, &serial)) {
        return false;
    }
    wsi_wayland_find_dma_bufs(surface, swapchain->image_info.format, swapchain->is_opaque,
                              &target->offers);
    target->heard_serial = target->offers.serial;
    target->base.offers = wsi_wayland_offers_of(&target->offers);
    return true;
}

static const struct wsi_target_ops ops = {
    .add_image = add_image,
    .pace = pace,
    .is_free = is_free,
    .show = show,
    .finish = finish_frame,
    .stop = stop,
    .destroy = destroy,
};

VkResult
wsi_wayland_create_target(struct wsi_surface *base, struct wsi_swapchain *swapchain,
                          struct wsi_target **out)
{
    struct wsi_wayland_surface *surface = (struct wsi_wayland_surface *)base;
    uint32_t code;
    if (!wsi_wayland_find_code(surface, swapchain->image_info.format, swapchain->is_opaque,
                               &code)) {
        base_log_error("vkCreateSwapchainKHR: the compositor does not take format %d",
                       swapchain->image_info.format);
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    struct wayland_target *target = calloc(1, sizeof(*target));
    if (!target) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    target->base.ops = &ops;
    target->base.swapchain = swapchain;
    target->code = code;
    target->window = surface;
    wsi_listener_init(&target->listener, &listener_ops, target, swapchain);
    VkResult result = VK_ERROR_SURFACE_LOST_KHR;
    if (init_offers(target, surface)) {
        wsi_wayland_prepare_window(surface, swapchain->color_space);
        result = wsi_wayland_color_init(&target->color, surface, swapchain->color_space);
    }
    if (result == VK_SUCCESS && !init(target, surface)) {
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (result != VK_SUCCESS) {
        finish(target);
        return result;
    }
    *out = &target->base;
    return VK_SUCCESS;
}
