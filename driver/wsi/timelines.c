#include "driver/wsi/timelines.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/wsi/library.h"
#include "driver/wsi/swapchain.h"

enum {
    FIRST_RENDER_NODE = 128,
    LAST_RENDER_NODE = 191,
    CAP_SYNCOBJ_TIMELINE = 0x14, /* DRM_CAP_SYNCOBJ_TIMELINE */
};

/* drm_syncobj_eventfd, which libdrm's headers have since 2.4.116: the eventfd is written to once
 * the timeline has reached the point. Window systems need that request, too. */
struct notice {
    uint32_t handle, flags;
    uint64_t point;
    int32_t fd;
    uint32_t padding;
};
#define NOTIFY _IOWR('d', 0xcf, struct notice) /* DRM_IOCTL_SYNCOBJ_EVENTFD, Linux 6.6 */

/* --- libdrm, loaded when a window system first asks for such timelines --- */

static struct drm {
    int (*drmOpenRender)(int minor); /* or -errno */
    int (*drmGetCap)(int fd, uint64_t capability, uint64_t *value);
    int (*drmIoctl)(int fd, unsigned long request, void *argument);
    int (*drmSyncobjCreate)(int fd, uint32_t flags, uint32_t *handle);
    int (*drmSyncobjDestroy)(int fd, uint32_t handle);
    int (*drmSyncobjHandleToFD)(int fd, uint32_t handle, int *out);
    int (*drmSyncobjTimelineSignal)(int fd, const uint32_t *handles, uint64_t *points,
                                    uint32_t count);
    int (*drmSyncobjQuery)(int fd, uint32_t *handles, uint64_t *points, uint32_t count);
} drm;
static bool loaded;

#define SYMBOL(function) {#function, offsetof(struct drm, function)},

static void
load(void)
{
    static const struct wsi_library library = {
        .file = "libdrm.so.2",
        .package = "libdrm2",
        .oldest = "2.4.100",
        .otherwise = "frames have no explicit synchronisation",
        .is_optional = true,
    };
    static const struct wsi_symbol symbols[] = {
        /* clang-format off */
        SYMBOL(drmOpenRender)
        SYMBOL(drmGetCap)
        SYMBOL(drmIoctl)
        SYMBOL(drmSyncobjCreate)
        SYMBOL(drmSyncobjDestroy)
        SYMBOL(drmSyncobjHandleToFD)
        SYMBOL(drmSyncobjTimelineSignal)
        SYMBOL(drmSyncobjQuery)
        /* clang-format on */
    };
    loaded = wsi_library_load(&library, symbols, BASE_COUNT_OF(symbols), &drm);
}

static bool
is_loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded;
}

/* --- a node --- */

static const char *
find_obstacle_of(int node)
{
    uint64_t has_timelines = 0;
    struct notice nobody = {.fd = -1}; /* of no timeline: whoever knows the request says so */
    if (drm.drmGetCap(node, CAP_SYNCOBJ_TIMELINE, &has_timelines) != 0 || !has_timelines) {
        return "no render node's driver has sync objects with timelines";
    }
    if (drm.drmIoctl(node, NOTIFY, &nobody) == 0 || errno != ENOENT) {
        return "the kernel is older than Linux 6.6: it does not tell when a point is reached";
    }
    return NULL;
}

/* The first node that will do. -1: none, for the reason that was met last. */
static int
open_node(const char **out_obstacle)
{
    *out_obstacle = "there is no render node in /dev/dri";
    for (int minor = FIRST_RENDER_NODE; minor <= LAST_RENDER_NODE; minor++) {
        int node = drm.drmOpenRender(minor);
        if (node < 0) {
            *out_obstacle = node == -ENOENT ? *out_obstacle
                                            : "no render node in /dev/dri can be opened: often "
                                              "they are for the group \"render\"";
            continue;
        }
        *out_obstacle = find_obstacle_of(node);
        if (!*out_obstacle) {
            return node;
        }
        base_fd_close(&node);
    }
    return -1;
}

static int
load_and_open_node(const char **out_obstacle)
{
    *out_obstacle = "libdrm.so.2 is not there, or too old";
    return is_loaded() ? open_node(out_obstacle) : -1;
}

const char *
wsi_timelines_find_obstacle(void)
{
    const char *obstacle;
    int node = load_and_open_node(&obstacle);
    base_fd_close(&node);
    return obstacle;
}

/* --- timelines --- */

void
wsi_timelines_init(struct wsi_timelines *timelines, struct wsi_swapchain *swapchain, int wake_fd)
{
    *timelines = (struct wsi_timelines){
        .swapchain = swapchain,
        .wake_fd = wake_fd,
        .node = -1,
    };
    pthread_mutex_init(&timelines->lock, NULL);
}

void
wsi_timelines_finish(struct wsi_timelines *timelines)
{
    if (!timelines->swapchain) {
        return;
    }
    for (uint32_t i = 0; i < timelines->count; i++) {
        drm.drmSyncobjDestroy(timelines->node, timelines->handles[i]);
    }
    base_fd_close(&timelines->node);
    pthread_mutex_destroy(&timelines->lock);
}

bool
wsi_timelines_open(struct wsi_timelines *timelines)
{
    const char *obstacle;
    timelines->node = load_and_open_node(&obstacle);
    if (obstacle) {
        base_log_info("vkCreateSwapchainKHR: frames have no explicit synchronisation: %s",
                      obstacle);
    }
    return !obstacle;
}

int
wsi_timelines_add(struct wsi_timelines *timelines)
{
    uint32_t handle;
    int fd = -1;
    if (drm.drmSyncobjCreate(timelines->node, 0, &handle) != 0) {
        base_log_error("vkCreateSwapchainKHR: no timeline for image %u: %s", timelines->count,
                       base_fd_explain(errno));
        return -1;
    }
    if (drm.drmSyncobjHandleToFD(timelines->node, handle, &fd) != 0) {
        base_log_error("vkCreateSwapchainKHR: no descriptor for the timeline of image %u: %s",
                       timelines->count, base_fd_explain(errno));
        drm.drmSyncobjDestroy(timelines->node, handle);
        return -1;
    }
    pthread_mutex_lock(&timelines->lock);
    timelines->handles[timelines->count++] = handle;
    pthread_mutex_unlock(&timelines->lock);
    return fd;
}

/* --- points --- */

static bool
signal_point(const struct wsi_timelines *timelines, uint32_t image, uint64_t point)
{
    uint32_t handle = timelines->handles[image];
    return drm.drmSyncobjTimelineSignal(timelines->node, &handle, &point, 1) == 0;
}

static bool
begin_locked(struct wsi_timelines *timelines, uint32_t image, bool may_be_read,
             struct wsi_points *out)
{
    struct wsi_points points = {timelines->last[image] + 1, timelines->last[image] + 2};
    struct notice notice = {
        .handle = timelines->handles[image],
        .point = points.release,
        .fd = timelines->wake_fd,
    };
    if ((may_be_read && !signal_point(timelines, image, points.acquire)) ||
        drm.drmIoctl(timelines->node, NOTIFY, &notice) != 0) {
        base_log_error("the frame of image %u gets no points on its timeline: %s", image,
                       strerror(errno));
        return false;
    }
    timelines->last[image] = points.release;
    timelines->awaited[image] = may_be_read;
    *out = points;
    return true;
}

bool
wsi_timelines_begin(struct wsi_timelines *timelines, uint32_t image, bool may_be_read,
                    struct wsi_points *out)
{
    pthread_mutex_lock(&timelines->lock);
    bool begun = begin_locked(timelines, image, may_be_read, out);
    pthread_mutex_unlock(&timelines->lock);
    return begun;
}

/* A window system that did not wait, such as one that is ending us, may have reached the second
 * point meanwhile: hence the wake. */
void
wsi_timelines_reach(struct wsi_timelines *timelines, uint32_t image)
{
    pthread_mutex_lock(&timelines->lock);
    if (!signal_point(timelines, image, timelines->last[image] - 1)) {
        base_log_info("image %u: its timeline does not reach point %" PRIu64 ": %s", image,
                      timelines->last[image] - 1, strerror(errno));
    }
    timelines->awaited[image] = true;
    pthread_mutex_unlock(&timelines->lock);
    (void)eventfd_write(timelines->wake_fd, 1);
}

void
wsi_timelines_cancel(struct wsi_timelines *timelines, uint32_t image)
{
    pthread_mutex_lock(&timelines->lock);
    timelines->awaited[image] = false;
    pthread_mutex_unlock(&timelines->lock);
}

/* Fills out_released[] for each image, and returns how many there are. */
static uint32_t
take_released_locked(struct wsi_timelines *timelines, bool out_released[WSI_MAX_IMAGES])
{
    uint64_t reached[WSI_MAX_IMAGES];
    uint32_t count = timelines->count;
    if (count == 0 ||
        drm.drmSyncobjQuery(timelines->node, timelines->handles, reached, count) != 0) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        out_released[i] = timelines->awaited[i] && reached[i] >= timelines->last[i];
        timelines->awaited[i] = timelines->awaited[i] && !out_released[i];
    }
    return count;
}

void
wsi_timelines_look(struct wsi_timelines *timelines)
{
    bool released[WSI_MAX_IMAGES];
    pthread_mutex_lock(&timelines->lock);
    uint32_t count = take_released_locked(timelines, released);
    pthread_mutex_unlock(&timelines->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (released[i]) {
            wsi_swapchain_release(timelines->swapchain, i);
        }
    }
}
