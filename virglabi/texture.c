#include "virglabi/texture.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "base/log.h"
#include "virglabi/image.h"
#include "virglabi/library.h"

/* Of OpenGL, what we use; the numbers are the same in OpenGL ES. */
enum {
    GL_NO_ERROR = 0,
    GL_TEXTURE_2D = 0x0de1,
    GL_UNSIGNED_BYTE = 0x1401,
    GL_RGBA = 0x1908,
    GL_LINEAR = 0x2601,
    GL_TEXTURE_MAG_FILTER = 0x2800,
    GL_TEXTURE_MIN_FILTER = 0x2801,
};

static struct {
    void (*GenTextures)(int count, unsigned *textures);
    void (*DeleteTextures)(int count, const unsigned *textures);
    void (*BindTexture)(unsigned target, unsigned texture);
    void (*TexParameteri)(unsigned target, unsigned name, int value);
    void (*TexImage2D)(unsigned target, int level, int internal, int width, int height, int border,
                       unsigned format, unsigned type, const void *pixels);
    void (*TexSubImage2D)(unsigned target, int level, int x, int y, int width, int height,
                          unsigned format, unsigned type, const void *pixels);
    unsigned (*GetError)(void);
    void (*Flush)(void);
} gl;

static const struct {
    const char *name;
    void **function;
} functions[] = {
    {"glGenTextures", (void **)&gl.GenTextures}, {"glDeleteTextures", (void **)&gl.DeleteTextures},
    {"glBindTexture", (void **)&gl.BindTexture}, {"glTexParameteri", (void **)&gl.TexParameteri},
    {"glTexImage2D", (void **)&gl.TexImage2D},   {"glTexSubImage2D", (void **)&gl.TexSubImage2D},
    {"glGetError", (void **)&gl.GetError},       {"glFlush", (void **)&gl.Flush},
};

/* --- loading --- */

typedef void *(*get_proc_address_fn)(const char *name);

/* How functions of the current context are found, if that library's interface made it. */
static get_proc_address_fn
look_into(const char *file, const char *get_current, const char *get_proc_address)
{
    /* Never unloaded: drivers do not like it, and the monitor uses it, too. */
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    void *(*current)(void) = library ? (void *(*)(void))dlsym(library, get_current) : NULL;

    return current && current() ? (get_proc_address_fn)dlsym(library, get_proc_address) : NULL;
}

/* A context is current. */
static bool
load_functions(void)
{
    get_proc_address_fn get = look_into("libEGL.so.1", "eglGetCurrentContext", "eglGetProcAddress");

    if (!get) {
        get = look_into("libGL.so.1", "glXGetCurrentContext", "glXGetProcAddress");
    }
    if (!get) {
        base_log_warn("no textures: the machine monitor's OpenGL context is neither of libEGL.so.1 "
                      "nor of libGL.so.1");
        return false;
    }
    for (size_t i = 0; i < BASE_COUNT_OF(functions); i++) {
        *functions[i].function = get(functions[i].name);
        if (!*functions[i].function) {
            base_log_warn("no textures: the machine monitor's OpenGL has no %s", functions[i].name);
            return false;
        }
    }
    return true;
}

/* QEMU's displays delete framebuffers and textures also where no context is current, on a
 * processor's thread when the guest resets its device. OpenGL does nothing then, but libepoxy, by
 * which QEMU calls it, ends the process if that is the first call to the function. Other renderers
 * use libepoxy themselves and so have made that call long before; we make it here, to delete
 * nothing. */
static void
resolve_for_monitor(void)
{
    static const char *const deletions[] = {"epoxy_glDeleteFramebuffers", "epoxy_glDeleteTextures"};
    void *epoxy = dlopen("libepoxy.so.0", RTLD_NOW | RTLD_NOLOAD);

    for (size_t i = 0; epoxy && i < BASE_COUNT_OF(deletions); i++) {
        void (**delete)(int count, const unsigned *names) = dlsym(epoxy, deletions[i]);
        if (delete) {
            (*delete)(0, NULL);
        }
    }
}

static bool
make_current(const struct abi_textures *textures)
{
    if (abi.callbacks->make_current(abi.cookie, 0, textures->context) != 0) {
        base_log_warn("the machine monitor's OpenGL context cannot be made current; what the guest "
                      "draws by itself is not shown");
        return false;
    }
    return true;
}

static void *
create_context(void)
{
    /* Core profiles begin at 3.2; displays for OpenGL ES begin at 2.0. */
    static const struct {
        int major, minor;
    } versions[] = {{4, 6}, {3, 3}, {3, 2}, {3, 1}, {3, 0}, {2, 1}, {2, 0}};

    for (size_t i = 0; i < BASE_COUNT_OF(versions); i++) {
        struct virgl_renderer_gl_ctx_param param = {
            .version = 1,
            .major_ver = versions[i].major,
            .minor_ver = versions[i].minor,
        };
        void *context = abi.callbacks->create_gl_context(abi.cookie, 0, &param);
        if (context) {
            /* cppcheck-suppress returnDanglingLifetime ; the context is not in the parameters */
            return context;
        }
    }
    base_log_warn("no textures: the machine monitor has no OpenGL context for us");
    return NULL;
}

/* Whether there is a context, and it is current now. */
static bool
enter(struct abi_textures *textures)
{
    const struct virgl_renderer_callbacks *callbacks = abi.callbacks;

    if (textures->tried) {
        return textures->context && make_current(textures);
    }
    textures->tried = true;
    if ((abi.flags & VIRGL_RENDERER_NO_VIRGL) || !callbacks->create_gl_context ||
        !callbacks->destroy_gl_context || !callbacks->make_current) {
        return false;
    }
    textures->context = create_context();
    if (!textures->context) {
        return false;
    }
    if (!make_current(textures) || !load_functions()) {
        abi_textures_finish(textures);
        textures->tried = true;
        return false;
    }
    resolve_for_monitor();
    return true;
}

void
abi_textures_finish(struct abi_textures *textures)
{
    if (textures->context) {
        abi.callbacks->make_current(abi.cookie, 0, NULL);
        abi.callbacks->destroy_gl_context(abi.cookie, textures->context);
    }
    *textures = (struct abi_textures){0};
}

void
abi_textures_make_current(struct abi_textures *textures)
{
    if (textures->context) {
        (void)make_current(textures);
    }
}

/* --- textures --- */

enum {
    FLAG_Y_0_TOP = 1, /* VIRGL_RESOURCE_Y_0_TOP */
};

/* The texture's first row is the lowest one of the picture, as monitors expect it of images with
 * that flag. */
static bool
is_upside_down(const struct abi_image *image)
{
    return image->flags & FLAG_Y_0_TOP;
}

/* Rows are uploaded converted and tightly packed: the one layout that every OpenGL takes. */
static uint8_t *
pack(const struct abi_image *image, const struct virgl_box *box)
{
    uint8_t *packed = malloc((size_t)box->w * box->h * 4);

    if (packed) {
        abi_image_convert(image, box,
                          is_upside_down(image) ? ABI_PIXELS_RGBA_LAST_ROW_FIRST : ABI_PIXELS_RGBA,
                          packed);
    }
    return packed;
}

void
abi_texture_create(struct abi_textures *textures, struct abi_image *image)
{
    struct virgl_box all = {.w = image->width, .h = image->height, .d = 1};

    if (image->texture || !enter(textures)) {
        return;
    }
    uint8_t *packed = pack(image, &all);
    if (!packed) {
        return;
    }
    while (gl.GetError() != GL_NO_ERROR) {
    }
    gl.GenTextures(1, &image->texture);
    gl.BindTexture(GL_TEXTURE_2D, image->texture);
    gl.TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
    gl.TexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
    gl.TexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, (int)all.w, (int)all.h, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                  packed);
    unsigned error = gl.GetError();
    gl.BindTexture(GL_TEXTURE_2D, 0);
    gl.Flush(); /* the monitor reads it in another context */
    free(packed);
    if (error != GL_NO_ERROR) {
        base_log_warn("no texture of %ux%u: OpenGL error %#x", all.w, all.h, error);
        abi_texture_destroy(textures, image->texture);
        image->texture = 0;
    }
}

void
abi_texture_destroy(struct abi_textures *textures, uint32_t texture)
{
    if (texture && enter(textures)) {
        gl.DeleteTextures(1, &texture);
    }
}

void
abi_texture_update(struct abi_textures *textures, const struct abi_image *image,
                   const struct virgl_box *box)
{
    if (!enter(textures)) {
        return;
    }
    uint32_t y = is_upside_down(image) ? image->height - box->y - box->h : box->y;
    uint8_t *packed = pack(image, box);
    if (packed) {
        gl.BindTexture(GL_TEXTURE_2D, image->texture);
        gl.TexSubImage2D(GL_TEXTURE_2D, 0, (int)box->x, (int)y, (int)box->w, (int)box->h, GL_RGBA,
                         GL_UNSIGNED_BYTE, packed);
        gl.BindTexture(GL_TEXTURE_2D, 0);
        gl.Flush();
        free(packed);
    }
}
