/* How much memory of a device the instances of this process have allocated. Each instance has a
 * process of its own on the host, which tells of its own memory alone, while VK_EXT_memory_budget's
 * heapUsage is that of the application's process. Any thread. */
#ifndef DRV_HEAP_USE_H
#define DRV_HEAP_USE_H

#include <stdatomic.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct drv_heap_totals; /* of all instances */

struct drv_heap_use {
    struct drv_heap_totals *totals; /* NULL: not counted */
    _Atomic VkDeviceSize bytes[VK_MAX_MEMORY_HEAPS];
};

/* For one instance's physical device. Never fails: out of memory, nothing is counted. */
void drv_heap_use_init(struct drv_heap_use *use, const uint8_t device_uuid[VK_UUID_SIZE]);
/* Takes away what is left. Accepts zeroes. */
void drv_heap_use_finish(struct drv_heap_use *use);

/* `heap` < VK_MAX_MEMORY_HEAPS. */
void drv_heap_use_add(struct drv_heap_use *use, uint32_t heap, VkDeviceSize bytes);
void drv_heap_use_take_away(struct drv_heap_use *use, uint32_t heap, VkDeviceSize bytes);

/* Bytes that other instances have. */
VkDeviceSize drv_heap_use_of_others(const struct drv_heap_use *use, uint32_t heap);

#endif
