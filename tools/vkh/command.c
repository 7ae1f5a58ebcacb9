/* Command buffers for one use, and barriers. */
#include "tools/vkh/vkh.h"

VkCommandBuffer
vkh_begin(const struct vkh_gpu *gpu)
{
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer commands;
    VKH_CHECK(vkAllocateCommandBuffers(gpu->device, &info, &commands));
    VkCommandBufferBeginInfo begin_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    VKH_CHECK(vkBeginCommandBuffer(commands, &begin_info));
    return commands;
}

void
vkh_submit_and_wait(const struct vkh_gpu *gpu, VkCommandBuffer commands)
{
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &fence_info, NULL, &fence));
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, fence));
    VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, UINT64_MAX));
    vkDestroyFence(gpu->device, fence, NULL);
}

void
vkh_end_and_wait(const struct vkh_gpu *gpu, VkCommandBuffer commands)
{
    VKH_CHECK(vkEndCommandBuffer(commands));
    vkh_submit_and_wait(gpu, commands);
    vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &commands);
}

void
vkh_memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags from_stage, VkAccessFlags from,
                   VkPipelineStageFlags to_stage, VkAccessFlags to)
{
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = from,
        .dstAccessMask = to,
    };
    vkCmdPipelineBarrier(commands, from_stage, to_stage, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void
vkh_barrier_to_host(VkCommandBuffer commands, VkPipelineStageFlags from_stage, VkAccessFlags from)
{
    vkh_memory_barrier(commands, from_stage, from, VK_PIPELINE_STAGE_HOST_BIT,
                       VK_ACCESS_HOST_READ_BIT);
}

void
vkh_image_barrier(VkCommandBuffer commands, VkImage image, VkImageAspectFlags aspect,
                  VkImageLayout from_layout, VkImageLayout to_layout,
                  VkPipelineStageFlags from_stage, VkAccessFlags from,
                  VkPipelineStageFlags to_stage, VkAccessFlags to)
{
    VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = from,
        .dstAccessMask = to,
        .oldLayout = from_layout,
        .newLayout = to_layout,
        .srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
        .image = image,
        .subresourceRange = {aspect, 0, VK_REMAINING_MIP_LEVELS, 0, VK_REMAINING_ARRAY_LAYERS},
    };
    vkCmdPipelineBarrier(commands, from_stage, to_stage, 0, 0, NULL, 0, NULL, 1, &barrier);
}
