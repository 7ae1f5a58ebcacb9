/* VK_EXT_direct_mode_display and VK_EXT_acquire_drm_display: displays that an application brings
 * itself, by the descriptor of a DRM lease or of a device that it is master of. */
#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/physical_device.h"
#include "driver/wsi/display/kms.h"

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetDrmDisplayEXT(VkPhysicalDevice physicalDevice, int32_t drmFd, uint32_t connectorId,
                     VkDisplayKHR *display)
{
    struct wsi_kms *kms = drv_physical_device_from(physicalDevice)->kms;
    VkResult result = VK_ERROR_UNKNOWN;

    *display = VK_NULL_HANDLE;
    wsi_kms_lock(kms);
    drmModeConnectorPtr connector =
        wsi_kms_adopt_locked(kms, drmFd) ? kms->drm->drmModeGetConnector(drmFd, connectorId) : NULL;
    if (connector) {
        struct wsi_display *found = wsi_kms_get_display_locked(kms, connector);
        result = found ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
        *display = (VkDisplayKHR)(uintptr_t)found;
        kms->drm->drmModeFreeConnector(connector);
    } else {
        base_log_info("vkGetDrmDisplayEXT: descriptor %d has no connector %u, or is not of the "
                      "device's own KMS node",
                      drmFd, connectorId);
    }
    wsi_kms_unlock(kms);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AcquireDrmDisplayEXT(VkPhysicalDevice physicalDevice, int32_t drmFd, VkDisplayKHR handle)
{
    struct wsi_display *display = wsi_display_from(handle);
    struct wsi_kms *kms = display->kms;
    VkResult result = VK_ERROR_INITIALIZATION_FAILED;

    wsi_kms_lock(kms);
    if (display->acquired_fd != -1) {
        base_log_info("display %s has been acquired already", display->name);
    } else if (!wsi_kms_adopt_locked(kms, drmFd)) {
        base_log_info("display %s cannot be acquired: descriptor %d is not of its device",
                      display->name, drmFd);
        result = VK_ERROR_UNKNOWN;
    } else if (!kms->drm->drmIsMaster(drmFd)) {
        base_log_info("display %s cannot be acquired: descriptor %d is not master of the device",
                      display->name, drmFd);
    } else {
        display->acquired_fd = drmFd;
        result = VK_SUCCESS;
    }
    wsi_kms_unlock(kms);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ReleaseDisplayEXT(VkPhysicalDevice physicalDevice, VkDisplayKHR handle)
{
    struct wsi_display *display = wsi_display_from(handle);
    wsi_kms_lock(display->kms);
    wsi_display_release_locked(display);
    wsi_kms_unlock(display->kms);
    return VK_SUCCESS;
}
