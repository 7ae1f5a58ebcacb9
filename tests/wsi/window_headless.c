#include <stdlib.h>

#include "tests/wsi/window.h"
#include "tools/vkh/vkh.h"

static struct window *
open_window(uint32_t width, uint32_t height)
{
    struct window *window = calloc(1, sizeof(*window));
    if (!window) {
        vkh_die("out of memory for a window");
    }
    *window = (struct window){&window_headless, width, height};
    return window;
}

static VkSurfaceKHR
create_surface(struct window *window, VkInstance instance)
{
    PFN_vkCreateHeadlessSurfaceEXT create = (PFN_vkCreateHeadlessSurfaceEXT)vkGetInstanceProcAddr(
        instance, "vkCreateHeadlessSurfaceEXT");
    const VkHeadlessSurfaceCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_HEADLESS_SURFACE_CREATE_INFO_EXT,
    };
    VkSurfaceKHR surface;
    VKH_CHECK(create(instance, &info, NULL, &surface));
    return surface;
}

static void
close_window(struct window *window)
{
    free(window);
}

const struct window_ops window_headless = {
    .name = "headless",
    .extension = VK_EXT_HEADLESS_SURFACE_EXTENSION_NAME,
    .open = open_window,
    .create_surface = create_surface,
    .close = close_window,
};
