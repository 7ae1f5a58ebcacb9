/* Prints what differs between host and guest, and why. */
#include "tools/info/info.h"

#include <stdlib.h>
#include <string.h>

static const char unexplained[] = "no reason was given (look at --log debug of vesper run)";

static const struct info_device *
find_device(const struct info_side *side, const char *uuid)
{
    for (uint32_t i = 0; i < side->device_count; i++) {
        if (strcmp(side->devices[i].uuid, uuid) == 0) {
            return &side->devices[i];
        }
    }
    return NULL;
}

static void
print_version(const char *where, uint32_t version)
{
    printf("%u.%u.%u %s", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
           VK_API_VERSION_PATCH(version), where);
}

/* -------------------------------------------------------------------- memory */

static const char *
explain_backing(const char *backing)
{
    if (strcmp(backing, "device") == 0) {
        return "device memory, never mapped";
    }
    if (strcmp(backing, "shared pages") == 0) {
        return "shared pages that the host imports";
    }
    if (strcmp(backing, "dma-buf of libgbm") == 0) {
        return "dma-buf of libgbm's that the host imports";
    }
    if (strcmp(backing, "dma-buf") == 0) {
        return "dma-buf that the host exports";
    }
    return backing;
}

static void
print_flags(VkMemoryPropertyFlags flags)
{
    static const struct {
        VkMemoryPropertyFlags bit;
        const char *name;
    } names[] = {
        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, "device-local"},
        {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT, "host-visible"},
        {VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, "coherent"},
        {VK_MEMORY_PROPERTY_HOST_CACHED_BIT, "cached"},
        {VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT, "lazily allocated"},
        {VK_MEMORY_PROPERTY_PROTECTED_BIT, "protected"},
    };
    const char *separator = "";
    for (size_t i = 0; i < BASE_COUNT_OF(names); i++) {
        if (flags & names[i].bit) {
            printf("%s%s", separator, names[i].name);
            separator = ", ";
        }
    }
    if (!flags) {
        printf("no flags");
    }
}

static void
print_memory(const struct info_device *host, const struct info_device *guest,
             const struct info_log *log)
{
    printf("  memory types\n");
    for (uint32_t i = 0; i < guest->memory_type_count; i++) {
        const struct info_backing *backing = info_log_backing(log, host->name, i);
        printf("    %-2u %7.2f GiB  ", i, (double)guest->memory_sizes[i] / (1ull << 30));
        print_flags(guest->memory_flags[i]);
        if (backing) {
            printf(": %s, host type %u", explain_backing(backing->backing), backing->host_type);
        }
        putchar('\n');
    }
}

/* ---------------------------------------------------------------- extensions */

static void
print_added(const struct info_device *host, const struct info_device *guest)
{
    for (size_t i = 0; i < guest->extensions.count; i++) {
        if (!info_names_have(&host->extensions, guest->extensions.names[i])) {
            printf("    added by Vesper itself: %s\n", guest->extensions.names[i]);
        }
    }
}

static const char *
reason_for(const struct info_log *log, const char *extension)
{
    const char *reason = info_log_reason(log, extension);
    return reason ? reason : unexplained;
}

/* Those held back, by reason: each reason once, in the order of the first name that has it. */
static void
print_held_back(const struct info_device *host, const struct info_device *guest,
                const struct info_log *log)
{
    struct info_names done = {0};
    for (size_t i = 0; i < host->extensions.count; i++) {
        const char *name = host->extensions.names[i];
        const char *reason = reason_for(log, name);
        if (info_names_have(&guest->extensions, name) || info_names_have(&done, reason)) {
            continue;
        }
        info_names_add(&done, reason);
        printf("    held back, %s:\n", reason);
        for (size_t j = i; j < host->extensions.count; j++) {
            const char *other = host->extensions.names[j];
            if (!info_names_have(&guest->extensions, other) &&
                strcmp(reason_for(log, other), reason) == 0) {
                printf("      %s\n", other);
            }
        }
    }
    info_names_finish(&done);
}

/* ------------------------------------------------------------------ features */

static bool
same_structure(const char *feature, const char *other)
{
    size_t length = strcspn(feature, ".") + 1;
    return strncmp(feature, other, length) == 0;
}

/* Whether the guest has any feature of that structure. */
static bool
knows_structure(const struct info_device *guest, const char *feature)
{
    for (size_t i = 0; i < guest->features.count; i++) {
        if (same_structure(feature, guest->features.names[i])) {
            return true;
        }
    }
    return false;
}

static void
print_features(const struct info_device *host, const struct info_device *guest)
{
    size_t with_extension = 0;
    printf("  features      %zu on the host, %zu through Vesper\n", host->features.count,
           guest->features.count);
    for (size_t i = 0; i < host->features.count; i++) {
        const char *name = host->features.names[i];
        if (info_names_have(&guest->features, name)) {
            continue;
        }
        if (knows_structure(guest, name)) {
            printf("    held back although its structure is known: %s\n", name);
        } else {
            with_extension++;
        }
    }
    if (with_extension) {
        printf("    %zu held back with their extensions\n", with_extension);
    }
}

/* -------------------------------------------------------------------- report */

static void
print_list(const char *title, const struct info_names *names)
{
    printf("  %s\n", title);
    for (size_t i = 0; i < names->count; i++) {
        printf("    %s\n", names->names[i]);
    }
}

static void
report_device(const struct info_device *host, const struct info_device *guest,
              const struct info_log *log, bool all)
{
    printf("\n%s\n", host->name);
    printf("  driver        %s\n", host->driver);
    printf("  Vulkan        ");
    print_version("on the host, ", host->api_version);
    if (!guest) {
        printf("not exposed by Vesper: no device there has its UUID\n");
        return;
    }
    print_version("through Vesper\n", guest->api_version);
    const char *frames = info_log_reason(log, guest->name);
    if (frames) {
        printf("  frames        %s\n", frames);
    }
    print_memory(host, guest, log);
    printf("  extensions    %zu on the host, %zu through Vesper\n", host->extensions.count,
           guest->extensions.count);
    print_added(host, guest);
    print_held_back(host, guest, log);
    print_features(host, guest);
    if (all) {
        print_list("exposed extensions", &guest->extensions);
        print_list("exposed features", &guest->features);
    }
}

void
info_report(const struct info_side *host, const struct info_side *guest, const struct info_log *log,
            bool all)
{
    if (log->windows) {
        printf("windows         %s\n", log->windows);
    }
    info_print_huge_pages();
    for (uint32_t i = 0; i < host->device_count; i++) {
        const struct info_device *device = &host->devices[i];
        report_device(device, find_device(guest, device->uuid), log, all);
    }
}
