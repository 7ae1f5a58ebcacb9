#include "driver/wsi/display/library.h"

#include <pthread.h>

#include "base/attributes.h"
#include "driver/wsi/library.h"

#define SYMBOL(function) {#function, offsetof(struct wsi_display_library, function)},

static struct wsi_display_library library;
static bool loaded;

static void
load(void)
{
    static const struct wsi_library drm = {
        .file = "libdrm.so.2",
        .package = "libdrm2",
        .oldest = "2.4.100",
        .otherwise = "no display can be used",
        .is_optional = true,
    };
    static const struct wsi_symbol symbols[] = {WSI_DISPLAY_DRM_FUNCTIONS(SYMBOL)};
    loaded = wsi_library_load(&drm, symbols, BASE_COUNT_OF(symbols), &library);
}

const struct wsi_display_library *
wsi_display_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded ? &library : NULL;
}
