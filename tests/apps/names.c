/* Names a buffer and labels commands, one of which is wrong: what the validation layer under the
 * renderer says about that has the names in it. Nothing is submitted. See names.py. */
#include <stdio.h>

#include "tools/vkh/vkh.h"

static const VkDebugUtilsLabelEXT label = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
    .pLabelName = "a labelled region",
};

#define LOAD(level, object, name)                                                                  \
    PFN_##name name = (PFN_##name)vkGet##level##ProcAddr(object, #name)

int
main(void)
{
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME, NULL};
    const struct vkh_gpu_info info = {.program = "names", .instance_extensions = extensions};
    struct vkh_gpu gpu;
    struct vkh_buffer buffer;

    vkh_gpu_open(&gpu, &info);
    LOAD(Device, gpu.device, vkSetDebugUtilsObjectNameEXT);
    LOAD(Device, gpu.device, vkSetDebugUtilsObjectTagEXT);
    LOAD(Device, gpu.device, vkCmdBeginDebugUtilsLabelEXT);
    LOAD(Device, gpu.device, vkCmdEndDebugUtilsLabelEXT);
    LOAD(Device, gpu.device, vkQueueBeginDebugUtilsLabelEXT);
    LOAD(Device, gpu.device, vkQueueInsertDebugUtilsLabelEXT);
    LOAD(Device, gpu.device, vkQueueEndDebugUtilsLabelEXT);
    vkh_buffer_create(&gpu, 256, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_DEVICE, &buffer);

    const VkDebugUtilsObjectNameInfoEXT name = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = VK_OBJECT_TYPE_BUFFER,
        .objectHandle = (uint64_t)(uintptr_t)buffer.buffer,
        .pObjectName = "a buffer with a name",
    };
    VKH_CHECK(vkSetDebugUtilsObjectNameEXT(gpu.device, &name));
    const VkDebugUtilsObjectTagInfoEXT tag = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_TAG_INFO_EXT,
        .objectType = VK_OBJECT_TYPE_BUFFER,
        .objectHandle = (uint64_t)(uintptr_t)buffer.buffer,
        .tagName = 1,
        .tagSize = 3,
        .pTag = "tag",
    };
    VKH_CHECK(vkSetDebugUtilsObjectTagEXT(gpu.device, &tag));

    vkQueueBeginDebugUtilsLabelEXT(gpu.queue, &label);
    vkQueueInsertDebugUtilsLabelEXT(gpu.queue, &label);
    vkQueueEndDebugUtilsLabelEXT(gpu.queue);

    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu.pool,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkCommandBuffer commands;
    VKH_CHECK(vkAllocateCommandBuffers(gpu.device, &allocate, &commands));
    VKH_CHECK(vkBeginCommandBuffer(commands, &begin));
    vkCmdBeginDebugUtilsLabelEXT(commands, &label);
    vkCmdFillBuffer(commands, buffer.buffer, 0, 4, 0); /* which needs another usage */
    vkCmdEndDebugUtilsLabelEXT(commands);
    VKH_CHECK(vkEndCommandBuffer(commands));
    vkFreeCommandBuffers(gpu.device, gpu.pool, 1, &commands);
    VKH_CHECK(vkDeviceWaitIdle(gpu.device));
    vkh_buffer_destroy(&gpu, &buffer);
    vkh_gpu_close(&gpu);
    puts("done");
    return 0;
}
