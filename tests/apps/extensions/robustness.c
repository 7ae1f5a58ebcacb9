/* What applications may legally do and seldom do: nothing where something is usual, very much of
 * something, and pipelines of which only some come to be. */
#include "tests/apps/extensions/extensions.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 256, MANY = 20000 };

static VkDescriptorSetLayout
create_set_layout(const struct vkh_gpu *gpu, uint32_t binding_count, uint32_t descriptor_count)
{
    VkDescriptorSetLayoutBinding bindings[3];
    for (uint32_t i = 0; i < binding_count; i++) {
        bindings[i] =
            (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, descriptor_count,
                                           VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    }
    const VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = binding_count,
        .pBindings = bindings,
    };
    VkDescriptorSetLayout layout;
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &info, NULL, &layout));
    return layout;
}

static VkDescriptorPool
create_pool(const struct vkh_gpu *gpu, uint32_t descriptor_count)
{
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, descriptor_count};
    const VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    VkDescriptorPool pool;
    VKH_CHECK(vkCreateDescriptorPool(gpu->device, &info, NULL, &pool));
    return pool;
}

static VkDescriptorSet
allocate(const struct vkh_gpu *gpu, VkDescriptorPool pool, VkDescriptorSetLayout layout)
{
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    VkDescriptorSet set;
    VKH_CHECK(vkAllocateDescriptorSets(gpu->device, &info, &set));
    return set;
}

static VkPipelineLayout
create_layout(const struct vkh_gpu *gpu, uint32_t count, const VkDescriptorSetLayout *set_layouts)
{
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = count,
        .pSetLayouts = set_layouts,
    };
    VkPipelineLayout layout;
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, &layout));
    return layout;
}

static VkComputePipelineCreateInfo
pipeline_info(VkShaderModule module, VkPipelineLayout layout, VkPipelineCreateFlags flags)
{
    return (VkComputePipelineCreateInfo){
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = flags,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = layout,
    };
}

static void
nothing(const struct vkh_gpu *gpu)
{
    VkDescriptorSetLayout empty = create_set_layout(gpu, 0, 0);
    VkDescriptorSetLayout reserved = create_set_layout(gpu, 1, 0);
    VkDescriptorPool pool = create_pool(gpu, 1);
    VkDescriptorSet set = allocate(gpu, pool, empty);
    VkPipelineLayout layout = create_layout(gpu, 0, NULL);
    vkUpdateDescriptorSets(gpu->device, 0, NULL, 0, NULL);
    VKH_CHECK(vkQueueSubmit(gpu->queue, 0, NULL, VK_NULL_HANDLE));
    const VkSubmitInfo no_work = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &no_work, VK_NULL_HANDLE));
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, 0, NULL, 0, NULL, 0, NULL);
    vkh_end_and_wait(gpu, commands);
    extensions_expect(set != VK_NULL_HANDLE, "a set of nothing is nothing");
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, reserved, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, empty, NULL);
}

/* One write of many, of which the last counts. */
static void
very_many(const struct vkh_gpu *gpu)
{
    if (gpu->properties.limits.maxPerStageDescriptorStorageBuffers < MANY) {
        return;
    }
    struct vkh_buffer buffer;
    vkh_buffer_create(gpu, 256, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_DEVICE, &buffer);
    VkDescriptorBufferInfo *infos = calloc(MANY, sizeof(*infos));
    for (uint32_t i = 0; infos && i < MANY; i++) {
        infos[i] = (VkDescriptorBufferInfo){buffer.buffer, 0, VK_WHOLE_SIZE};
    }
    VkDescriptorSetLayout layout = create_set_layout(gpu, 1, MANY);
    VkDescriptorPool pool = create_pool(gpu, MANY);
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = allocate(gpu, pool, layout),
        .descriptorCount = MANY,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = infos,
    };
    vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
    VKH_CHECK(vkDeviceWaitIdle(gpu->device));
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, layout, NULL);
    free(infos);
    vkh_buffer_destroy(gpu, &buffer);
}

/* The buffer that is not there reads as zeroes: the sum is the other one. */
static void
null_descriptor(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffers[2];
    for (uint32_t i = 0; i < 2; i++) {
        vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED,
                          &buffers[i]);
        memset(buffers[i].map, 5 + (int)i, COUNT * 4);
    }
    VkDescriptorSetLayout set_layout = create_set_layout(gpu, 3, 1);
    VkDescriptorPool pool = create_pool(gpu, 3);
    VkDescriptorSet set = allocate(gpu, pool, set_layout);
    const VkDescriptorBufferInfo infos[3] = {
        {buffers[0].buffer, 0, VK_WHOLE_SIZE},
        {VK_NULL_HANDLE, 0, VK_WHOLE_SIZE},
        {buffers[1].buffer, 0, VK_WHOLE_SIZE},
    };
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .descriptorCount = 3,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = infos, /* goes on in the next bindings */
    };
    vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
    VkPipelineLayout layout = create_layout(gpu, 1, &set_layout);
    VkShaderModule module =
        vkh_shader_create(gpu, extensions_add_code.words, extensions_add_code.size);
    const VkComputePipelineCreateInfo info = pipeline_info(module, layout, 0);
    VkPipeline pipeline;
    VKH_CHECK(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    extensions_expect(memcmp(buffers[0].map, buffers[1].map, COUNT * 4) == 0,
                      "the sum with nothing is %#x", *(const uint32_t *)buffers[1].map);
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyShaderModule(gpu->device, module, NULL);
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, set_layout, NULL);
    vkh_buffer_destroy(gpu, &buffers[0]);
    vkh_buffer_destroy(gpu, &buffers[1]);
}

/* The second may not be compiled, so it fails and the first does not. */
static void
some_pipelines_fail(const struct vkh_gpu *gpu)
{
    VkDescriptorSetLayout set_layout = create_set_layout(gpu, 3, 1);
    VkPipelineLayout layout = create_layout(gpu, 1, &set_layout);
    VkShaderModule module =
        vkh_shader_create(gpu, extensions_add_code.words, extensions_add_code.size);
    const VkComputePipelineCreateInfo infos[2] = {
        pipeline_info(module, layout, 0),
        pipeline_info(module, layout, VK_PIPELINE_CREATE_FAIL_ON_PIPELINE_COMPILE_REQUIRED_BIT),
    };
    VkPipeline pipelines[2];
    memset(pipelines, 0xff, sizeof(pipelines));
    VkResult result =
        vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 2, infos, NULL, pipelines);
    extensions_expect(result == VK_SUCCESS || result == VK_PIPELINE_COMPILE_REQUIRED,
                      "creating gives %s", vkh_result_name(result));
    extensions_expect(pipelines[0] != VK_NULL_HANDLE, "the first is not there");
    extensions_expect((pipelines[1] == VK_NULL_HANDLE) == (result != VK_SUCCESS),
                      "the second is %p with %s", (void *)(uintptr_t)pipelines[1],
                      vkh_result_name(result));
    vkDestroyPipeline(gpu->device, pipelines[0], NULL);
    vkDestroyPipeline(gpu->device, pipelines[1], NULL);
    vkDestroyShaderModule(gpu->device, module, NULL);
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, set_layout, NULL);
}

/* --- the application's allocator --- */

struct counts {
    uint32_t allocated, freed;
};

static VKAPI_ATTR void *VKAPI_CALL
count_allocation(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope)
{
    struct counts *counts = user;
    counts->allocated++;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static VKAPI_ATTR void VKAPI_CALL
count_free(void *user, void *memory)
{
    struct counts *counts = user;
    counts->freed += memory != NULL;
    free(memory);
}

/* Blocks do not grow in place here, and none of the objects below needs that. */
static VKAPI_ATTR void *VKAPI_CALL
refuse_reallocation(void *user, void *original, size_t size, size_t alignment,
                    VkSystemAllocationScope scope)
{
    return NULL;
}

static void
own_allocator(const struct vkh_gpu *gpu)
{
    struct counts counts = {0};
    const VkAllocationCallbacks callbacks = {
        .pUserData = &counts,
        .pfnAllocation = count_allocation,
        .pfnReallocation = refuse_reallocation,
        .pfnFree = count_free,
    };
    const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkSamplerCreateInfo sampler_info = {.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO};
    const VkBufferCreateInfo buffer_info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 64,
        .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkFence fence;
    VkSampler sampler;
    VkBuffer buffer;
    VKH_CHECK(vkCreateFence(gpu->device, &fence_info, &callbacks, &fence));
    VKH_CHECK(vkCreateSampler(gpu->device, &sampler_info, &callbacks, &sampler));
    VKH_CHECK(vkCreateBuffer(gpu->device, &buffer_info, &callbacks, &buffer));
    extensions_expect(counts.allocated > 0 && counts.freed == 0,
                      "%u allocations and %u frees for three objects", counts.allocated,
                      counts.freed);
    vkDestroyBuffer(gpu->device, buffer, &callbacks);
    vkDestroySampler(gpu->device, sampler, &callbacks);
    vkDestroyFence(gpu->device, fence, &callbacks);
    extensions_expect(counts.allocated == counts.freed, "%u allocations, %u frees",
                      counts.allocated, counts.freed);
}

const struct extensions_check extensions_robustness_checks[] = {
    {"robustness/arrays of nothing", NULL, nothing},
    {"robustness/very many descriptors", NULL, very_many},
    {"robustness/a null descriptor", "VK_EXT_robustness2", null_descriptor},
    {"robustness/some pipelines fail", NULL, some_pipelines_fail},
    {"robustness/the application's allocator", NULL, own_allocator},
    {0},
};
