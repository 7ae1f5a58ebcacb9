#include "driver/address_space.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static enum drv_mapping_kind
kind_of(const char *permissions, const char *path)
{
    if (strcmp(permissions, "rw-s") == 0) {
        return DRV_MAPPING_FILE;
    }
    /* [heap] and [anon:name] are memory like any other; a stack grows, and the rest is the
     * kernel's. */
    bool plain =
        path[0] == '\0' || strncmp(path, "[heap]", 6) == 0 || strncmp(path, "[anon:", 6) == 0;
    return plain && strcmp(permissions, "rw-p") == 0 ? DRV_MAPPING_PRIVATE : DRV_MAPPING_OTHER;
}

static bool
parse(char *line, struct drv_mapping *out)
{
    char permissions[8];
    unsigned int device_major, device_minor;
    int path = 0;

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %" SCNx64 " %x:%x %" SCNu64 " %n", &out->start,
               &out->end, permissions, &out->offset, &device_major, &device_minor, &out->inode,
               &path) != 7) {
        return false;
    }
    out->device = makedev(device_major, device_minor);
    out->kind = kind_of(permissions, line + path);
    return true;
}

bool
drv_mapping_find(uintptr_t address, struct drv_mapping *out)
{
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");

    while (maps && !found && getline(&line, &room, maps) > 0) {
        found = parse(line, out) && out->end > address;
    }
    free(line);
    if (maps) {
        fclose(maps);
    }
    return found;
}
