#include "renderer/gbm_image.h"

#include <inttypes.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/attributes.h"
#include "base/fd.h"
#include "base/log.h"
#include "renderer/gbm_allocator_impl.h"

#define MODIFIER_INVALID UINT64_C(0x00ffffffffffffff) /* DRM_FORMAT_MOD_INVALID */

/* What displays can show comes first. Drivers refuse uses that they do not have for a format: few
 * render into YCbCr. */
static const uint32_t uses[] = {
    GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING,
    GBM_BO_USE_SCANOUT,
    GBM_BO_USE_RENDERING,
    0,
};

static struct gbm_bo *
create_bo(struct gbm_device *device, const struct rnd_gbm_layout *layout, const uint64_t *modifiers,
          uint32_t count)
{
    struct gbm_bo *bo = NULL;
    for (size_t i = 0; !bo && i < BASE_COUNT_OF(uses); i++) {
        bo = gbm_bo_create_with_modifiers2(device, layout->width, layout->height, layout->fourcc,
                                           modifiers, count, uses[i]);
    }
    return bo;
}

static bool
contains(const uint64_t *modifiers, uint32_t count, uint64_t modifier)
{
    for (uint32_t i = 0; i < count; i++) {
        if (modifiers[i] == modifier) {
            return true;
        }
    }
    return false;
}

/* NULL, or what keeps the buffer from being one Vulkan image. */
static const char *
read_layout(struct gbm_bo *bo, struct rnd_gbm_layout *out)
{
    int count = gbm_bo_get_plane_count(bo);
    if (count < 1 || count > RND_GBM_MAX_PLANES) {
        return "libgbm's buffer has no planes, or more than four";
    }
    for (int i = 0; i < count; i++) {
        if (gbm_bo_get_handle_for_plane(bo, i).u64 != gbm_bo_get_handle_for_plane(bo, 0).u64) {
            return "libgbm puts the planes into several buffers";
        }
        out->planes[i].offset = gbm_bo_get_offset(bo, i);
        out->planes[i].row_pitch = gbm_bo_get_stride_for_plane(bo, i);
    }
    out->plane_count = (uint32_t)count;
    out->modifier = gbm_bo_get_modifier(bo);
    return out->modifier == MODIFIER_INVALID ? "libgbm's buffer has no modifier" : NULL;
}

static int
allocate_locked(struct gbm_device *device, const uint64_t *modifiers, uint32_t count,
                struct rnd_gbm_layout *layout, const char **reason)
{
    struct gbm_bo *bo = create_bo(device, layout, modifiers, count);
    if (!bo) {
        *reason = "libgbm has no such format in any of the modifiers";
        return -1;
    }
    *reason = read_layout(bo, layout);
    if (!*reason && !contains(modifiers, count, layout->modifier)) {
        *reason = "libgbm's buffer has a modifier that was not asked for";
    }
    int fd = *reason ? -1 : gbm_bo_get_fd(bo);
    if (!*reason && fd < 0) {
        *reason = "libgbm's buffer cannot be had as a dma-buf";
    }
    gbm_bo_destroy(bo); /* the dma-buf keeps the memory */
    return fd;
}

int
rnd_gbm_image_allocate(struct rnd_gbm *gbm, const uint64_t *modifiers, uint32_t count,
                       struct rnd_gbm_layout *layout, const char **reason)
{
    pthread_mutex_lock(&gbm->lock);
    int fd = allocate_locked(gbm->device, modifiers, count, layout, reason);
    pthread_mutex_unlock(&gbm->lock);
    return fd;
}

static bool
same_layout(const struct rnd_gbm_layout *a, const struct rnd_gbm_layout *b)
{
    if (a->plane_count != b->plane_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->plane_count; i++) {
        if (a->planes[i].offset != b->planes[i].offset ||
            a->planes[i].row_pitch != b->planes[i].row_pitch) {
            return false;
        }
    }
    return true;
}

int
rnd_gbm_image_allocate_like(struct rnd_gbm *gbm, const struct rnd_gbm_layout *layout, uint64_t size)
{
    struct rnd_gbm_layout given = {
        .fourcc = layout->fourcc, .width = layout->width, .height = layout->height};
    const char *reason = NULL;
    int fd = rnd_gbm_image_allocate(gbm, &layout->modifier, 1, &given, &reason);
    if (fd >= 0 && !same_layout(layout, &given)) {
        reason = "libgbm lays the planes out differently than the image";
    } else if (fd >= 0 && (uint64_t)lseek(fd, 0, SEEK_END) < size) {
        reason = "libgbm's buffer is smaller than the host needs it";
    }
    if (reason) {
        base_log_info("no buffer of libgbm's for an image of %ux%u, DRM format %#x, modifier "
                      "%#" PRIx64 ", %" PRIu64 " bytes: %s",
                      layout->width, layout->height, layout->fourcc, layout->modifier, size,
                      reason);
        base_fd_close(&fd);
    }
    return fd;
}
