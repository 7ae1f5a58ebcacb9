/* Frames in a window of X11.
 *
 * The server reads a frame from the very memory that the GPU copied it to (MIT-SHM with a passed
 * descriptor), or gets it over the connection where it cannot: a remote server, or an old one. The
 * Present extension tells when frames are due; without it a timer does.
 *
 * Every frame asks the window's geometry behind its image. The answer says that the server is done
 * with the frame, that the window is still there, and how large it is, without events, which
 * belong to the application. Errors are asked for as well: one that is left alone ends an Xlib
 * application. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "driver/wsi/format.h"
#include "driver/wsi/swapchain.h"
#include "driver/wsi/x11/pixmap_target.h"
#include "driver/wsi/x11/x11.h"

#define NS_PER_S UINT64_C(1000000000)

enum {
    DEFAULT_REFRESH_HZ = 60,
    /* A window that is not on any output may hear nothing for long: go on by timer then. */
    MSC_PATIENCE_NS = 100 * 1000 * 1000,
    SHORTEST_REFRESH_NS = 1000 * 1000,
    LONGEST_REFRESH_NS = 1000 * 1000 * 1000,
    POLL_MS = 4, /* another thread may have read what we wait for */
};

struct shared_image {
    const struct wsi_pixels *pixels;
    xcb_shm_seg_t segment; /* 0: the pixels travel over the connection */
    /* Where the renderer's memory cannot be passed on, a copy of the frame. */
    int staging_fd;
    void *staging;
};

struct x11_target {
    struct wsi_target base;
    const struct wsi_x11_library *x11;
    xcb_connection_t *connection; /* the application's */
    xcb_window_t window;
    xcb_gcontext_t context;
    VkExtent2D extent;        /* of the images */
    VkExtent2D window_extent; /* when the last frame was shown; the present thread's */
    uint8_t depth;
    bool has_shm;
    uint32_t image_count;
    struct shared_image *images;
    _Atomic bool stop;

    /* The present thread's. */
    xcb_special_event_t *events; /* NULL: no Present extension */
    uint32_t event_id;
    uint64_t last_msc, last_ust;
    uint64_t next_frame_ns; /* by timer */
};

static struct x11_target *
target_from(struct wsi_target *target)
{
    return (struct x11_target *)target;
}

static VkResult
surface_lost(const struct x11_target *target)
{
    base_log_info("X11 window 0x%x is gone", target->window);
    return VK_ERROR_SURFACE_LOST_KHR;
}

/* --- shared memory --- */

/* To pass a descriptor over anything else (ssh's forwarding) would end the connection. */
static bool
can_pass_descriptors(const struct x11_target *target)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int fd = target->x11->xcb_get_file_descriptor(target->connection);
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX;
}

static bool
query_shm(const struct x11_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    if (!x11->shm_extension || !can_pass_descriptors(target)) {
        return false;
    }
    const xcb_query_extension_reply_t *extension =
        x11->xcb_get_extension_data(target->connection, x11->shm_extension);
    if (!extension || !extension->present) {
        return false;
    }
    xcb_shm_query_version_reply_t *version = x11->xcb_shm_query_version_reply(
        target->connection, x11->xcb_shm_query_version(target->connection), NULL);
    /* Descriptors are passed since 1.2. */
    bool usable = version && (version->major_version > 1 || version->minor_version >= 2);
    free(version);
    return usable;
}

static bool
attach(struct x11_target *target, struct shared_image *image, int fd)
{
    int passed = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* xcb closes it */
    if (passed == -1) {
        return false;
    }
    image->segment = target->x11->xcb_generate_id(target->connection);
    if (!wsi_x11_check(target->x11, target->connection,
                       target->x11->xcb_shm_attach_fd_checked(target->connection, image->segment,
                                                              passed, true))) {
        image->segment = 0;
        return false;
    }
    return true;
}

static bool
attach_pages(struct x11_target *target, struct shared_image *image)
{
    int fd = image->pixels->fd;
    if (fd != -1 && !attach(target, image, fd)) {
        base_log_info("the X server cannot map the renderer's memory: the CPU copies frames");
        return false;
    }
    return fd != -1;
}

static void
free_staging(struct shared_image *image)
{
    if (image->staging) {
        base_fd_unmap(image->staging, image->pixels->size);
        image->staging = NULL;
    }
    base_fd_close(&image->staging_fd);
}

static bool
attach_staging(struct x11_target *target, struct shared_image *image)
{
    image->staging_fd = base_fd_create_shared_memory("vesper-frame", image->pixels->size);
    if (image->staging_fd != -1) {
        image->staging = base_fd_map(image->staging_fd, image->pixels->size);
    }
    if (image->staging && attach(target, image, image->staging_fd)) {
        return true;
    }
    free_staging(image);
    return false;
}

static VkResult
add_image(struct wsi_target *base, uint32_t index, const struct wsi_pixels *pixels)
{
    struct x11_target *target = target_from(base);
    struct shared_image *images = realloc(target->images, (index + 1) * sizeof(*images));
    if (!images) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    target->images = images;
    target->image_count = index + 1;
    struct shared_image *image = &images[index];
    *image = (struct shared_image){.pixels = pixels, .staging_fd = -1};
    if (target->has_shm) {
        bool attached = attach_pages(target, image) || attach_staging(target, image);
        if (!attached) { /* a remote server has the extension, but cannot map our pages */
            base_log_info("the X server cannot map our memory: frames travel over the connection");
            target->has_shm = false;
        }
    }
    return VK_SUCCESS;
}

/* --- pacing --- */

static void
sleep_until(const struct x11_target *target, uint64_t deadline_ns)
{
    for (uint64_t now = base_clock_now_ns();
         now < deadline_ns && !atomic_load_explicit(&target->stop, memory_order_relaxed);
         now = base_clock_now_ns()) {
        uint64_t left_ms = (deadline_ns - now + 999999) / 1000000;
        (void)poll(NULL, 0, left_ms < POLL_MS ? (int)left_ms : POLL_MS);
    }
}

/* Frames are due in the rhythm of the output, counted from the first one after a pause. */
static void
pace_by_timer(struct x11_target *target)
{
    uint64_t period = NS_PER_S / DEFAULT_REFRESH_HZ;
    sleep_until(target, target->next_frame_ns);
    uint64_t now = base_clock_now_ns();
    bool in_rhythm = now < target->next_frame_ns + period;
    target->next_frame_ns = (in_rhythm ? target->next_frame_ns : now) + period;
}

/* The next answer to our question, or NULL for now. */
static xcb_present_complete_notify_event_t *
poll_complete(const struct x11_target *target)
{
    for (;;) {
        xcb_generic_event_t *event =
            target->x11->xcb_poll_for_special_event(target->connection, target->events);
        if (!event) {
            return NULL;
        }
        xcb_present_complete_notify_event_t *complete = (void *)event;
        if (complete->event_type == XCB_PRESENT_COMPLETE_NOTIFY &&
            complete->kind == XCB_PRESENT_COMPLETE_KIND_NOTIFY_MSC) {
            return complete;
        }
        free(event);
    }
}

/* Two counts, and the microseconds when they were, tell how long the screen shows a frame; unless
 * the window has moved to an output that counts from elsewhere, which gives absurd figures. */
static void
note_msc(struct x11_target *target, const xcb_present_complete_notify_event_t *complete)
{
    uint64_t frames = complete->msc - target->last_msc;
    uint64_t period_ns =
        target->last_msc && frames ? (complete->ust - target->last_ust) * 1000 / frames : 0;
    if (period_ns > SHORTEST_REFRESH_NS && period_ns < LONGEST_REFRESH_NS) {
        wsi_swapchain_set_refresh(target->base.swapchain, period_ns);
    }
    target->last_msc = complete->msc;
    target->last_ust = complete->ust;
}

/* False if the server does not answer in time. */
static bool
wait_for_msc(struct x11_target *target, uint64_t deadline_ns)
{
    struct pollfd server = {
        .fd = target->x11->xcb_get_file_descriptor(target->connection),
        .events = POLLIN,
    };
    while (!atomic_load_explicit(&target->stop, memory_order_relaxed)) {
        xcb_present_complete_notify_event_t *complete = poll_complete(target);
        if (complete) {
            note_msc(target, complete);
            free(complete);
            return true;
        }
        if (base_clock_now_ns() >= deadline_ns ||
            target->x11->xcb_connection_has_error(target->connection)) {
            return false;
        }
        if (poll(&server, 1, POLL_MS) > 0) {
            (void)poll(NULL, 0, 0); /* whoever else reads may do so now */
        }
    }
    return true;
}

static void
pace_by_server(struct x11_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    xcb_connection_t *connection = target->connection;

    xcb_void_cookie_t request = x11->xcb_present_notify_msc_checked(connection, target->window, 0,
                                                                    target->last_msc + 1, 0, 0);
    x11->xcb_discard_reply(connection, request.sequence); /* of a lost window show() hears soon */
    x11->xcb_flush(connection);
    uint64_t now = base_clock_now_ns();
    if (!wait_for_msc(target, now + MSC_PATIENCE_NS)) {
        target->next_frame_ns = now + MSC_PATIENCE_NS;
    }
}

static void
pace(struct wsi_target *base, VkPresentModeKHR mode)
{
    struct x11_target *target = target_from(base);
    if (mode == VK_PRESENT_MODE_IMMEDIATE_KHR || mode == VK_PRESENT_MODE_MAILBOX_KHR) {
        return;
    }
    if (target->events) {
        pace_by_server(target);
    } else {
        pace_by_timer(target);
    }
}

/* --- showing --- */

/* As many rows at a time as one request carries. */
static bool
put_over_connection(struct x11_target *target, const struct wsi_pixels *pixels)
{
    const struct wsi_x11_library *x11 = target->x11;
    uint64_t most = (uint64_t)x11->xcb_get_maximum_request_length(target->connection) * 4 -
                    sizeof(xcb_put_image_request_t);
    uint32_t rows = (uint32_t)(most / pixels->pitch);
    uint32_t pitch_pixels = pixels->pitch / wsi_format_pixel_size(pixels->format);

    if (rows == 0 || pitch_pixels > UINT16_MAX) {
        return false;
    }
    for (uint32_t y = 0; y < pixels->extent.height; y += rows) {
        uint32_t left = pixels->extent.height - y;
        uint32_t height = left < rows ? left : rows;
        xcb_void_cookie_t request = x11->xcb_put_image_checked(
            target->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, target->window, target->context,
            (uint16_t)pitch_pixels, (uint16_t)height, 0, (int16_t)y, 0, target->depth,
            height * pixels->pitch, (const uint8_t *)pixels->map + (size_t)y * pixels->pitch);
        if (!wsi_x11_check(target->x11, target->connection, request)) {
            return false;
        }
    }
    return true;
}

/* A window that has changed its size has lost its content, and a new one has none. */
static VkRect2D
whole_image(const struct x11_target *target)
{
    return (VkRect2D){.extent = target->extent};
}

static xcb_void_cookie_t
put_shared(struct x11_target *target, const struct shared_image *image, const VkRect2D *damage)
{
    const struct wsi_pixels *pixels = image->pixels;
    if (image->staging) {
        memcpy(image->staging, pixels->map, pixels->size);
    }
    return target->x11->xcb_shm_put_image_checked(
        target->connection, target->window, target->context,
        (uint16_t)(pixels->pitch / wsi_format_pixel_size(pixels->format)),
        (uint16_t)pixels->extent.height, (uint16_t)damage->offset.x, (uint16_t)damage->offset.y,
        (uint16_t)damage->extent.width, (uint16_t)damage->extent.height, (int16_t)damage->offset.x,
        (int16_t)damage->offset.y, target->depth, XCB_IMAGE_FORMAT_Z_PIXMAP, false, image->segment,
        0);
}

/* The server has come to everything before the question when it answers. */
static VkResult
ask_geometry(struct x11_target *target, VkExtent2D *out_extent)
{
    const struct wsi_x11_library *x11 = target->x11;
    xcb_generic_error_t *error = NULL;
    xcb_get_geometry_reply_t *geometry = x11->xcb_get_geometry_reply(
        target->connection, x11->xcb_get_geometry(target->connection, target->window), &error);
    VkResult result = VK_SUCCESS;
    if (!geometry) {
        result = surface_lost(target);
    } else {
        *out_extent = (VkExtent2D){geometry->width, geometry->height};
    }
    free(geometry);
    free(error);
    return result;
}

static bool
same(VkExtent2D a, VkExtent2D b)
{
    return a.width == b.width && a.height == b.height;
}

static VkResult
put(struct x11_target *target, const struct shared_image *image, const VkRect2D *damage,
    VkExtent2D *out_extent)
{
    if (!image->segment) {
        return put_over_connection(target, image->pixels) ? ask_geometry(target, out_extent)
                                                          : surface_lost(target);
    }
    xcb_void_cookie_t request = put_shared(target, image, damage);
    VkResult result = ask_geometry(target, out_extent);
    return wsi_x11_check(target->x11, target->connection, request) || result < 0
               ? result
               : surface_lost(target);
}

static VkResult
show(struct wsi_target *base, const struct wsi_frame *frame)
{
    struct x11_target *target = target_from(base);
    struct shared_image *image = &target->images[frame->image];
    VkRect2D damage =
        same(target->window_extent, target->extent) ? frame->damage : whole_image(target);
    VkExtent2D extent;
    VkResult result = put(target, image, &damage, &extent);
    wsi_swapchain_release(base->swapchain, frame->image);
    if (result < 0) {
        return result;
    }
    target->window_extent = extent;
    return same(extent, target->extent) ? result : VK_SUBOPTIMAL_KHR;
}

/* --- life --- */

static void
stop(struct wsi_target *base)
{
    atomic_store_explicit(&target_from(base)->stop, true, memory_order_relaxed);
}

static void
destroy(struct wsi_target *base)
{
    struct x11_target *target = target_from(base);
    const struct wsi_x11_library *x11 = target->x11;
    xcb_connection_t *connection = target->connection;

    for (uint32_t i = 0; i < target->image_count; i++) {
        if (target->images[i].segment) {
            x11->xcb_shm_detach(connection, target->images[i].segment);
        }
        free_staging(&target->images[i]);
    }
    free(target->images);
    if (target->events) {
        xcb_void_cookie_t request =
            x11->xcb_present_select_input_checked(connection, target->event_id, target->window, 0);
        x11->xcb_discard_reply(connection, request.sequence); /* the window may be gone */
        x11->xcb_unregister_for_special_event(connection, target->events);
    }
    x11->xcb_free_gc(connection, target->context);
    x11->xcb_flush(connection);
    free(target);
}

/* False if the window is gone. */
static bool
listen_for_msc(struct x11_target *target)
{
    const struct wsi_x11_library *x11 = target->x11;
    xcb_connection_t *connection = target->connection;
    if (!x11->present_extension) {
        return true;
    }
    const xcb_query_extension_reply_t *extension =
        x11->xcb_get_extension_data(connection, x11->present_extension);
    if (!extension || !extension->present) {
        return true;
    }
    free(x11->xcb_present_query_version_reply(
        connection, x11->xcb_present_query_version(connection, 1, 0), NULL));
    target->event_id = x11->xcb_generate_id(connection);
    target->events = x11->xcb_register_for_special_xge(connection, x11->present_extension,
                                                       target->event_id, NULL);
    return wsi_x11_check(
        target->x11, target->connection,
        x11->xcb_present_select_input_checked(connection, target->event_id, target->window,
                                              XCB_PRESENT_EVENT_MASK_COMPLETE_NOTIFY));
}

static const struct wsi_target_ops ops = {
    .add_image = add_image,
    .pace = pace,
    .show = show,
    .stop = stop,
    .destroy = destroy,
};

VkResult
wsi_x11_create_target(struct wsi_surface *surface_base, struct wsi_swapchain *swapchain,
                      struct wsi_target **out)
{
    struct wsi_x11_surface *surface = (struct wsi_x11_surface *)surface_base;
    struct wsi_x11_visual visual;
    VkExtent2D extent;

    VkResult result = wsi_x11_get_window(surface, &extent, &visual);
    if (result != VK_SUCCESS) {
        return result;
    }
    if (swapchain->road != WSI_ROAD_SHARED_MEMORY) {
        result = wsi_x11_create_pixmap_target(surface, swapchain, &visual, out);
        if (result != VK_ERROR_FEATURE_NOT_PRESENT) {
            return result;
        }
        result = VK_SUCCESS;
    }
    struct x11_target *target = calloc(1, sizeof(*target));
    if (!target) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    target->base.ops = &ops;
    target->base.swapchain = swapchain;
    target->x11 = surface->x11;
    target->connection = surface->connection;
    target->window = surface->window;
    target->extent.width = swapchain->image_info.extent.width;
    target->extent.height = swapchain->image_info.extent.height;
    target->depth = visual.depth;
    target->has_shm = query_shm(target);
    target->context = target->x11->xcb_generate_id(target->connection);
    xcb_void_cookie_t request = target->x11->xcb_create_gc_checked(
        target->connection, target->context, target->window, 0, NULL);
    bool listens = listen_for_msc(target);
    if (!wsi_x11_check(target->x11, target->connection, request) || !listens) {
        result = surface_lost(target);
        destroy(&target->base);
        return result;
    }
    *out = &target->base;
    return VK_SUCCESS;
}
