/* Memory of a type that is visible but not coherent: the application maps pages of its own, a copy,
 * and vkFlushMappedMemoryRanges and vkInvalidateMappedMemoryRanges carry bytes to the host's memory
 * and back (docs/memory.md, VK_VESPER_copied_memory).
 *
 * Vulkan lets an application flush what it has not written, beside what the device has: a cache has
 * no line of that to write back. So a copy remembers what it was when it was last in step with the
 * host's memory, and only what differs from that goes there.
 *
 * A copy begins with zeros. If something is bound to the memory by then, it fetches what is there.
 * If not, nobody but the application writes until something is: nothing is fetched, and whatever
 * the host's memory holds is cleared before the first bytes go there, or before it is bound. For
 * applications map large allocations whole, and what lies behind a BAR reads slowly. */
#ifndef DRV_MEMORY_COPY_H
#define DRV_MEMORY_COPY_H

#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct drv_device;
struct drv_memory;

/* Once, under the device's blobs_lock; memory->blob gets the pages. */
BASE_MUST_CHECK VkResult drv_memory_copy_create(struct drv_device *device,
                                                struct drv_memory *memory);
/* Memory, any or NULL, is about to be bound. */
BASE_MUST_CHECK VkResult drv_memory_copy_note_bound(struct drv_device *device,
                                                    struct drv_memory *memory);
/* Accepts memory without a copy. */
void drv_memory_copy_destroy(struct drv_memory *memory);

/* All for `size` bytes or VK_WHOLE_SIZE, waiting for the host where it is to answer. Threads may
 * have ranges of one copy under way that do not overlap. */
BASE_MUST_CHECK VkResult drv_memory_copy_send(struct drv_device *device, struct drv_memory *memory,
                                              VkDeviceSize offset, VkDeviceSize size);
BASE_MUST_CHECK VkResult drv_memory_copy_fetch(struct drv_device *device, struct drv_memory *memory,
                                               VkDeviceSize offset, VkDeviceSize size);
/* Fetches, but for what the application has written and not sent: that is its own to read, however
 * often it unmaps and maps. */
BASE_MUST_CHECK VkResult drv_memory_copy_refresh(struct drv_device *device,
                                                 struct drv_memory *memory, VkDeviceSize offset,
                                                 VkDeviceSize size);

#endif
