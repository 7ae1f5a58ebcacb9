#include "protocol/runtime/chain.h"

int
proto_chain_index(int32_t stype)
{
    uint32_t low = 0, high = proto_chain_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (proto_chain_table[middle].stype < stype) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < proto_chain_count && proto_chain_table[low].stype == stype ? (int)low : -1;
}

const struct proto_chain_entry *
proto_chain_entry_of(int32_t stype)
{
    int index = proto_chain_index(stype);
    return index >= 0 ? &proto_chain_table[index] : NULL;
}

/* Of the structure with that index in the table. */
static bool
is_withheld(const struct proto_withheld_member *member, int index, const uint32_t *known)
{
    return member->index == index &&
           (member->unless == 0 || !(known[member->unless / 32] >> (member->unless % 32) & 1));
}

void
proto_chain_withhold(const uint32_t *known, void *chain)
{
    for (VkBaseOutStructure *at = chain; at; at = at->pNext) {
        int index = proto_chain_index((int32_t)at->sType);
        for (uint32_t i = 0; index >= 0 && i < proto_withheld_member_count; i++) {
            const struct proto_withheld_member *member = &proto_withheld_members[i];
            if (is_withheld(member, index, known)) {
                *(VkBool32 *)((char *)at + member->offset) = VK_FALSE;
            }
        }
    }
}

const char *
proto_chain_first_withheld(const uint32_t *known, const void *chain)
{
    for (const VkBaseInStructure *at = chain; at; at = at->pNext) {
        int index = proto_chain_index((int32_t)at->sType);
        for (uint32_t i = 0; index >= 0 && i < proto_withheld_member_count; i++) {
            const struct proto_withheld_member *member = &proto_withheld_members[i];
            if (is_withheld(member, index, known) &&
                *(const VkBool32 *)((const char *)at + member->offset)) {
                return member->name;
            }
        }
    }
    return NULL;
}

static bool
set_contains(const struct proto_chain_set *set, uint16_t index)
{
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (set->indices[middle] < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < set->count && set->indices[low] == index;
}

int
proto_chain_find(const struct proto_chain_set *set, int32_t stype)
{
    int index = set->count > 0 ? proto_chain_index(stype) : -1;
    return index >= 0 && set_contains(set, (uint16_t)index) ? index : -1;
}

/* The next structure that goes on the wire, and its table entry. */
static const VkBaseInStructure *
next_encodable(const struct proto_caps *caps, const void *next, const struct proto_chain_set *set,
               const struct proto_chain_entry **entry)
{
    for (const VkBaseInStructure *s = next; s; s = s->pNext) {
        int index = proto_chain_find(set, (int32_t)s->sType);
        if (index >= 0 && proto_caps_open(caps, (uint32_t)index)) {
            *entry = &proto_chain_table[index];
            return s;
        }
    }
    return NULL;
}

size_t
proto_chain_size(const struct proto_caps *caps, const void *next, const struct proto_chain_set *set,
                 bool partial)
{
    size_t size = 8;
    const struct proto_chain_entry *entry;
    const VkBaseInStructure *s = next_encodable(caps, next, set, &entry);
    while (s) {
        size += 4 + 8 + (partial ? entry->size_partial : entry->size)(caps, s);
        s = next_encodable(caps, s->pNext, set, &entry);
    }
    return size;
}

void
proto_chain_write(struct wire_writer *w, const struct proto_caps *caps, const void *next,
                  const struct proto_chain_set *set, bool partial)
{
    const struct proto_chain_entry *entry;
    const VkBaseInStructure *s = next_encodable(caps, next, set, &entry);
    if (!s) {
        wire_write_u64(w, 0);
        return;
    }
    wire_write_u64(w, 1);
    wire_write_i32(w, entry->stype);
    proto_chain_write(w, caps, s->pNext, set, partial);
    (partial ? entry->write_partial : entry->write)(w, caps, s);
}
