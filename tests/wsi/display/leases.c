#include "tests/wsi/display/leases.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <X11/Xlib-xcb.h>
#include <X11/Xlib.h>
#include <xcb/randr.h>

typedef XID RROutput; /* X11/extensions/Xrandr.h */
#include <vulkan/vulkan_xlib_xrandr.h>

#include "tests/wsi/display/fake_randr.h"
#include "tests/wsi/display/window_display.h"

/* Of libxcb-randr, whichever it is. */
static void *
randr_symbol(const char *name)
{
    static void *library;
    if (!library) {
        const char *fake = getenv("FAKE_RANDR");
        library = dlopen(fake ? fake : "libxcb-randr.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            vkh_die("%s", dlerror());
        }
    }
    return dlsym(library, name);
}

#define RANDR(function) ((__typeof__(function) *)randr_symbol(#function))

static PFN_vkAcquireXlibDisplayEXT acquire;
static PFN_vkGetRandROutputDisplayEXT get_display;

static Display *
open_server(struct presenter *presenter)
{
    VkInstance instance = presenter->gpu.instance;
    acquire =
        (PFN_vkAcquireXlibDisplayEXT)vkGetInstanceProcAddr(instance, "vkAcquireXlibDisplayEXT");
    get_display = (PFN_vkGetRandROutputDisplayEXT)vkGetInstanceProcAddr(
        instance, "vkGetRandROutputDisplayEXT");
    Display *server = XOpenDisplay(NULL);
    vkh_expect(server, "there is no X server");
    return server;
}

static VkDisplayKHR
display_of(struct presenter *presenter, Display *server, RROutput output)
{
    VkDisplayKHR display = VK_NULL_HANDLE;
    VKH_CHECK(get_display(presenter->gpu.physical_device, server, output, &display));
    return display;
}

static VkDisplayKHR
first_display(struct presenter *presenter)
{
    VkDisplayPropertiesKHR properties;
    uint32_t count = 1;
    VkResult result = vkGetPhysicalDeviceDisplayPropertiesKHR(presenter->gpu.physical_device,
                                                              &count, &properties);
    vkh_expect(result >= 0 && count == 1, "there is no display");
    return properties.display;
}

/* A layer may have given it another handle than the same display has elsewhere. */
static bool
is_monitor(struct presenter *presenter, VkDisplayKHR display)
{
    uint32_t count = 0;
    return display &&
           vkGetDisplayModePropertiesKHR(presenter->gpu.physical_device, display, &count, NULL) ==
               VK_SUCCESS &&
           count == 2;
}

/* --- a server as it is --- */

static xcb_randr_output_t
first_output(xcb_connection_t *connection)
{
    xcb_window_t root = xcb_setup_roots_iterator(xcb_get_setup(connection)).data->root;
    xcb_randr_get_screen_resources_current_reply_t *resources =
        RANDR(xcb_randr_get_screen_resources_current_reply)(
            connection, RANDR(xcb_randr_get_screen_resources_current)(connection, root), NULL);
    vkh_expect(resources &&
                   RANDR(xcb_randr_get_screen_resources_current_outputs_length)(resources) > 0,
               "the server has no output");
    xcb_randr_output_t output = RANDR(xcb_randr_get_screen_resources_current_outputs)(resources)[0];
    free(resources);
    return output;
}

static xcb_atom_t
make_atom(xcb_connection_t *connection)
{
    static const char name[] = "CONNECTOR_ID";
    xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
        connection, xcb_intern_atom(connection, 0, sizeof(name) - 1, name), NULL);
    vkh_expect(reply, "the server knows no atoms");
    xcb_atom_t atom = reply->atom;
    free(reply);
    return atom;
}

static void
name_connector(xcb_connection_t *connection, xcb_randr_output_t output, uint32_t connector)
{
    xcb_void_cookie_t cookie = RANDR(xcb_randr_change_output_property_checked)(
        connection, output, make_atom(connection), XCB_ATOM_INTEGER, 32, XCB_PROP_MODE_REPLACE, 1,
        &connector);
    vkh_expect(!xcb_request_check(connection, cookie), "the output takes no property");
}

void
test_not_lent(struct presenter *presenter)
{
    VkPhysicalDevice device = presenter->gpu.physical_device;
    Display *server = open_server(presenter);
    xcb_connection_t *connection = XGetXCBConnection(server);
    xcb_randr_output_t output = first_output(connection);
    VkDisplayKHR display = first_display(presenter);

    vkh_expect(display_of(presenter, server, output) == VK_NULL_HANDLE,
               "an output that names no connector");
    vkh_expect(acquire(device, server, display) == VK_ERROR_INITIALIZATION_FAILED,
               "no output is the display");
    name_connector(connection, output, 12345);
    vkh_expect(display_of(presenter, server, output) == VK_NULL_HANDLE,
               "there is no connector 12345");
    name_connector(connection, output, FAKE_KMS_FIRST_CONNECTOR);
    vkh_expect(is_monitor(presenter, display_of(presenter, server, output)),
               "the output is the first display");
    vkh_expect(display_of(presenter, server, output + 1000) == VK_NULL_HANDLE, "no such output");
    vkh_expect(acquire(device, server, display) == VK_ERROR_INITIALIZATION_FAILED,
               "this server lends nothing");
    XCloseDisplay(server);
    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    VKH_CHECK(presenter_frame(presenter, 0)); /* as if nothing had happened */
    vkh_expect(presenter_is_shown(presenter, 0), "the frame is not shown");
}

/* --- one that lends --- */

void
test_lent(struct presenter *presenter)
{
    VkPhysicalDevice device = presenter->gpu.physical_device;
    struct fake_kms *fake = window_display_fake();
    struct fake_randr *randr = randr_symbol("fake_randr");
    vkh_expect(randr, "there is no stand-in for libxcb-randr");
    int (*set_master)(int) = window_display_drm("drmSetMaster");
    Display *server = open_server(presenter);
    (void)make_atom(XGetXCBConnection(server));

    vkh_expect(display_of(presenter, server, FAKE_RANDR_OUTPUT + 1) == VK_NULL_HANDLE,
               "an output that names no connector");
    VkDisplayKHR display = display_of(presenter, server, FAKE_RANDR_OUTPUT);
    vkh_expect(is_monitor(presenter, display), "the output is the first display");
    vkh_expect(acquire(device, server, display) == VK_ERROR_INITIALIZATION_FAILED, "refused once");
    randr->lease_fd = window_display_open_device();
    int lent = randr->lease_fd;
    vkh_expect(set_master(lent) == 0, "the lease cannot be master");
    VKH_CHECK(acquire(device, server, display));
    vkh_expect(randr->leased_output == FAKE_RANDR_OUTPUT && randr->leased_crtc == FAKE_RANDR_CRTC,
               "the output is lent with a CRTC that nobody uses");

    VKH_CHECK(presenter_create_swapchain(presenter, VK_PRESENT_MODE_FIFO_KHR));
    for (uint32_t i = 0; i < 10; i++) {
        VKH_CHECK(presenter_frame(presenter, i));
    }
    vkh_expect(presenter_is_shown(presenter, 9), "the last frame is not shown");
    presenter_destroy_swapchain(presenter);
    vkh_expect(fake->master == lent, "the lease is used");
    randr->lease_fd = window_display_open_device();
    int second = randr->lease_fd;
    vkh_expect(acquire(device, server, display) == VK_ERROR_INITIALIZATION_FAILED,
               "the display was acquired before");
    vkh_expect(fcntl(second, F_GETFD) == -1, "a lease that is not used is given back");
    VKH_CHECK(vkReleaseDisplayEXT(device, display));
    vkh_expect(fcntl(lent, F_GETFD) == -1, "the lease is given back");
    fake->master = -1;
    XCloseDisplay(server);
}
