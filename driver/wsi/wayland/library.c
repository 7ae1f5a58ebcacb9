#define WSI_WAYLAND_LIBRARY_ITSELF
#include "driver/wsi/wayland/library.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/log.h"

struct wsi_wayland_library wsi_wayland;
static bool loaded;

#define FIND(function)                                                                             \
    wsi_wayland.function = (__typeof__(wsi_wayland.function))dlsym(handle, #function);             \
    loaded = loaded && wsi_wayland.function;

static void
load(void)
{
    void *handle = dlopen("libwayland-client.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log_error("no window of Wayland can be shown: %s: install libwayland-client0",
                       dlerror());
        return;
    }
    loaded = true;
    WSI_WAYLAND_FUNCTIONS(FIND)
    if (!loaded) {
        base_log_error("no window of Wayland can be shown: libwayland-client.so.0 is older than "
                       "1.20");
    }
}

bool
wsi_wayland_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded;
}
