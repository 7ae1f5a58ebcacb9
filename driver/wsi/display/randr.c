/* VK_EXT_acquire_xlib_display: displays that an X server lends, by RandR 1.6's leases.
 *
 * The server tells which connector of the kernel's an output is by its property CONNECTOR_ID, as
 * Xorg's modesetting driver does; one that does not, or lends nothing, has no displays for us. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/randr.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/physical_device.h"
#include "driver/wsi/display/kms.h"
#include "driver/wsi/library.h"
#include "driver/wsi/x11/library.h"

/* --- the library --- */

/* clang-format off */
#define XCB_FUNCTIONS(X) \
    X(xcb_generate_id) \
    X(xcb_get_setup) \
    X(xcb_intern_atom) \
    X(xcb_intern_atom_reply) \
    X(xcb_screen_next) \
    X(xcb_setup_roots_iterator)

#define RANDR_FUNCTIONS(X) \
    X(xcb_randr_create_lease) \
    X(xcb_randr_create_lease_reply) \
    X(xcb_randr_create_lease_reply_fds) \
    X(xcb_randr_get_crtc_info) \
    X(xcb_randr_get_crtc_info_reply) \
    X(xcb_randr_get_output_info) \
    X(xcb_randr_get_output_info_crtcs) \
    X(xcb_randr_get_output_info_crtcs_length) \
    X(xcb_randr_get_output_info_reply) \
    X(xcb_randr_get_output_property) \
    X(xcb_randr_get_output_property_data) \
    X(xcb_randr_get_output_property_reply) \
    X(xcb_randr_get_screen_resources_current) \
    X(xcb_randr_get_screen_resources_current_outputs) \
    X(xcb_randr_get_screen_resources_current_outputs_length) \
    X(xcb_randr_get_screen_resources_current_reply) \
    X(xcb_randr_query_version) \
    X(xcb_randr_query_version_reply)
/* clang-format on */

#define MEMBER(function) __typeof__(function) *function;
#define SYMBOL(function) {#function, offsetof(struct randr, function)},

static struct randr {
    XCB_FUNCTIONS(MEMBER)
    RANDR_FUNCTIONS(MEMBER)
} library;
static bool loaded;

static void
load(void)
{
    static const struct wsi_library xcb = {
        .file = "libxcb.so.1",
        .package = "libxcb1",
        .oldest = "1.12",
        .otherwise = "no X server can lend displays",
    };
    static const struct wsi_library randr = {
        .file = "libxcb-randr.so.0",
        .package = "libxcb-randr0",
        .oldest = "1.13",
        .otherwise = "no X server can lend displays",
    };
    static const struct wsi_symbol xcb_symbols[] = {XCB_FUNCTIONS(SYMBOL)};
    static const struct wsi_symbol randr_symbols[] = {RANDR_FUNCTIONS(SYMBOL)};
    loaded = wsi_library_load(&xcb, xcb_symbols, BASE_COUNT_OF(xcb_symbols), &library) &&
             wsi_library_load(&randr, randr_symbols, BASE_COUNT_OF(randr_symbols), &library);
}

/* NULL, and why in the log, without it. */
static const struct randr *
load_randr(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}

/* --- the server --- */

struct server {
    const struct randr *x;
    xcb_connection_t *connection;
    xcb_atom_t connector_id; /* the property's name */
};

/* False: there is none that lends displays. */
static bool
reach(Display *display, struct server *out)
{
    enum { MAJOR = 1, MINOR = 6 };
    static const char name[] = "CONNECTOR_ID";
    const struct randr *x = load_randr();
    xcb_connection_t *connection = x ? wsi_x11_connection_of(display) : NULL;
    if (!connection) {
        return false;
    }
    xcb_randr_query_version_reply_t *version = x->xcb_randr_query_version_reply(
        connection, x->xcb_randr_query_version(connection, MAJOR, MINOR), NULL);
    xcb_intern_atom_reply_t *atom = x->xcb_intern_atom_reply(
        connection, x->xcb_intern_atom(connection, 1, sizeof(name) - 1, name), NULL);
    bool is_new = version && (version->major_version > MAJOR ||
                              (version->major_version == MAJOR && version->minor_version >= MINOR));
    *out = (struct server){x, connection, atom ? atom->atom : XCB_NONE};
    free(version);
    free(atom);
    if (!is_new || !out->connector_id) {
        base_log_info("the X server lends no displays: %s",
                      is_new ? "its outputs have no property CONNECTOR_ID" : "it has no RandR 1.6");
    }
    return is_new && out->connector_id;
}

/* The kernel's connector that the output is; 0: nobody knows. */
static uint32_t
find_connector(const struct server *server, xcb_randr_output_t output)
{
    const struct randr *x = server->x;
    uint32_t connector = 0;
    xcb_randr_get_output_property_reply_t *property = x->xcb_randr_get_output_property_reply(
        server->connection,
        x->xcb_randr_get_output_property(server->connection, output, server->connector_id,
                                         XCB_GET_PROPERTY_TYPE_ANY, 0, 1, 0, 0),
        NULL);
    if (property && property->format == 32 && property->num_items == 1) {
        memcpy(&connector, x->xcb_randr_get_output_property_data(property), sizeof(connector));
    }
    free(property);
    return connector;
}

/* XCB_NONE: no output of that screen. */
static xcb_randr_output_t
find_output(const struct server *server, xcb_window_t root, uint32_t connector)
{
    const struct randr *x = server->x;
    xcb_randr_output_t found = XCB_NONE;
    xcb_randr_get_screen_resources_current_reply_t *resources =
        x->xcb_randr_get_screen_resources_current_reply(
            server->connection, x->xcb_randr_get_screen_resources_current(server->connection, root),
            NULL);
    if (!resources) {
        return XCB_NONE;
    }
    const xcb_randr_output_t *outputs =
        x->xcb_randr_get_screen_resources_current_outputs(resources);
    int count = x->xcb_randr_get_screen_resources_current_outputs_length(resources);
    for (int i = 0; i < count && !found; i++) {
        if (find_connector(server, outputs[i]) == connector) {
            found = outputs[i];
        }
    }
    free(resources);
    return found;
}

static bool
is_idle(const struct server *server, xcb_randr_crtc_t crtc)
{
    const struct randr *x = server->x;
    xcb_randr_get_crtc_info_reply_t *info = x->xcb_randr_get_crtc_info_reply(
        server->connection, x->xcb_randr_get_crtc_info(server->connection, crtc, XCB_CURRENT_TIME),
        NULL);
    bool idle = info && info->num_outputs == 0;
    free(info);
    return idle;
}

/* The one that leads to the output, or could. */
static xcb_randr_crtc_t
find_crtc(const struct server *server, xcb_randr_output_t output)
{
    const struct randr *x = server->x;
    xcb_randr_get_output_info_reply_t *info = x->xcb_randr_get_output_info_reply(
        server->connection,
        x->xcb_randr_get_output_info(server->connection, output, XCB_CURRENT_TIME), NULL);
    if (!info) {
        return XCB_NONE;
    }
    xcb_randr_crtc_t found = info->crtc;
    const xcb_randr_crtc_t *crtcs = x->xcb_randr_get_output_info_crtcs(info);
    for (int i = 0; i < x->xcb_randr_get_output_info_crtcs_length(info) && !found; i++) {
        found = is_idle(server, crtcs[i]) ? crtcs[i] : XCB_NONE;
    }
    free(info);
    return found;
}

/* The lease's descriptor; -1: refused. */
static int
lease(const struct server *server, xcb_window_t root, xcb_randr_crtc_t crtc,
      xcb_randr_output_t output)
{
    const struct randr *x = server->x;
    int fd = -1;
    xcb_randr_create_lease_reply_t *reply = x->xcb_randr_create_lease_reply(
        server->connection,
        x->xcb_randr_create_lease(server->connection, root, x->xcb_generate_id(server->connection),
                                  1, 1, &crtc, &output),
        NULL);
    if (reply && reply->nfd == 1) {
        fd = x->xcb_randr_create_lease_reply_fds(server->connection, reply)[0];
    }
    free(reply);
    return fd;
}

/* -1: no screen has that connector, or the server does not lend it. */
static int
lease_connector(const struct server *server, uint32_t connector)
{
    const struct randr *x = server->x;
    xcb_screen_iterator_t screen =
        x->xcb_setup_roots_iterator(x->xcb_get_setup(server->connection));
    for (; screen.rem > 0; x->xcb_screen_next(&screen)) {
        xcb_window_t root = screen.data->root;
        xcb_randr_output_t output = find_output(server, root, connector);
        xcb_randr_crtc_t crtc = output ? find_crtc(server, output) : XCB_NONE;
        if (crtc) {
            return lease(server, root, crtc, output);
        }
    }
    return -1;
}

/* --- the application's questions --- */

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetRandROutputDisplayEXT(VkPhysicalDevice physicalDevice, Display *dpy, RROutput rrOutput,
                             VkDisplayKHR *pDisplay)
{
    struct wsi_kms *kms = drv_physical_device_from(physicalDevice)->kms;
    struct server server;
    uint32_t id = reach(dpy, &server) ? find_connector(&server, (xcb_randr_output_t)rrOutput) : 0;

    *pDisplay = VK_NULL_HANDLE;
    VkResult result = VK_SUCCESS;
    wsi_kms_lock(kms);
    drmModeConnectorPtr connector =
        id && kms->fd != -1 ? kms->drm->drmModeGetConnector(kms->fd, id) : NULL;
    if (connector) {
        struct wsi_display *found = wsi_kms_get_display_locked(kms, connector);
        result = found ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
        *pDisplay = (VkDisplayKHR)(uintptr_t)found;
        kms->drm->drmModeFreeConnector(connector);
    }
    wsi_kms_unlock(kms);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AcquireXlibDisplayEXT(VkPhysicalDevice physicalDevice, Display *dpy, VkDisplayKHR handle)
{
    struct wsi_display *display = wsi_display_from(handle);
    struct wsi_kms *kms = display->kms;
    VkResult result = VK_ERROR_INITIALIZATION_FAILED;
    struct server server;
    int fd = reach(dpy, &server) ? lease_connector(&server, display->connector_id) : -1;

    wsi_kms_lock(kms);
    if (fd == -1) {
        base_log_info("display %s is not lent by the X server", display->name);
    } else if (display->acquired_fd != -1) {
        base_log_info("display %s has been acquired already", display->name);
    } else if (!wsi_kms_adopt_locked(kms, fd)) {
        base_log_info("display %s: what the X server lends is of another device", display->name);
    } else {
        display->acquired_fd = fd;
        display->is_leased = true; /* until the descriptor is closed */
        result = VK_SUCCESS;
    }
    wsi_kms_unlock(kms);
    if (result != VK_SUCCESS) {
        base_fd_close(&fd);
    }
    return result;
}
