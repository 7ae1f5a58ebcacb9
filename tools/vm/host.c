/* What there is on this host: our parts, KVM, a screen, a render node. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/run/run.h"
#include "tools/vm/vm.h"

static bool
find_parts(struct vm_host *out)
{
    static const char *const libraries[] = {
        "../virglabi/libvirglrenderer.so.1", /* build folder */
        VESPER_LIBDIR "/vesper/libvirglrenderer.so.1",
        NULL,
    };
    static const char *const servers[] = {
        "../server/vesper-render-server", /* build folder */
        VESPER_RENDER_SERVER_PATH,
        NULL,
    };
    char self[PATH_MAX], library[PATH_MAX];

    if (!run_find_self(self)) {
        return false;
    }
    if (!run_find_beside(self, libraries, R_OK, library) ||
        !run_find_beside(self, servers, X_OK, out->render_server)) {
        run_error("no libvirglrenderer.so.1 of Vesper, or no vesper-render-server, for %s: build "
                  "them (meson options renderer and virglabi) or install them",
                  self);
        return false;
    }
    /* The loader looks for the file by that name, which realpath() has resolved. */
    *strrchr(library, '/') = '\0';
    snprintf(out->library_folder, sizeof(out->library_folder), "%s", library);
    return true;
}

static bool
find_render_node(char *out, size_t size)
{
    DIR *folder = opendir("/dev/dri");
    bool found = false;

    if (!folder) {
        return false;
    }
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, "renderD", strlen("renderD")) == 0) {
            snprintf(out, size, "/dev/dri/%s", entry->d_name);
            found = access(out, R_OK | W_OK) == 0;
        }
    }
    closedir(folder);
    if (!found) {
        out[0] = '\0';
    }
    return found;
}

static bool
is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

static bool
choose_display(const struct vm_options *options, struct vm_host *out)
{
    bool node = find_render_node(out->render_node, sizeof(out->render_node));

    out->software_gl = !node;
    if (options->display) {
        snprintf(out->display, sizeof(out->display), "%s", options->display);
    } else if (is_set("WAYLAND_DISPLAY") || is_set("DISPLAY")) {
        snprintf(out->display, sizeof(out->display), "sdl,gl=on");
    } else if (node) {
        snprintf(out->display, sizeof(out->display), "egl-headless,rendernode=%.64s",
                 out->render_node);
    } else {
        run_error("QEMU's virtio-gpu-gl wants a display with OpenGL, and there is neither a screen "
                  "(DISPLAY, WAYLAND_DISPLAY) nor a render node in /dev/dri; try: xvfb-run -a "
                  "vesper vm ...");
        return false;
    }
    return true;
}

bool
vm_host_look(const struct vm_options *options, struct vm_host *out)
{
    *out = (struct vm_host){0};
    out->kvm = access("/dev/kvm", R_OK | W_OK) == 0;
#if defined(__aarch64__)
    out->machine = "virt";
#else
    out->machine = "q35";
#endif
    return find_parts(out) && choose_display(options, out);
}
