#define WSI_WAYLAND_LIBRARY_ITSELF
#include "driver/wsi/wayland/library.h"

#include <pthread.h>

#include "base/attributes.h"
#include "driver/wsi/library.h"

#define SYMBOL(function) {#function, offsetof(struct wsi_wayland_library, function)},

struct wsi_wayland_library wsi_wayland;
static bool loaded;

static void
load(void)
{
    static const struct wsi_library library = {
        .file = "libwayland-client.so.0",
        .package = "libwayland-client0",
        .oldest = "1.20",
        .otherwise = "no window of Wayland can be shown",
    };
    static const struct wsi_symbol symbols[] = {WSI_WAYLAND_FUNCTIONS(SYMBOL)};
    loaded = wsi_library_load(&library, symbols, BASE_COUNT_OF(symbols), &wsi_wayland);
}

bool
wsi_wayland_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return loaded;
}
