/* Descriptor pools and their sets. A pool and its sets belong to one thread at a time when sets are
 * allocated or freed, as Vulkan asks; updating different sets may happen in parallel and touches
 * nothing here. */
#ifndef DRV_DESCRIPTOR_POOL_H
#define DRV_DESCRIPTOR_POOL_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"
#include "driver/descriptor_account.h"
#include "driver/descriptor_layout.h"

struct drv_descriptor_pool {
    struct proto_object object;
    struct drv_device *device; /* outlives us */
    VkAllocationCallbacks allocator_storage;
    const VkAllocationCallbacks *allocator; /* vkCreateDescriptorPool's own, or NULL */
    struct base_list sets;                  /* drv_descriptor_set.link */
    struct drv_descriptor_account account;
};

struct drv_descriptor_set {
    struct proto_object object;
    struct drv_descriptor_pool *pool;         /* owns us */
    struct base_list link;                    /* drv_descriptor_pool.sets */
    struct drv_descriptor_set_layout *layout; /* one reference; constant */
    uint32_t variable_count; /* size of the variable binding, if the layout has one */
};

static inline struct drv_descriptor_pool *
drv_descriptor_pool_from(VkDescriptorPool handle)
{
    return (struct drv_descriptor_pool *)(uintptr_t)handle;
}

static inline struct drv_descriptor_set *
drv_descriptor_set_from(VkDescriptorSet handle)
{
    return (struct drv_descriptor_set *)(uintptr_t)handle;
}

#endif
