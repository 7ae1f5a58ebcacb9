/* The thread of a swapchain: waits for each frame's copy, and shows it when its time has come. What
 * need not wait is shown within vkQueuePresentKHR. */
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "driver/address_reports.h"
#include "driver/drv_entry.h"
#include "driver/sync.h"
#include "driver/wsi/swapchain.h"

/* --- the queue of frames; all under the lock --- */

static struct wsi_frame *
frame_at(struct wsi_swapchain *swapchain, uint32_t place)
{
    return &swapchain->frames[(swapchain->frame_first + place) % swapchain->image_count];
}

static void
add_locked(struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    swapchain->frame_count++;
    *frame_at(swapchain, swapchain->frame_count - 1) = *frame;
    pthread_cond_broadcast(&swapchain->changed);
}

static struct wsi_frame
pop_locked(struct wsi_swapchain *swapchain)
{
    struct wsi_frame frame = *frame_at(swapchain, 0);
    frame.ready_ns = swapchain->images[frame.image].ready_ns;
    swapchain->images[frame.image].ready_ns = 0;
    swapchain->frame_first = (swapchain->frame_first + 1) % swapchain->image_count;
    swapchain->frame_count--;
    return frame;
}

/* Before it is ready: else it is not in the queue. */
static bool
was_shown(const struct wsi_frame *frame)
{
    return frame->dequeued_ns;
}

static bool
is_any_waiting_locked(struct wsi_swapchain *swapchain)
{
    return swapchain->frame_count > 0 &&
           !was_shown(frame_at(swapchain, swapchain->frame_count - 1));
}

static void
release_locked(struct wsi_swapchain *swapchain, uint32_t index)
{
    struct wsi_image *image = &swapchain->images[index];
    if (image->state == WSI_IMAGE_SHOWN || image->state == WSI_IMAGE_QUEUED) {
        image->state = WSI_IMAGE_IDLE;
        image->idle_since = ++swapchain->idle_clock;
        pthread_cond_broadcast(&swapchain->changed);
    }
}

static void
note_presented_locked(struct wsi_swapchain *swapchain, uint64_t id)
{
    if (id > swapchain->presented_id) {
        swapchain->presented_id = id;
        pthread_cond_broadcast(&swapchain->changed);
    }
}

static bool
is_error(VkResult status)
{
    return status < 0;
}

static void
set_status_locked(struct wsi_swapchain *swapchain, VkResult status)
{
    if (!is_error(swapchain->status) && status != VK_SUCCESS) {
        swapchain->status = status;
        pthread_cond_broadcast(&swapchain->changed);
    }
}

void
wsi_swapchain_release(struct wsi_swapchain *swapchain, uint32_t image)
{
    pthread_mutex_lock(&swapchain->lock);
    release_locked(swapchain, image);
    pthread_mutex_unlock(&swapchain->lock);
}

void
wsi_swapchain_set_status(struct wsi_swapchain *swapchain, VkResult status)
{
    pthread_mutex_lock(&swapchain->lock);
    set_status_locked(swapchain, status);
    pthread_mutex_unlock(&swapchain->lock);
}

void
wsi_swapchain_presented(struct wsi_swapchain *swapchain, const struct wsi_frame *frame,
                        uint64_t shown_ns)
{
    pthread_mutex_lock(&swapchain->lock);
    note_presented_locked(swapchain, frame->id);
    wsi_results_complete(&swapchain->timing_results, frame, shown_ns);
    if (shown_ns) {
        wsi_timing_add(&swapchain->timing, frame, shown_ns);
    }
    pthread_mutex_unlock(&swapchain->lock);
}

void
wsi_swapchain_set_refresh(struct wsi_swapchain *swapchain, uint64_t refresh_ns)
{
    pthread_mutex_lock(&swapchain->lock);
    if (refresh_ns > 0) {
        wsi_results_set_refresh(&swapchain->timing_results,
                                refresh_ns != swapchain->timing.refresh_ns);
        swapchain->timing.refresh_ns = refresh_ns;
    }
    pthread_mutex_unlock(&swapchain->lock);
}

static bool
is_empty(VkRect2D rect)
{
    return rect.extent.width == 0 || rect.extent.height == 0;
}

VkRect2D
wsi_rect_join(VkRect2D a, VkRect2D b)
{
    if (is_empty(a) || is_empty(b)) {
        return is_empty(a) ? b : a;
    }
    int32_t left = a.offset.x < b.offset.x ? a.offset.x : b.offset.x;
    int32_t top = a.offset.y < b.offset.y ? a.offset.y : b.offset.y;
    int64_t right_a = (int64_t)a.offset.x + a.extent.width;
    int64_t right_b = (int64_t)b.offset.x + b.extent.width;
    int64_t bottom_a = (int64_t)a.offset.y + a.extent.height;
    int64_t bottom_b = (int64_t)b.offset.y + b.extent.height;
    int64_t right = right_a > right_b ? right_a : right_b;
    int64_t bottom = bottom_a > bottom_b ? bottom_a : bottom_b;
    return (VkRect2D){{left, top}, {(uint32_t)(right - left), (uint32_t)(bottom - top)}};
}

/* --- one frame --- */

static bool
is_copied(struct wsi_swapchain *swapchain, uint32_t image, uint64_t timeout_ns, VkResult *result)
{
    struct wsi_image *at = &swapchain->images[image];
    *result = drv_WaitForFences((VkDevice)swapchain->device, 1, &at->copied, VK_TRUE, timeout_ns);
    if (*result == VK_SUCCESS && !at->ready_ns) {
        at->ready_ns = base_clock_now_ns();
    }
    return *result == VK_SUCCESS;
}

/* Sleeps until there is a frame; false when the thread is to end, which is after those that were
 * shown: the window system waits for them. */
static bool
wait_for_frame(struct wsi_swapchain *swapchain, struct wsi_frame *out)
{
    pthread_mutex_lock(&swapchain->lock);
    while (!swapchain->stop && swapchain->frame_count == 0) {
        pthread_cond_wait(&swapchain->changed, &swapchain->lock);
    }
    bool found = swapchain->frame_count > 0;
    if (found) {
        *out = *frame_at(swapchain, 0);
    }
    bool go_on = found && (was_shown(out) || !swapchain->stop);
    pthread_mutex_unlock(&swapchain->lock);
    return go_on;
}

static bool
drops_older(VkPresentModeKHR mode)
{
    return mode == VK_PRESENT_MODE_MAILBOX_KHR || mode == VK_PRESENT_MODE_FIFO_LATEST_READY_EXT;
}

/* When the frame may be handed over. A window system that does not say when it shows frames shows
 * them at once. */
static uint64_t
due_locked(const struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    bool later = swapchain->target && swapchain->target->reports_frames;
    return later ? wsi_timing_due(&swapchain->timing, frame->desired_ns) : frame->desired_ns;
}

/* The frame behind the first takes its place if it is ready, its time has come and its mode wants
 * that. */
static bool
skip_first(struct wsi_swapchain *swapchain)
{
    VkResult result;
    bool skipped = false;

    pthread_mutex_lock(&swapchain->lock);
    bool newer = swapchain->frame_count > 1 && drops_older(frame_at(swapchain, 1)->mode) &&
                 due_locked(swapchain, frame_at(swapchain, 1)) <= base_clock_now_ns();
    uint32_t next_image = newer ? frame_at(swapchain, 1)->image : 0;
    pthread_mutex_unlock(&swapchain->lock);

    if (newer && is_copied(swapchain, next_image, 0, &result)) {
        pthread_mutex_lock(&swapchain->lock);
        if (swapchain->frame_count > 1) { /* a retired swapchain has lost its frames meanwhile */
            struct wsi_frame old = pop_locked(swapchain);
            struct wsi_frame *next = frame_at(swapchain, 0);
            next->damage = wsi_rect_join(next->damage, old.damage);
            release_locked(swapchain, old.image);
            note_presented_locked(swapchain, old.id);
            wsi_results_complete(&swapchain->timing_results, &old, 0);
            skipped = true;
        }
        pthread_mutex_unlock(&swapchain->lock);
    }
    return skipped;
}

static void
drop_frames_locked(struct wsi_swapchain *swapchain)
{
    while (swapchain->frame_count > 0) {
        const struct wsi_frame dropped = pop_locked(swapchain);
        release_locked(swapchain, dropped.image);
        wsi_results_complete(&swapchain->timing_results, &dropped, 0);
    }
}

/* Takes the frame that is to be shown out of the queue; false if there is none any more. */
static bool
take_frame(struct wsi_swapchain *swapchain, struct wsi_frame *out)
{
    while (skip_first(swapchain)) {
    }
    pthread_mutex_lock(&swapchain->lock);
    if (is_error(swapchain->status)) {
        drop_frames_locked(swapchain);
    }
    bool taken = !swapchain->stop && swapchain->frame_count > 0;
    if (taken) {
        *out = pop_locked(swapchain);
        out->dequeued_ns = base_clock_now_ns();
        swapchain->images[out->image].state = WSI_IMAGE_SHOWN;
        swapchain->showing = true;
    }
    pthread_mutex_unlock(&swapchain->lock);
    return taken;
}

/* Sleeps until the time that the application wants the frame to be seen at. */
static void
hold(struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    pthread_mutex_lock(&swapchain->lock);
    uint64_t due_ns = due_locked(swapchain, frame);
    while (!swapchain->stop && !is_error(swapchain->status) && base_clock_now_ns() < due_ns) {
        (void)base_cond_wait_until(&swapchain->changed, &swapchain->lock, due_ns);
    }
    pthread_mutex_unlock(&swapchain->lock);
}

static VkResult
show(struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    struct wsi_target *target = swapchain->target;
    if (!target) {
        wsi_swapchain_release(swapchain, frame->image);
        return VK_SUCCESS;
    }
    return target->ops->show(target, frame);
}

static void
end_frame(struct wsi_swapchain *swapchain, const struct wsi_frame *frame, VkResult result)
{
    pthread_mutex_lock(&swapchain->lock);
    swapchain->showing = false;
    set_status_locked(swapchain, result);
    if (is_error(result)) {
        release_locked(swapchain, frame->image);
    }
    pthread_cond_broadcast(&swapchain->changed);
    pthread_mutex_unlock(&swapchain->lock);
    if (is_error(result)) {
        wsi_swapchain_presented(swapchain, frame, 0);
    } else if (frame->ready_ns && (!swapchain->target || !swapchain->target->reports_frames)) {
        wsi_swapchain_presented(swapchain, frame, base_clock_now_ns());
    }
}

/* --- a frame that was shown before it is ready --- */

/* On a lost device it never will be, and the window system must not wait for it. It counts as taken
 * when it is ready, as frames are that were shown later. */
static void
finish_frame(struct wsi_swapchain *swapchain, struct wsi_frame *frame)
{
    struct wsi_target *target = swapchain->target;
    VkResult result;
    bool copied = is_copied(swapchain, frame->image, UINT64_MAX, &result);
    pthread_mutex_lock(&swapchain->lock);
    *frame = pop_locked(swapchain);
    pthread_mutex_unlock(&swapchain->lock);
    if (!copied) {
        wsi_swapchain_set_status(swapchain, result);
        frame->ready_ns = base_clock_now_ns();
    }
    frame->dequeued_ns = frame->ready_ns;
    target->ops->finish(target, frame);
    if (!target->reports_frames) {
        wsi_swapchain_presented(swapchain, frame, frame->ready_ns);
    }
}

/* --- the thread --- */

static void
present_frame(struct wsi_swapchain *swapchain, struct wsi_frame *frame)
{
    struct wsi_target *target = swapchain->target;
    VkResult result;
    if (!is_copied(swapchain, frame->image, UINT64_MAX, &result)) {
        wsi_swapchain_set_status(swapchain, result);
    } else if (target && target->ops->pace) {
        target->ops->pace(target, frame->mode);
    }
    if (frame->desired_ns && !(target && target->holds_frames)) {
        hold(swapchain, frame);
    }
    if (take_frame(swapchain, frame)) {
        end_frame(swapchain, frame, show(swapchain, frame));
    }
}

static void *
run(void *user)
{
    struct wsi_swapchain *swapchain = user;
    struct wsi_frame frame;
    drv_address_reports_stay_out();
    while (wait_for_frame(swapchain, &frame)) {
        if (was_shown(&frame)) {
            finish_frame(swapchain, &frame);
        } else {
            present_frame(swapchain, &frame);
        }
    }
    return NULL;
}

VkResult
wsi_present_thread_start(struct wsi_swapchain *swapchain)
{
    int error = base_thread_start(&swapchain->thread, "vesper-present", run, swapchain);
    if (error) {
        base_log_error("vkCreateSwapchainKHR: cannot start the thread that shows frames (error %d)",
                       error);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return VK_SUCCESS;
}

static void
stop_target(struct wsi_swapchain *swapchain)
{
    if (swapchain->target && swapchain->target->ops->stop) {
        swapchain->target->ops->stop(swapchain->target);
    }
}

void
wsi_present_thread_stop(struct wsi_swapchain *swapchain)
{
    pthread_mutex_lock(&swapchain->lock);
    swapchain->stop = true;
    pthread_cond_broadcast(&swapchain->changed);
    pthread_mutex_unlock(&swapchain->lock);
    stop_target(swapchain);
    pthread_join(swapchain->thread, NULL);
}

/* --- within vkQueuePresentKHR --- */

/* Keeps the thread from showing frames, unless it has some to show: no frame overtakes another. */
static bool
begin_at_once(struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    bool held = frame->desired_ns && !swapchain->target->holds_frames;
    pthread_mutex_lock(&swapchain->lock);
    bool free = !swapchain->showing && !is_any_waiting_locked(swapchain) &&
                !is_error(swapchain->status) &&
                (!held || due_locked(swapchain, frame) <= base_clock_now_ns());
    if (free) {
        swapchain->showing = true;
    }
    pthread_mutex_unlock(&swapchain->lock);
    return free;
}

/* To ask the renderer would be to wait for what was submitted to it. */
static bool
is_known_to_be_copied(struct wsi_swapchain *swapchain, uint32_t image)
{
    struct drv_fence *copied = drv_fence_from(swapchain->images[image].copied);
    return copied->slot.value && drv_fence_status(swapchain->device, copied) == VK_SUCCESS;
}

/* If nothing is to be waited for. */
static bool
may_be_shown(struct wsi_swapchain *swapchain, struct wsi_frame *frame)
{
    struct wsi_target *target = swapchain->target;
    if (!target->ops->is_free(target, frame) ||
        (!target->takes_unfinished && !is_known_to_be_copied(swapchain, frame->image))) {
        return false;
    }
    frame->dequeued_ns = base_clock_now_ns();
    frame->ready_ns = target->takes_unfinished ? 0 : frame->dequeued_ns;
    return true;
}

static void
show_at_once(struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    pthread_mutex_lock(&swapchain->lock);
    swapchain->images[frame->image].state = WSI_IMAGE_SHOWN;
    pthread_mutex_unlock(&swapchain->lock);
    VkResult result = show(swapchain, frame);
    if (!is_error(result) && !frame->ready_ns) {
        pthread_mutex_lock(&swapchain->lock);
        add_locked(swapchain, frame);
        pthread_mutex_unlock(&swapchain->lock);
    }
    end_frame(swapchain, frame, result);
}

void
wsi_present_thread_push(struct wsi_swapchain *swapchain, const struct wsi_frame *frame)
{
    struct wsi_frame shown = *frame;
    bool begun =
        swapchain->target && swapchain->target->ops->is_free && begin_at_once(swapchain, frame);
    if (begun && may_be_shown(swapchain, &shown)) {
        show_at_once(swapchain, &shown);
        return;
    }
    pthread_mutex_lock(&swapchain->lock);
    if (begun) {
        swapchain->showing = false;
    }
    swapchain->images[frame->image].state = WSI_IMAGE_QUEUED;
    add_locked(swapchain, frame);
    while (swapchain->waits && (is_any_waiting_locked(swapchain) || swapchain->showing)) {
        pthread_cond_wait(&swapchain->changed, &swapchain->lock);
    }
    pthread_mutex_unlock(&swapchain->lock);
}

void
wsi_present_thread_retire(struct wsi_swapchain *swapchain)
{
    wsi_swapchain_set_status(swapchain, VK_ERROR_OUT_OF_DATE_KHR);
    stop_target(swapchain);
    pthread_mutex_lock(&swapchain->lock);
    while (swapchain->showing) {
        pthread_cond_wait(&swapchain->changed, &swapchain->lock);
    }
    pthread_mutex_unlock(&swapchain->lock);
}
