#include "driver/wsi/wayland/sync.h"

#include "base/fd.h"
#include "driver/wsi/wayland/extensions.h"
#include "driver/wsi/wayland/wayland.h"

void
wsi_wayland_sync_init(struct wsi_wayland_sync *sync, struct wsi_wayland_surface *window,
                      struct wsi_swapchain *swapchain, int wake_fd)
{
    sync->window = window;
    wsi_timelines_init(&sync->timelines, swapchain, wake_fd);
}

void
wsi_wayland_sync_finish(struct wsi_wayland_sync *sync)
{
    for (uint32_t i = 0; i < WSI_MAX_IMAGES; i++) {
        if (sync->told[i]) {
            wp_linux_drm_syncobj_timeline_v1_destroy(sync->told[i]);
        }
    }
    wsi_timelines_finish(&sync->timelines);
}

/* While a window has the object, its buffers are dma-bufs, each with its points. */
static VkResult
prepare_window(struct wsi_wayland_sync *sync)
{
    struct wsi_wayland_surface *window = sync->window;
    if (sync->is_used && !window->sync) {
        window->sync =
            wp_linux_drm_syncobj_manager_v1_get_surface(window->sync_manager, window->surface);
    } else if (!sync->is_used && window->sync) {
        wp_linux_drm_syncobj_surface_v1_destroy(window->sync);
        window->sync = NULL;
    }
    return sync->is_used && !window->sync ? VK_ERROR_OUT_OF_HOST_MEMORY : VK_SUCCESS;
}

static VkResult
tell_timeline(struct wsi_wayland_sync *sync, uint32_t image)
{
    int fd = wsi_timelines_add(&sync->timelines);
    if (fd == -1) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    sync->told[image] =
        wp_linux_drm_syncobj_manager_v1_import_timeline(sync->window->sync_manager, fd);
    base_fd_close(&fd);
    return sync->told[image] ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

VkResult
wsi_wayland_sync_add(struct wsi_wayland_sync *sync, uint32_t image, bool is_dma_buf)
{
    VkResult result = VK_SUCCESS;
    if (image == 0) {
        sync->is_used =
            is_dma_buf && sync->window->sync_manager && wsi_timelines_open(&sync->timelines);
        result = prepare_window(sync);
    }
    return result == VK_SUCCESS && sync->is_used ? tell_timeline(sync, image) : result;
}

bool
wsi_wayland_sync_begin(struct wsi_wayland_sync *sync, uint32_t image, bool may_be_read,
                       struct wsi_points *out)
{
    return wsi_timelines_begin(&sync->timelines, image, may_be_read, out);
}

void
wsi_wayland_sync_tell(struct wsi_wayland_sync *sync, uint32_t image,
                      const struct wsi_points *points)
{
    wp_linux_drm_syncobj_surface_v1_set_acquire_point(sync->window->sync, sync->told[image],
                                                      (uint32_t)(points->acquire >> 32),
                                                      (uint32_t)points->acquire);
    wp_linux_drm_syncobj_surface_v1_set_release_point(sync->window->sync, sync->told[image],
                                                      (uint32_t)(points->release >> 32),
                                                      (uint32_t)points->release);
}
