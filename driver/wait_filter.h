/* Binary semaphores that are signalled on this side of the wire (drv_semaphore_signal_here()): the
 * renderer knows nothing of it, so a wait for one is taken out of the submission that has it, which
 * is the same as waiting for something that has happened already.
 *
 * Called by submissions, of which the application synchronises those that touch one semaphore. */
#ifndef DRV_WAIT_FILTER_H
#define DRV_WAIT_FILTER_H

#include <stdbool.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/batch.h"
#include "driver/scratch.h"

/* The infos become a copy in `scratch` if anything has to be taken out; the semaphores are
 * unsignalled then. False: out of host memory, and nothing has changed. */
BASE_MUST_CHECK bool drv_filter_batches(struct drv_scratch *scratch, struct drv_batches *batches);
BASE_MUST_CHECK bool drv_filter_submits2(struct drv_scratch *scratch, uint32_t count,
                                         const VkSubmitInfo2 **infos);

#endif
