/* Which of the host's handle types an object has to be external to, asked of the host. */
#ifndef RND_EXTERNAL_CHOICE_H
#define RND_EXTERNAL_CHOICE_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "renderer/physical_device.h"

/* Asks the host about one handle type; false: not for such an object. `what` describes it. */
typedef bool (*rnd_external_ask)(const struct rnd_physical_device *physical, void *what,
                                 VkExternalMemoryHandleTypeFlagBits type,
                                 VkExternalMemoryProperties *out);

/* `what` is a VkBufferCreateInfo. */
bool rnd_external_ask_buffer(const struct rnd_physical_device *physical, void *what,
                             VkExternalMemoryHandleTypeFlagBits type,
                             VkExternalMemoryProperties *out);
/* `what` is a VkImageCreateInfo. */
bool rnd_external_ask_image(const struct rnd_physical_device *physical, void *what,
                            VkExternalMemoryHandleTypeFlagBits type,
                            VkExternalMemoryProperties *out);

/* For what the guest may map: all handle types that the memory types' backings need, or as many of
 * them as the host takes together. 0: none. */
VkExternalMemoryHandleTypeFlags rnd_external_choose(const struct rnd_physical_device *physical,
                                                    rnd_external_ask ask, void *what);
/* For what the guest declares external to all of `exported`: one handle type, 0: none will do.
 * `addressable`: the guest may want to map it, as it does buffers and linear images. *out is what
 * to tell the guest of `exported`, and may be NULL. */
VkExternalMemoryHandleTypeFlags
rnd_external_choose_for_guest(const struct rnd_physical_device *physical, rnd_external_ask ask,
                              void *what, VkExternalMemoryHandleTypeFlags exported,
                              bool addressable, VkExternalMemoryProperties *out);

#endif
