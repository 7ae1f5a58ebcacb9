/* A set of extensions of the protocol, one bit for each row of proto_extensions[]. */
#ifndef DRV_EXTENSION_SET_H
#define DRV_EXTENSION_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/proto_extensions.h"

enum {
    DRV_EXTENSION_SET_WORDS = 16,
};

struct drv_extension_set {
    uint32_t words[DRV_EXTENSION_SET_WORDS];
};

static inline void
drv_extension_set_add(struct drv_extension_set *set, const struct proto_extension *extension)
{
    size_t index = (size_t)(extension - proto_extensions);
    set->words[index / 32] |= 1u << (index % 32);
}

static inline void
drv_extension_set_remove(struct drv_extension_set *set, const struct proto_extension *extension)
{
    size_t index = (size_t)(extension - proto_extensions);
    set->words[index / 32] &= ~(1u << (index % 32));
}

static inline bool
drv_extension_set_has(const struct drv_extension_set *set, const struct proto_extension *extension)
{
    size_t index = (size_t)(extension - proto_extensions);
    return set->words[index / 32] >> (index % 32) & 1;
}

/* False too for names that the protocol does not know. */
static inline bool
drv_extension_set_has_name(const struct drv_extension_set *set, const char *name)
{
    const struct proto_extension *extension = proto_extension_find(name);
    return extension && drv_extension_set_has(set, extension);
}

#endif
