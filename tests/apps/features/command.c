/* Command buffers: large, secondary, reused, indirect. */
#include "tests/apps/features/features.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 16384 };

static const char *
update_buffer(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffer;
    uint32_t values[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        values[i] = 9 + 4 * i;
    }
    vkh_buffer_create(gpu, sizeof(values), VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdUpdateBuffer(commands, buffer.buffer, 0, sizeof(values), values); /* 64 KiB: the most */
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(buffer.map, COUNT, 9, 4);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

/* 8 MiB of recorded bytes: more than a ring or a stream of usual size holds. */
static const char *
large_command_buffer(const struct vkh_gpu *gpu)
{
    const uint32_t updates = 128;
    struct vkh_buffer buffer;
    uint32_t *values = malloc(COUNT * 4);
    if (!values) {
        vkh_die("out of memory for %d values", COUNT);
    }
    vkh_buffer_create(gpu, updates * COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED,
                      &buffer);
    VkCommandBuffer commands = vkh_begin(gpu);
    for (uint32_t update = 0; update < updates; update++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            values[i] = 3 * (update * COUNT + i);
        }
        vkCmdUpdateBuffer(commands, buffer.buffer, update * COUNT * 4, COUNT * 4, values);
    }
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(buffer.map, updates * COUNT, 0, 3);
    vkh_buffer_destroy(gpu, &buffer);
    free(values);
    return NULL;
}

static const char *
many_small_commands(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffer;
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    VkCommandBuffer commands = vkh_begin(gpu);
    for (uint32_t i = 0; i < COUNT; i++) {
        vkCmdFillBuffer(commands, buffer.buffer, i * 4, 4, 5 + 7 * i);
    }
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(buffer.map, COUNT, 5, 7);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

static VkCommandBuffer
allocate(const struct vkh_gpu *gpu, VkCommandPool pool, VkCommandBufferLevel level)
{
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .level = level,
        .commandBufferCount = 1,
    };
    VkCommandBuffer commands;
    VKH_CHECK(vkAllocateCommandBuffers(gpu->device, &info, &commands));
    return commands;
}

static void
begin_secondary(VkCommandBuffer commands)
{
    VkCommandBufferInheritanceInfo inheritance = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO};
    VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .pInheritanceInfo = &inheritance,
    };
    VKH_CHECK(vkBeginCommandBuffer(commands, &info));
}

static const char *
secondary_command_buffers(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffer;
    VkCommandBuffer parts[4];
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    for (uint32_t i = 0; i < 4; i++) {
        parts[i] = allocate(gpu, gpu->pool, VK_COMMAND_BUFFER_LEVEL_SECONDARY);
        begin_secondary(parts[i]);
        vkCmdFillBuffer(parts[i], buffer.buffer, i * COUNT, COUNT, 40 + i);
        VKH_CHECK(vkEndCommandBuffer(parts[i]));
    }
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdExecuteCommands(commands, 4, parts);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    for (uint32_t i = 0; i < 4; i++) {
        features_expect_line((uint32_t *)buffer.map + i * COUNT / 4, COUNT / 4, 40 + i, 0);
    }
    vkFreeCommandBuffers(gpu->device, gpu->pool, 4, parts);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

static void
record_fill(VkCommandBuffer commands, VkBuffer buffer, uint32_t value)
{
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VKH_CHECK(vkBeginCommandBuffer(commands, &info));
    vkCmdFillBuffer(commands, buffer, 0, VK_WHOLE_SIZE, value);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    VKH_CHECK(vkEndCommandBuffer(commands));
}

/* Submitted again, begun again, reset alone, reset with its pool: each time what was recorded last.
 */
static const char *
reuse_and_reset(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffer;
    VkCommandPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        .queueFamilyIndex = gpu->queue_family,
    };
    VkCommandPool pool;
    VKH_CHECK(vkCreateCommandPool(gpu->device, &pool_info, NULL, &pool));
    vkh_buffer_create(gpu, 1024, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    VkCommandBuffer commands = allocate(gpu, pool, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
    for (uint32_t i = 1; i <= 16; i++) {
        record_fill(commands, buffer.buffer, i);
        vkh_submit_and_wait(gpu, commands);
        features_expect_line(buffer.map, 256, i, 0);
        memset(buffer.map, 0, 1024);
        vkh_submit_and_wait(gpu, commands);
        features_expect_line(buffer.map, 256, i, 0);
        if (i % 3 == 1) {
            VKH_CHECK(
                vkResetCommandBuffer(commands, VK_COMMAND_BUFFER_RESET_RELEASE_RESOURCES_BIT));
        } else if (i % 3 == 2) {
            VKH_CHECK(vkResetCommandPool(gpu->device, pool, 0));
            vkTrimCommandPool(gpu->device, pool, 0);
        }
    }
    vkDestroyCommandPool(gpu->device, pool, NULL); /* with its command buffer */
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

static const char *
many_command_buffers_in_one_submission(const struct vkh_gpu *gpu)
{
    enum { BUFFERS = 200 };
    struct vkh_buffer buffer;
    VkCommandBuffer commands[BUFFERS];
    vkh_buffer_create(gpu, BUFFERS * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        commands[i] = vkh_begin(gpu);
        vkCmdFillBuffer(commands[i], buffer.buffer, i * 4, 4, 1000 + i);
        vkh_barrier_to_host(commands[i], VK_PIPELINE_STAGE_TRANSFER_BIT,
                            VK_ACCESS_TRANSFER_WRITE_BIT);
        VKH_CHECK(vkEndCommandBuffer(commands[i]));
    }
    const VkSubmitInfo submits[] = {
        {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
         .commandBufferCount = BUFFERS / 2,
         .pCommandBuffers = commands},
        {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
         .commandBufferCount = BUFFERS / 2,
         .pCommandBuffers = commands + BUFFERS / 2},
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 2, submits, VK_NULL_HANDLE));
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    features_expect_line(buffer.map, BUFFERS, 1000, 1);
    vkFreeCommandBuffers(gpu->device, gpu->pool, BUFFERS, commands);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

static const char *
indirect_dispatch(const struct vkh_gpu *gpu)
{
    struct vkh_buffer data, arguments;
    struct vkh_compute line;
    uint32_t base = 77;
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    vkh_buffer_create(gpu, sizeof(VkDispatchIndirectCommand), VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT,
                      VKH_MAPPED, &arguments);
    *(VkDispatchIndirectCommand *)arguments.map = (VkDispatchIndirectCommand){COUNT / 64, 1, 1};
    features_line_create(gpu, 6, data.buffer, &line);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, line.pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, line.layout, 0, 1, &line.set,
                            0, NULL);
    vkCmdPushConstants(commands, line.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, 4, &base);
    vkCmdDispatchIndirect(commands, arguments.buffer, 0);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(data.map, COUNT, base, 6);
    vkh_compute_destroy(gpu, &line);
    vkh_buffer_destroy(gpu, &arguments);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

static const char *
private_data(const struct vkh_gpu *gpu)
{
    if (!gpu->features13.privateData) {
        return "no privateData";
    }
    struct vkh_buffer buffer;
    VkPrivateDataSlotCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PRIVATE_DATA_SLOT_CREATE_INFO};
    VkPrivateDataSlot slot;
    uint64_t value = 1;
    VKH_CHECK(vkCreatePrivateDataSlot(gpu->device, &info, NULL, &slot));
    vkh_buffer_create(gpu, 1024, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_DEVICE, &buffer);
    uint64_t handle = (uint64_t)buffer.buffer;
    vkGetPrivateData(gpu->device, VK_OBJECT_TYPE_BUFFER, handle, slot, &value);
    features_expect(value == 0, "unset data is %llu", (unsigned long long)value);
    VKH_CHECK(
        vkSetPrivateData(gpu->device, VK_OBJECT_TYPE_BUFFER, handle, slot, 0x123456789abcull));
    vkGetPrivateData(gpu->device, VK_OBJECT_TYPE_BUFFER, handle, slot, &value);
    features_expect(value == 0x123456789abcull, "data is %#llx", (unsigned long long)value);
    vkDestroyPrivateDataSlot(gpu->device, slot, NULL);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

/* A pipeline layout may be destroyed as soon as what names it has been recorded. */
static const char *
layout_destroyed_while_recording(const struct vkh_gpu *gpu)
{
    enum { VALUES = 64 };
    struct vkh_buffer data;
    struct vkh_compute line;
    if (gpu->messenger) {
        return "older validation layers object";
    }
    vkh_buffer_create(gpu, VALUES * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    features_line_create(gpu, 3, data.buffer, &line);
    const VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(uint32_t)};
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &line.set_layout,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &range,
    };
    struct vkh_compute twin = line;
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, &twin.layout));
    VkCommandBuffer commands = vkh_begin(gpu);
    features_line_record(commands, &twin, 50, VALUES);
    vkDestroyPipelineLayout(gpu->device, twin.layout, NULL);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(data.map, VALUES, 50, 3);
    vkh_compute_destroy(gpu, &line);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

const struct features_check features_command_checks[] = {
    {"command/layout destroyed while recording", layout_destroyed_while_recording},
    {"command/update buffer", update_buffer},
    {"command/8 MiB in one command buffer", large_command_buffer},
    {"command/16384 small commands", many_small_commands},
    {"command/secondary command buffers", secondary_command_buffers},
    {"command/reuse and reset", reuse_and_reset},
    {"command/200 command buffers in one submission", many_command_buffers_in_one_submission},
    {"command/indirect dispatch", indirect_dispatch},
    {"command/private data", private_data},
    {0},
};
