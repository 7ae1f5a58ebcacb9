/* Reads what a probe printed. */
#include "tools/info/info.h"

#include <stdlib.h>
#include <string.h>

static void
copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void
read_memory(struct info_device *device, const char *value)
{
    unsigned flags;
    unsigned long long size;
    if (device->memory_type_count < VK_MAX_MEMORY_TYPES &&
        sscanf(value, "%u\t%llu", &flags, &size) == 2) {
        device->memory_flags[device->memory_type_count] = flags;
        device->memory_sizes[device->memory_type_count++] = size;
    }
}

static void
read_fact(struct info_device *device, const char *kind, const char *value)
{
    if (strcmp(kind, "version") == 0) {
        device->api_version = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(kind, "driver") == 0) {
        copy(device->driver, sizeof(device->driver), value);
    } else if (strcmp(kind, "uuid") == 0) {
        copy(device->uuid, sizeof(device->uuid), value);
    } else if (strcmp(kind, "memory") == 0) {
        read_memory(device, value);
    } else if (strcmp(kind, "extension") == 0) {
        info_names_add(&device->extensions, value);
    } else if (strcmp(kind, "feature") == 0) {
        info_names_add(&device->features, value);
    }
}

bool
info_side_read(struct info_side *side, FILE *in)
{
    struct info_device *device = NULL;
    char line[1024];
    bool ended = false;
    memset(side, 0, sizeof(*side));
    while (fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = '\0';
        char *value = strchr(line, '\t');
        ended = strcmp(line, "end") == 0;
        if (!value) {
            continue;
        }
        *value++ = '\0';
        if (strcmp(line, "device") == 0 && side->device_count < INFO_MAX_DEVICES) {
            device = &side->devices[side->device_count++];
            copy(device->name, sizeof(device->name), value);
        } else if (device) {
            read_fact(device, line, value);
        }
    }
    return ended;
}

void
info_side_finish(struct info_side *side)
{
    for (uint32_t i = 0; i < side->device_count; i++) {
        info_names_finish(&side->devices[i].extensions);
        info_names_finish(&side->devices[i].features);
    }
    memset(side, 0, sizeof(*side));
}
