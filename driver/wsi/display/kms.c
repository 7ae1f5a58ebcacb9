#include "driver/wsi/display/kms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/instance.h"
#include "driver/physical_device.h"
#include "driver/ring.h"

enum { MAX_DEVICES = 64 };

/* --- life --- */

VkResult
wsi_kms_create(struct drv_physical_device *physical_device, struct wsi_kms **out)
{
    struct wsi_kms *kms = drv_alloc(physical_device->instance->allocator, NULL, sizeof(*kms),
                                    VK_SYSTEM_ALLOCATION_SCOPE_INSTANCE);
    if (!kms) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    kms->physical_device = physical_device;
    kms->fd = -1;
    base_list_init(&kms->displays);
    pthread_mutex_init(&kms->lock, NULL);
    *out = kms;
    return VK_SUCCESS;
}

void
wsi_display_release_locked(struct wsi_display *display)
{
    if (display->is_leased) {
        base_fd_close(&display->acquired_fd);
    }
    display->acquired_fd = -1;
    display->is_leased = false;
}

static void
destroy_display(struct wsi_display *display, const VkAllocationCallbacks *allocator)
{
    wsi_display_release_locked(display);
    base_list_for_each_safe (mode, &display->modes, struct wsi_display_mode, link) {
        drv_object_destroy(allocator, NULL, mode);
    }
    drv_object_destroy(allocator, NULL, display);
}

void
wsi_kms_destroy(struct wsi_kms *kms)
{
    if (!kms) {
        return;
    }
    const VkAllocationCallbacks *allocator = kms->physical_device->instance->allocator;
    base_list_for_each_safe (display, &kms->displays, struct wsi_display, link) {
        destroy_display(display, allocator);
    }
    base_fd_close(&kms->fd);
    pthread_mutex_destroy(&kms->lock);
    drv_free(allocator, NULL, kms);
}

/* --- finding the device --- */

static bool
load_locked(struct wsi_kms *kms)
{
    if (!kms->drm) {
        kms->drm = wsi_display_library();
    }
    return kms->drm;
}

/* Its CRTCs become planes. A lease shows only some of them, so more may come later. */
static void
learn_crtcs_locked(struct wsi_kms *kms, const drmModeRes *resources)
{
    for (int i = 0; i < resources->count_crtcs; i++) {
        bool known = false;
        for (uint32_t j = 0; j < kms->crtc_count; j++) {
            known = known || kms->crtcs[j].id == resources->crtcs[i];
        }
        if (!known && kms->crtc_count < WSI_KMS_MAX_CRTCS) {
            kms->crtcs[kms->crtc_count++].id = resources->crtcs[i];
        }
    }
}

static bool
can_show_frames(const struct wsi_display_library *drm, int fd, const drmModeRes *resources)
{
    uint64_t dumb = 0;
    return resources && resources->count_connectors > 0 && resources->count_crtcs > 0 &&
           drm->drmGetCap(fd, DRM_CAP_DUMB_BUFFER, &dumb) == 0 && dumb;
}

bool
wsi_kms_adopt_locked(struct wsi_kms *kms, int fd)
{
    struct stat node;
    if (!load_locked(kms) || fstat(fd, &node) != 0 ||
        (kms->node != 0 && kms->node != node.st_rdev)) {
        return false;
    }
    drmModeResPtr resources = kms->drm->drmModeGetResources(fd);
    bool usable = can_show_frames(kms->drm, fd, resources);
    if (usable) {
        kms->node = node.st_rdev;
        learn_crtcs_locked(kms, resources);
    }
    kms->drm->drmModeFreeResources(resources);
    return usable;
}

static void
open_node_locked(struct wsi_kms *kms, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
        base_log_info("the displays of %s cannot be used: %s%s", path, strerror(errno),
                      errno == EACCES ? ": add the user to the group that the file belongs to, "
                                        "often \"video\""
                                      : "");
        return;
    }
    /* Who opens it while nobody is master becomes that. */
    (void)kms->drm->drmDropMaster(fd);
    if (!wsi_kms_adopt_locked(kms, fd)) {
        base_fd_close(&fd);
        return;
    }
    kms->fd = fd;
}

/* Whether the device may be ours. */
static bool
is_wanted(const struct wsi_kms *kms, const drmDevice *device)
{
    const struct drv_ring *ring = kms->physical_device->instance->ring;
    const struct tp_device *renderer = &ring->transport->device;
    struct stat node;

    if (!(device->available_nodes & 1 << DRM_NODE_PRIMARY) ||
        stat(device->nodes[DRM_NODE_PRIMARY], &node) != 0 ||
        (kms->node != 0 && kms->node != node.st_rdev)) {
        return false;
    }
    return !renderer->has_primary_node || (renderer->primary_major == major(node.st_rdev) &&
                                           renderer->primary_minor == minor(node.st_rdev));
}

static void
open_locked(struct wsi_kms *kms)
{
    drmDevicePtr devices[MAX_DEVICES];
    if (!load_locked(kms)) {
        return;
    }
    int count = kms->drm->drmGetDevices2(0, devices, MAX_DEVICES);
    for (int i = 0; i < count && kms->fd == -1; i++) {
        if (is_wanted(kms, devices[i])) {
            open_node_locked(kms, devices[i]->nodes[DRM_NODE_PRIMARY]);
        }
    }
    if (count > 0) {
        kms->drm->drmFreeDevices(devices, count);
    }
}

void
wsi_kms_lock(struct wsi_kms *kms)
{
    pthread_mutex_lock(&kms->lock);
    if (kms->fd == -1) {
        open_locked(kms);
    }
}

void
wsi_kms_unlock(struct wsi_kms *kms)
{
    pthread_mutex_unlock(&kms->lock);
}

/* --- displays --- */

static const char *
connector_kind(uint32_t type)
{
    switch (type) {
    case DRM_MODE_CONNECTOR_VGA: return "VGA";
    case DRM_MODE_CONNECTOR_DVII: return "DVI-I";
    case DRM_MODE_CONNECTOR_DVID: return "DVI-D";
    case DRM_MODE_CONNECTOR_DVIA: return "DVI-A";
    case DRM_MODE_CONNECTOR_Composite: return "Composite";
    case DRM_MODE_CONNECTOR_SVIDEO: return "SVIDEO";
    case DRM_MODE_CONNECTOR_LVDS: return "LVDS";
    case DRM_MODE_CONNECTOR_DisplayPort: return "DP";
    case DRM_MODE_CONNECTOR_HDMIA: return "HDMI-A";
    case DRM_MODE_CONNECTOR_HDMIB: return "HDMI-B";
    case DRM_MODE_CONNECTOR_eDP: return "eDP";
    case DRM_MODE_CONNECTOR_VIRTUAL: return "Virtual";
    case DRM_MODE_CONNECTOR_DSI: return "DSI";
    case DRM_MODE_CONNECTOR_DPI: return "DPI";
    default: return "Unknown";
    }
}

struct wsi_display *
wsi_kms_get_display_locked(struct wsi_kms *kms, const drmModeConnector *connector)
{
    struct drv_physical_device *physical_device = kms->physical_device;
    base_list_for_each (display, &kms->displays, struct wsi_display, link) {
        if (display->connector_id == connector->connector_id) {
            return display;
        }
    }
    struct wsi_display *display =
        drv_object_create(physical_device->object.client, physical_device->instance->allocator,
                          NULL, sizeof(*display), VK_OBJECT_TYPE_DISPLAY_KHR);
    if (!display) {
        return NULL;
    }
    display->kms = kms;
    display->connector_id = connector->connector_id;
    display->acquired_fd = -1;
    base_list_init(&display->modes);
    snprintf(display->name, sizeof(display->name), "%s-%u",
             connector_kind(connector->connector_type), connector->connector_type_id);
    base_list_push(&kms->displays, &display->link);
    return display;
}

int
wsi_display_fd_locked(const struct wsi_display *display)
{
    return display->acquired_fd != -1 ? display->acquired_fd : display->kms->fd;
}

drmModeConnectorPtr
wsi_display_get_connector_locked(const struct wsi_display *display, bool probe)
{
    const struct wsi_display_library *drm = display->kms->drm;
    int fd = wsi_display_fd_locked(display);
    if (fd == -1) {
        return NULL;
    }
    return probe ? drm->drmModeGetConnector(fd, display->connector_id)
                 : drm->drmModeGetConnectorCurrent(fd, display->connector_id);
}

/* Names and kinds of modes do not count. */
static bool
is_same_mode(const drmModeModeInfo *a, const drmModeModeInfo *b)
{
    return a->clock == b->clock && a->hdisplay == b->hdisplay && a->hsync_start == b->hsync_start &&
           a->hsync_end == b->hsync_end && a->htotal == b->htotal && a->hskew == b->hskew &&
           a->vdisplay == b->vdisplay && a->vsync_start == b->vsync_start &&
           a->vsync_end == b->vsync_end && a->vtotal == b->vtotal && a->vscan == b->vscan &&
           a->flags == b->flags;
}

struct wsi_display_mode *
wsi_display_get_mode_locked(struct wsi_display *display, const drmModeModeInfo *info)
{
    struct drv_physical_device *physical_device = display->kms->physical_device;
    base_list_for_each (mode, &display->modes, struct wsi_display_mode, link) {
        if (is_same_mode(&mode->info, info)) {
            return mode;
        }
    }
    struct wsi_display_mode *mode =
        drv_object_create(physical_device->object.client, physical_device->instance->allocator,
                          NULL, sizeof(*mode), VK_OBJECT_TYPE_DISPLAY_MODE_KHR);
    if (!mode) {
        return NULL;
    }
    mode->display = display;
    mode->info = *info;
    base_list_push(&display->modes, &mode->link);
    return mode;
}

static int
index_of_crtc(const drmModeRes *resources, uint32_t id)
{
    for (int i = 0; i < resources->count_crtcs; i++) {
        if (resources->crtcs[i] == id) {
            return i;
        }
    }
    return -1;
}

bool
wsi_display_can_use_locked(const struct wsi_display *display, const drmModeConnector *connector,
                           uint32_t plane)
{
    const struct wsi_kms *kms = display->kms;
    int fd = wsi_display_fd_locked(display);
    bool can = false;

    drmModeResPtr resources = fd == -1 ? NULL : kms->drm->drmModeGetResources(fd);
    if (!resources) {
        return false;
    }
    /* Masks count in the list that this very descriptor shows. */
    int index = index_of_crtc(resources, kms->crtcs[plane].id);
    for (int i = 0; i < connector->count_encoders && index >= 0 && !can; i++) {
        drmModeEncoderPtr encoder = kms->drm->drmModeGetEncoder(fd, connector->encoders[i]);
        can = encoder && encoder->possible_crtcs >> index & 1;
        kms->drm->drmModeFreeEncoder(encoder);
    }
    kms->drm->drmModeFreeResources(resources);
    return can;
}

uint32_t
wsi_display_get_crtc_locked(const struct wsi_display *display, const drmModeConnector *connector)
{
    const struct wsi_display_library *drm = display->kms->drm;
    drmModeEncoderPtr encoder =
        connector->encoder_id == 0
            ? NULL
            : drm->drmModeGetEncoder(wsi_display_fd_locked(display), connector->encoder_id);
    uint32_t crtc = encoder ? encoder->crtc_id : 0;
    drm->drmModeFreeEncoder(encoder);
    return crtc;
}

uint64_t
wsi_kms_find_monitors(struct wsi_kms *kms)
{
    uint64_t monitors = 0;
    wsi_kms_lock(kms);
    drmModeResPtr resources = kms->fd == -1 ? NULL : kms->drm->drmModeGetResources(kms->fd);
    for (int i = 0; resources && i < resources->count_connectors && i < 64; i++) {
        drmModeConnectorPtr connector =
            kms->drm->drmModeGetConnectorCurrent(kms->fd, resources->connectors[i]);
        bool connected = connector && connector->connection == DRM_MODE_CONNECTED;
        monitors |= (uint64_t)connected << i;
        kms->drm->drmModeFreeConnector(connector);
    }
    if (resources) {
        kms->drm->drmModeFreeResources(resources);
    }
    wsi_kms_unlock(kms);
    return monitors;
}

uint32_t
wsi_display_refresh_mhz(const drmModeModeInfo *info)
{
    uint64_t dots = (uint64_t)info->htotal * info->vtotal; /* of a frame */
    uint64_t rate = (uint64_t)info->clock * 1000 * 1000;

    if (info->flags & DRM_MODE_FLAG_INTERLACE) {
        rate *= 2;
    }
    if (info->flags & DRM_MODE_FLAG_DBLSCAN) {
        rate /= 2;
    }
    if (info->vscan > 1) {
        rate /= info->vscan;
    }
    return dots > 0 ? (uint32_t)((rate + dots / 2) / dots) : 0;
}

/* --- swapchains --- */

bool
wsi_kms_hold_master_locked(struct wsi_kms *kms, int fd)
{
    if (fd != kms->fd) {
        return true;
    }
    if (kms->master_holds == 0 && kms->drm->drmSetMaster(kms->fd) != 0) {
        base_log_error("frames cannot be shown on a display: %s: another program, as a desktop, "
                       "has the displays",
                       strerror(errno));
        return false;
    }
    kms->master_holds++;
    return true;
}

void
wsi_kms_release_master_locked(struct wsi_kms *kms, int fd)
{
    if (fd == kms->fd && --kms->master_holds == 0) {
        (void)kms->drm->drmDropMaster(kms->fd);
    }
}

static bool
is_in_use_locked(const struct wsi_kms *kms, const struct wsi_display *display, uint32_t plane)
{
    for (uint32_t i = 0; i < kms->crtc_count; i++) {
        if (kms->crtcs[i].owner && (i == plane || kms->crtcs[i].display == display)) {
            return true;
        }
    }
    return false;
}

static VkResult
enter_locked(struct wsi_display *display, uint32_t plane, const struct wsi_target *target,
             int *out_fd)
{
    struct wsi_kms *kms = display->kms;
    struct wsi_kms_crtc *crtc = &kms->crtcs[plane];
    int fd = wsi_display_fd_locked(display);

    if (fd == -1) {
        return VK_ERROR_SURFACE_LOST_KHR;
    }
    if (is_in_use_locked(kms, display, plane)) {
        base_log_info("display %s shows another swapchain, or plane %u does", display->name, plane);
        return VK_ERROR_NATIVE_WINDOW_IN_USE_KHR;
    }
    if (!wsi_kms_hold_master_locked(kms, fd)) {
        return VK_ERROR_NATIVE_WINDOW_IN_USE_KHR;
    }
    if (crtc->users++ == 0) {
        crtc->before = kms->drm->drmModeGetCrtc(fd, crtc->id);
    }
    crtc->owner = target;
    crtc->display = display;
    *out_fd = fd;
    return VK_SUCCESS;
}

VkResult
wsi_kms_enter(struct wsi_display *display, uint32_t plane, const struct wsi_target *target,
              int *out_fd)
{
    pthread_mutex_lock(&display->kms->lock);
    VkResult result = enter_locked(display, plane, target, out_fd);
    pthread_mutex_unlock(&display->kms->lock);
    return result;
}

static void
retire_locked(struct wsi_kms_crtc *crtc, const struct wsi_target *target)
{
    if (crtc->owner == target) {
        crtc->owner = NULL;
        crtc->display = NULL;
    }
}

void
wsi_kms_retire(struct wsi_display *display, uint32_t plane, const struct wsi_target *target)
{
    pthread_mutex_lock(&display->kms->lock);
    retire_locked(&display->kms->crtcs[plane], target);
    pthread_mutex_unlock(&display->kms->lock);
}

/* The console, for instance. Whoever drew it may have gone. */
static void
restore_locked(const struct wsi_display *display, const struct wsi_kms_crtc *crtc, int fd)
{
    drmModeCrtcPtr before = crtc->before;
    uint32_t connector = display->connector_id;
    if (before && before->mode_valid && before->buffer_id != 0) {
        (void)display->kms->drm->drmModeSetCrtc(fd, crtc->id, before->buffer_id, before->x,
                                                before->y, &connector, 1, &before->mode);
    }
}

void
wsi_kms_leave(struct wsi_display *display, uint32_t plane, const struct wsi_target *target, int fd)
{
    struct wsi_kms *kms = display->kms;
    struct wsi_kms_crtc *crtc = &kms->crtcs[plane];

    pthread_mutex_lock(&kms->lock);
    retire_locked(crtc, target);
    if (--crtc->users == 0) {
        restore_locked(display, crtc, fd);
        kms->drm->drmModeFreeCrtc(crtc->before);
        crtc->before = NULL;
    }
    wsi_kms_release_master_locked(kms, fd);
    pthread_mutex_unlock(&kms->lock);
}
