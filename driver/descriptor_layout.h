/* VkDescriptorSetLayout: what its bindings are, for those who must know which parts of a descriptor
 * write count (descriptor_write.h) and how much room a set takes (descriptor_account.h).
 *
 * Sets and templates outlive the application's handle, so a layout counts references. Constant
 * after creation but for that count; any thread may read. */
#ifndef DRV_DESCRIPTOR_LAYOUT_H
#define DRV_DESCRIPTOR_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/descriptor_type.h"
#include "driver/device.h"

struct drv_descriptor_binding {
    uint32_t binding; /* its number in the shader */
    VkDescriptorType type;
    uint32_t count; /* descriptors, or bytes of an inline uniform block */
    bool immutable_samplers;
    bool converting; /* some of these have a VkSamplerYcbcrConversion */
};

struct drv_descriptor_set_layout {
    struct proto_object object;
    struct drv_device *device; /* outlives us */
    _Atomic uint32_t references;

    /* What a set takes from its pool, without the binding of variable size. */
    struct drv_descriptor_counts counts;
    bool variable; /* the last binding's size is chosen with the set */
    uint32_t binding_count;
    struct drv_descriptor_binding bindings[]; /* ascending by number */
};

static inline struct drv_descriptor_set_layout *
drv_descriptor_set_layout_from(VkDescriptorSetLayout handle)
{
    return (struct drv_descriptor_set_layout *)(uintptr_t)handle;
}

/* Accepts and returns NULL. */
struct drv_descriptor_set_layout *
drv_descriptor_set_layout_ref(struct drv_descriptor_set_layout *layout);
void drv_descriptor_set_layout_unref(struct drv_descriptor_set_layout *layout);

/* NULL: the layout has no such binding. */
const struct drv_descriptor_binding *
drv_descriptor_set_layout_find(const struct drv_descriptor_set_layout *layout, uint32_t binding);

/* Adds what `count` descriptors of that type in one binding take. */
void drv_descriptor_counts_add(struct drv_descriptor_counts *counts, VkDescriptorType type,
                               uint32_t count);
/* What a set of this layout takes; variable_count is ignored by layouts that have no such binding.
 */
struct drv_descriptor_counts
drv_descriptor_set_layout_counts(const struct drv_descriptor_set_layout *layout,
                                 uint32_t variable_count);

/* Fills bindings, counts and `variable`; `layout` has room for info->bindingCount. Tells nobody. */
void drv_descriptor_set_layout_describe(struct drv_descriptor_set_layout *layout,
                                        const VkDescriptorSetLayoutCreateInfo *info);

#endif
