/* Windows of xcb and of Xlib. The latter is handled through xcb, too; what differs is how Vulkan
 * hears of it. */
#include <X11/Xlib-xcb.h>
#include <X11/Xlib.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

#include "tests/wsi/window.h"
#include "tools/vkh/vkh.h"

/* They rely on the names of all of the above. */
#include <vulkan/vulkan_xcb.h>
#include <vulkan/vulkan_xlib.h>

struct x11_window {
    struct window base;
    Display *display; /* NULL for xcb */
    xcb_connection_t *connection;
    xcb_screen_t *screen;
    xcb_window_t window;
};

static struct x11_window *
x11_window_from(struct window *window)
{
    return (struct x11_window *)window;
}

/* Everything before has been done by the server. */
static void
round_trip(struct x11_window *window)
{
    free(xcb_get_input_focus_reply(window->connection, xcb_get_input_focus(window->connection),
                                   NULL));
}

static struct window *
open_window(const struct window_ops *ops, Display *display, xcb_connection_t *connection,
            uint32_t width, uint32_t height)
{
    struct x11_window *window = calloc(1, sizeof(*window));
    if (!window || xcb_connection_has_error(connection)) {
        vkh_die("no connection to the X server");
    }
    window->base = (struct window){ops, width, height};
    window->display = display;
    window->connection = connection;
    window->screen = xcb_setup_roots_iterator(xcb_get_setup(connection)).data;
    window->window = xcb_generate_id(connection);
    xcb_create_window(connection, XCB_COPY_FROM_PARENT, window->window, window->screen->root, 20,
                      30, (uint16_t)width, (uint16_t)height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
                      window->screen->root_visual, XCB_CW_BACK_PIXEL,
                      (uint32_t[]){window->screen->black_pixel});
    xcb_map_window(connection, window->window);
    round_trip(window);
    return &window->base;
}

static struct window *
open_xcb(uint32_t width, uint32_t height)
{
    return open_window(&window_xcb, NULL, xcb_connect(NULL, NULL), width, height);
}

static struct window *
open_xlib(uint32_t width, uint32_t height)
{
    Display *display = XOpenDisplay(NULL);
    if (!display) {
        vkh_die("no connection to the X server");
    }
    return open_window(&window_xlib, display, XGetXCBConnection(display), width, height);
}

static VkSurfaceKHR
create_xcb_surface(struct window *base, VkInstance instance)
{
    struct x11_window *window = x11_window_from(base);
    PFN_vkCreateXcbSurfaceKHR create =
        (PFN_vkCreateXcbSurfaceKHR)vkGetInstanceProcAddr(instance, "vkCreateXcbSurfaceKHR");
    const VkXcbSurfaceCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_XCB_SURFACE_CREATE_INFO_KHR,
        .connection = window->connection,
        .window = window->window,
    };
    VkSurfaceKHR surface;
    VKH_CHECK(create(instance, &info, NULL, &surface));
    return surface;
}

static VkSurfaceKHR
create_xlib_surface(struct window *base, VkInstance instance)
{
    struct x11_window *window = x11_window_from(base);
    PFN_vkCreateXlibSurfaceKHR create =
        (PFN_vkCreateXlibSurfaceKHR)vkGetInstanceProcAddr(instance, "vkCreateXlibSurfaceKHR");
    const VkXlibSurfaceCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_XLIB_SURFACE_CREATE_INFO_KHR,
        .dpy = window->display,
        .window = window->window,
    };
    VkSurfaceKHR surface;
    VKH_CHECK(create(instance, &info, NULL, &surface));
    return surface;
}

static bool
read_window(struct window *base, uint8_t *pixels)
{
    struct x11_window *window = x11_window_from(base);
    xcb_get_image_reply_t *image = xcb_get_image_reply(
        window->connection,
        xcb_get_image(window->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, window->window, 0, 0,
                      (uint16_t)base->width, (uint16_t)base->height, ~0u),
        NULL);
    size_t size = (size_t)base->width * base->height * 4;
    bool ok = image && (size_t)xcb_get_image_data_length(image) == size;
    if (ok) {
        memcpy(pixels, xcb_get_image_data(image), size);
    }
    free(image);
    return ok;
}

static void
resize(struct window *base, uint32_t width, uint32_t height)
{
    struct x11_window *window = x11_window_from(base);
    xcb_configure_window(window->connection, window->window,
                         XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT,
                         (uint32_t[]){width, height});
    round_trip(window);
    base->width = width;
    base->height = height;
}

static void
set_visible(struct window *base, bool visible)
{
    struct x11_window *window = x11_window_from(base);
    if (visible) {
        xcb_map_window(window->connection, window->window);
    } else {
        xcb_unmap_window(window->connection, window->window);
    }
    round_trip(window);
}

static void
vanish(struct window *base)
{
    struct x11_window *window = x11_window_from(base);
    xcb_destroy_window(window->connection, window->window);
    round_trip(window);
}

static void
close_window(struct window *base)
{
    struct x11_window *window = x11_window_from(base);
    if (window->display) {
        XCloseDisplay(window->display);
    } else {
        xcb_disconnect(window->connection);
    }
    free(window);
}

const struct window_ops window_xcb = {
    .name = "xcb",
    .extension = VK_KHR_XCB_SURFACE_EXTENSION_NAME,
    .open = open_xcb,
    .create_surface = create_xcb_surface,
    .read = read_window,
    .resize = resize,
    .set_visible = set_visible,
    .vanish = vanish,
    .close = close_window,
};

const struct window_ops window_xlib = {
    .name = "xlib",
    .extension = VK_KHR_XLIB_SURFACE_EXTENSION_NAME,
    .open = open_xlib,
    .create_surface = create_xlib_surface,
    .read = read_window,
    .resize = resize,
    .set_visible = set_visible,
    .vanish = vanish,
    .close = close_window,
};
