#include "driver/wsi/x11/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/log.h"

static struct wsi_x11_library library;
static bool loaded;

static void *
find(void *handle, const char *name, bool *all)
{
    void *symbol = dlsym(handle, name);
    *all = *all && symbol;
    return symbol;
}

#define FIND(function)                                                                             \
    library.function = (__typeof__(library.function))find(handle, #function, &all);

static bool
load_xcb(void)
{
    bool all = true;
    void *handle = dlopen("libxcb.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log_error("no window of X11 can be shown: %s: install libxcb1", dlerror());
        return false;
    }
    WSI_X11_XCB_FUNCTIONS(FIND)
    if (!all) {
        base_log_error("no window of X11 can be shown: libxcb.so.1 is older than 1.11");
    }
    return all;
}

static void
load_shm(void)
{
    bool all = true;
    void *handle = dlopen("libxcb-shm.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log_info("frames travel over the X11 connection: %s: install libxcb-shm0", dlerror());
        return;
    }
    WSI_X11_SHM_FUNCTIONS(FIND)
    xcb_extension_t *extension = find(handle, "xcb_shm_id", &all);
    library.shm_extension = all ? extension : NULL;
}

static void
load_present(void)
{
    bool all = true;
    void *handle = dlopen("libxcb-present.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log_info("frames are paced by a timer: %s: install libxcb-present0", dlerror());
        return;
    }
    WSI_X11_PRESENT_FUNCTIONS(FIND)
    xcb_extension_t *extension = find(handle, "xcb_present_id", &all);
    library.present_extension = all ? extension : NULL;
}

static void
load(void)
{
    loaded = load_xcb();
    if (loaded) {
        load_shm();
        load_present();
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

static xcb_connection_t *(*get_connection)(struct _XDisplay *);

static void
load_xlib(void)
{
    void *handle = dlopen("libX11-xcb.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log_error("no window of Xlib can be shown: %s: install libx11-xcb1", dlerror());
        return;
    }
    get_connection =
        (xcb_connection_t * (*)(struct _XDisplay *)) dlsym(handle, "XGetXCBConnection");
}

xcb_connection_t *
wsi_x11_connection_of(struct _XDisplay *display)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_xlib);
    return get_connection ? get_connection(display) : NULL;
}
