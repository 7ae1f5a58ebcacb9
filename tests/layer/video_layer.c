/* A Vulkan layer for tests: gives a driver Vulkan Video, which no lavapipe has.
 *
 * Its codecs are none. A picture is decoded by copying the bitstream into its first plane; what is
 * encoded is the text of what the application said of the picture (video_text.h), and
 * vkGetEncodedVideoSessionParametersKHR gives that of the parameters. The results of queries are
 * complete once the device has come to them: below they are occlusion queries. The layer ends the
 * process if it is shown what an application never showed. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/list.h"
#include "tests/layer/layer.h"
#include "tests/layer/video_text.h"

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceFeatures2 GetPhysicalDeviceFeatures2;
    PFN_vkGetPhysicalDeviceMemoryProperties GetPhysicalDeviceMemoryProperties;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties GetPhysicalDeviceQueueFamilyProperties;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties2 GetPhysicalDeviceQueueFamilyProperties2;
};

struct layer_device {
    struct layer_device_base base;
    PFN_vkCreateImageView CreateImageView;
    PFN_vkDestroyImageView DestroyImageView;
    PFN_vkCreateQueryPool CreateQueryPool;
    PFN_vkDestroyQueryPool DestroyQueryPool;
    PFN_vkGetQueryPoolResults GetQueryPoolResults;
    PFN_vkCmdCopyBufferToImage CmdCopyBufferToImage;
    PFN_vkCmdUpdateBuffer CmdUpdateBuffer;
};

LAYER_FINDERS

/* --- what there is --- */

#define CODECS                                                                                     \
    (VK_VIDEO_CODEC_OPERATION_DECODE_H264_BIT_KHR | VK_VIDEO_CODEC_OPERATION_ENCODE_H265_BIT_KHR | \
     VK_VIDEO_CODEC_OPERATION_ENCODE_AV1_BIT_KHR)

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice physical_device, uint32_t *count,
                                             VkQueueFamilyProperties *out)
{
    find_instance(physical_device)
        ->GetPhysicalDeviceQueueFamilyProperties(physical_device, count, out);
    for (uint32_t i = 0; out && i < *count; i++) {
        out[i].queueFlags |= VK_QUEUE_VIDEO_DECODE_BIT_KHR | VK_QUEUE_VIDEO_ENCODE_BIT_KHR;
    }
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceQueueFamilyProperties2(VkPhysicalDevice physical_device, uint32_t *count,
                                              VkQueueFamilyProperties2 *out)
{
    find_instance(physical_device)
        ->GetPhysicalDeviceQueueFamilyProperties2(physical_device, count, out);
    for (uint32_t i = 0; out && i < *count; i++) {
        VkQueueFamilyVideoPropertiesKHR *video = (void *)layer_find_in_chain(
            out[i].pNext, VK_STRUCTURE_TYPE_QUEUE_FAMILY_VIDEO_PROPERTIES_KHR);
        VkQueueFamilyQueryResultStatusPropertiesKHR *status = (void *)layer_find_in_chain(
            out[i].pNext, VK_STRUCTURE_TYPE_QUEUE_FAMILY_QUERY_RESULT_STATUS_PROPERTIES_KHR);
        out[i].queueFamilyProperties.queueFlags |=
            VK_QUEUE_VIDEO_DECODE_BIT_KHR | VK_QUEUE_VIDEO_ENCODE_BIT_KHR;
        if (video) {
            video->videoCodecOperations = CODECS;
        }
        if (status) {
            status->queryResultStatusSupport = VK_TRUE;
        }
    }
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical_device, VkPhysicalDeviceFeatures2 *out)
{
    find_instance(physical_device)->GetPhysicalDeviceFeatures2(physical_device, out);
    VkPhysicalDeviceVideoEncodeAV1FeaturesKHR *av1 = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VIDEO_ENCODE_AV1_FEATURES_KHR);
    if (av1) {
        av1->videoEncodeAV1 = VK_TRUE;
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPhysicalDeviceVideoCapabilitiesKHR(VkPhysicalDevice physical_device,
                                            const VkVideoProfileInfoKHR *profile,
                                            VkVideoCapabilitiesKHR *out)
{
    (void)physical_device;
    if (!(profile->videoCodecOperation & CODECS)) {
        return VK_ERROR_VIDEO_PROFILE_OPERATION_NOT_SUPPORTED_KHR;
    }
    out->flags = VK_VIDEO_CAPABILITY_SEPARATE_REFERENCE_IMAGES_BIT_KHR;
    out->minBitstreamBufferOffsetAlignment = out->minBitstreamBufferSizeAlignment = 16;
    out->pictureAccessGranularity = out->minCodedExtent = (VkExtent2D){16, 16};
    out->maxCodedExtent = (VkExtent2D){4096, 2304};
    out->maxDpbSlots = 17;
    out->maxActiveReferencePictures = 16;
    out->stdHeaderVersion = (VkExtensionProperties){"VK_STD_vulkan_video_codec_test",
                                                    VK_MAKE_VIDEO_STD_VERSION(1, 0, 0)};
    VkVideoDecodeH264CapabilitiesKHR *h264 = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_CAPABILITIES_KHR);
    if (h264) {
        h264->maxLevelIdc = STD_VIDEO_H264_LEVEL_IDC_5_2;
        h264->fieldOffsetGranularity = (VkOffset2D){-1, 2};
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPhysicalDeviceVideoFormatPropertiesKHR(VkPhysicalDevice physical_device,
                                                const VkPhysicalDeviceVideoFormatInfoKHR *info,
                                                uint32_t *count, VkVideoFormatPropertiesKHR *out)
{
    (void)physical_device;
    if (!layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_VIDEO_PROFILE_LIST_INFO_KHR)) {
        layer_die("formats were asked for without profiles");
    }
    if (out && *count > 0) {
        out->format = VK_FORMAT_G8_B8R8_2PLANE_420_UNORM;
        out->imageType = VK_IMAGE_TYPE_2D;
        out->imageUsageFlags = info->imageUsage;
    }
    VkResult result = out && *count == 0 ? VK_INCOMPLETE : VK_SUCCESS;
    *count = out && *count == 0 ? 0 : 1;
    return result;
}

/* --- sessions --- */

enum { SESSION_MEMORIES = 2 };

struct session {
    VkVideoCodecOperationFlagBitsKHR codec;
    bool bound[SESSION_MEMORIES];
};

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateVideoSessionKHR(VkDevice device, const VkVideoSessionCreateInfoKHR *info,
                            const VkAllocationCallbacks *allocator, VkVideoSessionKHR *out)
{
    (void)device, (void)allocator;
    if (info->pStdHeaderVersion->specVersion > VK_MAKE_VIDEO_STD_VERSION(1, 0, 0)) {
        return VK_ERROR_VIDEO_STD_VERSION_NOT_SUPPORTED_KHR;
    }
    struct session *session = layer_alloc(sizeof(*session));
    session->codec = info->pVideoProfile->videoCodecOperation;
    *out = (VkVideoSessionKHR)session;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyVideoSessionKHR(VkDevice device, VkVideoSessionKHR handle,
                             const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    free((struct session *)handle);
}

/* Any of the host's memory types will do. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetVideoSessionMemoryRequirementsKHR(VkDevice device, VkVideoSessionKHR handle,
                                           uint32_t *count,
                                           VkVideoSessionMemoryRequirementsKHR *out)
{
    (void)handle;
    VkPhysicalDevice physical_device = find_device(device)->base.physical_device;
    VkPhysicalDeviceMemoryProperties memory;
    find_instance(physical_device)->GetPhysicalDeviceMemoryProperties(physical_device, &memory);
    uint32_t room = out ? *count : 0;
    for (uint32_t i = 0; i < room && i < SESSION_MEMORIES; i++) {
        out[i].memoryBindIndex = 10 + i;
        out[i].memoryRequirements =
            (VkMemoryRequirements){4096, 4096, (1u << memory.memoryTypeCount) - 1};
    }
    *count = out && room < SESSION_MEMORIES ? room : SESSION_MEMORIES;
    return out && room < SESSION_MEMORIES ? VK_INCOMPLETE : VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_BindVideoSessionMemoryKHR(VkDevice device, VkVideoSessionKHR handle, uint32_t count,
                                const VkBindVideoSessionMemoryInfoKHR *infos)
{
    (void)device;
    struct session *session = (struct session *)handle;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = infos[i].memoryBindIndex - 10;
        if (index >= SESSION_MEMORIES || !infos[i].memory || infos[i].memorySize != 4096) {
            layer_die("memory is bound where none was asked for");
        }
        session->bound[index] = true;
    }
    return VK_SUCCESS;
}

/* --- their parameters --- */

struct parameters {
    struct video_text text;
    uint32_t operating_points;
};

static VkResult
add_parameters(struct parameters *parameters,
               const VkVideoEncodeH265SessionParametersAddInfoKHR *info)
{
    for (uint32_t i = 0; info && i < info->stdVPSCount; i++) {
        if (info->pStdVPSs[i].vps_video_parameter_set_id > 15) {
            return VK_ERROR_INVALID_VIDEO_STD_PARAMETERS_KHR;
        }
    }
    if (info) {
        video_say_h265(&parameters->text, info);
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateVideoSessionParametersKHR(VkDevice device,
                                      const VkVideoSessionParametersCreateInfoKHR *info,
                                      const VkAllocationCallbacks *allocator,
                                      VkVideoSessionParametersKHR *out)
{
    (void)device, (void)allocator;
    const VkVideoEncodeH265SessionParametersCreateInfoKHR *h265 = layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_CREATE_INFO_KHR);
    const VkVideoEncodeAV1SessionParametersCreateInfoKHR *av1 = layer_find_in_chain(
        info->pNext, VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_SESSION_PARAMETERS_CREATE_INFO_KHR);
    if (!info->videoSession) {
        layer_die("parameters are for no session");
    }
    struct parameters *parameters = layer_alloc(sizeof(*parameters));
    parameters->operating_points = av1 ? av1->stdOperatingPointCount : 0;
    VkResult result = add_parameters(parameters, h265 ? h265->pParametersAddInfo : NULL);
    if (result != VK_SUCCESS) {
        free(parameters);
        return result;
    }
    *out = (VkVideoSessionParametersKHR)parameters;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_UpdateVideoSessionParametersKHR(VkDevice device, VkVideoSessionParametersKHR handle,
                                      const VkVideoSessionParametersUpdateInfoKHR *info)
{
    (void)device;
    return add_parameters(
        (struct parameters *)handle,
        layer_find_in_chain(info->pNext,
                            VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_ADD_INFO_KHR));
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyVideoSessionParametersKHR(VkDevice device, VkVideoSessionParametersKHR handle,
                                       const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    free((struct parameters *)handle);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetEncodedVideoSessionParametersKHR(VkDevice device,
                                          const VkVideoEncodeSessionParametersGetInfoKHR *info,
                                          VkVideoEncodeSessionParametersFeedbackInfoKHR *feedback,
                                          size_t *size, void *data)
{
    (void)device;
    const struct parameters *parameters = (const struct parameters *)info->videoSessionParameters;
    size_t room = *size;
    if (feedback) {
        feedback->hasOverrides = VK_TRUE;
    }
    if (data) {
        *size = room < parameters->text.length ? 0 : parameters->text.length;
        memcpy(data, parameters->text.text, *size);
        return *size ? VK_SUCCESS : VK_INCOMPLETE;
    }
    *size = parameters->text.length;
    return VK_SUCCESS;
}

/* --- views, whose images are kept --- */

struct view {
    struct base_list link;
    VkImageView handle;
    VkImage image;
};

static struct base_list views = {&views, &views};

LAYER_LIST_FINDER(find_view, view, views, VkImageView)

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateImageView(VkDevice device, const VkImageViewCreateInfo *info,
                      const VkAllocationCallbacks *allocator, VkImageView *out)
{
    VkResult result = find_device(device)->CreateImageView(device, info, allocator, out);
    if (result == VK_SUCCESS) {
        struct view *view = layer_alloc(sizeof(*view));
        view->handle = *out;
        view->image = info->image;
        layer_publish(&views, &view->link);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyImageView(VkDevice device, VkImageView handle, const VkAllocationCallbacks *allocator)
{
    struct view *view = find_view(handle);
    if (view) {
        layer_unpublish(&view->link);
        free(view);
    }
    find_device(device)->DestroyImageView(device, handle, allocator);
}

/* --- coding. One command buffer at a time. --- */

static const struct parameters *current;
static bool reset;

static VKAPI_ATTR void VKAPI_CALL
layer_CmdBeginVideoCodingKHR(VkCommandBuffer commands, const VkVideoBeginCodingInfoKHR *info)
{
    (void)commands;
    const struct session *session = (const struct session *)info->videoSession;
    if (!session->bound[0] || !session->bound[1]) {
        layer_die("a session is used without its memory");
    }
    current = (const struct parameters *)info->videoSessionParameters;
    reset = false;
}

static VKAPI_ATTR void VKAPI_CALL
layer_CmdControlVideoCodingKHR(VkCommandBuffer commands, const VkVideoCodingControlInfoKHR *info)
{
    (void)commands;
    reset = info->flags & VK_VIDEO_CODING_CONTROL_RESET_BIT_KHR;
}

static VKAPI_ATTR void VKAPI_CALL
layer_CmdEndVideoCodingKHR(VkCommandBuffer commands, const VkVideoEndCodingInfoKHR *info)
{
    (void)commands, (void)info;
    current = NULL;
}

static VKAPI_ATTR void VKAPI_CALL
layer_CmdDecodeVideoKHR(VkCommandBuffer commands, const VkVideoDecodeInfoKHR *info)
{
    const VkVideoDecodeH264PictureInfoKHR *h264 =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_PICTURE_INFO_KHR);
    const struct view *view = find_view(info->dstPictureResource.imageViewBinding);
    VkExtent2D extent = info->dstPictureResource.codedExtent;
    if (!reset || !view || !h264 || h264->sliceCount != 2 || h264->pSliceOffsets[1] != 512 ||
        info->srcBufferRange != (VkDeviceSize)extent.width * extent.height) {
        layer_die("a picture is decoded that was not described");
    }
    const VkBufferImageCopy region = {
        .bufferOffset = info->srcBufferOffset,
        .imageSubresource = {VK_IMAGE_ASPECT_PLANE_0_BIT, 0, 0, 1},
        .imageExtent = {extent.width, extent.height, 1},
    };
    find_device(commands)->CmdCopyBufferToImage(commands, info->srcBuffer, view->image,
                                                VK_IMAGE_LAYOUT_GENERAL, 1, &region);
}

static VKAPI_ATTR void VKAPI_CALL
layer_CmdEncodeVideoKHR(VkCommandBuffer commands, const VkVideoEncodeInfoKHR *info)
{
    const VkVideoEncodeAV1PictureInfoKHR *av1 =
        layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_PICTURE_INFO_KHR);
    struct video_text text = {.length = 0};
    if (!av1 || !current) {
        layer_die("a picture is encoded that was not described");
    }
    video_say_av1(&text, current->operating_points, av1);
    find_device(commands)->CmdUpdateBuffer(commands, info->dstBuffer, info->dstBufferOffset,
                                           (text.length + 3) & ~(size_t)3, text.text);
}

/* --- queries --- */

struct pool {
    struct base_list link;
    VkQueryPool handle;
    VkQueryType type;
};

static struct base_list pools = {&pools, &pools};

LAYER_LIST_FINDER(find_pool, pool, pools, VkQueryPool)

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateQueryPool(VkDevice device, const VkQueryPoolCreateInfo *info,
                      const VkAllocationCallbacks *allocator, VkQueryPool *out)
{
    VkQueryPoolCreateInfo below = *info;
    bool video = info->queryType == VK_QUERY_TYPE_RESULT_STATUS_ONLY_KHR ||
                 info->queryType == VK_QUERY_TYPE_VIDEO_ENCODE_FEEDBACK_KHR;
    if (video) {
        if (!layer_find_in_chain(info->pNext, VK_STRUCTURE_TYPE_VIDEO_PROFILE_INFO_KHR)) {
            layer_die("queries are for no profile");
        }
        below.pNext = NULL;
        below.queryType = VK_QUERY_TYPE_OCCLUSION;
    }
    VkResult result = find_device(device)->CreateQueryPool(device, &below, allocator, out);
    if (result == VK_SUCCESS && video) {
        struct pool *pool = layer_alloc(sizeof(*pool));
        pool->handle = *out;
        pool->type = info->queryType;
        layer_publish(&pools, &pool->link);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyQueryPool(VkDevice device, VkQueryPool handle, const VkAllocationCallbacks *allocator)
{
    struct pool *pool = find_pool(handle);
    if (pool) {
        layer_unpublish(&pool->link);
        free(pool);
    }
    find_device(device)->DestroyQueryPool(device, handle, allocator);
}

/* Of one query, as 32-bit values: feedback says 7 and 9. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetQueryPoolResults(VkDevice device, VkQueryPool handle, uint32_t first, uint32_t count,
                          size_t size, void *data, VkDeviceSize stride, VkQueryResultFlags flags)
{
    struct layer_device *layer = find_device(device);
    const struct pool *pool = find_pool(handle);
    if (!pool) {
        return layer->GetQueryPoolResults(device, handle, first, count, size, data, stride, flags);
    }
    if (count != 1 || (flags & VK_QUERY_RESULT_64_BIT) ||
        !(flags & VK_QUERY_RESULT_WITH_STATUS_BIT_KHR)) {
        layer_die("queries for video are read without their status");
    }
    uint32_t below[2] = {0, 0}, values = 0, out[3];
    VkResult result =
        layer->GetQueryPoolResults(device, handle, first, 1, sizeof(below), below, sizeof(below),
                                   VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
    if (pool->type == VK_QUERY_TYPE_VIDEO_ENCODE_FEEDBACK_KHR) {
        out[values++] = 7;
        out[values++] = 9;
    }
    out[values++] =
        below[1] ? VK_QUERY_RESULT_STATUS_COMPLETE_KHR : VK_QUERY_RESULT_STATUS_NOT_READY_KHR;
    if (values * sizeof(out[0]) > size) {
        layer_die("there is no room for a query's results");
    }
    memcpy(data, out, values * sizeof(out[0]));
    return result;
}

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceFeatures2);
    LAYER_LOAD(instance, GetPhysicalDeviceMemoryProperties);
    LAYER_LOAD(instance, GetPhysicalDeviceQueueFamilyProperties);
    LAYER_LOAD(instance, GetPhysicalDeviceQueueFamilyProperties2);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    LAYER_LOAD(device, CreateImageView);
    LAYER_LOAD(device, DestroyImageView);
    LAYER_LOAD(device, CreateQueryPool);
    LAYER_LOAD(device, DestroyQueryPool);
    LAYER_LOAD(device, GetQueryPoolResults);
    LAYER_LOAD(device, CmdCopyBufferToImage);
    LAYER_LOAD(device, CmdUpdateBuffer);
}

static const VkExtensionProperties extensions[] = {
    {VK_KHR_VIDEO_QUEUE_EXTENSION_NAME, VK_KHR_VIDEO_QUEUE_SPEC_VERSION},
    {VK_KHR_VIDEO_DECODE_QUEUE_EXTENSION_NAME, VK_KHR_VIDEO_DECODE_QUEUE_SPEC_VERSION},
    {VK_KHR_VIDEO_DECODE_H264_EXTENSION_NAME, VK_KHR_VIDEO_DECODE_H264_SPEC_VERSION},
    {VK_KHR_VIDEO_ENCODE_QUEUE_EXTENSION_NAME, VK_KHR_VIDEO_ENCODE_QUEUE_SPEC_VERSION},
    {VK_KHR_VIDEO_ENCODE_H265_EXTENSION_NAME, VK_KHR_VIDEO_ENCODE_H265_SPEC_VERSION},
    {VK_KHR_VIDEO_ENCODE_AV1_EXTENSION_NAME, VK_KHR_VIDEO_ENCODE_AV1_SPEC_VERSION},
};

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceFeatures2),
    LAYER_HOOK(GetPhysicalDeviceQueueFamilyProperties),
    LAYER_HOOK(GetPhysicalDeviceQueueFamilyProperties2),
    LAYER_HOOK(GetPhysicalDeviceVideoCapabilitiesKHR),
    LAYER_HOOK(GetPhysicalDeviceVideoFormatPropertiesKHR),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(CreateVideoSessionKHR),
    LAYER_HOOK(DestroyVideoSessionKHR),
    LAYER_HOOK(GetVideoSessionMemoryRequirementsKHR),
    LAYER_HOOK(BindVideoSessionMemoryKHR),
    LAYER_HOOK(CreateVideoSessionParametersKHR),
    LAYER_HOOK(UpdateVideoSessionParametersKHR),
    LAYER_HOOK(DestroyVideoSessionParametersKHR),
    LAYER_HOOK(GetEncodedVideoSessionParametersKHR),
    LAYER_HOOK(CreateImageView),
    LAYER_HOOK(DestroyImageView),
    LAYER_HOOK(CmdBeginVideoCodingKHR),
    LAYER_HOOK(CmdControlVideoCodingKHR),
    LAYER_HOOK(CmdEndVideoCodingKHR),
    LAYER_HOOK(CmdDecodeVideoKHR),
    LAYER_HOOK(CmdEncodeVideoKHR),
    LAYER_HOOK(CreateQueryPool),
    LAYER_HOOK(DestroyQueryPool),
    LAYER_HOOK(GetQueryPoolResults),
    {0},
};

const struct layer_definition layer_definition = {
    .name = "video",
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .extensions = extensions,
    .extension_count = BASE_COUNT_OF(extensions),
    .load_instance = load_instance,
    .load_device = load_device,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
