/* Objects that are captured and made again, VK_EXT_descriptor_buffer: what was captured is
 * accepted, what was not is refused, and the device lives on. The same for the handles of shader
 * groups, VK_KHR_ray_tracing_pipeline, of which some are a linked library's. */
#include "tools/vkh/vkh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/apps/rays.h"
#include "tests/apps/shaders/rays_rchit.h"
#include "tests/apps/shaders/rays_rgen.h"
#include "tests/apps/shaders/rays_rmiss.h"

enum {
    MAX_DATA = 64,    /* bytes; Vulkan's limit */
    MAX_HANDLE = 256, /* bytes; Vulkan has no limit for those of groups */
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

/* --- shader groups --- */

/* The raygen group is the pipeline's own, the others are a library's: that is their order, too. */
struct rays {
    const struct vkh_gpu *gpu;
    size_t handle_size;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkShaderModule modules[RAYS_GROUPS];
};

/* Groups first to end - 1 of all: a library, or with one to link the pipeline itself. */
static VkResult
create_groups(const struct rays *rays, uint32_t first, uint32_t end, const uint8_t *handles,
              const VkPipeline *library, VkPipeline *out)
{
    VkPipelineShaderStageCreateInfo stages[RAYS_GROUPS];
    VkRayTracingShaderGroupCreateInfoKHR groups[RAYS_GROUPS];
    for (uint32_t i = first; i < end; i++) {
        stages[i - first] = (VkPipelineShaderStageCreateInfo){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = rays_stages[i],
            .module = rays->modules[i],
            .pName = "main",
        };
        groups[i - first] = rays_group(i, i - first);
        groups[i - first].pShaderGroupCaptureReplayHandle =
            handles ? handles + i * rays->handle_size : NULL;
    }
    const VkRayTracingPipelineInterfaceCreateInfoKHR interface = {
        .sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_INTERFACE_CREATE_INFO_KHR,
        .maxPipelineRayPayloadSize = sizeof(uint32_t),
        .maxPipelineRayHitAttributeSize = 2 * sizeof(float),
    };
    const VkPipelineLibraryCreateInfoKHR libraries = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LIBRARY_CREATE_INFO_KHR,
        .libraryCount = 1,
        .pLibraries = library,
    };
    const VkRayTracingPipelineCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR,
        .flags = VK_PIPELINE_CREATE_RAY_TRACING_SHADER_GROUP_HANDLE_CAPTURE_REPLAY_BIT_KHR |
                 (library ? 0 : VK_PIPELINE_CREATE_LIBRARY_BIT_KHR),
        .stageCount = end - first,
        .pStages = stages,
        .groupCount = end - first,
        .pGroups = groups,
        .maxPipelineRayRecursionDepth = 1,
        .pLibraryInfo = library ? &libraries : NULL,
        .pLibraryInterface = &interface,
        .layout = rays->layout,
    };
    return GET(rays->gpu, vkCreateRayTracingPipelinesKHR)(rays->gpu->device, VK_NULL_HANDLE,
                                                          VK_NULL_HANDLE, 1, &info, NULL, out);
}

/* Makes library and pipeline, with the given handles if any, and asks for those that they have. */
static void
create_and_capture(const struct rays *rays, const uint8_t *given, uint8_t *captured)
{
    const struct vkh_gpu *gpu = rays->gpu;
    VkPipeline library, pipeline;
    VKH_CHECK(create_groups(rays, 1, RAYS_GROUPS, given, NULL, &library));
    VKH_CHECK(create_groups(rays, 0, 1, given, &library, &pipeline));
    VKH_CHECK(GET(gpu, vkGetRayTracingCaptureReplayShaderGroupHandlesKHR)(
        gpu->device, pipeline, 0, RAYS_GROUPS, RAYS_GROUPS * rays->handle_size, captured));
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyPipeline(gpu->device, library, NULL);
}

static void
expect_refused(const struct rays *rays, const uint8_t *handles)
{
    VkPipeline library;
    VkResult result = create_groups(rays, 1, RAYS_GROUPS, handles, NULL, &library);
    if (result != VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS) {
        vkh_die("shader groups that were never captured: %s", vkh_result_name(result));
    }
}

static void
create_rays(const struct vkh_gpu *gpu, struct rays *out)
{
    VkPhysicalDeviceRayTracingPipelinePropertiesKHR properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR,
    };
    VkPhysicalDeviceProperties2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &properties,
    };
    vkGetPhysicalDeviceProperties2(gpu->physical_device, &query);
    out->gpu = gpu;
    out->handle_size = properties.shaderGroupHandleCaptureReplaySize;
    if (out->handle_size == 0 || out->handle_size > MAX_HANDLE) {
        vkh_die("captured handles of %zu bytes, where there is room for %d", out->handle_size,
                MAX_HANDLE);
    }
    rays_create_layout(gpu, &out->set_layout, &out->layout);
    out->modules[0] = vkh_shader_create(gpu, rays_rgen, sizeof(rays_rgen));
    out->modules[1] = vkh_shader_create(gpu, rays_rmiss, sizeof(rays_rmiss));
    out->modules[2] = vkh_shader_create(gpu, rays_rchit, sizeof(rays_rchit));
}

static void
destroy_rays(const struct rays *rays)
{
    for (uint32_t i = 0; i < RAYS_GROUPS; i++) {
        vkDestroyShaderModule(rays->gpu->device, rays->modules[i], NULL);
    }
    vkDestroyPipelineLayout(rays->gpu->device, rays->layout, NULL);
    vkDestroyDescriptorSetLayout(rays->gpu->device, rays->set_layout, NULL);
}

static void
try_groups(const struct vkh_gpu *gpu)
{
    struct rays rays;
    uint8_t first[RAYS_GROUPS * MAX_HANDLE] = {0}, again[RAYS_GROUPS * MAX_HANDLE] = {0};
    create_rays(gpu, &rays);
    create_and_capture(&rays, NULL, first);
    create_and_capture(&rays, first, again);
    if (memcmp(first, again, sizeof(first)) != 0) {
        vkh_die("shader groups that were made again have other handles");
    }
    again[rays.handle_size]++;
    expect_refused(&rays, again);
    create_and_capture(&rays, first, again); /* the device is still there */
    destroy_rays(&rays);
    printf("shader groups: captured, made again, linked, refused\n");
}

/* --- the device --- */

/* Whether it has the feature of groups is known when it has been opened once. */
static bool
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {
        "VK_EXT_descriptor_buffer",    "VK_KHR_acceleration_structure",
        "VK_KHR_ray_tracing_pipeline", "VK_KHR_deferred_host_operations",
        "VK_KHR_pipeline_library",     NULL,
    };
    static VkPhysicalDeviceRayTracingPipelineFeaturesKHR rays = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR,
    };
    static VkPhysicalDeviceAccelerationStructureFeaturesKHR structures = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR,
        .pNext = &rays,
        .accelerationStructure = VK_TRUE,
    };
    static VkPhysicalDeviceDescriptorBufferFeaturesEXT feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_FEATURES_EXT,
        .descriptorBuffer = VK_TRUE,
        .descriptorBufferCaptureReplay = VK_TRUE,
    };
    const struct vkh_gpu_info info = {.program = "captures",
                                      .api_version = VK_API_VERSION_1_3,
                                      .extensions = extensions,
                                      .all_core_features = true,
                                      .device_next = &feature};
    VkPhysicalDeviceFeatures2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &rays,
    };
    vkh_gpu_open(gpu, &info);
    if (!vkh_gpu_has_extension(gpu, "VK_KHR_ray_tracing_pipeline")) {
        return false;
    }
    vkGetPhysicalDeviceFeatures2(gpu->physical_device, &query);
    if (!rays.rayTracingPipelineShaderGroupHandleCaptureReplay) {
        vkh_die(
            "the device traces rays, and does not capture shader group handles: the layer's does");
    }
    rays = (VkPhysicalDeviceRayTracingPipelineFeaturesKHR){
        .sType = rays.sType,
        .rayTracingPipeline = VK_TRUE,
        .rayTracingPipelineShaderGroupHandleCaptureReplay = VK_TRUE,
    };
    feature.pNext = &structures;
    vkh_gpu_close(gpu);
    vkh_gpu_open(gpu, &info);
    return true;
}

int
main(void)
{
    struct vkh_gpu gpu;
    struct vkh_image image;
    bool has_groups = open_gpu(&gpu);
    vkh_image_create(&gpu, VK_FORMAT_R8G8B8A8_UNORM, (VkExtent2D){16, 16},
                     VK_IMAGE_USAGE_SAMPLED_BIT, VK_IMAGE_ASPECT_COLOR_BIT, &image);
    shown_image = image.image;
    try(&gpu, "a buffer", create_buffer, capture_buffer, destroy_buffer);
    try(&gpu, "an image", create_image, capture_image, destroy_image);
    try(&gpu, "a view", create_view, capture_view, destroy_view);
    try(&gpu, "a sampler", create_sampler, capture_sampler, destroy_sampler);
    vkh_image_destroy(&gpu, &image);
    if (has_groups) {
        try_groups(&gpu);
    } else {
        printf("shader groups: left out, the device traces no rays\n");
    }
    vkh_gpu_close(&gpu);
    return EXIT_SUCCESS;
}
