#include "driver/video_arrays.h"

#include <string.h>
#include <vulkan/vulkan_core.h>

#include "driver/chain_copy.h"

enum {
    /* operating_points_cnt_minus_1 has five bits: AV1, 5.5.1; also in policy.xml */
    AV1_OPERATING_POINTS = 32,
};

/* `count` elements, and zeros up to `most`. NULL: out of memory. */
static void *
widen(struct drv_scratch *scratch, const void *from, size_t count, size_t most, size_t size)
{
    uint8_t *wide = drv_scratch_array(scratch, most, size);
    if (!wide) {
        return NULL;
    }
    size_t used = (count < most ? count : most) * size;
    memcpy(wide, from, used);
    memset(wide + used, 0, most * size - used);
    return wide;
}

/* --- H.265: parameters of sublayers --- */

/* *list is the application's, which is there if the flag says so. */
static bool
widen_sublayers(struct drv_scratch *scratch, bool flag, uint32_t count,
                const StdVideoH265SubLayerHrdParameters **list)
{
    if (!flag || !*list) {
        *list = NULL;
        return true;
    }
    *list = widen(scratch, *list, count, STD_VIDEO_H265_SUBLAYERS_LIST_SIZE, sizeof(**list));
    return *list;
}

/* *place is the application's; it becomes ours. */
static bool
widen_hrd(struct drv_scratch *scratch, uint32_t sublayers, const StdVideoH265HrdParameters **place)
{
    StdVideoH265HrdParameters *hrd = drv_scratch_copy(scratch, *place, sizeof(*hrd));
    *place = hrd;
    return hrd &&
           widen_sublayers(scratch, hrd->flags.nal_hrd_parameters_present_flag, sublayers,
                           &hrd->pSubLayerHrdParametersNal) &&
           widen_sublayers(scratch, hrd->flags.vcl_hrd_parameters_present_flag, sublayers,
                           &hrd->pSubLayerHrdParametersVcl);
}

static bool
widen_vps(struct drv_scratch *scratch, uint32_t count, const StdVideoH265VideoParameterSet **sets)
{
    if (!*sets || count == 0) {
        return true;
    }
    StdVideoH265VideoParameterSet *copies =
        drv_scratch_copy(scratch, *sets, count * sizeof(*copies));
    bool enough = copies;
    *sets = copies;
    for (uint32_t i = 0; enough && i < count; i++) {
        enough =
            !copies[i].pHrdParameters ||
            widen_hrd(scratch, copies[i].vps_max_sub_layers_minus1 + 1u, &copies[i].pHrdParameters);
    }
    return enough;
}

static bool
widen_vui(struct drv_scratch *scratch, StdVideoH265SequenceParameterSet *set)
{
    if (!set->flags.vui_parameters_present_flag || !set->pSequenceParameterSetVui) {
        set->pSequenceParameterSetVui = NULL;
        return true;
    }
    StdVideoH265SequenceParameterSetVui *vui =
        drv_scratch_copy(scratch, set->pSequenceParameterSetVui, sizeof(*vui));
    set->pSequenceParameterSetVui = vui;
    if (!vui) {
        return false;
    }
    if (!vui->flags.vui_hrd_parameters_present_flag) {
        vui->pHrdParameters = NULL;
    }
    return !vui->pHrdParameters ||
           widen_hrd(scratch, set->sps_max_sub_layers_minus1 + 1u, &vui->pHrdParameters);
}

static bool
widen_sps(struct drv_scratch *scratch, uint32_t count,
          const StdVideoH265SequenceParameterSet **sets)
{
    if (!*sets || count == 0) {
        return true;
    }
    StdVideoH265SequenceParameterSet *copies =
        drv_scratch_copy(scratch, *sets, count * sizeof(*copies));
    bool enough = copies;
    *sets = copies;
    for (uint32_t i = 0; enough && i < count; i++) {
        enough = widen_vui(scratch, &copies[i]);
    }
    return enough;
}

static bool
widen_decode_add(struct drv_scratch *scratch, VkVideoDecodeH265SessionParametersAddInfoKHR *info)
{
    return widen_vps(scratch, info->stdVPSCount, &info->pStdVPSs) &&
           widen_sps(scratch, info->stdSPSCount, &info->pStdSPSs);
}

static bool
widen_encode_add(struct drv_scratch *scratch, VkVideoEncodeH265SessionParametersAddInfoKHR *info)
{
    return widen_vps(scratch, info->stdVPSCount, &info->pStdVPSs) &&
           widen_sps(scratch, info->stdSPSCount, &info->pStdSPSs);
}

static bool
widen_decode_create(struct drv_scratch *scratch,
                    VkVideoDecodeH265SessionParametersCreateInfoKHR *info)
{
    if (!info->pParametersAddInfo) {
        return true;
    }
    VkVideoDecodeH265SessionParametersAddInfoKHR *add =
        drv_scratch_copy(scratch, info->pParametersAddInfo, sizeof(*add));
    info->pParametersAddInfo = add;
    return add && widen_decode_add(scratch, add);
}

static bool
widen_encode_create(struct drv_scratch *scratch,
                    VkVideoEncodeH265SessionParametersCreateInfoKHR *info)
{
    if (!info->pParametersAddInfo) {
        return true;
    }
    VkVideoEncodeH265SessionParametersAddInfoKHR *add =
        drv_scratch_copy(scratch, info->pParametersAddInfo, sizeof(*add));
    info->pParametersAddInfo = add;
    return add && widen_encode_add(scratch, add);
}

/* --- AV1: when to remove a picture from the buffer, for each operating point --- */

static bool
widen_removal_times(struct drv_scratch *scratch, uint32_t operating_points,
                    VkVideoEncodeAV1PictureInfoKHR *info)
{
    StdVideoEncodeAV1PictureInfo *picture =
        drv_scratch_copy(scratch, info->pStdPictureInfo, sizeof(*picture));
    info->pStdPictureInfo = picture;
    if (!picture) {
        return false;
    }
    if (!picture->flags.buffer_removal_time_present_flag || operating_points == 0) {
        picture->pBufferRemovalTimes = NULL;
    }
    if (picture->pBufferRemovalTimes) {
        picture->pBufferRemovalTimes =
            widen(scratch, picture->pBufferRemovalTimes, operating_points, AV1_OPERATING_POINTS,
                  sizeof(*picture->pBufferRemovalTimes));
        return picture->pBufferRemovalTimes;
    }
    return true;
}

/* --- chains --- */

/* The structure is a copy. */
static bool
widen_structure(struct drv_scratch *scratch, uint32_t operating_points, VkBaseOutStructure *at)
{
    switch (at->sType) {
    case VK_STRUCTURE_TYPE_VIDEO_DECODE_H265_SESSION_PARAMETERS_CREATE_INFO_KHR:
        return widen_decode_create(scratch, (VkVideoDecodeH265SessionParametersCreateInfoKHR *)at);
    case VK_STRUCTURE_TYPE_VIDEO_DECODE_H265_SESSION_PARAMETERS_ADD_INFO_KHR:
        return widen_decode_add(scratch, (VkVideoDecodeH265SessionParametersAddInfoKHR *)at);
    case VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_CREATE_INFO_KHR:
        return widen_encode_create(scratch, (VkVideoEncodeH265SessionParametersCreateInfoKHR *)at);
    case VK_STRUCTURE_TYPE_VIDEO_ENCODE_H265_SESSION_PARAMETERS_ADD_INFO_KHR:
        return widen_encode_add(scratch, (VkVideoEncodeH265SessionParametersAddInfoKHR *)at);
#ifdef VK_KHR_video_maintenance2
    case VK_STRUCTURE_TYPE_VIDEO_DECODE_H265_INLINE_SESSION_PARAMETERS_INFO_KHR: {
        VkVideoDecodeH265InlineSessionParametersInfoKHR *info =
            (VkVideoDecodeH265InlineSessionParametersInfoKHR *)at;
        return widen_vps(scratch, 1, &info->pStdVPS) && widen_sps(scratch, 1, &info->pStdSPS);
    }
#endif
    case VK_STRUCTURE_TYPE_VIDEO_ENCODE_AV1_PICTURE_INFO_KHR:
        return widen_removal_times(scratch, operating_points, (VkVideoEncodeAV1PictureInfoKHR *)at);
    default: return true;
    }
}

bool
drv_video_arrays_widen(struct drv_scratch *scratch, const void *chain, uint32_t operating_points,
                       void **out)
{
    if (!drv_chain_copy(scratch, chain, out)) {
        return false;
    }
    for (VkBaseOutStructure *at = *out; at; at = at->pNext) {
        if (!widen_structure(scratch, operating_points, at)) {
            return false;
        }
    }
    return true;
}
