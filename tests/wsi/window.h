/* A window of one window system, as an application has it: for tests of presenting. Any failure
 * ends the program. One thread. */
#ifndef TEST_WSI_WINDOW_H
#define TEST_WSI_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

struct screen;
struct window;

struct window_ops {
    const char *name;
    const char *extension;          /* of Vulkan's instance */
    const char *more_extensions[5]; /* without extras only, and so is the next */
    const char *device_extension;
    struct window *(*open)(uint32_t width, uint32_t height);
    VkSurfaceKHR (*create_surface)(struct window *window, VkInstance instance);
    /* What is on the screen where the window is: BGRX, rows without gaps. NULL: it cannot be seen.
     */
    bool (*read)(struct window *window, uint8_t *pixels);
    /* NULL, or returns NULL: not a window of tests/wsi/compositor. */
    const struct screen *(*screen)(struct window *window);
    /* NULL: it has no such thing. */
    void (*settle)(struct window *window); /* until the window system has read what was asked */
    void (*commit)(struct window *window); /* what was asked of the window, without a frame */
    void (*set_full_screen)(struct window *window, bool full_screen);
    void (*resize)(struct window *window, uint32_t width, uint32_t height);
    void (*set_visible)(struct window *window, bool visible);
    void (*vanish)(struct window *window);
    void (*close)(struct window *window);
};

struct window {
    const struct window_ops *ops;
    uint32_t width, height;
};

extern const struct window_ops window_headless;
#if TEST_X11
extern const struct window_ops window_xcb, window_xlib;
#endif
#if TEST_WAYLAND
extern const struct window_ops window_wayland;
#endif

#endif
