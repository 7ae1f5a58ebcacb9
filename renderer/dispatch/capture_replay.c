#include "renderer/capture_replay.h"

#include <string.h>

#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

enum {
    LARGEST_CAPTURE = 256, /* Vulkan lets no driver have more than 64 of an object's */
};

/* As many bytes as any host reads or writes; the guest's first. NULL: the context has ended. */
static void *
padded(struct rnd_call *call, const void *data, size_t size)
{
    void *bytes = rnd_call_alloc(call, 1, size > LARGEST_CAPTURE ? size : (size_t)LARGEST_CAPTURE);
    if (bytes && data && size > 0) {
        memcpy(bytes, data, size);
    }
    return bytes;
}

bool
rnd_capture_restore(struct rnd_call *call, const void *create_info)
{
    const VkOpaqueCaptureDataVESPER *given =
        rnd_chain_remove(create_info, VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DATA_VESPER);
    if (!given) {
        return true;
    }
    VkOpaqueCaptureDescriptorDataCreateInfoEXT *replayed =
        rnd_call_alloc(call, 1, sizeof(*replayed));
    const void *data = padded(call, given->pData, given->dataSize);
    if (!replayed || !data) {
        return false;
    }
    replayed->sType = VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DESCRIPTOR_DATA_CREATE_INFO_EXT;
    replayed->opaqueCaptureDescriptorData = data;
    rnd_chain_push(create_info, replayed);
    return true;
}

bool
rnd_capture_restore_groups(struct rnd_call *call, const VkRayTracingPipelineCreateInfoKHR *info)
{
    struct rnd_group_handles *handles = &rnd_call_device(call)->group_handles;
    for (uint32_t i = 0; i < info->groupCount; i++) {
        VkRayTracingShaderGroupCreateInfoKHR *group =
            (VkRayTracingShaderGroupCreateInfoKHR *)&info->pGroups[i];
        const VkOpaqueCaptureDataVESPER *given =
            rnd_chain_remove(group, VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DATA_VESPER);
        group->pShaderGroupCaptureReplayHandle =
            given ? rnd_group_handles_keep(handles, given->pData, given->dataSize) : NULL;
        if (given && !group->pShaderGroupCaptureReplayHandle) {
            return false;
        }
    }
    return true;
}

/* --- capturing --- */

static VkResult
capture_buffer(struct rnd_call *call, const struct proto_vkGetOpaqueCaptureDataVESPER *args,
               void *data)
{
    const VkBufferCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .buffer = args->pInfo->buffer,
    };
    PFN_vkGetBufferOpaqueCaptureDescriptorDataEXT get =
        call->device_table->GetBufferOpaqueCaptureDescriptorDataEXT;
    return get ? get(args->device, &info, data) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

static VkResult
capture_image(struct rnd_call *call, const struct proto_vkGetOpaqueCaptureDataVESPER *args,
              void *data)
{
    const VkImageCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .image = args->pInfo->image,
    };
    PFN_vkGetImageOpaqueCaptureDescriptorDataEXT get =
        call->device_table->GetImageOpaqueCaptureDescriptorDataEXT;
    return get ? get(args->device, &info, data) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

static VkResult
capture_image_view(struct rnd_call *call, const struct proto_vkGetOpaqueCaptureDataVESPER *args,
                   void *data)
{
    const VkImageViewCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .imageView = args->pInfo->imageView,
    };
    PFN_vkGetImageViewOpaqueCaptureDescriptorDataEXT get =
        call->device_table->GetImageViewOpaqueCaptureDescriptorDataEXT;
    return get ? get(args->device, &info, data) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

static VkResult
capture_sampler(struct rnd_call *call, const struct proto_vkGetOpaqueCaptureDataVESPER *args,
                void *data)
{
    const VkSamplerCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .sampler = args->pInfo->sampler,
    };
    PFN_vkGetSamplerOpaqueCaptureDescriptorDataEXT get =
        call->device_table->GetSamplerOpaqueCaptureDescriptorDataEXT;
    return get ? get(args->device, &info, data) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

static VkResult
capture_structure(struct rnd_call *call, const struct proto_vkGetOpaqueCaptureDataVESPER *args,
                  void *data)
{
    const VkAccelerationStructureCaptureDescriptorDataInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_CAPTURE_DESCRIPTOR_DATA_INFO_EXT,
        .accelerationStructure = args->pInfo->accelerationStructure,
        .accelerationStructureNV = args->pInfo->accelerationStructureNV,
    };
    PFN_vkGetAccelerationStructureOpaqueCaptureDescriptorDataEXT get =
        call->device_table->GetAccelerationStructureOpaqueCaptureDescriptorDataEXT;
    return get ? get(args->device, &info, data) : VK_ERROR_EXTENSION_NOT_PRESENT;
}

static VkResult
capture(struct rnd_call *call, const struct proto_vkGetOpaqueCaptureDataVESPER *args, void *data)
{
    const VkOpaqueCaptureDataInfoVESPER *info = args->pInfo;
    if (info->buffer) {
        return capture_buffer(call, args, data);
    }
    if (info->image) {
        return capture_image(call, args, data);
    }
    if (info->imageView) {
        return capture_image_view(call, args, data);
    }
    if (info->sampler) {
        return capture_sampler(call, args, data);
    }
    return capture_structure(call, args, data);
}

void
rnd_do_vkGetOpaqueCaptureDataVESPER(struct rnd_call *call,
                                    struct proto_vkGetOpaqueCaptureDataVESPER *args)
{
    const VkOpaqueCaptureDataInfoVESPER *info = args->pInfo;
    if (!info->buffer && !info->image && !info->imageView && !info->sampler &&
        !info->accelerationStructure && !info->accelerationStructureNV) {
        rnd_call_fail(call, "it names no object");
        return;
    }
    void *data = padded(call, NULL, args->dataSize);
    if (data) {
        args->ret = capture(call, args, data);
        if (args->dataSize > 0) {
            memcpy(args->pData, data, args->dataSize);
        }
    }
}

/* --- replaying objects that have nothing but their handle --- */

void
rnd_do_vkCreateImageView(struct rnd_call *call, struct proto_vkCreateImageView *args)
{
    if (!rnd_call_check_new_ids(call, args->pView_ids, 1) ||
        !rnd_capture_restore(call, args->pCreateInfo)) {
        return;
    }
    args->ret =
        call->device_table->CreateImageView(args->device, args->pCreateInfo, NULL, args->pView);
    if (args->ret == VK_SUCCESS) {
        rnd_call_register(call, VK_OBJECT_TYPE_IMAGE_VIEW, args->pView_ids,
                          (const uint64_t *)args->pView, 1);
    }
}

void
rnd_do_vkCreateSampler(struct rnd_call *call, struct proto_vkCreateSampler *args)
{
    if (!rnd_call_check_new_ids(call, args->pSampler_ids, 1) ||
        !rnd_capture_restore(call, args->pCreateInfo)) {
        return;
    }
    args->ret =
        call->device_table->CreateSampler(args->device, args->pCreateInfo, NULL, args->pSampler);
    if (args->ret == VK_SUCCESS) {
        rnd_call_register(call, VK_OBJECT_TYPE_SAMPLER, args->pSampler_ids,
                          (const uint64_t *)args->pSampler, 1);
    }
}

void
rnd_do_vkCreateAccelerationStructureKHR(struct rnd_call *call,
                                        struct proto_vkCreateAccelerationStructureKHR *args)
{
    if (!call->device_table->CreateAccelerationStructureKHR) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pAccelerationStructure_ids, 1) ||
        !rnd_capture_restore(call, args->pCreateInfo)) {
        return;
    }
    args->ret = call->device_table->CreateAccelerationStructureKHR(
        args->device, args->pCreateInfo, NULL, args->pAccelerationStructure);
    if (args->ret == VK_SUCCESS) {
        rnd_call_register(call, VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_KHR,
                          args->pAccelerationStructure_ids,
                          (const uint64_t *)args->pAccelerationStructure, 1);
    }
}

void
rnd_do_vkCreateAccelerationStructureNV(struct rnd_call *call,
                                       struct proto_vkCreateAccelerationStructureNV *args)
{
    if (!call->device_table->CreateAccelerationStructureNV) {
        rnd_call_missing(call);
        return;
    }
    if (!rnd_call_check_new_ids(call, args->pAccelerationStructure_ids, 1) ||
        !rnd_capture_restore(call, args->pCreateInfo)) {
        return;
    }
    args->ret = call->device_table->CreateAccelerationStructureNV(
        args->device, args->pCreateInfo, NULL, args->pAccelerationStructure);
    if (args->ret == VK_SUCCESS) {
        rnd_call_register(call, VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_NV,
                          args->pAccelerationStructure_ids,
                          (const uint64_t *)args->pAccelerationStructure, 1);
    }
}
