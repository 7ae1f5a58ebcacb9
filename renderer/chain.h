/* Walking and changing pNext chains. Decoded chains lie in the decoder's arena, so what a guest
 * sent may be changed in place before the host sees it. */
#ifndef RND_CHAIN_H
#define RND_CHAIN_H

#include <stddef.h>
#include <vulkan/vulkan_core.h>

/* NULL if there is none; the first if there are several. */
static inline void *
rnd_chain_find(const void *next, VkStructureType type)
{
    for (const VkBaseInStructure *it = next; it; it = it->pNext) {
        if (it->sType == type) {
            return (void *)it;
        }
    }
    return NULL;
}

/* Unlinks all structures of that type from the chain of `base` (any structure with sType and
 * pNext). Returns the first, or NULL. */
static inline void *
rnd_chain_remove(const void *base, VkStructureType type)
{
    void *removed = NULL;
    VkBaseOutStructure *it = (VkBaseOutStructure *)base;
    while (it->pNext) {
        if (it->pNext->sType != type) {
            it = it->pNext;
            continue;
        }
        if (!removed) {
            removed = it->pNext;
        }
        it->pNext = it->pNext->pNext;
    }
    return removed;
}

/* Puts a structure at the head of the chain of `base`. */
static inline void
rnd_chain_push(const void *base, void *structure)
{
    VkBaseOutStructure *head = (VkBaseOutStructure *)base;
    VkBaseOutStructure *item = structure;
    item->pNext = head->pNext;
    head->pNext = item;
}

#endif
