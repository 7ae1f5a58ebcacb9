/* Images that start PREINITIALIZED in shared pages.
 *
 * An external image may not start PREINITIALIZED (VUID-VkImageCreateInfo-pNext-01443), and a linear
 * one that is not external could have no host-visible memory, though Vulkan promises it some. So
 * such an image is created UNDEFINED and brought to GENERAL as soon as it has memory: in that
 * layout too, what the host writes is what the GPU reads. Where the guest's barriers say
 * PREINITIALIZED, ours say GENERAL.
 *
 * What remains: texels written before the memory is bound are not promised to survive, and a render
 * pass that begins with PREINITIALIZED attachments is not rewritten. */
#ifndef RND_PREINITIALIZED_H
#define RND_PREINITIALIZED_H

#include <pthread.h>
#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "base/table.h"

struct rnd_device;
struct rnd_image;

/* A device's images of this kind. Any thread may call. */
struct rnd_preinitialized {
    pthread_mutex_t lock;
    struct base_table images; /* the host's VkImage -> struct rnd_image; guarded by lock */
    _Atomic bool any;         /* ever; spares everyone else the lock */
};

void rnd_preinitialized_init(struct rnd_preinitialized *set);
void rnd_preinitialized_finish(struct rnd_preinitialized *set);
/* False: out of memory. The image is borrowed until it is removed. */
BASE_MUST_CHECK bool rnd_preinitialized_add(struct rnd_preinitialized *set, VkImage handle,
                                            struct rnd_image *image);
/* Accepts images that are not in the set. */
void rnd_preinitialized_remove(struct rnd_preinitialized *set, VkImage handle);

/* `layout`, or GENERAL where the guest means the PREINITIALIZED contents of such an image. */
VkImageLayout rnd_preinitialized_layout(struct rnd_preinitialized *set, VkImage handle,
                                        VkImageLayout layout);
/* The image has been bound: brings it to GENERAL and waits for that. Nothing for other images. */
BASE_MUST_CHECK VkResult rnd_preinitialized_bound(struct rnd_device *device, VkImage handle);

#endif
