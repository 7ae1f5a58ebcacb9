/* linux-drm-syncobj-v1, with all its rules. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xf86drm.h>

#include "tests/wsi/compositor/compositor.h"
#include "tests/wsi/compositor/linux-drm-syncobj-v1-server-protocol.h"

enum {
    FIRST_NODE = 128,
    LAST_NODE = 191,
};

struct timeline {
    uint32_t handle;
    uint32_t users; /* its object, and the commits with points on it */
};

static int node = -1;

bool
sync_open(void)
{
    uint64_t has_timelines = 0;
    for (int minor = FIRST_NODE; minor <= LAST_NODE; minor++) {
        node = drmOpenRender(minor);
        if (node >= 0 && drmGetCap(node, DRM_CAP_SYNCOBJ_TIMELINE, &has_timelines) == 0 &&
            has_timelines) {
            return true;
        }
        sync_close();
    }
    return false;
}

void
sync_close(void)
{
    if (node >= 0) {
        close(node);
    }
    node = -1;
}

/* --- timelines --- */

static struct timeline *
use(struct timeline *timeline)
{
    timeline->users++;
    return timeline;
}

static void
leave(struct timeline *timeline)
{
    if (timeline && --timeline->users == 0) {
        drmSyncobjDestroy(node, timeline->handle);
        free(timeline);
    }
}

static void
destroy_timeline(struct wl_resource *resource)
{
    leave(wl_resource_get_user_data(resource));
}

static const struct wp_linux_drm_syncobj_timeline_v1_interface timeline_implementation = {
    .destroy = destroy_resource,
};

static void
import_timeline(struct wl_client *client, struct wl_resource *manager, uint32_t id, int32_t fd)
{
    struct timeline *timeline = allocate(sizeof(*timeline));
    int error = drmSyncobjFDToHandle(node, fd, &timeline->handle);
    close(fd);
    if (error) {
        free(timeline);
        wl_resource_post_error(manager, WP_LINUX_DRM_SYNCOBJ_MANAGER_V1_ERROR_INVALID_TIMELINE,
                               "not a timeline");
        return;
    }
    wl_resource_set_implementation(
        create_resource(client, &wp_linux_drm_syncobj_timeline_v1_interface, 1, id),
        &timeline_implementation, use(timeline), destroy_timeline);
}

/* --- points --- */

static struct points *
points_or_error(struct wl_resource *object)
{
    struct points *points = points_of(object);
    if (!points) {
        wl_resource_post_error(object, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_SURFACE,
                               "the surface is gone");
    }
    return points;
}

static void
set_point(struct wl_resource *timeline, uint32_t high, uint32_t low, struct timeline **out_timeline,
          uint64_t *out_point)
{
    leave(*out_timeline);
    *out_timeline = use(wl_resource_get_user_data(timeline));
    *out_point = (uint64_t)high << 32 | low;
}

static void
set_acquire_point(struct wl_client *client, struct wl_resource *object,
                  struct wl_resource *timeline, uint32_t high, uint32_t low)
{
    struct points *points = points_or_error(object);
    if (points) {
        set_point(timeline, high, low, &points->acquire_timeline, &points->acquire);
    }
}

static void
set_release_point(struct wl_client *client, struct wl_resource *object,
                  struct wl_resource *timeline, uint32_t high, uint32_t low)
{
    struct points *points = points_or_error(object);
    if (points) {
        set_point(timeline, high, low, &points->release_timeline, &points->release);
    }
}

static const struct wp_linux_drm_syncobj_surface_v1_interface surface_implementation = {
    .destroy = destroy_resource,
    .set_acquire_point = set_acquire_point,
    .set_release_point = set_release_point,
};

static void
get_surface(struct wl_client *client, struct wl_resource *manager, uint32_t id,
            struct wl_resource *surface)
{
    create_sync_object(manager, &wp_linux_drm_syncobj_surface_v1_interface, &surface_implementation,
                       id, surface);
}

const struct wp_linux_drm_syncobj_manager_v1_interface sync_manager_implementation = {
    .destroy = destroy_resource,
    .get_surface = get_surface,
    .import_timeline = import_timeline,
};

bool
sync_check(struct wl_resource *object, const struct wl_resource *buffer, bool is_dma_buf,
           const struct points *points)
{
    bool acquires = points->acquire_timeline, releases = points->release_timeline;
    bool conflict =
        points->acquire_timeline == points->release_timeline && points->acquire >= points->release;
    const struct {
        bool is_wrong;
        uint32_t error;
        const char *what;
    } rules[] = {
        {!buffer && (acquires || releases), WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_BUFFER,
         "points without a buffer"},
        {buffer && !is_dma_buf, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_UNSUPPORTED_BUFFER,
         "a buffer that is no dma-buf"},
        {buffer && !acquires, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_ACQUIRE_POINT,
         "a buffer without an acquire point"},
        {buffer && !releases, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_NO_RELEASE_POINT,
         "a buffer without a release point"},
        {buffer && conflict, WP_LINUX_DRM_SYNCOBJ_SURFACE_V1_ERROR_CONFLICTING_POINTS,
         "it is released before it is acquired"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].is_wrong) {
            wl_resource_post_error(object, rules[i].error, "%s", rules[i].what);
            return false;
        }
    }
    return true;
}

bool
sync_is_acquired(const struct points *points)
{
    uint32_t handle = points->acquire_timeline->handle;
    uint64_t reached;
    return drmSyncobjQuery(node, &handle, &reached, 1) == 0 && reached >= points->acquire;
}

void
sync_release(const struct points *points)
{
    uint64_t point = points->release;
    drmSyncobjTimelineSignal(node, &points->release_timeline->handle, &point, 1);
}

void
sync_finish(struct points *points)
{
    leave(points->acquire_timeline);
    leave(points->release_timeline);
}
