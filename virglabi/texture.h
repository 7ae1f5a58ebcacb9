/* Textures for images of two dimensions, in contexts that the machine monitor makes by its
 * callbacks: QEMU shows nothing else. OpenGL is loaded when the first one is wanted, by way of
 * whichever of EGL and GLX the monitor's context is of; nothing here links with it.
 *
 * One thread at a time, and the monitor's context is made current before each use: between two of
 * our calls the monitor makes others current. */
#ifndef ABI_TEXTURE_H
#define ABI_TEXTURE_H

#include <stdbool.h>
#include <stdint.h>

struct abi_image;
struct virgl_box;

struct abi_textures {
    bool tried;    /* to get a context; once is enough */
    void *context; /* the monitor's; NULL: there are no textures */
};

/* The monitor's context goes; textures must be gone. */
void abi_textures_finish(struct abi_textures *textures);

/* Makes the context current if there is one: QEMU calls OpenGL afterwards and ends if none is. */
void abi_textures_make_current(struct abi_textures *textures);

/* Gives the image a texture with its pixels, or leaves it without one. */
void abi_texture_create(struct abi_textures *textures, struct abi_image *image);
/* 0 is ignored. */
void abi_texture_destroy(struct abi_textures *textures, uint32_t texture);
/* The image's pixels in the box have changed. */
void abi_texture_update(struct abi_textures *textures, const struct abi_image *image,
                        const struct virgl_box *box);

#endif
