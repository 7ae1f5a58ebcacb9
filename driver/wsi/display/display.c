/* VK_KHR_display and VK_KHR_get_display_properties2: what there is to choose from. */
#include <string.h>

#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/physical_device.h"
#include "driver/struct_chain.h"
#include "driver/wsi/display/kms.h"

enum {
    MAX_DISPLAYS = 64,
    MAX_MODES = 256,
};

static struct wsi_kms *
kms_of(VkPhysicalDevice physical_device)
{
    return drv_physical_device_from(physical_device)->kms;
}

/* --- displays --- */

static VkExtent2D
preferred_size(const drmModeConnector *connector)
{
    const drmModeModeInfo *best = connector->modes;
    for (int i = 0; i < connector->count_modes; i++) {
        if (connector->modes[i].type & DRM_MODE_TYPE_PREFERRED) {
            best = &connector->modes[i];
            break;
        }
    }
    return (VkExtent2D){best->hdisplay, best->vdisplay};
}

static VkDisplayPropertiesKHR
describe_display(const struct wsi_display *display, const drmModeConnector *connector)
{
    return (VkDisplayPropertiesKHR){
        .display = (VkDisplayKHR)(uintptr_t)display,
        .displayName = display->name,
        .physicalDimensions = {connector->mmWidth, connector->mmHeight},
        .physicalResolution = preferred_size(connector),
        .supportedTransforms = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
    };
}

/* Those with a monitor. False: out of host memory. */
static bool
list_displays(struct wsi_kms *kms, VkDisplayPropertiesKHR *out, uint32_t *out_count)
{
    bool ok = true;
    *out_count = 0;
    wsi_kms_lock(kms);
    drmModeResPtr resources = kms->fd == -1 ? NULL : kms->drm->drmModeGetResources(kms->fd);
    for (int i = 0; resources && i < resources->count_connectors && ok; i++) {
        drmModeConnectorPtr connector =
            kms->drm->drmModeGetConnector(kms->fd, resources->connectors[i]);
        if (connector && connector->connection == DRM_MODE_CONNECTED &&
            connector->count_modes > 0 && *out_count < MAX_DISPLAYS) {
            struct wsi_display *display = wsi_kms_get_display_locked(kms, connector);
            ok = display;
            if (ok) {
                out[(*out_count)++] = describe_display(display, connector);
            }
        }
        kms->drm->drmModeFreeConnector(connector);
    }
    if (resources) {
        kms->drm->drmModeFreeResources(resources);
    }
    wsi_kms_unlock(kms);
    return ok;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceDisplayPropertiesKHR(VkPhysicalDevice physicalDevice, uint32_t *pPropertyCount,
                                          VkDisplayPropertiesKHR *pProperties)
{
    VkDisplayPropertiesKHR list[MAX_DISPLAYS];
    uint32_t count;
    if (!list_displays(kms_of(physicalDevice), list, &count)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return drv_return_array(list, count, sizeof(list[0]), pPropertyCount, pProperties);
}

/* Into the one member of larger structures that holds what the old commands return. */
static VkResult
return_members(const void *items, uint32_t count, size_t item_size, uint32_t *out_count, void *out,
               size_t out_stride, size_t out_offset)
{
    if (!out) {
        *out_count = count;
        return VK_SUCCESS;
    }
    VkResult result = *out_count < count ? VK_INCOMPLETE : VK_SUCCESS;
    if (*out_count > count) {
        *out_count = count;
    }
    for (uint32_t i = 0; i < *out_count; i++) {
        memcpy((char *)out + i * out_stride + out_offset, (const char *)items + i * item_size,
               item_size);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceDisplayProperties2KHR(VkPhysicalDevice physicalDevice,
                                           uint32_t *pPropertyCount,
                                           VkDisplayProperties2KHR *pProperties)
{
    VkDisplayPropertiesKHR list[MAX_DISPLAYS];
    uint32_t count;
    if (!list_displays(kms_of(physicalDevice), list, &count)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return return_members(list, count, sizeof(list[0]), pPropertyCount, pProperties,
                          sizeof(*pProperties),
                          offsetof(VkDisplayProperties2KHR, displayProperties));
}

/* --- planes --- */

/* The display that the CRTC leads to at the moment, if it is one that was ever handed out. */
static struct wsi_display *
current_display_locked(struct wsi_kms *kms, uint32_t crtc_id)
{
    struct wsi_display *found = NULL;
    base_list_for_each (display, &kms->displays, struct wsi_display, link) {
        drmModeConnectorPtr connector = wsi_display_get_connector_locked(display, false);
        if (connector && wsi_display_get_crtc_locked(display, connector) == crtc_id) {
            found = display;
        }
        kms->drm->drmModeFreeConnector(connector);
    }
    return found;
}

static uint32_t
list_planes(struct wsi_kms *kms, VkDisplayPlanePropertiesKHR *out)
{
    wsi_kms_lock(kms);
    uint32_t count = kms->crtc_count;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (VkDisplayPlanePropertiesKHR){
            .currentDisplay =
                (VkDisplayKHR)(uintptr_t)current_display_locked(kms, kms->crtcs[i].id),
        };
    }
    wsi_kms_unlock(kms);
    return count;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceDisplayPlanePropertiesKHR(VkPhysicalDevice physicalDevice,
                                               uint32_t *pPropertyCount,
                                               VkDisplayPlanePropertiesKHR *pProperties)
{
    VkDisplayPlanePropertiesKHR list[WSI_KMS_MAX_CRTCS];
    uint32_t count = list_planes(kms_of(physicalDevice), list);
    return drv_return_array(list, count, sizeof(list[0]), pPropertyCount, pProperties);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceDisplayPlaneProperties2KHR(VkPhysicalDevice physicalDevice,
                                                uint32_t *pPropertyCount,
                                                VkDisplayPlaneProperties2KHR *pProperties)
{
    VkDisplayPlanePropertiesKHR list[WSI_KMS_MAX_CRTCS];
    uint32_t count = list_planes(kms_of(physicalDevice), list);
    return return_members(list, count, sizeof(list[0]), pPropertyCount, pProperties,
                          sizeof(*pProperties),
                          offsetof(VkDisplayPlaneProperties2KHR, displayPlaneProperties));
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDisplayPlaneSupportedDisplaysKHR(VkPhysicalDevice physicalDevice, uint32_t planeIndex,
                                        uint32_t *pDisplayCount, VkDisplayKHR *pDisplays)
{
    struct wsi_kms *kms = kms_of(physicalDevice);
    VkDisplayKHR list[MAX_DISPLAYS];
    uint32_t count = 0;

    wsi_kms_lock(kms);
    base_list_for_each (display, &kms->displays, struct wsi_display, link) {
        drmModeConnectorPtr connector = wsi_display_get_connector_locked(display, false);
        if (connector && connector->connection == DRM_MODE_CONNECTED && count < MAX_DISPLAYS &&
            wsi_display_can_use_locked(display, connector, planeIndex)) {
            list[count++] = (VkDisplayKHR)(uintptr_t)display;
        }
        kms->drm->drmModeFreeConnector(connector);
    }
    wsi_kms_unlock(kms);
    return drv_return_array(list, count, sizeof(list[0]), pDisplayCount, pDisplays);
}

/* A plane shows the whole of an image on the whole of a display. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDisplayPlaneCapabilitiesKHR(VkPhysicalDevice physicalDevice, VkDisplayModeKHR mode,
                                   uint32_t planeIndex,
                                   VkDisplayPlaneCapabilitiesKHR *pCapabilities)
{
    const drmModeModeInfo *info = &wsi_display_mode_from(mode)->info;
    const VkExtent2D size = {info->hdisplay, info->vdisplay};
    *pCapabilities = (VkDisplayPlaneCapabilitiesKHR){
        .supportedAlpha = VK_DISPLAY_PLANE_ALPHA_OPAQUE_BIT_KHR,
        .minSrcExtent = size,
        .maxSrcExtent = size,
        .minDstExtent = size,
        .maxDstExtent = size,
    };
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDisplayPlaneCapabilities2KHR(VkPhysicalDevice physicalDevice,
                                    const VkDisplayPlaneInfo2KHR *pDisplayPlaneInfo,
                                    VkDisplayPlaneCapabilities2KHR *pCapabilities)
{
    return drv_GetDisplayPlaneCapabilitiesKHR(physicalDevice, pDisplayPlaneInfo->mode,
                                              pDisplayPlaneInfo->planeIndex,
                                              &pCapabilities->capabilities);
}

/* --- modes --- */

static VkDisplayModeParametersKHR
describe_timings(const drmModeModeInfo *info)
{
    return (VkDisplayModeParametersKHR){
        .visibleRegion = {info->hdisplay, info->vdisplay},
        .refreshRate = wsi_display_refresh_mhz(info),
    };
}

static bool
add_mode_locked(struct wsi_display *display, const drmModeModeInfo *info,
                VkDisplayModePropertiesKHR *out, uint32_t *count)
{
    struct wsi_display_mode *mode = wsi_display_get_mode_locked(display, info);
    if (mode && *count < MAX_MODES) {
        out[(*count)++] = (VkDisplayModePropertiesKHR){
            .displayMode = (VkDisplayModeKHR)(uintptr_t)mode,
            .parameters = describe_timings(info),
        };
    }
    return mode;
}

/* The monitor's preference first. False: out of host memory. */
static bool
list_modes(struct wsi_display *display, VkDisplayModePropertiesKHR *out, uint32_t *out_count)
{
    struct wsi_kms *kms = display->kms;
    bool ok = true;
    *out_count = 0;
    wsi_kms_lock(kms);
    drmModeConnectorPtr connector = wsi_display_get_connector_locked(display, false);
    for (int preferred = 1; connector && preferred >= 0; preferred--) {
        for (int i = 0; i < connector->count_modes && ok; i++) {
            const drmModeModeInfo *info = &connector->modes[i];
            if (!(info->type & DRM_MODE_TYPE_PREFERRED) == !preferred) {
                ok = add_mode_locked(display, info, out, out_count);
            }
        }
    }
    kms->drm->drmModeFreeConnector(connector);
    wsi_kms_unlock(kms);
    return ok;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDisplayModePropertiesKHR(VkPhysicalDevice physicalDevice, VkDisplayKHR display,
                                uint32_t *pPropertyCount, VkDisplayModePropertiesKHR *pProperties)
{
    VkDisplayModePropertiesKHR list[MAX_MODES];
    uint32_t count;
    if (!list_modes(wsi_display_from(display), list, &count)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return drv_return_array(list, count, sizeof(list[0]), pPropertyCount, pProperties);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDisplayModeProperties2KHR(VkPhysicalDevice physicalDevice, VkDisplayKHR display,
                                 uint32_t *pPropertyCount, VkDisplayModeProperties2KHR *pProperties)
{
    VkDisplayModePropertiesKHR list[MAX_MODES];
    uint32_t count;
    if (!list_modes(wsi_display_from(display), list, &count)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    return return_members(list, count, sizeof(list[0]), pPropertyCount, pProperties,
                          sizeof(*pProperties),
                          offsetof(VkDisplayModeProperties2KHR, displayModeProperties));
}

/* Only what the monitor names itself: timings that we make up might not suit it. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDisplayModeKHR(VkPhysicalDevice physicalDevice, VkDisplayKHR handle,
                         const VkDisplayModeCreateInfoKHR *pCreateInfo,
                         const VkAllocationCallbacks *pAllocator, VkDisplayModeKHR *pMode)
{
    const VkDisplayModeParametersKHR *wanted = &pCreateInfo->parameters;
    struct wsi_display *display = wsi_display_from(handle);
    VkDisplayModePropertiesKHR list[MAX_MODES];
    uint32_t count;

    if (!list_modes(display, list, &count)) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(&list[i].parameters, wanted, sizeof(*wanted)) == 0) {
            *pMode = list[i].displayMode;
            return VK_SUCCESS;
        }
    }
    base_log_info("display %s has no mode of %ux%u at %u mHz: vkGetDisplayModePropertiesKHR tells "
                  "those that it has",
                  display->name, wanted->visibleRegion.width, wanted->visibleRegion.height,
                  wanted->refreshRate);
    return VK_ERROR_INITIALIZATION_FAILED;
}
