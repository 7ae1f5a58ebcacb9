/* Small habits of Vulkan's interface: chains of structures, and arrays handed out in two calls. */
#ifndef DRV_STRUCT_CHAIN_H
#define DRV_STRUCT_CHAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <vulkan/vulkan_core.h>

/* The first structure of that type in a chain of inputs; NULL if there is none. */
static inline const void *
drv_find_struct(const void *chain, VkStructureType type)
{
    for (const VkBaseInStructure *at = chain; at; at = at->pNext) {
        if (at->sType == type) {
            return at;
        }
    }
    return NULL;
}

/* The same for outputs. */
static inline void *
drv_find_out_struct(void *chain, VkStructureType type)
{
    for (VkBaseOutStructure *at = chain; at; at = at->pNext) {
        if (at->sType == type) {
            return at;
        }
    }
    return NULL;
}

/* Vulkan's way of giving an array: the count alone, or as much as fits. */
static inline VkResult
drv_return_array(const void *items, uint32_t count, size_t item_size, uint32_t *out_count,
                 void *out)
{
    if (!out) {
        *out_count = count;
        return VK_SUCCESS;
    }
    VkResult result = *out_count < count ? VK_INCOMPLETE : VK_SUCCESS;
    if (*out_count > count) {
        *out_count = count;
    }
    if (*out_count > 0) {
        memcpy(out, items, *out_count * item_size);
    }
    return result;
}

#endif
