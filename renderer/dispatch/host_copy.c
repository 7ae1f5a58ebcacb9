/* Host image copies: the texels travel inside the command or its reply. The host's driver is told
 * only where they begin, so their length is checked here. */
#include <inttypes.h>
#include <string.h>

#include "renderer/call_impl.h"
#include "renderer/device.h"
#include "renderer/external.h"
#include "renderer/format.h"
#include "renderer/rnd_dispatch.h"

/* One region, whichever way it goes. */
struct region {
    const struct rnd_image *image;
    VkHostImageCopyFlags flags;
    uint32_t row_length, image_height;
    VkImageSubresourceLayers subresource;
    VkExtent3D extent;
};

static struct rnd_image *
find_image(struct rnd_call *call, VkImage handle)
{
    struct rnd_object *object = rnd_call_seen(call, VK_OBJECT_TYPE_IMAGE, RND_HANDLE(handle));
    if (!object) {
        rnd_call_fail(call, "it names no image");
    }
    return (struct rnd_image *)object;
}

static uint32_t
layer_count(const struct region *region)
{
    const VkImageSubresourceLayers *subresource = &region->subresource;
    if (subresource->layerCount != VK_REMAINING_ARRAY_LAYERS) {
        return subresource->layerCount;
    }
    return subresource->baseArrayLayer < region->image->array_layers
               ? region->image->array_layers - subresource->baseArrayLayer
               : 0;
}

/* With VK_HOST_IMAGE_COPY_MEMCPY the layout, and so the length, is the driver's own. */
static uint64_t
memcpy_size(struct rnd_call *call, const struct region *region)
{
    const struct rnd_device *device = rnd_call_device(call);
    if (!device->table.GetImageSubresourceLayout2) {
        return UINT64_MAX;
    }
    VkImageSubresource2 which = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
        .imageSubresource = {.aspectMask = region->subresource.aspectMask,
                             .mipLevel = region->subresource.mipLevel,
                             .arrayLayer = region->subresource.baseArrayLayer},
    };
    VkSubresourceHostMemcpySize size = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE};
    VkSubresourceLayout2 layout = {
        .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2,
        .pNext = &size,
    };
    device->table.GetImageSubresourceLayout2(
        device->handle, RND_OBJECT_HANDLE(&region->image->object, VkImage), &which, &layout);
    uint64_t bytes;
    return __builtin_mul_overflow(size.size, layer_count(region), &bytes) ? UINT64_MAX : bytes;
}

/* The largest texels there are, for formats that we do not know: more than enough. */
static const struct rnd_texel_block largest_block = {32, 1, 1};

/* Bytes that the host may touch. *exact: not one less. */
static uint64_t
touched_size(struct rnd_call *call, const struct region *region, bool *exact)
{
    struct rnd_texel_block block = largest_block;
    *exact = true;
    if (region->flags & VK_HOST_IMAGE_COPY_MEMCPY) {
        return memcpy_size(call, region);
    }
    *exact = rnd_format_block(region->image->format, region->subresource.aspectMask, &block);
    return rnd_format_copy_size(&block, &region->extent, layer_count(region), region->row_length,
                                region->image_height);
}

/* Memory of at least `size` bytes that the host may touch, with `data` in it where that is long
 * enough: data itself, or a longer buffer for formats whose size is only bounded. NULL: the call
 * has failed. */
static void *
fit(struct rnd_call *call, const struct region *region, void *data, size_t size)
{
    bool exact;
    uint64_t touched = touched_size(call, region, &exact);
    if (touched <= size) {
        return data;
    }
    if (exact) {
        rnd_call_fail(call, "%zu bytes of data, the region has %" PRIu64, size, touched);
        return NULL;
    }
    return rnd_call_alloc(call, 1, touched);
}

void
rnd_do_vkCopyImageToMemoryMESA(struct rnd_call *call, struct proto_vkCopyImageToMemoryMESA *args)
{
    const VkCopyImageToMemoryInfoMESA *info = args->pCopyImageToMemoryInfo;
    if (!call->device_table->CopyImageToMemory) {
        rnd_call_missing(call);
        return;
    }
    struct region region = {
        .image = find_image(call, info->srcImage),
        .flags = info->flags,
        .row_length = info->memoryRowLength,
        .image_height = info->memoryImageHeight,
        .subresource = info->imageSubresource,
        .extent = info->imageExtent,
    };
    void *target = region.image ? fit(call, &region, args->pData, args->dataSize) : NULL;
    if (!target) {
        return;
    }
    VkImageToMemoryCopy copy = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
        .pHostPointer = target,
        .memoryRowLength = info->memoryRowLength,
        .memoryImageHeight = info->memoryImageHeight,
        .imageSubresource = info->imageSubresource,
        .imageOffset = info->imageOffset,
        .imageExtent = info->imageExtent,
    };
    VkCopyImageToMemoryInfo host_info = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
        .flags = info->flags,
        .srcImage = info->srcImage,
        .srcImageLayout = info->srcImageLayout,
        .regionCount = 1,
        .pRegions = &copy,
    };
    args->ret = call->device_table->CopyImageToMemory(args->device, &host_info);
    if (target != args->pData) {
        memcpy(args->pData, target, args->dataSize);
    }
}

static bool
prepare_region(struct rnd_call *call, const VkCopyMemoryToImageInfoMESA *info,
               const struct rnd_image *image, const VkMemoryToImageCopyMESA *from,
               VkMemoryToImageCopy *to)
{
    struct region region = {
        .image = image,
        .flags = info->flags,
        .row_length = from->memoryRowLength,
        .image_height = from->memoryImageHeight,
        .subresource = from->imageSubresource,
        .extent = from->imageExtent,
    };
    void *source = fit(call, &region, (void *)from->pData, from->dataSize);
    if (!source) {
        return false;
    }
    if (source != from->pData) {
        memcpy(source, from->pData, from->dataSize);
    }
    *to = (VkMemoryToImageCopy){
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
        .pHostPointer = source,
        .memoryRowLength = from->memoryRowLength,
        .memoryImageHeight = from->memoryImageHeight,
        .imageSubresource = from->imageSubresource,
        .imageOffset = from->imageOffset,
        .imageExtent = from->imageExtent,
    };
    return true;
}

void
rnd_do_vkCopyMemoryToImageMESA(struct rnd_call *call, struct proto_vkCopyMemoryToImageMESA *args)
{
    const VkCopyMemoryToImageInfoMESA *info = args->pCopyMemoryToImageInfo;
    if (!call->device_table->CopyMemoryToImage) {
        rnd_call_missing(call);
        return;
    }
    const struct rnd_image *image = find_image(call, info->dstImage);
    VkMemoryToImageCopy *regions =
        image ? rnd_call_alloc(call, info->regionCount, sizeof(*regions)) : NULL;
    if (!regions) {
        return;
    }
    for (uint32_t i = 0; i < info->regionCount; i++) {
        if (!prepare_region(call, info, image, &info->pRegions[i], &regions[i])) {
            return;
        }
    }
    VkCopyMemoryToImageInfo host_info = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
        .flags = info->flags,
        .dstImage = info->dstImage,
        .dstImageLayout = info->dstImageLayout,
        .regionCount = info->regionCount,
        .pRegions = regions,
    };
    args->ret = call->device_table->CopyMemoryToImage(args->device, &host_info);
}
