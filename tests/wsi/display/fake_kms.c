#include "tests/wsi/display/fake_kms.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define EXPORT __attribute__((visibility("default")))
#define PERIOD_NS 16666667LL

enum {
    CRTCS = 2,
    FIRST_CRTC = 41,
    FIRST_ENCODER = 51,
    FIRST_PROPERTY = 61,
    MAX_BUFFERS = 64,
    BUFFER_ROOM = 1 << 20, /* each buffer's place in the memfd */
};

EXPORT struct fake_kms fake_kms = {.master = -1, .plugged = {true}, .shown = {FAKE_KMS_CONSOLE}};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int memory = -1;
static char path[64];
static struct {
    uint32_t width, height, pitch;
    bool used, has_framebuffer;
} buffers[MAX_BUFFERS] = {
    {.used = true}, /* no handle is 0 */
    {FAKE_KMS_WIDTH, FAKE_KMS_HEIGHT, FAKE_KMS_WIDTH * 4, true, true},
};
static struct {
    uint32_t framebuffer; /* waits to be shown; 0: none */
    long long due_ns;
    void *tag;
} pending[CRTCS];
static drmModeModeInfo current_mode[CRTCS];

static const drmModeModeInfo modes[] = {
    {/* 60 Hz, and not what the monitor likes best */
     .clock = 2400,
     .hdisplay = 160,
     .hsync_start = 170,
     .hsync_end = 180,
     .htotal = 200,
     .vdisplay = 100,
     .vsync_start = 150,
     .vsync_end = 160,
     .vtotal = 200,
     .type = DRM_MODE_TYPE_DRIVER,
     .name = "160x100"},
    {.clock = 5040,
     .hdisplay = FAKE_KMS_WIDTH,
     .hsync_start = 330,
     .hsync_end = 340,
     .htotal = 400,
     .vdisplay = FAKE_KMS_HEIGHT,
     .vsync_start = 202,
     .vsync_end = 204,
     .vtotal = 210,
     .type = DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED,
     .name = "320x200"},
};

static long long
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static const char *const properties[] = {"EDID", "DPMS"};
enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]), DPMS = FIRST_PROPERTY + 1 };

/* --- the device --- */

EXPORT int
drmGetDevices2(uint32_t flags, drmDevicePtr devices[], int max_devices)
{
    pthread_mutex_lock(&lock);
    if (memory == -1) {
        memory = memfd_create("fake-kms", MFD_CLOEXEC);
        if (memory == -1 || ftruncate(memory, (off_t)MAX_BUFFERS * BUFFER_ROOM) != 0) {
            abort();
        }
        snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
    }
    pthread_mutex_unlock(&lock);
    if (!devices) {
        return 1;
    }
    drmDevicePtr device = calloc(1, sizeof(*device));
    device->nodes = calloc(DRM_NODE_MAX, sizeof(char *));
    device->available_nodes = 1 << DRM_NODE_PRIMARY;
    device->nodes[DRM_NODE_PRIMARY] = path;
    device->bustype = DRM_BUS_PLATFORM;
    devices[0] = device;
    return 1;
}

EXPORT void
drmFreeDevices(drmDevicePtr devices[], int count)
{
    for (int i = 0; i < count; i++) {
        free(devices[i]->nodes);
        free(devices[i]);
    }
}

/* What the driver's transport for guests is linked to; no device of that kind is here. */
EXPORT drmVersionPtr
drmGetVersion(int fd)
{
    return NULL;
}

EXPORT void
drmFreeVersion(drmVersionPtr version)
{
}

EXPORT int
drmGetCap(int fd, uint64_t capability, uint64_t *value)
{
    switch (capability) {
    case DRM_CAP_DUMB_BUFFER: *value = 1; return 0;
    case DRM_CAP_ASYNC_PAGE_FLIP: *value = !fake_kms.no_async; return 0;
    default: return -EINVAL;
    }
}

EXPORT int
drmSetMaster(int fd)
{
    pthread_mutex_lock(&lock);
    bool may = fake_kms.master == -1 || fake_kms.master == fd;
    fake_kms.master = may ? fd : fake_kms.master;
    pthread_mutex_unlock(&lock);
    errno = may ? 0 : EBUSY;
    return may ? 0 : -1;
}

EXPORT int
drmDropMaster(int fd)
{
    pthread_mutex_lock(&lock);
    bool was = fake_kms.master == fd;
    fake_kms.master = was ? -1 : fake_kms.master;
    pthread_mutex_unlock(&lock);
    errno = was ? 0 : EINVAL;
    return was ? 0 : -1;
}

EXPORT int
drmIsMaster(int fd)
{
    return fake_kms.master == fd;
}

/* --- buffers --- */

static int
create_dumb(struct drm_mode_create_dumb *request)
{
    for (uint32_t i = 0; i < MAX_BUFFERS; i++) {
        uint32_t pitch = (request->width * 4 + 63) / 64 * 64 + 64; /* as odd as hardware may be */
        if (!buffers[i].used && pitch * request->height <= BUFFER_ROOM) {
            buffers[i].used = true;
            buffers[i].width = request->width;
            buffers[i].height = request->height;
            buffers[i].pitch = request->pitch = pitch;
            request->handle = i;
            request->size = (uint64_t)pitch * request->height;
            fake_kms.live++;
            return 0;
        }
    }
    return ENOMEM;
}

static int
map_dumb(struct drm_mode_map_dumb *request)
{
    if (request->handle == 0 || request->handle >= MAX_BUFFERS || !buffers[request->handle].used) {
        return ENOENT;
    }
    request->offset = (uint64_t)request->handle * BUFFER_ROOM;
    return 0;
}

static int
destroy_dumb(const struct drm_mode_destroy_dumb *request)
{
    if (request->handle <= FAKE_KMS_CONSOLE || request->handle >= MAX_BUFFERS ||
        !buffers[request->handle].used) {
        return EINVAL;
    }
    buffers[request->handle].used = false;
    fake_kms.live--;
    return 0;
}

EXPORT int
drmIoctl(int fd, unsigned long request, void *argument)
{
    int error = EINVAL;
    pthread_mutex_lock(&lock);
    switch (request) {
    case DRM_IOCTL_MODE_CREATE_DUMB: error = create_dumb(argument); break;
    case DRM_IOCTL_MODE_MAP_DUMB: error = map_dumb(argument); break;
    case DRM_IOCTL_MODE_DESTROY_DUMB: error = destroy_dumb(argument); break;
    default: break;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return error ? -1 : 0;
}

EXPORT int
drmModeAddFB2(int fd, uint32_t width, uint32_t height, uint32_t pixel_format,
              const uint32_t bo_handles[4], const uint32_t pitches[4], const uint32_t offsets[4],
              uint32_t *buf_id, uint32_t flags)
{
    uint32_t handle = bo_handles[0];
    int error = EINVAL;
    pthread_mutex_lock(&lock);
    if (handle > FAKE_KMS_CONSOLE && handle < MAX_BUFFERS && buffers[handle].used &&
        !buffers[handle].has_framebuffer && buffers[handle].width >= width &&
        buffers[handle].height >= height && buffers[handle].pitch == pitches[0] &&
        pixel_format == DRM_FORMAT_XRGB8888 && offsets[0] == 0) {
        buffers[handle].has_framebuffer = true;
        fake_kms.live++;
        *buf_id = handle;
        error = 0;
    }
    pthread_mutex_unlock(&lock);
    return -error;
}

EXPORT int
drmModeRmFB(int fd, uint32_t id)
{
    pthread_mutex_lock(&lock);
    bool ok = id > FAKE_KMS_CONSOLE && id < MAX_BUFFERS && buffers[id].has_framebuffer;
    if (ok) {
        buffers[id].has_framebuffer = false;
        fake_kms.live--;
        for (int i = 0; i < CRTCS; i++) {
            fake_kms.shown[i] = fake_kms.shown[i] == id ? 0 : fake_kms.shown[i];
        }
    }
    pthread_mutex_unlock(&lock);
    return ok ? 0 : -ENOENT;
}

EXPORT drmModeFBPtr
drmModeGetFB(int fd, uint32_t id)
{
    drmModeFBPtr framebuffer = calloc(1, sizeof(*framebuffer));
    pthread_mutex_lock(&lock);
    *framebuffer =
        (drmModeFB){id, buffers[id].width, buffers[id].height, buffers[id].pitch, 32, 24, id};
    pthread_mutex_unlock(&lock);
    return framebuffer;
}

EXPORT void
drmModeFreeFB(drmModeFBPtr framebuffer)
{
    free(framebuffer);
}

/* --- what there is --- */

static uint32_t *
ids(uint32_t first, int count)
{
    uint32_t *list = calloc((size_t)count, sizeof(*list));
    for (int i = 0; i < count; i++) {
        list[i] = first + (uint32_t)i;
    }
    return list;
}

EXPORT drmModeResPtr
drmModeGetResources(int fd)
{
    struct stat node;
    if (fstat(fd, &node) != 0 || !S_ISREG(node.st_mode)) {
        return NULL; /* the device is a memfd */
    }
    drmModeResPtr resources = calloc(1, sizeof(*resources));
    resources->count_crtcs = CRTCS;
    resources->crtcs = ids(FIRST_CRTC, CRTCS);
    resources->count_connectors = 2;
    resources->connectors = ids(FAKE_KMS_FIRST_CONNECTOR, 2);
    resources->count_encoders = 2;
    resources->encoders = ids(FIRST_ENCODER, 2);
    return resources;
}

EXPORT void
drmModeFreeResources(drmModeResPtr resources)
{
    if (resources) {
        free(resources->crtcs);
        free(resources->connectors);
        free(resources->encoders);
        free(resources);
    }
}

EXPORT drmModeConnectorPtr
drmModeGetConnector(int fd, uint32_t id)
{
    if (id != FAKE_KMS_FIRST_CONNECTOR && id != FAKE_KMS_SECOND_CONNECTOR) {
        errno = ENOENT;
        return NULL;
    }
    uint32_t place = id - FAKE_KMS_FIRST_CONNECTOR;
    drmModeConnectorPtr connector = calloc(1, sizeof(*connector));
    pthread_mutex_lock(&lock);
    bool plugged = fake_kms.plugged[place];
    connector->connector_id = id;
    connector->connector_type = DRM_MODE_CONNECTOR_HDMIA;
    connector->connector_type_id = place + 1;
    connector->connection = plugged ? DRM_MODE_CONNECTED : DRM_MODE_DISCONNECTED;
    connector->encoder_id = fake_kms.shown[place] ? FIRST_ENCODER + place : 0;
    connector->count_encoders = 1;
    connector->encoders = ids(FIRST_ENCODER + place, 1);
    connector->count_props = PROPERTIES;
    connector->props = ids(FIRST_PROPERTY, PROPERTIES);
    if (plugged) {
        connector->mmWidth = 300;
        connector->mmHeight = 190;
        connector->count_modes = 2;
        connector->modes = calloc(2, sizeof(modes[0]));
        memcpy(connector->modes, modes, sizeof(modes));
    }
    pthread_mutex_unlock(&lock);
    return connector;
}

EXPORT drmModePropertyPtr
drmModeGetProperty(int fd, uint32_t id)
{
    drmModePropertyPtr property = calloc(1, sizeof(*property));
    property->prop_id = id;
    snprintf(property->name, sizeof(property->name), "%s", properties[id - FIRST_PROPERTY]);
    return property;
}

EXPORT void
drmModeFreeProperty(drmModePropertyPtr property)
{
    free(property);
}

EXPORT int
drmModeConnectorSetProperty(int fd, uint32_t connector, uint32_t property, uint64_t value)
{
    int error = 0;
    pthread_mutex_lock(&lock);
    if (fake_kms.master != fd) {
        error = EACCES;
    } else if (property != DPMS) {
        error = EINVAL;
    } else {
        fake_kms.dpms[connector - FAKE_KMS_FIRST_CONNECTOR] = value;
    }
    pthread_mutex_unlock(&lock);
    return -error;
}

EXPORT drmModeConnectorPtr
drmModeGetConnectorCurrent(int fd, uint32_t id)
{
    return drmModeGetConnector(fd, id);
}

EXPORT void
drmModeFreeConnector(drmModeConnectorPtr connector)
{
    if (connector) {
        free(connector->encoders);
        free(connector->props);
        free(connector->modes);
        free(connector);
    }
}

/* Encoder 1 reaches both CRTCs, encoder 2 the second alone. */
EXPORT drmModeEncoderPtr
drmModeGetEncoder(int fd, uint32_t id)
{
    drmModeEncoderPtr encoder = calloc(1, sizeof(*encoder));
    uint32_t place = id - FIRST_ENCODER;
    encoder->encoder_id = id;
    encoder->crtc_id = fake_kms.shown[place] ? FIRST_CRTC + place : 0;
    encoder->possible_crtcs = place == 0 ? 3 : 2;
    return encoder;
}

EXPORT void
drmModeFreeEncoder(drmModeEncoderPtr encoder)
{
    free(encoder);
}

EXPORT drmModeCrtcPtr
drmModeGetCrtc(int fd, uint32_t id)
{
    drmModeCrtcPtr crtc = calloc(1, sizeof(*crtc));
    pthread_mutex_lock(&lock);
    crtc->crtc_id = id;
    crtc->buffer_id = fake_kms.shown[id - FIRST_CRTC];
    crtc->mode_valid = crtc->buffer_id != 0;
    crtc->mode = crtc->buffer_id == FAKE_KMS_CONSOLE ? modes[1] : current_mode[id - FIRST_CRTC];
    pthread_mutex_unlock(&lock);
    return crtc;
}

EXPORT void
drmModeFreeCrtc(drmModeCrtcPtr crtc)
{
    free(crtc);
}

/* --- showing --- */

EXPORT int
drmModeSetCrtc(int fd, uint32_t crtc, uint32_t buffer, uint32_t x, uint32_t y, uint32_t *connectors,
               int count, drmModeModeInfoPtr mode)
{
    int error = 0;
    pthread_mutex_lock(&lock);
    if (fake_kms.master != fd) {
        error = EACCES;
    } else if (buffer >= MAX_BUFFERS || !buffers[buffer].has_framebuffer || count != 1 ||
               buffers[buffer].width < mode->hdisplay || buffers[buffer].height < mode->vdisplay) {
        error = EINVAL;
    } else {
        fake_kms.shown[crtc - FIRST_CRTC] = buffer;
        fake_kms.dpms[crtc - FIRST_CRTC] = DRM_MODE_DPMS_ON;
        current_mode[crtc - FIRST_CRTC] = *mode;
    }
    pthread_mutex_unlock(&lock);
    return -error;
}

EXPORT int
drmModePageFlip(int fd, uint32_t crtc, uint32_t buffer, uint32_t flags, void *tag)
{
    uint32_t place = crtc - FIRST_CRTC;
    bool async = flags & DRM_MODE_PAGE_FLIP_ASYNC;
    int error = 0;
    pthread_mutex_lock(&lock);
    if (fake_kms.master != fd) {
        error = EACCES;
    } else if (fake_kms.shown[place] == 0 || fake_kms.dpms[place] != DRM_MODE_DPMS_ON ||
               pending[place].framebuffer) {
        error = EBUSY;
    } else if (buffer >= MAX_BUFFERS || !buffers[buffer].has_framebuffer ||
               (async && fake_kms.no_async)) {
        error = EINVAL;
    } else {
        long long now = now_ns();
        pending[place].framebuffer = buffer;
        pending[place].tag = tag;
        pending[place].due_ns =
            async || fake_kms.no_vblanks ? now : (now / PERIOD_NS + 1) * PERIOD_NS;
        fake_kms.async += async;
    }
    pthread_mutex_unlock(&lock);
    return -error;
}

/* True if it has happened. */
static bool
finish_flip(int place, long long *due_ns, void **tag)
{
    pthread_mutex_lock(&lock);
    bool done = pending[place].framebuffer && !fake_kms.never_flips;
    if (done) {
        fake_kms.shown[place] = pending[place].framebuffer;
        pending[place].framebuffer = 0;
        fake_kms.flips++;
        *due_ns = pending[place].due_ns;
        *tag = pending[place].tag;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

static void
sleep_until(long long due_ns)
{
    const struct timespec until = {due_ns / 1000000000, due_ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* False and errno, as of a CRTC that counts no frames. */
static bool
counts_frames(uint32_t place)
{
    bool is_on = place < CRTCS && fake_kms.shown[place] && fake_kms.dpms[place] == DRM_MODE_DPMS_ON;
    errno = fake_kms.no_vblanks ? EOPNOTSUPP : is_on ? 0 : EINVAL;
    return errno == 0;
}

EXPORT int
drmCrtcGetSequence(int fd, uint32_t crtc, uint64_t *sequence, uint64_t *time_ns)
{
    if (!counts_frames(crtc - FIRST_CRTC)) {
        return -1;
    }
    *sequence = (uint64_t)(now_ns() / PERIOD_NS);
    *time_ns = *sequence * PERIOD_NS;
    return 0;
}

EXPORT int
drmWaitVBlank(int fd, drmVBlankPtr request)
{
    uint32_t type = request->request.type;
    if (!counts_frames(type >> DRM_VBLANK_HIGH_CRTC_SHIFT & 31)) {
        return -1;
    }
    sleep_until((now_ns() / PERIOD_NS + request->request.sequence) * PERIOD_NS);
    return 0;
}

EXPORT int
drmHandleEvent(int fd, drmEventContextPtr context)
{
    for (int i = 0; i < CRTCS; i++) {
        long long due_ns;
        void *tag;
        if (finish_flip(i, &due_ns, &tag)) {
            sleep_until(due_ns);
            unsigned int sequence = fake_kms.no_vblanks ? 0 : (unsigned int)(due_ns / PERIOD_NS);
            context->page_flip_handler2(fd, sequence, (unsigned int)(due_ns / 1000000000), 0,
                                        FIRST_CRTC + (unsigned int)i, tag);
            return 0;
        }
    }
    sleep_until(now_ns() + 1000000); /* its descriptor is always readable */
    return 0;
}
