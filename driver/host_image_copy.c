/* Copies between the application's memory and images, without a queue. The data travels in the
 * command and in its reply, packed; images copied to images and layout transitions need nothing of
 * this. */
#include <stdlib.h>

#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/image.h"
#include "driver/scratch.h"
#include "driver/texel_block.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_mesa.h"

static uint32_t
layer_count(const struct drv_image *image, const VkImageSubresourceLayers *layers)
{
    return layers->layerCount == VK_REMAINING_ARRAY_LAYERS
               ? image->array_layers - layers->baseArrayLayer
               : layers->layerCount;
}

/* VK_HOST_IMAGE_COPY_MEMCPY: only the host knows how long the image's own layout is. 0: it did not
 * say. */
static size_t
memcpy_size(struct drv_device *device, const struct drv_image *image,
            const VkImageSubresourceLayers *layers)
{
    const VkImageSubresource2 subresource = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
        .imageSubresource = {layers->aspectMask, layers->mipLevel, layers->baseArrayLayer},
    };
    VkSubresourceHostMemcpySize size = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE};
    VkSubresourceLayout2 layout = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2, .pNext = &size};

    VkResult result = proto_call_vkGetImageSubresourceLayout2(
        device->object.client, (VkDevice)device, (VkImage)(uintptr_t)image, &subresource, &layout);
    return result == VK_SUCCESS ? size.size * layer_count(image, layers) : 0;
}

/* One region of the application's: how its texels lie. An image's own layout is one long row. */
static VkResult
find_rows(struct drv_device *device, const struct drv_image *image, VkHostImageCopyFlags flags,
          const VkImageSubresourceLayers *layers, VkExtent3D extent, uint32_t row_length,
          uint32_t image_height, struct drv_texel_rows *out)
{
    struct drv_texel_block block;

    if (flags & VK_HOST_IMAGE_COPY_MEMCPY) {
        size_t size = memcpy_size(device, image, layers);
        *out = (struct drv_texel_rows){
            .row_size = size, .rows = 1, .slices = 1, .row_pitch = size, .slice_pitch = size};
        return size > 0 ? VK_SUCCESS : VK_ERROR_MEMORY_MAP_FAILED;
    }
    if (!drv_texel_block_find(image->format, layers->aspectMask, &block)) {
        base_log_warn("host image copy: size of a texel of format %d, aspect 0x%x is not known",
                      (int)image->format, layers->aspectMask);
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    *out = drv_texel_rows_of(&block, extent, layer_count(image, layers), row_length, image_height);
    return VK_SUCCESS;
}

/* The region with its data packed; copied only if there are gaps in it. */
static VkResult
fill_region(struct drv_device *device, const VkCopyMemoryToImageInfo *info,
            const VkMemoryToImageCopy *in, struct drv_scratch *scratch,
            VkMemoryToImageCopyMESA *out)
{
    const struct drv_image *image = drv_image_from(info->dstImage);
    struct drv_texel_rows rows;

    VkResult result = find_rows(device, image, info->flags, &in->imageSubresource, in->imageExtent,
                                in->memoryRowLength, in->memoryImageHeight, &rows);
    if (result != VK_SUCCESS) {
        return result;
    }
    *out = (VkMemoryToImageCopyMESA){
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY_MESA,
        .dataSize = drv_texel_rows_packed_size(&rows),
        .pData = in->pHostPointer,
        .imageSubresource = in->imageSubresource,
        .imageOffset = in->imageOffset,
        .imageExtent = in->imageExtent,
    };
    if (!drv_texel_rows_are_packed(&rows)) {
        void *packed = drv_scratch_alloc(scratch, out->dataSize);
        if (!packed) {
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        drv_texel_rows_pack(&rows, packed, in->pHostPointer);
        out->pData = packed;
    }
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CopyMemoryToImage(VkDevice handle, const VkCopyMemoryToImageInfo *pCopyMemoryToImageInfo)
{
    struct drv_device *device = drv_device_from(handle);
    const VkCopyMemoryToImageInfo *given = pCopyMemoryToImageInfo;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkMemoryToImageCopyMESA *regions =
        drv_scratch_array(&scratch, given->regionCount, sizeof(*regions));
    VkResult result = regions ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; i < given->regionCount && result == VK_SUCCESS; i++) {
        result = fill_region(device, given, &given->pRegions[i], &scratch, &regions[i]);
    }
    if (result == VK_SUCCESS) {
        const VkCopyMemoryToImageInfoMESA info = {
            .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO_MESA,
            .flags = given->flags,
            .dstImage = given->dstImage,
            .dstImageLayout = given->dstImageLayout,
            .regionCount = given->regionCount,
            .pRegions = regions,
        };
        result = proto_call_vkCopyMemoryToImageMESA(device->object.client, handle, &info);
    }
    drv_scratch_finish(&scratch);
    return result;
}

static VkResult
read_region(struct drv_device *device, const VkCopyImageToMemoryInfo *info,
            const VkImageToMemoryCopy *region)
{
    const struct drv_image *image = drv_image_from(info->srcImage);
    struct drv_texel_rows rows;

    VkResult result =
        find_rows(device, image, info->flags, &region->imageSubresource, region->imageExtent,
                  region->memoryRowLength, region->memoryImageHeight, &rows);
    if (result != VK_SUCCESS) {
        return result;
    }
    const VkCopyImageToMemoryInfoMESA wire_info = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO_MESA,
        .flags = info->flags,
        .srcImage = info->srcImage,
        .srcImageLayout = info->srcImageLayout,
        .imageSubresource = region->imageSubresource,
        .imageOffset = region->imageOffset,
        .imageExtent = region->imageExtent,
    };
    size_t size = drv_texel_rows_packed_size(&rows);
    bool in_place = drv_texel_rows_are_packed(&rows);
    void *packed = in_place ? region->pHostPointer : malloc(size);
    if (!packed) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    result = proto_call_vkCopyImageToMemoryMESA(device->object.client, (VkDevice)device, &wire_info,
                                                size, packed);
    if (!in_place) {
        if (result == VK_SUCCESS) {
            drv_texel_rows_unpack(&rows, region->pHostPointer, packed);
        }
        free(packed);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CopyImageToMemory(VkDevice handle, const VkCopyImageToMemoryInfo *pCopyImageToMemoryInfo)
{
    VkResult result = VK_SUCCESS;

    for (uint32_t i = 0; i < pCopyImageToMemoryInfo->regionCount && result == VK_SUCCESS; i++) {
        result = read_region(drv_device_from(handle), pCopyImageToMemoryInfo,
                             &pCopyImageToMemoryInfo->pRegions[i]);
    }
    return result;
}
