#include "driver/wsi/image_memory.h"

#include "driver/drv_entry.h"
#include "driver/wsi/swapchain.h"

int
wsi_find_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask,
                     VkMemoryPropertyFlags wanted, VkMemoryPropertyFlags unwanted)
{
    const VkPhysicalDeviceMemoryProperties *memory = &swapchain->device->physical_device->memory;
    int found = -1;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
        if (!(mask >> i & 1) || (flags & wanted) != wanted) {
            continue;
        }
        if (!(flags & unwanted)) {
            return (int)i;
        }
        found = found < 0 ? (int)i : found;
    }
    return found;
}

int
wsi_find_device_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask)
{
    int type = wsi_find_memory_type(swapchain, mask, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                    VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
    return type < 0 ? wsi_find_memory_type(swapchain, mask, 0, 0) : type;
}

int
wsi_find_mapped_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask)
{
    const VkMemoryPropertyFlags mapped =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    int type =
        wsi_find_memory_type(swapchain, mask, mapped | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0);
    return type < 0 ? wsi_find_memory_type(swapchain, mask, mapped, 0) : type;
}

/* In a guest a window system mostly draws by software, and maps a linear dma-buf even if it calls
 * itself OpenGL. llvmpipe takes one that cannot be mapped, and Weston ends with a segmentation
 * fault when it draws it. */
int
wsi_find_dma_buf_memory_type(const struct wsi_swapchain *swapchain, uint32_t mask,
                             uint64_t modifier)
{
    bool in_guest = !swapchain->device->ring->transport->same_kernel;
    return in_guest && modifier == WSI_MODIFIER_LINEAR
               ? wsi_find_mapped_memory_type(swapchain, mask)
               : wsi_find_device_memory_type(swapchain, mask);
}

VkResult
wsi_allocate(const struct wsi_swapchain *swapchain, const VkMemoryRequirements *requirements,
             int type, const void *chain, const VkAllocationCallbacks *allocator,
             VkDeviceMemory *out)
{
    if (type < 0) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = chain,
        .allocationSize = requirements->size,
        .memoryTypeIndex = (uint32_t)type,
    };
    return drv_AllocateMemory((VkDevice)swapchain->device, &info, allocator, out);
}

VkResult
wsi_export_dma_buf(const struct wsi_swapchain *swapchain, VkDeviceMemory memory, int *out_fd)
{
    const VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = memory,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    return drv_GetMemoryFdKHR((VkDevice)swapchain->device, &info, out_fd);
}
