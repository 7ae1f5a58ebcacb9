#include "protocol/runtime/chain_decode.h"

#include <string.h>

enum {
    /* A chain of every known structure is shorter; a peer that nests deeper is up to no good. */
    MAX_CHAIN_DEPTH = 1024,
};

static void *
decode_chain(struct proto_decoder *d, const struct proto_chain_set *set, bool partial,
             const char *base_name)
{
    if (wire_read_u64(d->in) == 0) {
        return NULL;
    }
    int32_t stype = wire_read_i32(d->in);
    int index = proto_chain_find(set, stype);
    if (index < 0) {
        proto_decoder_fail(d, "%s: a structure with sType %d may not be chained to it", base_name,
                           (int)stype);
        return NULL;
    }
    if (d->depth >= MAX_CHAIN_DEPTH) {
        proto_decoder_fail(d, "%s: more than %d structures are chained to it", base_name,
                           MAX_CHAIN_DEPTH);
        return NULL;
    }
    const struct proto_chain_decode_entry *entry = &proto_chain_decode_table[index];
    void (*members)(struct proto_decoder *, void *) = partial ? entry->partial : entry->full;
    VkBaseOutStructure *s = proto_decoder_alloc(d, 1, proto_chain_table[index].c_size);
    if (!s || !members) {
        proto_decoder_fail(d, "%s cannot be chained here", proto_chain_table[index].name);
        return NULL;
    }
    s->sType = (VkStructureType)stype;
    d->depth++;
    s->pNext = decode_chain(d, set, partial, base_name);
    d->depth--;
    if (!d->in->failed) {
        members(d, s);
    }
    return s;
}

void
proto_decode_base(struct proto_decoder *d, void *base, VkStructureType stype,
                  const struct proto_chain_set *set, bool partial, const char *name)
{
    VkBaseOutStructure *s = base;
    int32_t received = wire_read_i32(d->in);
    if (!d->in->failed && received != (int32_t)stype) {
        proto_decoder_fail(d, "%s: sType is %d, must be %d", name, (int)received, (int)stype);
    }
    s->sType = stype;
    s->pNext = d->in->failed ? NULL : decode_chain(d, set, partial, name);
}

const struct proto_caps *
proto_decode_all_caps(void)
{
    static const struct proto_caps all = {
        .vk_xml_version = UINT32_MAX,
        .vesper_features = UINT32_MAX,
        .private_extensions = {[0 ... WIRE_CAPSET_EXTENSION_WORDS - 1] = UINT32_MAX},
        .open = {[0 ... PROTO_MAX_STRUCTS / 32 - 1] = UINT32_MAX},
    };
    return &all;
}
