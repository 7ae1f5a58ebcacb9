/* VK_EXT_display_control but for its events, and what it takes of VK_EXT_display_surface_counter:
 * the power of displays, and frames counted. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/wsi/display/kms.h"
#include "driver/wsi/display/target.h"
#include "driver/wsi/swapchain.h"

#define NS_PER_S UINT64_C(1000000000)
#define NOMINAL_MHZ 60000

/* --- power --- */

/* A connector's property of that name; 0: it has none. */
static uint32_t
find_property(const struct wsi_display_library *drm, int fd, const drmModeConnector *connector,
              const char *name)
{
    uint32_t found = 0;
    for (int i = 0; i < connector->count_props && !found; i++) {
        drmModePropertyPtr property = drm->drmModeGetProperty(fd, connector->props[i]);
        if (property && strcmp(property->name, name) == 0) {
            found = property->prop_id;
        }
        drm->drmModeFreeProperty(property);
    }
    return found;
}

static uint64_t
dpms_of(VkDisplayPowerStateEXT state)
{
    switch (state) {
    case VK_DISPLAY_POWER_STATE_OFF_EXT: return DRM_MODE_DPMS_OFF;
    case VK_DISPLAY_POWER_STATE_SUSPEND_EXT: return DRM_MODE_DPMS_SUSPEND;
    default: return DRM_MODE_DPMS_ON;
    }
}

/* 0, or what errno calls the failure. */
static int
set_dpms_locked(struct wsi_display *display, uint64_t dpms)
{
    const struct wsi_display_library *drm = display->kms->drm;
    int fd = wsi_display_fd_locked(display);
    drmModeConnectorPtr connector = wsi_display_get_connector_locked(display, false);
    uint32_t property = connector ? find_property(drm, fd, connector, "DPMS") : 0;
    drm->drmModeFreeConnector(connector);
    if (!property) {
        return ENODEV;
    }
    if (!wsi_kms_hold_master_locked(display->kms, fd)) {
        return EACCES;
    }
    int error = -drm->drmModeConnectorSetProperty(fd, display->connector_id, property, dpms);
    wsi_kms_release_master_locked(display->kms, fd);
    return error;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_DisplayPowerControlEXT(VkDevice device, VkDisplayKHR handle,
                           const VkDisplayPowerInfoEXT *pDisplayPowerInfo)
{
    struct wsi_display *display = wsi_display_from(handle);
    bool is_on = pDisplayPowerInfo->powerState == VK_DISPLAY_POWER_STATE_ON_EXT;

    wsi_kms_lock(display->kms);
    /* Who shows frames must not switch it on again, or find it off when it is on. */
    if (!is_on) {
        atomic_store(&display->is_off, true);
    }
    int error = set_dpms_locked(display, dpms_of(pDisplayPowerInfo->powerState));
    if (is_on || error) {
        atomic_store(&display->is_off, false);
    }
    wsi_kms_unlock(display->kms);
    if (error) {
        base_log_info("display %s: its power cannot be set: %s", display->name, strerror(error));
        return VK_ERROR_UNKNOWN;
    }
    return VK_SUCCESS;
}

/* --- counters --- */

bool
wsi_display_counts_frames_locked(const struct wsi_display *display, uint32_t crtc)
{
    uint64_t count, time_ns;
    int fd = wsi_display_fd_locked(display);
    return fd != -1 && (display->kms->drm->drmCrtcGetSequence(fd, crtc, &count, &time_ns) == 0 ||
                        errno == EINVAL); /* it is off at the moment */
}

VkResult
wsi_display_read_counter(struct wsi_surface *base, uint64_t *out)
{
    struct wsi_display_surface *surface = (struct wsi_display_surface *)base;
    struct wsi_kms *kms = surface->display->kms;
    uint64_t time_ns;

    wsi_kms_lock(kms);
    int fd = wsi_display_fd_locked(surface->display);
    bool ok = fd != -1 &&
              kms->drm->drmCrtcGetSequence(fd, kms->crtcs[surface->plane].id, out, &time_ns) == 0;
    wsi_kms_unlock(kms);
    if (!ok) {
        base_log_info("display %s: its frames are not counted at the moment",
                      surface->display->name);
    }
    return ok ? VK_SUCCESS : VK_ERROR_OUT_OF_DATE_KHR;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSwapchainCounterEXT(VkDevice device, VkSwapchainKHR handle,
                           VkSurfaceCounterFlagBitsEXT counter, uint64_t *pCounterValue)
{
    struct wsi_surface *surface = wsi_swapchain_from(handle)->surface;
    return surface->ops->read_counter ? surface->ops->read_counter(surface, pCounterValue)
                                      : VK_ERROR_OUT_OF_DATE_KHR;
}

/* --- the next frame --- */

static void
sleep_for(uint64_t time_ns)
{
    const struct timespec time = {(time_t)(time_ns / NS_PER_S), (long)(time_ns % NS_PER_S)};
    (void)nanosleep(&time, NULL); /* all signals are blocked here */
}

/* What the display is led from: the descriptor to ask, the CRTC's place and how long a frame lasts.
 * -1: nothing. */
static int
find_source(const struct wsi_display *display, uint32_t *place, uint64_t *period_ns)
{
    struct wsi_kms *kms = display->kms;
    uint32_t mhz = NOMINAL_MHZ;
    int found = -1;

    wsi_kms_lock(kms);
    int fd = wsi_display_fd_locked(display);
    drmModeConnectorPtr connector = wsi_display_get_connector_locked(display, false);
    uint32_t id = connector ? wsi_display_get_crtc_locked(display, connector) : 0;
    drmModeCrtcPtr crtc = id ? kms->drm->drmModeGetCrtc(fd, id) : NULL;
    drmModeResPtr resources = crtc ? kms->drm->drmModeGetResources(fd) : NULL;
    for (int i = 0; resources && i < resources->count_crtcs; i++) {
        if (resources->crtcs[i] == id) {
            *place = (uint32_t)i;
            found = fd;
        }
    }
    if (crtc && crtc->mode_valid && wsi_display_refresh_mhz(&crtc->mode) > 0) {
        mhz = wsi_display_refresh_mhz(&crtc->mode);
    }
    kms->drm->drmModeFreeResources(resources);
    kms->drm->drmModeFreeCrtc(crtc);
    kms->drm->drmModeFreeConnector(connector);
    wsi_kms_unlock(kms);
    *period_ns = NS_PER_S * 1000 / mhz;
    return found;
}

void
wsi_display_wait_for_frame(const struct wsi_display *display)
{
    uint32_t place;
    uint64_t period_ns;
    int fd = find_source(display, &place, &period_ns);
    drmVBlank next = {.request = {
                          .type = DRM_VBLANK_RELATIVE,
                          .sequence = 1,
                      }};
    if (fd != -1) {
        next.request.type =
            (drmVBlankSeqType)(next.request.type |
                               (place << DRM_VBLANK_HIGH_CRTC_SHIFT & DRM_VBLANK_HIGH_CRTC_MASK));
    }
    if (fd == -1 || display->kms->drm->drmWaitVBlank(fd, &next) != 0) {
        sleep_for(period_ns); /* a device that counts no frames, or a display that is off */
    }
}
