/* Copies between memory and images by the host. */
#include "tests/apps/extensions/extensions.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE = 16, ROW = 20, LAYERS = 3 };

struct host_image {
    VkImage image;
    VkDeviceMemory memory;
};

static bool
can_copy(const struct vkh_gpu *gpu, VkFormat format)
{
    const VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .format = format,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = VK_IMAGE_USAGE_HOST_TRANSFER_BIT,
    };
    VkImageFormatProperties2 properties = {.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2};
    return vkGetPhysicalDeviceImageFormatProperties2(gpu->physical_device, &info, &properties) ==
           VK_SUCCESS;
}

static void
create_image(const struct vkh_gpu *gpu, VkFormat format, struct host_image *out)
{
    EXTENSIONS_LOAD(gpu, vkTransitionImageLayoutEXT);
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = format,
        .extent = {SIZE, SIZE, 1},
        .mipLevels = 1,
        .arrayLayers = LAYERS,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = VK_IMAGE_USAGE_HOST_TRANSFER_BIT,
    };
    VkMemoryRequirements requirements;
    VKH_CHECK(vkCreateImage(gpu->device, &info, NULL, &out->image));
    vkGetImageMemoryRequirements(gpu->device, out->image, &requirements);
    /* Where all memory is the host's, these images can lie in any of it. */
    VkMemoryPropertyFlags wanted = gpu->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU
                                       ? VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
                                       : 0;
    VkMemoryAllocateInfo allocate_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = requirements.size,
        .memoryTypeIndex = vkh_memory_type(gpu, requirements.memoryTypeBits, wanted, 0),
    };
    if (allocate_info.memoryTypeIndex == UINT32_MAX) {
        vkh_die("no type out of 0x%x for an image that the host copies",
                requirements.memoryTypeBits);
    }
    VKH_CHECK(vkAllocateMemory(gpu->device, &allocate_info, NULL, &out->memory));
    VKH_CHECK(vkBindImageMemory(gpu->device, out->image, out->memory, 0));
    VkHostImageLayoutTransitionInfo transition = {
        .sType = VK_STRUCTURE_TYPE_HOST_IMAGE_LAYOUT_TRANSITION_INFO,
        .image = out->image,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, LAYERS},
    };
    VKH_CHECK(vkTransitionImageLayoutEXT(gpu->device, 1, &transition));
}

static void
destroy_image(const struct vkh_gpu *gpu, struct host_image *image)
{
    vkDestroyImage(gpu->device, image->image, NULL);
    vkFreeMemory(gpu->device, image->memory, NULL);
}

static const VkImageSubresourceLayers all_layers = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, LAYERS};

static void
upload(const struct vkh_gpu *gpu, VkImage image, const void *data, uint32_t row, uint32_t height)
{
    EXTENSIONS_LOAD(gpu, vkCopyMemoryToImageEXT);
    const VkMemoryToImageCopy region = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
        .pHostPointer = data,
        .memoryRowLength = row,
        .memoryImageHeight = height,
        .imageSubresource = all_layers,
        .imageExtent = {SIZE, SIZE, 1},
    };
    VkCopyMemoryToImageInfo info = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
        .dstImage = image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    VKH_CHECK(vkCopyMemoryToImageEXT(gpu->device, &info));
}

static void
download(const struct vkh_gpu *gpu, VkImage image, void *data, uint32_t row, uint32_t height)
{
    EXTENSIONS_LOAD(gpu, vkCopyImageToMemoryEXT);
    const VkImageToMemoryCopy region = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
        .pHostPointer = data,
        .memoryRowLength = row,
        .memoryImageHeight = height,
        .imageSubresource = all_layers,
        .imageExtent = {SIZE, SIZE, 1},
    };
    VkCopyImageToMemoryInfo info = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
        .srcImage = image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    VKH_CHECK(vkCopyImageToMemoryEXT(gpu->device, &info));
}

static void
copy_with_gaps(const struct vkh_gpu *gpu)
{
    static uint32_t wide[LAYERS][SIZE + 1][ROW], packed[LAYERS][SIZE][SIZE];
    struct host_image image, other;
    EXTENSIONS_LOAD(gpu, vkCopyImageToImageEXT);
    create_image(gpu, VK_FORMAT_R8G8B8A8_UNORM, &image);
    create_image(gpu, VK_FORMAT_R8G8B8A8_UNORM, &other);
    for (uint32_t i = 0; i < sizeof(wide) / 4; i++) {
        ((uint32_t *)wide)[i] = i * 0x01010101u;
    }
    upload(gpu, image.image, wide, ROW, SIZE + 1);
    const VkImageCopy2 region = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_COPY_2,
        .srcSubresource = all_layers,
        .dstSubresource = all_layers,
        .extent = {SIZE, SIZE, 1},
    };
    VkCopyImageToImageInfo copy = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_IMAGE_INFO,
        .srcImage = image.image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .dstImage = other.image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    VKH_CHECK(vkCopyImageToImageEXT(gpu->device, &copy));
    download(gpu, other.image, packed, 0, 0);
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        for (uint32_t y = 0; y < SIZE; y++) {
            extensions_expect(!memcmp(packed[layer][y], wide[layer][y], sizeof(packed[layer][y])),
                              "layer %u, row %u differs", layer, y);
        }
    }
    memset(wide, 0xab, sizeof(wide));
    download(gpu, other.image, wide, ROW, SIZE + 1);
    for (uint32_t layer = 0; layer < LAYERS; layer++) {
        extensions_expect(!memcmp(wide[layer][3], packed[layer][3], sizeof(packed[layer][3])),
                          "layer %u came back differently", layer);
        extensions_expect(wide[layer][3][SIZE] == 0xabababab, "a gap between rows was written");
        extensions_expect(wide[layer][SIZE][0] == 0xabababab, "a gap between layers was written");
    }
    destroy_image(gpu, &other);
    destroy_image(gpu, &image);
}

static void
copy_blocks(const struct vkh_gpu *gpu)
{
    static uint8_t data[LAYERS * SIZE * SIZE], back[sizeof(data)];
    struct host_image image;
    if (!can_copy(gpu, VK_FORMAT_BC7_UNORM_BLOCK)) {
        return;
    }
    create_image(gpu, VK_FORMAT_BC7_UNORM_BLOCK, &image);
    for (uint32_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    upload(gpu, image.image, data, 0, 0);
    download(gpu, image.image, back, 0, 0);
    extensions_expect(!memcmp(data, back, sizeof(data)), "compressed blocks differ");
    destroy_image(gpu, &image);
}

/* In the image's own layout: out of one image, into another, and out of that in the usual way. */
static void
copy_as_it_lies(const struct vkh_gpu *gpu)
{
    static uint32_t data[LAYERS][SIZE][SIZE], back[LAYERS][SIZE][SIZE];
    struct host_image image, other;
    EXTENSIONS_LOAD(gpu, vkCopyMemoryToImageEXT);
    EXTENSIONS_LOAD(gpu, vkCopyImageToMemoryEXT);
    EXTENSIONS_LOAD(gpu, vkGetImageSubresourceLayout2EXT);
    create_image(gpu, VK_FORMAT_R8G8B8A8_UNORM, &image);
    create_image(gpu, VK_FORMAT_R8G8B8A8_UNORM, &other);
    for (uint32_t i = 0; i < sizeof(data) / 4; i++) {
        ((uint32_t *)data)[i] = i * 77;
    }
    upload(gpu, image.image, data, 0, 0);
    const VkImageSubresource2 subresource = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0},
    };
    VkSubresourceHostMemcpySize size = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE};
    VkSubresourceLayout2 layout = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2, .pNext = &size};
    vkGetImageSubresourceLayout2EXT(gpu->device, image.image, &subresource, &layout);
    extensions_expect(size.size >= sizeof(data[0]), "a layer lies in %llu bytes",
                      (unsigned long long)size.size);
    uint8_t *opaque = calloc(LAYERS, size.size);
    const VkImageToMemoryCopy out_region = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
        .pHostPointer = opaque,
        .imageSubresource = all_layers,
        .imageExtent = {SIZE, SIZE, 1},
    };
    const VkCopyImageToMemoryInfo out = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
        .flags = VK_HOST_IMAGE_COPY_MEMCPY,
        .srcImage = image.image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &out_region,
    };
    const VkMemoryToImageCopy in_region = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
        .pHostPointer = opaque,
        .imageSubresource = all_layers,
        .imageExtent = {SIZE, SIZE, 1},
    };
    const VkCopyMemoryToImageInfo in = {
        .sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
        .flags = VK_HOST_IMAGE_COPY_MEMCPY,
        .dstImage = other.image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &in_region,
    };
    VKH_CHECK(vkCopyImageToMemoryEXT(gpu->device, &out));
    VKH_CHECK(vkCopyMemoryToImageEXT(gpu->device, &in));
    download(gpu, other.image, back, 0, 0);
    extensions_expect(!memcmp(data, back, sizeof(data)), "texels differ");
    free(opaque);
    destroy_image(gpu, &other);
    destroy_image(gpu, &image);
}

const struct extensions_check extensions_image_checks[] = {
    {"image/copied by the host, with gaps", "VK_EXT_host_image_copy", copy_with_gaps},
    {"image/copied by the host as it lies", "VK_EXT_host_image_copy", copy_as_it_lies},
    {"image/compressed blocks copied by the host", "VK_EXT_host_image_copy", copy_blocks},
    {NULL, NULL, NULL},
};
