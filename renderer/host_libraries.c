#include "renderer/host_libraries.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"

struct names {
    char **list;
    size_t count, room;
};

/* A name that finds no memory is left out: its library is as good as before, only unloaded. */
static int
remember(struct dl_phdr_info *info, BASE_UNUSED size_t size, void *data)
{
    struct names *names = data;
    if (!info->dlpi_name || !*info->dlpi_name) {
        return 0; /* the program itself */
    }
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 64;
        char **list = realloc(names->list, room * sizeof(*list));
        if (!list) {
            return 1;
        }
        names->list = list;
        names->room = room;
    }
    char *name = strdup(info->dlpi_name);
    if (name) {
        names->list[names->count++] = name;
    }
    return 0;
}

void
rnd_keep_libraries_loaded(void)
{
    struct names names = {NULL, 0, 0};
    /* Not from within: the linker holds its lock there. */
    dl_iterate_phdr(remember, &names);
    for (size_t i = 0; i < names.count; i++) {
        void *library = dlopen(names.list[i], RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
        if (library) {
            dlclose(library);
        }
        free(names.list[i]);
    }
    free(names.list);
}
