/* Which chained structures the peer understands: the encoder leaves the others out.
 * Filled once from the capset, constant afterwards, any thread may read. */
#ifndef PROTO_CAPS_H
#define PROTO_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/capset.h"

enum {
    PROTO_MAX_STRUCTS = 1024,
};

struct proto_caps {
    uint32_t vk_xml_version;  /* the lower of the peer's and ours */
    uint32_t vesper_features; /* enum wire_feature; 0 for a peer that is not Vesper */
    /* Bit N of word N / 32: the private form of extension number N is understood. */
    uint32_t private_extensions[WIRE_CAPSET_EXTENSION_WORDS];
    /* One bit for each chainable structure, by its index in the generated table. */
    uint32_t open[PROTO_MAX_STRUCTS / 32];
};

/* Evaluates every structure's gate against the capset. */
void proto_caps_init(struct proto_caps *caps, const struct wire_capset *capset);
/* Everything open: for tests and tools. */
void proto_caps_init_all(struct proto_caps *caps);
/* What this build of ours understands: fills the whole capset, tail included, with `features`. */
void proto_caps_fill_capset(struct wire_capset *capset, uint32_t features);

static inline bool
proto_caps_has_private_extension(const struct proto_caps *caps, uint32_t number)
{
    return number < 32 * WIRE_CAPSET_EXTENSION_WORDS &&
           (caps->private_extensions[number / 32] >> (number % 32) & 1);
}

static inline bool
proto_caps_open(const struct proto_caps *caps, uint32_t struct_index)
{
    return caps->open[struct_index / 32] >> (struct_index % 32) & 1;
}

#endif
