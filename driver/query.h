/* VkQueryPool: how its results are laid out. Constant after creation. */
#ifndef DRV_QUERY_H
#define DRV_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "driver/object.h"

struct drv_query_pool {
    struct proto_object object;
    uint32_t value_count; /* values of one query without its availability; 0: not known */
};

static inline struct drv_query_pool *
drv_query_pool_from(VkQueryPool handle)
{
    return (struct drv_query_pool *)(uintptr_t)handle;
}

/* Values that one query of this pool yields; 0 if this driver does not know. */
uint32_t drv_query_value_count(const VkQueryPoolCreateInfo *info);

/* Results as the renderer sends them, tightly packed and each followed by its availability, to
 * where and how the application wants them. Values of unavailable queries are written only with
 * PARTIAL. True if all were available. */
bool drv_query_scatter(const void *packed, uint32_t query_count, uint32_t value_count, void *data,
                       VkDeviceSize stride, VkQueryResultFlags flags);

#endif
