/* Many threads at once: each with its own pools, one queue under a lock, as applications do it. */
#include "tests/apps/features/features.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"

enum { THREADS = 8, ROUNDS = 20, COUNT = 1024 };

struct worker {
    const struct vkh_gpu *gpu;
    pthread_mutex_t *queue_lock;
    uint32_t number;
    pthread_t thread;
};

static VkCommandPool
create_pool(const struct vkh_gpu *gpu)
{
    VkCommandPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
        .queueFamilyIndex = gpu->queue_family,
    };
    VkCommandPool pool;
    VKH_CHECK(vkCreateCommandPool(gpu->device, &info, NULL, &pool));
    return pool;
}

static void
submit_locked_and_wait(const struct worker *worker, VkCommandBuffer commands)
{
    const struct vkh_gpu *gpu = worker->gpu;
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &fence_info, NULL, &fence));
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    pthread_mutex_lock(worker->queue_lock);
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, fence));
    pthread_mutex_unlock(worker->queue_lock);
    VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, UINT64_MAX));
    vkDestroyFence(gpu->device, fence, NULL);
}

/* Everything of its own: pipeline, memory, pool. */
static void
work_once(const struct worker *worker, uint32_t round)
{
    struct vkh_gpu gpu = *worker->gpu; /* with a pool of this thread */
    struct vkh_buffer data;
    struct vkh_compute line;
    uint32_t base = worker->number * 1000 + round, factor = 1 + round;
    gpu.pool = create_pool(&gpu);
    vkh_buffer_create(&gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    features_line_create(&gpu, factor, data.buffer, &line);
    VkCommandBuffer commands = vkh_begin(&gpu);
    features_line_record(commands, &line, base, COUNT);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    VKH_CHECK(vkEndCommandBuffer(commands));
    submit_locked_and_wait(worker, commands);
    features_expect_line(data.map, COUNT, base, factor);
    vkh_compute_destroy(&gpu, &line);
    vkh_buffer_destroy(&gpu, &data);
    vkDestroyCommandPool(gpu.device, gpu.pool, NULL);
}

static void *
work(void *argument)
{
    const struct worker *worker = argument;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        work_once(worker, round);
    }
    return NULL;
}

static void
run_workers(const struct vkh_gpu *gpu, void *(*work_of_one)(void *))
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.gpu = gpu, .queue_lock = &lock, .number = i};
        if (pthread_create(&workers[i].thread, NULL, work_of_one, &workers[i]) != 0) {
            vkh_die("cannot start thread %u", i);
        }
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
}

static const char *
compute_from_many_threads(const struct vkh_gpu *gpu)
{
    run_workers(gpu, work);
    return NULL;
}

/* ------------------------------------------------------------- anything at the same time */

static VkSemaphore
create_timeline(const struct vkh_gpu *gpu)
{
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
    VkSemaphore semaphore;
    VKH_CHECK(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore));
    return semaphore;
}

static void
signal_a_timeline(const struct worker *worker)
{
    const struct vkh_gpu *gpu = worker->gpu;
    if (!gpu->features12.timelineSemaphore || gpu->messenger) {
        return; /* the validation layer's own book-keeping of timelines races */
    }
    VkSemaphore semaphore = create_timeline(gpu);
    uint64_t value = 3;
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value,
    };
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &semaphore,
    };
    VkSemaphoreWaitInfo wait = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &semaphore,
        .pValues = &value,
    };
    pthread_mutex_lock(worker->queue_lock);
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, VK_NULL_HANDLE));
    pthread_mutex_unlock(worker->queue_lock);
    VKH_CHECK(vkWaitSemaphores(gpu->device, &wait, UINT64_MAX));
    pthread_mutex_lock(worker->queue_lock);
    VKH_CHECK(vkQueueWaitIdle(gpu->queue)); /* reached is not over */
    pthread_mutex_unlock(worker->queue_lock);
    vkDestroySemaphore(gpu->device, semaphore, NULL);
}

static void
map_memory(const struct worker *worker)
{
    struct vkh_buffer data;
    vkh_buffer_create(worker->gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_SRC_BIT, VKH_MAPPED, &data);
    ((uint32_t *)data.map)[COUNT - 1] = worker->number;
    vkh_buffer_destroy(worker->gpu, &data);
}

static void
ask_questions(const struct worker *worker)
{
    const struct vkh_gpu *gpu = worker->gpu;
    VkEventCreateInfo info = {.sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO};
    VkImageFormatProperties properties;
    VkEvent event;
    VKH_CHECK(vkGetPhysicalDeviceImageFormatProperties(
        gpu->physical_device, VK_FORMAT_R8G8B8A8_UNORM, VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL,
        VK_IMAGE_USAGE_SAMPLED_BIT, 0, &properties));
    VKH_CHECK(vkCreateEvent(gpu->device, &info, NULL, &event));
    VKH_CHECK(vkSetEvent(gpu->device, event));
    features_expect_result(vkGetEventStatus(gpu->device, event), VK_EVENT_SET, "set event");
    vkDestroyEvent(gpu->device, event, NULL);
}

/* FEATURES_STRESS_S: seconds; a moment if it is not set. */
static uint64_t
stress_ns(void)
{
    const char *value = getenv("FEATURES_STRESS_S");
    return (value ? strtoull(value, NULL, 10) * 1000 : 1500) * 1000 * 1000;
}

static void *
do_anything(void *argument)
{
    const struct worker *worker = argument;
    uint64_t until_ns = base_clock_deadline_ns(stress_ns());
    for (uint32_t round = 0; base_clock_now_ns() < until_ns; round++) {
        switch ((round * 7 + worker->number) % 5) {
        case 0: work_once(worker, round % 1000); break;
        case 1: signal_a_timeline(worker); break;
        case 2: map_memory(worker); break;
        default: ask_questions(worker); break;
        }
    }
    return NULL;
}

static const char *
anything_from_many_threads(const struct vkh_gpu *gpu)
{
    run_workers(gpu, do_anything);
    return NULL;
}

/* ------------------------------------- a waiting thread does not hold up others */

struct waiter {
    const struct vkh_gpu *gpu;
    VkFence fence;
    pthread_t thread;
};

static void *
wait_for_fence(void *argument)
{
    const struct waiter *waiter = argument;
    VKH_CHECK(vkWaitForFences(waiter->gpu->device, 1, &waiter->fence, VK_TRUE, UINT64_MAX));
    return NULL;
}

static void
submit_when(const struct vkh_gpu *gpu, VkSemaphore go, VkFence fence)
{
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = &(uint64_t){1},
    };
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &go,
        .pWaitDstStageMask = &(VkPipelineStageFlags){VK_PIPELINE_STAGE_ALL_COMMANDS_BIT},
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, fence));
}

/* Memory, mapping, pipelines, answers from the device: all but the queue, which waits. */
static void
work_alone(const struct vkh_gpu *gpu)
{
    for (uint32_t i = 0; i < 50; i++) {
        struct vkh_buffer buffer;
        struct vkh_compute line;
        vkh_buffer_create(gpu, 65536, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &buffer);
        features_line_create(gpu, i, buffer.buffer, &line);
        vkh_compute_destroy(gpu, &line);
        vkh_buffer_destroy(gpu, &buffer);
    }
}

static const char *
a_waiting_thread_holds_nobody_up(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.timelineSemaphore) {
        return "no timelineSemaphore";
    }
    if (gpu->messenger) {
        return "the validation layer's own book-keeping of timelines races here";
    }
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkSemaphore go = create_timeline(gpu);
    struct waiter waiter = {.gpu = gpu};
    VKH_CHECK(vkCreateFence(gpu->device, &fence_info, NULL, &waiter.fence));
    submit_when(gpu, go, waiter.fence);
    if (pthread_create(&waiter.thread, NULL, wait_for_fence, &waiter) != 0) {
        vkh_die("cannot start a thread");
    }
    uint64_t start_ns = base_clock_now_ns();
    work_alone(gpu);
    uint64_t took_ns = base_clock_now_ns() - start_ns;
    features_expect(took_ns < 5000ull * 1000 * 1000, "50 rounds took %.1f s",
                    (double)took_ns / 1e9);
    VkSemaphoreSignalInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = go,
        .value = 1,
    };
    VKH_CHECK(vkSignalSemaphore(gpu->device, &signal));
    pthread_join(waiter.thread, NULL);
    vkDestroyFence(gpu->device, waiter.fence, NULL);
    vkDestroySemaphore(gpu->device, go, NULL);
    return NULL;
}

/* --------------------------------------------- a compiling thread does not hold up others */

/* One call that makes many pipelines, none like another: a compiler is busy with it for long. */
struct compiler {
    const struct vkh_gpu *gpu;
    const struct vkh_compute *line;
    uint32_t count;
    pthread_t thread;
    _Atomic uint64_t began_ns, took_ns; /* 0: not yet */
};

static uint32_t next_factor = 1000; /* of one compiler at a time */

static void
compile(struct compiler *compiler, const VkComputePipelineCreateInfo *infos, VkPipeline *pipelines)
{
    const struct vkh_gpu *gpu = compiler->gpu;
    uint64_t began_ns = base_clock_now_ns();
    atomic_store(&compiler->began_ns, began_ns);
    VKH_CHECK(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, compiler->count, infos, NULL,
                                       pipelines));
    atomic_store(&compiler->took_ns, base_clock_now_ns() - began_ns);
    for (uint32_t i = 0; i < compiler->count; i++) {
        vkDestroyPipeline(gpu->device, pipelines[i], NULL);
    }
}

static void *
compile_many(void *argument)
{
    struct compiler *compiler = argument;
    VkSpecializationMapEntry entry = {.size = sizeof(uint32_t)};
    VkShaderModule module = features_line_shader(compiler->gpu);
    VkComputePipelineCreateInfo *infos = calloc(compiler->count, sizeof(*infos));
    VkSpecializationInfo *constants = calloc(compiler->count, sizeof(*constants));
    uint32_t *factors = calloc(compiler->count, sizeof(*factors));
    VkPipeline *pipelines = calloc(compiler->count, sizeof(VkPipeline));
    for (uint32_t i = 0; i < compiler->count; i++) {
        factors[i] = next_factor++;
        constants[i] = (VkSpecializationInfo){1, &entry, sizeof(uint32_t), &factors[i]};
        infos[i] = (VkComputePipelineCreateInfo){
            .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
            .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                      .module = module,
                      .pName = "main",
                      .pSpecializationInfo = &constants[i]},
            .layout = compiler->line->layout,
            .basePipelineIndex = -1,
        };
    }
    compile(compiler, infos, pipelines);
    vkDestroyShaderModule(compiler->gpu->device, module, NULL);
    free(pipelines);
    free(factors);
    free(constants);
    free(infos);
    return NULL;
}

/* The longest that one empty submission and wait took while the other thread was compiling. */
static uint64_t
longest_round_beside(struct compiler *compiler)
{
    const struct vkh_gpu *gpu = compiler->gpu;
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    uint64_t longest_ns = 0;
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    if (pthread_create(&compiler->thread, NULL, compile_many, compiler) != 0) {
        vkh_die("cannot start a thread");
    }
    while (!atomic_load(&compiler->took_ns)) {
        uint64_t start_ns = base_clock_now_ns();
        VKH_CHECK(vkQueueSubmit(gpu->queue, 0, NULL, fence));
        VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, UINT64_MAX));
        VKH_CHECK(vkResetFences(gpu->device, 1, &fence));
        uint64_t took_ns = base_clock_now_ns() - start_ns;
        if (atomic_load(&compiler->began_ns) && took_ns > longest_ns) {
            longest_ns = took_ns;
        }
    }
    pthread_join(compiler->thread, NULL);
    vkDestroyFence(gpu->device, fence, NULL);
    return longest_ns;
}

/* Who is held up waits for most of the compilation. One that is too short for that to be told from
 * a busy machine is made longer. */
static const char *
a_compiling_thread_holds_nobody_up(const struct vkh_gpu *gpu)
{
    enum { LONG_NS = 400 * 1000 * 1000, FIRST_COUNT = 250, MOST = 64000, TRIES = 3 };
    struct vkh_buffer data;
    struct vkh_compute line;
    uint64_t took_ns = 0, longest_ns = 0;
    uint32_t count = FIRST_COUNT;
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    features_line_create(gpu, 1, data.buffer, &line);
    for (uint32_t tries = 0; tries < TRIES && count < MOST;) {
        struct compiler compiler = {.gpu = gpu, .line = &line, .count = count};
        longest_ns = longest_round_beside(&compiler);
        took_ns = atomic_load(&compiler.took_ns);
        if (took_ns < LONG_NS) {
            count *= 2;
        } else if (longest_ns < took_ns / 2) {
            break;
        } else {
            tries++;
        }
    }
    features_expect(longest_ns < took_ns / 2, "one submission took %.0f ms of %.0f ms compiling",
                    (double)longest_ns / 1e6, (double)took_ns / 1e6);
    vkh_compute_destroy(gpu, &line);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

const struct features_check features_thread_checks[] = {
    {"thread/compute from 8 threads", compute_from_many_threads},
    {"thread/anything from 8 threads", anything_from_many_threads},
    {"thread/a waiting thread holds nobody up", a_waiting_thread_holds_nobody_up},
    {"thread/a compiling thread holds nobody up", a_compiling_thread_holds_nobody_up},
    {0},
};
