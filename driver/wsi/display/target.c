/* Frames on a display.
 *
 * Two buffers that the display can read from (dumb buffers, which every driver has) take turns: a
 * frame is copied into the one that is not on the screen, its image is idle again, and the kernel
 * is asked to flip to it. The thread sleeps until that has happened.
 *
 * Devices that do not count frames, virtual ones for instance, flip at once: a timer keeps the
 * mode's rhythm then. */
#include <drm_fourcc.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "driver/wsi/display/flip.h"
#include "driver/wsi/display/target.h"
#include "driver/wsi/format.h"
#include "driver/wsi/swapchain.h"

#define NS_PER_S UINT64_C(1000000000)

enum { BUFFERS = 2 };

struct scanout {
    uint32_t handle; /* 0: none */
    uint32_t framebuffer;
    uint32_t pitch;
    uint64_t size;
    uint8_t *map;
    VkRect2D stale; /* where it differs from the newest frame */
};

struct display_target {
    struct wsi_target base;
    const struct wsi_display_library *drm;
    struct wsi_display *display; /* outlives us */
    uint32_t plane, crtc_id;
    int fd;
    drmModeModeInfo mode;
    uint64_t period_ns;
    uint32_t image_count;
    const struct wsi_pixels **images;
    struct scanout buffers[BUFFERS];
    int stopped; /* an eventfd: readable for good once frames shall not be waited for */

    /* The present thread's. */
    struct wsi_flip flip;
    int front; /* the buffer on the screen; -1: none yet */
    bool counts_frames;
    uint64_t shown_ns;      /* when the last frame was */
    uint64_t next_frame_ns; /* by timer */
    uint64_t next_check_ns; /* of the connector */
};

static struct display_target *
target_from(struct wsi_target *target)
{
    return (struct display_target *)target;
}

static VkResult
surface_lost(const struct display_target *target, const char *why)
{
    base_log_info("display %s: no more frames can be shown: %s", target->display->name, why);
    return VK_ERROR_SURFACE_LOST_KHR;
}

/* --- buffers --- */

static void
finish_scanout(struct display_target *target, struct scanout *buffer)
{
    struct drm_mode_destroy_dumb destroy = {.handle = buffer->handle};
    if (buffer->map) {
        munmap(buffer->map, buffer->size);
    }
    if (buffer->framebuffer) {
        (void)target->drm->drmModeRmFB(target->fd, buffer->framebuffer);
    }
    if (buffer->handle) {
        (void)target->drm->drmIoctl(target->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
    }
}

static bool
map_scanout(struct display_target *target, struct scanout *buffer)
{
    struct drm_mode_map_dumb request = {.handle = buffer->handle};
    if (target->drm->drmIoctl(target->fd, DRM_IOCTL_MODE_MAP_DUMB, &request) != 0) {
        return false;
    }
    void *map = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, target->fd,
                     (off_t)request.offset);
    buffer->map = map == MAP_FAILED ? NULL : map;
    return buffer->map;
}

/* As large as the mode, black; false and errno, and finish_scanout() cleans up. */
static bool
init_scanout(struct display_target *target, struct scanout *buffer)
{
    uint32_t width = target->mode.hdisplay, height = target->mode.vdisplay;
    struct drm_mode_create_dumb create = {.width = width, .height = height, .bpp = 32};
    if (target->drm->drmIoctl(target->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) != 0) {
        return false;
    }
    buffer->handle = create.handle;
    buffer->pitch = create.pitch;
    buffer->size = create.size;
    buffer->stale.extent = (VkExtent2D){width, height};
    const uint32_t handles[4] = {create.handle}, pitches[4] = {create.pitch}, offsets[4] = {0};
    return target->drm->drmModeAddFB2(target->fd, width, height, DRM_FORMAT_XRGB8888, handles,
                                      pitches, offsets, &buffer->framebuffer, 0) == 0 &&
           map_scanout(target, buffer);
}

static VkResult
add_image(struct wsi_target *base, uint32_t index, const struct wsi_pixels *pixels)
{
    struct display_target *target = target_from(base);
    const struct wsi_pixels **images = realloc(target->images, (index + 1) * sizeof(*images));
    if (!images) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    images[index] = pixels;
    target->images = images;
    target->image_count = index + 1;
    return VK_SUCCESS;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What changed since the buffer was last filled. An image that is larger than the mode is cut. */
static void
fill(struct display_target *target, struct scanout *buffer, const struct wsi_pixels *pixels)
{
    uint32_t pixel = wsi_format_pixel_size(pixels->format);
    uint32_t left = (uint32_t)buffer->stale.offset.x, top = (uint32_t)buffer->stale.offset.y;
    uint32_t right = least(left + buffer->stale.extent.width,
                           least(pixels->extent.width, target->mode.hdisplay));
    uint32_t bottom = least(top + buffer->stale.extent.height,
                            least(pixels->extent.height, target->mode.vdisplay));

    for (uint32_t y = top; y < bottom && left < right; y++) {
        memcpy(buffer->map + (size_t)y * buffer->pitch + (size_t)left * pixel,
               (const uint8_t *)pixels->map + (size_t)y * pixels->pitch + (size_t)left * pixel,
               (size_t)(right - left) * pixel);
    }
    buffer->stale = (VkRect2D){0};
}

/* --- pacing --- */

static void
pace(struct wsi_target *base, VkPresentModeKHR mode)
{
    struct display_target *target = target_from(base);
    struct pollfd stopped = {.fd = target->stopped, .events = POLLIN};
    uint64_t now = base_clock_now_ns();

    bool flips = target->counts_frames && !atomic_load(&target->display->is_off);
    if (flips || mode == VK_PRESENT_MODE_IMMEDIATE_KHR) {
        return; /* the flip is awaited */
    }
    while (now < target->next_frame_ns && !stopped.revents) {
        (void)poll(&stopped, 1, (int)((target->next_frame_ns - now + 999999) / 1000000));
        now = base_clock_now_ns();
    }
    /* Counted from the frame before, or from now after a pause. */
    bool in_rhythm = now < target->next_frame_ns + target->period_ns;
    target->next_frame_ns = (in_rhythm ? target->next_frame_ns : now) + target->period_ns;
}

/* --- showing --- */

static VkResult
set_mode(struct display_target *target, const struct scanout *buffer)
{
    uint32_t connector = target->display->connector_id;
    int error = target->drm->drmModeSetCrtc(target->fd, target->crtc_id, buffer->framebuffer, 0, 0,
                                            &connector, 1, &target->mode);
    return error == 0 ? VK_SUCCESS : surface_lost(target, strerror(-error));
}

/* 0, or what errno calls the failure. */
static int
page_flip(struct display_target *target, const struct scanout *buffer, bool tear)
{
    uint32_t flags = DRM_MODE_PAGE_FLIP_EVENT | (tear ? DRM_MODE_PAGE_FLIP_ASYNC : 0);
    wsi_flip_expect(&target->flip, true);
    int error = -target->drm->drmModePageFlip(target->fd, target->crtc_id, buffer->framebuffer,
                                              flags, target->flip.tag);
    if (error) {
        wsi_flip_expect(&target->flip, false);
    }
    return error;
}

static VkResult
wait_for_flip(struct display_target *target)
{
    uint32_t sequence = 0;
    switch (wsi_flip_wait(&target->flip, target->drm, target->fd, &sequence)) {
    case WSI_FLIP_LATE: return surface_lost(target, "the kernel does not confirm a flip");
    case WSI_FLIP_FAILED: return surface_lost(target, "its device is gone");
    default: target->counts_frames = sequence != 0; return VK_SUCCESS;
    }
}

static VkResult
flip_to(struct display_target *target, const struct scanout *buffer, bool tear)
{
    if (target->front < 0) {
        return set_mode(target, buffer);
    }
    int error = page_flip(target, buffer, tear);
    if (error == EINVAL && tear) { /* not this buffer, not now */
        error = page_flip(target, buffer, false);
    }
    switch (error) {
    case 0: return wait_for_flip(target);
    case EACCES:
    case EPERM: return surface_lost(target, "another program has the displays now");
    case EBUSY:
    case EINVAL: return set_mode(target, buffer); /* somebody switched it off, or over */
    default: return surface_lost(target, strerror(error));
    }
}

/* A late frame of FIFO_RELAXED has missed the blank that it was meant for. */
static bool
may_tear(const struct display_target *target, VkPresentModeKHR mode)
{
    return mode == VK_PRESENT_MODE_IMMEDIATE_KHR ||
           (mode == VK_PRESENT_MODE_FIFO_RELAXED_KHR &&
            base_clock_now_ns() > target->shown_ns + target->period_ns);
}

/* Flips go on without a monitor, so now and then somebody has to look. */
static bool
is_unplugged(struct display_target *target)
{
    uint64_t now = base_clock_now_ns();
    if (now < target->next_check_ns) {
        return false;
    }
    target->next_check_ns = now + NS_PER_S;
    drmModeConnectorPtr connector =
        target->drm->drmModeGetConnectorCurrent(target->fd, target->display->connector_id);
    bool connected = connector && connector->connection == DRM_MODE_CONNECTED;
    target->drm->drmModeFreeConnector(connector);
    return !connected;
}

static VkResult
show(struct wsi_target *base, const struct wsi_frame *frame)
{
    struct display_target *target = target_from(base);
    int back = target->front == 0 ? 1 : 0;

    if (is_unplugged(target)) {
        return surface_lost(target, "it was unplugged");
    }
    for (int i = 0; i < BUFFERS; i++) {
        target->buffers[i].stale = wsi_rect_join(target->buffers[i].stale, frame->damage);
    }
    if (atomic_load(&target->display->is_off)) { /* a flip might switch it on */
        wsi_swapchain_release(base->swapchain, frame->image);
        return VK_SUCCESS;
    }
    fill(target, &target->buffers[back], target->images[frame->image]);
    wsi_swapchain_release(base->swapchain, frame->image);
    VkResult result = flip_to(target, &target->buffers[back], may_tear(target, frame->mode));
    if (result == VK_SUCCESS) {
        target->front = back;
        target->shown_ns = base_clock_now_ns();
    }
    return result;
}

/* --- life --- */

static void
stop(struct wsi_target *base)
{
    struct display_target *target = target_from(base);
    (void)eventfd_write(target->stopped, 1);
    wsi_kms_retire(target->display, target->plane, base);
}

static void
destroy(struct wsi_target *base)
{
    struct display_target *target = target_from(base);

    if (target->fd != -1) {
        for (int i = 0; i < BUFFERS; i++) {
            if (i != target->front) {
                finish_scanout(target, &target->buffers[i]);
            }
        }
        /* Before the buffer on the screen goes, which would switch the screen off. */
        wsi_kms_leave(target->display, target->plane, base, target->fd);
        if (target->front >= 0) {
            finish_scanout(target, &target->buffers[target->front]);
        }
    }
    wsi_flip_finish(&target->flip);
    base_fd_close(&target->stopped);
    free(target->images);
    free(target);
}

static const struct wsi_target_ops ops = {
    .add_image = add_image,
    .pace = pace,
    .show = show,
    .stop = stop,
    .destroy = destroy,
};

static VkResult
init(struct display_target *target)
{
    VkResult result = wsi_kms_enter(target->display, target->plane, &target->base, &target->fd);
    if (result != VK_SUCCESS) {
        return result;
    }
    for (int i = 0; i < BUFFERS; i++) {
        if (!init_scanout(target, &target->buffers[i])) {
            base_log_error("display %s: no buffer of %ux%u to show frames from: %s",
                           target->display->name, target->mode.hdisplay, target->mode.vdisplay,
                           base_fd_explain(errno));
            return VK_ERROR_OUT_OF_DEVICE_MEMORY;
        }
    }
    return VK_SUCCESS;
}

VkResult
wsi_display_create_target(struct wsi_surface *surface_base, struct wsi_swapchain *swapchain,
                          struct wsi_target **out)
{
    struct wsi_display_surface *surface = (struct wsi_display_surface *)surface_base;
    struct wsi_display *display = surface->display;
    struct display_target *target = calloc(1, sizeof(*target));
    if (!target) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    uint32_t refresh_mhz = wsi_display_refresh_mhz(&surface->mode->info);
    target->base = (struct wsi_target){&ops, swapchain};
    target->drm = display->kms->drm;
    target->display = display;
    target->plane = surface->plane;
    target->crtc_id = display->kms->crtcs[surface->plane].id;
    target->mode = surface->mode->info;
    target->period_ns = NS_PER_S * 1000 / (refresh_mhz > 0 ? refresh_mhz : 60000);
    target->fd = -1;
    target->front = -1;
    target->counts_frames = true; /* until a flip says otherwise */
    target->stopped = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (target->stopped == -1 || !wsi_flip_init(&target->flip)) {
        base_log_error("display %s: %s", display->name, base_fd_explain(errno));
        base_fd_close(&target->stopped);
        free(target);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = init(target);
    if (result != VK_SUCCESS) {
        destroy(&target->base);
        return result;
    }
    wsi_swapchain_set_refresh(swapchain, target->period_ns);
    *out = &target->base;
    return VK_SUCCESS;
}
