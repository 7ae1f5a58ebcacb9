#include "driver/wsi/wayland/feedback.h"

#include <stdlib.h>

#include "base/clock.h"
#include "driver/wsi/swapchain.h"
#include "driver/wsi/wayland/extensions.h"

#define NS_PER_S UINT64_C(1000000000)
#define PATIENCE_NS NS_PER_S

struct pending_frame {
    struct wsi_wayland_feedback *feedback;
    struct wp_presentation_feedback *answer;
    struct wsi_frame frame; /* its times are guarded by the lock until it is ready */
    uint64_t asked_ns;
    bool given_up; /* the listener's */
    struct base_list link;
};

/* --- times --- */

static uint64_t
now_of(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* one that we do not have says zero */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The time on one clock as a time on another, by what both say now. */
static uint64_t
convert(clockid_t from, clockid_t to, uint64_t time_ns)
{
    uint64_t converted_ns = time_ns + (now_of(to) - now_of(from)); /* modulo 2^64 */
    return from == to ? time_ns : converted_ns;
}

uint64_t
wsi_wayland_time_of(clockid_t clock, uint64_t monotonic_ns)
{
    return convert(CLOCK_MONOTONIC, clock, monotonic_ns);
}

/* --- answers; on the listener's thread --- */

static void
forget(struct pending_frame *pending)
{
    struct wsi_wayland_feedback *feedback = pending->feedback;
    pthread_mutex_lock(&feedback->lock);
    base_list_remove(&pending->link);
    pthread_mutex_unlock(&feedback->lock);
    wp_presentation_feedback_destroy(pending->answer);
    free(pending);
}

static struct wsi_frame
get_frame(struct pending_frame *pending)
{
    pthread_mutex_lock(&pending->feedback->lock);
    struct wsi_frame frame = pending->frame;
    pthread_mutex_unlock(&pending->feedback->lock);
    return frame;
}

static void
sync_output(void *user, struct wp_presentation_feedback *answer, struct wl_output *output)
{
}

static void
presented(void *user, struct wp_presentation_feedback *answer, uint32_t seconds_high,
          uint32_t seconds_low, uint32_t nanoseconds, uint32_t refresh_ns, uint32_t count_high,
          uint32_t count_low, uint32_t flags)
{
    struct pending_frame *pending = user;
    struct wsi_wayland_feedback *feedback = pending->feedback;
    uint64_t seconds = (uint64_t)seconds_high << 32 | seconds_low;
    uint64_t shown_ns = convert(feedback->clock, CLOCK_MONOTONIC, seconds * NS_PER_S + nanoseconds);
    const struct wsi_frame frame = get_frame(pending);
    wsi_swapchain_set_refresh(feedback->swapchain, refresh_ns);
    wsi_swapchain_presented(feedback->swapchain, &frame, shown_ns);
    forget(pending);
}

static void
discarded(void *user, struct wp_presentation_feedback *answer)
{
    struct pending_frame *pending = user;
    const struct wsi_frame frame = get_frame(pending);
    wsi_swapchain_presented(pending->feedback->swapchain, &frame, 0);
    forget(pending);
}

static const struct wp_presentation_feedback_listener listener = {
    .sync_output = sync_output,
    .presented = presented,
    .discarded = discarded,
};

/* NULL: none. Only this thread takes frames out of the list, so what is found stays there. */
static struct pending_frame *
find_hopeless(struct wsi_wayland_feedback *feedback)
{
    uint64_t now_ns = base_clock_now_ns();
    struct pending_frame *found = NULL;
    pthread_mutex_lock(&feedback->lock);
    base_list_for_each (pending, &feedback->pending, struct pending_frame, link) {
        uint64_t since_ns = pending->asked_ns > pending->frame.ready_ns ? pending->asked_ns
                                                                        : pending->frame.ready_ns;
        if (!pending->given_up && pending->frame.ready_ns && now_ns - since_ns > PATIENCE_NS) {
            found = pending;
            break;
        }
    }
    pthread_mutex_unlock(&feedback->lock);
    return found;
}

void
wsi_wayland_feedback_look(struct wsi_wayland_feedback *feedback)
{
    for (struct pending_frame *at; (at = find_hopeless(feedback));) {
        at->given_up = true;
        wsi_swapchain_presented(feedback->swapchain, &at->frame, 0);
    }
}

/* --- questions --- */

void
wsi_wayland_feedback_ask(struct wsi_wayland_feedback *feedback, const struct wsi_frame *frame)
{
    struct pending_frame *pending = calloc(1, sizeof(*pending));
    struct wp_presentation_feedback *answer =
        pending ? wp_presentation_feedback(feedback->presentation, feedback->surface) : NULL;
    if (!answer) {
        free(pending);
        wsi_swapchain_presented(feedback->swapchain, frame, 0);
        return;
    }
    *pending = (struct pending_frame){
        .feedback = feedback,
        .answer = answer,
        .frame = *frame,
        .asked_ns = base_clock_now_ns(),
    };
    wp_presentation_feedback_add_listener(answer, &listener, pending);
    pthread_mutex_lock(&feedback->lock);
    base_list_push(&feedback->pending, &pending->link);
    pthread_mutex_unlock(&feedback->lock);
}

/* An image is in one frame at a time. */
void
wsi_wayland_feedback_note_ready(struct wsi_wayland_feedback *feedback,
                                const struct wsi_frame *frame)
{
    pthread_mutex_lock(&feedback->lock);
    base_list_for_each (pending, &feedback->pending, struct pending_frame, link) {
        if (pending->frame.image == frame->image && !pending->frame.ready_ns) {
            pending->frame.ready_ns = frame->ready_ns;
            pending->frame.dequeued_ns = frame->dequeued_ns;
        }
    }
    pthread_mutex_unlock(&feedback->lock);
}

/* --- life --- */

void
wsi_wayland_feedback_init(struct wsi_wayland_feedback *feedback, struct wsi_swapchain *swapchain,
                          struct wl_surface *surface, struct wp_presentation *presentation,
                          clockid_t clock)
{
    *feedback = (struct wsi_wayland_feedback){
        .swapchain = swapchain,
        .surface = surface,
        .presentation = presentation,
        .clock = clock,
    };
    pthread_mutex_init(&feedback->lock, NULL);
    base_list_init(&feedback->pending);
}

void
wsi_wayland_feedback_finish(struct wsi_wayland_feedback *feedback)
{
    base_list_for_each_safe (pending, &feedback->pending, struct pending_frame, link) {
        forget(pending);
    }
    pthread_mutex_destroy(&feedback->lock);
}
