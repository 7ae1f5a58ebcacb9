/* A swapchain's images: each an ordinary image for the application, and a buffer that a frame is
 * copied to, in shared memory or in a dma-buf. */
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/image.h"
#include "driver/memory.h"
#include "driver/wsi/format.h"
#include "driver/wsi/swapchain.h"

enum {
    /* Enough for every window system, and what copies run fastest with. */
    PITCH_ALIGNMENT = 256,
};

/* The first type of the mask with all wanted flags, those without `unwanted` ones preferred. -1:
 * none. */
static int
find_memory_type(const struct drv_device *device, uint32_t mask, VkMemoryPropertyFlags wanted,
                 VkMemoryPropertyFlags unwanted)
{
    const VkPhysicalDeviceMemoryProperties *memory = &device->physical_device->memory;
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

static VkResult
allocate(struct wsi_swapchain *swapchain, const VkMemoryRequirements *requirements, int type,
         const void *chain, VkDeviceMemory *out)
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
    return drv_AllocateMemory((VkDevice)swapchain->device, &info, swapchain->allocator, out);
}

/* --- what the application draws into --- */

VkResult
wsi_swapchain_create_image(struct wsi_swapchain *swapchain, const VkAllocationCallbacks *allocator,
                           VkImage *out)
{
    const VkImageFormatListCreateInfo list = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
        .viewFormatCount = swapchain->view_format_count,
        .pViewFormats = swapchain->view_formats,
    };
    VkImageCreateInfo info = swapchain->image_info;
    info.pNext = swapchain->view_format_count > 0 ? &list : NULL;
    return drv_CreateImage((VkDevice)swapchain->device, &info, allocator, out);
}

static VkResult
init_image(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    VkResult result = wsi_swapchain_create_image(swapchain, swapchain->allocator, &image->image);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkMemoryRequirements requirements;
    drv_GetImageMemoryRequirements(device, image->image, &requirements);
    int type =
        find_memory_type(swapchain->device, requirements.memoryTypeBits,
                         VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
    if (type < 0) {
        type = find_memory_type(swapchain->device, requirements.memoryTypeBits, 0, 0);
    }
    result = allocate(swapchain, &requirements, type, NULL, &image->memory);
    return result == VK_SUCCESS ? drv_BindImageMemory(device, image->image, image->memory, 0)
                                : result;
}

/* --- what the window system reads --- */

static void
init_layout(const struct wsi_swapchain *swapchain, struct wsi_pixels *pixels)
{
    pixels->format = swapchain->image_info.format;
    pixels->extent.width = swapchain->image_info.extent.width;
    pixels->extent.height = swapchain->image_info.extent.height;
    uint32_t row = pixels->extent.width * wsi_format_pixel_size(pixels->format);
    pixels->pitch = (row + PITCH_ALIGNMENT - 1) / PITCH_ALIGNMENT * PITCH_ALIGNMENT;
    pixels->size = (uint64_t)pixels->pitch * pixels->extent.height;
    pixels->fd = -1;
    pixels->dma_buf = -1;
}

static void
finish_buffer(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    drv_DestroyBuffer(device, image->buffer, swapchain->allocator);
    drv_FreeMemory(device, image->buffer_memory, swapchain->allocator);
    image->buffer = VK_NULL_HANDLE;
    image->buffer_memory = VK_NULL_HANDLE;
    base_fd_close(&image->pixels.dma_buf);
}

static VkResult
init_shared_buffer(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    const VkMemoryPropertyFlags visible =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = image->pixels.size,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkResult result = drv_CreateBuffer(device, &info, swapchain->allocator, &image->buffer);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkMemoryRequirements requirements;
    drv_GetBufferMemoryRequirements(device, image->buffer, &requirements);
    int type = find_memory_type(swapchain->device, requirements.memoryTypeBits,
                                visible | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0);
    if (type < 0) {
        type = find_memory_type(swapchain->device, requirements.memoryTypeBits, visible, 0);
    }
    result = allocate(swapchain, &requirements, type, NULL, &image->buffer_memory);
    if (result == VK_SUCCESS) {
        result = drv_BindBufferMemory(device, image->buffer, image->buffer_memory, 0);
    }
    return result == VK_SUCCESS
               ? drv_memory_share(swapchain->device, drv_memory_from(image->buffer_memory),
                                  &image->pixels.map, &image->pixels.fd)
               : result;
}

/* --- dma-bufs --- */

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* Whether the device makes buffers of the kind as dma-bufs. */
static bool
makes_dma_bufs(const struct drv_device *device)
{
    const VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .handleType = DMA_BUF,
    };
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };
    if (!drv_extension_set_has_name(&device->physical_device->extensions,
                                    VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME)) {
        return false;
    }
    drv_GetPhysicalDeviceExternalBufferProperties((VkPhysicalDevice)device->physical_device, &info,
                                                  &properties);
    return properties.externalMemoryProperties.externalMemoryFeatures &
           VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
}

static VkResult
allocate_dma_buf(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .buffer = image->buffer,
    };
    const VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = &dedicated,
        .handleTypes = DMA_BUF,
    };
    VkMemoryRequirements requirements;
    drv_GetBufferMemoryRequirements(device, image->buffer, &requirements);
    int type = find_memory_type(swapchain->device, requirements.memoryTypeBits,
                                VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0);
    if (type < 0) {
        type = find_memory_type(swapchain->device, requirements.memoryTypeBits, 0, 0);
    }
    VkResult result = allocate(swapchain, &requirements, type, &export, &image->buffer_memory);
    return result == VK_SUCCESS
               ? drv_BindBufferMemory(device, image->buffer, image->buffer_memory, 0)
               : result;
}

static VkResult
init_dma_buf(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = DMA_BUF,
    };
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = image->pixels.size,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkResult result = drv_CreateBuffer(device, &info, swapchain->allocator, &image->buffer);
    if (result == VK_SUCCESS) {
        result = allocate_dma_buf(swapchain, image);
    }
    if (result != VK_SUCCESS) {
        return result;
    }
    const VkMemoryGetFdInfoKHR get = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = image->buffer_memory,
        .handleType = DMA_BUF,
    };
    return drv_GetMemoryFdKHR(device, &get, &image->pixels.dma_buf);
}

/* --- both --- */

VkResult
wsi_image_share_memory(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    finish_buffer(swapchain, image);
    return init_shared_buffer(swapchain, image);
}

/* VESPER_WINDOW_DMA_BUFS=0 is for a compositor that takes them and shows them wrong. */
static bool
dma_bufs_wanted(void)
{
    const char *value = getenv("VESPER_WINDOW_DMA_BUFS");
    return !value || strcmp(value, "0") != 0;
}

static VkResult
init_buffer(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    struct wsi_target *target = swapchain->target;
    target->takes_dma_bufs =
        target->takes_dma_bufs && dma_bufs_wanted() && makes_dma_bufs(swapchain->device);
    if (!target->takes_dma_bufs) {
        return init_shared_buffer(swapchain, image);
    }
    VkResult result = init_dma_buf(swapchain, image);
    if (result != VK_SUCCESS && result != VK_ERROR_DEVICE_LOST) {
        base_log_info("vkCreateSwapchainKHR: no dma-buf of %ux%u can be made (VkResult %d): frames "
                      "go through shared memory",
                      image->pixels.extent.width, image->pixels.extent.height, result);
        target->takes_dma_bufs = false;
        return wsi_image_share_memory(swapchain, image);
    }
    return result;
}

VkResult
wsi_image_init(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    uint32_t families = swapchain->device->physical_device->queue_family_count;

    init_layout(swapchain, &image->pixels);
    image->commands =
        drv_alloc(swapchain->device->allocator, swapchain->allocator,
                  families * sizeof(VkCommandBuffer), VK_SYSTEM_ALLOCATION_SCOPE_OBJECT);
    if (!image->commands) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = drv_CreateFence((VkDevice)swapchain->device, &fence_info,
                                      swapchain->allocator, &image->copied);
    if (result == VK_SUCCESS) {
        result = init_image(swapchain, image);
    }
    if (result == VK_SUCCESS && swapchain->target) {
        result = init_buffer(swapchain, image);
    }
    return result;
}

void
wsi_image_finish(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    const VkAllocationCallbacks *allocator = swapchain->allocator;

    finish_buffer(swapchain, image);
    drv_DestroyImage(device, image->image, allocator);
    drv_FreeMemory(device, image->memory, allocator);
    drv_DestroyFence(device, image->copied, allocator);
    drv_free(swapchain->device->allocator, allocator, image->commands);
}

/* --- the copy --- */

static VkResult
create_pool(struct wsi_swapchain *swapchain, uint32_t family)
{
    const VkCommandPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = family,
    };
    return drv_CreateCommandPool((VkDevice)swapchain->device, &info, swapchain->allocator,
                                 &swapchain->pools[family]);
}

/* The frame is there for whoever reads the shared memory, or has the dma-buf: that is another user
 * of the memory, which gets it from this queue family. Nothing is taken back from there: the next
 * copy overwrites it all. */
static void
record_handover(const struct wsi_swapchain *swapchain, const struct wsi_image *image,
                uint32_t family, VkCommandBuffer commands)
{
    const VkMemoryBarrier to_host = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    bool knows_foreign = drv_extension_set_has_name(&swapchain->device->physical_device->extensions,
                                                    VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME);
    const VkBufferMemoryBarrier release = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .srcQueueFamilyIndex = family,
        .dstQueueFamilyIndex =
            knows_foreign ? VK_QUEUE_FAMILY_FOREIGN_EXT : VK_QUEUE_FAMILY_EXTERNAL,
        .buffer = image->buffer,
        .size = VK_WHOLE_SIZE,
    };
    if (image->pixels.dma_buf != -1) {
        drv_CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
                               VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, NULL, 1, &release, 0,
                               NULL);
    } else {
        drv_CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT,
                               0, 1, &to_host, 0, NULL, 0, NULL);
    }
}

/* Presentable images are in GENERAL while they are presented (protocol/runtime/layout.h). What an
 * application presents without semaphores has been waited for by itself, which makes it available;
 * the first barrier makes it visible. */
static VkResult
record_copy(const struct wsi_swapchain *swapchain, const struct wsi_image *image, uint32_t family,
            VkCommandBuffer commands)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    const struct wsi_pixels *pixels = &image->pixels;
    const VkBufferImageCopy region = {
        .bufferRowLength = pixels->pitch / wsi_format_pixel_size(pixels->format),
        .imageSubresource = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .layerCount = 1},
        .imageExtent = {pixels->extent.width, pixels->extent.height, 1},
    };
    const VkMemoryBarrier to_copy = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
    };
    VkResult result = drv_BeginCommandBuffer(commands, &begin);
    if (result != VK_SUCCESS) {
        return result;
    }
    drv_CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                           VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &to_copy, 0, NULL, 0, NULL);
    drv_CmdCopyImageToBuffer(commands, image->image, VK_IMAGE_LAYOUT_GENERAL, image->buffer, 1,
                             &region);
    record_handover(swapchain, image, family, commands);
    return drv_EndCommandBuffer(commands);
}

VkResult
wsi_image_get_copy(struct wsi_swapchain *swapchain, struct wsi_image *image, uint32_t family,
                   VkCommandBuffer *out)
{
    VkDevice device = (VkDevice)swapchain->device;
    VkResult result = VK_SUCCESS;

    if (image->commands[family]) {
        *out = image->commands[family];
        return VK_SUCCESS;
    }
    if (!swapchain->pools[family]) {
        result = create_pool(swapchain, family);
        if (result != VK_SUCCESS) {
            return result;
        }
    }
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = swapchain->pools[family],
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer commands;
    result = drv_AllocateCommandBuffers(device, &info, &commands);
    if (result != VK_SUCCESS) {
        return result;
    }
    result = record_copy(swapchain, image, family, commands);
    if (result != VK_SUCCESS) {
        drv_FreeCommandBuffers(device, swapchain->pools[family], 1, &commands);
        return result;
    }
    image->commands[family] = commands;
    *out = commands;
    return VK_SUCCESS;
}
