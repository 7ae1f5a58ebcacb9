/* A window of Wayland that fills the only output, so that a screenshot is the window. The test's
 * own compositor shares what it shows. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wayland-client.h>

#include "tests/wsi/compositor/screen.h"
#include "tests/wsi/window.h"
#include "tests/wsi/xdg-shell-client-protocol.h"
#include "tools/vkh/vkh.h"

#include <vulkan/vulkan_wayland.h>

struct wayland_window {
    struct window base;
    struct wl_display *display;
    struct wl_compositor *compositor;
    struct xdg_wm_base *shell;
    struct wl_surface *surface;
    struct xdg_surface *xdg_surface;
    struct xdg_toplevel *toplevel;
    bool configured;
    struct screen *screen; /* NULL: another compositor */
};

static struct wayland_window *
wayland_window_from(struct window *window)
{
    return (struct wayland_window *)window;
}

/* --- events --- */

static void
ping(void *user, struct xdg_wm_base *shell, uint32_t serial)
{
    xdg_wm_base_pong(shell, serial);
}

static const struct xdg_wm_base_listener shell_listener = {.ping = ping};

static void
configure_surface(void *user, struct xdg_surface *surface, uint32_t serial)
{
    struct wayland_window *window = user;
    xdg_surface_ack_configure(surface, serial);
    window->configured = true;
}

static const struct xdg_surface_listener surface_listener = {.configure = configure_surface};

static void
configure_toplevel(void *user, struct xdg_toplevel *toplevel, int32_t width, int32_t height,
                   struct wl_array *states)
{
    struct wayland_window *window = user;
    if (width > 0 && height > 0) {
        window->base.width = (uint32_t)width;
        window->base.height = (uint32_t)height;
    }
}

static void
close_toplevel(void *user, struct xdg_toplevel *toplevel)
{
}

static const struct xdg_toplevel_listener toplevel_listener = {
    .configure = configure_toplevel,
    .close = close_toplevel,
};

static void
add_global(void *user, struct wl_registry *registry, uint32_t name, const char *interface,
           uint32_t version)
{
    struct wayland_window *window = user;
    if (strcmp(interface, wl_compositor_interface.name) == 0) {
        window->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
    } else if (strcmp(interface, xdg_wm_base_interface.name) == 0) {
        window->shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
        xdg_wm_base_add_listener(window->shell, &shell_listener, window);
    }
}

static void
remove_global(void *user, struct wl_registry *registry, uint32_t name)
{
}

static const struct wl_registry_listener registry_listener = {add_global, remove_global};

/* --- the window --- */

/* NULL if the compositor has no such file. */
static struct screen *
map_screen(void)
{
    char path[PATH_MAX];
    const char *folder = getenv("XDG_RUNTIME_DIR");
    snprintf(path, sizeof(path), "%s/screen", folder ? folder : ".");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1) {
        return NULL;
    }
    void *map = mmap(NULL, sizeof(struct screen), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return map == MAP_FAILED ? NULL : map;
}

static const struct screen *
get_screen(struct window *base)
{
    return wayland_window_from(base)->screen;
}

static struct window *
open_window(uint32_t width, uint32_t height)
{
    struct wayland_window *window = calloc(1, sizeof(*window));
    struct wl_display *display = wl_display_connect(NULL);
    if (!window || !display) {
        vkh_die("no connection to the compositor: %s", strerror(errno));
    }
    window->base = (struct window){&window_wayland, width, height};
    window->display = display;
    window->screen = map_screen();
    struct wl_registry *registry = wl_display_get_registry(display);
    wl_registry_add_listener(registry, &registry_listener, window);
    wl_display_roundtrip(display);
    wl_registry_destroy(registry);
    if (!window->compositor || !window->shell) {
        vkh_die("the compositor has no windows (xdg_wm_base)");
    }
    window->surface = wl_compositor_create_surface(window->compositor);
    window->xdg_surface = xdg_wm_base_get_xdg_surface(window->shell, window->surface);
    xdg_surface_add_listener(window->xdg_surface, &surface_listener, window);
    window->toplevel = xdg_surface_get_toplevel(window->xdg_surface);
    xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
    xdg_toplevel_set_fullscreen(window->toplevel, NULL);
    wl_surface_commit(window->surface);
    while (!window->configured && wl_display_dispatch(display) >= 0) {
    }
    return &window->base;
}

static VkSurfaceKHR
create_surface(struct window *base, VkInstance instance)
{
    struct wayland_window *window = wayland_window_from(base);
    PFN_vkCreateWaylandSurfaceKHR create =
        (PFN_vkCreateWaylandSurfaceKHR)vkGetInstanceProcAddr(instance, "vkCreateWaylandSurfaceKHR");
    const VkWaylandSurfaceCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_WAYLAND_SURFACE_CREATE_INFO_KHR,
        .display = window->display,
        .surface = window->surface,
    };
    VkSurfaceKHR surface;
    VKH_CHECK(create(instance, &info, NULL, &surface));
    return surface;
}

static void
settle(struct window *window)
{
    if (wl_display_roundtrip(wayland_window_from(window)->display) < 0) {
        vkh_die("the compositor has ended the connection");
    }
}

static void
commit(struct window *window)
{
    wl_surface_commit(wayland_window_from(window)->surface);
}

static void
set_full_screen(struct window *base, bool full_screen)
{
    struct wayland_window *window = wayland_window_from(base);
    if (full_screen) {
        xdg_toplevel_set_fullscreen(window->toplevel, NULL);
    } else {
        xdg_toplevel_unset_fullscreen(window->toplevel);
    }
}

static void
close_window(struct window *base)
{
    struct wayland_window *window = wayland_window_from(base);
    xdg_toplevel_destroy(window->toplevel);
    xdg_surface_destroy(window->xdg_surface);
    wl_surface_destroy(window->surface);
    xdg_wm_base_destroy(window->shell);
    wl_compositor_destroy(window->compositor);
    wl_display_disconnect(window->display);
    if (window->screen) {
        munmap(window->screen, sizeof(*window->screen));
    }
    free(window);
}

/* --- screenshots: Weston's program writes one into the current folder, with a name of its own ---
 */

static bool
take_screenshot(const char *folder, char path[PATH_MAX])
{
    char command[PATH_MAX + 64];
    snprintf(command, sizeof(command), "cd '%s' && rm -f *.png && weston-screenshooter", folder);
    if (system(command) != 0) {
        return false;
    }
    DIR *entries = opendir(folder);
    bool found = false;
    for (struct dirent *at; entries && !found && (at = readdir(entries));) {
        found = strstr(at->d_name, ".png");
        snprintf(path, PATH_MAX, "%.2000s/%s", folder, at->d_name);
    }
    if (entries) {
        closedir(entries);
    }
    return found;
}

static bool
read_screen(const struct wayland_window *window, uint8_t *pixels)
{
    const struct screen *screen = window->screen;
    if (atomic_load(&screen->width) != window->base.width ||
        atomic_load(&screen->height) != window->base.height) {
        return false;
    }
    memcpy(pixels, screen->pixels, (size_t)window->base.width * window->base.height * 4);
    return true;
}

static bool
read_window(struct window *base, uint8_t *pixels)
{
    if (wayland_window_from(base)->screen) {
        return read_screen(wayland_window_from(base), pixels);
    }
    char folder[] = "/tmp/vesper-screenshot-XXXXXX", path[PATH_MAX];
    png_image image = {.version = PNG_IMAGE_VERSION};
    bool ok = false;

    if (!mkdtemp(folder)) {
        return false;
    }
    if (take_screenshot(folder, path) && png_image_begin_read_from_file(&image, path) &&
        image.width == base->width && image.height == base->height) {
        image.format = PNG_FORMAT_BGRA;
        ok = png_image_finish_read(&image, NULL, pixels, 0, NULL);
    }
    png_image_free(&image);
    (void)!unlink(path);
    (void)!rmdir(folder);
    return ok;
}

const struct window_ops window_wayland = {
    .name = "wayland",
    .extension = VK_KHR_WAYLAND_SURFACE_EXTENSION_NAME,
    .open = open_window,
    .create_surface = create_surface,
    .read = read_window,
    .screen = get_screen,
    .settle = settle,
    .commit = commit,
    .set_full_screen = set_full_screen,
    .close = close_window,
};
