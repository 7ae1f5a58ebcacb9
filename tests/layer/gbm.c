/* Stands where libgbm stands: every buffer is a memfd, with rows padded to 256 bytes as many GPUs
 * want them, and of the size that the test layer imports. It has images in the modifiers of
 * modifiers.h, of the formats there. VESPER_TEST_GBM names something that keeps its buffers from
 * being used:
 *
 *     none       there are no buffers        images     there are none but of bytes
 *     offset     they do not begin at 0      handles    planes lie in several of them
 *     unnamed    they have no modifier       restless   no two of them are laid out alike
 *     short      they are too small          foreign    they have a modifier nobody asked for
 */
#include <fcntl.h>
#include <gbm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attributes.h"
#include "tests/layer/modifiers.h"

enum {
    MAX_PLANES = 3,
    METADATA_SIZE = 4096, /* bytes, in front of the pixels */
};

/* What a test sees of the library is what the library is given. */
#pragma GCC visibility push(default)

struct gbm_device {
    int fd;
};

struct gbm_bo {
    int fd;
    uint64_t modifier;
    int planes;
    uint32_t offsets[MAX_PLANES], strides[MAX_PLANES];
};

/* Rows of plane 0 take `texel_size` bytes a pixel; those of other planes as many if there are two
 * planes, and half of that if there are three. Other planes have half the rows. */
static const struct image_format {
    uint32_t fourcc, planes, texel_size;
} formats[] = {
    {GBM_FORMAT_ARGB8888, 1, 4}, {GBM_FORMAT_ABGR8888, 1, 4}, {GBM_FORMAT_NV12, 2, 1},
    {TEST_FOURCC_P010, 2, 2},    {GBM_FORMAT_YUV420, 3, 1},
};

static bool
is_set_to(const char *value)
{
    const char *set = getenv("VESPER_TEST_GBM");
    return set && strcmp(set, value) == 0;
}

struct gbm_device *
gbm_create_device(int fd)
{
    struct gbm_device *device = calloc(1, sizeof(*device));
    if (device) {
        device->fd = fd;
    }
    return device;
}

void
gbm_device_destroy(struct gbm_device *device)
{
    free(device);
}

void
gbm_bo_destroy(struct gbm_bo *bo)
{
    if (bo->fd >= 0) {
        close(bo->fd);
    }
    free(bo);
}

/* NULL: no memory. */
static struct gbm_bo *
create_bo(int planes, uint32_t stride, off_t size)
{
    struct gbm_bo *bo = calloc(1, sizeof(*bo));
    if (!bo) {
        return NULL;
    }
    bo->planes = planes;
    bo->strides[0] = stride;
    bo->fd = memfd_create("fake-gbm", MFD_CLOEXEC);
    size = (size + 65535) & ~(off_t)65535;
    if (bo->fd < 0 || ftruncate(bo->fd, size) != 0) {
        gbm_bo_destroy(bo);
        return NULL;
    }
    return bo;
}

struct gbm_bo *
gbm_bo_create(struct gbm_device *device, uint32_t width, uint32_t height, uint32_t format,
              uint32_t flags)
{
    if (is_set_to("none") || !(flags & GBM_BO_USE_LINEAR) || format != GBM_FORMAT_ARGB8888) {
        return NULL;
    }
    uint32_t stride = (width * 4 + 255) & ~255u;
    return create_bo(1, stride, (off_t)stride * height);
}

/* What comes before and between the planes is of no use to anybody. */
static struct gbm_bo *
create_planes(const struct image_format *format, uint32_t width, uint32_t height, bool metadata)
{
    static uint32_t restless;
    uint32_t stride = (width * format->texel_size + 255) & ~255u;
    uint32_t offset = metadata ? METADATA_SIZE : 0;
    stride += is_set_to("restless") ? 256 * ++restless : 0;
    struct gbm_bo *bo = create_bo((int)format->planes, stride,
                                  (off_t)stride * height * format->planes + 4 * METADATA_SIZE);
    if (bo && is_set_to("short") && ftruncate(bo->fd, METADATA_SIZE) != 0) {
        gbm_bo_destroy(bo);
        return NULL;
    }
    for (uint32_t i = 0; bo && i < format->planes; i++) {
        bo->offsets[i] = offset;
        bo->strides[i] = i > 0 && format->planes == 3 ? stride / 2 : stride;
        offset += bo->strides[i] * (i == 0 ? height : (height + 1) / 2);
        offset = (offset + METADATA_SIZE - 1) & ~(uint32_t)(METADATA_SIZE - 1);
    }
    if (bo && metadata) {
        bo->planes = 2;
        bo->offsets[1] = 0;
        bo->strides[1] = 64;
    }
    return bo;
}

/* The first modifier that it knows. */
struct gbm_bo *
gbm_bo_create_with_modifiers2(struct gbm_device *device, uint32_t width, uint32_t height,
                              uint32_t format, const uint64_t *modifiers, const unsigned int count,
                              uint32_t flags)
{
    bool scanout_alone = format == GBM_FORMAT_NV12 && (flags & GBM_BO_USE_RENDERING);
    if (is_set_to("none") || is_set_to("images") || scanout_alone) {
        return NULL;
    }
    for (size_t i = 0; i < BASE_COUNT_OF(formats); i++) {
        for (unsigned int j = 0; formats[i].fourcc == format && j < count; j++) {
            bool metadata = modifiers[j] == TEST_MODIFIER_METADATA && formats[i].planes == 1;
            if (!metadata && modifiers[j] != TEST_MODIFIER_LINEAR) {
                continue;
            }
            struct gbm_bo *bo = create_planes(&formats[i], width, height, metadata);
            if (bo) {
                bo->modifier = modifiers[j];
            }
            return bo;
        }
    }
    return NULL;
}

uint32_t
gbm_bo_get_offset(struct gbm_bo *bo, int plane)
{
    return is_set_to("offset") ? 4096 : bo->offsets[plane];
}

uint32_t
gbm_bo_get_stride(struct gbm_bo *bo)
{
    return bo->strides[0];
}

uint32_t
gbm_bo_get_stride_for_plane(struct gbm_bo *bo, int plane)
{
    return bo->strides[plane];
}

int
gbm_bo_get_plane_count(struct gbm_bo *bo)
{
    return bo->planes;
}

union gbm_bo_handle
gbm_bo_get_handle_for_plane(struct gbm_bo *bo, int plane)
{
    return (union gbm_bo_handle){.u64 = is_set_to("handles") ? 1 + (uint64_t)plane : 1};
}

uint64_t
gbm_bo_get_modifier(struct gbm_bo *bo)
{
    if (is_set_to("unnamed")) {
        return UINT64_C(0x00ffffffffffffff); /* DRM_FORMAT_MOD_INVALID */
    }
    return is_set_to("foreign") ? TEST_MODIFIER_METADATA + 1 : bo->modifier;
}

int
gbm_bo_get_fd(struct gbm_bo *bo)
{
    return fcntl(bo->fd, F_DUPFD_CLOEXEC, 0);
}
