/* vkCreateDisplayPlaneSurfaceKHR, and what such a surface takes. */
#include "driver/drv_entry.h"
#include "driver/wsi/display/target.h"

static bool
can_tear(const struct wsi_kms *kms, int fd)
{
    uint64_t can = 0;
    return kms->drm->drmGetCap(fd, DRM_CAP_ASYNC_PAGE_FLIP, &can) == 0 && can;
}

static VkResult
describe(struct wsi_surface *base, struct wsi_window *out)
{
    struct wsi_display_surface *surface = (struct wsi_display_surface *)base;
    struct wsi_kms *kms = surface->display->kms;

    wsi_kms_lock(kms);
    drmModeConnectorPtr connector = wsi_display_get_connector_locked(surface->display, false);
    bool connected = connector && connector->connection == DRM_MODE_CONNECTED;
    bool tears = connected && can_tear(kms, wsi_display_fd_locked(surface->display));
    bool counts = connected &&
                  wsi_display_counts_frames_locked(surface->display, kms->crtcs[surface->plane].id);
    kms->drm->drmModeFreeConnector(connector);
    wsi_kms_unlock(kms);
    if (!connected) {
        return VK_ERROR_SURFACE_LOST_KHR;
    }
    *out = (struct wsi_window){
        .extent = surface->extent,
        .alpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR,
        .counters = counts ? VK_SURFACE_COUNTER_VBLANK_BIT_EXT : 0,
        .seen = WSI_SEEN_OUT,
        .min_images = 2, /* frames are copied: one is drawn while one waits */
        .format_count = 2,
        .formats = {VK_FORMAT_B8G8R8A8_SRGB, VK_FORMAT_B8G8R8A8_UNORM},
        .mode_count = tears ? 5 : 3,
        .modes = {VK_PRESENT_MODE_FIFO_KHR, VK_PRESENT_MODE_MAILBOX_KHR,
                  VK_PRESENT_MODE_FIFO_LATEST_READY_EXT, VK_PRESENT_MODE_FIFO_RELAXED_KHR,
                  VK_PRESENT_MODE_IMMEDIATE_KHR},
    };
    return VK_SUCCESS;
}

static const struct wsi_surface_ops ops = {
    .name = "display",
    .describe = describe,
    .create_target = wsi_display_create_target,
    .read_counter = wsi_display_read_counter,
    .destroy = wsi_surface_free,
};

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDisplayPlaneSurfaceKHR(VkInstance instance,
                                 const VkDisplaySurfaceCreateInfoKHR *pCreateInfo,
                                 const VkAllocationCallbacks *pAllocator, VkSurfaceKHR *pSurface)
{
    struct wsi_display_surface *surface =
        wsi_surface_create(instance, pAllocator, sizeof(*surface), &ops);
    if (!surface) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    surface->mode = wsi_display_mode_from(pCreateInfo->displayMode);
    surface->display = surface->mode->display;
    surface->plane = pCreateInfo->planeIndex;
    surface->extent = pCreateInfo->imageExtent;
    *pSurface = (VkSurfaceKHR)(uintptr_t)surface;
    return VK_SUCCESS;
}
