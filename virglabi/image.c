#include "virglabi/image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "virglabi/library.h"
#include "virglabi/texture.h"
#include "wire/range.h"

enum {
    BYTES = 4, /* of a pixel */
    MAX_SIDE = 16384,
    TARGET_2D = 2,
};

/* What all images of a guest may take. */
static const uint64_t MAX_IMAGE_BYTES = UINT64_C(2) << 30;

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Where a pixel has its components, in bytes; alpha -1: nowhere. */
struct layout {
    uint32_t format;
    int8_t red, green, blue, alpha;
    uint32_t fourcc;
};

static const struct layout layouts[] = {
    {1, 2, 1, 0, 3, FOURCC('A', 'R', '2', '4')},    /* B8G8R8A8 */
    {2, 2, 1, 0, -1, FOURCC('X', 'R', '2', '4')},   /* B8G8R8X8 */
    {3, 1, 2, 3, 0, FOURCC('B', 'A', '2', '4')},    /* A8R8G8B8 */
    {4, 1, 2, 3, -1, FOURCC('B', 'X', '2', '4')},   /* X8R8G8B8 */
    {67, 0, 1, 2, 3, FOURCC('A', 'B', '2', '4')},   /* R8G8B8A8 */
    {68, 3, 2, 1, -1, FOURCC('R', 'X', '2', '4')},  /* X8B8G8R8 */
    {121, 3, 2, 1, 0, FOURCC('R', 'A', '2', '4')},  /* A8B8G8R8 */
    {134, 0, 1, 2, -1, FOURCC('X', 'B', '2', '4')}, /* R8G8B8X8 */
};

static const struct layout *
find_layout(uint32_t format)
{
    for (size_t i = 0; i < BASE_COUNT_OF(layouts); i++) {
        if (layouts[i].format == format) {
            return &layouts[i];
        }
    }
    return NULL;
}

static size_t
row_size(const struct abi_image *image)
{
    return (size_t)image->width * BYTES;
}

static size_t
image_size(const struct abi_image *image)
{
    return row_size(image) * image->height;
}

/* Why the guest cannot have it, or NULL. */
static const char *
find_fault(const struct virgl_renderer_resource_create_args *args)
{
    if (args->target != TARGET_2D || args->depth > 1 || args->array_size > 1 ||
        args->last_level > 0 || args->nr_samples > 1) {
        return "only images of two dimensions, one layer, level and sample are served";
    }
    if (!find_layout(args->format)) {
        return "only formats with 32 bits a pixel are served";
    }
    if (args->width == 0 || args->width > MAX_SIDE || args->height == 0 ||
        args->height > MAX_SIDE) {
        return "sides have 1 to 16384 pixels";
    }
    return NULL;
}

int
abi_image_create(const struct virgl_renderer_resource_create_args *args, struct abi_image **out)
{
    const char *fault = find_fault(args);

    if (fault) {
        base_log_warn("no resource %u of %ux%u, target %u, format %u: %s", args->handle,
                      args->width, args->height, args->target, args->format, fault);
        return EINVAL;
    }
    struct abi_image *image = calloc(1, sizeof(*image));
    if (!image) {
        return ENOMEM;
    }
    *image = (struct abi_image){
        .format = args->format,
        .width = args->width,
        .height = args->height,
        .flags = args->flags,
        .bind = args->bind,
    };
    if (image_size(image) <= MAX_IMAGE_BYTES - abi.image_bytes) {
        image->pixels = calloc(image->height, row_size(image));
    }
    if (!image->pixels) {
        base_log_warn("no memory for resource %u of %ux%u: images have %" PRIu64 " bytes, %" PRIu64
                      " are allowed",
                      args->handle, args->width, args->height, abi.image_bytes, MAX_IMAGE_BYTES);
        free(image);
        return ENOMEM;
    }
    abi.image_bytes += image_size(image);
    *out = image;
    return 0;
}

void
abi_image_destroy(struct abi_image *image)
{
    if (!image) {
        return;
    }
    abi_texture_destroy(&abi.textures, image->texture);
    abi.image_bytes -= image_size(image);
    free(image->pixels);
    free(image);
}

/* --- transfers --- */

/* Copies between `bytes` and [offset, offset + size) of the vectors; the range lies in them. */
static void
copy(const struct abi_transfer *transfer, uint64_t offset, uint8_t *bytes, size_t size,
     bool to_vectors)
{
    for (unsigned i = 0; i < transfer->iov_count && size > 0; i++) {
        const struct iovec *iov = &transfer->iov[i];
        if (offset >= iov->iov_len) {
            offset -= iov->iov_len;
            continue;
        }
        size_t part = iov->iov_len - (size_t)offset;
        part = part < size ? part : size;
        uint8_t *there = (uint8_t *)iov->iov_base + offset;
        memcpy(to_vectors ? there : bytes, to_vectors ? bytes : there, part);
        bytes += part;
        size -= part;
        offset = 0;
    }
}

static uint64_t
stride_of(const struct abi_image *image, const struct abi_transfer *transfer)
{
    return transfer->stride ? transfer->stride : row_size(image);
}

static bool
fits(const struct abi_image *image, const struct abi_transfer *transfer)
{
    const struct virgl_box *box = &transfer->box;
    uint64_t room = 0;

    if (box->w == 0 || box->h == 0 || box->d > 1 || box->z != 0 ||
        !wire_range_fits(box->x, box->w, image->width) ||
        !wire_range_fits(box->y, box->h, image->height)) {
        return false;
    }
    for (unsigned i = 0; i < transfer->iov_count; i++) {
        room += transfer->iov[i].iov_len;
    }
    /* Neither factor exceeds 32 bits. */
    uint64_t needed = stride_of(image, transfer) * (box->h - 1) + (uint64_t)box->w * BYTES;
    return wire_range_fits(transfer->offset, needed, room);
}

static uint8_t *
pixel_at(const struct abi_image *image, uint32_t x, uint32_t y)
{
    return image->pixels + y * row_size(image) + (size_t)x * BYTES;
}

static int
transfer_rows(const struct abi_image *image, const struct abi_transfer *transfer, bool to_vectors)
{
    const struct virgl_box *box = &transfer->box;

    if (!fits(image, transfer)) {
        return EINVAL;
    }
    for (uint32_t row = 0; row < box->h; row++) {
        copy(transfer, transfer->offset + stride_of(image, transfer) * row,
             pixel_at(image, box->x, box->y + row), (size_t)box->w * BYTES, to_vectors);
    }
    return 0;
}

int
abi_image_write(struct abi_image *image, const struct abi_transfer *transfer)
{
    int error = transfer_rows(image, transfer, false);

    if (!error && image->texture) {
        abi_texture_update(&abi.textures, image, &transfer->box);
    }
    return error;
}

int
abi_image_read(const struct abi_image *image, const struct abi_transfer *transfer)
{
    return transfer_rows(image, transfer, true);
}

/* --- what others make of it --- */

uint32_t
abi_image_fourcc(const struct abi_image *image)
{
    return find_layout(image->format)->fourcc;
}

void
abi_image_convert(const struct abi_image *image, const struct virgl_box *box,
                  enum abi_pixels pixels, uint8_t *out)
{
    const struct layout *layout = find_layout(image->format);
    bool bgra = pixels == ABI_PIXELS_BGRA;
    int first = bgra ? layout->blue : layout->red;
    int third = bgra ? layout->red : layout->blue;

    for (uint32_t row = 0; row < box->h; row++) {
        uint32_t from = pixels == ABI_PIXELS_RGBA_LAST_ROW_FIRST ? box->h - 1 - row : row;
        const uint8_t *pixel = pixel_at(image, box->x, box->y + from);
        for (uint32_t column = 0; column < box->w; column++) {
            out[0] = pixel[first];
            out[1] = pixel[layout->green];
            out[2] = pixel[third];
            out[3] = layout->alpha < 0 ? 255 : pixel[layout->alpha];
            out += BYTES;
            pixel += BYTES;
        }
    }
}
