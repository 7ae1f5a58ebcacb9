#include "driver/wsi/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/log.h"

static enum base_log_level
level_of(const struct wsi_library *library)
{
    return library->is_optional ? BASE_LOG_INFO : BASE_LOG_ERROR;
}

bool
wsi_library_load(const struct wsi_library *library, const struct wsi_symbol *symbols, size_t count,
                 void *table)
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        base_log(level_of(library), "%s: %s: install %s", library->otherwise, dlerror(),
                 library->package);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        void *symbol = dlsym(handle, symbols[i].name);
        if (!symbol) {
            base_log(level_of(library), "%s: %s has no %s, which is there since %s",
                     library->otherwise, library->file, symbols[i].name, library->oldest);
            return false;
        }
        memcpy((char *)table + symbols[i].offset, &symbol, sizeof(symbol));
    }
    return true;
}
