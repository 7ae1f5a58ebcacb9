/* Where the server and the driver are: beside us in the build folder, or where they were installed.
 */
#include "tools/run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
run_find_self(char out[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (length < 0) {
        run_error("cannot read /proc/self/exe: %s; is /proc mounted?", strerror(errno));
        return false;
    }
    out[length] = '\0';
    return true;
}

bool
run_find_beside(const char *self, const char *const *candidates, int access_mode,
                char out[PATH_MAX])
{
    const char *slash = strrchr(self, '/');
    int folder_length = slash ? (int)(slash - self) : 0;
    for (; *candidates; candidates++) {
        char path[PATH_MAX + 256];
        if ((*candidates)[0] == '/') {
            snprintf(path, sizeof(path), "%s", *candidates);
        } else {
            snprintf(path, sizeof(path), "%.*s/%s", folder_length, self, *candidates);
        }
        if (access(path, access_mode) == 0 && realpath(path, out)) {
            return true;
        }
    }
    return false;
}

static bool
find_named(const char *option, const char *path, int access_mode, char out[PATH_MAX])
{
    if (access(path, access_mode) != 0 || !realpath(path, out)) {
        run_error("--%s %s: %s", option, path, strerror(errno));
        return false;
    }
    return true;
}

static bool
find_server(const struct run_options *options, const char *self, char out[PATH_MAX])
{
    static const char *const candidates[] = {
        "../server/vesper-server",                             /* build folder */
        "vesper-server", VESPER_BINDIR "/vesper-server", NULL, /* installed */
    };
    if (options->server) {
        return find_named("server", options->server, X_OK, out);
    }
    if (!run_find_beside(self, candidates, X_OK, out)) {
        run_error(
            "no vesper-server beside %s: build it (meson option renderer=true), install it, or "
            "name one with --server PATH",
            self);
        return false;
    }
    return true;
}

static bool
find_icd(const struct run_options *options, const char *self, char out[PATH_MAX])
{
    static const char *const candidates[] = {
        "../driver/vesper_icd.json", /* build folder */
        "../share/vulkan/icd.d/" VESPER_ICD,
        VESPER_DATADIR "/vulkan/icd.d/" VESPER_ICD,
        NULL,
    };
    if (options->icd) {
        return find_named("icd", options->icd, R_OK, out);
    }
    if (!run_find_beside(self, candidates, R_OK, out)) {
        run_error("no " VESPER_ICD " for %s: build the driver, install it, or name a driver's JSON "
                  "file with --icd PATH",
                  self);
        return false;
    }
    return true;
}

bool
run_parts_find(const struct run_options *options, struct run_parts *out)
{
    return run_find_self(out->self) && find_server(options, out->self, out->server) &&
           find_icd(options, out->self, out->icd);
}
