/* What an application meets when its renderer dies: VK_ERROR_DEVICE_LOST, within a second, from
 * whatever it calls next or is waiting in, and every destroying call still returns.
 *
 * Runs below `vesper run`, and kills the server that serves it. One device for each call, all lost
 * at the same moment, so that each call is the first one after the loss. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/vkh/vkh.h"

/* The promise is one second. A machine that is busy with other things is not to be judged by it. */
static const uint64_t LIMIT_NS = 5000ull * 1000 * 1000;

/* A device and some of everything. */
struct victim {
    struct vkh_gpu gpu;
    struct vkh_buffer buffer;
    VkFence fence;        /* never submitted */
    VkSemaphore timeline; /* 0 */
    VkSemaphore blocked;  /* signalled by work that waits for the timeline */
    VkEvent event;
    VkQueryPool queries;
    VkCommandBuffer commands; /* ended */
};

static struct victim *
create_victim(void)
{
    const struct vkh_gpu_info info = {
        .program = "lost", .api_version = VK_API_VERSION_1_2, .all_core_features = true};
    struct victim *victim = calloc(1, sizeof(*victim));
    if (!victim) {
        vkh_die("out of memory for a victim");
    }
    struct vkh_gpu *gpu = &victim->gpu;
    vkh_gpu_open(gpu, &info);
    if (!gpu->features12.timelineSemaphore) {
        vkh_die("%s has no timelineSemaphore, which this test uses", gpu->properties.deviceName);
    }
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo semaphore = {VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, &type, 0};
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkEventCreateInfo event = {.sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO};
    VkQueryPoolCreateInfo queries = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_OCCLUSION,
        .queryCount = 1,
    };
    VKH_CHECK(vkCreateFence(gpu->device, &fence, NULL, &victim->fence));
    VKH_CHECK(vkCreateSemaphore(gpu->device, &semaphore, NULL, &victim->timeline));
    VKH_CHECK(vkCreateSemaphore(gpu->device, &semaphore, NULL, &victim->blocked));
    VKH_CHECK(vkCreateEvent(gpu->device, &event, NULL, &victim->event));
    VKH_CHECK(vkCreateQueryPool(gpu->device, &queries, NULL, &victim->queries));
    vkh_buffer_create(gpu, 65536, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &victim->buffer);
    victim->commands = vkh_begin(gpu);
    vkCmdResetQueryPool(victim->commands, victim->queries, 0, 1);
    vkCmdFillBuffer(victim->commands, victim->buffer.buffer, 0, VK_WHOLE_SIZE, 1);
    VKH_CHECK(vkEndCommandBuffer(victim->commands));
    return victim;
}

static void
destroy_victim(struct victim *victim)
{
    VkDevice device = victim->gpu.device;
    vkDestroyFence(device, victim->fence, NULL);
    vkDestroySemaphore(device, victim->timeline, NULL);
    vkDestroySemaphore(device, victim->blocked, NULL);
    vkDestroyEvent(device, victim->event, NULL);
    vkDestroyQueryPool(device, victim->queries, NULL);
    vkFreeCommandBuffers(device, victim->gpu.pool, 1, &victim->commands);
    vkh_buffer_destroy(&victim->gpu, &victim->buffer);
    vkh_gpu_close(&victim->gpu);
    free(victim);
}

/* ------------------------------------------------------------ calls after the loss */

static VkResult
submit(struct victim *victim)
{
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &victim->commands,
    };
    return vkQueueSubmit(victim->gpu.queue, 1, &info, VK_NULL_HANDLE);
}

static VkResult
wait_for_fence(struct victim *victim)
{
    return vkWaitForFences(victim->gpu.device, 1, &victim->fence, VK_TRUE, UINT64_MAX);
}

static VkResult
fence_status(struct victim *victim)
{
    return vkGetFenceStatus(victim->gpu.device, victim->fence);
}

static VkResult
wait_for_timeline(struct victim *victim)
{
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &victim->timeline,
        .pValues = &(uint64_t){1},
    };
    return vkWaitSemaphores(victim->gpu.device, &info, UINT64_MAX);
}

static VkResult
timeline_value(struct victim *victim)
{
    uint64_t value;
    return vkGetSemaphoreCounterValue(victim->gpu.device, victim->timeline, &value);
}

static VkResult
queue_idle(struct victim *victim)
{
    return vkQueueWaitIdle(victim->gpu.queue);
}

static VkResult
device_idle(struct victim *victim)
{
    return vkDeviceWaitIdle(victim->gpu.device);
}

static VkResult
event_status(struct victim *victim)
{
    return vkGetEventStatus(victim->gpu.device, victim->event);
}

static VkResult
query_results(struct victim *victim)
{
    uint64_t result;
    return vkGetQueryPoolResults(victim->gpu.device, victim->queries, 0, 1, sizeof(result), &result,
                                 sizeof(result), VK_QUERY_RESULT_64_BIT);
}

static VkResult
query_results_waiting(struct victim *victim)
{
    uint64_t result;
    return vkGetQueryPoolResults(victim->gpu.device, victim->queries, 0, 1, sizeof(result), &result,
                                 sizeof(result), VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
}

/* These may not return VK_ERROR_DEVICE_LOST by the letter; they must return. The submission after
 * them must be lost. */
static VkResult
allocate_memory(struct victim *victim)
{
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = 65536,
        .memoryTypeIndex =
            vkh_memory_type(&victim->gpu, ~0u, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT, 0),
    };
    VkDeviceMemory memory = VK_NULL_HANDLE;
    void *map;
    if (vkAllocateMemory(victim->gpu.device, &info, NULL, &memory) == VK_SUCCESS) {
        (void)!vkMapMemory(victim->gpu.device, memory, 0, VK_WHOLE_SIZE, 0, &map);
        vkFreeMemory(victim->gpu.device, memory, NULL);
    }
    return submit(victim);
}

static VkResult
create_objects(struct victim *victim)
{
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 12345,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkBuffer buffer = VK_NULL_HANDLE;
    VkMemoryRequirements needs;
    if (vkCreateBuffer(victim->gpu.device, &info, NULL, &buffer) == VK_SUCCESS) {
        vkGetBufferMemoryRequirements(victim->gpu.device, buffer, &needs);
        vkDestroyBuffer(victim->gpu.device, buffer, NULL);
    }
    return submit(victim);
}

static VkResult
ask_the_device(struct victim *victim)
{
    VkFormatProperties format;
    VkImageFormatProperties image;
    VkPhysicalDevice physical_device = victim->gpu.physical_device;
    vkGetPhysicalDeviceFormatProperties(physical_device, VK_FORMAT_R16G16_SNORM, &format);
    (void)!vkGetPhysicalDeviceImageFormatProperties(physical_device, VK_FORMAT_R16G16_SNORM,
                                                    VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_LINEAR,
                                                    VK_IMAGE_USAGE_SAMPLED_BIT, 0, &image);
    return submit(victim);
}

/* Records more than a ring holds, so that nothing can just be left in it. */
static VkResult
record_much(struct victim *victim)
{
    static const char zeroes[65536];
    VkCommandBuffer commands;
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = victim->gpu.pool,
        .commandBufferCount = 1,
    };
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult result = vkAllocateCommandBuffers(victim->gpu.device, &info, &commands);
    if (result != VK_SUCCESS) {
        return submit(victim);
    }
    (void)!vkBeginCommandBuffer(commands, &begin);
    for (int i = 0; i < 64; i++) {
        vkCmdUpdateBuffer(commands, victim->buffer.buffer, 0, sizeof(zeroes), zeroes);
    }
    (void)!vkEndCommandBuffer(commands);
    vkFreeCommandBuffers(victim->gpu.device, victim->gpu.pool, 1, &commands);
    return submit(victim);
}

struct call {
    const char *name;
    VkResult (*run)(struct victim *victim);
    /* After the loss, or begun before it on a queue that never gets on. */
    bool waits_already;
};

static const struct call calls[] = {
    {"vkQueueSubmit", submit, false},
    {"vkWaitForFences", wait_for_fence, false},
    {"vkGetFenceStatus", fence_status, false},
    {"vkWaitSemaphores", wait_for_timeline, false},
    {"vkGetSemaphoreCounterValue", timeline_value, false},
    {"vkQueueWaitIdle", queue_idle, false},
    {"vkDeviceWaitIdle", device_idle, false},
    {"vkGetEventStatus", event_status, false},
    {"vkGetQueryPoolResults", query_results, false},
    {"vkGetQueryPoolResults, waiting", query_results_waiting, false},
    {"vkAllocateMemory, then vkQueueSubmit", allocate_memory, false},
    {"vkCreateBuffer, then vkQueueSubmit", create_objects, false},
    {"format queries, then vkQueueSubmit", ask_the_device, false},
    {"4 MiB recorded, then vkQueueSubmit", record_much, false},
    {"inside vkWaitForFences", wait_for_fence, true},
    {"inside vkWaitSemaphores", wait_for_timeline, true},
    {"inside vkQueueWaitIdle", queue_idle, true},
    {"inside vkDeviceWaitIdle", device_idle, true},
};

/* -------------------------------------------------------------------- the test */

struct run {
    const struct call *call;
    struct victim *victim;
    pthread_t thread;
    uint64_t lost_ns, returned_ns;
    VkResult result;
};

/* Puts work on the queue that waits for what never comes. */
static void
block_queue(struct victim *victim)
{
    const uint64_t one = 1;
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = &one,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &one,
    };
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &victim->timeline,
        .pWaitDstStageMask = &(VkPipelineStageFlags){VK_PIPELINE_STAGE_ALL_COMMANDS_BIT},
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &victim->blocked,
    };
    VKH_CHECK(vkQueueSubmit(victim->gpu.queue, 1, &info, VK_NULL_HANDLE));
}

static void *
wait_already(void *argument)
{
    struct run *run = argument;
    run->result = run->call->run(run->victim);
    run->returned_ns = base_clock_now_ns();
    return NULL;
}

/* An application calls again while all seems well. */
static void
call_until_lost(struct run *run)
{
    do {
        run->result = run->call->run(run->victim);
        run->returned_ns = base_clock_now_ns();
    } while (run->result >= 0 && run->returned_ns - run->lost_ns < 2 * LIMIT_NS);
}

static bool
report(const struct run *run, uint64_t destroy_ns)
{
    uint64_t took_ns = run->returned_ns - run->lost_ns;
    bool ok = run->result == VK_ERROR_DEVICE_LOST && took_ns < LIMIT_NS && destroy_ns < LIMIT_NS;
    printf("%s %s: %s after %.1f ms, all destroyed in %.1f ms\n", ok ? "ok  " : "FAIL",
           run->call->name, vkh_result_name(run->result), (double)took_ns / 1e6,
           (double)destroy_ns / 1e6);
    fflush(stdout);
    return ok;
}

static pid_t
server_to_kill(void)
{
    const char *pid = getenv("VESPER_SERVER_PID");
    if (!pid || atoi(pid) <= 1) {
        vkh_die("VESPER_SERVER_PID does not name a server: start this with vesper run");
    }
    return (pid_t)atoi(pid);
}

static void
prepare(struct run *run)
{
    run->victim = create_victim();
    if (run->call->waits_already) {
        block_queue(run->victim);
        if (pthread_create(&run->thread, NULL, wait_already, run) != 0) {
            vkh_die("cannot start a thread");
        }
    }
}

static bool
finish(struct run *run)
{
    if (run->call->waits_already) {
        pthread_join(run->thread, NULL);
    } else {
        run->lost_ns = base_clock_now_ns();
        call_until_lost(run);
    }
    uint64_t start_ns = base_clock_now_ns();
    destroy_victim(run->victim);
    return report(run, base_clock_now_ns() - start_ns);
}

int
main(void)
{
    pid_t server = server_to_kill();
    struct run runs[BASE_COUNT_OF(calls)] = {0};
    unsigned failed = 0;
    for (size_t i = 0; i < BASE_COUNT_OF(calls); i++) {
        runs[i].call = &calls[i];
        prepare(&runs[i]);
    }
    usleep(200 * 1000); /* until those that wait are in the middle of it */
    uint64_t lost_ns = base_clock_now_ns();
    kill(-server, SIGKILL);
    for (size_t i = 0; i < BASE_COUNT_OF(calls); i++) {
        runs[i].lost_ns = lost_ns;
        failed += !finish(&runs[i]);
    }
    return failed ? 1 : 0;
}
