/* A Vulkan layer for tests: gives a driver with VK_EXT_descriptor_buffer (lavapipe) the look of one
 * that captures and replays descriptors.
 *
 * What is captured of an object is a word for its kind and a count. An object is made again from
 * bytes that say so, and refused with VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS from others; nothing
 * of it reaches the driver. Where that has VK_KHR_ray_tracing_pipeline, the handles of shader
 * groups are captured and replayed, too. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/list.h"
#include "tests/layer/layer.h"

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceFeatures2 GetPhysicalDeviceFeatures2;
    PFN_vkGetPhysicalDeviceProperties2 GetPhysicalDeviceProperties2;
};

struct layer_device {
    struct layer_device_base base;
    PFN_vkCreateBuffer CreateBuffer;
    PFN_vkCreateImage CreateImage;
    PFN_vkCreateImageView CreateImageView;
    PFN_vkCreateSampler CreateSampler;
    PFN_vkCreateRayTracingPipelinesKHR CreateRayTracingPipelinesKHR; /* NULL: the host has none */
    PFN_vkDestroyPipeline DestroyPipeline;
};

static struct base_list pipelines = {&pipelines, &pipelines};

LAYER_FINDERS

/* --- what is captured --- */

enum kind {
    BUFFER = 1,
    IMAGE,
    IMAGE_VIEW,
    SAMPLER,
    GROUP,
};

struct captured {
    char word[12]; /* no number of words that a length could be mistaken for */
    uint32_t kind, count;
};

static const char captured_word[] = "captured it";

static VkResult
capture(enum kind kind, void *data)
{
    static _Atomic uint32_t count;
    struct captured captured = {.kind = kind, .count = ++count};
    memcpy(captured.word, captured_word, sizeof(captured_word));
    memcpy(data, &captured, sizeof(captured));
    return VK_SUCCESS;
}

static bool
was_captured(const void *data, enum kind kind)
{
    struct captured captured;
    memcpy(&captured, data, sizeof(captured));
    return memcmp(captured.word, captured_word, sizeof(captured_word)) == 0 &&
           captured.kind == kind && captured.count > 0;
}

/* An object that replays nothing is always right. */
static bool
is_right(const void *chain, enum kind kind)
{
    const VkOpaqueCaptureDescriptorDataCreateInfoEXT *replayed = layer_find_in_chain(
        chain, VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DESCRIPTOR_DATA_CREATE_INFO_EXT);
    return !replayed || was_captured(replayed->opaqueCaptureDescriptorData, kind);
}

#define REPLAYED(what, kind, flag)                                                                 \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_Create##what(                                      \
        VkDevice handle, const Vk##what##CreateInfo *info, const VkAllocationCallbacks *allocator, \
        Vk##what *out)                                                                             \
    {                                                                                              \
        Vk##what##CreateInfo plain = *info;                                                        \
        if (!is_right(info->pNext, kind)) {                                                        \
            return VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS;                                        \
        }                                                                                          \
        plain.flags &= ~(uint32_t)flag;                                                            \
        return find_device(handle)->Create##what(handle, &plain, allocator, out);                  \
    }                                                                                              \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_Get##what##OpaqueCaptureDescriptorDataEXT(         \
        VkDevice handle, const Vk##what##CaptureDescriptorDataInfoEXT *info, void *data)           \
    {                                                                                              \
        (void)handle, (void)info;                                                                  \
        return capture(kind, data);                                                                \
    }

REPLAYED(Buffer, BUFFER, VK_BUFFER_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT)
REPLAYED(Image, IMAGE, VK_IMAGE_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT)
REPLAYED(ImageView, IMAGE_VIEW, VK_IMAGE_VIEW_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT)
REPLAYED(Sampler, SAMPLER, VK_SAMPLER_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT)

/* --- shader groups ---
 *
 * As NVIDIA's driver does, the layer reads the handles of a library again when the library is
 * linked, from where they were when it was created, and says VK_ERROR_INITIALIZATION_FAILED if
 * there are other bytes by then. */

enum {
    GROUP_HANDLE_SIZE = 64, /* as NVIDIA's; what is captured comes first, then zeroes */
};

struct group {
    const void
        *given; /* where its handle was, NULL: it was given none; may be gone, only compared */
    uint8_t handle[GROUP_HANDLE_SIZE];
};

/* Every ray tracing pipeline: its own groups, then those of the libraries that it links. */
struct pipeline {
    struct base_list link; /* pipelines */
    VkPipeline handle;
    uint32_t group_count;
    struct group groups[];
};

LAYER_LIST_FINDER(find_pipeline, pipeline, pipelines, VkPipeline)

static uint32_t
count_groups(const VkRayTracingPipelineCreateInfoKHR *info)
{
    uint32_t count = info->groupCount;
    for (uint32_t i = 0; info->pLibraryInfo && i < info->pLibraryInfo->libraryCount; i++) {
        count += find_pipeline(info->pLibraryInfo->pLibraries[i])->group_count;
    }
    return count;
}

static VkResult
identify_group(struct group *group, const void *given)
{
    group->given = given;
    if (!given) {
        return capture(GROUP, group->handle);
    }
    memcpy(group->handle, given, GROUP_HANDLE_SIZE);
    return was_captured(given, GROUP) ? VK_SUCCESS : VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS;
}

static VkResult
link_groups(struct group *out, const struct pipeline *library)
{
    for (uint32_t i = 0; i < library->group_count; i++) {
        out[i] = library->groups[i];
        if (out[i].given && memcmp(out[i].given, out[i].handle, GROUP_HANDLE_SIZE) != 0) {
            return VK_ERROR_INITIALIZATION_FAILED;
        }
    }
    return VK_SUCCESS;
}

static VkResult
identify_groups(struct pipeline *pipeline, const VkRayTracingPipelineCreateInfoKHR *info)
{
    const VkPipelineLibraryCreateInfoKHR *libraries = info->pLibraryInfo;
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; result == VK_SUCCESS && i < info->groupCount; i++) {
        result = identify_group(&pipeline->groups[pipeline->group_count++],
                                info->pGroups[i].pShaderGroupCaptureReplayHandle);
    }
    for (uint32_t i = 0; result == VK_SUCCESS && libraries && i < libraries->libraryCount; i++) {
        const struct pipeline *library = find_pipeline(libraries->pLibraries[i]);
        result = link_groups(&pipeline->groups[pipeline->group_count], library);
        pipeline->group_count += library->group_count;
    }
    return result;
}

/* What the driver is to see: nothing of captures. */
static VkResult
create_plain(struct layer_device *device, VkDevice handle, VkPipelineCache cache,
             const VkRayTracingPipelineCreateInfoKHR *info, const VkAllocationCallbacks *allocator,
             VkPipeline *out)
{
    const VkFlags64 flag =
        VK_PIPELINE_CREATE_RAY_TRACING_SHADER_GROUP_HANDLE_CAPTURE_REPLAY_BIT_KHR;
    VkRayTracingPipelineCreateInfoKHR plain = *info;
    VkPipelineCreateFlags2CreateInfoKHR *flags = (void *)layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_PIPELINE_CREATE_FLAGS_2_CREATE_INFO_KHR);
    VkFlags64 wanted = flags ? flags->flags : 0;
    VkRayTracingShaderGroupCreateInfoKHR *groups = calloc(info->groupCount + 1, sizeof(*groups));
    if (!groups) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < info->groupCount; i++) {
        groups[i] = info->pGroups[i];
        groups[i].pShaderGroupCaptureReplayHandle = NULL;
    }
    plain.flags &= ~(VkFlags)flag;
    plain.pGroups = groups;
    if (flags) {
        flags->flags &= ~flag;
    }
    VkResult result = device->CreateRayTracingPipelinesKHR(handle, VK_NULL_HANDLE, cache, 1, &plain,
                                                           allocator, out);
    if (flags) {
        flags->flags = wanted;
    }
    free(groups);
    return result;
}

static VkResult
create_pipeline(VkDevice handle, VkPipelineCache cache,
                const VkRayTracingPipelineCreateInfoKHR *info,
                const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    struct pipeline *pipeline =
        calloc(1, sizeof(*pipeline) + count_groups(info) * sizeof(pipeline->groups[0]));
    VkResult result = pipeline ? identify_groups(pipeline, info) : VK_ERROR_OUT_OF_HOST_MEMORY;
    if (result == VK_SUCCESS) {
        result = create_plain(find_device(handle), handle, cache, info, allocator, out);
    }
    if (result != VK_SUCCESS) {
        *out = VK_NULL_HANDLE;
        free(pipeline);
        return result;
    }
    pipeline->handle = *out;
    layer_publish(&pipelines, &pipeline->link);
    return VK_SUCCESS;
}

/* Nothing is deferred or derived from another of the same call: the renderer asks for neither. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateRayTracingPipelinesKHR(VkDevice handle, VkDeferredOperationKHR operation,
                                   VkPipelineCache cache, uint32_t count,
                                   const VkRayTracingPipelineCreateInfoKHR *infos,
                                   const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    VkResult first = VK_SUCCESS;
    (void)operation;
    for (uint32_t i = 0; i < count; i++) {
        VkResult result = create_pipeline(handle, cache, &infos[i], allocator, &out[i]);
        first = first == VK_SUCCESS ? result : first;
    }
    return first;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyPipeline(VkDevice handle, VkPipeline object, const VkAllocationCallbacks *allocator)
{
    struct pipeline *pipeline = find_pipeline(object);
    if (pipeline) {
        layer_unpublish(&pipeline->link);
        free(pipeline);
    }
    find_device(handle)->DestroyPipeline(handle, object, allocator);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetRayTracingCaptureReplayShaderGroupHandlesKHR(VkDevice handle, VkPipeline object,
                                                      uint32_t first, uint32_t count, size_t size,
                                                      void *data)
{
    const struct pipeline *pipeline = find_pipeline(object);
    (void)handle, (void)size;
    for (uint32_t i = 0; i < count; i++) {
        memcpy((uint8_t *)data + i * (size_t)GROUP_HANDLE_SIZE, pipeline->groups[first + i].handle,
               GROUP_HANDLE_SIZE);
    }
    return VK_SUCCESS;
}

/* --- instance --- */

static VkPhysicalDeviceDescriptorBufferFeaturesEXT *
find_feature(const void *chain)
{
    return (void *)layer_find_in_chain(
        chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_FEATURES_EXT);
}

static VkPhysicalDeviceRayTracingPipelineFeaturesKHR *
find_ray_feature(const void *chain)
{
    return (void *)layer_find_in_chain(
        chain, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR);
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical_device, VkPhysicalDeviceFeatures2 *out)
{
    VkPhysicalDeviceDescriptorBufferFeaturesEXT *feature = find_feature(out->pNext);
    VkPhysicalDeviceRayTracingPipelineFeaturesKHR *rays = find_ray_feature(out->pNext);
    find_instance(physical_device)->GetPhysicalDeviceFeatures2(physical_device, out);
    if (feature) {
        feature->descriptorBufferCaptureReplay = feature->descriptorBuffer;
    }
    if (rays) {
        rays->rayTracingPipelineShaderGroupHandleCaptureReplay = rays->rayTracingPipeline;
    }
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceProperties2(VkPhysicalDevice physical_device,
                                   VkPhysicalDeviceProperties2 *out)
{
    VkPhysicalDeviceDescriptorBufferPropertiesEXT *sizes = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_PROPERTIES_EXT);
    VkPhysicalDeviceRayTracingPipelinePropertiesKHR *rays = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR);
    find_instance(physical_device)->GetPhysicalDeviceProperties2(physical_device, out);
    if (sizes) {
        sizes->bufferCaptureReplayDescriptorDataSize = sizeof(struct captured);
        sizes->imageCaptureReplayDescriptorDataSize = sizeof(struct captured);
        sizes->imageViewCaptureReplayDescriptorDataSize = sizeof(struct captured);
        sizes->samplerCaptureReplayDescriptorDataSize = sizeof(struct captured);
    }
    if (rays) {
        rays->shaderGroupHandleCaptureReplaySize = GROUP_HANDLE_SIZE;
    }
}

/* --- device --- */

/* The driver has no such features: it is asked without them. */
static VkResult
create_device(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
              const VkAllocationCallbacks *allocator, PFN_vkCreateDevice create, VkDevice *out)
{
    VkPhysicalDeviceDescriptorBufferFeaturesEXT none = {0}, *feature = find_feature(info->pNext);
    VkPhysicalDeviceRayTracingPipelineFeaturesKHR no_rays = {0},
                                                  *rays = find_ray_feature(info->pNext);
    feature = feature ? feature : &none;
    rays = rays ? rays : &no_rays;
    VkBool32 wanted = feature->descriptorBufferCaptureReplay;
    VkBool32 wanted_rays = rays->rayTracingPipelineShaderGroupHandleCaptureReplay;
    feature->descriptorBufferCaptureReplay = VK_FALSE;
    rays->rayTracingPipelineShaderGroupHandleCaptureReplay = VK_FALSE;
    VkResult result = create(physical_device, info, allocator, out);
    feature->descriptorBufferCaptureReplay = wanted;
    rays->rayTracingPipelineShaderGroupHandleCaptureReplay = wanted_rays;
    return result;
}

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceFeatures2);
    LAYER_LOAD(instance, GetPhysicalDeviceProperties2);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    LAYER_LOAD(device, CreateBuffer);
    LAYER_LOAD(device, CreateImage);
    LAYER_LOAD(device, CreateImageView);
    LAYER_LOAD(device, CreateSampler);
    LAYER_LOAD(device, CreateRayTracingPipelinesKHR);
    LAYER_LOAD(device, DestroyPipeline);
}

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceFeatures2),
    LAYER_HOOK(GetPhysicalDeviceProperties2),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(CreateBuffer),
    LAYER_HOOK(CreateImage),
    LAYER_HOOK(CreateImageView),
    LAYER_HOOK(CreateSampler),
    LAYER_HOOK(CreateRayTracingPipelinesKHR),
    LAYER_HOOK(DestroyPipeline),
    LAYER_HOOK(GetBufferOpaqueCaptureDescriptorDataEXT),
    LAYER_HOOK(GetImageOpaqueCaptureDescriptorDataEXT),
    LAYER_HOOK(GetImageViewOpaqueCaptureDescriptorDataEXT),
    LAYER_HOOK(GetSamplerOpaqueCaptureDescriptorDataEXT),
    LAYER_HOOK(GetRayTracingCaptureReplayShaderGroupHandlesKHR),
    {0},
};

const struct layer_definition layer_definition = {
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .load_instance = load_instance,
    .load_device = load_device,
    .create_device = create_device,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
