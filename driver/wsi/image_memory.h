/* Memory for images of swapchains, and what frames are copied to. */
#ifndef WSI_IMAGE_MEMORY_H
#define WSI_IMAGE_MEMORY_H

#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct wsi_swapchain;

/* The first type of the mask with all wanted flags, those without `unwanted` ones preferred. -1:
 * none. */
int wsi_find_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask,
                         VkMemoryPropertyFlags wanted, VkMemoryPropertyFlags unwanted);
/* A type on the device that nobody maps, or the next best. -1: none. */
int wsi_find_device_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask);
/* A type whose pages both sides map, best read by the CPU. -1: none. */
int wsi_find_mapped_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask);
/* A type for a dma-buf of that modifier. -1: none. */
int wsi_find_dma_buf_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask,
                                 uint64_t modifier);
/* `type` -1 gives VK_ERROR_OUT_OF_DEVICE_MEMORY. */
BASE_MUST_CHECK VkResult wsi_allocate(const struct wsi_swapchain *swapchain,
                                      const VkMemoryRequirements *requirements, int type,
                                      const void *chain, const VkAllocationCallbacks *allocator,
                                      VkDeviceMemory *out);
/* The memory as a dma-buf; the descriptor is the caller's. */
BASE_MUST_CHECK VkResult wsi_export_dma_buf(const struct wsi_swapchain *swapchain,
                                            VkDeviceMemory memory, int *out_fd);

#endif
