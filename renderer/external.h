/* Making buffers and images external to what the guest's memory types are made of, imported pages
 * or exported dma-bufs, so that binding them is legal. Where the host does not promise that, the
 * object stays as the guest described it, and is then never offered such a memory type. */
#ifndef RND_EXTERNAL_H
#define RND_EXTERNAL_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/object.h"

struct rnd_call;
struct rnd_device;

struct rnd_buffer {
    struct rnd_object object; /* first */
    /* What it is external to on the host; constant. */
    VkExternalMemoryHandleTypeFlags handles;
};

struct rnd_image {
    struct rnd_object object; /* first */
    /* As created; constant. */
    VkExternalMemoryHandleTypeFlags handles; /* as above */
    VkFormat format;
    VkImageType type;
    VkExtent3D extent;
    uint32_t mip_levels, array_layers;
    VkImageUsageFlags usage;
};

/* Chains VkExternalMemory*CreateInfo to a decoded create info where the host allows it, and takes
 * out the guest's own. *handles says what came of it. An external image starts UNDEFINED, whatever
 * the guest said (see preinitialized.h). False: the context has ended. */
BASE_MUST_CHECK bool rnd_external_buffer(struct rnd_call *call, const VkBufferCreateInfo *info,
                                         VkExternalMemoryHandleTypeFlags *handles);
BASE_MUST_CHECK bool rnd_external_image(struct rnd_call *call, const VkImageCreateInfo *info,
                                        VkExternalMemoryHandleTypeFlags *handles);

#endif
