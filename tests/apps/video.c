/* Vulkan Video on a host whose codecs are none (tests/layer/video_layer.c): what it says of itself,
 * a picture that is decoded, one that is encoded, and structures of codecs that reach it whole. */
#include "tools/vkh/vkh.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/layer/video_text.h"

enum { SIDE = 64, LUMA = SIDE * SIDE, SUBLAYERS = 3, POINTS = 3 };

static struct vkh_gpu gpu;

#define GET(name) ((PFN_##name)vkGetDeviceProcAddr(gpu.device, #name))
#define GET_OF_INSTANCE(name) ((PFN_##name)vkGetInstanceProcAddr(gpu.instance, #name))

/* --- profiles --- */

static const VkVideoDecodeH264ProfileInfoKHR h264 = {
    .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_PROFILE_INFO_KHR,
    .stdProfileIdc = STD_VIDEO_H264_PROFILE_IDC_HIGH,
    .pictureLayout = VK_VIDEO_DECODE_H264_PICTURE_LAYOUT_PROGRESSIVE_KHR,
};
static const VkVideoEncodeH265ProfileInfoKHR h265 = {
    .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_PROFILE_INFO_KHR,
    .stdProfileIdc = STD_VIDEO_H265_PROFILE_IDC_MAIN,
};
static const VkVideoEncodeAV1ProfileInfoKHR av1 = {
    .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_PROFILE_INFO_KHR,
    .stdProfile = STD_VIDEO_AV1_PROFILE_MAIN,
};

static VkVideoProfileInfoKHR
profile_of(VkVideoCodecOperationFlagBitsKHR codec, const void *chain)
{
    return (VkVideoProfileInfoKHR){
        .sType = VK_STRUCTURE_TYPE_VIDEO_PROFILE_INFO_KHR,
        .pNext = chain,
        .videoCodecOperation = codec,
        .chromaSubsampling = VK_VIDEO_CHROMA_SUBSAMPLING_420_BIT_KHR,
        .lumaBitDepth = VK_VIDEO_COMPONENT_BIT_DEPTH_8_BIT_KHR,
        .chromaBitDepth = VK_VIDEO_COMPONENT_BIT_DEPTH_8_BIT_KHR,
    };
}

/* --- what the host says of itself --- */

static void
check_queues(void)
{
    VkQueueFamilyQueryResultStatusPropertiesKHR status = {
        .sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_QUERY_RESULT_STATUS_PROPERTIES_KHR,
    };
    VkQueueFamilyVideoPropertiesKHR video = {
        .sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_VIDEO_PROPERTIES_KHR,
        .pNext = &status,
    };
    VkQueueFamilyProperties2 family = {
        .sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2,
        .pNext = &video,
    };
    uint32_t count = 1;
    GET_OF_INSTANCE(vkGetPhysicalDeviceQueueFamilyProperties2)
    (gpu.physical_device, &count, &family);
    vkh_expect(family.queueFamilyProperties.queueFlags & VK_QUEUE_VIDEO_DECODE_BIT_KHR,
               "the queue does not decode");
    vkh_expect(gpu.queue_properties.queueFlags & VK_QUEUE_VIDEO_ENCODE_BIT_KHR,
               "the queue does not encode");
    vkh_expect(video.videoCodecOperations & VK_VIDEO_CODEC_OPERATION_DECODE_H264_BIT_KHR,
               "the queue decodes no H.264");
    vkh_expect(status.queryResultStatusSupport, "the queue has no status of queries");
}

static void
check_capabilities(void)
{
    PFN_vkGetPhysicalDeviceVideoCapabilitiesKHR get =
        GET_OF_INSTANCE(vkGetPhysicalDeviceVideoCapabilitiesKHR);
    VkVideoProfileInfoKHR profile = profile_of(VK_VIDEO_CODEC_OPERATION_DECODE_H264_BIT_KHR, &h264);
    VkVideoDecodeH264CapabilitiesKHR codec = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_CAPABILITIES_KHR,
    };
    VkVideoDecodeCapabilitiesKHR decode = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_CAPABILITIES_KHR,
        .pNext = &codec,
    };
    VkVideoCapabilitiesKHR capabilities = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_CAPABILITIES_KHR,
        .pNext = &decode,
    };
    VKH_CHECK(get(gpu.physical_device, &profile, &capabilities));
    vkh_expect(capabilities.maxDpbSlots == 17 && capabilities.maxCodedExtent.height == 2304 &&
                   codec.maxLevelIdc == STD_VIDEO_H264_LEVEL_IDC_5_2 &&
                   codec.fieldOffsetGranularity.x == -1,
               "the capabilities are not the host's");
    vkh_expect(
        strcmp(capabilities.stdHeaderVersion.extensionName, "VK_STD_vulkan_video_codec_test") == 0,
        "the codec's header has another name");
    profile.videoCodecOperation = VK_VIDEO_CODEC_OPERATION_DECODE_H265_BIT_KHR;
    profile.pNext = NULL;
    vkh_expect(get(gpu.physical_device, &profile, &capabilities) ==
                   VK_ERROR_VIDEO_PROFILE_OPERATION_NOT_SUPPORTED_KHR,
               "a profile is there that the host does not have");
}

static void
check_formats(const VkVideoProfileListInfoKHR *profiles)
{
    const VkPhysicalDeviceVideoFormatInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VIDEO_FORMAT_INFO_KHR,
        .pNext = profiles,
        .imageUsage = VK_IMAGE_USAGE_VIDEO_DECODE_DST_BIT_KHR,
    };
    VkVideoFormatPropertiesKHR format = {.sType = VK_STRUCTURE_TYPE_VIDEO_FORMAT_PROPERTIES_KHR};
    PFN_vkGetPhysicalDeviceVideoFormatPropertiesKHR get =
        GET_OF_INSTANCE(vkGetPhysicalDeviceVideoFormatPropertiesKHR);
    uint32_t count = 0;
    VKH_CHECK(get(gpu.physical_device, &info, &count, NULL));
    vkh_expect(count == 1, "there is not one format");
    VKH_CHECK(get(gpu.physical_device, &info, &count, &format));
    vkh_expect(format.format == VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, "the format is another one");
}

/* --- sessions --- */

enum { MAX_MEMORIES = 4 };

struct session {
    VkVideoSessionKHR handle;
    VkDeviceMemory memories[MAX_MEMORIES];
    uint32_t memory_count;
};

static void
bind_memory(struct session *session)
{
    PFN_vkGetVideoSessionMemoryRequirementsKHR get = GET(vkGetVideoSessionMemoryRequirementsKHR);
    VkVideoSessionMemoryRequirementsKHR needs[MAX_MEMORIES];
    VkBindVideoSessionMemoryInfoKHR binds[MAX_MEMORIES];
    for (uint32_t i = 0; i < MAX_MEMORIES; i++) {
        needs[i] = (VkVideoSessionMemoryRequirementsKHR){
            .sType = VK_STRUCTURE_TYPE_VIDEO_SESSION_MEMORY_REQUIREMENTS_KHR,
        };
    }
    session->memory_count = MAX_MEMORIES;
    VKH_CHECK(get(gpu.device, session->handle, &session->memory_count, needs));
    for (uint32_t i = 0; i < session->memory_count; i++) {
        const VkMemoryAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = needs[i].memoryRequirements.size,
            .memoryTypeIndex =
                vkh_memory_type(&gpu, needs[i].memoryRequirements.memoryTypeBits, 0, 0),
        };
        VKH_CHECK(vkAllocateMemory(gpu.device, &info, NULL, &session->memories[i]));
        binds[i] = (VkBindVideoSessionMemoryInfoKHR){
            .sType = VK_STRUCTURE_TYPE_BIND_VIDEO_SESSION_MEMORY_INFO_KHR,
            .memoryBindIndex = needs[i].memoryBindIndex,
            .memory = session->memories[i],
            .memorySize = needs[i].memoryRequirements.size,
        };
    }
    VKH_CHECK(GET(vkBindVideoSessionMemoryKHR)(gpu.device, session->handle, session->memory_count,
                                               binds));
}

static void
create_session(const VkVideoProfileInfoKHR *profile, struct session *out)
{
    VkExtensionProperties header = {.extensionName = "VK_STD_vulkan_video_codec_test",
                                    .specVersion = VK_MAKE_VIDEO_STD_VERSION(9, 0, 0)};
    const VkVideoSessionCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_SESSION_CREATE_INFO_KHR,
        .queueFamilyIndex = gpu.queue_family,
        .pVideoProfile = profile,
        .pictureFormat = VK_FORMAT_G8_B8R8_2PLANE_420_UNORM,
        .maxCodedExtent = {SIDE, SIDE},
        .pStdHeaderVersion = &header,
    };
    PFN_vkCreateVideoSessionKHR create = GET(vkCreateVideoSessionKHR);
    vkh_expect(create(gpu.device, &info, NULL, &out->handle) ==
                   VK_ERROR_VIDEO_STD_VERSION_NOT_SUPPORTED_KHR,
               "a codec's header is not too new");
    header.specVersion = VK_MAKE_VIDEO_STD_VERSION(1, 0, 0);
    VKH_CHECK(create(gpu.device, &info, NULL, &out->handle));
    bind_memory(out);
}

static void
destroy_session(struct session *session)
{
    GET(vkDestroyVideoSessionKHR)(gpu.device, session->handle, NULL);
    for (uint32_t i = 0; i < session->memory_count; i++) {
        vkFreeMemory(gpu.device, session->memories[i], NULL);
    }
}

static VkVideoSessionParametersKHR
create_parameters(const struct session *session, const void *chain)
{
    const VkVideoSessionParametersCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_SESSION_PARAMETERS_CREATE_INFO_KHR,
        .pNext = chain,
        .videoSession = session->handle,
    };
    VkVideoSessionParametersKHR parameters;
    VKH_CHECK(GET(vkCreateVideoSessionParametersKHR)(gpu.device, &info, NULL, &parameters));
    return parameters;
}

static void
begin_coding(VkCommandBuffer commands, const struct session *session,
             VkVideoSessionParametersKHR parameters)
{
    const VkVideoBeginCodingInfoKHR begin = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_BEGIN_CODING_INFO_KHR,
        .videoSession = session->handle,
        .videoSessionParameters = parameters,
    };
    const VkVideoCodingControlInfoKHR control = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_CODING_CONTROL_INFO_KHR,
        .flags = VK_VIDEO_CODING_CONTROL_RESET_BIT_KHR,
    };
    GET(vkCmdBeginVideoCodingKHR)(commands, &begin);
    GET(vkCmdControlVideoCodingKHR)(commands, &control);
}

static void
end_coding(VkCommandBuffer commands)
{
    const VkVideoEndCodingInfoKHR end = {.sType = VK_STRUCTURE_TYPE_VIDEO_END_CODING_INFO_KHR};
    GET(vkCmdEndVideoCodingKHR)(commands, &end);
}

/* --- elements behind which nothing may be read --- */

/* A copy that ends where a page does; behind it there is none. */
static void *
at_the_brink(const void *from, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page;
    char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    vkh_expect(map != MAP_FAILED && mprotect(map + room, page, PROT_NONE) == 0, "no pages");
    return memcpy(map + room - size, from, size);
}

/* --- parameters of H.265 --- */

static StdVideoH265HrdParameters
make_hrd(void)
{
    StdVideoH265SubLayerHrdParameters sublayers[SUBLAYERS];
    memset(sublayers, 0, sizeof(sublayers));
    for (uint32_t i = 0; i < SUBLAYERS; i++) {
        sublayers[i].bit_rate_value_minus1[0] = 1000 + i;
        sublayers[i].bit_rate_du_value_minus1[STD_VIDEO_H265_CPB_CNT_LIST_SIZE - 1] = 2000 + i;
        sublayers[i].cbr_flag = 1u << i;
    }
    return (StdVideoH265HrdParameters){
        .flags = {.nal_hrd_parameters_present_flag = 1,
                  .fixed_pic_rate_general_flag = 0x5a,
                  .low_delay_hrd_flag = 0x81},
        .elemental_duration_in_tc_minus1 = {[STD_VIDEO_H265_SUBLAYERS_LIST_SIZE - 1] = 0xfedc},
        .pSubLayerHrdParametersNal = at_the_brink(sublayers, sizeof(sublayers)),
        .pSubLayerHrdParametersVcl = (void *)(uintptr_t)0x10, /* by the flags there is none */
    };
}

static void
expect_encoded(VkVideoSessionParametersKHR parameters, const struct video_text *expected)
{
    const VkVideoEncodeSessionParametersGetInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_SESSION_PARAMETERS_GET_INFO_KHR,
        .videoSessionParameters = parameters,
    };
    VkVideoEncodeSessionParametersFeedbackInfoKHR feedback = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_SESSION_PARAMETERS_FEEDBACK_INFO_KHR,
    };
    PFN_vkGetEncodedVideoSessionParametersKHR get = GET(vkGetEncodedVideoSessionParametersKHR);
    char text[sizeof(expected->text)];
    size_t size = 0, little = 1;
    VKH_CHECK(get(gpu.device, &info, &feedback, &size, NULL));
    vkh_expect(feedback.hasOverrides && size == expected->length, "the parameters' size is wrong");
    vkh_expect(get(gpu.device, &info, NULL, &little, text) == VK_INCOMPLETE,
               "parameters fit into one byte");
    size = sizeof(text);
    VKH_CHECK(get(gpu.device, &info, &feedback, &size, text));
    text[size] = 0;
    if (strcmp(text, expected->text) != 0) {
        vkh_die("the host has\n%snot\n%s", text, expected->text);
    }
}

static void
expect_refused(VkVideoSessionParametersKHR parameters)
{
    const StdVideoH265VideoParameterSet set = {.vps_video_parameter_set_id = 16};
    const VkVideoEncodeH265SessionParametersAddInfoKHR add = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_ADD_INFO_KHR,
        .stdVPSCount = 1,
        .pStdVPSs = &set,
    };
    const VkVideoSessionParametersUpdateInfoKHR update = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_SESSION_PARAMETERS_UPDATE_INFO_KHR,
        .pNext = &add,
        .updateSequenceCount = 1,
    };
    vkh_expect(GET(vkUpdateVideoSessionParametersKHR)(gpu.device, parameters, &update) ==
                   VK_ERROR_INVALID_VIDEO_STD_PARAMETERS_KHR,
               "wrong parameters are taken");
}

static void
check_parameters(void)
{
    const VkVideoProfileInfoKHR profile =
        profile_of(VK_VIDEO_CODEC_OPERATION_ENCODE_H265_BIT_KHR, &h265);
    StdVideoH265HrdParameters hrd = make_hrd();
    const StdVideoH265VideoParameterSet vps = {
        .vps_video_parameter_set_id = 3,
        .vps_max_sub_layers_minus1 = SUBLAYERS - 1,
        .vps_time_scale = 25,
        .pHrdParameters = &hrd,
    };
    const StdVideoH265SequenceParameterSetVui vui = {
        .flags = {.vui_hrd_parameters_present_flag = 1},
        .pHrdParameters = &hrd,
    };
    const StdVideoH265ShortTermRefPicSet sets[2] = {{.used_by_curr_pic_s0_flag = 0xab},
                                                    {.used_by_curr_pic_s0_flag = 0xcdef}};
    StdVideoH265ScalingLists lists = {.ScalingList4x4 = {[5] = {[15] = 77}},
                                      .ScalingListDCCoef32x32 = {1, 99}};
    const StdVideoH265SequenceParameterSet sps = {
        .flags = {.sps_scaling_list_data_present_flag = 1,
                  .sample_adaptive_offset_enabled_flag = 1,
                  .vui_parameters_present_flag = 1},
        .pic_width_in_luma_samples = SIDE,
        .pic_height_in_luma_samples = SIDE,
        .sps_max_sub_layers_minus1 = SUBLAYERS - 1,
        .sps_seq_parameter_set_id = 5,
        .num_short_term_ref_pic_sets = 2,
        .pScalingLists = &lists,
        .pShortTermRefPicSet = sets,
        .pSequenceParameterSetVui = &vui,
    };
    const StdVideoH265PictureParameterSet pps = {
        .pps_pic_parameter_set_id = 6,
        .init_qp_minus26 = -20,
        .cb_qp_offset_list = {[STD_VIDEO_H265_CHROMA_QP_OFFSET_LIST_SIZE - 1] = -3},
    };
    const VkVideoEncodeH265SessionParametersAddInfoKHR add = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_ADD_INFO_KHR,
        .stdVPSCount = 1,
        .pStdVPSs = &vps,
        .stdSPSCount = 1,
        .pStdSPSs = &sps,
        .stdPPSCount = 1,
        .pStdPPSs = &pps,
    };
    const VkVideoEncodeH265SessionParametersCreateInfoKHR create = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_CREATE_INFO_KHR,
        .maxStdVPSCount = 1,
        .maxStdSPSCount = 1,
        .maxStdPPSCount = 1,
        .pParametersAddInfo = &add,
    };
    struct video_text expected = {.length = 0};
    struct session session;
    video_say_h265(&expected, &add);
    create_session(&profile, &session);
    VkVideoSessionParametersKHR parameters = create_parameters(&session, &create);
    expect_encoded(parameters, &expected);
    expect_refused(parameters);
    expect_encoded(parameters, &expected);
    GET(vkDestroyVideoSessionParametersKHR)(gpu.device, parameters, NULL);
    destroy_session(&session);
}

/* --- decoding --- */

/* As ffmpeg describes a stream without buffering parameters. */
static VkVideoSessionParametersKHR
create_h264_parameters(const struct session *session)
{
    const StdVideoH264HrdParameters hrd = {.cpb_cnt_minus1 = 255};
    const StdVideoH264SequenceParameterSetVui vui = {.pHrdParameters = &hrd};
    const StdVideoH264SequenceParameterSet sps = {
        .flags = {.vui_parameters_present_flag = 1},
        .pScalingLists = (void *)(uintptr_t)0x10, /* by the flags there are none */
        .pSequenceParameterSetVui = &vui,
    };
    const VkVideoDecodeH264SessionParametersAddInfoKHR add = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_SESSION_PARAMETERS_ADD_INFO_KHR,
        .stdSPSCount = 1,
        .pStdSPSs = &sps,
    };
    const VkVideoDecodeH264SessionParametersCreateInfoKHR create = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_SESSION_PARAMETERS_CREATE_INFO_KHR,
        .maxStdSPSCount = 1,
        .pParametersAddInfo = &add,
    };
    return create_parameters(session, &create);
}

static void
create_buffer(const VkVideoProfileListInfoKHR *profiles, VkBufferUsageFlags usage,
              struct vkh_buffer *out)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = profiles,
        .size = LUMA,
        .usage = usage,
    };
    VkMemoryRequirements needs;
    VKH_CHECK(vkCreateBuffer(gpu.device, &info, NULL, &out->buffer));
    vkGetBufferMemoryRequirements(gpu.device, out->buffer, &needs);
    const VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = vkh_memory_type(
            &gpu, needs.memoryTypeBits,
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0),
    };
    VKH_CHECK(vkAllocateMemory(gpu.device, &allocate, NULL, &out->memory));
    VKH_CHECK(vkBindBufferMemory(gpu.device, out->buffer, out->memory, 0));
    VKH_CHECK(vkMapMemory(gpu.device, out->memory, 0, LUMA, 0, &out->map));
    out->size = LUMA;
}

static void
create_picture(const VkVideoProfileListInfoKHR *profiles, VkImageUsageFlags usage,
               struct vkh_image *out)
{
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = profiles,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_G8_B8R8_2PLANE_420_UNORM,
        .extent = {SIDE, SIDE, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = usage | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
    };
    VkMemoryRequirements needs;
    VKH_CHECK(vkCreateImage(gpu.device, &info, NULL, &out->image));
    vkGetImageMemoryRequirements(gpu.device, out->image, &needs);
    const VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = vkh_memory_type(&gpu, needs.memoryTypeBits, 0, 0),
    };
    VKH_CHECK(vkAllocateMemory(gpu.device, &allocate, NULL, &out->memory));
    VKH_CHECK(vkBindImageMemory(gpu.device, out->image, out->memory, 0));
    const VkImageViewCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = out->image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = info.format,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    VKH_CHECK(vkCreateImageView(gpu.device, &view, NULL, &out->view));
}

static VkVideoPictureResourceInfoKHR
resource_of(const struct vkh_image *picture)
{
    return (VkVideoPictureResourceInfoKHR){
        .sType = VK_STRUCTURE_TYPE_VIDEO_PICTURE_RESOURCE_INFO_KHR,
        .codedExtent = {SIDE, SIDE},
        .imageViewBinding = picture->view,
    };
}

static VkQueryPool
create_queries(VkQueryType type, const void *chain)
{
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .pNext = chain,
        .queryType = type,
        .queryCount = 1,
    };
    VkQueryPool pool;
    VKH_CHECK(vkCreateQueryPool(gpu.device, &info, NULL, &pool));
    return pool;
}

static void
record_decode(VkCommandBuffer commands, const struct vkh_buffer *bitstream,
              const struct vkh_image *picture)
{
    const uint32_t slices[2] = {0, 512};
    const StdVideoDecodeH264PictureInfo codec_picture = {.flags = {.IdrPicFlag = 1}};
    const VkVideoDecodeH264PictureInfoKHR codec = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_H264_PICTURE_INFO_KHR,
        .pStdPictureInfo = &codec_picture,
        .sliceCount = 2,
        .pSliceOffsets = slices,
    };
    const VkVideoDecodeInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_DECODE_INFO_KHR,
        .pNext = &codec,
        .srcBuffer = bitstream->buffer,
        .srcBufferRange = LUMA,
        .dstPictureResource = resource_of(picture),
    };
    GET(vkCmdDecodeVideoKHR)(commands, &info);
}

static void
copy_luma(VkCommandBuffer commands, const struct vkh_image *picture, const struct vkh_buffer *out)
{
    const VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_PLANE_0_BIT, 0, 0, 1},
        .imageExtent = {SIDE, SIDE, 1},
    };
    vkh_image_barrier(commands, picture->image, VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_VIDEO_DECODE_DST_KHR, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                      VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_WRITE_BIT,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    vkCmdCopyImageToBuffer(commands, picture->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           out->buffer, 1, &region);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
}

static void
expect_status(VkQueryPool pool, VkQueryResultFlags flags, int32_t expected, VkResult result)
{
    int32_t status = 7;
    vkh_expect(vkGetQueryPoolResults(gpu.device, pool, 0, 1, sizeof(status), &status,
                                     sizeof(status),
                                     flags | VK_QUERY_RESULT_WITH_STATUS_BIT_KHR) == result &&
                   status == expected,
               "a query's status is wrong");
}

static void
check_decoding(void)
{
    const VkVideoProfileInfoKHR profile =
        profile_of(VK_VIDEO_CODEC_OPERATION_DECODE_H264_BIT_KHR, &h264);
    const VkVideoProfileListInfoKHR profiles = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_PROFILE_LIST_INFO_KHR,
        .profileCount = 1,
        .pProfiles = &profile,
    };
    struct vkh_buffer bitstream, luma;
    struct vkh_image picture;
    struct session session;
    check_formats(&profiles);
    create_session(&profile, &session);
    VkVideoSessionParametersKHR parameters = create_h264_parameters(&session);
    VkQueryPool queries = create_queries(VK_QUERY_TYPE_RESULT_STATUS_ONLY_KHR, &profile);
    create_buffer(&profiles, VK_BUFFER_USAGE_VIDEO_DECODE_SRC_BIT_KHR, &bitstream);
    create_picture(&profiles, VK_IMAGE_USAGE_VIDEO_DECODE_DST_BIT_KHR, &picture);
    vkh_buffer_create(&gpu, LUMA, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &luma);
    for (uint32_t i = 0; i < LUMA; i++) {
        ((uint8_t *)bitstream.map)[i] = (uint8_t)(i * 7 + i / 256);
    }

    VkCommandBuffer commands = vkh_begin(&gpu);
    vkCmdResetQueryPool(commands, queries, 0, 1);
    vkh_image_barrier(commands, picture.image, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
                      VK_IMAGE_LAYOUT_VIDEO_DECODE_DST_KHR, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, 0,
                      VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_WRITE_BIT);
    begin_coding(commands, &session, parameters);
    vkCmdBeginQuery(commands, queries, 0, 0);
    record_decode(commands, &bitstream, &picture);
    vkCmdEndQuery(commands, queries, 0);
    end_coding(commands);
    copy_luma(commands, &picture, &luma);
    vkh_end_and_wait(&gpu, commands);

    vkh_expect(memcmp(luma.map, bitstream.map, LUMA) == 0, "the picture is another one");
    expect_status(queries, VK_QUERY_RESULT_WAIT_BIT, VK_QUERY_RESULT_STATUS_COMPLETE_KHR,
                  VK_SUCCESS);
    commands = vkh_begin(&gpu);
    vkCmdResetQueryPool(commands, queries, 0, 1);
    vkh_end_and_wait(&gpu, commands);
    expect_status(queries, 0, VK_QUERY_RESULT_STATUS_NOT_READY_KHR, VK_NOT_READY);

    vkDestroyQueryPool(gpu.device, queries, NULL);
    vkh_buffer_destroy(&gpu, &luma);
    vkh_buffer_destroy(&gpu, &bitstream);
    vkh_image_destroy(&gpu, &picture);
    GET(vkDestroyVideoSessionParametersKHR)(gpu.device, parameters, NULL);
    destroy_session(&session);
}

/* --- encoding --- */

static VkVideoSessionParametersKHR
create_av1_parameters(const struct session *session)
{
    const StdVideoAV1ColorConfig color = {.BitDepth = 8};
    const StdVideoAV1SequenceHeader header = {.pColorConfig = &color};
    const StdVideoEncodeAV1OperatingPointInfo points[POINTS] = {{.seq_level_idx = 1}};
    const VkVideoEncodeAV1SessionParametersCreateInfoKHR create = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_SESSION_PARAMETERS_CREATE_INFO_KHR,
        .pStdSequenceHeader = &header,
        .stdOperatingPointCount = POINTS,
        .pStdOperatingPoints = points,
    };
    return create_parameters(session, &create);
}

static void
record_encode(VkCommandBuffer commands, const struct vkh_image *picture,
              const struct vkh_buffer *bitstream, struct video_text *expected)
{
    static const uint32_t times[POINTS] = {111, 222, 333};
    StdVideoAV1GlobalMotion motion = {.gm_params = {[7] = {[5] = -123456}}};
    const StdVideoEncodeAV1PictureInfo codec_picture = {
        .flags = {.buffer_removal_time_present_flag = 1, .show_frame = 1},
        .order_hint = 42,
        .ref_frame_idx = {[STD_VIDEO_AV1_REFS_PER_FRAME - 1] = -1},
        .pGlobalMotion = &motion,
        .pBufferRemovalTimes = at_the_brink(times, sizeof(times)),
    };
    const VkVideoEncodeAV1PictureInfoKHR codec = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_PICTURE_INFO_KHR,
        .constantQIndex = 128,
        .pStdPictureInfo = &codec_picture,
    };
    const VkVideoEncodeInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_ENCODE_INFO_KHR,
        .pNext = &codec,
        .dstBuffer = bitstream->buffer,
        .dstBufferOffset = 16,
        .dstBufferRange = LUMA - 16,
        .srcPictureResource = resource_of(picture),
    };
    video_say_av1(expected, POINTS, &codec);
    GET(vkCmdEncodeVideoKHR)(commands, &info);
}

/* Two values and the status. */
static void
expect_feedback(VkQueryPool queries)
{
    uint32_t values[3] = {0};
    VKH_CHECK(
        vkGetQueryPoolResults(gpu.device, queries, 0, 1, sizeof(values), values, sizeof(values),
                              VK_QUERY_RESULT_WITH_STATUS_BIT_KHR | VK_QUERY_RESULT_WAIT_BIT));
    vkh_expect(values[0] == 7 && values[1] == 9 && values[2] == VK_QUERY_RESULT_STATUS_COMPLETE_KHR,
               "the feedback is not the host's");
}

static void
check_encoding(void)
{
    VkVideoProfileInfoKHR profile = profile_of(VK_VIDEO_CODEC_OPERATION_ENCODE_AV1_BIT_KHR, &av1);
    const VkVideoProfileListInfoKHR profiles = {
        .sType = VK_STRUCTURE_TYPE_VIDEO_PROFILE_LIST_INFO_KHR,
        .profileCount = 1,
        .pProfiles = &profile,
    };
    VkQueryPoolVideoEncodeFeedbackCreateInfoKHR feedback = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_VIDEO_ENCODE_FEEDBACK_CREATE_INFO_KHR,
        .pNext = &profile,
        .encodeFeedbackFlags = VK_VIDEO_ENCODE_FEEDBACK_BITSTREAM_BUFFER_OFFSET_BIT_KHR |
                               VK_VIDEO_ENCODE_FEEDBACK_BITSTREAM_BYTES_WRITTEN_BIT_KHR,
    };
    struct video_text expected = {.length = 0};
    struct vkh_buffer bitstream;
    struct vkh_image picture;
    struct session session;
    create_session(&profile, &session);
    VkVideoSessionParametersKHR parameters = create_av1_parameters(&session);
    VkQueryPool queries = create_queries(VK_QUERY_TYPE_VIDEO_ENCODE_FEEDBACK_KHR, &feedback);
    create_buffer(&profiles, VK_BUFFER_USAGE_VIDEO_ENCODE_DST_BIT_KHR, &bitstream);
    create_picture(&profiles, VK_IMAGE_USAGE_VIDEO_ENCODE_SRC_BIT_KHR, &picture);

    VkCommandBuffer commands = vkh_begin(&gpu);
    vkCmdResetQueryPool(commands, queries, 0, 1);
    begin_coding(commands, &session, parameters);
    vkCmdBeginQuery(commands, queries, 0, 0);
    record_encode(commands, &picture, &bitstream, &expected);
    vkCmdEndQuery(commands, queries, 0);
    end_coding(commands);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_WRITE_BIT);
    vkh_end_and_wait(&gpu, commands);

    if (memcmp((char *)bitstream.map + 16, expected.text, expected.length) != 0) {
        vkh_die("the host has\n%.200snot\n%s", (char *)bitstream.map + 16, expected.text);
    }
    expect_feedback(queries);
    vkDestroyQueryPool(gpu.device, queries, NULL);
    vkh_buffer_destroy(&gpu, &bitstream);
    vkh_image_destroy(&gpu, &picture);
    GET(vkDestroyVideoSessionParametersKHR)(gpu.device, parameters, NULL);
    destroy_session(&session);
}

int
main(void)
{
    static const char *const extensions[] = {
        VK_KHR_VIDEO_QUEUE_EXTENSION_NAME,
        VK_KHR_VIDEO_DECODE_QUEUE_EXTENSION_NAME,
        VK_KHR_VIDEO_DECODE_H264_EXTENSION_NAME,
        VK_KHR_VIDEO_ENCODE_QUEUE_EXTENSION_NAME,
        VK_KHR_VIDEO_ENCODE_H265_EXTENSION_NAME,
        VK_KHR_VIDEO_ENCODE_AV1_EXTENSION_NAME,
        NULL,
    };
    VkPhysicalDeviceVideoEncodeAV1FeaturesKHR feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VIDEO_ENCODE_AV1_FEATURES_KHR,
        .videoEncodeAV1 = VK_TRUE,
    };
    const struct vkh_gpu_info info = {
        .program = "video",
        .api_version = VK_API_VERSION_1_3,
        .extensions = extensions,
        .all_core_features = true,
        .device_next = &feature,
    };

    vkh_gpu_open(&gpu, &info);
    for (size_t i = 0; extensions[i]; i++) {
        if (!vkh_gpu_has_extension(&gpu, extensions[i])) {
            vkh_die("there is no %s: is the test layer under the server?", extensions[i]);
        }
    }
    check_queues();
    check_capabilities();
    check_parameters();
    check_decoding();
    check_encoding();
    vkh_gpu_close(&gpu);
    puts("ok video");
    return 0;
}
