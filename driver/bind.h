/* Results of single binds, which applications may ask for one by one. */
#ifndef DRV_BIND_H
#define DRV_BIND_H

#include <vulkan/vulkan_core.h>

#include "driver/struct_chain.h"

/* `chain` is that of a VkBindBufferMemoryInfo or VkBindImageMemoryInfo. */
static inline void
drv_bind_report(const void *chain, VkResult result)
{
    const VkBindMemoryStatus *status = drv_find_struct(chain, VK_STRUCTURE_TYPE_BIND_MEMORY_STATUS);
    if (status && status->pResult) {
        *status->pResult = result;
    }
}

#endif
