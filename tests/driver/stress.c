/* Uses the driver the way applications with many threads and many objects do, through the Vulkan
 * loader, and checks what Vulkan promises about it. Runs on any driver; the test runs it on the
 * loopback.
 *
 *   driver-stress [LOOPS]     exit status 0 only if everything held */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tools/vkh/vkh.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            vkh_die("%s:%d: not true: %s", __FILE__, __LINE__, #condition);                        \
        }                                                                                          \
    } while (0)

enum {
    MILLISECOND_NS = 1000 * 1000,
    THREADS = 4,
};

static uint32_t loops = 20;

static VkFence
create_fence(const struct vkh_gpu *gpu, VkFenceCreateFlags flags)
{
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .flags = flags};
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    return fence;
}

static void
submit_nothing(const struct vkh_gpu *gpu, VkFence fence)
{
    VKH_CHECK(vkQueueSubmit(gpu->queue, 0, NULL, fence));
}

static void
sleep_ms(uint32_t ms)
{
    struct timespec time = {.tv_nsec = ms * MILLISECOND_NS};
    nanosleep(&time, NULL);
}

/* --- fences --- */

static void
fences_say_what_was_submitted(const struct vkh_gpu *gpu)
{
    VkFence fences[3] = {create_fence(gpu, 0), create_fence(gpu, VK_FENCE_CREATE_SIGNALED_BIT),
                         create_fence(gpu, 0)};
    EXPECT(vkGetFenceStatus(gpu->device, fences[0]) == VK_NOT_READY);
    EXPECT(vkGetFenceStatus(gpu->device, fences[1]) == VK_SUCCESS);
    EXPECT(vkWaitForFences(gpu->device, 3, fences, VK_FALSE, UINT64_MAX) == VK_SUCCESS);
    EXPECT(vkWaitForFences(gpu->device, 3, fences, VK_TRUE, 0) == VK_TIMEOUT);

    uint64_t start_ns = base_clock_now_ns();
    EXPECT(vkWaitForFences(gpu->device, 3, fences, VK_TRUE, 5 * MILLISECOND_NS) == VK_TIMEOUT);
    EXPECT(base_clock_now_ns() - start_ns >= 5 * MILLISECOND_NS);

    for (uint32_t i = 0; i < 100; i++) {
        submit_nothing(gpu, fences[0]);
        submit_nothing(gpu, fences[2]);
        EXPECT(vkWaitForFences(gpu->device, 3, fences, VK_TRUE, UINT64_MAX) == VK_SUCCESS);
        EXPECT(vkGetFenceStatus(gpu->device, fences[2]) == VK_SUCCESS);
        VkFence both[2] = {fences[0], fences[2]};
        VKH_CHECK(vkResetFences(gpu->device, 2, both));
        EXPECT(vkGetFenceStatus(gpu->device, fences[0]) == VK_NOT_READY);
    }
    for (int i = 0; i < 3; i++) {
        vkDestroyFence(gpu->device, fences[i], NULL);
    }
}

struct late_submit {
    const struct vkh_gpu *gpu;
    VkFence fence;
};

static void *
submit_later(void *argument)
{
    struct late_submit *late = argument;
    sleep_ms(20);
    submit_nothing(late->gpu, late->fence);
    return NULL;
}

/* Strictly, the submission must have the fence for itself; but applications do this. */
static void
a_wait_may_begin_before_the_submission(const struct vkh_gpu *gpu)
{
    struct late_submit late = {gpu, create_fence(gpu, 0)};
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, submit_later, &late) == 0);
    EXPECT(vkWaitForFences(gpu->device, 1, &late.fence, VK_TRUE, UINT64_MAX) == VK_SUCCESS);
    pthread_join(thread, NULL);
    vkDestroyFence(gpu->device, late.fence, NULL);
}

static void
many_fences_live_at_once(const struct vkh_gpu *gpu)
{
    enum { COUNT = 2000 };
    static VkFence fences[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        fences[i] = create_fence(gpu, 0);
        submit_nothing(gpu, fences[i]);
    }
    EXPECT(vkWaitForFences(gpu->device, COUNT, fences, VK_TRUE, UINT64_MAX) == VK_SUCCESS);
    for (uint32_t i = 0; i < COUNT; i++) {
        vkDestroyFence(gpu->device, fences[i], NULL);
    }
}

static void
idle_means_that_everything_is_done(const struct vkh_gpu *gpu)
{
    for (uint32_t i = 0; i < 50; i++) {
        VkFence fence = create_fence(gpu, 0);
        submit_nothing(gpu, fence);
        VKH_CHECK(i % 2 ? vkQueueWaitIdle(gpu->queue) : vkDeviceWaitIdle(gpu->device));
        EXPECT(vkGetFenceStatus(gpu->device, fence) == VK_SUCCESS);
        vkDestroyFence(gpu->device, fence, NULL);
    }
}

/* --- timeline semaphores --- */

static VkSemaphore
create_timeline(const struct vkh_gpu *gpu, uint64_t initial)
{
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
        .initialValue = initial,
    };
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkSemaphore semaphore;
    VKH_CHECK(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore));
    return semaphore;
}

/* Waits for `wait` on one semaphore and signals `signal` on another; 0 leaves it out. */
static void
submit_timeline(const struct vkh_gpu *gpu, VkSemaphore wait, uint64_t wait_value,
                VkSemaphore signal, uint64_t signal_value)
{
    VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = wait ? 1 : 0,
        .pWaitSemaphoreValues = &wait_value,
        .signalSemaphoreValueCount = signal ? 1 : 0,
        .pSignalSemaphoreValues = &signal_value,
    };
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = wait ? 1 : 0,
        .pWaitSemaphores = &wait,
        .pWaitDstStageMask = &stage,
        .signalSemaphoreCount = signal ? 1 : 0,
        .pSignalSemaphores = &signal,
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, VK_NULL_HANDLE));
}

static VkResult
wait_timeline(const struct vkh_gpu *gpu, VkSemaphoreWaitFlags flags, uint32_t count,
              const VkSemaphore *semaphores, const uint64_t *values, uint64_t timeout_ns)
{
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .flags = flags,
        .semaphoreCount = count,
        .pSemaphores = semaphores,
        .pValues = values,
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

static uint64_t
timeline_value(const struct vkh_gpu *gpu, VkSemaphore semaphore)
{
    uint64_t value = 0;
    VKH_CHECK(vkGetSemaphoreCounterValue(gpu->device, semaphore, &value));
    return value;
}

static void
timelines_count(const struct vkh_gpu *gpu)
{
    VkSemaphore semaphores[2] = {create_timeline(gpu, 5), create_timeline(gpu, 0)};
    EXPECT(timeline_value(gpu, semaphores[0]) == 5);
    signal_timeline(gpu, semaphores[0], 6);
    EXPECT(timeline_value(gpu, semaphores[0]) == 6); /* at once */

    for (uint64_t i = 1; i <= 100; i++) {
        /* The queue waits for the host and answers. */
        submit_timeline(gpu, semaphores[0], 6 + i, semaphores[1], i);
        EXPECT(wait_timeline(gpu, 0, 1, &semaphores[1], &i, 0) == VK_TIMEOUT);
        signal_timeline(gpu, semaphores[0], 6 + i);
        EXPECT(wait_timeline(gpu, 0, 1, &semaphores[1], &i, UINT64_MAX) == VK_SUCCESS);
        EXPECT(timeline_value(gpu, semaphores[1]) == i);
    }
    uint64_t values[2] = {1000, 100};
    EXPECT(wait_timeline(gpu, VK_SEMAPHORE_WAIT_ANY_BIT, 2, semaphores, values, UINT64_MAX) ==
           VK_SUCCESS);
    EXPECT(wait_timeline(gpu, 0, 2, semaphores, values, MILLISECOND_NS) == VK_TIMEOUT);
    VKH_CHECK(vkDeviceWaitIdle(gpu->device));
    vkDestroySemaphore(gpu->device, semaphores[0], NULL);
    vkDestroySemaphore(gpu->device, semaphores[1], NULL);
}

static void
timelines_come_and_go(const struct vkh_gpu *gpu)
{
    for (uint64_t i = 0; i < 500; i++) {
        VkSemaphore semaphore = create_timeline(gpu, i);
        uint64_t next = i + 1;
        submit_timeline(gpu, VK_NULL_HANDLE, 0, semaphore, next);
        EXPECT(wait_timeline(gpu, 0, 1, &semaphore, &next, UINT64_MAX) == VK_SUCCESS);
        VKH_CHECK(vkQueueWaitIdle(gpu->queue));
        vkDestroySemaphore(gpu->device, semaphore, NULL);
    }
}

static void
binary_semaphores_order_submissions(const struct vkh_gpu *gpu)
{
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    VkSemaphore semaphore;
    VKH_CHECK(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore));
    VkSubmitInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &semaphore,
    };
    VkSubmitInfo wait = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &semaphore,
        .pWaitDstStageMask = &stage,
    };
    for (int i = 0; i < 100; i++) {
        VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &signal, VK_NULL_HANDLE));
        VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &wait, VK_NULL_HANDLE));
    }
    VKH_CHECK(vkQueueWaitIdle(gpu->queue));
    vkDestroySemaphore(gpu->device, semaphore, NULL);
}

/* --- memory --- */

static VkDeviceMemory
allocate_mappable(const struct vkh_gpu *gpu, VkDeviceSize size)
{
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = size,
        .memoryTypeIndex = vkh_memory_type(
            gpu, UINT32_MAX,
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0),
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    return memory;
}

static void
mappings_keep_their_content(const struct vkh_gpu *gpu)
{
    for (VkDeviceSize size = 4096; size <= 1 << 22; size *= 4) {
        VkDeviceMemory memory = allocate_mappable(gpu, size);
        uint8_t *map;
        VKH_CHECK(vkMapMemory(gpu->device, memory, 0, VK_WHOLE_SIZE, 0, (void **)&map));
        map[0] = 1;
        map[256] = 2;
        map[size - 1] = 3;
        VkMappedMemoryRange range = {
            .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
            .memory = memory,
            .size = VK_WHOLE_SIZE,
        };
        VKH_CHECK(vkFlushMappedMemoryRanges(gpu->device, 1, &range));
        VKH_CHECK(vkInvalidateMappedMemoryRanges(gpu->device, 1, &range));
        vkUnmapMemory(gpu->device, memory);
        VKH_CHECK(vkMapMemory(gpu->device, memory, 256, 256, 0, (void **)&map));
        EXPECT(map[0] == 2);
        vkUnmapMemory(gpu->device, memory);
        VKH_CHECK(vkMapMemory(gpu->device, memory, 0, size, 0, (void **)&map));
        EXPECT(map[0] == 1 && map[size - 1] == 3);
        vkFreeMemory(gpu->device, memory, NULL); /* unmaps, too */
    }
}

static void
requirements_do_not_change(const struct vkh_gpu *gpu)
{
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 10000,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
    };
    VkBuffer buffer;
    VkMemoryRequirements once, again;
    VKH_CHECK(vkCreateBuffer(gpu->device, &info, NULL, &buffer));
    vkGetBufferMemoryRequirements(gpu->device, buffer, &once);
    vkGetBufferMemoryRequirements(gpu->device, buffer, &again);
    EXPECT(memcmp(&once, &again, sizeof(once)) == 0);
    EXPECT(once.size >= info.size && once.memoryTypeBits != 0);
    vkDestroyBuffer(gpu->device, buffer, NULL);
}

static void
format_answers_do_not_change(const struct vkh_gpu *gpu)
{
    for (VkFormat format = VK_FORMAT_R4G4_UNORM_PACK8; format <= VK_FORMAT_D32_SFLOAT_S8_UINT;
         format++) {
        VkFormatProperties once, again;
        VkImageFormatProperties image_once, image_again;
        vkGetPhysicalDeviceFormatProperties(gpu->physical_device, format, &once);
        vkGetPhysicalDeviceFormatProperties(gpu->physical_device, format, &again);
        EXPECT(memcmp(&once, &again, sizeof(once)) == 0);
        memset(&image_once, 0, sizeof(image_once));
        memset(&image_again, 0, sizeof(image_again));
        VkResult result = vkGetPhysicalDeviceImageFormatProperties(
            gpu->physical_device, format, VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL,
            VK_IMAGE_USAGE_SAMPLED_BIT, 0, &image_once);
        EXPECT(result == vkGetPhysicalDeviceImageFormatProperties(
                             gpu->physical_device, format, VK_IMAGE_TYPE_2D,
                             VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_SAMPLED_BIT, 0, &image_again));
        EXPECT(memcmp(&image_once, &image_again, sizeof(image_once)) == 0);
    }
}

/* --- threads --- */

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;

struct worker {
    const struct vkh_gpu *gpu;
    uint32_t index;
};

/* Large command buffers, synchronous and asynchronous creation, mapping, all at the same time. */
static void *
work(void *argument)
{
    enum { SIZE = 65536, UPDATES = 8 };
    const struct worker *worker = argument;
    const struct vkh_gpu *gpu = worker->gpu;
    static uint32_t patterns[THREADS][SIZE / 4];
    uint32_t *pattern = patterns[worker->index];
    VkCommandPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = gpu->queue_family,
    };
    struct vkh_gpu mine = *gpu;
    VKH_CHECK(vkCreateCommandPool(gpu->device, &pool_info, NULL, &mine.pool));

    for (uint32_t i = 0; i < loops; i++) {
        struct vkh_buffer buffer;
        VkFence fence = create_fence(gpu, 0);
        vkh_buffer_create(gpu, SIZE * UPDATES, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED,
                          &buffer);
        for (uint32_t j = 0; j < SIZE / 4; j++) {
            pattern[j] = worker->index << 24 | i << 16 | j;
        }
        VkCommandBuffer commands = vkh_begin(&mine);
        for (uint32_t j = 0; j < UPDATES; j++) {
            vkCmdUpdateBuffer(commands, buffer.buffer, j * SIZE, SIZE, pattern);
        }
        vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
        VKH_CHECK(vkEndCommandBuffer(commands));
        VkSubmitInfo submit = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
            .commandBufferCount = 1,
            .pCommandBuffers = &commands,
        };
        pthread_mutex_lock(&queue_lock);
        VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, fence));
        pthread_mutex_unlock(&queue_lock);
        VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, UINT64_MAX));
        for (uint32_t j = 0; j < UPDATES; j++) {
            EXPECT(memcmp((uint8_t *)buffer.map + j * SIZE, pattern, SIZE) == 0);
        }
        vkFreeCommandBuffers(gpu->device, mine.pool, 1, &commands);
        vkDestroyFence(gpu->device, fence, NULL);
        vkh_buffer_destroy(gpu, &buffer);
    }
    vkDestroyCommandPool(gpu->device, mine.pool, NULL);
    return NULL;
}

static void
threads_share_a_device(const struct vkh_gpu *gpu)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){gpu, i};
        EXPECT(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* --- instances, devices, host memory --- */

static uint32_t
open_descriptors(void)
{
    uint32_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    EXPECT(directory);
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

static void
open_and_close(void)
{
    struct vkh_gpu gpu;
    vkh_gpu_open(&gpu, &(struct vkh_gpu_info){.program = "driver-stress"});
    struct vkh_buffer buffer;
    vkh_buffer_create(&gpu, 4096, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    vkh_buffer_destroy(&gpu, &buffer);
    vkh_gpu_close(&gpu);
}

static void
instances_leave_nothing_behind(void)
{
    open_and_close();
    uint32_t before = open_descriptors();
    for (uint32_t i = 0; i < loops; i++) {
        open_and_close();
    }
    EXPECT(open_descriptors() == before);
}

static _Atomic int64_t live_allocations, all_allocations;

static void *VKAPI_PTR
count_allocation(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope)
{
    live_allocations++;
    all_allocations++;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void *VKAPI_PTR
count_reallocation(void *user, void *memory, size_t size, size_t alignment,
                   VkSystemAllocationScope scope)
{
    live_allocations += !memory;
    return realloc(memory, size);
}

static void VKAPI_PTR
count_free(void *user, void *memory)
{
    live_allocations -= memory != NULL;
    free(memory);
}

static void
callbacks_get_back_what_they_gave(void)
{
    const VkAllocationCallbacks callbacks = {
        .pfnAllocation = count_allocation,
        .pfnReallocation = count_reallocation,
        .pfnFree = count_free,
    };
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .apiVersion = VK_API_VERSION_1_1,
    };
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    VkInstance instance;
    uint32_t count = 1;
    VkPhysicalDevice physical_device;

    vkh_load();
    VKH_CHECK(vkCreateInstance(&info, &callbacks, &instance));
    vkh_load_instance(instance);
    VkResult result = vkEnumeratePhysicalDevices(instance, &count, &physical_device);
    EXPECT(count == 1 && (result == VK_SUCCESS || result == VK_INCOMPLETE));

    float priority = 1;
    VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo device_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
    };
    VkDevice device;
    VKH_CHECK(vkCreateDevice(physical_device, &device_info, &callbacks, &device));
    vkh_load_device(device);

    int64_t before = all_allocations;
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    VKH_CHECK(vkCreateFence(device, &fence_info, &callbacks, &fence));
    EXPECT(all_allocations > before);
    vkDestroyFence(device, fence, &callbacks);
    vkDestroyDevice(device, &callbacks);
    vkDestroyInstance(instance, &callbacks);
    EXPECT(live_allocations == 0);
}

int
main(int argc, char **argv)
{
    struct vkh_gpu gpu;
    if (argc > 1) {
        loops = (uint32_t)strtoul(argv[1], NULL, 0);
    }
    vkh_gpu_open(&gpu, &(struct vkh_gpu_info){
                           .program = "driver-stress",
                           .api_version = VK_API_VERSION_1_2,
                           .all_core_features = true,
                       });
    fences_say_what_was_submitted(&gpu);
    if (!getenv("VKH_VALIDATE")) {
        a_wait_may_begin_before_the_submission(&gpu);
    }
    many_fences_live_at_once(&gpu);
    idle_means_that_everything_is_done(&gpu);
    if (gpu.features12.timelineSemaphore) {
        timelines_count(&gpu);
        timelines_come_and_go(&gpu);
    }
    binary_semaphores_order_submissions(&gpu);
    mappings_keep_their_content(&gpu);
    requirements_do_not_change(&gpu);
    format_answers_do_not_change(&gpu);
    threads_share_a_device(&gpu);
    vkh_gpu_close(&gpu);
    instances_leave_nothing_behind();
    callbacks_get_back_what_they_gave();
    printf("all held\n");
    return 0;
}
