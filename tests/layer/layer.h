/* What test layers have in common: finding their way in the loader's structures. */
#ifndef TEST_LAYER_H
#define TEST_LAYER_H

#include <stddef.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan_core.h>

/* What the loader put first in every dispatchable handle: the same for all of an instance, and for
 * all of a device. */
static inline void *
layer_key(void *dispatchable)
{
    return *(void **)dispatchable;
}

static inline const void *
layer_find_in_chain(const void *chain, VkStructureType type)
{
    for (const VkBaseInStructure *it = chain; it; it = it->pNext) {
        if (it->sType == type) {
            return it;
        }
    }
    return NULL;
}

/* Each layer takes its link and leaves the next one's. NULL: the loader gave none. */
static inline VkLayerInstanceLink *
layer_take_instance_link(const VkInstanceCreateInfo *info)
{
    for (const VkBaseInStructure *it = info->pNext; it; it = it->pNext) {
        VkLayerInstanceCreateInfo *layer = (VkLayerInstanceCreateInfo *)it;
        if (it->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
            layer->function == VK_LAYER_LINK_INFO) {
            VkLayerInstanceLink *link = layer->u.pLayerInfo;
            layer->u.pLayerInfo = link->pNext;
            return link;
        }
    }
    return NULL;
}

static inline VkLayerDeviceLink *
layer_take_device_link(const VkDeviceCreateInfo *info)
{
    for (const VkBaseInStructure *it = info->pNext; it; it = it->pNext) {
        VkLayerDeviceCreateInfo *layer = (VkLayerDeviceCreateInfo *)it;
        if (it->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO &&
            layer->function == VK_LAYER_LINK_INFO) {
            VkLayerDeviceLink *link = layer->u.pLayerInfo;
            layer->u.pLayerInfo = link->pNext;
            return link;
        }
    }
    return NULL;
}

#endif
