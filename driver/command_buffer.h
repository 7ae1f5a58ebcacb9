/* Command pools and command buffers.
 *
 * Commands are encoded into private memory of their command buffer, which is kept for the next
 * recording. vkEndCommandBuffer puts the whole recording on the ring, or what is left of it behind
 * vkCmdPreprocessGeneratedCommandsEXT; the renderer then records it into the host's command buffer.
 * What happens to a buffer after that (simultaneous use, resets, its life as a secondary) is the
 * host's affair. A pool and its buffers belong to one thread at a time, as Vulkan asks, so nothing
 * is locked. */
#ifndef DRV_COMMAND_BUFFER_H
#define DRV_COMMAND_BUFFER_H

#include <stddef.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"
#include "driver/device.h"
#include "protocol/runtime/recorder.h"

struct drv_command_pool {
    struct proto_object object;
    struct drv_device *device; /* outlives us */
    VkAllocationCallbacks allocator_storage;
    const VkAllocationCallbacks *allocator; /* vkCreateCommandPool's own, or NULL */
    struct base_list command_buffers;       /* drv_command_buffer.link */
};

struct drv_command_buffer {
    struct proto_recorder recorder; /* first: it begins with our proto_object */
    struct drv_command_pool *pool;  /* owns us */
    struct base_list link;          /* drv_command_pool.command_buffers */
    VkCommandBufferLevel level;
    size_t capacity; /* bytes at recorder.start */
    struct drv_recording recording;
    uint32_t operating_points; /* of the AV1 sequence that vkCmdBeginVideoCodingKHR began on */
};

static inline struct drv_command_pool *
drv_command_pool_from(VkCommandPool handle)
{
    return (struct drv_command_pool *)(uintptr_t)handle;
}

static inline struct drv_command_buffer *
drv_command_buffer_from(VkCommandBuffer handle)
{
    return (struct drv_command_buffer *)handle;
}

/* Keeps the error for vkEndCommandBuffer; nothing more is recorded until then. */
void drv_recorder_fail(struct proto_recorder *recorder, VkResult error);
/* Forgets what was recorded; with `release` gives the memory back, too. */
void drv_command_buffer_reset(struct drv_command_buffer *command_buffer, bool release);
/* Frees it without telling the renderer. */
void drv_command_buffer_destroy(struct drv_command_buffer *command_buffer);

#endif
