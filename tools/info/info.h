/* `vesper info`: the host's Vulkan, what Vesper exposes of it, and why it holds the rest back.
 *
 * It looks at Vulkan from both sides. Each side is a child process that prints what it sees, one on
 * the host's driver, one below `vesper run`; the parent compares. The reasons, and what backs each
 * memory type, are those that renderer and driver themselves give in their debug logs. */
#ifndef INFO_INFO_H
#define INFO_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

/* A sorted set of names. */
struct info_names {
    char **names;
    size_t count;
};

void info_names_add(struct info_names *names, const char *name);
bool info_names_have(const struct info_names *names, const char *name);
void info_names_finish(struct info_names *names);

enum { INFO_MAX_DEVICES = 16 };

struct info_device {
    char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    char driver[VK_MAX_DRIVER_NAME_SIZE + VK_MAX_DRIVER_INFO_SIZE]; /* name and version */
    char uuid[2 * VK_UUID_SIZE + 1];
    uint32_t api_version;
    struct info_names extensions;
    struct info_names features; /* STRUCTURE.member of those that are there */
    uint32_t memory_type_count;
    VkMemoryPropertyFlags memory_flags[VK_MAX_MEMORY_TYPES];
    uint64_t memory_sizes[VK_MAX_MEMORY_TYPES]; /* of their heaps */
};

/* What one side sees. */
struct info_side {
    struct info_device devices[INFO_MAX_DEVICES];
    uint32_t device_count;
};

/* In the child: looks at Vulkan and prints it for info_side_read(). Returns the exit status. */
int info_probe(FILE *out);
/* In the parent. False if it breaks off. */
BASE_MUST_CHECK bool info_side_read(struct info_side *side, FILE *in);
void info_side_finish(struct info_side *side);

/* What the logs told. */
struct info_reason {
    char *name, *reason;
};

struct info_backing {
    uint32_t type, host_type;
    char *device;
    char *backing;
};

struct info_log {
    struct info_reason *reasons;
    size_t reason_count;
    struct info_backing *backings;
    size_t backing_count;
    char *windows; /* how frames come into windows; NULL: not said */
};

/* Takes what it understands out of a log and passes errors and warnings on to standard error. */
void info_log_read(struct info_log *log, FILE *in);
/* Why an extension is held back, or how far frames of a device come. NULL if the logs did not say.
 */
const char *info_log_reason(const struct info_log *log, const char *name);
const struct info_backing *info_log_backing(const struct info_log *log, const char *device,
                                            uint32_t type);
void info_log_finish(struct info_log *log);

/* A line about the kernel's. */
void info_print_huge_pages(void);

/* Compares and prints. `all`: also what is exposed. */
void info_report(const struct info_side *host, const struct info_side *guest,
                 const struct info_log *log, bool all);

int info_main(int argc, char **argv);

#endif
