/* Waiting for query results without any fence. */
#include "tests/apps/extensions/extensions.h"

#include <string.h>

#include "base/clock.h"

static VkQueryPool
create_pool(const struct vkh_gpu *gpu)
{
    VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = 2,
    };
    VkQueryPool pool;
    VKH_CHECK(vkCreateQueryPool(gpu->device, &info, NULL, &pool));
    return pool;
}

/* Resets both queries, does some work, writes the first. */
static VkCommandBuffer
record(const struct vkh_gpu *gpu, VkQueryPool pool, const struct vkh_buffer *buffer)
{
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdResetQueryPool(commands, pool, 0, 2);
    for (int i = 0; i < 20; i++) {
        vkCmdFillBuffer(commands, buffer->buffer, 0, VK_WHOLE_SIZE, 1);
        vkh_memory_barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                           VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    }
    vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, 0);
    VKH_CHECK(vkEndCommandBuffer(commands));
    return commands;
}

static void
submit(const struct vkh_gpu *gpu, VkCommandBuffer commands)
{
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &info, VK_NULL_HANDLE));
}

static void
wait_for_first(const struct vkh_gpu *gpu, VkQueryPool pool)
{
    uint64_t value[2] = {0, 0};
    VKH_CHECK(vkGetQueryPoolResults(gpu->device, pool, 0, 1, sizeof(value), value, sizeof(value),
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT |
                                        VK_QUERY_RESULT_WITH_AVAILABILITY_BIT));
    extensions_expect(value[0] > 0 && value[1] != 0, "a time stamp of %llu, availability %llu",
                      (unsigned long long)value[0], (unsigned long long)value[1]);
}

static void
wait_without_fence(const struct vkh_gpu *gpu)
{
    VkQueryPool pool = create_pool(gpu);
    struct vkh_buffer buffer;
    vkh_buffer_create(gpu, 16 << 20, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_DEVICE, &buffer);
    VkCommandBuffer commands = record(gpu, pool, &buffer);
    submit(gpu, commands);
    wait_for_first(gpu, pool);
    uint64_t value = 7;
    VkResult result = vkGetQueryPoolResults(gpu->device, pool, 1, 1, sizeof(value), &value,
                                            sizeof(value), VK_QUERY_RESULT_64_BIT);
    extensions_expect(result == VK_NOT_READY && value == 7,
                      "an unwritten query gave %s and the value %llu", vkh_result_name(result),
                      (unsigned long long)value);
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &commands);
    vkDestroyQueryPool(gpu->device, pool, NULL);
    vkh_buffer_destroy(gpu, &buffer);
}

static VkSemaphore
create_timeline(const struct vkh_gpu *gpu)
{
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    VkSemaphore semaphore;
    VKH_CHECK(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore));
    return semaphore;
}

/* The work behind the query waits for what only this thread will do afterwards. Lavapipe waits
 * for the whole queue, whatever it is asked, and hangs here. */
static void
wait_before_blocked_work(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore || strstr(gpu->properties.deviceName, "llvmpipe")) {
        return;
    }
    VkQueryPool pool = create_pool(gpu);
    VkSemaphore semaphore = create_timeline(gpu);
    struct vkh_buffer buffer;
    vkh_buffer_create(gpu, 1 << 20, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_DEVICE, &buffer);
    VkCommandBuffer commands = record(gpu, pool, &buffer);
    submit(gpu, commands);
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = (uint64_t[]){1},
    };
    VkSubmitInfo blocked = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &semaphore,
        .pWaitDstStageMask = &(VkPipelineStageFlags){VK_PIPELINE_STAGE_ALL_COMMANDS_BIT},
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &blocked, VK_NULL_HANDLE));
    wait_for_first(gpu, pool);
    VkSemaphoreSignalInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = semaphore,
        .value = 1,
    };
    VKH_CHECK(vkSignalSemaphore(gpu->device, &signal));
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &commands);
    vkDestroySemaphore(gpu->device, semaphore, NULL);
    vkDestroyQueryPool(gpu->device, pool, NULL);
    vkh_buffer_destroy(gpu, &buffer);
}

/* Our own clock before and after, and the one that the driver read between. */
static void
calibrated(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkGetCalibratedTimestampsEXT);
    const VkCalibratedTimestampInfoEXT infos[] = {
        {
            .sType = VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT,
            .timeDomain = VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT,
        },
        {
            .sType = VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT,
            .timeDomain = VK_TIME_DOMAIN_DEVICE_EXT,
        },
    };
    uint64_t first[2] = {0}, second[2] = {0}, deviation = 0;
    uint64_t before = base_clock_now_ns();
    VKH_CHECK(vkGetCalibratedTimestampsEXT(gpu->device, 2, infos, first, &deviation));
    VKH_CHECK(vkGetCalibratedTimestampsEXT(gpu->device, 2, infos, second, &deviation));
    uint64_t after = base_clock_now_ns();
    extensions_expect(before <= first[0] && first[0] <= second[0] && second[0] <= after,
                      "the system's clock says %llu and %llu between %llu and %llu",
                      (unsigned long long)first[0], (unsigned long long)second[0],
                      (unsigned long long)before, (unsigned long long)after);
    extensions_expect(first[1] <= second[1], "the device's clock goes back");
    extensions_expect(deviation > 0, "no deviation");
}

const struct extensions_check extensions_query_checks[] = {
    {"query/results waited for without a fence", NULL, wait_without_fence},
    {"query/results waited for before blocked work", NULL, wait_before_blocked_work},
    {"query/clocks of device and system", "VK_EXT_calibrated_timestamps", calibrated},
    {NULL, NULL, NULL},
};
