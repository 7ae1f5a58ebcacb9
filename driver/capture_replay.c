#include "driver/capture_replay.h"

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/sampler.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

/* Seldom needed, so asked for each time. */
size_t
drv_captured_size(struct drv_device *device, enum drv_captured what)
{
    VkPhysicalDeviceRayTracingPipelinePropertiesKHR rays = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR,
    };
    VkPhysicalDeviceDescriptorBufferPropertiesEXT descriptors = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = what == DRV_CAPTURED_GROUP_HANDLE ? (void *)&rays : (void *)&descriptors,
    };
    if (proto_call_vkGetPhysicalDeviceProperties2(device->object.client,
                                                  (VkPhysicalDevice)device->physical_device,
                                                  &properties) != VK_SUCCESS) {
        return 0;
    }
    switch (what) {
    case DRV_CAPTURED_BUFFER: return descriptors.bufferCaptureReplayDescriptorDataSize;
    case DRV_CAPTURED_IMAGE: return descriptors.imageCaptureReplayDescriptorDataSize;
    case DRV_CAPTURED_IMAGE_VIEW: return descriptors.imageViewCaptureReplayDescriptorDataSize;
    case DRV_CAPTURED_SAMPLER: return descriptors.samplerCaptureReplayDescriptorDataSize;
    case DRV_CAPTURED_ACCELERATION_STRUCTURE:
        return descriptors.accelerationStructureCaptureReplayDescriptorDataSize;
    case DRV_CAPTURED_GROUP_HANDLE: return rays.shaderGroupHandleCaptureReplaySize;
    }
    return 0;
}

const void *
drv_replayed_chain(struct drv_device *device, enum drv_captured what, const void *chain,
                   VkOpaqueCaptureDataVESPER *place)
{
    const VkOpaqueCaptureDescriptorDataCreateInfoEXT *replayed =
        drv_find_struct(chain, VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DESCRIPTOR_DATA_CREATE_INFO_EXT);

    if (!replayed || !replayed->opaqueCaptureDescriptorData) {
        return chain;
    }
    *place = (VkOpaqueCaptureDataVESPER){
        .sType = VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DATA_VESPER,
        .pNext = chain,
        .dataSize = drv_captured_size(device, what),
        .pData = replayed->opaqueCaptureDescriptorData,
    };
    return place;
}

/* --- capturing --- */

static VkResult
capture(VkDevice handle, enum drv_captured what, VkOpaqueCaptureDataInfoVESPER info, void *data)
{
    struct drv_device *device = drv_device_from(handle);

    info.sType = VK_STRUCTURE_TYPE_OPAQUE_CAPTURE_DATA_INFO_VESPER;
    return proto_call_vkGetOpaqueCaptureDataVESPER(device->object.client, handle, &info,
                                                   drv_captured_size(device, what), data);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetBufferOpaqueCaptureDescriptorDataEXT(VkDevice device,
                                            const VkBufferCaptureDescriptorDataInfoEXT *pInfo,
                                            void *pData)
{
    const VkOpaqueCaptureDataInfoVESPER info = {.buffer = pInfo->buffer};
    return capture(device, DRV_CAPTURED_BUFFER, info, pData);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetImageOpaqueCaptureDescriptorDataEXT(VkDevice device,
                                           const VkImageCaptureDescriptorDataInfoEXT *pInfo,
                                           void *pData)
{
    const VkOpaqueCaptureDataInfoVESPER info = {.image = pInfo->image};
    return capture(device, DRV_CAPTURED_IMAGE, info, pData);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetImageViewOpaqueCaptureDescriptorDataEXT(VkDevice device,
                                               const VkImageViewCaptureDescriptorDataInfoEXT *pInfo,
                                               void *pData)
{
    const VkOpaqueCaptureDataInfoVESPER info = {.imageView = pInfo->imageView};
    return capture(device, DRV_CAPTURED_IMAGE_VIEW, info, pData);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSamplerOpaqueCaptureDescriptorDataEXT(VkDevice device,
                                             const VkSamplerCaptureDescriptorDataInfoEXT *pInfo,
                                             void *pData)
{
    const VkOpaqueCaptureDataInfoVESPER info = {.sampler = pInfo->sampler};
    return capture(device, DRV_CAPTURED_SAMPLER, info, pData);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetAccelerationStructureOpaqueCaptureDescriptorDataEXT(
    VkDevice device, const VkAccelerationStructureCaptureDescriptorDataInfoEXT *pInfo, void *pData)
{
    const VkOpaqueCaptureDataInfoVESPER info = {
        .accelerationStructure = pInfo->accelerationStructure,
        .accelerationStructureNV = pInfo->accelerationStructureNV,
    };
    return capture(device, DRV_CAPTURED_ACCELERATION_STRUCTURE, info, pData);
}

/* --- replaying: objects exist as soon as their ids do, but for those that are to come out as they
 * were, which a host may refuse --- */

static VkResult
finish(struct drv_device *device, const VkAllocationCallbacks *allocator,
       struct drv_simple_object *object, VkResult result)
{
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(device, allocator, object);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateImageView(VkDevice handle, const VkImageViewCreateInfo *pCreateInfo,
                    const VkAllocationCallbacks *pAllocator, VkImageView *pView)
{
    struct drv_device *device = drv_device_from(handle);
    struct proto_client *client = device->object.client;
    VkOpaqueCaptureDataVESPER replayed;
    VkImageViewCreateInfo info = *pCreateInfo;
    struct drv_simple_object *object =
        drv_device_object_create(device, pAllocator, sizeof(*object), VK_OBJECT_TYPE_IMAGE_VIEW);

    if (!object) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkImageView view = (VkImageView)(uintptr_t)object;
    info.pNext = drv_replayed_chain(device, DRV_CAPTURED_IMAGE_VIEW, info.pNext, &replayed);
    VkResult result = info.pNext == &replayed
                          ? proto_call_vkCreateImageView(client, handle, &info, NULL, &view)
                          : proto_send_vkCreateImageView(client, handle, &info, NULL, &view);
    if (result == VK_SUCCESS) {
        *pView = view;
    }
    return finish(device, pAllocator, object, result);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateSampler(VkDevice handle, const VkSamplerCreateInfo *pCreateInfo,
                  const VkAllocationCallbacks *pAllocator, VkSampler *pSampler)
{
    struct drv_device *device = drv_device_from(handle);
    struct proto_client *client = device->object.client;
    VkOpaqueCaptureDataVESPER replayed;
    VkSamplerCreateInfo info = *pCreateInfo;
    struct drv_sampler *object =
        drv_device_object_create(device, pAllocator, sizeof(*object), VK_OBJECT_TYPE_SAMPLER);

    if (!object) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    object->converts =
        drv_find_struct(info.pNext, VK_STRUCTURE_TYPE_SAMPLER_YCBCR_CONVERSION_INFO) != NULL;
    VkSampler sampler = (VkSampler)(uintptr_t)object;
    info.pNext = drv_replayed_chain(device, DRV_CAPTURED_SAMPLER, info.pNext, &replayed);
    VkResult result = info.pNext == &replayed
                          ? proto_call_vkCreateSampler(client, handle, &info, NULL, &sampler)
                          : proto_send_vkCreateSampler(client, handle, &info, NULL, &sampler);
    if (result == VK_SUCCESS) {
        *pSampler = sampler;
    }
    return finish(device, pAllocator, &object->simple, result);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateAccelerationStructureKHR(VkDevice handle,
                                   const VkAccelerationStructureCreateInfoKHR *pCreateInfo,
                                   const VkAllocationCallbacks *pAllocator,
                                   VkAccelerationStructureKHR *pAccelerationStructure)
{
    struct drv_device *device = drv_device_from(handle);
    struct proto_client *client = device->object.client;
    VkOpaqueCaptureDataVESPER replayed;
    VkAccelerationStructureCreateInfoKHR info = *pCreateInfo;
    struct drv_simple_object *object = drv_device_object_create(
        device, pAllocator, sizeof(*object), VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_KHR);

    if (!object) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkAccelerationStructureKHR structure = (VkAccelerationStructureKHR)(uintptr_t)object;
    info.pNext =
        drv_replayed_chain(device, DRV_CAPTURED_ACCELERATION_STRUCTURE, info.pNext, &replayed);
    bool may_fail = info.pNext == &replayed || info.deviceAddress != 0;
    VkResult result =
        may_fail
            ? proto_call_vkCreateAccelerationStructureKHR(client, handle, &info, NULL, &structure)
            : proto_send_vkCreateAccelerationStructureKHR(client, handle, &info, NULL, &structure);
    if (result == VK_SUCCESS) {
        *pAccelerationStructure = structure;
    }
    return finish(device, pAllocator, object, result);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateAccelerationStructureNV(VkDevice handle,
                                  const VkAccelerationStructureCreateInfoNV *pCreateInfo,
                                  const VkAllocationCallbacks *pAllocator,
                                  VkAccelerationStructureNV *pAccelerationStructure)
{
    struct drv_device *device = drv_device_from(handle);
    struct proto_client *client = device->object.client;
    VkOpaqueCaptureDataVESPER replayed;
    VkAccelerationStructureCreateInfoNV info = *pCreateInfo;
    struct drv_simple_object *object = drv_device_object_create(
        device, pAllocator, sizeof(*object), VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_NV);

    if (!object) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkAccelerationStructureNV structure = (VkAccelerationStructureNV)(uintptr_t)object;
    info.pNext =
        drv_replayed_chain(device, DRV_CAPTURED_ACCELERATION_STRUCTURE, info.pNext, &replayed);
    VkResult result =
        info.pNext == &replayed
            ? proto_call_vkCreateAccelerationStructureNV(client, handle, &info, NULL, &structure)
            : proto_send_vkCreateAccelerationStructureNV(client, handle, &info, NULL, &structure);
    if (result == VK_SUCCESS) {
        *pAccelerationStructure = structure;
    }
    return finish(device, pAllocator, object, result);
}
