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
    uint32_t value_count; /* values of one query before its availability or status */
    uint32_t tail_count;  /* and behind it: feedback on parts of an encoded picture */
    bool has_status;      /* that alone, which is always asked for */
};

static inline struct drv_query_pool *
drv_query_pool_from(VkQueryPool handle)
{
    return (struct drv_query_pool *)(uintptr_t)handle;
}

/* Values that one query of this pool yields; 0 if there are none, or this driver does not know. */
uint32_t drv_query_value_count(const VkQueryPoolCreateInfo *info);
/* Those behind its availability or status. */
uint32_t drv_query_tail_count(const VkQueryPoolCreateInfo *info);

/* Results as the renderer sends them, tightly packed: values, availability or status, tail; to
 * where and how the application wants them. Those of unavailable queries, whose status is 0 too,
 * are written only with PARTIAL. True if all were available. */
bool drv_query_scatter(const void *packed, uint32_t query_count, const struct drv_query_pool *pool,
                       void *data, VkDeviceSize stride, VkQueryResultFlags flags);

#endif
