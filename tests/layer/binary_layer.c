/* A Vulkan layer for tests: gives a driver VK_KHR_pipeline_binary, which no lavapipe has.
 *
 * Each stage of a pipeline makes one binary: a head and the stage's SPIR-V, whose key is their
 * hash. A pipeline from binaries is made of the SPIR-V in them. The layer ends the process if it is
 * shown shaders all the same, since whoever calls it must not have looked at them; with
 * VESPER_TEST_BINARIES=native, for applications above it, it does not look at them itself.
 * Everything that was captured once is in the internal cache. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/list.h"
#include "tests/layer/layer.h"

struct layer_instance {
    struct layer_instance_base base;
    PFN_vkGetPhysicalDeviceFeatures2 GetPhysicalDeviceFeatures2;
    PFN_vkGetPhysicalDeviceProperties2 GetPhysicalDeviceProperties2;
};

struct layer_device {
    struct layer_device_base base;
    PFN_vkCreateShaderModule CreateShaderModule;
    PFN_vkDestroyShaderModule DestroyShaderModule;
    PFN_vkCreateGraphicsPipelines CreateGraphicsPipelines;
    PFN_vkCreateComputePipelines CreateComputePipelines;
    PFN_vkCreateRayTracingPipelinesKHR CreateRayTracingPipelinesKHR; /* NULL: the host has none */
    PFN_vkDestroyPipeline DestroyPipeline;
};

LAYER_FINDERS

/* --- what is in a binary --- */

struct head {
    char word[20];
    uint32_t stage, code_size; /* bytes, of the SPIR-V that follows */
};

static const char head_word[] = "a pipeline binary:";

struct binary {
    struct base_list link;
    uint64_t key;
    size_t size;
    uint8_t data[];
};

/* Of all that was ever captured; guarded by layer_lock. */
static struct base_list cache = {&cache, &cache};

/* FNV-1a. */
static uint64_t
hash_more(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static uint64_t
hash_of(const void *data, size_t size)
{
    return hash_more(UINT64_C(14695981039346656037), data, size);
}

static struct binary *
copy_binary(const void *data, size_t size)
{
    struct binary *binary = layer_alloc(sizeof(*binary) + size);
    memcpy(binary->data, data, size);
    binary->size = size;
    binary->key = hash_of(data, size);
    return binary;
}

static struct binary *
make_binary(VkShaderStageFlagBits stage, const uint32_t *code, size_t code_size)
{
    struct binary *binary = layer_alloc(sizeof(*binary) + sizeof(struct head) + code_size);
    struct head head = {.stage = stage, .code_size = (uint32_t)code_size};
    memcpy(head.word, head_word, sizeof(head_word));
    memcpy(binary->data, &head, sizeof(head));
    memcpy(binary->data + sizeof(head), code, code_size);
    binary->size = sizeof(head) + code_size;
    binary->key = hash_of(binary->data, binary->size);
    return binary;
}

static bool
is_sound(const void *data, size_t size)
{
    struct head head;
    if (size < sizeof(head)) {
        return false;
    }
    memcpy(&head, data, sizeof(head));
    return memcmp(head.word, head_word, sizeof(head_word)) == 0 &&
           head.code_size == size - sizeof(head);
}

static const struct binary *
find_cached(uint64_t key)
{
    const struct binary *found = NULL;
    pthread_mutex_lock(&layer_lock);
    base_list_for_each (it, &cache, struct binary, link) {
        found = it->key == key ? it : found;
    }
    pthread_mutex_unlock(&layer_lock);
    return found;
}

/* --- shader modules, whose code is kept --- */

struct module {
    struct base_list link;
    VkShaderModule handle;
    size_t size;
    uint32_t code[];
};

static struct base_list modules = {&modules, &modules};

LAYER_LIST_FINDER(find_module, module, modules, VkShaderModule)

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateShaderModule(VkDevice device, const VkShaderModuleCreateInfo *info,
                         const VkAllocationCallbacks *allocator, VkShaderModule *out)
{
    VkResult result = find_device(device)->CreateShaderModule(device, info, allocator, out);
    if (result == VK_SUCCESS) {
        struct module *module = layer_alloc(sizeof(*module) + info->codeSize);
        module->handle = *out;
        module->size = info->codeSize;
        memcpy(module->code, info->pCode, info->codeSize);
        layer_publish(&modules, &module->link);
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyShaderModule(VkDevice device, VkShaderModule handle,
                          const VkAllocationCallbacks *allocator)
{
    struct module *module = find_module(handle);
    if (module) {
        layer_unpublish(&module->link);
        free(module);
    }
    find_device(device)->DestroyShaderModule(device, handle, allocator);
}

static struct binary *
compile(const VkPipelineShaderStageCreateInfo *stage)
{
    const struct module *module = find_module(stage->module);
    const VkShaderModuleCreateInfo *chained =
        layer_find_in_chain(stage->pNext, VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO);
    if (module) {
        return make_binary(stage->stage, module->code, module->size);
    }
    if (!chained) {
        layer_die("a stage has neither module nor code");
    }
    return make_binary(stage->stage, chained->pCode, chained->codeSize);
}

/* --- what the kinds of pipelines have in common --- */

struct shaders {
    const void *chain; /* of the pipeline's create info */
    uint32_t count;
    const VkPipelineShaderStageCreateInfo *stages;
};

static struct shaders
shaders_of(const void *info)
{
    const VkGraphicsPipelineCreateInfo *graphics = info;
    const VkComputePipelineCreateInfo *compute = info;
    const VkRayTracingPipelineCreateInfoKHR *rays = info;
    switch (graphics->sType) {
    case VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO:
        return (struct shaders){graphics->pNext, graphics->stageCount, graphics->pStages};
    case VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO:
        return (struct shaders){compute->pNext, 1, &compute->stage};
    case VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR:
        return (struct shaders){rays->pNext, rays->stageCount, rays->pStages};
    default: layer_die("a pipeline is described by something else");
    }
}

static const VkPipelineBinaryInfoKHR *
given_binaries(const struct shaders *shaders)
{
    const VkPipelineBinaryInfoKHR *given =
        layer_find_in_chain(shaders->chain, VK_STRUCTURE_TYPE_PIPELINE_BINARY_INFO_KHR);
    return given && given->binaryCount > 0 ? given : NULL;
}

static struct binary *
copy_given(const VkPipelineBinaryInfoKHR *given, uint32_t i)
{
    const struct binary *binary = (const struct binary *)given->pPipelineBinaries[i];
    return copy_binary(binary->data, binary->size);
}

/* --- pipelines that were captured --- */

struct pipeline {
    struct base_list link;
    VkPipeline handle;
    uint32_t count;
    struct binary *binaries[];
};

static struct base_list pipelines = {&pipelines, &pipelines};

LAYER_LIST_FINDER(find_pipeline, pipeline, pipelines, VkPipeline)

/* `given`: the pipeline was made of these. */
static void
capture(VkPipeline handle, const struct shaders *shaders, const VkPipelineBinaryInfoKHR *given)
{
    struct pipeline *pipeline =
        layer_alloc(sizeof(*pipeline) + shaders->count * sizeof(pipeline->binaries[0]));
    pipeline->handle = handle;
    pipeline->count = shaders->count;
    for (uint32_t i = 0; i < shaders->count; i++) {
        pipeline->binaries[i] = given ? copy_given(given, i) : compile(&shaders->stages[i]);
        if (!find_cached(pipeline->binaries[i]->key)) {
            struct binary *copy =
                copy_binary(pipeline->binaries[i]->data, pipeline->binaries[i]->size);
            layer_publish(&cache, &copy->link);
        }
    }
    layer_publish(&pipelines, &pipeline->link);
}

static void
release(VkPipeline handle)
{
    struct pipeline *pipeline = find_pipeline(handle);
    if (!pipeline) {
        return;
    }
    layer_unpublish(&pipeline->link);
    for (uint32_t i = 0; i < pipeline->count; i++) {
        free(pipeline->binaries[i]);
    }
    free(pipeline);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_ReleaseCapturedPipelineDataKHR(VkDevice device,
                                     const VkReleaseCapturedPipelineDataInfoKHR *info,
                                     const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    if (!find_pipeline(info->pipeline)) {
        layer_die("what was captured of a pipeline is released, and nothing was");
    }
    release(info->pipeline);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyPipeline(VkDevice device, VkPipeline handle, const VkAllocationCallbacks *allocator)
{
    release(handle);
    find_device(device)->DestroyPipeline(device, handle, allocator);
}

/* --- creating pipelines --- */

static bool
above_is_application(void)
{
    const char *value = getenv("VESPER_TEST_BINARIES");
    return value && strcmp(value, "native") == 0;
}

/* The stages with modules of the code in the binaries; count of them to be destroyed. */
static VkPipelineShaderStageCreateInfo *
stages_of_binaries(VkDevice device, const struct shaders *shaders,
                   const VkPipelineBinaryInfoKHR *given)
{
    VkPipelineShaderStageCreateInfo *stages = layer_alloc(shaders->count * sizeof(*stages));
    if (given->binaryCount != shaders->count) {
        layer_die("a pipeline has not as many binaries as stages");
    }
    for (uint32_t i = 0; i < shaders->count; i++) {
        const struct binary *binary = (const struct binary *)given->pPipelineBinaries[i];
        struct head head;
        memcpy(&head, binary->data, sizeof(head));
        const VkShaderModuleCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
            .codeSize = head.code_size,
            .pCode = (const uint32_t *)(binary->data + sizeof(head)),
        };
        stages[i] = shaders->stages[i];
        if (head.stage != (uint32_t)stages[i].stage) {
            layer_die("a pipeline has the binaries of other stages");
        }
        if (!above_is_application() && (stages[i].module || stages[i].pNext)) {
            layer_die("a pipeline from binaries shows shaders");
        }
        stages[i].pNext = NULL;
        if (find_device(device)->CreateShaderModule(device, &info, NULL, &stages[i].module) !=
            VK_SUCCESS) {
            layer_die("out of modules");
        }
    }
    return stages;
}

static void
destroy_stages(VkDevice device, VkPipelineShaderStageCreateInfo *stages, uint32_t count)
{
    for (uint32_t i = 0; stages && i < count; i++) {
        find_device(device)->DestroyShaderModule(device, stages[i].module, NULL);
    }
    free(stages);
}

static VkResult
create_below(VkDevice handle, VkPipelineCache cache_handle, const void *info,
             const VkPipelineShaderStageCreateInfo *stages, const VkAllocationCallbacks *allocator,
             VkPipeline *out)
{
    const struct layer_device *device = find_device(handle);
    VkGraphicsPipelineCreateInfo graphics;
    VkComputePipelineCreateInfo compute;
    VkRayTracingPipelineCreateInfoKHR rays;
    switch (((const VkBaseInStructure *)info)->sType) {
    case VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO:
        graphics = *(const VkGraphicsPipelineCreateInfo *)info;
        graphics.pStages = stages;
        return device->CreateGraphicsPipelines(handle, cache_handle, 1, &graphics, allocator, out);
    case VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO:
        compute = *(const VkComputePipelineCreateInfo *)info;
        compute.stage = stages[0];
        return device->CreateComputePipelines(handle, cache_handle, 1, &compute, allocator, out);
    default:
        rays = *(const VkRayTracingPipelineCreateInfoKHR *)info;
        rays.pStages = stages;
        return device->CreateRayTracingPipelinesKHR(handle, VK_NULL_HANDLE, cache_handle, 1, &rays,
                                                    allocator, out);
    }
}

static VkResult
create_pipeline(VkDevice device, VkPipelineCache cache_handle, const void *info,
                const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    const struct shaders shaders = shaders_of(info);
    const VkPipelineBinaryInfoKHR *given = given_binaries(&shaders);
    VkPipelineCreateFlags2CreateInfoKHR none = {0};
    VkPipelineCreateFlags2CreateInfoKHR *flags = (void *)layer_find_in_chain(
        shaders.chain, VK_STRUCTURE_TYPE_PIPELINE_CREATE_FLAGS_2_CREATE_INFO_KHR);
    flags = flags ? flags : &none;
    VkFlags64 wanted = flags->flags;
    bool captured = wanted & VK_PIPELINE_CREATE_2_CAPTURE_DATA_BIT_KHR;
    if ((captured || given) && cache_handle) {
        layer_die("binaries and a pipeline cache exclude each other");
    }
    VkPipelineShaderStageCreateInfo *stages =
        given ? stages_of_binaries(device, &shaders, given) : NULL;
    flags->flags &= ~VK_PIPELINE_CREATE_2_CAPTURE_DATA_BIT_KHR;
    VkResult result =
        create_below(device, cache_handle, info, stages ? stages : shaders.stages, allocator, out);
    flags->flags = wanted;
    if (result == VK_SUCCESS && captured) {
        capture(*out, &shaders, given);
    }
    destroy_stages(device, stages, shaders.count);
    return result;
}

#define CREATE_PIPELINES(cache_handle, count, infos, allocator, out)                               \
    VkResult first = VK_SUCCESS;                                                                   \
    for (uint32_t i = 0; i < (count); i++) {                                                       \
        (out)[i] = VK_NULL_HANDLE;                                                                 \
        VkResult result =                                                                          \
            create_pipeline(device, cache_handle, &(infos)[i], allocator, &(out)[i]);              \
        first = first == VK_SUCCESS ? result : first;                                              \
    }                                                                                              \
    return first

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateGraphicsPipelines(VkDevice device, VkPipelineCache cache_handle, uint32_t count,
                              const VkGraphicsPipelineCreateInfo *infos,
                              const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    CREATE_PIPELINES(cache_handle, count, infos, allocator, out);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateComputePipelines(VkDevice device, VkPipelineCache cache_handle, uint32_t count,
                             const VkComputePipelineCreateInfo *infos,
                             const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    CREATE_PIPELINES(cache_handle, count, infos, allocator, out);
}

/* Nothing is deferred: the renderer asks for that never. */
static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreateRayTracingPipelinesKHR(VkDevice device, VkDeferredOperationKHR operation,
                                   VkPipelineCache cache_handle, uint32_t count,
                                   const VkRayTracingPipelineCreateInfoKHR *infos,
                                   const VkAllocationCallbacks *allocator, VkPipeline *out)
{
    (void)operation;
    CREATE_PIPELINES(cache_handle, count, infos, allocator, out);
}

/* --- keys --- */

static void
fill_key(VkPipelineBinaryKeyKHR *out, uint64_t key)
{
    memset(out->key, 0xaa, sizeof(out->key)); /* undefined, says Vulkan */
    memcpy(out->key, &key, sizeof(key));
    out->keySize = sizeof(key);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPipelineKeyKHR(VkDevice device, const VkPipelineCreateInfoKHR *info,
                        VkPipelineBinaryKeyKHR *out)
{
    (void)device;
    if (!info) {
        fill_key(out, hash_of(head_word, sizeof(head_word)));
        return VK_SUCCESS;
    }
    const struct shaders shaders = shaders_of(info->pNext);
    if (given_binaries(&shaders)) {
        layer_die("the key of a pipeline from binaries is asked for");
    }
    uint64_t hash = hash_of(&shaders.count, sizeof(shaders.count));
    for (uint32_t i = 0; i < shaders.count; i++) {
        struct binary *binary = compile(&shaders.stages[i]);
        hash = hash_more(hash, binary->data, binary->size);
        free(binary);
    }
    fill_key(out, hash);
    return VK_SUCCESS;
}

/* --- binaries --- */

/* The i-th of what was asked for; NULL, with *result saying why. */
static struct binary *
binary_of_data(const VkPipelineBinaryKeysAndDataKHR *given, uint32_t i, VkResult *result)
{
    const VkPipelineBinaryKeyKHR *key = &given->pPipelineBinaryKeys[i];
    const VkPipelineBinaryDataKHR *data = &given->pPipelineBinaryData[i];
    uint64_t expected;
    memcpy(&expected, key->key, sizeof(expected));
    if (key->keySize == sizeof(expected) && data->dataSize == 0) {
        const struct binary *cached = find_cached(expected);
        *result = VK_PIPELINE_BINARY_MISSING_KHR;
        return cached ? copy_binary(cached->data, cached->size) : NULL;
    }
    *result = VK_ERROR_INITIALIZATION_FAILED;
    return key->keySize == sizeof(expected) && is_sound(data->pData, data->dataSize) &&
                   hash_of(data->pData, data->dataSize) == expected
               ? copy_binary(data->pData, data->dataSize)
               : NULL;
}

static struct binary *
binary_of_cache(const struct shaders *shaders, uint32_t i, VkResult *result)
{
    struct binary *binary = compile(&shaders->stages[i]);
    *result = VK_PIPELINE_BINARY_MISSING_KHR;
    if (!find_cached(binary->key)) {
        free(binary);
        return NULL;
    }
    return binary;
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_CreatePipelineBinariesKHR(VkDevice device, const VkPipelineBinaryCreateInfoKHR *info,
                                const VkAllocationCallbacks *allocator,
                                VkPipelineBinaryHandlesInfoKHR *out)
{
    (void)device, (void)allocator;
    const VkPipelineBinaryKeysAndDataKHR *given = info->pKeysAndDataInfo;
    const struct pipeline *pipeline = info->pipeline ? find_pipeline(info->pipeline) : NULL;
    const struct shaders shaders = info->pPipelineCreateInfo
                                       ? shaders_of(info->pPipelineCreateInfo->pNext)
                                       : (struct shaders){0};
    if (info->pipeline && !pipeline) {
        layer_die("binaries are made of a pipeline that was not captured");
    }
    uint32_t total = given ? given->binaryCount : pipeline ? pipeline->count : shaders.count;
    if (!out->pPipelineBinaries) {
        out->pipelineBinaryCount = total;
        return VK_SUCCESS;
    }
    VkResult first = out->pipelineBinaryCount < total ? VK_INCOMPLETE : VK_SUCCESS;
    if (out->pipelineBinaryCount > total) {
        out->pipelineBinaryCount = total;
    }
    for (uint32_t i = 0; i < out->pipelineBinaryCount; i++) {
        VkResult result = VK_SUCCESS;
        struct binary *binary =
            given      ? binary_of_data(given, i, &result)
            : pipeline ? copy_binary(pipeline->binaries[i]->data, pipeline->binaries[i]->size)
                       : binary_of_cache(&shaders, i, &result);
        out->pPipelineBinaries[i] = (VkPipelineBinaryKHR)binary;
        if (!binary && (first == VK_SUCCESS || first == VK_INCOMPLETE)) {
            first = result;
        }
    }
    return first;
}

static VKAPI_ATTR void VKAPI_CALL
layer_DestroyPipelineBinaryKHR(VkDevice device, VkPipelineBinaryKHR handle,
                               const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    free((struct binary *)handle);
}

static VKAPI_ATTR VkResult VKAPI_CALL
layer_GetPipelineBinaryDataKHR(VkDevice device, const VkPipelineBinaryDataInfoKHR *info,
                               VkPipelineBinaryKeyKHR *key, size_t *size, void *data)
{
    (void)device;
    const struct binary *binary = (const struct binary *)info->pipelineBinary;
    size_t room = *size;
    *size = binary->size;
    if (data && room < binary->size) {
        return VK_ERROR_NOT_ENOUGH_SPACE_KHR;
    }
    fill_key(key, binary->key);
    if (data) {
        memcpy(data, binary->data, binary->size);
    }
    return VK_SUCCESS;
}

/* --- instance --- */

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceFeatures2(VkPhysicalDevice physical_device, VkPhysicalDeviceFeatures2 *out)
{
    VkPhysicalDevicePipelineBinaryFeaturesKHR *feature = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_BINARY_FEATURES_KHR);
    find_instance(physical_device)->GetPhysicalDeviceFeatures2(physical_device, out);
    if (feature) {
        feature->pipelineBinaries = VK_TRUE;
    }
}

static VKAPI_ATTR void VKAPI_CALL
layer_GetPhysicalDeviceProperties2(VkPhysicalDevice physical_device,
                                   VkPhysicalDeviceProperties2 *out)
{
    VkPhysicalDevicePipelineBinaryPropertiesKHR *properties = (void *)layer_find_in_chain(
        out->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_BINARY_PROPERTIES_KHR);
    find_instance(physical_device)->GetPhysicalDeviceProperties2(physical_device, out);
    if (properties) {
        properties->pipelineBinaryInternalCache = VK_TRUE;
        properties->pipelineBinaryInternalCacheControl = VK_TRUE;
        properties->pipelineBinaryPrefersInternalCache = VK_FALSE;
        properties->pipelineBinaryPrecompiledInternalCache = VK_FALSE;
        properties->pipelineBinaryCompressedData = VK_FALSE;
    }
}

/* --- the layer --- */

static void
load_instance(struct layer_instance_base *base)
{
    struct layer_instance *instance = (struct layer_instance *)base;
    LAYER_LOAD(instance, GetPhysicalDeviceFeatures2);
    LAYER_LOAD(instance, GetPhysicalDeviceProperties2);
}

static void
load_device(struct layer_device_base *base)
{
    struct layer_device *device = (struct layer_device *)base;
    LAYER_LOAD(device, CreateShaderModule);
    LAYER_LOAD(device, DestroyShaderModule);
    LAYER_LOAD(device, CreateGraphicsPipelines);
    LAYER_LOAD(device, CreateComputePipelines);
    LAYER_LOAD(device, CreateRayTracingPipelinesKHR);
    LAYER_LOAD(device, DestroyPipeline);
}

static const VkExtensionProperties extension = {VK_KHR_PIPELINE_BINARY_EXTENSION_NAME,
                                                VK_KHR_PIPELINE_BINARY_SPEC_VERSION};

static const struct layer_function instance_functions[] = {
    LAYER_HOOK(GetPhysicalDeviceFeatures2),
    LAYER_HOOK(GetPhysicalDeviceProperties2),
    {0},
};
static const struct layer_function device_functions[] = {
    LAYER_HOOK(CreateShaderModule),
    LAYER_HOOK(DestroyShaderModule),
    LAYER_HOOK(CreateGraphicsPipelines),
    LAYER_HOOK(CreateComputePipelines),
    LAYER_HOOK(CreateRayTracingPipelinesKHR),
    LAYER_HOOK(DestroyPipeline),
    LAYER_HOOK(CreatePipelineBinariesKHR),
    LAYER_HOOK(DestroyPipelineBinaryKHR),
    LAYER_HOOK(GetPipelineKeyKHR),
    LAYER_HOOK(GetPipelineBinaryDataKHR),
    LAYER_HOOK(ReleaseCapturedPipelineDataKHR),
    {0},
};

const struct layer_definition layer_definition = {
    .name = "binary",
    .instance_size = sizeof(struct layer_instance),
    .device_size = sizeof(struct layer_device),
    .extensions = &extension,
    .extension_count = 1,
    .load_instance = load_instance,
    .load_device = load_device,
    .instance_functions = instance_functions,
    .device_functions = device_functions,
};
