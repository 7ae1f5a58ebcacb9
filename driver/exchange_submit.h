/* Submissions that name fences or semaphores of which the host knows nothing (driver/exchange.h):
 * copies in which its timelines stand for them. */
#ifndef DRV_EXCHANGE_SUBMIT_H
#define DRV_EXCHANGE_SUBMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/batch.h"
#include "driver/scratch.h"

struct drv_queue;

/* The submission, before and after. */
struct drv_submits2 {
    uint32_t count;
    const VkSubmitInfo2 *infos;
    VkFence fence;
};

/* Does nothing to a submission with which nobody else is concerned. The copy lies in the scratch.
 * VK_ERROR_OUT_OF_HOST_MEMORY: nothing has changed. VK_ERROR_DEVICE_LOST: something has. */
BASE_MUST_CHECK VkResult drv_exchange_batches(struct drv_queue *queue, struct drv_scratch *scratch,
                                              struct drv_batches *batches);
BASE_MUST_CHECK VkResult drv_exchange_submit2(struct drv_queue *queue, struct drv_scratch *scratch,
                                              struct drv_submits2 *submits);

#endif
