/* What the structures of a codec say, as text: an application and the host below it (video_layer.c)
 * must read the same. As much of them as has a form of its own on the wire: flags, tables, signed
 * bytes, nested arrays. */
#ifndef TEST_VIDEO_TEXT_H
#define TEST_VIDEO_TEXT_H

#include <stdarg.h>
#include <stdio.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct video_text {
    char text[4096];
    size_t length;
};

static inline void BASE_PRINTF(2, 3) video_say(struct video_text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(t->text + t->length, sizeof(t->text) - t->length, format, arguments);
    va_end(arguments);
    size_t most = sizeof(t->text) - 1 - t->length;
    t->length += (size_t)length < most ? (size_t)length : most;
}

static inline void
video_say_sublayers(struct video_text *t, const char *name, uint32_t count,
                    const StdVideoH265SubLayerHrdParameters *list)
{
    for (uint32_t i = 0; list && i < count; i++) {
        video_say(t, " %s%u=%u,%u,%u", name, i, list[i].bit_rate_value_minus1[0],
                  list[i].bit_rate_du_value_minus1[STD_VIDEO_H265_CPB_CNT_LIST_SIZE - 1],
                  list[i].cbr_flag);
    }
}

/* Without what the flags say is not there. */
static inline void
video_say_hrd(struct video_text *t, uint32_t sublayers, const StdVideoH265HrdParameters *hrd)
{
    if (!hrd) {
        return;
    }
    video_say(t, " hrd low_delay=%x fixed=%x elemental=%u", hrd->flags.low_delay_hrd_flag,
              hrd->flags.fixed_pic_rate_general_flag,
              hrd->elemental_duration_in_tc_minus1[STD_VIDEO_H265_SUBLAYERS_LIST_SIZE - 1]);
    if (hrd->flags.nal_hrd_parameters_present_flag) {
        video_say_sublayers(t, "nal", sublayers, hrd->pSubLayerHrdParametersNal);
    }
    if (hrd->flags.vcl_hrd_parameters_present_flag) {
        video_say_sublayers(t, "vcl", sublayers, hrd->pSubLayerHrdParametersVcl);
    }
}

static inline void
video_say_h265(struct video_text *t, const VkVideoEncodeH265SessionParametersAddInfoKHR *info)
{
    for (uint32_t i = 0; i < info->stdVPSCount; i++) {
        const StdVideoH265VideoParameterSet *set = &info->pStdVPSs[i];
        video_say(t, "vps %u layers=%u timing=%u/%u", set->vps_video_parameter_set_id,
                  set->vps_max_sub_layers_minus1 + 1u, set->vps_num_units_in_tick,
                  set->vps_time_scale);
        video_say_hrd(t, set->vps_max_sub_layers_minus1 + 1u, set->pHrdParameters);
        video_say(t, "\n");
    }
    for (uint32_t i = 0; i < info->stdSPSCount; i++) {
        const StdVideoH265SequenceParameterSet *set = &info->pStdSPSs[i];
        video_say(t, "sps %u %ux%u sao=%u sets=%u", set->sps_seq_parameter_set_id,
                  set->pic_width_in_luma_samples, set->pic_height_in_luma_samples,
                  set->flags.sample_adaptive_offset_enabled_flag, set->num_short_term_ref_pic_sets);
        for (uint32_t k = 0; k < set->num_short_term_ref_pic_sets; k++) {
            video_say(t, " %x", set->pShortTermRefPicSet[k].used_by_curr_pic_s0_flag);
        }
        if (set->pScalingLists) {
            video_say(t, " scaling=%u,%u", set->pScalingLists->ScalingList4x4[5][15],
                      set->pScalingLists->ScalingListDCCoef32x32[1]);
        }
        if (set->flags.vui_parameters_present_flag) {
            video_say_hrd(t, set->sps_max_sub_layers_minus1 + 1u,
                          set->pSequenceParameterSetVui->pHrdParameters);
        }
        video_say(t, "\n");
    }
    for (uint32_t i = 0; i < info->stdPPSCount; i++) {
        const StdVideoH265PictureParameterSet *set = &info->pStdPPSs[i];
        video_say(t, "pps %u qp=%d cb=%d\n", set->pps_pic_parameter_set_id, set->init_qp_minus26,
                  set->cb_qp_offset_list[STD_VIDEO_H265_CHROMA_QP_OFFSET_LIST_SIZE - 1]);
    }
}

static inline void
video_say_av1(struct video_text *t, uint32_t operating_points,
              const VkVideoEncodeAV1PictureInfoKHR *info)
{
    const StdVideoEncodeAV1PictureInfo *picture = info->pStdPictureInfo;
    video_say(t, "picture %u q=%u show=%u refs=%d", picture->order_hint, info->constantQIndex,
              picture->flags.show_frame, picture->ref_frame_idx[STD_VIDEO_AV1_REFS_PER_FRAME - 1]);
    if (picture->pGlobalMotion) {
        video_say(t, " motion=%d", picture->pGlobalMotion->gm_params[7][5]);
    }
    for (uint32_t i = 0; picture->flags.buffer_removal_time_present_flag && i < operating_points;
         i++) {
        video_say(t, " removal%u=%u", i, picture->pBufferRemovalTimes[i]);
    }
    video_say(t, "\n");
}

#endif
