/* Pipeline binaries, VK_KHR_pipeline_binary: what was captured of a pipeline, read out, given back
 * and made a pipeline again that does the same, with nothing but garbage where its shaders were.
 * The host's binaries are one for each stage (tests/layer/binary_layer.c). */
#include "tools/vkh/vkh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/apps/features/target.h"
#include "tests/apps/rays.h"
#include "tests/apps/shaders/add_comp.h"
#include "tests/apps/shaders/line_comp.h"
#include "tests/apps/shaders/rays_rchit.h"
#include "tests/apps/shaders/rays_rgen.h"
#include "tests/apps/shaders/rays_rmiss.h"

enum { MAX_STAGES = 3, VALUES = 256 };

static struct vkh_gpu gpu;

#define GET(name) ((PFN_##name)vkGetDeviceProcAddr(gpu.device, #name))

/* --- kinds of pipelines --- */

/* Called with a create info. */
typedef void (*use_fn)(void *user, const void *info);

struct kind {
    const char *name;
    uint32_t stage_count;
    /* Calls back with the create info of such a pipeline, with that chain, whose stages these are.
     */
    void (*describe)(const void *chain, const VkPipelineShaderStageCreateInfo *stages, use_fn use,
                     void *user);
    VkShaderStageFlagBits stages[MAX_STAGES];
    struct {
        const uint32_t *words;
        size_t size; /* bytes */
    } code[MAX_STAGES];
    /* The pipeline does what it is for. */
    void (*check)(VkPipeline pipeline);
};

static const VkShaderModuleCreateInfo garbage_code = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = 4096,
    .pCode = (const uint32_t *)(uintptr_t)0x10,
};

/* The stages with their modules, or for a pipeline from binaries with what nobody may look at. */
static void
fill_stages(const struct kind *kind, bool with_shaders, VkPipelineShaderStageCreateInfo *out)
{
    for (uint32_t i = 0; i < kind->stage_count; i++) {
        out[i] = (VkPipelineShaderStageCreateInfo){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .pNext = with_shaders ? NULL : &garbage_code,
            .stage = kind->stages[i],
            .module = with_shaders
                          ? vkh_shader_create(&gpu, kind->code[i].words, kind->code[i].size)
                          : (VkShaderModule)(uintptr_t)0x10,
            .pName = "main",
        };
    }
}

static void
describe(const struct kind *kind, const void *chain, bool with_shaders, use_fn use, void *user)
{
    VkPipelineShaderStageCreateInfo stages[MAX_STAGES];
    fill_stages(kind, with_shaders, stages);
    kind->describe(chain, stages, use, user);
    for (uint32_t i = 0; with_shaders && i < kind->stage_count; i++) {
        vkDestroyShaderModule(gpu.device, stages[i].module, NULL);
    }
}

static void
create_pipeline(void *user, const void *info)
{
    VkPipeline *out = user;
    switch (((const VkBaseInStructure *)info)->sType) {
    case VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO:
        VKH_CHECK(vkCreateGraphicsPipelines(gpu.device, VK_NULL_HANDLE, 1, info, NULL, out));
        break;
    case VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO:
        VKH_CHECK(vkCreateComputePipelines(gpu.device, VK_NULL_HANDLE, 1, info, NULL, out));
        break;
    default:
        VKH_CHECK(GET(vkCreateRayTracingPipelinesKHR)(gpu.device, VK_NULL_HANDLE, VK_NULL_HANDLE, 1,
                                                      info, NULL, out));
    }
}

/* --- compute: values[i] = base + i --- */

static struct vkh_compute line;
static struct vkh_buffer values;

static void
describe_compute(const void *chain, const VkPipelineShaderStageCreateInfo *stages, use_fn use,
                 void *user)
{
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .pNext = chain,
        .stage = stages[0],
        .layout = line.layout,
    };
    use(user, &info);
}

static void
check_compute(VkPipeline pipeline)
{
    const uint32_t base = 1000, *got = values.map;
    memset(values.map, 0, values.size);
    VkCommandBuffer commands = vkh_begin(&gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, line.layout, 0, 1, &line.set,
                            0, NULL);
    vkCmdPushConstants(commands, line.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(base), &base);
    vkCmdDispatch(commands, VALUES / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(&gpu, commands);
    for (uint32_t i = 0; i < VALUES; i++) {
        if (got[i] != base + i) {
            vkh_die("value %u is %u", i, got[i]);
        }
    }
}

/* --- graphics: green all over --- */

static struct target target;

struct graphics_use {
    use_fn use;
    void *user;
};

static void
use_graphics(void *user, const VkGraphicsPipelineCreateInfo *info)
{
    const struct graphics_use *forward = user;
    forward->use(forward->user, info);
}

static void
describe_graphics(const void *chain, const VkPipelineShaderStageCreateInfo *stages, use_fn use,
                  void *user)
{
    struct graphics_use forward = {use, user};
    target_describe_pipeline(&target, chain, stages, use_graphics, &forward);
}

static void
check_graphics(VkPipeline pipeline)
{
    struct target other = target;
    const uint32_t *pixels = target.pixels.map;
    other.pipeline = pipeline;
    VkCommandBuffer commands = vkh_begin(&gpu);
    target_begin(&other, commands, VK_SUBPASS_CONTENTS_INLINE);
    target_draw(&other, commands, (const float[4]){0, 1, 0, 1}, 0.5f);
    vkCmdEndRenderPass(commands);
    target_read_back(&other, commands);
    vkh_end_and_wait(&gpu, commands);
    for (uint32_t i = 0; i < TARGET_PIXELS; i++) {
        if (pixels[i] != TARGET_GREEN) {
            vkh_die("pixel %u is %08x", i, pixels[i]);
        }
    }
}

/* --- ray tracing, which is only made --- */

static VkPipelineLayout rays_layout;
static VkDescriptorSetLayout rays_set_layout;

static void
describe_rays(const void *chain, const VkPipelineShaderStageCreateInfo *stages, use_fn use,
              void *user)
{
    VkRayTracingShaderGroupCreateInfoKHR groups[RAYS_GROUPS];
    for (uint32_t i = 0; i < RAYS_GROUPS; i++) {
        groups[i] = rays_group(i, i);
    }
    const VkRayTracingPipelineCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR,
        .pNext = chain,
        .stageCount = RAYS_GROUPS,
        .pStages = stages,
        .groupCount = RAYS_GROUPS,
        .pGroups = groups,
        .maxPipelineRayRecursionDepth = 1,
        .layout = rays_layout,
    };
    use(user, &info);
}

static void
check_rays(VkPipeline pipeline)
{
    uint8_t handles[RAYS_GROUPS * 256];
    VkPhysicalDeviceRayTracingPipelinePropertiesKHR rays = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR};
    VkPhysicalDeviceProperties2 query = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                         .pNext = &rays};
    vkGetPhysicalDeviceProperties2(gpu.physical_device, &query);
    VKH_CHECK(GET(vkGetRayTracingShaderGroupHandlesKHR)(
        gpu.device, pipeline, 0, RAYS_GROUPS, RAYS_GROUPS * rays.shaderGroupHandleSize, handles));
}

static const struct kind compute_kind = {
    .name = "compute",
    .stage_count = 1,
    .describe = describe_compute,
    .stages = {VK_SHADER_STAGE_COMPUTE_BIT},
    .code = {{line_comp, sizeof(line_comp)}},
    .check = check_compute,
};
static struct kind graphics_kind = {
    /* its code is the target's */
    .name = "graphics",
    .stage_count = 2,
    .describe = describe_graphics,
    .stages = {VK_SHADER_STAGE_VERTEX_BIT, VK_SHADER_STAGE_FRAGMENT_BIT},
    .check = check_graphics,
};
static const struct kind rays_kind = {
    .name = "ray tracing",
    .stage_count = RAYS_GROUPS,
    .describe = describe_rays,
    .stages = {VK_SHADER_STAGE_RAYGEN_BIT_KHR, VK_SHADER_STAGE_MISS_BIT_KHR,
               VK_SHADER_STAGE_CLOSEST_HIT_BIT_KHR},
    .code = {{rays_rgen, sizeof(rays_rgen)},
             {rays_rmiss, sizeof(rays_rmiss)},
             {rays_rchit, sizeof(rays_rchit)}},
    .check = check_rays,
};

/* --- binaries --- */

struct binaries {
    uint32_t count;
    VkPipelineBinaryKHR handles[MAX_STAGES];
};

/* What can be kept of them. */
struct kept {
    VkPipelineBinaryKeyKHR keys[MAX_STAGES];
    VkPipelineBinaryDataKHR data[MAX_STAGES];
};

static VkResult
create_binaries(const VkPipelineBinaryCreateInfoKHR *info, uint32_t room, struct binaries *out)
{
    VkPipelineBinaryHandlesInfoKHR handles = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_HANDLES_INFO_KHR,
        .pipelineBinaryCount = room,
        .pPipelineBinaries = out->handles,
    };
    VkResult result = GET(vkCreatePipelineBinariesKHR)(gpu.device, info, NULL, &handles);
    out->count = handles.pipelineBinaryCount;
    return result;
}

static void
destroy_binaries(struct binaries *binaries)
{
    for (uint32_t i = 0; i < binaries->count; i++) {
        GET(vkDestroyPipelineBinaryKHR)(gpu.device, binaries->handles[i], NULL);
    }
}

static void
expect_count(const VkPipelineBinaryCreateInfoKHR *info, uint32_t count)
{
    struct binaries some;
    VkPipelineBinaryHandlesInfoKHR handles = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_HANDLES_INFO_KHR,
    };
    VKH_CHECK(GET(vkCreatePipelineBinariesKHR)(gpu.device, info, NULL, &handles));
    vkh_expect(handles.pipelineBinaryCount == count, "a pipeline has another number of binaries");
    for (uint32_t room = 0; room < count; room++) {
        VkResult result = create_binaries(info, room, &some);
        vkh_expect(result == VK_INCOMPLETE && some.count == room,
                   "too small an array of binaries is not incomplete");
        destroy_binaries(&some);
    }
}

static void
keep_binary(VkPipelineBinaryKHR binary, VkPipelineBinaryKeyKHR *key, VkPipelineBinaryDataKHR *data)
{
    const VkPipelineBinaryDataInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_DATA_INFO_KHR,
        .pipelineBinary = binary,
    };
    PFN_vkGetPipelineBinaryDataKHR get = GET(vkGetPipelineBinaryDataKHR);
    size_t whole = 0, size = 1;
    uint8_t byte = 0x5a;
    *key = (VkPipelineBinaryKeyKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_KEY_KHR};
    VKH_CHECK(get(gpu.device, &info, key, &whole, NULL));
    VkResult result = get(gpu.device, &info, key, &size, &byte);
    vkh_expect(result == VK_ERROR_NOT_ENOUGH_SPACE_KHR && size == whole && byte == 0x5a,
               "data that do not fit are not refused with their size");
    size = 0;
    result = get(gpu.device, &info, key, &size, &byte);
    vkh_expect(result == VK_ERROR_NOT_ENOUGH_SPACE_KHR && size == whole && byte == 0x5a,
               "data for which there is no room at all are not refused with their size");
    size = 2 * whole; /* more than enough */
    data->pData = calloc(1, size);
    VKH_CHECK(get(gpu.device, &info, key, &size, data->pData));
    data->dataSize = size;
    vkh_expect(size == whole && key->keySize > 0 &&
                   key->keySize <= VK_MAX_PIPELINE_BINARY_KEY_SIZE_KHR,
               "data or key of a binary have another size than was told");
}

static void
keep(const struct binaries *binaries, struct kept *out)
{
    for (uint32_t i = 0; i < binaries->count; i++) {
        keep_binary(binaries->handles[i], &out->keys[i], &out->data[i]);
    }
}

static void
forget(const struct binaries *binaries, struct kept *kept)
{
    for (uint32_t i = 0; i < binaries->count; i++) {
        free(kept->data[i].pData);
    }
}

/* --- what is done with them --- */

static void
check_pipeline_from(const struct kind *kind, const struct binaries *binaries)
{
    const VkPipelineBinaryInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_INFO_KHR,
        .binaryCount = binaries->count,
        .pPipelineBinaries = binaries->handles,
    };
    VkPipeline pipeline;
    describe(kind, &info, false, create_pipeline, &pipeline);
    kind->check(pipeline);
    vkDestroyPipeline(gpu.device, pipeline, NULL);
}

/* Of the pipeline that was captured. */
static void
capture(const struct kind *kind, struct binaries *binaries, struct kept *kept)
{
    const VkPipelineCreateFlags2CreateInfoKHR flags = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATE_FLAGS_2_CREATE_INFO_KHR,
        .flags = VK_PIPELINE_CREATE_2_CAPTURE_DATA_BIT_KHR,
    };
    VkPipeline pipeline;
    describe(kind, &flags, true, create_pipeline, &pipeline);
    const VkPipelineBinaryCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_CREATE_INFO_KHR,
        .pipeline = pipeline,
    };
    const VkReleaseCapturedPipelineDataInfoKHR release = {
        .sType = VK_STRUCTURE_TYPE_RELEASE_CAPTURED_PIPELINE_DATA_INFO_KHR,
        .pipeline = pipeline,
    };
    expect_count(&info, kind->stage_count);
    VKH_CHECK(create_binaries(&info, MAX_STAGES, binaries)); /* room for more than there are */
    vkh_expect(binaries->count == kind->stage_count, "a pipeline's binaries are not all there");
    VKH_CHECK(GET(vkReleaseCapturedPipelineDataKHR)(gpu.device, &release, NULL));
    kind->check(pipeline);
    vkDestroyPipeline(gpu.device, pipeline, NULL);
    keep(binaries, kept);
}

/* From keys and data; of damaged ones the first is missing, and the others are there. */
static void
give_back(const struct kind *kind, struct kept *kept, struct binaries *out)
{
    const VkPipelineBinaryKeysAndDataKHR given = {
        .binaryCount = kind->stage_count,
        .pPipelineBinaryKeys = kept->keys,
        .pPipelineBinaryData = kept->data,
    };
    const VkPipelineBinaryCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_CREATE_INFO_KHR,
        .pKeysAndDataInfo = &given,
    };
    uint8_t *last = (uint8_t *)kept->data[0].pData + kept->data[0].dataSize - 1;
    *last ^= 1;
    VkResult result = create_binaries(&info, kind->stage_count, out);
    vkh_expect(result == VK_ERROR_INITIALIZATION_FAILED && !out->handles[0],
               "a damaged binary was taken");
    for (uint32_t i = 1; i < kind->stage_count; i++) {
        vkh_expect(i < out->count && out->handles[i], "one damaged binary took others with it");
    }
    destroy_binaries(out);
    *last ^= 1;
    VKH_CHECK(create_binaries(&info, kind->stage_count, out));
}

/* The same from keys alone: the host's cache has the data. */
static void
give_keys(const struct kind *kind, const struct kept *kept, struct binaries *out)
{
    const VkPipelineBinaryDataKHR none[MAX_STAGES] = {{0}};
    const VkPipelineBinaryKeysAndDataKHR given = {
        .binaryCount = kind->stage_count,
        .pPipelineBinaryKeys = kept->keys,
        .pPipelineBinaryData = none,
    };
    const VkPipelineBinaryCreateInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_CREATE_INFO_KHR,
        .pKeysAndDataInfo = &given,
    };
    VKH_CHECK(create_binaries(&info, kind->stage_count, out));
}

struct looked_up {
    VkResult result;
    struct binaries binaries;
};

static void
look_up(void *user, const void *info)
{
    struct looked_up *out = user;
    const VkPipelineCreateInfoKHR described = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATE_INFO_KHR,
        .pNext = (void *)info,
    };
    const VkPipelineBinaryCreateInfoKHR create = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_CREATE_INFO_KHR,
        .pPipelineCreateInfo = &described,
    };
    out->result = create_binaries(&create, MAX_STAGES, &out->binaries);
}

static void
ask_key(void *user, const void *info)
{
    VkPipelineBinaryKeyKHR *key = user;
    const VkPipelineCreateInfoKHR described = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATE_INFO_KHR,
        .pNext = (void *)info,
    };
    *key = (VkPipelineBinaryKeyKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_BINARY_KEY_KHR};
    VKH_CHECK(GET(vkGetPipelineKeyKHR)(gpu.device, info ? &described : NULL, key));
}

static bool
same_key(const VkPipelineBinaryKeyKHR *one, const VkPipelineBinaryKeyKHR *other)
{
    return one->keySize == other->keySize && memcmp(one->key, other->key, one->keySize) == 0;
}

/* A pipeline has one key, and no other one's. */
static void
check_keys(const struct kind *kind)
{
    VkPipelineBinaryKeyKHR key, again, global, other;
    struct kind changed = *kind;
    changed.code[0].words = add_comp; /* of whatever stage: nothing is made of it */
    changed.code[0].size = sizeof(add_comp);
    describe(kind, NULL, true, ask_key, &key);
    describe(kind, NULL, true, ask_key, &again);
    describe(&changed, NULL, true, ask_key, &other);
    ask_key(&global, NULL);
    vkh_expect(same_key(&key, &again) && !same_key(&key, &global) && !same_key(&key, &other),
               "keys of pipelines differ where they should not, or the other way round");
}

static void
try(const struct kind *kind)
{
    struct looked_up looked_up;
    struct binaries binaries;
    struct kept kept;

    check_keys(kind);
    describe(kind, NULL, true, look_up, &looked_up);
    vkh_expect(looked_up.result == VK_PIPELINE_BINARY_MISSING_KHR,
               "the host has binaries of what was never compiled");
    destroy_binaries(&looked_up.binaries);

    capture(kind, &binaries, &kept);
    check_pipeline_from(kind, &binaries);
    destroy_binaries(&binaries);

    give_back(kind, &kept, &binaries);
    check_pipeline_from(kind, &binaries);
    destroy_binaries(&binaries);

    give_keys(kind, &kept, &binaries);
    check_pipeline_from(kind, &binaries);
    forget(&binaries, &kept);
    destroy_binaries(&binaries);

    describe(kind, NULL, true, look_up, &looked_up);
    VKH_CHECK(looked_up.result);
    check_pipeline_from(kind, &looked_up.binaries);
    destroy_binaries(&looked_up.binaries);
    printf("%s: captured, kept, given back, found again\n", kind->name);
}

/* --- the device --- */

static void
open_gpu(void)
{
    static const char *const extensions[] = {
        "VK_KHR_pipeline_binary",          "VK_KHR_maintenance5",
        "VK_KHR_acceleration_structure",   "VK_KHR_ray_tracing_pipeline",
        "VK_KHR_deferred_host_operations", NULL,
    };
    static VkPhysicalDeviceAccelerationStructureFeaturesKHR structures = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR,
        .accelerationStructure = VK_TRUE,
    };
    static VkPhysicalDeviceRayTracingPipelineFeaturesKHR rays = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR,
        .pNext = &structures,
        .rayTracingPipeline = VK_TRUE,
    };
    static VkPhysicalDeviceMaintenance5FeaturesKHR maintenance5 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_5_FEATURES_KHR,
        .pNext = &rays,
        .maintenance5 = VK_TRUE,
    };
    static VkPhysicalDevicePipelineBinaryFeaturesKHR binaries = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_BINARY_FEATURES_KHR,
        .pNext = &maintenance5,
        .pipelineBinaries = VK_TRUE,
    };
    const struct vkh_gpu_info info = {.program = "binaries",
                                      .api_version = VK_API_VERSION_1_3,
                                      .extensions = extensions,
                                      .all_core_features = true,
                                      .device_next = &binaries};
    vkh_gpu_open(&gpu, &info);
    vkh_expect(vkh_gpu_has_extension(&gpu, "VK_KHR_pipeline_binary"),
               "the device has no pipeline binaries");
}

int
main(void)
{
    open_gpu();
    vkh_buffer_create(&gpu, VALUES * sizeof(uint32_t), VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
                      VKH_MAPPED, &values);
    vkh_compute_create(&gpu, line_comp, sizeof(line_comp), 1, sizeof(uint32_t), NULL, &line);
    vkh_compute_bind_buffer(&gpu, &line, 0, values.buffer);
    target_create(&gpu, false, &target);
    graphics_kind.code[0].words = target_vertex_code(&graphics_kind.code[0].size);
    graphics_kind.code[1].words = target_fragment_code(&graphics_kind.code[1].size);
    rays_create_layout(&gpu, &rays_set_layout, &rays_layout);

    try(&compute_kind);
    try(&graphics_kind);
    try(&rays_kind);

    vkDestroyPipelineLayout(gpu.device, rays_layout, NULL);
    vkDestroyDescriptorSetLayout(gpu.device, rays_set_layout, NULL);
    target_destroy(&target);
    vkh_compute_destroy(&gpu, &line);
    vkh_buffer_destroy(&gpu, &values);
    vkh_gpu_close(&gpu);
    return 0;
}
