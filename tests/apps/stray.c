/* Copies by the host that leave their image: undefined in Vulkan. Through Vesper they cost the
 * application its device, and the renderer nothing. One device for each, on a host with host image
 * copies. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/vkh/vkh.h"

enum { SKIPPED = 77, SIZE = 16, LAYERS = 2 };

struct stray {
    const char *what;
    VkImageSubresourceLayers from, to;
    VkOffset3D from_offset, to_offset;
    VkExtent3D extent;
    VkFormat to_format;
};

#define COLOR VK_IMAGE_ASPECT_COLOR_BIT
#define RGBA8 VK_FORMAT_R8G8B8A8_UNORM
#define LAYER                                                                                      \
    {                                                                                              \
        COLOR, 0, 0, 1                                                                             \
    }

/* The first is right. */
static const struct stray cases[] = {
    {"all of it", {COLOR, 0, 0, LAYERS}, {COLOR, 0, 0, LAYERS}, {0}, {0}, {SIZE, SIZE, 1}, RGBA8},
    {"a wide extent", LAYER, LAYER, {0}, {0}, {SIZE + 1, SIZE, 1}, RGBA8},
    {"an enormous extent", LAYER, LAYER, {0}, {0}, {SIZE, UINT32_MAX, 1}, RGBA8},
    {"a source's offset", LAYER, LAYER, {1, 0, 0}, {0}, {SIZE, SIZE, 1}, RGBA8},
    {"a target's offset", LAYER, LAYER, {0}, {0, 1, 0}, {SIZE, SIZE, 1}, RGBA8},
    {"a negative offset", LAYER, LAYER, {0}, {-1, 0, 0}, {1, 1, 1}, RGBA8},
    {"a source's mip level", {COLOR, 1, 0, 1}, LAYER, {0}, {0}, {1, 1, 1}, RGBA8},
    {"a target's layer", LAYER, {COLOR, 0, LAYERS, 1}, {0}, {0}, {1, 1, 1}, RGBA8},
    {"more layers than the target", {COLOR, 0, 0, 2}, LAYER, {0}, {0}, {1, 1, 1}, RGBA8},
    {"larger texels", LAYER, LAYER, {0}, {0}, {SIZE, SIZE, 1}, VK_FORMAT_R32G32B32A32_SFLOAT},
};

struct host_image {
    VkImage image;
    VkDeviceMemory memory;
};

static void
create_image(const struct vkh_gpu *gpu, VkFormat format, struct host_image *out)
{
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
    VkMemoryAllocateInfo allocate_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = requirements.size,
        .memoryTypeIndex = vkh_memory_type(gpu, requirements.memoryTypeBits, 0, 0),
    };
    VKH_CHECK(vkAllocateMemory(gpu->device, &allocate_info, NULL, &out->memory));
    VKH_CHECK(vkBindImageMemory(gpu->device, out->image, out->memory, 0));
}

static void
destroy_image(const struct vkh_gpu *gpu, struct host_image *image)
{
    vkDestroyImage(gpu->device, image->image, NULL);
    vkFreeMemory(gpu->device, image->memory, NULL);
}

static VkResult
copy(const struct vkh_gpu *gpu, const struct stray *stray)
{
    PFN_vkCopyImageToImageEXT copy_image =
        (PFN_vkCopyImageToImageEXT)vkGetDeviceProcAddr(gpu->device, "vkCopyImageToImageEXT");
    PFN_vkTransitionImageLayoutEXT transition = (PFN_vkTransitionImageLayoutEXT)vkGetDeviceProcAddr(
        gpu->device, "vkTransitionImageLayoutEXT");
    struct host_image from, to;
    create_image(gpu, RGBA8, &from);
    create_image(gpu, stray->to_format, &to);
    VkHostImageLayoutTransitionInfo transitions[2] = {
        {.sType = VK_STRUCTURE_TYPE_HOST_IMAGE_LAYOUT_TRANSITION_INFO,
         .image = from.image,
         .newLayout = VK_IMAGE_LAYOUT_GENERAL,
         .subresourceRange = {COLOR, 0, 1, 0, LAYERS}}};
    transitions[1] = transitions[0];
    transitions[1].image = to.image;
    VKH_CHECK(transition(gpu->device, 2, transitions));

    const VkImageCopy2 region = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_COPY_2,
        .srcSubresource = stray->from,
        .srcOffset = stray->from_offset,
        .dstSubresource = stray->to,
        .dstOffset = stray->to_offset,
        .extent = stray->extent,
    };
    const VkCopyImageToImageInfo info = {
        .sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_IMAGE_INFO,
        .srcImage = from.image,
        .srcImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .dstImage = to.image,
        .dstImageLayout = VK_IMAGE_LAYOUT_GENERAL,
        .regionCount = 1,
        .pRegions = &region,
    };
    VkResult result = copy_image(gpu->device, &info);
    destroy_image(gpu, &to);
    destroy_image(gpu, &from);
    return result;
}

/* False: the device has no host image copies. */
static bool
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {
        "VK_KHR_copy_commands2", "VK_KHR_format_feature_flags2", "VK_EXT_host_image_copy", NULL};
    static VkPhysicalDeviceHostImageCopyFeatures feature;
    feature = (VkPhysicalDeviceHostImageCopyFeatures){
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_FEATURES,
        .hostImageCopy = VK_TRUE,
    };
    vkh_gpu_open(gpu, &(struct vkh_gpu_info){.program = "stray", .extensions = extensions});
    bool has = vkh_gpu_has_extension(gpu, "VK_EXT_host_image_copy");
    vkh_gpu_close(gpu);
    if (has) {
        vkh_gpu_open(gpu, &(struct vkh_gpu_info){.program = "stray",
                                                 .extensions = extensions,
                                                 .device_next = &feature});
    }
    return has;
}

int
main(void)
{
    int status = EXIT_SUCCESS;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        VkResult wanted = i == 0 ? VK_SUCCESS : VK_ERROR_DEVICE_LOST;
        struct vkh_gpu gpu;
        if (!open_gpu(&gpu)) {
            printf("skipped: the host has no VK_EXT_host_image_copy\n");
            return SKIPPED;
        }
        VkResult result = copy(&gpu, &cases[i]);
        printf("%s: %s\n", cases[i].what, vkh_result_name(result));
        if (result != wanted) {
            status = EXIT_FAILURE;
        }
        vkh_gpu_close(&gpu);
    }
    return status;
}
