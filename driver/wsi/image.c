/* A swapchain's images, and what is submitted with them. By the swapchain's road each is a dma-buf
 * that the window system reads itself (direct_image.c), or an ordinary image and a buffer that its
 * frames are copied to, in a dma-buf or in shared memory. */
#include "driver/image.h"
#include "base/fd.h"
#include "driver/drv_entry.h"
#include "driver/memory.h"
#include "driver/wsi/direct_image.h"
#include "driver/wsi/format.h"
#include "driver/wsi/image_memory.h"
#include "driver/wsi/ownership.h"
#include "driver/wsi/swapchain.h"

enum {
    /* Enough for every window system, and what copies run fastest with. */
    PITCH_ALIGNMENT = 256,
};

/* --- what the application draws into --- */

VkResult
wsi_swapchain_create_image(struct wsi_swapchain *swapchain, const VkAllocationCallbacks *allocator,
                           VkImage *out)
{
    if (swapchain->road == WSI_ROAD_DIRECT) {
        return wsi_direct_image_create_alias(swapchain, allocator, out);
    }
    const VkImageFormatListCreateInfo list = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_LIST_CREATE_INFO,
        .viewFormatCount = swapchain->view_format_count,
        .pViewFormats = swapchain->view_formats,
    };
    VkImageCreateInfo info = swapchain->image_info;
    info.pNext = swapchain->view_format_count > 0 ? &list : NULL;
    return drv_CreateImage((VkDevice)swapchain->device, &info, allocator, out);
}

VkResult
wsi_swapchain_get_memory(struct wsi_swapchain *swapchain, struct drv_image *image, uint32_t index,
                         VkDeviceMemory *out)
{
    VkResult result = VK_SUCCESS;
    *out = swapchain->images[index].memory;
    if (swapchain->road == WSI_ROAD_DIRECT) {
        result =
            wsi_direct_image_import(swapchain, index, (VkImage)(uintptr_t)image, &image->imported);
        *out = image->imported;
    }
    return result;
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
    int type = wsi_find_device_memory_type(swapchain, requirements.memoryTypeBits);
    result =
        wsi_allocate(swapchain, &requirements, type, NULL, swapchain->allocator, &image->memory);
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

static VkResult
share_buffer(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    struct drv_memory *memory = drv_memory_from(image->buffer_memory);
    VkResult result = drv_memory_share(swapchain->device, memory, &image->pixels.map);
    if (result == VK_SUCCESS && wsi_road_passes_pages(swapchain)) {
        image->pixels.fd = drv_memory_get_pages(swapchain->device, memory);
    }
    return result;
}

static VkResult
init_shared_buffer(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
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
    int type = wsi_find_mapped_memory_type(swapchain, requirements.memoryTypeBits);
    result = wsi_allocate(swapchain, &requirements, type, NULL, swapchain->allocator,
                          &image->buffer_memory);
    if (result == VK_SUCCESS) {
        result = drv_BindBufferMemory(device, image->buffer, image->buffer_memory, 0);
    }
    return result == VK_SUCCESS ? share_buffer(swapchain, image) : result;
}

/* --- dma-bufs --- */

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

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
    int type = wsi_find_dma_buf_memory_type(swapchain, requirements.memoryTypeBits,
                                            image->pixels.modifier);
    VkResult result = wsi_allocate(swapchain, &requirements, type, &export, swapchain->allocator,
                                   &image->buffer_memory);
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
    image->pixels.modifier = WSI_MODIFIER_LINEAR;
    image->pixels.plane_count = 1;
    image->pixels.planes[0] = (struct wsi_plane){0, image->pixels.pitch};
    VkResult result = drv_CreateBuffer(device, &info, swapchain->allocator, &image->buffer);
    if (result == VK_SUCCESS) {
        result = allocate_dma_buf(swapchain, image);
    }
    return result == VK_SUCCESS
               ? wsi_export_dma_buf(swapchain, image->buffer_memory, &image->pixels.dma_buf)
               : result;
}

/* --- all --- */

static VkResult
init_by_road(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    if (swapchain->road == WSI_ROAD_DIRECT) {
        return wsi_direct_image_init(swapchain, image);
    }
    VkResult result = init_image(swapchain, image);
    if (result != VK_SUCCESS || !swapchain->target) {
        return result;
    }
    return swapchain->road == WSI_ROAD_COPIED ? init_dma_buf(swapchain, image)
                                              : init_shared_buffer(swapchain, image);
}

VkResult
wsi_image_init(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    uint32_t families = swapchain->device->physical_device->queue_family_count;

    init_layout(swapchain, &image->pixels);
    image->commands =
        drv_alloc(swapchain->device->allocator, swapchain->allocator,
                  families * sizeof(*image->commands), VK_SYSTEM_ALLOCATION_SCOPE_OBJECT);
    if (!image->commands) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = drv_CreateFence((VkDevice)swapchain->device, &fence_info,
                                      swapchain->allocator, &image->copied);
    return result == VK_SUCCESS ? init_by_road(swapchain, image) : result;
}

void
wsi_image_finish(struct wsi_swapchain *swapchain, struct wsi_image *image)
{
    VkDevice device = (VkDevice)swapchain->device;
    const VkAllocationCallbacks *allocator = swapchain->allocator;

    pthread_mutex_lock(&swapchain->lock);
    wsi_ownership_abandon_locked(swapchain, image);
    pthread_mutex_unlock(&swapchain->lock);
    base_fd_close(&image->pixels.dma_buf);
    base_fd_close(&image->pixels.fd);
    drv_DestroyBuffer(device, image->buffer, allocator);
    drv_FreeMemory(device, image->buffer_memory, allocator);
    drv_DestroyImage(device, image->image, allocator);
    drv_FreeMemory(device, image->memory, allocator);
    drv_DestroyFence(device, image->copied, allocator);
    drv_free(swapchain->device->allocator, allocator, image->commands);
}

/* --- what is submitted --- */

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
    const VkBufferMemoryBarrier release = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .srcQueueFamilyIndex = family,
        .dstQueueFamilyIndex = wsi_foreign_family(swapchain),
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
static void
record_copy(const struct wsi_swapchain *swapchain, const struct wsi_image *image, uint32_t family,
            VkCommandBuffer commands)
{
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
    drv_CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                           VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &to_copy, 0, NULL, 0, NULL);
    drv_CmdCopyImageToBuffer(commands, image->image, VK_IMAGE_LAYOUT_GENERAL, image->buffer, 1,
                             &region);
    record_handover(swapchain, image, family, commands);
}

static VkResult
record(const struct wsi_swapchain *swapchain, const struct wsi_image *image, uint32_t family,
       enum wsi_commands kind, VkCommandBuffer commands)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult result = drv_BeginCommandBuffer(commands, &begin);
    if (result != VK_SUCCESS) {
        return result;
    }
    if (kind == WSI_COMMANDS_ACQUIRE) {
        wsi_ownership_record_acquire(swapchain, image, family, commands);
    } else if (swapchain->road == WSI_ROAD_DIRECT) {
        wsi_ownership_record_release(swapchain, image, family, commands);
    } else {
        record_copy(swapchain, image, family, commands);
    }
    return drv_EndCommandBuffer(commands);
}

static VkResult
get_commands_locked(struct wsi_swapchain *swapchain, struct wsi_image *image, uint32_t family,
                    enum wsi_commands kind, VkCommandBuffer *out)
{
    VkDevice device = (VkDevice)swapchain->device;
    VkCommandBuffer *kept = &image->commands[family].of[kind];
    VkResult result = VK_SUCCESS;

    if (*kept) {
        *out = *kept;
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
    result = record(swapchain, image, family, kind, commands);
    if (result != VK_SUCCESS) {
        drv_FreeCommandBuffers(device, swapchain->pools[family], 1, &commands);
        return result;
    }
    *out = *kept = commands;
    return VK_SUCCESS;
}

VkResult
wsi_image_get_commands(struct wsi_swapchain *swapchain, struct wsi_image *image, uint32_t family,
                       enum wsi_commands kind, VkCommandBuffer *out)
{
    pthread_mutex_lock(&swapchain->recording_lock);
    VkResult result = get_commands_locked(swapchain, image, family, kind, out);
    pthread_mutex_unlock(&swapchain->recording_lock);
    return result;
}
