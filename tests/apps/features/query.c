/* Queries: occlusion, time stamps, statistics; read by the host and by the queue. */
#include "tests/apps/features/features.h"
#include "tests/apps/features/target.h"

static const float RED[4] = {1, 0, 0, 1};

static VkQueryPool
create_pool(const struct vkh_gpu *gpu, VkQueryType type, uint32_t count,
            VkQueryPipelineStatisticFlags statistics)
{
    VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = type,
        .queryCount = count,
        .pipelineStatistics = statistics,
    };
    VkQueryPool pool;
    VKH_CHECK(vkCreateQueryPool(gpu->device, &info, NULL, &pool));
    return pool;
}

/* Draws once inside the first query and not at all inside the second. */
static void
draw_in_queries(const struct vkh_gpu *gpu, VkQueryPool pool, VkQueryControlFlags control,
                const struct vkh_buffer *copy)
{
    struct target target;
    target_create(gpu, false, &target);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdResetQueryPool(commands, pool, 0, 2);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdBeginQuery(commands, pool, 0, control);
    target_draw(&target, commands, RED, 0.5f);
    vkCmdEndQuery(commands, pool, 0);
    vkCmdBeginQuery(commands, pool, 1, control);
    vkCmdEndQuery(commands, pool, 1);
    vkCmdEndRenderPass(commands);
    if (copy) {
        vkCmdCopyQueryPoolResults(commands, pool, 0, 2, copy->buffer, 0, 8,
                                  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
        vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    }
    vkh_end_and_wait(gpu, commands);
    target_destroy(&target);
}

static const char *
occlusion(const struct vkh_gpu *gpu)
{
    bool precise = gpu->features.occlusionQueryPrecise;
    VkQueryPool pool = create_pool(gpu, VK_QUERY_TYPE_OCCLUSION, 2, 0);
    uint64_t samples[2] = {99, 99};
    draw_in_queries(gpu, pool, precise ? VK_QUERY_CONTROL_PRECISE_BIT : 0, NULL);
    VKH_CHECK(vkGetQueryPoolResults(gpu->device, pool, 0, 2, sizeof(samples), samples, 8,
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    features_expect(precise ? samples[0] == TARGET_PIXELS : samples[0] > 0, "%llu samples",
                    (unsigned long long)samples[0]);
    features_expect(samples[1] == 0, "%llu samples of nothing", (unsigned long long)samples[1]);
    vkDestroyQueryPool(gpu->device, pool, NULL);
    return NULL;
}

static const char *
results_with_stride_and_availability(const struct vkh_gpu *gpu)
{
    VkQueryPool pool = create_pool(gpu, VK_QUERY_TYPE_OCCLUSION, 2, 0);
    uint32_t results[2][4] = {{7, 7, 7, 7}, {7, 7, 7, 7}};
    draw_in_queries(gpu, pool, 0, NULL);
    VKH_CHECK(vkGetQueryPoolResults(gpu->device, pool, 0, 2, sizeof(results), results,
                                    sizeof(results[0]), VK_QUERY_RESULT_WITH_AVAILABILITY_BIT));
    features_expect(results[0][0] > 0 && results[1][0] == 0, "results %u and %u", results[0][0],
                    results[1][0]);
    features_expect(results[0][1] && results[1][1], "not available");
    features_expect(results[0][2] == 7 && results[0][3] == 7, "the gap was written");
    vkDestroyQueryPool(gpu->device, pool, NULL);
    return NULL;
}

static const char *
copied_results(const struct vkh_gpu *gpu)
{
    struct vkh_buffer copy;
    VkQueryPool pool = create_pool(gpu, VK_QUERY_TYPE_OCCLUSION, 2, 0);
    vkh_buffer_create(gpu, 16, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &copy);
    draw_in_queries(gpu, pool, 0, &copy);
    const uint64_t *samples = copy.map;
    features_expect(samples[0] > 0 && samples[1] == 0, "%llu and %llu samples",
                    (unsigned long long)samples[0], (unsigned long long)samples[1]);
    vkh_buffer_destroy(gpu, &copy);
    vkDestroyQueryPool(gpu->device, pool, NULL);
    return NULL;
}

static const char *
statistics(const struct vkh_gpu *gpu)
{
    if (!gpu->features.pipelineStatisticsQuery) {
        return "no pipelineStatisticsQuery";
    }
    const VkQueryPipelineStatisticFlags wanted =
        VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_VERTICES_BIT |
        VK_QUERY_PIPELINE_STATISTIC_FRAGMENT_SHADER_INVOCATIONS_BIT;
    VkQueryPool pool = create_pool(gpu, VK_QUERY_TYPE_PIPELINE_STATISTICS, 2, wanted);
    uint64_t counts[2][2] = {{0}};
    draw_in_queries(gpu, pool, 0, NULL);
    VKH_CHECK(vkGetQueryPoolResults(gpu->device, pool, 0, 2, sizeof(counts), counts, 16,
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    features_expect(counts[0][0] == 3, "%llu vertices", (unsigned long long)counts[0][0]);
    features_expect(counts[0][1] >= TARGET_PIXELS, "%llu fragments",
                    (unsigned long long)counts[0][1]);
    vkDestroyQueryPool(gpu->device, pool, NULL);
    return NULL;
}

static const char *
time_stamps(const struct vkh_gpu *gpu)
{
    if (!gpu->queue_properties.timestampValidBits) {
        return "the queue has no time stamps";
    }
    VkQueryPool pool = create_pool(gpu, VK_QUERY_TYPE_TIMESTAMP, 2, 0);
    uint64_t times[2] = {0};
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdResetQueryPool(commands, pool, 0, 2);
    vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, pool, 0);
    vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, 1);
    vkh_end_and_wait(gpu, commands);
    VKH_CHECK(vkGetQueryPoolResults(gpu->device, pool, 0, 2, sizeof(times), times, 8,
                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    features_expect(times[0] && times[0] <= times[1], "%llu, then %llu",
                    (unsigned long long)times[0], (unsigned long long)times[1]);
    vkDestroyQueryPool(gpu->device, pool, NULL);
    return NULL;
}

static const char *
reset_by_the_host(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.hostQueryReset) {
        return "no hostQueryReset";
    }
    VkQueryPool pool = create_pool(gpu, VK_QUERY_TYPE_OCCLUSION, 2, 0);
    uint64_t results[2][2] = {{0}};
    draw_in_queries(gpu, pool, 0, NULL);
    vkResetQueryPool(gpu->device, pool, 0, 2);
    VkResult result =
        vkGetQueryPoolResults(gpu->device, pool, 0, 2, 32, results, 16, VK_QUERY_RESULT_64_BIT);
    features_expect_result(result, VK_NOT_READY, "after the reset");
    result = vkGetQueryPoolResults(gpu->device, pool, 0, 2, 32, results, 16,
                                   VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
    features_expect(result == VK_NOT_READY || result == VK_SUCCESS, "with availability: %d",
                    result);
    features_expect(!results[0][1] && !results[1][1], "available after the reset");
    vkDestroyQueryPool(gpu->device, pool, NULL);
    return NULL;
}

const struct features_check features_query_checks[] = {
    {"query/occlusion", occlusion},
    {"query/stride and availability", results_with_stride_and_availability},
    {"query/copied by the queue", copied_results},
    {"query/pipeline statistics", statistics},
    {"query/time stamps", time_stamps},
    {"query/reset by the host", reset_by_the_host},
    {0},
};
