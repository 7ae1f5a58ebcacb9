#include "tests/wsi/display/window_display.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "tools/vkh/vkh.h"

#define DEFINE(name) PFN_##name name;
WINDOW_DISPLAY_FUNCTIONS(DEFINE)
#undef DEFINE

static void *library;

void *
window_display_drm(const char *name)
{
    if (!library) {
        const char *fake = getenv("FAKE_KMS");
        library = dlopen(fake ? fake : "libdrm.so.2", RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            vkh_die("%s", dlerror());
        }
    }
    return dlsym(library, name);
}

#define DRM(function) ((__typeof__(function) *)window_display_drm(#function))

struct fake_kms *
window_display_fake(void)
{
    return window_display_drm("fake_kms");
}

int
window_display_open_device(void)
{
    drmDevicePtr devices[8];
    int count = DRM(drmGetDevices2)(0, devices, 8);
    for (int i = 0; i < count; i++) {
        if (devices[i]->available_nodes & 1 << DRM_NODE_PRIMARY) {
            int fd = open(devices[i]->nodes[DRM_NODE_PRIMARY], O_RDWR | O_CLOEXEC);
            if (fd != -1) {
                DRM(drmDropMaster)(fd);
                DRM(drmFreeDevices)(devices, count);
                return fd;
            }
        }
    }
    vkh_die("there is no display device, or none that can be opened");
}

void
window_display_load(VkInstance instance)
{
#define GET(name) name = (PFN_##name)vkGetInstanceProcAddr(instance, #name);
    WINDOW_DISPLAY_FUNCTIONS(GET)
#undef GET
}

static VkPhysicalDevice
first_physical_device(VkInstance instance)
{
    VkPhysicalDevice device;
    uint32_t count = 1;
    if (vkEnumeratePhysicalDevices(instance, &count, &device) < 0 || count == 0) {
        vkh_die("there is no physical device");
    }
    return device;
}

static uint32_t
find_plane(VkPhysicalDevice device, VkDisplayKHR display)
{
    uint32_t count = 0;
    VKH_CHECK(vkGetPhysicalDeviceDisplayPlanePropertiesKHR(device, &count, NULL));
    for (uint32_t i = 0; i < count; i++) {
        VkDisplayKHR displays[8];
        uint32_t supported = 8;
        VKH_CHECK(vkGetDisplayPlaneSupportedDisplaysKHR(device, i, &supported, displays));
        for (uint32_t j = 0; j < supported; j++) {
            if (displays[j] == display) {
                return i;
            }
        }
    }
    vkh_die("no plane can show the display");
}

static struct window *
open_window(uint32_t width, uint32_t height)
{
    struct window *window = calloc(1, sizeof(*window));
    if (!window) {
        vkh_die("out of memory for a window");
    }
    *window = (struct window){&window_display, width, height};
    (void)window_display_drm("drmIoctl"); /* before anybody else wants libdrm */
    return window;
}

VkSurfaceKHR
window_display_create_surface(VkInstance instance, const VkDisplayModePropertiesKHR *mode,
                              uint32_t plane)
{
    const VkDisplaySurfaceCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_DISPLAY_SURFACE_CREATE_INFO_KHR,
        .displayMode = mode->displayMode,
        .planeIndex = plane,
        .transform = VK_SURFACE_TRANSFORM_IDENTITY_BIT_KHR,
        .alphaMode = VK_DISPLAY_PLANE_ALPHA_OPAQUE_BIT_KHR,
        .globalAlpha = 1.0F,
        .imageExtent = mode->parameters.visibleRegion,
    };
    VkSurfaceKHR surface;
    VKH_CHECK(vkCreateDisplayPlaneSurfaceKHR(instance, &info, NULL, &surface));
    return surface;
}

static VkSurfaceKHR
create_surface(struct window *window, VkInstance instance)
{
    window_display_load(instance);
    VkPhysicalDevice device = first_physical_device(instance);
    VkDisplayPropertiesKHR display;
    VkDisplayModePropertiesKHR mode;
    uint32_t count = 1;
    VkResult result = vkGetPhysicalDeviceDisplayPropertiesKHR(device, &count, &display);
    if (result < 0 || count == 0) {
        vkh_die("there is no display");
    }
    count = 1;
    result = vkGetDisplayModePropertiesKHR(device, display.display, &count, &mode);
    if (result < 0 || count == 0) {
        vkh_die("display %s has no mode", display.displayName);
    }
    window->width = mode.parameters.visibleRegion.width;
    window->height = mode.parameters.visibleRegion.height;
    return window_display_create_surface(instance, &mode, find_plane(device, display.display));
}

/* --- looking at what is on the screen, as a privileged program may --- */

static bool
copy_framebuffer(int fd, const drmModeFB *framebuffer, const struct window *window, uint8_t *pixels)
{
    struct drm_mode_map_dumb request = {.handle = framebuffer->handle};
    size_t size = (size_t)framebuffer->pitch * framebuffer->height;
    if (framebuffer->width < window->width || framebuffer->height < window->height ||
        DRM(drmIoctl)(fd, DRM_IOCTL_MODE_MAP_DUMB, &request) != 0) {
        return false;
    }
    uint8_t *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)request.offset);
    if (map == MAP_FAILED) {
        return false;
    }
    for (uint32_t y = 0; y < window->height; y++) {
        memcpy(pixels + (size_t)y * window->width * 4, map + (size_t)y * framebuffer->pitch,
               (size_t)window->width * 4);
    }
    munmap(map, size);
    return true;
}

/* The first CRTC that shows something. */
static uint32_t
shown_framebuffer(int fd)
{
    drmModeResPtr resources = DRM(drmModeGetResources)(fd);
    uint32_t id = 0;
    for (int i = 0; resources && i < resources->count_crtcs && id == 0; i++) {
        drmModeCrtcPtr crtc = DRM(drmModeGetCrtc)(fd, resources->crtcs[i]);
        id = crtc ? crtc->buffer_id : 0;
        DRM(drmModeFreeCrtc)(crtc);
    }
    DRM(drmModeFreeResources)(resources);
    return id;
}

static bool
read_window(struct window *window, uint8_t *pixels)
{
    int fd = window_display_open_device();
    uint32_t id = shown_framebuffer(fd);
    drmModeFBPtr framebuffer = id == 0 ? NULL : DRM(drmModeGetFB)(fd, id);
    bool ok = framebuffer && copy_framebuffer(fd, framebuffer, window, pixels);
    if (framebuffer) {
        DRM(drmModeFreeFB)(framebuffer);
    }
    close(fd);
    return ok;
}

static void
vanish(struct window *window)
{
    window_display_fake()->plugged[0] = false;
}

static void
close_window(struct window *window)
{
    free(window);
}

const struct window_ops window_display = {
    .name = "display",
    .extension = VK_KHR_DISPLAY_EXTENSION_NAME,
    .more_extensions = {VK_KHR_GET_DISPLAY_PROPERTIES_2_EXTENSION_NAME,
                        VK_EXT_DIRECT_MODE_DISPLAY_EXTENSION_NAME,
                        VK_EXT_ACQUIRE_DRM_DISPLAY_EXTENSION_NAME,
                        VK_EXT_DISPLAY_SURFACE_COUNTER_EXTENSION_NAME,
#if TEST_LEASES
                        "VK_EXT_acquire_xlib_display"
#endif
    },
    .device_extension = VK_EXT_DISPLAY_CONTROL_EXTENSION_NAME,
    .open = open_window,
    .create_surface = create_surface,
    .read = read_window,
    .vanish = vanish,
    .close = close_window,
};
