/* Stands where libgbm stands: every buffer is a memfd, with rows padded to 256 bytes as many GPUs
 * want them, and of the size that the test layer imports. VESPER_TEST_GBM=offset|none makes it one
 * that cannot be used. */
#include <fcntl.h>
#include <gbm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a test sees of the library is what the library is given. */
#pragma GCC visibility push(default)

struct gbm_device {
    int fd;
};

struct gbm_bo {
    int fd;
    uint32_t stride;
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

struct gbm_bo *
gbm_bo_create(struct gbm_device *device, uint32_t width, uint32_t height, uint32_t format,
              uint32_t flags)
{
    struct gbm_bo *bo =
        is_set_to("none") || !(flags & GBM_BO_USE_LINEAR) || format != GBM_FORMAT_ARGB8888
            ? NULL
            : calloc(1, sizeof(*bo));
    if (!bo) {
        return NULL;
    }
    bo->stride = (width * 4 + 255) & ~255u;
    off_t size = ((off_t)bo->stride * height + 65535) & ~(off_t)65535;
    bo->fd = memfd_create("fake-gbm", MFD_CLOEXEC);
    if (bo->fd < 0 || ftruncate(bo->fd, size) != 0) {
        gbm_bo_destroy(bo);
        return NULL;
    }
    return bo;
}

void
gbm_bo_destroy(struct gbm_bo *bo)
{
    if (bo->fd >= 0) {
        close(bo->fd);
    }
    free(bo);
}

uint32_t
gbm_bo_get_offset(struct gbm_bo *bo, int plane)
{
    return is_set_to("offset") ? 4096 : 0;
}

uint32_t
gbm_bo_get_stride(struct gbm_bo *bo)
{
    return bo->stride;
}

int
gbm_bo_get_fd(struct gbm_bo *bo)
{
    return fcntl(bo->fd, F_DUPFD_CLOEXEC, 0);
}
