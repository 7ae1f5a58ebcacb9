#include "driver/wsi/display/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/log.h"

static struct wsi_display_library library;
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

static void
load(void)
{
    bool all = true;
    void *handle = dlopen("libdrm.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log_info("no display can be used: %s: install libdrm2", dlerror());
        return;
    }
    WSI_DISPLAY_DRM_FUNCTIONS(FIND)
    if (!all) {
        base_log_error("no display can be used: libdrm.so.2 is older than 2.4.100");
    }
    loaded = all;
}

const struct wsi_display_library *
wsi_display_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}
