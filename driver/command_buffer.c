#include "driver/command_buffer.h"

#include <string.h>

#include "driver/chain_copy.h"
#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "protocol/proto_encode.h"

enum {
    FIRST_CAPACITY = 8 * 1024, /* bytes: a typical short recording */
};

void
drv_recorder_fail(struct proto_recorder *recorder, VkResult error)
{
    recorder->error = error;
    recorder->end = recorder->at;
}

bool
proto_recorder_grow(struct proto_recorder *recorder, size_t size)
{
    struct drv_command_buffer *command_buffer = (struct drv_command_buffer *)recorder;
    const struct drv_command_pool *pool = command_buffer->pool;

    if (recorder->error != VK_SUCCESS) {
        return false;
    }
    size_t used = (size_t)(recorder->at - recorder->start);
    size_t capacity = command_buffer->capacity > 0 ? command_buffer->capacity : FIRST_CAPACITY;
    while (capacity - used < size) {
        if (capacity > SIZE_MAX / 2) {
            drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
            return false;
        }
        capacity *= 2;
    }
    uint8_t *start = drv_realloc(pool->device->allocator, pool->allocator, recorder->start,
                                 capacity, VK_SYSTEM_ALLOCATION_SCOPE_OBJECT);
    if (!start) {
        drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
        return false;
    }
    command_buffer->capacity = capacity;
    recorder->start = start;
    recorder->at = start + used;
    recorder->end = start + capacity;
    return true;
}

void
drv_command_buffer_reset(struct drv_command_buffer *command_buffer, bool release)
{
    struct proto_recorder *recorder = &command_buffer->recorder;
    const struct drv_command_pool *pool = command_buffer->pool;

    if (release) {
        drv_free(pool->device->allocator, pool->allocator, recorder->start);
        recorder->start = NULL;
        command_buffer->capacity = 0;
    }
    recorder->at = recorder->start;
    recorder->end =
        command_buffer->capacity > 0 ? recorder->start + command_buffer->capacity : NULL;
    recorder->error = VK_SUCCESS;
    drv_recordings_end(pool->device, &command_buffer->recording);
}

void
drv_command_buffer_destroy(struct drv_command_buffer *command_buffer)
{
    struct drv_command_pool *pool = command_buffer->pool;

    drv_command_buffer_reset(command_buffer, true);
    base_list_remove(&command_buffer->link);
    drv_device_object_destroy(pool->device, pool->allocator, command_buffer);
}

static struct drv_command_buffer *
create_command_buffer(struct drv_command_pool *pool, VkCommandBufferLevel level)
{
    struct drv_command_buffer *command_buffer = drv_device_object_create(
        pool->device, pool->allocator, sizeof(*command_buffer), VK_OBJECT_TYPE_COMMAND_BUFFER);
    if (!command_buffer) {
        return NULL;
    }
    command_buffer->recorder.caps = pool->object.client->caps;
    command_buffer->pool = pool;
    command_buffer->level = level;
    base_list_push(&pool->command_buffers, &command_buffer->link);
    return command_buffer;
}

static void
destroy_all(uint32_t count, const VkCommandBuffer *command_buffers)
{
    for (uint32_t i = 0; i < count; i++) {
        if (command_buffers[i]) {
            drv_command_buffer_destroy(drv_command_buffer_from(command_buffers[i]));
        }
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_AllocateCommandBuffers(VkDevice device, const VkCommandBufferAllocateInfo *pAllocateInfo,
                           VkCommandBuffer *pCommandBuffers)
{
    struct drv_command_pool *pool = drv_command_pool_from(pAllocateInfo->commandPool);
    uint32_t count = pAllocateInfo->commandBufferCount;
    VkResult result = VK_SUCCESS;

    memset(pCommandBuffers, 0, count * sizeof(*pCommandBuffers));
    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) {
        pCommandBuffers[i] = (VkCommandBuffer)create_command_buffer(pool, pAllocateInfo->level);
        result = pCommandBuffers[i] ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (result == VK_SUCCESS) {
        result = proto_send_vkAllocateCommandBuffers(pool->object.client, device, pAllocateInfo,
                                                     pCommandBuffers);
    }
    if (result != VK_SUCCESS) {
        destroy_all(count, pCommandBuffers);
        memset(pCommandBuffers, 0, count * sizeof(*pCommandBuffers));
    }
    return result;
}

VKAPI_ATTR void VKAPI_CALL
drv_FreeCommandBuffers(VkDevice device, VkCommandPool commandPool, uint32_t commandBufferCount,
                       const VkCommandBuffer *pCommandBuffers)
{
    struct drv_command_pool *pool = drv_command_pool_from(commandPool);

    (void)proto_send_vkFreeCommandBuffers(pool->object.client, device, commandPool,
                                          commandBufferCount, pCommandBuffers);
    destroy_all(commandBufferCount, pCommandBuffers);
}

/* What a secondary command buffer inherits, without what Vulkan says is ignored. */
static const VkCommandBufferInheritanceInfo *
clean_inheritance(struct drv_scratch *scratch, const VkCommandBufferBeginInfo *info)
{
    VkCommandBufferInheritanceInfo *clean =
        drv_scratch_copy(scratch, info->pInheritanceInfo, sizeof(*clean));
    void *chain;
    if (!clean || !drv_chain_copy(scratch, info->pInheritanceInfo->pNext, &chain)) {
        return NULL;
    }
    bool continues = info->flags & VK_COMMAND_BUFFER_USAGE_RENDER_PASS_CONTINUE_BIT;
    if (!continues) {
        clean->renderPass = VK_NULL_HANDLE;
    }
    if (!clean->renderPass) {
        clean->subpass = 0;
        clean->framebuffer = VK_NULL_HANDLE;
    }
    if (!continues || clean->renderPass) {
        drv_chain_remove(&chain, VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_RENDERING_INFO);
        drv_chain_remove(&chain, VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_LOCATION_INFO);
        drv_chain_remove(&chain, VK_STRUCTURE_TYPE_RENDERING_INPUT_ATTACHMENT_INDEX_INFO);
    }
    clean->pNext = chain;
    return clean;
}

static void
record_begin(struct proto_recorder *recorder, const VkCommandBufferBeginInfo *info)
{
    VkCommandBuffer handle = (VkCommandBuffer)recorder;
    size_t size = proto_size_vkBeginCommandBuffer(recorder->caps, handle, info);
    struct wire_writer out;

    if (proto_recorder_begin(recorder, size, &out)) {
        proto_encode_vkBeginCommandBuffer(&out, recorder->caps, 0, handle, info);
        proto_recorder_commit(recorder, &out);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_BeginCommandBuffer(VkCommandBuffer commandBuffer, const VkCommandBufferBeginInfo *pBeginInfo)
{
    struct drv_command_buffer *command_buffer = drv_command_buffer_from(commandBuffer);
    struct proto_recorder *recorder = &command_buffer->recorder;
    VkCommandBufferBeginInfo info = *pBeginInfo;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    drv_command_buffer_reset(command_buffer, false);
    drv_recordings_begin(&command_buffer->pool->device->recordings, &command_buffer->recording);
    info.pInheritanceInfo = NULL;
    if (command_buffer->level == VK_COMMAND_BUFFER_LEVEL_SECONDARY) {
        info.pInheritanceInfo = clean_inheritance(&scratch, pBeginInfo);
        if (!info.pInheritanceInfo) {
            drv_recorder_fail(recorder, VK_ERROR_OUT_OF_HOST_MEMORY);
        }
    }
    if (recorder->error == VK_SUCCESS) {
        record_begin(recorder, &info);
    }
    drv_scratch_finish(&scratch);
    return recorder->error;
}

/* What is recorded so far goes to the renderer. */
static void
send(struct drv_command_buffer *command_buffer)
{
    struct proto_recorder *recorder = &command_buffer->recorder;

    if (recorder->error == VK_SUCCESS && recorder->at > recorder->start) {
        recorder->error = drv_ring_submit(command_buffer->pool->device->ring, recorder->start,
                                          (size_t)(recorder->at - recorder->start), NULL);
    }
    recorder->at = recorder->start; /* the ring has a copy */
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_EndCommandBuffer(VkCommandBuffer commandBuffer)
{
    struct drv_command_buffer *command_buffer = drv_command_buffer_from(commandBuffer);
    struct proto_recorder *recorder = &command_buffer->recorder;
    size_t size = proto_size_vkEndCommandBuffer(recorder->caps, commandBuffer);
    struct wire_writer out;

    if (proto_recorder_begin(recorder, size, &out)) {
        proto_encode_vkEndCommandBuffer(&out, recorder->caps, 0, commandBuffer);
        proto_recorder_commit(recorder, &out);
    }
    send(command_buffer);
    drv_recordings_end(command_buffer->pool->device, &command_buffer->recording);
    return recorder->error;
}

/* The host reads the state of another command buffer that is being recorded, as it is now: the
 * renderer has to have it by then, and may not have more. */
VKAPI_ATTR void VKAPI_CALL
drv_CmdPreprocessGeneratedCommandsEXT(VkCommandBuffer commandBuffer,
                                      const VkGeneratedCommandsInfoEXT *pGeneratedCommandsInfo,
                                      VkCommandBuffer stateCommandBuffer)
{
    struct drv_command_buffer *command_buffer = drv_command_buffer_from(commandBuffer);
    struct proto_recorder *recorder = &command_buffer->recorder;
    struct wire_writer out;

    send(drv_command_buffer_from(stateCommandBuffer));
    if (proto_recorder_begin(
            recorder,
            proto_size_vkCmdPreprocessGeneratedCommandsEXT(
                recorder->caps, commandBuffer, pGeneratedCommandsInfo, stateCommandBuffer),
            &out)) {
        proto_encode_vkCmdPreprocessGeneratedCommandsEXT(
            &out, recorder->caps, 0, commandBuffer, pGeneratedCommandsInfo, stateCommandBuffer);
        proto_recorder_commit(recorder, &out);
    }
    send(command_buffer);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ResetCommandBuffer(VkCommandBuffer commandBuffer, VkCommandBufferResetFlags flags)
{
    struct drv_command_buffer *command_buffer = drv_command_buffer_from(commandBuffer);

    drv_command_buffer_reset(command_buffer, flags & VK_COMMAND_BUFFER_RESET_RELEASE_RESOURCES_BIT);
    return proto_send_vkResetCommandBuffer(command_buffer->recorder.object.client, commandBuffer,
                                           flags);
}
