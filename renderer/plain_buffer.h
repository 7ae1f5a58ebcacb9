/* Buffers for memory that is not shared, beside those for memory that is.
 *
 * Every buffer is external to pages, so that it can lie in memory that both sides map. A host may
 * then refuse it a memory type of its own that the buffer could natively lie in: NVIDIA's driver
 * refuses the one behind the BAR, which is the only one for images that the host copies, and a
 * transfer buffer may be wanted in the same memory as such an image. So where a device has host
 * image copies enabled, transfer buffers are two of the host's: one external to pages and one to
 * nothing. The guest is told the memory types of both; which of the two its buffer is, binding it
 * to memory decides. Both live as long as the guest's does. */
#ifndef RND_PLAIN_BUFFER_H
#define RND_PLAIN_BUFFER_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

/* Whether a device's transfer buffers are two: the first tells. */
enum rnd_plain_buffers {
    RND_PLAIN_BUFFERS_UNKNOWN,
    RND_PLAIN_BUFFERS_NONE, /* the second could lie nowhere that the first could not */
    RND_PLAIN_BUFFERS_SOME,
};

struct rnd_buffer;
struct rnd_call;
struct rnd_device;
struct rnd_external;

/* Whether such a buffer is two; `info` has been through rnd_external_buffer(). */
bool rnd_plain_buffer_is_wanted(const struct rnd_device *device, const VkBufferCreateInfo *info,
                                const struct rnd_external *external);
/* Makes the second beside `shared`, if it is wanted. `info` is external to nothing afterwards. */
BASE_MUST_CHECK VkResult rnd_plain_buffer_create(struct rnd_device *device,
                                                 const VkBufferCreateInfo *info, VkBuffer shared,
                                                 struct rnd_buffer *buffer);
/* Adds to what the guest is told of the first what the host says of the second: the types, in the
 * host's numbers, that the first cannot have. */
void rnd_plain_buffer_add(const struct rnd_device *device, const VkMemoryRequirements *shared,
                          const VkMemoryRequirements *plain, VkMemoryRequirements *guest);
/* Which of the two the buffer is from now on, as it is about to be bound to that memory: itself, if
 * it is not two. NULL, and the context has ended: another ring has destroyed either. */
VkBuffer rnd_plain_buffer_choose(struct rnd_call *call, VkBuffer buffer, VkDeviceMemory memory);

#endif
