/* Images of two dimensions with 32 bits a pixel: the guest's boot console, its cursor, the buffers
 * of desktops that draw by themselves. The pixels lie in plain memory, as the guest has them; a
 * texture (texture.h) mirrors them once the machine monitor asks for one. */
#ifndef ABI_IMAGE_H
#define ABI_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/attributes.h"
#include "virglabi/virgl/virglrenderer.h"

/* As in the interface, where it is opaque. */
struct virgl_box {
    uint32_t x, y, z;
    uint32_t w, h, d;
};

struct abi_image {
    uint32_t format; /* VIRTIO_GPU_FORMAT_* */
    uint32_t width, height;
    uint32_t flags;
    uint32_t bind;
    uint32_t texture; /* 0: nobody has asked, or there is none to be had */
    uint8_t *pixels;
};

/* 0; EINVAL, logged: not that kind of image; ENOMEM. */
BASE_MUST_CHECK int abi_image_create(const struct virgl_renderer_resource_create_args *args,
                                     struct abi_image **out);
void abi_image_destroy(struct abi_image *image);

/* Where the image's rows are in the other memory; 0 for stride: tight rows of a whole image. */
struct abi_transfer {
    struct virgl_box box;
    uint64_t offset;
    uint32_t stride;
    const struct iovec *iov;
    unsigned iov_count;
};
/* 0, or EINVAL: outside of the image or of the other memory. */
BASE_MUST_CHECK int abi_image_write(struct abi_image *image, const struct abi_transfer *transfer);
BASE_MUST_CHECK int abi_image_read(const struct abi_image *image,
                                   const struct abi_transfer *transfer);

uint32_t abi_image_fourcc(const struct abi_image *image);
/* Copies pixels as bytes R, G, B, A; what has no alpha gets 255. */
enum abi_pixels {
    ABI_PIXELS_RGBA,
    ABI_PIXELS_RGBA_LAST_ROW_FIRST,
    ABI_PIXELS_BGRA,
};
void abi_image_convert(const struct abi_image *image, const struct virgl_box *box,
                       enum abi_pixels pixels, uint8_t *out);

#endif
