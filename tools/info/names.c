#include "tools/info/info.h"

#include <stdlib.h>
#include <string.h>

#include "tools/vkh/vkh.h"

/* Where it is, or belongs. */
static size_t
place_of(const struct info_names *names, const char *name)
{
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->names[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool
info_names_have(const struct info_names *names, const char *name)
{
    size_t place = place_of(names, name);
    return place < names->count && strcmp(names->names[place], name) == 0;
}

void
info_names_add(struct info_names *names, const char *name)
{
    if (info_names_have(names, name)) {
        return;
    }
    size_t place = place_of(names, name);
    char **larger = realloc(names->names, (names->count + 1) * sizeof(*larger));
    char *copy = strdup(name);
    if (!larger || !copy) {
        vkh_die("out of memory for %zu names", names->count + 1);
    }
    memmove(larger + place + 1, larger + place, (names->count - place) * sizeof(*larger));
    larger[place] = copy;
    names->names = larger;
    names->count++;
}

void
info_names_finish(struct info_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->names[i]);
    }
    free(names->names);
    memset(names, 0, sizeof(*names));
}
