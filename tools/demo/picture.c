/* The rendered picture: told apart by a hash, written as PNG. */
#include "tools/demo/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DEMO_HAVE_PNG
#include <png.h>
#endif

uint32_t
demo_picture_hash(const struct demo_picture *picture)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t size = (size_t)picture->width * picture->height * 4;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ picture->rgba[i]) * 16777619u;
    }
    return hash;
}

uint32_t
demo_picture_drawn_pixels(const struct demo_picture *picture)
{
    uint32_t drawn = 0;
    size_t count = (size_t)picture->width * picture->height;
    for (size_t i = 0; i < count; i++) {
        drawn += memcmp(picture->rgba + 4 * i, picture->rgba, 4) != 0;
    }
    return drawn;
}

#ifdef DEMO_HAVE_PNG
bool
demo_picture_write(const struct demo_picture *picture, const char *path)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = picture->width,
        .height = picture->height,
        .format = PNG_FORMAT_RGBA,
    };
    if (!png_image_write_to_file(&image, path, 0, picture->rgba, 0, NULL)) {
        fprintf(stderr, "vesper demo: cannot write the picture to %s: %s\n", path, image.message);
        return false;
    }
    return true;
}
#else
bool
demo_picture_write(const struct demo_picture *picture, const char *path)
{
    fprintf(
        stderr,
        "vesper demo: cannot write %s: this build has no libpng; install libpng-dev and rebuild\n",
        path);
    return false;
}
#endif

void
demo_picture_finish(struct demo_picture *picture)
{
    free(picture->rgba);
    memset(picture, 0, sizeof(*picture));
}
