/* Making buffers and images external to imported host memory, so that binding them to shared pages
 * is legal. What the host does not promise to be importable stays as the guest described it, and is
 * then never offered a memory type of shared pages. */
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
    bool external;            /* may be bound to shared pages; constant */
};

struct rnd_image {
    struct rnd_object object; /* first */
    bool external;            /* as above */
    /* As created; constant. */
    VkFormat format;
    VkImageType type;
    VkExtent3D extent;
    uint32_t mip_levels, array_layers;
    VkImageUsageFlags usage;
};

/* Chains VkExternalMemory*CreateInfo to a decoded create info where the host allows it, and takes
 * out the guest's own. *external says what came of it. An external image starts UNDEFINED, whatever
 * the guest said (see preinitialized.h). False: the context has ended. */
BASE_MUST_CHECK bool rnd_external_buffer(struct rnd_call *call, const VkBufferCreateInfo *info,
                                         bool *external);
BASE_MUST_CHECK bool rnd_external_image(struct rnd_call *call, const VkImageCreateInfo *info,
                                        bool *external);

#endif
