#include "driver/wsi/x11/sync.h"

#include <stdlib.h>
#include <sys/uio.h>
#include <xcb/xcbext.h>

#include "base/log.h"

enum {
    CAPABILITY_SYNCOBJ = 16, /* PresentCapabilitySyncobj */
    IMPORT_SYNCOBJ = 10,     /* of DRI3 */
    FREE_SYNCOBJ = 11,
    PIXMAP_SYNCED = 5, /* of Present */
};

/* --- requests; libxcb fills in the first four bytes --- */

struct import_syncobj {
    uint8_t head[4];
    uint32_t syncobj, drawable; /* and a descriptor */
};

struct free_syncobj {
    uint8_t head[4];
    uint32_t syncobj;
};

struct pixmap_synced {
    uint8_t head[4];
    uint32_t window, pixmap, serial, valid, update;
    int16_t x, y;
    uint32_t crtc, acquire_syncobj, release_syncobj;
    uint32_t acquire_point[2], release_point[2]; /* 64 bits, at offsets that are no multiples */
    uint32_t options, padding;
    uint32_t target_msc[2], divisor[2], remainder[2];
};
_Static_assert(sizeof(struct pixmap_synced) == 88, "as the protocol has it");

/* Takes the descriptor, unless that is -1. */
static xcb_void_cookie_t
send_request(const struct wsi_x11_sync *sync, xcb_extension_t *extension, uint8_t opcode,
             void *request, size_t size, int fd)
{
    struct iovec parts[3] = {{0}, {0}, {request, size}}; /* the first two are libxcb's */
    const xcb_protocol_request_t protocol = {
        .count = 1,
        .ext = extension,
        .opcode = opcode,
        .isvoid = 1,
    };
    return (xcb_void_cookie_t){sync->x11->xcb_send_request_with_fds(
        sync->connection, XCB_REQUEST_CHECKED, parts + 2, &protocol, fd == -1 ? 0 : 1, &fd)};
}

static void
put_64(uint32_t out[2], uint64_t value)
{
    out[0] = (uint32_t)value;
    out[1] = (uint32_t)(value >> 32);
}

/* --- timelines --- */

void
wsi_x11_sync_init(struct wsi_x11_sync *sync, const struct wsi_x11_library *x11,
                  xcb_connection_t *connection, xcb_window_t window,
                  struct wsi_swapchain *swapchain, int wake_fd)
{
    *sync = (struct wsi_x11_sync){.x11 = x11, .connection = connection, .window = window};
    wsi_timelines_init(&sync->timelines, swapchain, wake_fd);
}

void
wsi_x11_sync_ask(struct wsi_x11_sync *sync)
{
    const struct wsi_x11_library *x11 = sync->x11;
    xcb_generic_error_t *error = NULL;
    xcb_present_query_capabilities_reply_t *reply = x11->xcb_present_query_capabilities_reply(
        sync->connection, x11->xcb_present_query_capabilities(sync->connection, sync->window),
        &error);
    sync->is_offered = reply && (reply->capabilities & CAPABILITY_SYNCOBJ);
    free(reply);
    free(error);
}

void
wsi_x11_sync_finish(struct wsi_x11_sync *sync)
{
    for (uint32_t i = 0; i < sync->count; i++) {
        struct free_syncobj request = {.syncobj = sync->told[i]};
        xcb_void_cookie_t cookie = send_request(sync, sync->x11->dri3_extension, FREE_SYNCOBJ,
                                                &request, sizeof(request), -1);
        sync->x11->xcb_discard_reply(sync->connection, cookie.sequence);
    }
    wsi_timelines_finish(&sync->timelines);
}

static VkResult
tell_timeline(struct wsi_x11_sync *sync)
{
    int fd = wsi_timelines_add(&sync->timelines);
    if (fd == -1) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    struct import_syncobj request = {
        .syncobj = sync->x11->xcb_generate_id(sync->connection),
        .drawable = sync->window,
    };
    xcb_void_cookie_t cookie = send_request(sync, sync->x11->dri3_extension, IMPORT_SYNCOBJ,
                                            &request, sizeof(request), fd);
    if (wsi_x11_check(sync->x11, sync->connection, cookie)) {
        sync->told[sync->count++] = request.syncobj;
        return VK_SUCCESS;
    }
    return sync->x11->xcb_connection_has_error(sync->connection) ? VK_ERROR_SURFACE_LOST_KHR
                                                                 : VK_ERROR_FEATURE_NOT_PRESENT;
}

/* A server that refuses the first timeline shows frames without. */
VkResult
wsi_x11_sync_add(struct wsi_x11_sync *sync, uint32_t image)
{
    if (image == 0) {
        sync->is_used = sync->is_offered && wsi_timelines_open(&sync->timelines);
    }
    VkResult result = sync->is_used ? tell_timeline(sync) : VK_SUCCESS;
    if (result == VK_ERROR_FEATURE_NOT_PRESENT && image == 0) {
        base_log_info("vkCreateSwapchainKHR: frames have no explicit synchronisation: the X server "
                      "refuses the timeline of image 0");
        sync->is_used = false;
        result = VK_SUCCESS;
    }
    return result;
}

/* --- frames --- */

static xcb_void_cookie_t
present_with_points(struct wsi_x11_sync *sync, uint32_t image,
                    const struct wsi_x11_present *present, const struct wsi_points *points)
{
    struct pixmap_synced request = {
        .window = sync->window,
        .pixmap = present->pixmap,
        .serial = present->serial,
        .acquire_syncobj = sync->told[image],
        .release_syncobj = sync->told[image],
        .options = present->options,
    };
    put_64(request.acquire_point, points->acquire);
    put_64(request.release_point, points->release);
    return send_request(sync, sync->x11->present_extension, PIXMAP_SYNCED, &request,
                        sizeof(request), -1);
}

bool
wsi_x11_sync_present(struct wsi_x11_sync *sync, uint32_t image,
                     const struct wsi_x11_present *present, xcb_void_cookie_t *out)
{
    struct wsi_points points;
    if (!sync->is_used) {
        *out = sync->x11->xcb_present_pixmap_checked(
            sync->connection, sync->window, present->pixmap, present->serial, XCB_NONE, XCB_NONE, 0,
            0, XCB_NONE, XCB_NONE, XCB_NONE, present->options, 0, 0, 0, 0, NULL);
        return true;
    }
    if (!wsi_timelines_begin(&sync->timelines, image, true, &points)) {
        return false;
    }
    *out = present_with_points(sync, image, present, &points);
    return true;
}

void
wsi_x11_sync_cancel(struct wsi_x11_sync *sync, uint32_t image)
{
    if (sync->is_used) {
        wsi_timelines_cancel(&sync->timelines, image);
    }
}
