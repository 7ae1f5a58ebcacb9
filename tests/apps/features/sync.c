/* Fences, semaphores, events, idle waits. */
#include "tests/apps/features/features.h"

#include "base/clock.h"

static const uint64_t SECOND_NS = 1000u * 1000 * 1000;

static VkFence
create_fence(const struct vkh_gpu *gpu, VkFenceCreateFlags flags)
{
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .flags = flags};
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    return fence;
}

static VkSemaphore
create_semaphore(const struct vkh_gpu *gpu, bool timeline, uint64_t value)
{
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
        .initialValue = value,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = timeline ? &type : NULL,
    };
    VkSemaphore semaphore;
    VKH_CHECK(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore));
    return semaphore;
}

static void
submit_nothing(const struct vkh_gpu *gpu, VkFence fence)
{
    VKH_CHECK(vkQueueSubmit(gpu->queue, 0, NULL, fence));
}

static const char *
fence_states(const struct vkh_gpu *gpu)
{
    VkFence set = create_fence(gpu, VK_FENCE_CREATE_SIGNALED_BIT);
    VkFence unset = create_fence(gpu, 0);
    features_expect_result(vkGetFenceStatus(gpu->device, set), VK_SUCCESS, "created signalled");
    features_expect_result(vkGetFenceStatus(gpu->device, unset), VK_NOT_READY,
                           "created unsignalled");
    VKH_CHECK(vkResetFences(gpu->device, 1, &set));
    features_expect_result(vkGetFenceStatus(gpu->device, set), VK_NOT_READY, "after reset");
    for (int i = 0; i < 10; i++) {
        submit_nothing(gpu, unset);
        VKH_CHECK(vkWaitForFences(gpu->device, 1, &unset, VK_TRUE, UINT64_MAX));
        features_expect_result(vkGetFenceStatus(gpu->device, unset), VK_SUCCESS, "after wait");
        VKH_CHECK(vkResetFences(gpu->device, 1, &unset));
        features_expect_result(vkGetFenceStatus(gpu->device, unset), VK_NOT_READY, "reset again");
    }
    vkDestroyFence(gpu->device, set, NULL);
    vkDestroyFence(gpu->device, unset, NULL);
    return NULL;
}

static const char *
fence_time_out(const struct vkh_gpu *gpu)
{
    VkFence fence = create_fence(gpu, 0);
    features_expect_result(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, 0), VK_TIMEOUT, "0 ns");
    uint64_t start_ns = base_clock_now_ns();
    features_expect_result(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, SECOND_NS / 20),
                           VK_TIMEOUT, "50 ms");
    uint64_t waited_ns = base_clock_now_ns() - start_ns;
    features_expect(waited_ns >= SECOND_NS / 20 && waited_ns < SECOND_NS, "50 ms took %.1f ms",
                    (double)waited_ns / 1e6);
    vkDestroyFence(gpu->device, fence, NULL);
    return NULL;
}

static const char *
wait_for_any_fence(const struct vkh_gpu *gpu)
{
    VkFence fences[3];
    for (int i = 0; i < 3; i++) {
        fences[i] = create_fence(gpu, 0);
    }
    submit_nothing(gpu, fences[1]);
    VKH_CHECK(vkWaitForFences(gpu->device, 3, fences, VK_FALSE, UINT64_MAX));
    features_expect_result(vkGetFenceStatus(gpu->device, fences[1]), VK_SUCCESS,
                           "the submitted one");
    features_expect_result(vkWaitForFences(gpu->device, 3, fences, VK_TRUE, 1000), VK_TIMEOUT,
                           "wait for all");
    submit_nothing(gpu, fences[0]);
    submit_nothing(gpu, fences[2]);
    VKH_CHECK(vkWaitForFences(gpu->device, 3, fences, VK_TRUE, UINT64_MAX));
    for (int i = 0; i < 3; i++) {
        vkDestroyFence(gpu->device, fences[i], NULL);
    }
    return NULL;
}

static const char *
submit_and_wait_often(const struct vkh_gpu *gpu)
{
    VkFence fence = create_fence(gpu, 0);
    for (int i = 0; i < 2000; i++) {
        submit_nothing(gpu, fence);
        VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, 10 * SECOND_NS));
        VKH_CHECK(vkResetFences(gpu->device, 1, &fence));
    }
    vkDestroyFence(gpu->device, fence, NULL);
    return NULL;
}

static const char *
binary_semaphores(const struct vkh_gpu *gpu)
{
    struct vkh_buffer data;
    VkSemaphore semaphore = create_semaphore(gpu, false, 0);
    VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    vkh_buffer_create(gpu, 1024, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &data);
    for (uint32_t round = 0; round < 5; round++) {
        VkCommandBuffer first = vkh_begin(gpu), second = vkh_begin(gpu);
        vkCmdFillBuffer(first, data.buffer, 0, VK_WHOLE_SIZE, 1);
        VKH_CHECK(vkEndCommandBuffer(first));
        vkCmdFillBuffer(second, data.buffer, 0, VK_WHOLE_SIZE, 100 + round);
        vkh_barrier_to_host(second, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
        VKH_CHECK(vkEndCommandBuffer(second));
        VkSubmitInfo signal = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
            .commandBufferCount = 1,
            .pCommandBuffers = &first,
            .signalSemaphoreCount = 1,
            .pSignalSemaphores = &semaphore,
        };
        VkSubmitInfo wait = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
            .waitSemaphoreCount = 1,
            .pWaitSemaphores = &semaphore,
            .pWaitDstStageMask = &stage,
            .commandBufferCount = 1,
            .pCommandBuffers = &second,
        };
        VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &signal, VK_NULL_HANDLE));
        VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &wait, VK_NULL_HANDLE));
        VKH_CHECK(vkDeviceWaitIdle(gpu->device));
        features_expect_line(data.map, 256, 100 + round, 0);
        vkFreeCommandBuffers(gpu->device, gpu->pool, 2, (VkCommandBuffer[]){first, second});
    }
    vkDestroySemaphore(gpu->device, semaphore, NULL);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

/* ------------------------------------------------------------------ timelines */

static VkResult
wait_timeline(const struct vkh_gpu *gpu, VkSemaphore semaphore, uint64_t value, uint64_t timeout_ns)
{
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &semaphore,
        .pValues = &value,
    };
    return vkWaitSemaphores(gpu->device, &info, timeout_ns);
}

static void
signal_timeline(const struct vkh_gpu *gpu, VkSemaphore semaphore, uint64_t value)
{
    VkSemaphoreSignalInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = semaphore,
        .value = value,
    };
    VKH_CHECK(vkSignalSemaphore(gpu->device, &info));
}

static void
submit_timeline(const struct vkh_gpu *gpu, VkSemaphore wait, uint64_t wait_value,
                VkSemaphore signal, uint64_t signal_value)
{
    VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = wait != VK_NULL_HANDLE,
        .pWaitSemaphoreValues = &wait_value,
        .signalSemaphoreValueCount = signal != VK_NULL_HANDLE,
        .pSignalSemaphoreValues = &signal_value,
    };
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = wait != VK_NULL_HANDLE,
        .pWaitSemaphores = &wait,
        .pWaitDstStageMask = &stage,
        .signalSemaphoreCount = signal != VK_NULL_HANDLE,
        .pSignalSemaphores = &signal,
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, VK_NULL_HANDLE));
}

static void
expect_counter(const struct vkh_gpu *gpu, VkSemaphore semaphore, uint64_t wanted)
{
    uint64_t value = 0;
    VKH_CHECK(vkGetSemaphoreCounterValue(gpu->device, semaphore, &value));
    features_expect(value == wanted, "counter is %llu, expected %llu", (unsigned long long)value,
                    (unsigned long long)wanted);
}

static const char *
timeline_on_the_host(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore) {
        return "no timelineSemaphore";
    }
    VkSemaphore semaphore = create_semaphore(gpu, true, 5);
    expect_counter(gpu, semaphore, 5);
    features_expect_result(wait_timeline(gpu, semaphore, 5, 0), VK_SUCCESS, "wait for 5");
    features_expect_result(wait_timeline(gpu, semaphore, 6, 0), VK_TIMEOUT, "wait for 6");
    features_expect_result(wait_timeline(gpu, semaphore, 6, SECOND_NS / 50), VK_TIMEOUT,
                           "wait for 6, 20 ms");
    signal_timeline(gpu, semaphore, 9);
    features_expect_result(wait_timeline(gpu, semaphore, 6, SECOND_NS), VK_SUCCESS, "signalled 9");
    expect_counter(gpu, semaphore, 9);
    vkDestroySemaphore(gpu->device, semaphore, NULL);
    return NULL;
}

static const char *
timeline_to_the_greatest_value(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore) {
        return "no timelineSemaphore";
    }
    VkPhysicalDeviceTimelineSemaphoreProperties timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &timeline};
    vkGetPhysicalDeviceProperties2(gpu->physical_device, &properties);
    if (timeline.maxTimelineSemaphoreValueDifference != UINT64_MAX) {
        return "the device does not allow such a step";
    }
    VkSemaphore semaphore = create_semaphore(gpu, true, 0);
    submit_timeline(gpu, VK_NULL_HANDLE, 0, semaphore, UINT64_MAX);
    features_expect_result(wait_timeline(gpu, semaphore, UINT64_MAX, 10 * SECOND_NS), VK_SUCCESS,
                           "wait for the greatest value");
    expect_counter(gpu, semaphore, UINT64_MAX);
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkDestroySemaphore(gpu->device, semaphore, NULL);
    return NULL;
}

static const char *
timeline_on_the_queue(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore) {
        return "no timelineSemaphore";
    }
    VkSemaphore semaphore = create_semaphore(gpu, true, 0);
    for (uint64_t value = 1; value <= 100; value++) {
        submit_timeline(gpu, VK_NULL_HANDLE, 0, semaphore, value);
        if (value % 10 == 0) {
            features_expect_result(wait_timeline(gpu, semaphore, value, 10 * SECOND_NS), VK_SUCCESS,
                                   "wait for the queue");
            expect_counter(gpu, semaphore, value);
        }
    }
    vkDestroySemaphore(gpu->device, semaphore, NULL);
    return NULL;
}

/* The queue waits for a value that the host signals only afterwards. */
static const char *
timeline_wait_before_signal(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore) {
        return "no timelineSemaphore";
    }
    VkSemaphore go = create_semaphore(gpu, true, 0), done = create_semaphore(gpu, true, 0);
    submit_timeline(gpu, go, 1, done, 1);
    features_expect_result(wait_timeline(gpu, done, 1, SECOND_NS / 50), VK_TIMEOUT, "before go");
    expect_counter(gpu, done, 0);
    signal_timeline(gpu, go, 1);
    features_expect_result(wait_timeline(gpu, done, 1, 10 * SECOND_NS), VK_SUCCESS, "after go");
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkDestroySemaphore(gpu->device, go, NULL);
    vkDestroySemaphore(gpu->device, done, NULL);
    return NULL;
}

static const char *
wait_for_any_timeline(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore) {
        return "no timelineSemaphore";
    }
    VkSemaphore semaphores[2] = {create_semaphore(gpu, true, 0), create_semaphore(gpu, true, 0)};
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .flags = VK_SEMAPHORE_WAIT_ANY_BIT,
        .semaphoreCount = 2,
        .pSemaphores = semaphores,
        .pValues = (uint64_t[]){3, 4},
    };
    features_expect_result(vkWaitSemaphores(gpu->device, &info, 0), VK_TIMEOUT, "none");
    submit_timeline(gpu, VK_NULL_HANDLE, 0, semaphores[1], 4);
    features_expect_result(vkWaitSemaphores(gpu->device, &info, 10 * SECOND_NS), VK_SUCCESS, "any");
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkDestroySemaphore(gpu->device, semaphores[0], NULL);
    vkDestroySemaphore(gpu->device, semaphores[1], NULL);
    return NULL;
}

static const char *
submit2(const struct vkh_gpu *gpu)
{
    if (!gpu->features13.synchronization2) {
        return "no synchronization2";
    }
    struct vkh_buffer data;
    VkSemaphore done = create_semaphore(gpu, true, 0);
    vkh_buffer_create(gpu, 1024, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &data);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdFillBuffer(commands, data.buffer, 0, VK_WHOLE_SIZE, 321);
    VkMemoryBarrier2 barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER_2,
        .srcStageMask = VK_PIPELINE_STAGE_2_CLEAR_BIT,
        .srcAccessMask = VK_ACCESS_2_TRANSFER_WRITE_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_2_HOST_BIT,
        .dstAccessMask = VK_ACCESS_2_HOST_READ_BIT,
    };
    VkDependencyInfo dependency = {
        .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
        .memoryBarrierCount = 1,
        .pMemoryBarriers = &barrier,
    };
    vkCmdPipelineBarrier2(commands, &dependency);
    VKH_CHECK(vkEndCommandBuffer(commands));
    VkCommandBufferSubmitInfo commands_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO, .commandBuffer = commands};
    VkSemaphoreSubmitInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
        .semaphore = done,
        .value = 12,
        .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
    };
    VkSubmitInfo2 submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
        .commandBufferInfoCount = 1,
        .pCommandBufferInfos = &commands_info,
        .signalSemaphoreInfoCount = 1,
        .pSignalSemaphoreInfos = &signal,
    };
    VKH_CHECK(vkQueueSubmit2(gpu->queue, 1, &submit, VK_NULL_HANDLE));
    VKH_CHECK(wait_timeline(gpu, done, 12, 10 * SECOND_NS));
    features_expect_line(data.map, 256, 321, 0);
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &commands);
    vkDestroySemaphore(gpu->device, done, NULL);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

/* -------------------------------------------------------------------- events */

static VkEvent
create_event(const struct vkh_gpu *gpu)
{
    VkEventCreateInfo info = {.sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO};
    VkEvent event;
    VKH_CHECK(vkCreateEvent(gpu->device, &info, NULL, &event));
    return event;
}

static const char *
events_on_the_host(const struct vkh_gpu *gpu)
{
    VkEvent event = create_event(gpu);
    for (int i = 0; i < 3; i++) {
        features_expect_result(vkGetEventStatus(gpu->device, event), VK_EVENT_RESET, "reset");
        VKH_CHECK(vkSetEvent(gpu->device, event));
        features_expect_result(vkGetEventStatus(gpu->device, event), VK_EVENT_SET, "set");
        VKH_CHECK(vkResetEvent(gpu->device, event));
    }
    vkDestroyEvent(gpu->device, event, NULL);
    return NULL;
}

static const char *
events_on_the_queue(const struct vkh_gpu *gpu)
{
    struct vkh_buffer data;
    VkEvent event = create_event(gpu);
    vkh_buffer_create(gpu, 1024, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &data);
    VkCommandBuffer commands = vkh_begin(gpu);
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    vkCmdFillBuffer(commands, data.buffer, 0, VK_WHOLE_SIZE, 1);
    vkCmdSetEvent(commands, event, VK_PIPELINE_STAGE_TRANSFER_BIT);
    vkCmdWaitEvents(commands, 1, &event, VK_PIPELINE_STAGE_TRANSFER_BIT,
                    VK_PIPELINE_STAGE_TRANSFER_BIT, 1, &barrier, 0, NULL, 0, NULL);
    vkCmdFillBuffer(commands, data.buffer, 0, VK_WHOLE_SIZE, 2);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(data.map, 256, 2, 0);
    features_expect_result(vkGetEventStatus(gpu->device, event), VK_EVENT_SET, "set by the queue");
    vkDestroyEvent(gpu->device, event, NULL);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

const struct features_check features_sync_checks[] = {
    {"sync/states of fences", fence_states},
    {"sync/time-out of a fence", fence_time_out},
    {"sync/wait for any fence", wait_for_any_fence},
    {"sync/2000 empty submissions, each waited for", submit_and_wait_often},
    {"sync/binary semaphores", binary_semaphores},
    {"sync/timeline on the host", timeline_on_the_host},
    {"sync/timeline to the greatest value", timeline_to_the_greatest_value},
    {"sync/timeline on the queue", timeline_on_the_queue},
    {"sync/timeline waited for before it is signalled", timeline_wait_before_signal},
    {"sync/wait for any timeline", wait_for_any_timeline},
    {"sync/vkQueueSubmit2", submit2},
    {"sync/events on the host", events_on_the_host},
    {"sync/events on the queue", events_on_the_queue},
    {0},
};
