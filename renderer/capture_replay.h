/* What a guest has captured of an object, to make another like it: bytes whose length only the host
 * knows. They travel with a length of the guest's, and the host gets as many as it may read. */
#ifndef RND_CAPTURE_REPLAY_H
#define RND_CAPTURE_REPLAY_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct rnd_call;

/* Puts Vulkan's structure in the place of the wire's in a decoded create info's chain. False: the
 * context has ended. */
BASE_MUST_CHECK bool rnd_capture_restore(struct rnd_call *call, const void *create_info);
/* The same for the handles of a pipeline's shader groups, which the device keeps. False: it has no
 * room for them. */
BASE_MUST_CHECK bool rnd_capture_restore_groups(struct rnd_call *call,
                                                const VkRayTracingPipelineCreateInfoKHR *info);

#endif
