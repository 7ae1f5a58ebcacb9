/* Making buffers and images external to what the guest's memory types are made of, imported pages
 * or exported dma-bufs, so that binding them is legal. Where the host does not promise that, the
 * object stays as the guest described it, and is then never offered such a memory type. */
#ifndef RND_EXTERNAL_H
#define RND_EXTERNAL_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/gbm_image.h"
#include "renderer/object.h"

struct rnd_call;
struct rnd_device;

struct rnd_physical_device;

/* The handle types that an object is external to. */
struct rnd_external {
    VkExternalMemoryHandleTypeFlags host;
    VkExternalMemoryHandleTypeFlags guest; /* as the guest declared it, and the host can do it */
    uint32_t never; /* the host's memory types that its memory cannot be of */
    bool dedicate;  /* memory of its own is better */
    bool copied;    /* the guest sees its memory all the same if it wants: in copies */
};

struct rnd_buffer {
    struct rnd_object object;     /* first */
    struct rnd_external external; /* constant */
    VkBuffer shared, plain;       /* one is its handle (plain_buffer.h); NULL: there is but one */
};

struct rnd_image {
    struct rnd_object object; /* first */
    /* As created; constant. */
    struct rnd_external external;
    VkFormat format;
    VkImageType type;
    VkExtent3D extent;
    uint32_t mip_levels, array_layers;
    VkImageUsageFlags usage;
    struct rnd_gbm_layout gbm; /* how libgbm is to lay memory out that is dedicated to it */
};

/* Chains VkExternalMemory*CreateInfo to a decoded create info where the host allows it, in place of
 * the guest's own. *out says what came of it. An external image starts UNDEFINED, whatever the
 * guest said (see preinitialized.h). False: the context has ended. */
BASE_MUST_CHECK bool rnd_external_buffer(struct rnd_call *call, const VkBufferCreateInfo *info,
                                         struct rnd_external *out);
BASE_MUST_CHECK bool rnd_external_image(struct rnd_call *call, const VkImageCreateInfo *info,
                                        struct rnd_external *out);

/* What the guest is told about OPAQUE_FD, DMA_BUF and HOST_ALLOCATION. Decoded structures are
 * changed in place: the image's question has VkPhysicalDeviceExternalImageFormatInfo in its chain.
 */
void rnd_external_buffer_properties(const struct rnd_physical_device *physical,
                                    const VkPhysicalDeviceExternalBufferInfo *info,
                                    VkExternalMemoryProperties *out);
VkResult rnd_external_image_properties(const struct rnd_physical_device *physical,
                                       const VkPhysicalDeviceImageFormatInfo2 *info,
                                       VkImageFormatProperties2 *out);

#endif
