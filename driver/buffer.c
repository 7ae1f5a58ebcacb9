#include "driver/buffer.h"

#include "driver/bind.h"
#include "driver/capture_replay.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/memory.h"
#include "driver/memory_copy.h"
#include "protocol/proto_encode.h"

/* --- creating --- */

static VkResult
ask_needs(struct drv_device *device, VkBuffer buffer, struct drv_needs *out)
{
    const VkBufferMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
        .buffer = buffer,
    };
    struct drv_requirements_reply reply;
    drv_requirements_prepare(&reply);
    VkResult result = proto_call_vkGetBufferMemoryRequirements2(
        device->object.client, (VkDevice)device, &info, &reply.requirements);
    *out = drv_requirements_read(&reply);
    return result;
}

/* Hosts do refuse buffers, for their size or a captured address: the application has to know. */
static VkResult
create_unprecedented(struct drv_device *device, const VkBufferCreateInfo *info, VkBuffer *handle)
{
    VkOpaqueCaptureDataVESPER replayed;
    VkBufferCreateInfo replaying = *info;
    replaying.pNext = drv_replayed_chain(device, DRV_CAPTURED_BUFFER, info->pNext, &replayed);
    return proto_call_vkCreateBuffer(device->object.client, (VkDevice)device, &replaying, NULL,
                                     handle);
}

/* The first of a kind is asked about at once: the application would do so next, and others of the
 * kind may be made by then. */
static VkResult
create(struct drv_device *device, const VkBufferCreateInfo *info, struct drv_buffer *buffer)
{
    VkBuffer handle = (VkBuffer)(uintptr_t)buffer;
    struct drv_buffer_kind kind;
    struct drv_needs needs;
    bool made = false;
    if (!drv_buffer_kind_of(info, &kind)) {
        return create_unprecedented(device, info, &handle);
    }
    bool known = drv_precedents_find_buffer(&device->precedents, &kind, info->size, &made, &needs);
    if (known && made) {
        drv_requirements_remember(&buffer->requirements, &needs);
        return proto_send_vkCreateBuffer(device->object.client, (VkDevice)device, info, NULL,
                                         &handle);
    }
    VkResult result = create_unprecedented(device, info, &handle);
    if (result == VK_SUCCESS && (known || ask_needs(device, handle, &needs) == VK_SUCCESS)) {
        drv_requirements_remember(&buffer->requirements, &needs);
        drv_precedents_add_buffer(&device->precedents, &kind, info->size, &needs);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateBuffer(VkDevice handle, const VkBufferCreateInfo *pCreateInfo,
                 const VkAllocationCallbacks *pAllocator, VkBuffer *pBuffer)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_buffer *buffer =
        drv_device_object_create(device, pAllocator, sizeof(*buffer), VK_OBJECT_TYPE_BUFFER);
    if (!buffer) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    buffer->replays_address =
        pCreateInfo->flags & (VK_BUFFER_CREATE_DEVICE_ADDRESS_CAPTURE_REPLAY_BIT |
                              VK_BUFFER_CREATE_DESCRIPTOR_BUFFER_CAPTURE_REPLAY_BIT_EXT);
    VkResult result = create(device, pCreateInfo, buffer);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(device, pAllocator, buffer);
        return result;
    }
    *pBuffer = (VkBuffer)(uintptr_t)buffer;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyBuffer(VkDevice handle, VkBuffer buffer, const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    if (buffer) {
        (void)proto_send_vkDestroyBuffer(device->object.client, handle, buffer, NULL);
        drv_device_object_destroy(device, pAllocator, drv_buffer_from(buffer));
    }
}

/* --- requirements --- */

VKAPI_ATTR void VKAPI_CALL
drv_GetBufferMemoryRequirements2(VkDevice handle, const VkBufferMemoryRequirementsInfo2 *pInfo,
                                 VkMemoryRequirements2 *pMemoryRequirements)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_buffer *buffer = drv_buffer_from(pInfo->buffer);
    struct drv_needs needs;

    if (drv_requirements_recall(&buffer->requirements, pMemoryRequirements)) {
        return;
    }
    if (ask_needs(device, pInfo->buffer, &needs) != VK_SUCCESS) {
        drv_requirements_answer(NULL, pMemoryRequirements);
        return;
    }
    drv_requirements_remember(&buffer->requirements, &needs);
    drv_requirements_answer(&needs, pMemoryRequirements);
}

VKAPI_ATTR void VKAPI_CALL
drv_GetBufferMemoryRequirements(VkDevice handle, VkBuffer buffer,
                                VkMemoryRequirements *pMemoryRequirements)
{
    const VkBufferMemoryRequirementsInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
        .buffer = buffer,
    };
    VkMemoryRequirements2 requirements = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    drv_GetBufferMemoryRequirements2(handle, &info, &requirements);
    *pMemoryRequirements = requirements.memoryRequirements;
}

VKAPI_ATTR void VKAPI_CALL
drv_GetDeviceBufferMemoryRequirements(VkDevice handle,
                                      const VkDeviceBufferMemoryRequirements *pInfo,
                                      VkMemoryRequirements2 *pMemoryRequirements)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_buffer_kind kind;
    struct drv_requirements_reply reply;
    struct drv_needs needs;
    bool made;

    if (drv_buffer_kind_of(pInfo->pCreateInfo, &kind) &&
        drv_precedents_find_buffer(&device->precedents, &kind, pInfo->pCreateInfo->size, &made,
                                   &needs)) {
        drv_requirements_answer(&needs, pMemoryRequirements);
        return;
    }
    drv_requirements_prepare(&reply);
    VkResult result = proto_call_vkGetDeviceBufferMemoryRequirements(device->object.client, handle,
                                                                     pInfo, &reply.requirements);
    needs = drv_requirements_read(&reply);
    drv_requirements_answer(result == VK_SUCCESS ? &needs : NULL, pMemoryRequirements);
}

/* --- binding: asynchronous but where an address is to be had again, which a host may refuse. One
 * that runs out of memory here loses the device. --- */

static bool
any_replays_address(uint32_t count, const VkBindBufferMemoryInfo *infos)
{
    for (uint32_t i = 0; i < count; i++) {
        if (drv_buffer_from(infos[i].buffer)->replays_address) {
            return true;
        }
    }
    return false;
}

static VkResult
bind_buffers(struct drv_device *device, uint32_t count, const VkBindBufferMemoryInfo *infos)
{
    VkResult (*bind)(struct proto_client *, VkDevice, uint32_t, const VkBindBufferMemoryInfo *) =
        any_replays_address(count, infos) ? proto_call_vkBindBufferMemory2
                                          : proto_send_vkBindBufferMemory2;
    return bind(device->object.client, (VkDevice)device, count, infos);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_BindBufferMemory2(VkDevice handle, uint32_t bindInfoCount,
                      const VkBindBufferMemoryInfo *pBindInfos)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < bindInfoCount && result == VK_SUCCESS; i++) {
        result = drv_memory_copy_note_bound(device, drv_memory_from(pBindInfos[i].memory));
    }
    if (result == VK_SUCCESS) {
        result = bind_buffers(device, bindInfoCount, pBindInfos);
    }
    for (uint32_t i = 0; i < bindInfoCount; i++) {
        drv_bind_report(pBindInfos[i].pNext, result);
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_BindBufferMemory(VkDevice handle, VkBuffer buffer, VkDeviceMemory memory,
                     VkDeviceSize memoryOffset)
{
    const VkBindBufferMemoryInfo info = {
        .sType = VK_STRUCTURE_TYPE_BIND_BUFFER_MEMORY_INFO,
        .buffer = buffer,
        .memory = memory,
        .memoryOffset = memoryOffset,
    };
    return drv_BindBufferMemory2(handle, 1, &info);
}
