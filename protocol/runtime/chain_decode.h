/* pNext chains from bytes, on the renderer's side. */
#ifndef PROTO_CHAIN_DECODE_H
#define PROTO_CHAIN_DECODE_H

#include "protocol/runtime/chain.h"
#include "protocol/runtime/decoder.h"

/* Fills the members behind sType and pNext; NULL where that form does not occur. Generated, one
 * entry for each of proto_chain_table. */
struct proto_chain_decode_entry {
    void (*full)(struct proto_decoder *d, void *members_of);
    void (*partial)(struct proto_decoder *d, void *members_of);
};
extern const struct proto_chain_decode_entry proto_chain_decode_table[];

/* sType, which must be `stype`, and the chain of a base structure, which begins like
 * VkBaseOutStructure. A structure that the set does not permit ends the context. */
void proto_decode_base(struct proto_decoder *d, void *base, VkStructureType stype,
                       const struct proto_chain_set *set, bool partial, const char *name);

/* Everything open: replies carry just what the request carried. */
const struct proto_caps *proto_decode_all_caps(void);

#endif
