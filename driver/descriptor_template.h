/* Descriptor update templates. The renderer never hears of them: the driver keeps the entries and
 * turns a template and its data into ordinary descriptor writes. Constant after creation. */
#ifndef DRV_DESCRIPTOR_TEMPLATE_H
#define DRV_DESCRIPTOR_TEMPLATE_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/descriptor_layout.h"
#include "driver/scratch.h"

struct drv_descriptor_template {
    struct proto_object object;
    VkDescriptorUpdateTemplateType type;
    VkPipelineBindPoint bind_point;                /* of push templates */
    struct drv_descriptor_set_layout *push_layout; /* of push templates: one reference, or NULL */
    uint32_t entry_count;
    VkDescriptorUpdateTemplateEntry entries[];
};

static inline struct drv_descriptor_template *
drv_descriptor_template_from(VkDescriptorUpdateTemplate handle)
{
    return (struct drv_descriptor_template *)(uintptr_t)handle;
}

/* The writes, one for each entry, that update `set` (VK_NULL_HANDLE: push descriptors) of that
 * layout with `data`; already cleaned. Arrays that lie packed in the data are used in place. NULL:
 * out of memory. */
BASE_MUST_CHECK VkWriteDescriptorSet *drv_descriptor_template_expand(
    struct drv_scratch *scratch, const struct drv_descriptor_template *update_template,
    const struct drv_descriptor_set_layout *layout, VkDescriptorSet set, const void *data);

#endif
