#include "driver/wsi/x11/library.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "driver/wsi/library.h"

#define SYMBOL(function) {#function, offsetof(struct wsi_x11_library, function)},

static struct wsi_x11_library library;
static bool loaded;

static bool
load_xcb(void)
{
    static const struct wsi_library xcb = {
        .file = "libxcb.so.1",
        .package = "libxcb1",
        .oldest = "1.12",
        .otherwise = "no window of X11 can be shown",
    };
    static const struct wsi_symbol symbols[] = {WSI_X11_XCB_FUNCTIONS(SYMBOL)};
    return wsi_library_load(&xcb, symbols, BASE_COUNT_OF(symbols), &library);
}

static void
load_shm(void)
{
    static const struct wsi_library shm = {
        .file = "libxcb-shm.so.0",
        .package = "libxcb-shm0",
        .oldest = "1.11",
        .otherwise = "frames travel over the X11 connection",
        .is_optional = true,
    };
    static const struct wsi_symbol symbols[] = {
        {"xcb_shm_id", offsetof(struct wsi_x11_library, shm_extension)},
        WSI_X11_SHM_FUNCTIONS(SYMBOL)};
    if (!wsi_library_load(&shm, symbols, BASE_COUNT_OF(symbols), &library)) {
        library.shm_extension = NULL;
    }
}

static void
load_present(void)
{
    static const struct wsi_library present = {
        .file = "libxcb-present.so.0",
        .package = "libxcb-present0",
        .oldest = "1.11",
        .otherwise = "frames are paced by a timer",
        .is_optional = true,
    };
    static const struct wsi_symbol symbols[] = {
        {"xcb_present_id", offsetof(struct wsi_x11_library, present_extension)},
        WSI_X11_PRESENT_FUNCTIONS(SYMBOL)};
    if (!wsi_library_load(&present, symbols, BASE_COUNT_OF(symbols), &library)) {
        library.present_extension = NULL;
    }
}

static void
load_dri3(void)
{
    static const struct wsi_library dri3 = {
        .file = "libxcb-dri3.so.0",
        .package = "libxcb-dri3-0",
        .oldest = "1.13",
        .otherwise = "frames go through shared memory",
        .is_optional = true,
    };
    static const struct wsi_symbol symbols[] = {
        {"xcb_dri3_id", offsetof(struct wsi_x11_library, dri3_extension)},
        WSI_X11_DRI3_FUNCTIONS(SYMBOL)};
    if (!wsi_library_load(&dri3, symbols, BASE_COUNT_OF(symbols), &library)) {
        library.dri3_extension = NULL;
    }
}

static void
load(void)
{
    loaded = load_xcb();
    if (loaded) {
        load_shm();
        load_present();
        load_dri3();
    }
}

const struct wsi_x11_library *
wsi_x11_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}

/* --- Xlib: who has a Display has loaded libX11, of which this is a part --- */

static struct {
    xcb_connection_t *(*get_connection)(struct _XDisplay *);
} xlib;

static void
load_xlib(void)
{
    static const struct wsi_library xlib_xcb = {
        .file = "libX11-xcb.so.1",
        .package = "libx11-xcb1",
        .oldest = "1.2",
        .otherwise = "no window of Xlib can be shown",
    };
    static const struct wsi_symbol symbol = {"XGetXCBConnection", 0};
    (void)wsi_library_load(&xlib_xcb, &symbol, 1, &xlib);
}

xcb_connection_t *
wsi_x11_connection_of(struct _XDisplay *display)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_xlib);
    return xlib.get_connection ? xlib.get_connection(display) : NULL;
}

bool
wsi_x11_check(const struct wsi_x11_library *x11, xcb_connection_t *connection,
              xcb_void_cookie_t request)
{
    xcb_generic_error_t *error = x11->xcb_request_check(connection, request);
    free(error);
    return !error && !x11->xcb_connection_has_error(connection);
}
