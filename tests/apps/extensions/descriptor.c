/* Descriptor pools at their limits, and the kinds of descriptors that newer versions brought. */
#include "tests/apps/extensions/extensions.h"

#include <string.h>

#include "tests/apps/shaders/add_comp.h"
#include "tests/apps/shaders/block_comp.h"

const struct extensions_code extensions_add_code = {add_comp, sizeof(add_comp)};

enum { COUNT = 256 };

static VkDescriptorSetLayout
create_set_layout(const struct vkh_gpu *gpu, uint32_t count,
                  const VkDescriptorSetLayoutBinding *bindings,
                  VkDescriptorSetLayoutCreateFlags flags, const void *next)
{
    const VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .pNext = next,
        .flags = flags,
        .bindingCount = count,
        .pBindings = bindings,
    };
    VkDescriptorSetLayout layout;
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &info, NULL, &layout));
    return layout;
}

static VkDescriptorSetLayout
buffers_layout(const struct vkh_gpu *gpu, uint32_t count)
{
    const VkDescriptorSetLayoutBinding binding = {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, count,
                                                  VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    return create_set_layout(gpu, 1, &binding, 0, NULL);
}

static VkDescriptorPool
create_pool(const struct vkh_gpu *gpu, uint32_t max_sets, uint32_t size_count,
            const VkDescriptorPoolSize *sizes, VkDescriptorPoolCreateFlags flags, const void *next)
{
    const VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .pNext = next,
        .flags = flags,
        .maxSets = max_sets,
        .poolSizeCount = size_count,
        .pPoolSizes = sizes,
    };
    VkDescriptorPool pool;
    VKH_CHECK(vkCreateDescriptorPool(gpu->device, &info, NULL, &pool));
    return pool;
}

static VkResult
allocate(const struct vkh_gpu *gpu, VkDescriptorPool pool, VkDescriptorSetLayout layout,
         const void *next, VkDescriptorSet *out)
{
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .pNext = next,
        .descriptorPool = pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    return vkAllocateDescriptorSets(gpu->device, &info, out);
}

/* Sets of two sizes, freed and allocated again and again: each allocation succeeds or says why. */
static void
fragment_a_pool(const struct vkh_gpu *gpu)
{
    enum { SETS = 32 };
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS * 2};
    VkDescriptorPool pool =
        create_pool(gpu, SETS, 1, &size, VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT, NULL);
    VkDescriptorSetLayout layouts[2] = {buffers_layout(gpu, 1), buffers_layout(gpu, 4)};
    VkDescriptorSet sets[SETS] = {VK_NULL_HANDLE};
    uint32_t made = 0;
    for (uint32_t turn = 0; turn < 1000; turn++) {
        uint32_t i = (turn * 7 + turn / 3) % SETS;
        VKH_CHECK(vkFreeDescriptorSets(gpu->device, pool, 1, &sets[i]));
        VkResult result = allocate(gpu, pool, layouts[turn % 2], NULL, &sets[i]);
        made += result == VK_SUCCESS;
        if (result != VK_SUCCESS) {
            extensions_expect(result == VK_ERROR_OUT_OF_POOL_MEMORY ||
                                  result == VK_ERROR_FRAGMENTED_POOL,
                              "allocation %u gave %s", turn, vkh_result_name(result));
            extensions_expect(sets[i] == VK_NULL_HANDLE, "a failed allocation left a handle");
            sets[i] = VK_NULL_HANDLE;
        }
    }
    extensions_expect(made > 500, "only %u of 1000 allocations succeeded", made);
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, layouts[0], NULL);
    vkDestroyDescriptorSetLayout(gpu->device, layouts[1], NULL);
}

/* --- values[i] = base + i * factor, both from a uniform block within the set --- */

struct block_data {
    uint32_t base, factor;
    VkDescriptorBufferInfo values;
};

struct block {
    struct vkh_buffer buffer;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
};

static VkPipelineLayout
create_layout(const struct vkh_gpu *gpu, VkDescriptorSetLayout set_layout)
{
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &set_layout,
    };
    VkPipelineLayout layout;
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, &layout));
    return layout;
}

static VkPipeline
create_compute(const struct vkh_gpu *gpu, VkPipelineLayout layout, const uint32_t *code,
               size_t code_size)
{
    VkShaderModule module = vkh_shader_create(gpu, code, code_size);
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = layout,
    };
    VkPipeline pipeline;
    VKH_CHECK(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    vkDestroyShaderModule(gpu->device, module, NULL);
    return pipeline;
}

static void
create_block(const struct vkh_gpu *gpu, struct block *out)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, 8, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
        {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
    };
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &out->buffer);
    out->set_layout = create_set_layout(gpu, 2, bindings, 0, NULL);
    out->layout = create_layout(gpu, out->set_layout);
    out->pipeline = create_compute(gpu, out->layout, block_comp, sizeof(block_comp));
}

static void
destroy_block(const struct vkh_gpu *gpu, struct block *block)
{
    vkDestroyPipeline(gpu->device, block->pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, block->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, block->set_layout, NULL);
    vkh_buffer_destroy(gpu, &block->buffer);
}

static void
dispatch_block(const struct vkh_gpu *gpu, const struct block *block, VkDescriptorSet set,
               const struct block_data *data)
{
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, block->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, block->layout, 0, 1, &set, 0,
                            NULL);
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    const uint32_t *values = block->buffer.map;
    for (uint32_t i = 0; i < COUNT; i++) {
        if (values[i] != data->base + i * data->factor) {
            extensions_expect(false, "value %u is %u", i, values[i]);
            return;
        }
    }
}

static void
write_block(const struct vkh_gpu *gpu, VkDescriptorSet set, const struct block_data *data)
{
    const VkWriteDescriptorSetInlineUniformBlock inline_data = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_INLINE_UNIFORM_BLOCK,
        .dataSize = 8,
        .pData = data,
    };
    const VkWriteDescriptorSet writes[] = {
        {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .pNext = &inline_data,
            .dstSet = set,
            .dstBinding = 0,
            .descriptorCount = 8,
            .descriptorType = VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK,
        },
        {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = 1,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &data->values,
        },
    };
    vkUpdateDescriptorSets(gpu->device, 2, writes, 0, NULL);
}

static void
write_block_by_template(const struct vkh_gpu *gpu, const struct block *block, VkDescriptorSet set,
                        const struct block_data *data)
{
    const VkDescriptorUpdateTemplateEntry entries[] = {
        {0, 0, 8, VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, offsetof(struct block_data, base), 0},
        {1, 0, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, offsetof(struct block_data, values), 0},
    };
    const VkDescriptorUpdateTemplateCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_UPDATE_TEMPLATE_CREATE_INFO,
        .descriptorUpdateEntryCount = 2,
        .pDescriptorUpdateEntries = entries,
        .descriptorSetLayout = block->set_layout,
    };
    VkDescriptorUpdateTemplate update_template;
    VKH_CHECK(vkCreateDescriptorUpdateTemplate(gpu->device, &info, NULL, &update_template));
    vkUpdateDescriptorSetWithTemplate(gpu->device, set, update_template, data);
    vkDestroyDescriptorUpdateTemplate(gpu->device, update_template, NULL);
}

static void
inline_uniform_block(const struct vkh_gpu *gpu)
{
    if (!gpu->features13.inlineUniformBlock) {
        return;
    }
    const VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, 16},
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 4},
    };
    const VkDescriptorPoolInlineUniformBlockCreateInfo inline_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_INLINE_UNIFORM_BLOCK_CREATE_INFO,
        .maxInlineUniformBlockBindings = 2,
    };
    struct block block;
    VkDescriptorSet sets[3];
    create_block(gpu, &block);
    VkDescriptorPool pool = create_pool(gpu, 4, 2, sizes, 0, &inline_info);
    VKH_CHECK(allocate(gpu, pool, block.set_layout, NULL, &sets[0]));
    VKH_CHECK(allocate(gpu, pool, block.set_layout, NULL, &sets[1]));
    const struct block_data first = {5, 3, {block.buffer.buffer, 0, VK_WHOLE_SIZE}};
    const struct block_data second = {100, 7, {block.buffer.buffer, 0, VK_WHOLE_SIZE}};
    write_block(gpu, sets[0], &first);
    dispatch_block(gpu, &block, sets[0], &first);
    write_block_by_template(gpu, &block, sets[1], &second);
    dispatch_block(gpu, &block, sets[1], &second);
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    destroy_block(gpu, &block);
}

/* --- a + b --- */

struct sum {
    struct vkh_buffer buffers[3];
    VkDescriptorBufferInfo infos[3];
};

static void
create_sum(const struct vkh_gpu *gpu, struct sum *sum)
{
    for (uint32_t i = 0; i < 3; i++) {
        vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED,
                          &sum->buffers[i]);
        sum->infos[i] = (VkDescriptorBufferInfo){sum->buffers[i].buffer, 0, VK_WHOLE_SIZE};
        memset(sum->buffers[i].map, (int)i + 1, COUNT * 4);
    }
}

static void
check_and_destroy_sum(const struct vkh_gpu *gpu, struct sum *sum)
{
    const uint32_t *result = sum->buffers[2].map;
    extensions_expect(result[0] == 0x03030303 && result[COUNT - 1] == 0x03030303,
                      "the sums are %08x and %08x", result[0], result[COUNT - 1]);
    for (uint32_t i = 0; i < 3; i++) {
        vkh_buffer_destroy(gpu, &sum->buffers[i]);
    }
}

static void
dispatch(VkCommandBuffer commands, VkPipeline pipeline)
{
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
}

static void
fill_bindings(VkDescriptorType type, VkDescriptorSetLayoutBinding bindings[3])
{
    for (uint32_t i = 0; i < 3; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){i, type, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    }
}

static void
fill_writes(const struct sum *sum, VkDescriptorSet set, VkWriteDescriptorSet writes[3])
{
    for (uint32_t i = 0; i < 3; i++) {
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &sum->infos[i],
        };
    }
}

static VkDescriptorUpdateTemplate
create_push_template(const struct vkh_gpu *gpu, VkPipelineLayout layout)
{
    VkDescriptorUpdateTemplateEntry entries[3];
    for (uint32_t i = 0; i < 3; i++) {
        entries[i] = (VkDescriptorUpdateTemplateEntry){
            i, 0, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, i * sizeof(VkDescriptorBufferInfo), 0};
    }
    const VkDescriptorUpdateTemplateCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_UPDATE_TEMPLATE_CREATE_INFO,
        .descriptorUpdateEntryCount = 3,
        .pDescriptorUpdateEntries = entries,
        .templateType = VK_DESCRIPTOR_UPDATE_TEMPLATE_TYPE_PUSH_DESCRIPTORS,
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_COMPUTE,
        .pipelineLayout = layout,
    };
    VkDescriptorUpdateTemplate update_template;
    VKH_CHECK(vkCreateDescriptorUpdateTemplate(gpu->device, &info, NULL, &update_template));
    return update_template;
}

static void
push_by_structure(const struct vkh_gpu *gpu)
{
    if (!vkh_gpu_has_extension(gpu, "VK_KHR_push_descriptor")) {
        return;
    }
    EXTENSIONS_LOAD(gpu, vkCmdPushDescriptorSet2KHR);
    EXTENSIONS_LOAD(gpu, vkCmdPushDescriptorSetWithTemplate2KHR);
    VkDescriptorSetLayoutBinding bindings[3];
    fill_bindings(VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, bindings);
    VkDescriptorSetLayout set_layout = create_set_layout(
        gpu, 3, bindings, VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT, NULL);
    VkPipelineLayout layout = create_layout(gpu, set_layout);
    VkPipeline pipeline = create_compute(gpu, layout, add_comp, sizeof(add_comp));
    VkDescriptorUpdateTemplate update_template = create_push_template(gpu, layout);
    for (int turn = 0; turn < 2; turn++) {
        struct sum sum;
        VkWriteDescriptorSet writes[3];
        create_sum(gpu, &sum);
        fill_writes(&sum, VK_NULL_HANDLE, writes);
        const VkPushDescriptorSetInfo push = {
            .sType = VK_STRUCTURE_TYPE_PUSH_DESCRIPTOR_SET_INFO,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
            .layout = layout,
            .descriptorWriteCount = 3,
            .pDescriptorWrites = writes,
        };
        const VkPushDescriptorSetWithTemplateInfo push_template = {
            .sType = VK_STRUCTURE_TYPE_PUSH_DESCRIPTOR_SET_WITH_TEMPLATE_INFO,
            .descriptorUpdateTemplate = update_template,
            .layout = layout,
            .pData = sum.infos,
        };
        VkCommandBuffer commands = vkh_begin(gpu);
        if (turn == 0) {
            vkCmdPushDescriptorSet2KHR(commands, &push);
        } else {
            vkCmdPushDescriptorSetWithTemplate2KHR(commands, &push_template);
        }
        dispatch(commands, pipeline);
        vkh_end_and_wait(gpu, commands);
        check_and_destroy_sum(gpu, &sum);
    }
    vkDestroyDescriptorUpdateTemplate(gpu->device, update_template, NULL);
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, set_layout, NULL);
}

static void
mutable_descriptors(const struct vkh_gpu *gpu)
{
    static const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                             VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER};
    const VkMutableDescriptorTypeListEXT list = {2, types};
    const VkMutableDescriptorTypeListEXT lists[] = {list, list, list};
    const VkMutableDescriptorTypeCreateInfoEXT mutable_info = {
        .sType = VK_STRUCTURE_TYPE_MUTABLE_DESCRIPTOR_TYPE_CREATE_INFO_EXT,
        .mutableDescriptorTypeListCount = 3,
        .pMutableDescriptorTypeLists = lists,
    };
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_MUTABLE_EXT, 3};
    VkDescriptorSetLayoutBinding bindings[3];
    VkWriteDescriptorSet writes[3];
    VkDescriptorSet set;
    struct sum sum;
    create_sum(gpu, &sum);
    fill_bindings(VK_DESCRIPTOR_TYPE_MUTABLE_EXT, bindings);
    VkDescriptorSetLayout set_layout = create_set_layout(gpu, 3, bindings, 0, &mutable_info);
    VkPipelineLayout layout = create_layout(gpu, set_layout);
    VkPipeline pipeline = create_compute(gpu, layout, add_comp, sizeof(add_comp));
    VkDescriptorPool pool = create_pool(gpu, 1, 1, &size, 0, NULL);
    VKH_CHECK(allocate(gpu, pool, set_layout, NULL, &set));
    fill_writes(&sum, set, writes);
    vkUpdateDescriptorSets(gpu->device, 3, writes, 0, NULL);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
    dispatch(commands, pipeline);
    vkh_end_and_wait(gpu, commands);
    check_and_destroy_sum(gpu, &sum);
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, set_layout, NULL);
}

/* A binding whose size is chosen with the set, more than once, until the pool is full. */
static void
variable_count(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.descriptorBindingVariableDescriptorCount) {
        return;
    }
    const VkDescriptorBindingFlags flags = VK_DESCRIPTOR_BINDING_VARIABLE_DESCRIPTOR_COUNT_BIT;
    const VkDescriptorSetLayoutBindingFlagsCreateInfo flags_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_BINDING_FLAGS_CREATE_INFO,
        .bindingCount = 1,
        .pBindingFlags = &flags,
    };
    const VkDescriptorSetLayoutBinding binding = {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 64,
                                                  VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 64};
    VkDescriptorSetLayout layout = create_set_layout(gpu, 1, &binding, 0, &flags_info);
    VkDescriptorPool pool = create_pool(gpu, 8, 1, &size, 0, NULL);
    for (uint32_t i = 0; i < 4; i++) {
        const uint32_t count = 16;
        const VkDescriptorSetVariableDescriptorCountAllocateInfo count_info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_VARIABLE_DESCRIPTOR_COUNT_ALLOCATE_INFO,
            .descriptorSetCount = 1,
            .pDescriptorCounts = &count,
        };
        VkDescriptorSet set;
        VkResult result = allocate(gpu, pool, layout, &count_info, &set);
        extensions_expect(result == VK_SUCCESS, "set %u gave %s", i, vkh_result_name(result));
    }
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, layout, NULL);
}

const struct extensions_check extensions_descriptor_checks[] = {
    {"descriptor/a fragmented pool", NULL, fragment_a_pool},
    {"descriptor/variable count", NULL, variable_count},
    {"descriptor/inline uniform block", NULL, inline_uniform_block},
    {"descriptor/pushed by structure", "VK_KHR_maintenance6", push_by_structure},
    {"descriptor/mutable types", "VK_EXT_mutable_descriptor_type", mutable_descriptors},
    {NULL, NULL, NULL},
};
