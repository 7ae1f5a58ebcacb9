/* What vkBeginCommandBuffer ignores. */
#include "tests/apps/extensions/extensions.h"

#include <string.h>

/* To be ignored, whatever it points at. */
#define GARBAGE 0x10

static VkCommandBuffer
allocate(const struct vkh_gpu *gpu, VkCommandBufferLevel level)
{
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = level,
        .commandBufferCount = 1,
    };
    VkCommandBuffer commands;
    VKH_CHECK(vkAllocateCommandBuffers(gpu->device, &info, &commands));
    return commands;
}

/* Outside render passes all that a secondary inherits is ignored, and a primary inherits nothing.
 */
static void
ignored_inheritance(const struct vkh_gpu *gpu)
{
    /* The validation layer follows some of the pointers. */
    bool garbage = !gpu->messenger && strstr(gpu->properties.deviceName, "Vesper");
    const VkCommandBufferInheritanceRenderingInfo rendering = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_RENDERING_INFO,
        .colorAttachmentCount = 4,
        .pColorAttachmentFormats = (const VkFormat *)(uintptr_t)GARBAGE,
    };
    const VkCommandBufferInheritanceInfo inheritance = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO,
        .pNext = garbage ? &rendering : NULL,
        .renderPass = garbage ? (VkRenderPass)GARBAGE : VK_NULL_HANDLE,
        .framebuffer = garbage ? (VkFramebuffer)GARBAGE : VK_NULL_HANDLE,
    };
    const VkCommandBufferBeginInfo secondary_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .pInheritanceInfo = &inheritance,
    };
    const VkCommandBufferBeginInfo primary_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .pInheritanceInfo =
            garbage ? (const VkCommandBufferInheritanceInfo *)(uintptr_t)GARBAGE : NULL,
    };
    struct vkh_buffer buffer;
    vkh_buffer_create(gpu, 4096, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    VkCommandBuffer secondary = allocate(gpu, VK_COMMAND_BUFFER_LEVEL_SECONDARY);
    VkCommandBuffer primary = allocate(gpu, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
    VKH_CHECK(vkBeginCommandBuffer(secondary, &secondary_info));
    vkCmdFillBuffer(secondary, buffer.buffer, 0, VK_WHOLE_SIZE, 42);
    VKH_CHECK(vkEndCommandBuffer(secondary));
    VKH_CHECK(vkBeginCommandBuffer(primary, &primary_info));
    vkCmdExecuteCommands(primary, 1, &secondary);
    vkh_barrier_to_host(primary, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    VKH_CHECK(vkEndCommandBuffer(primary));
    vkh_submit_and_wait(gpu, primary);
    extensions_expect(*(const uint32_t *)buffer.map == 42, "the secondary did not run");
    vkFreeCommandBuffers(gpu->device, gpu->pool, 2, (VkCommandBuffer[]){secondary, primary});
    vkh_buffer_destroy(gpu, &buffer);
}

const struct extensions_check extensions_command_checks[] = {
    {"command/ignored inheritance", NULL, ignored_inheritance},
    {NULL, NULL, NULL},
};
