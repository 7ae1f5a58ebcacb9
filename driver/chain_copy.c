#include "driver/chain_copy.h"

#include "protocol/runtime/chain.h"

bool
drv_chain_copy(struct drv_scratch *scratch, const void *chain, void **out)
{
    VkBaseOutStructure *first = NULL;
    VkBaseOutStructure **link = &first;

    for (const VkBaseInStructure *at = chain; at; at = at->pNext) {
        const struct proto_chain_entry *entry = proto_chain_entry_of((int32_t)at->sType);
        if (!entry) {
            continue;
        }
        VkBaseOutStructure *copy = drv_scratch_copy(scratch, at, entry->c_size);
        if (!copy) {
            return false;
        }
        copy->pNext = NULL;
        *link = copy;
        link = &copy->pNext;
    }
    *out = first;
    return true;
}

void
drv_chain_remove(void **chain, VkStructureType type)
{
    VkBaseOutStructure *first = *chain;
    VkBaseOutStructure **link = &first;

    while (*link) {
        if ((*link)->sType == type) {
            *link = (*link)->pNext;
        } else {
            link = &(*link)->pNext;
        }
    }
    *chain = first;
}
