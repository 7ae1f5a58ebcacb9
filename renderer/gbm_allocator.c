#include "renderer/gbm_allocator.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/gbm_allocator_impl.h"

enum {
    /* Buffers of plain bytes are no format of libgbm's: ours are images of pixels that every driver
     * has, no larger than the smallest limit among them. */
    PIXEL_FORMAT = GBM_FORMAT_ARGB8888,
    PIXEL_SIZE = 4,
    MAX_SIDE = 16384,
};

struct rnd_gbm *
rnd_gbm_create(const char *node)
{
    struct rnd_gbm *gbm = calloc(1, sizeof(*gbm));
    if (!gbm) {
        base_log_error("no memory to open %s with libgbm", node);
        return NULL;
    }
    gbm->fd = open(node, O_RDWR | O_CLOEXEC);
    if (gbm->fd < 0) {
        base_log_warn("cannot open %s, from which memory was to come by libgbm: %s", node,
                      strerror(errno));
        goto free_gbm;
    }
    gbm->device = gbm_create_device(gbm->fd);
    if (!gbm->device) {
        base_log_warn("libgbm has no driver for %s", node);
        goto close_fd;
    }
    pthread_mutex_init(&gbm->lock, NULL);
    return gbm;

close_fd:
    base_fd_close(&gbm->fd);
free_gbm:
    free(gbm);
    return NULL;
}

void
rnd_gbm_destroy(struct rnd_gbm *gbm)
{
    if (!gbm) {
        return;
    }
    gbm_device_destroy(gbm->device);
    base_fd_close(&gbm->fd);
    pthread_mutex_destroy(&gbm->lock);
    free(gbm);
}

/* The smallest image of at least `size` bytes, as flat as can be, so that little is lost where a
 * driver pads its rows. False: none is large enough. */
static bool
choose_extent(uint64_t size, uint32_t *width, uint32_t *height)
{
    uint64_t pixels = size / PIXEL_SIZE + (size % PIXEL_SIZE != 0);
    uint64_t across = pixels < MAX_SIDE ? pixels : MAX_SIDE;
    *width = across > 0 ? (uint32_t)across : 1;
    uint64_t rows = pixels / *width + (pixels % *width != 0);
    *height = rows > 0 ? (uint32_t)rows : 1;
    return rows <= MAX_SIDE;
}

/* NULL, or what makes it no plain memory. */
static const char *
find_fault(struct gbm_bo *bo, uint32_t height, uint64_t size)
{
    if (gbm_bo_get_offset(bo, 0) != 0) {
        return "does not begin at its start";
    }
    return (uint64_t)gbm_bo_get_stride(bo) * height < size ? "has too little room" : NULL;
}

static int
allocate_locked(struct gbm_device *device, uint32_t width, uint32_t height, uint64_t size)
{
    struct gbm_bo *bo = gbm_bo_create(device, width, height, PIXEL_FORMAT, GBM_BO_USE_LINEAR);
    if (!bo) {
        base_log_warn("libgbm gave no linear buffer of %ux%u pixels, %" PRIu64 " bytes: %s", width,
                      height, size, strerror(errno));
        return -1;
    }
    const char *fault = find_fault(bo, height, size);
    int fd = fault ? -1 : gbm_bo_get_fd(bo);
    if (fd < 0) {
        base_log_warn("a buffer of libgbm's of %" PRIu64 " bytes %s", size,
                      fault ? fault : "cannot be had as a dma-buf");
    }
    gbm_bo_destroy(bo); /* the dma-buf keeps the memory */
    return fd;
}

int
rnd_gbm_allocate(struct rnd_gbm *gbm, uint64_t size)
{
    uint32_t width, height;
    if (!choose_extent(size, &width, &height)) {
        base_log_warn("%" PRIu64 " bytes are more than one buffer of libgbm's can have, %" PRIu64,
                      size, (uint64_t)MAX_SIDE * MAX_SIDE * PIXEL_SIZE);
        return -1;
    }
    pthread_mutex_lock(&gbm->lock);
    int fd = allocate_locked(gbm->device, width, height, size);
    pthread_mutex_unlock(&gbm->lock);
    return fd;
}
