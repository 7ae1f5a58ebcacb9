/* Descriptor writes as the encoder may have them.
 *
 * Of a VkWriteDescriptorSet only what its type uses counts; the rest may be garbage, and the
 * encoder would follow it. These functions make copies in which the rest is zero. Pure: no
 * renderer, no allocation but from the scratch memory. */
#ifndef DRV_DESCRIPTOR_WRITE_H
#define DRV_DESCRIPTOR_WRITE_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/descriptor_layout.h"
#include "driver/scratch.h"

/* `layout` is that of the set written to; NULL if it is not known, then samplers are kept. dstSet
 * is kept: for push descriptors the caller clears it. False: out of memory. */
BASE_MUST_CHECK bool drv_descriptor_write_clean(struct drv_scratch *scratch,
                                                const struct drv_descriptor_set_layout *layout,
                                                const VkWriteDescriptorSet *in,
                                                VkWriteDescriptorSet *out);

/* All writes of vkCmdPushDescriptorSet, with dstSet cleared. NULL: out of memory. */
BASE_MUST_CHECK VkWriteDescriptorSet *
drv_descriptor_writes_clean_push(struct drv_scratch *scratch,
                                 const struct drv_descriptor_set_layout *layout, uint32_t count,
                                 const VkWriteDescriptorSet *writes);

#endif
