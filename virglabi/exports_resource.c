/* The interface: resources. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "virglabi/context.h"
#include "virglabi/enter.h"
#include "virglabi/image.h"
#include "virglabi/library.h"
#include "virglabi/resource.h"

/* --- life --- */

int
virgl_renderer_resource_create(struct virgl_renderer_resource_create_args *args, struct iovec *iov,
                               uint32_t num_iovs)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int result = EINVAL;
    if (abi_resource_find(args->handle)) {
        result = -EINVAL;
    } else if (args->handle != 0) {
        result = abi_resource_create_image(args, iov, num_iovs);
    }
    abi_leave();
    return result;
}

int
virgl_renderer_resource_import_eglimage(struct virgl_renderer_resource_create_args *args,
                                        void *image)
{
    return EINVAL; /* OpenGL only */
}

int
virgl_renderer_resource_create_blob(const struct virgl_renderer_resource_create_blob_args *args)
{
    if (!abi_enter()) {
        return -EINVAL;
    }
    int error = abi_resource_create_blob(args);
    abi_leave();
    return -error; /* -EPERM is -1: what the renderer refuses */
}

int
virgl_renderer_resource_import_blob(const struct virgl_renderer_resource_import_blob_args *args)
{
    if (!abi_enter()) {
        return -EINVAL;
    }
    int error = abi_resource_import_blob(args);
    abi_leave();
    return -error;
}

void
virgl_renderer_resource_unref(uint32_t res_handle)
{
    if (abi_enter()) {
        struct abi_resource *resource = abi_resource_find(res_handle);
        if (resource) {
            abi_resource_destroy(resource);
        }
        abi_leave();
    }
}

void
virgl_renderer_resource_set_priv(uint32_t res_handle, void *priv)
{
    if (abi_enter()) {
        struct abi_resource *resource = abi_resource_find(res_handle);
        if (resource) {
            resource->priv = priv;
        }
        abi_leave();
    }
}

void *
virgl_renderer_resource_get_priv(uint32_t res_handle)
{
    void *priv = NULL;

    if (abi_enter()) {
        const struct abi_resource *resource = abi_resource_find(res_handle);
        priv = resource ? resource->priv : NULL;
        abi_leave();
    }
    return priv;
}

/* --- the guest's pages --- */

int
virgl_renderer_resource_attach_iov(int res_handle, struct iovec *iov, int num_iovs)
{
    int error = EINVAL;

    if (abi_enter()) {
        struct abi_resource *resource = abi_resource_find((uint32_t)res_handle);
        if (resource && !resource->iov && num_iovs >= 0) {
            resource->iov = iov;
            resource->iov_count = num_iovs;
            error = 0;
        }
        abi_leave();
    }
    return error;
}

void
virgl_renderer_resource_detach_iov(int res_handle, struct iovec **iov, int *num_iovs)
{
    if (!abi_enter()) {
        return;
    }
    struct abi_resource *resource = abi_resource_find((uint32_t)res_handle);
    if (resource) {
        if (iov) {
            *iov = resource->iov;
        }
        if (num_iovs) {
            *num_iovs = resource->iov_count;
        }
        resource->iov = NULL;
        resource->iov_count = 0;
    }
    abi_leave();
}

static int
transfer(uint32_t id, uint32_t stride, const struct virgl_box *box, uint64_t offset,
         const struct iovec *iov, unsigned iov_count, bool write)
{
    struct abi_resource *resource = abi_resource_find(id);

    if (!resource || !resource->image || !box) {
        return EINVAL;
    }
    struct abi_transfer whole = {
        .box = *box,
        .offset = offset,
        .stride = stride,
        .iov = iov ? iov : resource->iov,
        .iov_count = iov ? iov_count : (unsigned)resource->iov_count,
    };
    int error =
        write ? abi_image_write(resource->image, &whole) : abi_image_read(resource->image, &whole);
    if (error) {
        base_log_warn("resource %u of %ux%u: a transfer of %ux%u at %u,%u, stride %u, offset %ju, "
                      "does not fit into it or into the guest's memory",
                      id, resource->image->width, resource->image->height, box->w, box->h, box->x,
                      box->y, stride, (uintmax_t)offset);
    }
    return error;
}

int
virgl_renderer_transfer_read_iov(uint32_t handle, uint32_t ctx_id, uint32_t level, uint32_t stride,
                                 uint32_t layer_stride, struct virgl_box *box, uint64_t offset,
                                 struct iovec *iov, int iovec_cnt)
{
    int error = EINVAL;

    if (abi_enter()) {
        if (level == 0 && iovec_cnt >= 0) {
            error = transfer(handle, stride, box, offset, iov, (unsigned)iovec_cnt, false);
        }
        abi_leave();
    }
    return error;
}

int
virgl_renderer_transfer_write_iov(uint32_t handle, uint32_t ctx_id, int level, uint32_t stride,
                                  uint32_t layer_stride, struct virgl_box *box, uint64_t offset,
                                  struct iovec *iovec, unsigned int iovec_cnt)
{
    int error = EINVAL;

    if (abi_enter()) {
        if (level == 0) {
            error = transfer(handle, stride, box, offset, iovec, iovec_cnt, true);
        }
        abi_leave();
    }
    return error;
}

void
virgl_renderer_get_rect(int resource_id, struct iovec *iov, unsigned int num_iovs, uint32_t offset,
                        int x, int y, int width, int height)
{
    struct virgl_box box = {
        .x = (uint32_t)x, .y = (uint32_t)y, .w = (uint32_t)width, .h = (uint32_t)height, .d = 1};

    if (abi_enter()) {
        (void)transfer((uint32_t)resource_id, 0, &box, offset, iov, num_iovs, false);
        abi_leave();
    }
}

/* --- asking --- */

static int
get_info(uint32_t id, struct virgl_renderer_resource_info *info)
{
    struct abi_resource *resource = abi_resource_find(id);

    if (!resource) {
        return EINVAL;
    }
    info->handle = id;
    info->fd = resource->fd;
    if (resource->image) {
        struct abi_image *image = resource->image;
        abi_texture_create(&abi.textures, image); /* who asks is about to show it */
        info->virgl_format = image->format;
        info->width = image->width;
        info->height = image->height;
        info->depth = 1;
        info->flags = image->flags;
        info->tex_id = image->texture;
        info->stride = image->width * 4;
        info->drm_fourcc = (int)abi_image_fourcc(image);
    }
    return 0;
}

int
virgl_renderer_resource_get_info(int res_handle, struct virgl_renderer_resource_info *info)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int error = get_info((uint32_t)res_handle, info);
    abi_leave();
    return error;
}

int
virgl_renderer_resource_get_info_ext(int res_handle, struct virgl_renderer_resource_info_ext *info)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int error = get_info((uint32_t)res_handle, &info->base);
    if (!error) {
        info->version = VIRGL_RENDERER_RESOURCE_INFO_EXT_VERSION;
        if (abi_resource_find((uint32_t)res_handle)->image) {
            info->has_dmabuf_export = false;
            info->planes = 1;
            info->modifiers = 0;
            info->d3d_tex2d = NULL;
        }
    }
    abi_leave();
    return error;
}

void *
virgl_renderer_get_cursor_data(uint32_t resource_id, uint32_t *width, uint32_t *height)
{
    uint8_t *pixels = NULL;

    if (!abi_enter()) {
        return NULL;
    }
    const struct abi_resource *resource = abi_resource_find(resource_id);
    if (resource && resource->image) {
        const struct abi_image *image = resource->image;
        struct virgl_box all = {.w = image->width, .h = image->height, .d = 1};
        pixels = malloc((size_t)image->width * image->height * 4);
        if (pixels) {
            abi_image_convert(image, &all, ABI_PIXELS_BGRA, pixels);
            *width = image->width;
            *height = image->height;
        }
    }
    abi_leave();
    return pixels;
}

int
virgl_renderer_get_fd_for_texture(uint32_t tex_id, int *fd)
{
    return -1; /* OpenGL only */
}

int
virgl_renderer_get_fd_for_texture2(uint32_t tex_id, int *fd, int *stride, int *offset)
{
    return -1; /* OpenGL only */
}

/* --- blobs --- */

int
virgl_renderer_resource_map(uint32_t res_handle, void **map, uint64_t *out_size)
{
    int error = EINVAL;

    if (!abi_enter()) {
        return -EINVAL;
    }
    struct abi_resource *resource = abi_resource_find(res_handle);
    if (resource) {
        error = abi_resource_map(resource);
    }
    if (!error) {
        *map = resource->map;
        *out_size = resource->size;
    }
    abi_leave();
    return -error;
}

int
virgl_renderer_resource_unmap(uint32_t res_handle)
{
    int error = EINVAL;

    if (!abi_enter()) {
        return -EINVAL;
    }
    struct abi_resource *resource = abi_resource_find(res_handle);
    if (resource && resource->map) {
        abi_resource_unmap(resource);
        error = 0;
    }
    abi_leave();
    return -error;
}

int
virgl_renderer_resource_map_fixed(uint32_t res_handle, void *addr)
{
    int error = EINVAL;

    if (!abi_enter()) {
        return -EINVAL;
    }
    struct abi_resource *resource = abi_resource_find(res_handle);
    if (resource) {
        error = abi_resource_map_fixed(resource, addr);
    }
    abi_leave();
    return -error;
}

int
virgl_renderer_resource_get_map_info(uint32_t res_handle, uint32_t *map_info)
{
    int error = EINVAL;

    if (!abi_enter()) {
        return -EINVAL;
    }
    const struct abi_resource *resource = abi_resource_find(res_handle);
    if (resource && resource->map_info != VIRGL_RENDERER_MAP_CACHE_NONE) {
        *map_info = resource->map_info;
        error = 0;
    }
    abi_leave();
    return -error;
}

int
virgl_renderer_resource_export_blob(uint32_t res_id, uint32_t *fd_type, int *fd)
{
    int error = EINVAL;

    if (!abi_enter()) {
        return -EINVAL;
    }
    const struct abi_resource *resource = abi_resource_find(res_id);
    if (resource && resource->fd != -1) {
        int copy = fcntl(resource->fd, F_DUPFD_CLOEXEC, 0);
        error = copy == -1 ? errno : 0;
        if (!error) {
            *fd_type = resource->fd_type;
            *fd = copy;
        }
    }
    abi_leave();
    return -error;
}
