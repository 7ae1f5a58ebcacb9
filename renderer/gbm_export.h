/* Images that leave as dma-bufs of libgbm's, on physical devices with one (docs/memory.md): laid
 * out so that host and libgbm both take them, with memory that is made when it is allocated for
 * them. */
#ifndef RND_GBM_EXPORT_H
#define RND_GBM_EXPORT_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct rnd_call;
struct rnd_image;

/* vkCreateImage on the host, for a guest's image whose `external` is settled; image->gbm and
 * external are completed. What cannot be had by libgbm is laid out as the host likes; the log says
 * why. */
BASE_MUST_CHECK VkResult rnd_gbm_export_create_image(struct rnd_call *call,
                                                     const VkImageCreateInfo *info,
                                                     struct rnd_image *image, VkImage *out);
/* A dma-buf, the caller's, for vkAllocateMemory: in the layout of the image that the memory is
 * dedicated to, or plain bytes. -1, and the reason in the log. */
BASE_MUST_CHECK int rnd_gbm_export_allocate(struct rnd_call *call,
                                            const VkMemoryAllocateInfo *info);

#endif
