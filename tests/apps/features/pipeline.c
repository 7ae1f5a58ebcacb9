/* Pipelines: specialization, caches, several at once, feedback. */
#include "tests/apps/features/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/apps/shaders/half_comp.h"

enum { COUNT = 1024, MANY = 8 };

static void
run_line(const struct vkh_gpu *gpu, const struct vkh_compute *line, const struct vkh_buffer *data,
         uint32_t base, uint32_t factor)
{
    VkCommandBuffer commands = vkh_begin(gpu);
    features_line_record(commands, line, base, COUNT);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(data->map, COUNT, base, factor);
}

static const char *
specialization(const struct vkh_gpu *gpu)
{
    static const uint32_t factors[] = {1, 3, 1000};
    struct vkh_buffer data;
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    for (size_t i = 0; i < BASE_COUNT_OF(factors); i++) {
        struct vkh_compute line;
        features_line_create(gpu, factors[i], data.buffer, &line);
        run_line(gpu, &line, &data, 50, factors[i]);
        vkh_compute_destroy(gpu, &line);
    }
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

static void
fill_info(const struct vkh_compute *line, VkShaderModule module, VkComputePipelineCreateInfo *info)
{
    *info = (VkComputePipelineCreateInfo){
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = line->layout,
        .basePipelineIndex = -1,
    };
}

/* Several in one call, through a cache; each is run. */
static void
create_many_and_run(const struct vkh_gpu *gpu, VkPipelineCache cache)
{
    struct vkh_buffer data;
    struct vkh_compute line;
    VkComputePipelineCreateInfo infos[MANY];
    VkPipeline pipelines[MANY];
    uint32_t factors[MANY];
    VkSpecializationInfo constants[MANY];
    const VkSpecializationMapEntry entry = {.constantID = 0, .size = sizeof(uint32_t)};
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    features_line_create(gpu, 1, data.buffer, &line);
    VkShaderModule module = features_line_shader(gpu);
    for (uint32_t i = 0; i < MANY; i++) {
        factors[i] = 2 + i;
        constants[i] = (VkSpecializationInfo){1, &entry, sizeof(uint32_t), &factors[i]};
        fill_info(&line, module, &infos[i]);
        infos[i].stage.pSpecializationInfo = &constants[i];
    }
    VKH_CHECK(vkCreateComputePipelines(gpu->device, cache, MANY, infos, NULL, pipelines));
    for (uint32_t i = 0; i < MANY; i++) {
        struct vkh_compute other = line;
        other.pipeline = pipelines[i];
        run_line(gpu, &other, &data, 1, factors[i]);
        vkDestroyPipeline(gpu->device, pipelines[i], NULL);
    }
    vkDestroyShaderModule(gpu->device, module, NULL);
    vkh_compute_destroy(gpu, &line);
    vkh_buffer_destroy(gpu, &data);
}

static VkPipelineCache
create_cache(const struct vkh_gpu *gpu, const void *bytes, size_t size)
{
    VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = size,
        .pInitialData = bytes,
    };
    VkPipelineCache cache;
    VKH_CHECK(vkCreatePipelineCache(gpu->device, &info, NULL, &cache));
    return cache;
}

static void
expect_cache_header(const struct vkh_gpu *gpu, const void *bytes, size_t size)
{
    VkPipelineCacheHeaderVersionOne header;
    features_expect(size >= sizeof(header), "only %zu bytes of cache", size);
    if (size < sizeof(header)) {
        return;
    }
    memcpy(&header, bytes, sizeof(header));
    features_expect(header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE, "version %d",
                    header.headerVersion);
    features_expect(header.vendorID == gpu->properties.vendorID &&
                        header.deviceID == gpu->properties.deviceID,
                    "made for %#x:%#x, this is %#x:%#x", header.vendorID, header.deviceID,
                    gpu->properties.vendorID, gpu->properties.deviceID);
    features_expect(
        memcmp(header.pipelineCacheUUID, gpu->properties.pipelineCacheUUID, VK_UUID_SIZE) == 0,
        "the UUID is not the device's");
}

static const char *
cache_round_trip(const struct vkh_gpu *gpu)
{
    size_t size = 0;
    VkPipelineCache cache = create_cache(gpu, NULL, 0);
    create_many_and_run(gpu, cache);
    VKH_CHECK(vkGetPipelineCacheData(gpu->device, cache, &size, NULL));
    void *bytes = malloc(size);
    if (!bytes) {
        vkh_die("out of memory for %zu bytes of cache", size);
    }
    VKH_CHECK(vkGetPipelineCacheData(gpu->device, cache, &size, bytes));
    expect_cache_header(gpu, bytes, size);
    VkPipelineCache other = create_cache(gpu, bytes, size);
    VkPipelineCache merged = create_cache(gpu, NULL, 0);
    create_many_and_run(gpu, other);
    VKH_CHECK(vkMergePipelineCaches(gpu->device, merged, 2, (VkPipelineCache[]){cache, other}));
    create_many_and_run(gpu, merged);
    free(bytes);
    vkDestroyPipelineCache(gpu->device, merged, NULL);
    vkDestroyPipelineCache(gpu->device, other, NULL);
    vkDestroyPipelineCache(gpu->device, cache, NULL);
    return NULL;
}

/* A buffer that is too small gets what fits and VK_INCOMPLETE. */
static const char *
cache_data_in_a_small_buffer(const struct vkh_gpu *gpu)
{
    VkPipelineCache cache = create_cache(gpu, NULL, 0);
    create_many_and_run(gpu, cache);
    size_t size = 0, small = 8;
    uint8_t bytes[8];
    VKH_CHECK(vkGetPipelineCacheData(gpu->device, cache, &size, NULL));
    features_expect(size > small, "only %zu bytes of cache", size);
    VkResult result = vkGetPipelineCacheData(gpu->device, cache, &small, bytes);
    features_expect_result(result, VK_INCOMPLETE, "vkGetPipelineCacheData(8 bytes)");
    features_expect(small <= 8, "8 bytes became %zu", small);
    small = 0;
    result = vkGetPipelineCacheData(gpu->device, cache, &small, bytes);
    features_expect_result(result, VK_INCOMPLETE, "vkGetPipelineCacheData(no bytes)");
    features_expect(small == 0, "no bytes became %zu", small);
    vkDestroyPipelineCache(gpu->device, cache, NULL);
    return NULL;
}

static const char *
foreign_cache_data(const struct vkh_gpu *gpu)
{
    VkPipelineCacheHeaderVersionOne header = {
        .headerSize = sizeof(header),
        .headerVersion = VK_PIPELINE_CACHE_HEADER_VERSION_ONE,
        .vendorID = 0x1234,
        .deviceID = 0x5678,
    };
    VkPipelineCache cache = create_cache(gpu, &header, sizeof(header));
    create_many_and_run(gpu, cache);
    vkDestroyPipelineCache(gpu->device, cache, NULL);
    return NULL;
}

static const char *
creation_feedback(const struct vkh_gpu *gpu)
{
    if (gpu->api_version < VK_API_VERSION_1_3) {
        return "Vulkan 1.3 is needed";
    }
    struct vkh_buffer data;
    struct vkh_compute line;
    VkComputePipelineCreateInfo info;
    VkPipeline pipeline;
    VkPipelineCreationFeedback whole = {0}, stage = {0};
    VkPipelineCreationFeedbackCreateInfo feedback = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO,
        .pPipelineCreationFeedback = &whole,
        .pipelineStageCreationFeedbackCount = 1,
        .pPipelineStageCreationFeedbacks = &stage,
    };
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    features_line_create(gpu, 1, data.buffer, &line);
    VkShaderModule module = features_line_shader(gpu);
    fill_info(&line, module, &info);
    info.pNext = &feedback;
    VKH_CHECK(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    /* A driver may say nothing at all, but not a time without saying that it is valid. */
    features_expect(whole.flags & VK_PIPELINE_CREATION_FEEDBACK_VALID_BIT || whole.flags == 0,
                    "flags %#x", whole.flags);
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyShaderModule(gpu->device, module, NULL);
    vkh_compute_destroy(gpu, &line);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

/* Refused in one call: the ones that need compiling come back as null handles. */
static const char *
compile_required(const struct vkh_gpu *gpu)
{
    if (!gpu->features13.pipelineCreationCacheControl) {
        return "no pipelineCreationCacheControl";
    }
    struct vkh_buffer data;
    struct vkh_compute line;
    VkComputePipelineCreateInfo infos[2];
    VkPipeline pipelines[2] = {(VkPipeline)(uintptr_t)1, (VkPipeline)(uintptr_t)1};
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    features_line_create(gpu, 1, data.buffer, &line);
    VkShaderModule module = features_line_shader(gpu);
    for (int i = 0; i < 2; i++) {
        fill_info(&line, module, &infos[i]);
        infos[i].flags = VK_PIPELINE_CREATE_FAIL_ON_PIPELINE_COMPILE_REQUIRED_BIT;
    }
    VkResult result =
        vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 2, infos, NULL, pipelines);
    features_expect(result == VK_SUCCESS || result == VK_PIPELINE_COMPILE_REQUIRED, "result %d",
                    result);
    for (int i = 0; i < 2; i++) {
        bool there = pipelines[i] != VK_NULL_HANDLE;
        features_expect(there == (result == VK_SUCCESS), "pipeline %d: %s, result %d", i,
                        there ? "there" : "null", result);
        vkDestroyPipeline(gpu->device, pipelines[i], NULL);
    }
    vkDestroyShaderModule(gpu->device, module, NULL);
    vkh_compute_destroy(gpu, &line);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

/* A driver that runs shaders on the CPU may need the C library's mathematics for this. Natively it
 * finds them because we use them ourselves. */
static const char *
half_precision(const struct vkh_gpu *gpu)
{
    enum { VALUES = 4 };
    struct vkh_compute half;
    struct vkh_buffer data;
    if (!gpu->features12.shaderFloat16) {
        return "no shaderFloat16";
    }
    vkh_buffer_create(gpu, VALUES * sizeof(float), VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED,
                      &data);
    float *values = data.map;
    for (uint32_t i = 0; i < VALUES; i++) {
        values[i] = (float)i;
    }
    vkh_compute_create(gpu, half_comp, sizeof(half_comp), 1, 0, NULL, &half);
    vkh_compute_bind_buffer(gpu, &half, 0, data.buffer);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, half.pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, half.layout, 0, 1, &half.set,
                            0, NULL);
    vkCmdDispatch(commands, 1, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    for (uint32_t i = 0; i < VALUES; i++) {
        volatile float x = (float)i; /* not to be computed by the compiler */
        float expected = sinhf(x) + powf(x, 1.5f);
        features_expect(fabsf(values[i] - expected) < 0.1f, "f(%u) is %f, not %f", i,
                        (double)values[i], (double)expected);
    }
    vkh_compute_destroy(gpu, &half);
    vkh_buffer_destroy(gpu, &data);
    return NULL;
}

const struct features_check features_pipeline_checks[] = {
    {"pipeline/half precision", half_precision},
    {"pipeline/specialization constants", specialization},
    {"pipeline/cache round trip and merge", cache_round_trip},
    {"pipeline/cache data in a small buffer", cache_data_in_a_small_buffer},
    {"pipeline/cache data of another device", foreign_cache_data},
    {"pipeline/creation feedback", creation_feedback},
    {"pipeline/compile required", compile_required},
    {0},
};
