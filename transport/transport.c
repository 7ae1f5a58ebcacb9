#include "transport/transport.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "wire/vtest.h"

/* Only test builds link the loopback and, with it, a renderer. */
#pragma weak tp_loopback_create

/* `word` stands in a list like "init,vtest". */
static bool
list_has_word(const char *list, const char *word)
{
    static const char separators[] = ", ;:";
    size_t length = strlen(word);

    while (*list) {
        size_t here = strcspn(list, separators);
        if (here == length && strncmp(list, word, length) == 0) {
            return true;
        }
        list += here;
        list += strspn(list, separators);
    }
    return false;
}

/* What the variable says, or NULL if it is unset or empty. */
static const char *
setting(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value ? value : NULL;
}

static const char *
vtest_path(void)
{
    const char *path = setting("VESPER_SOCKET");

    if (!path) {
        path = setting(WIRE_VTEST_PATH_VARIABLE);
    }
    return path ? path : WIRE_VTEST_DEFAULT_PATH;
}

static enum tp_result
create_by_name(const char *name, struct tp_transport **out)
{
    if (strcmp(name, "vtest") == 0) {
        return tp_vtest_create(vtest_path(), out);
    }
    if (strcmp(name, "virtgpu") == 0) {
        return tp_virtgpu_create(true, out);
    }
    if (strcmp(name, "loopback") == 0 && tp_loopback_create) {
        return tp_loopback_create(out);
    }
    base_log_error(
        "VESPER_TRANSPORT=%s: this driver has no such transport; it has vtest, virtgpu%s", name,
        tp_loopback_create ? ", loopback" : "");
    return TP_LOST;
}

enum tp_result
tp_create(struct tp_transport **out)
{
    const char *forced = setting("VESPER_TRANSPORT");
    const char *upstream = setting("VN_DEBUG");

    if (forced) {
        return create_by_name(forced, out);
    }
    if (setting("VESPER_SOCKET") || (upstream && list_has_word(upstream, "vtest"))) {
        return tp_vtest_create(vtest_path(), out);
    }
    return tp_virtgpu_create(false, out);
}
