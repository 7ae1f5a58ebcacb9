/* Finds out which memory types a guest can come to share: those that take pages of a memfd, and
 * those whose dma-bufs can be mapped. */
#ifndef RND_MEMORY_PROBE_H
#define RND_MEMORY_PROBE_H

#include <vulkan/vulkan_core.h>

#include "renderer/memory_types.h"

struct rnd_physical_device;

/* Only a logical device can answer, so this creates one, tries a little with each type that is
 * HOST_VISIBLE and HOST_COHERENT, and throws it away. Of the physical device, has_*,
 * import_alignment and gbm are set; with gbm, dma-bufs come from there, and pages are not tried.
 * What the host promises and does not keep goes to the log. */
void rnd_memory_probe(const struct rnd_physical_device *device,
                      const VkPhysicalDeviceMemoryProperties *memory,
                      struct rnd_memory_abilities *out);

#endif
