/* A physical device's displays: the connectors of one KMS device.
 *
 * Which one: that of the virtio-gpu behind the renderer if there is such a device, else the first
 * with a connector that may be opened, for frames are copied, and any device shows them. Or the one
 * whose descriptor an application hands us first.
 *
 * Our own descriptor is opened when an application first asks for displays. It is master only while
 * a swapchain shows something on it, so that nobody who starts meanwhile is locked out.
 *
 * Any thread. `lock` is held while the kernel looks at connectors, which may take some 100 ms each,
 * so nothing that shows frames takes it; nothing else is locked inside. */
#ifndef WSI_DISPLAY_KMS_H
#define WSI_DISPLAY_KMS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "base/list.h"
#include "driver/object.h"
#include "driver/wsi/display/displays.h"
#include "driver/wsi/display/library.h"

struct wsi_target;

enum { WSI_KMS_MAX_CRTCS = 32 }; /* as many as the kernel has bits for */

/* VkDisplayModeKHR. Lives as long as its display. */
struct wsi_display_mode {
    struct proto_object object;
    struct wsi_display *display;
    drmModeModeInfo info;
    struct base_list link; /* wsi_display.modes */
};

/* VkDisplayKHR: a connector. Lives as long as the physical device. */
struct wsi_display {
    struct proto_object object;
    struct wsi_kms *kms;
    uint32_t connector_id;
    char name[32];
    struct base_list link; /* wsi_kms.displays */
    _Atomic bool is_off;   /* by vkDisplayPowerControlEXT: nobody shall switch it on */

    /* Guarded by the lock of `kms`. */
    int acquired_fd;        /* the application's, until it releases the display; -1 */
    bool is_leased;         /* that one is ours to close: an X server lends the display */
    struct base_list modes; /* all that were ever seen: wsi_display_mode.link */
};

/* A plane of Vulkan's is the primary one of a CRTC, with the same index for good. */
struct wsi_kms_crtc {
    uint32_t id;
    /* The swapchain that may show frames on it, and where; NULL: none. */
    const struct wsi_target *owner;
    const struct wsi_display *display;
    /* Those that have been owners and are not destroyed yet, and what it showed before the first.
     */
    uint32_t users;
    drmModeCrtcPtr before;
};

struct wsi_kms {
    struct drv_physical_device *physical_device; /* owns us */
    pthread_mutex_t lock;

    /* All guarded by lock. */
    const struct wsi_display_library *drm; /* NULL before the first use; then constant */
    dev_t node;                            /* 0: no device yet; then constant */
    int fd;                                /* our own; -1 */
    uint32_t master_holds;                 /* of `fd` */
    struct base_list displays;             /* wsi_display.link */
    uint32_t crtc_count;
    struct wsi_kms_crtc crtcs[WSI_KMS_MAX_CRTCS];
};

/* Locks, and opens our own descriptor if there is none yet and it can be. */
void wsi_kms_lock(struct wsi_kms *kms);
void wsi_kms_unlock(struct wsi_kms *kms);

/* Takes the device behind the descriptor for ours, if we have none. False: it is another one, or
 * none that can show frames. Locked. */
BASE_MUST_CHECK bool wsi_kms_adopt_locked(struct wsi_kms *kms, int fd);

/* The display of a connector, made at first sight. `connector` is of that id. NULL: out of host
 * memory. */
BASE_MUST_CHECK struct wsi_display *wsi_kms_get_display_locked(struct wsi_kms *kms,
                                                               const drmModeConnector *connector);
/* Gives it back. */
void wsi_display_release_locked(struct wsi_display *display);
/* The descriptor to use for it: the application's or ours. -1: there is none. */
int wsi_display_fd_locked(const struct wsi_display *display);
/* The connector as it is now; free it with drmModeFreeConnector(). `probe`: look for a monitor
 * again. NULL: gone. */
drmModeConnectorPtr wsi_display_get_connector_locked(const struct wsi_display *display, bool probe);
/* The mode of those timings, made at first sight. NULL: out of host memory. */
BASE_MUST_CHECK struct wsi_display_mode *wsi_display_get_mode_locked(struct wsi_display *display,
                                                                     const drmModeModeInfo *info);
/* Whether CRTC number `plane` can be led to the connector. */
bool wsi_display_can_use_locked(const struct wsi_display *display,
                                const drmModeConnector *connector, uint32_t plane);
/* The CRTC that the connector is led from; 0: none. */
uint32_t wsi_display_get_crtc_locked(const struct wsi_display *display,
                                     const drmModeConnector *connector);

/* Whether the kernel counts the frames of that CRTC. */
bool wsi_display_counts_frames_locked(const struct wsi_display *display, uint32_t crtc);
/* Sleeps until the display begins its next frame; for about as long if nobody knows. Not locked. */
void wsi_display_wait_for_frame(const struct wsi_display *display);
/* The connectors with a monitor, as the kernel knows them: bit N is the Nth of the device. Not
 * locked. */
uint64_t wsi_kms_find_monitors(struct wsi_kms *kms);

/* Millihertz, of whole frames. */
uint32_t wsi_display_refresh_mhz(const drmModeModeInfo *info);

/* --- swapchains --- */

/* Our own descriptor is master only while it is needed; an application's is its own business.
 * False, and why in the log: another program is. */
BASE_MUST_CHECK bool wsi_kms_hold_master_locked(struct wsi_kms *kms, int fd);
void wsi_kms_release_master_locked(struct wsi_kms *kms, int fd);

/* Lets the swapchain show frames on a display by that plane: VK_ERROR_NATIVE_WINDOW_IN_USE_KHR if
 * another one does, or another program. *out_fd serves until wsi_kms_leave(). */
BASE_MUST_CHECK VkResult wsi_kms_enter(struct wsi_display *display, uint32_t plane,
                                       const struct wsi_target *target, int *out_fd);
/* Another swapchain may have the place from now on. May be called again. */
void wsi_kms_retire(struct wsi_display *display, uint32_t plane, const struct wsi_target *target);
/* The last one to leave a plane puts back what it showed before. `fd` as from wsi_kms_enter(). */
void wsi_kms_leave(struct wsi_display *display, uint32_t plane, const struct wsi_target *target,
                   int fd);

static inline struct wsi_display *
wsi_display_from(VkDisplayKHR handle)
{
    return (struct wsi_display *)(uintptr_t)handle;
}

static inline struct wsi_display_mode *
wsi_display_mode_from(VkDisplayModeKHR handle)
{
    return (struct wsi_display_mode *)(uintptr_t)handle;
}

#endif
