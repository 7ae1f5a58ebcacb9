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
    VkOffset3D offset;
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
    return subresource->layerCount == VK_REMAINING_ARRAY_LAYERS
               ? region->image->array_layers - subresource->baseArrayLayer
               : subresource->layerCount;
}

/* --- where it lies in the image --- */

static bool
check_subresource(struct rnd_call *call, const struct region *region)
{
    const struct rnd_image *image = region->image;
    const VkImageSubresourceLayers *subresource = &region->subresource;
    if (__builtin_popcount(subresource->aspectMask) != 1) {
        rnd_call_fail(call, "aspect mask %#x, a host copy has one aspect", subresource->aspectMask);
        return false;
    }
    if (subresource->mipLevel >= image->mip_levels) {
        rnd_call_fail(call, "mip level %u, the image has %u", subresource->mipLevel,
                      image->mip_levels);
        return false;
    }
    if (subresource->baseArrayLayer >= image->array_layers ||
        layer_count(region) > image->array_layers - subresource->baseArrayLayer) {
        rnd_call_fail(call, "%u array layers from %u, the image has %u", subresource->layerCount,
                      subresource->baseArrayLayer, image->array_layers);
        return false;
    }
    return true;
}

static bool
lies_within(int32_t offset, uint32_t length, uint32_t whole)
{
    return offset >= 0 && (uint32_t)offset <= whole && length <= whole - (uint32_t)offset;
}

/* The CPU does the copying, so a region that leaves the image is a stray access of ours. */
static bool
check_extent(struct rnd_call *call, const struct region *region)
{
    const VkExtent3D *extent = &region->extent;
    const VkOffset3D *offset = &region->offset;
    VkExtent3D whole =
        rnd_format_level_extent(region->image->format, region->subresource.aspectMask,
                                &region->image->extent, region->subresource.mipLevel);
    if (!lies_within(offset->x, extent->width, whole.width) ||
        !lies_within(offset->y, extent->height, whole.height) ||
        !lies_within(offset->z, extent->depth, whole.depth)) {
        rnd_call_fail(call, "%ux%ux%u texels from %d, %d, %d, the mip level has %ux%ux%u",
                      extent->width, extent->height, extent->depth, offset->x, offset->y, offset->z,
                      whole.width, whole.height, whole.depth);
        return false;
    }
    if (!(region->flags & VK_HOST_IMAGE_COPY_MEMCPY)) {
        return true;
    }
    if (region->row_length != 0 || region->image_height != 0 || extent->width != whole.width ||
        extent->height != whole.height || extent->depth != whole.depth) {
        rnd_call_fail(call,
                      "VK_HOST_IMAGE_COPY_MEMCPY of %ux%ux%u texels, strides %u and %u: it "
                      "takes the whole mip level, %ux%ux%u, without strides",
                      extent->width, extent->height, extent->depth, region->row_length,
                      region->image_height, whole.width, whole.height, whole.depth);
        return false;
    }
    return true;
}

/* --- how long it is --- */

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

static uint64_t
size_in_blocks(const struct region *region, const struct rnd_texel_block *block)
{
    return rnd_format_copy_size(block, &region->extent, layer_count(region), region->row_length,
                                region->image_height);
}

/* What Vulkan says the region occupies: the guest's data is not shorter. 0 where only the host
 * knows. */
static uint64_t
wire_size(struct rnd_call *call, const struct region *region)
{
    struct rnd_texel_block block;
    if (region->flags & VK_HOST_IMAGE_COPY_MEMCPY) {
        return memcpy_size(call, region);
    }
    return rnd_format_block(region->image->format, region->subresource.aspectMask, &block)
               ? size_in_blocks(region, &block)
               : 0;
}

/* What the host's driver may touch. Drivers were seen to go by the extent and by their own texels
 * whatever the flags and the aspect. */
static uint64_t
touched_size(const struct region *region, uint64_t wire)
{
    const struct rnd_texel_block block =
        rnd_format_host_block(region->image->format, region->subresource.aspectMask);
    uint64_t most = size_in_blocks(region, &block);
    return most > wire ? most : wire;
}

/* Memory that the host may touch, with room for `size` bytes: `data` itself, or a longer buffer
 * where the host could go further than the data does. NULL: the call has failed. */
static void *
fit(struct rnd_call *call, const struct region *region, void *data, size_t size)
{
    if (!check_subresource(call, region) || !check_extent(call, region)) {
        return NULL;
    }
    uint64_t wire = wire_size(call, region);
    if (wire > size) {
        rnd_call_fail(call, "%zu bytes of data, the region has %" PRIu64, size, wire);
        return NULL;
    }
    uint64_t touched = touched_size(region, wire);
    return touched <= size ? data : rnd_call_alloc(call, 1, touched);
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
        .offset = info->imageOffset,
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
        .offset = from->imageOffset,
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

/* --- from image to image --- */

/* Counted in blocks, a region is as large in the other image; at an image's edge the last block may
 * be partial in one of the two. */
static uint32_t
convert_length(uint32_t length, uint32_t from_block, uint32_t to_block, uint32_t left)
{
    uint64_t blocks = ((uint64_t)length + from_block - 1) / from_block;
    uint64_t converted = blocks * to_block;
    if (converted > left && converted - left < to_block) {
        return left;
    }
    return converted < UINT32_MAX ? (uint32_t)converted : UINT32_MAX;
}

static uint32_t
rest(uint32_t whole, int32_t offset)
{
    return offset >= 0 && (uint32_t)offset <= whole ? whole - (uint32_t)offset : 0;
}

/* The extent in the target's texels. False: the formats do not go together. */
static bool
convert_extent(struct rnd_call *call, const struct region *from, struct region *to)
{
    struct rnd_texel_block source, target;
    to->extent = from->extent;
    if (from->image->format == to->image->format &&
        from->subresource.aspectMask == to->subresource.aspectMask) {
        return true;
    }
    if (!rnd_format_block(from->image->format, from->subresource.aspectMask, &source) ||
        !rnd_format_block(to->image->format, to->subresource.aspectMask, &target) ||
        source.bytes != target.bytes) {
        rnd_call_fail(call, "texels of formats %d and %d differ in size", from->image->format,
                      to->image->format);
        return false;
    }
    VkExtent3D whole = rnd_format_level_extent(to->image->format, to->subresource.aspectMask,
                                               &to->image->extent, to->subresource.mipLevel);
    to->extent.width = convert_length(from->extent.width, source.width, target.width,
                                      rest(whole.width, to->offset.x));
    to->extent.height = convert_length(from->extent.height, source.height, target.height,
                                       rest(whole.height, to->offset.y));
    return true;
}

/* Slices of a 3D image are layers of another. */
static uint32_t
slice_count(const struct region *region)
{
    return region->image->type == VK_IMAGE_TYPE_3D ? region->extent.depth : layer_count(region);
}

static bool
check_pair(struct rnd_call *call, struct region *from, struct region *to)
{
    if (!check_subresource(call, from) || !check_subresource(call, to) ||
        !convert_extent(call, from, to)) {
        return false;
    }
    if (slice_count(from) != slice_count(to)) {
        rnd_call_fail(call, "%u slices or layers, to be copied to %u", slice_count(from),
                      slice_count(to));
        return false;
    }
    if (from->image->type != VK_IMAGE_TYPE_3D) {
        from->extent.depth = 1;
    }
    if (to->image->type != VK_IMAGE_TYPE_3D) {
        to->extent.depth = 1;
    }
    return check_extent(call, from) && check_extent(call, to);
}

void
rnd_do_vkCopyImageToImage(struct rnd_call *call, struct proto_vkCopyImageToImage *args)
{
    const VkCopyImageToImageInfo *info = args->pCopyImageToImageInfo;
    if (!call->device_table->CopyImageToImage) {
        rnd_call_missing(call);
        return;
    }
    const struct rnd_image *source = find_image(call, info->srcImage);
    const struct rnd_image *target = source ? find_image(call, info->dstImage) : NULL;
    if (!target) {
        return;
    }
    for (uint32_t i = 0; i < info->regionCount; i++) {
        const VkImageCopy2 *copy = &info->pRegions[i];
        struct region from = {.image = source,
                              .flags = info->flags,
                              .subresource = copy->srcSubresource,
                              .offset = copy->srcOffset,
                              .extent = copy->extent};
        struct region to = {.image = target,
                            .flags = info->flags,
                            .subresource = copy->dstSubresource,
                            .offset = copy->dstOffset};
        if (!check_pair(call, &from, &to)) {
            return;
        }
    }
    args->ret = call->device_table->CopyImageToImage(args->device, info);
}
