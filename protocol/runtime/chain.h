/* pNext chains on the wire: one table of structures, hand-written walkers.
 *
 * A chain is nested: [u64 0] ends it; [u64 1] [i32 sType] [chain] [members] adds one structure. So
 * the sTypes come in list order and the member blocks in reverse. Which structures may follow is
 * decided by the base structure of the chain, not by the one before. */
#ifndef PROTO_CHAIN_H
#define PROTO_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "protocol/runtime/caps.h"
#include "wire/writer.h"

/* One structure that can stand in a chain. Partial functions are NULL if it never goes out empty.
 */
struct proto_chain_entry {
    int32_t stype;
    uint32_t c_size; /* sizeof, for whoever allocates one */
    const char *name;
    /* Who brings it: the core version, or 0, and extensions, as proto_chain_owners[first_owner...],
     * which are rows of proto_extensions[]. */
    uint32_t core_version;
    uint16_t first_owner, owner_count;
    size_t (*size)(const struct proto_caps *caps, const void *members_of);
    void (*write)(struct wire_writer *w, const struct proto_caps *caps, const void *members_of);
    size_t (*size_partial)(const struct proto_caps *caps, const void *members_of);
    void (*write_partial)(struct wire_writer *w, const struct proto_caps *caps,
                          const void *members_of);
};

/* Generated, ascending by sType. */
extern const struct proto_chain_entry proto_chain_table[];
extern const uint32_t proto_chain_count;
extern const uint16_t proto_chain_owners[];

/* A member that is zero for the guest whatever the host says: what it promises has no wire form, or
 * none that the other half knows. */
struct proto_withheld_member {
    uint16_t index; /* into the table */
    uint16_t offset;
    uint16_t unless; /* 0, or the private extension that lets whoever knows it have the member */
    const char *name;
};

/* Generated from the policy. */
extern const struct proto_withheld_member proto_withheld_members[];
extern const uint32_t proto_withheld_member_count;

/* The structures permitted behind one base, as ascending indices into the table. Generated. */
struct proto_chain_set {
    uint32_t count;
    const uint16_t *indices;
};

enum proto_gate_kind {
    PROTO_GATE_ALWAYS,
    PROTO_GATE_EXTENSION, /* mask bits a and, if not 0, b */
    PROTO_GATE_PRIVATE,   /* bit a of the tail's mask */
    PROTO_GATE_VERSION,   /* the registry version is at least a.b */
    PROTO_GATE_FEATURE,   /* enum wire_feature a */
};

struct proto_gate {
    uint16_t index; /* into the table */
    uint8_t kind;
    uint16_t a, b;
};

extern const struct proto_gate proto_gates[];
extern const uint32_t proto_gate_count;

/* The entry of a structure, whatever it extends; NULL if the protocol knows none of that sType. */
const struct proto_chain_entry *proto_chain_entry_of(int32_t stype);
/* Index of the structure in the table, else -1. */
int proto_chain_index(int32_t stype);
/* The same if it is in the set, else -1. */
int proto_chain_find(const struct proto_chain_set *set, int32_t stype);

/* Zeroes the withheld members of a chain that a query has filled in. `known`: the private
 * extensions that the other half knows, WIRE_CAPSET_EXTENSION_WORDS of them. */
void proto_chain_withhold(const uint32_t *known, void *chain);
/* The name of a withheld member that the chain asks for; NULL if there is none. */
const char *proto_chain_first_withheld(const uint32_t *known, const void *chain);

/* The driver's chain as far as the peer knows its structures; the others are skipped. */
size_t proto_chain_size(const struct proto_caps *caps, const void *next,
                        const struct proto_chain_set *set, bool partial);
void proto_chain_write(struct wire_writer *w, const struct proto_caps *caps, const void *next,
                       const struct proto_chain_set *set, bool partial);

#endif
