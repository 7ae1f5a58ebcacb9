/* libdrm, loaded when an application first asks for displays, so that machines without any need
 * none of it. The functions keep their names: drm->drmModeGetResources(fd). */
#ifndef WSI_DISPLAY_LIBRARY_H
#define WSI_DISPLAY_LIBRARY_H

#include <xf86drm.h>
#include <xf86drmMode.h>

/* clang-format off */
#define WSI_DISPLAY_DRM_FUNCTIONS(X) \
    X(drmCrtcGetSequence) \
    X(drmDropMaster) \
    X(drmFreeDevices) \
    X(drmGetCap) \
    X(drmGetDevices2) \
    X(drmHandleEvent) \
    X(drmIoctl) \
    X(drmIsMaster) \
    X(drmModeAddFB2) \
    X(drmModeConnectorSetProperty) \
    X(drmModeFreeConnector) \
    X(drmModeFreeCrtc) \
    X(drmModeFreeEncoder) \
    X(drmModeFreeProperty) \
    X(drmModeFreeResources) \
    X(drmModeGetConnector) \
    X(drmModeGetConnectorCurrent) \
    X(drmModeGetCrtc) \
    X(drmModeGetEncoder) \
    X(drmModeGetProperty) \
    X(drmModeGetResources) \
    X(drmModePageFlip) \
    X(drmModeRmFB) \
    X(drmModeSetCrtc) \
    X(drmSetMaster) \
    X(drmWaitVBlank)
/* clang-format on */

#define WSI_DISPLAY_MEMBER(function) __typeof__(function) *function;

struct wsi_display_library {
    WSI_DISPLAY_DRM_FUNCTIONS(WSI_DISPLAY_MEMBER)
};

/* NULL, and why in the log, without libdrm. Any thread; stays loaded. */
const struct wsi_display_library *wsi_display_library(void);

#endif
