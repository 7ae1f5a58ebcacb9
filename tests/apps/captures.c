/* Objects that are captured and made again, VK_EXT_descriptor_buffer: what was captured is
 * accepted, what was not is refused, and the device lives on. */
#include <stdio.h>
#include <stdlib.h>

#include "tools/vkh/vkh.h"

enum {
    MAX_DATA = 64, /* bytes; Vulkan's limit */
};

#define GET(gpu, name) ((PFN_##name)vkGetDeviceProcAddr((gpu)->device, #name))

/* What is replayed, NULL: nothing, is chained. */
typedef VkResult (*create_fn)(const struct vkh_gpu *gpu, const void *chain, uint64_t *out);
typedef VkResult (*capture_fn)(const struct vkh_gpu *gpu, uint64_t object, void *data);
typedef void (*destroy_fn)(const struct vkh_gpu *gpu, uint64_t object);

static VkImage shown_image; /* of the views */

/* --- buffers --- */

static VkResult
create_buffer(const struct vkh_gpu *gpu, const void *chain, uint64_t *out)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = chain,
        .flags = VK_BUFFER_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT,
        .size = 4096,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
    };
    return vkCreateBuffer(gpu->device, &info, NULL, (VkBuffer *)out);
}

static VkResult
capture_buffer(const struct vkh_gpu *gpu, uint64_t object, void *data)
{
    const VkBufferCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .buffer = (VkBuffer)(uintptr_t)object,
    };
    return GET(gpu, vkGetBufferOpaqueCaptureDescriptorDataEXT)(gpu->device, &info, data);
}

static void
destroy_buffer(const struct vkh_gpu *gpu, uint64_t object)
{
    vkDestroyBuffer(gpu->device, (VkBuffer)(uintptr_t)object, NULL);
}

/* --- images --- */

static VkResult
create_image(const struct vkh_gpu *gpu, const void *chain, uint64_t *out)
{
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = chain,
        .flags = VK_IMAGE_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {16, 16, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = VK_IMAGE_USAGE_SAMPLED_BIT,
    };
    return vkCreateImage(gpu->device, &info, NULL, (VkImage *)out);
}

static VkResult
capture_image(const struct vkh_gpu *gpu, uint64_t object, void *data)
{
    const VkImageCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .image = (VkImage)(uintptr_t)object,
    };
    return GET(gpu, vkGetImageOpaqueCaptureDescriptorDataEXT)(gpu->device, &info, data);
}

static void
destroy_image(const struct vkh_gpu *gpu, uint64_t object)
{
    vkDestroyImage(gpu->device, (VkImage)(uintptr_t)object, NULL);
}

/* --- views --- */

static VkResult
create_view(const struct vkh_gpu *gpu, const void *chain, uint64_t *out)
{
    const VkImageViewCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .pNext = chain,
        .flags = VK_IMAGE_VIEW_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT,
        .image = shown_image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    return vkCreateImageView(gpu->device, &info, NULL, (VkImageView *)out);
}

static VkResult
capture_view(const struct vkh_gpu *gpu, uint64_t object, void *data)
{
    const VkImageViewCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .imageView = (VkImageView)(uintptr_t)object,
    };
    return GET(gpu, vkGetImageViewOpaqueCaptureDescriptorDataEXT)(gpu->device, &info, data);
}

static void
destroy_view(const struct vkh_gpu *gpu, uint64_t object)
{
    vkDestroyImageView(gpu->device, (VkImageView)(uintptr_t)object, NULL);
}

/* --- samplers --- */

static VkResult
create_sampler(const struct vkh_gpu *gpu, const void *chain, uint64_t *out)
{
    const VkSamplerCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
        .pNext = chain,
        .flags = VK_SAMPLER_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT,
    };
    return vkCreateSampler(gpu->device, &info, NULL, (VkSampler *)out);
}

static VkResult
capture_sampler(const struct vkh_gpu *gpu, uint64_t object, void *data)
{
    const VkSamplerCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .sampler = (VkSampler)(uintptr_t)object,
    };
    return GET(gpu, vkGetSamplerOpaqueCaptureDescriptorDataEXT)(gpu->device, &info, data);
}

static void
destroy_sampler(const struct vkh_gpu *gpu, uint64_t object)
{
    vkDestroySampler(gpu->device, (VkSampler)(uintptr_t)object, NULL);
}

/* --- all of them --- */

static void
try(const struct vkh_gpu *gpu, const char *what, create_fn create, capture_fn capture,
    destroy_fn destroy)
{
    uint8_t data[MAX_DATA] = {0};
    const VkOpaqueCaptureDescriptorDataCreateInfoEXT replayed = {
        .sType = VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DESCRIPTOR_DATA_CREATE_INFO_EXT,
        .opaqueCaptureDescriptorData = data,
    };
    uint64_t first, again;
    VKH_CHECK(create(gpu, NULL, &first));
    VKH_CHECK(capture(gpu, first, data));
    VKH_CHECK(create(gpu, &replayed, &again));
    destroy(gpu, again);
    destroy(gpu, first);

    data[0]++;
    VkResult result = create(gpu, &replayed, &again);
    if (result != VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS) {
        vkh_die("%s that was never captured: %s", what, vkh_result_name(result));
    }
    VKH_CHECK(create(gpu, NULL, &first)); /* the device is still there */
    VKH_CHECK(capture(gpu, first, data));
    destroy(gpu, first);
    printf("%s: captured, made again, refused\n", what);
}

static void
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {"VK_EXT_descriptor_buffer", NULL};
    static VkPhysicalDeviceDescriptorBufferFeaturesEXT feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_FEATURES_EXT,
        .descriptorBuffer = VK_TRUE,
        .descriptorBufferCaptureReplay = VK_TRUE,
    };
    vkh_gpu_open(gpu, &(struct vkh_gpu_info){.program = "captures",
                                             .api_version = VK_API_VERSION_1_3,
                                             .extensions = extensions,
                                             .all_core_features = true,
                                             .device_next = &feature});
}

int
main(void)
{
    struct vkh_gpu gpu;
    struct vkh_image image;
    open_gpu(&gpu);
    vkh_image_create(&gpu, VK_FORMAT_R8G8B8A8_UNORM, (VkExtent2D){16, 16},
                     VK_IMAGE_USAGE_SAMPLED_BIT, VK_IMAGE_ASPECT_COLOR_BIT, &image);
    shown_image = image.image;
    try(&gpu, "a buffer", create_buffer, capture_buffer, destroy_buffer);
    try(&gpu, "an image", create_image, capture_image, destroy_image);
    try(&gpu, "a view", create_view, capture_view, destroy_view);
    try(&gpu, "a sampler", create_sampler, capture_sampler, destroy_sampler);
    vkh_image_destroy(&gpu, &image);
    vkh_gpu_close(&gpu);
    return EXIT_SUCCESS;
}
