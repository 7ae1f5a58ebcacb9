/* VK_EXT_device_generated_commands: a dispatch that the device takes from a buffer, prepared with
 * the state that another command buffer has while it is being recorded. */
#include "tests/apps/extensions/extensions.h"

#include <string.h>

enum {
    COUNT = 64, /* one workgroup of add.comp */
};

struct generated {
    const struct vkh_gpu *gpu;
    struct vkh_compute add;
    struct vkh_buffer operands[3]; /* the last one: the sums */
    struct vkh_buffer dispatch;    /* what the device reads */
    struct vkh_buffer preprocess;
    VkIndirectCommandsLayoutEXT layout;
    VkGeneratedCommandsPipelineInfoEXT pipeline_info;
    VkGeneratedCommandsInfoEXT info;
};

static void
create_adder(struct generated *test)
{
    vkh_compute_create(test->gpu, extensions_add_code.words, extensions_add_code.size, 3, 0, NULL,
                       &test->add);
    for (uint32_t i = 0; i < 3; i++) {
        vkh_buffer_create(test->gpu, COUNT * sizeof(uint32_t), VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
                          VKH_MAPPED, &test->operands[i]);
        vkh_compute_bind_buffer(test->gpu, &test->add, i, test->operands[i].buffer);
        for (uint32_t j = 0; j < COUNT; j++) {
            ((uint32_t *)test->operands[i].map)[j] = i == 2 ? 0 : j * (i + 1);
        }
    }
}

/* One token, which has no data. */
static void
create_layout(struct generated *test)
{
    EXTENSIONS_LOAD(test->gpu, vkCreateIndirectCommandsLayoutEXT);
    const VkIndirectCommandsLayoutTokenEXT token = {
        .sType = VK_STRUCTURE_TYPE_INDIRECT_COMMANDS_LAYOUT_TOKEN_EXT,
        .type = VK_INDIRECT_COMMANDS_TOKEN_TYPE_DISPATCH_EXT,
    };
    const VkIndirectCommandsLayoutCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_INDIRECT_COMMANDS_LAYOUT_CREATE_INFO_EXT,
        .flags = VK_INDIRECT_COMMANDS_LAYOUT_USAGE_EXPLICIT_PREPROCESS_BIT_EXT,
        .shaderStages = VK_SHADER_STAGE_COMPUTE_BIT,
        .indirectStride = sizeof(VkDispatchIndirectCommand),
        .pipelineLayout = test->add.layout,
        .tokenCount = 1,
        .pTokens = &token,
    };
    VKH_CHECK(vkCreateIndirectCommandsLayoutEXT(test->gpu->device, &info, NULL, &test->layout));
}

static VkDeviceAddress
address_of(const struct vkh_gpu *gpu, VkBuffer buffer)
{
    return vkGetBufferDeviceAddress(
        gpu->device, &(VkBufferDeviceAddressInfo){
                         .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = buffer});
}

/* In memory with an address. */
static void
create_buffer(const struct vkh_gpu *gpu, VkDeviceSize size, VkBufferUsageFlags2 usage,
              uint32_t types, VkMemoryPropertyFlags wanted, struct vkh_buffer *out)
{
    const VkBufferUsageFlags2CreateInfo usage_info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_USAGE_FLAGS_2_CREATE_INFO,
        .usage = usage | VK_BUFFER_USAGE_2_SHADER_DEVICE_ADDRESS_BIT,
    };
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &usage_info,
        .size = size,
    };
    const VkMemoryAllocateFlagsInfo flags = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
    };
    VkMemoryRequirements requirements;
    *out = (struct vkh_buffer){.size = size};
    VKH_CHECK(vkCreateBuffer(gpu->device, &info, NULL, &out->buffer));
    vkGetBufferMemoryRequirements(gpu->device, out->buffer, &requirements);
    const VkMemoryAllocateInfo allocate_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &flags,
        .allocationSize = requirements.size,
        .memoryTypeIndex =
            vkh_memory_type(gpu, requirements.memoryTypeBits & types, wanted, wanted),
    };
    VKH_CHECK(vkAllocateMemory(gpu->device, &allocate_info, NULL, &out->memory));
    VKH_CHECK(vkBindBufferMemory(gpu->device, out->buffer, out->memory, 0));
    if (wanted & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
        VKH_CHECK(vkMapMemory(gpu->device, out->memory, 0, VK_WHOLE_SIZE, 0, &out->map));
    }
}

static void
create_dispatch(struct generated *test)
{
    const VkDispatchIndirectCommand one = {1, 1, 1};
    create_buffer(test->gpu, sizeof(one), VK_BUFFER_USAGE_2_INDIRECT_BUFFER_BIT, UINT32_MAX,
                  VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                  &test->dispatch);
    memcpy(test->dispatch.map, &one, sizeof(one));
}

static void
create_preprocess(struct generated *test)
{
    EXTENSIONS_LOAD(test->gpu, vkGetGeneratedCommandsMemoryRequirementsEXT);
    const VkGeneratedCommandsMemoryRequirementsInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_GENERATED_COMMANDS_MEMORY_REQUIREMENTS_INFO_EXT,
        .pNext = &test->pipeline_info,
        .indirectCommandsLayout = test->layout,
        .maxSequenceCount = 1,
    };
    VkMemoryRequirements2 needed = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2};
    vkGetGeneratedCommandsMemoryRequirementsEXT(test->gpu->device, &info, &needed);
    const VkMemoryRequirements *requirements = &needed.memoryRequirements;
    uint32_t count = test->gpu->memory.memoryTypeCount;
    extensions_expect(requirements->memoryTypeBits != 0 &&
                          (uint64_t)requirements->memoryTypeBits >> count == 0,
                      "memory types %#x of %u", requirements->memoryTypeBits, count);
    create_buffer(test->gpu, requirements->size ? requirements->size : 4,
                  VK_BUFFER_USAGE_2_PREPROCESS_BUFFER_BIT_EXT, requirements->memoryTypeBits, 0,
                  &test->preprocess);
}

static void
fill_info(struct generated *test)
{
    test->info = (VkGeneratedCommandsInfoEXT){
        .sType = VK_STRUCTURE_TYPE_GENERATED_COMMANDS_INFO_EXT,
        .pNext = &test->pipeline_info,
        .shaderStages = VK_SHADER_STAGE_COMPUTE_BIT,
        .indirectCommandsLayout = test->layout,
        .indirectAddress = address_of(test->gpu, test->dispatch.buffer),
        .indirectAddressSize = sizeof(VkDispatchIndirectCommand),
        .preprocessAddress = address_of(test->gpu, test->preprocess.buffer),
        .preprocessSize = test->preprocess.size,
        .maxSequenceCount = 1,
    };
}

/* The state is that of a command buffer which is not ended yet, and goes on afterwards. */
static void
prepare_and_execute(struct generated *test)
{
    EXTENSIONS_LOAD(test->gpu, vkCmdPreprocessGeneratedCommandsEXT);
    EXTENSIONS_LOAD(test->gpu, vkCmdExecuteGeneratedCommandsEXT);
    VkCommandBuffer state = vkh_begin(test->gpu);
    VkCommandBuffer commands = vkh_begin(test->gpu);
    vkCmdBindPipeline(state, VK_PIPELINE_BIND_POINT_COMPUTE, test->add.pipeline);
    vkCmdBindDescriptorSets(state, VK_PIPELINE_BIND_POINT_COMPUTE, test->add.layout, 0, 1,
                            &test->add.set, 0, NULL);
    vkCmdPreprocessGeneratedCommandsEXT(commands, &test->info, state);
    vkCmdExecuteGeneratedCommandsEXT(state, VK_TRUE, &test->info);
    vkh_barrier_to_host(state, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(test->gpu, commands);
    vkh_end_and_wait(test->gpu, state);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t sum = ((const uint32_t *)test->operands[2].map)[i];
        extensions_expect(sum == 3 * i, "sum %u is %u, wanted %u", i, sum, 3 * i);
    }
}

static void
destroy(struct generated *test)
{
    EXTENSIONS_LOAD(test->gpu, vkDestroyIndirectCommandsLayoutEXT);
    vkDestroyIndirectCommandsLayoutEXT(test->gpu->device, test->layout, NULL);
    vkh_buffer_destroy(test->gpu, &test->preprocess);
    vkh_buffer_destroy(test->gpu, &test->dispatch);
    for (uint32_t i = 0; i < 3; i++) {
        vkh_buffer_destroy(test->gpu, &test->operands[i]);
    }
    vkh_compute_destroy(test->gpu, &test->add);
}

static void
dispatch(const struct vkh_gpu *gpu)
{
    struct generated test = {.gpu = gpu};
    create_adder(&test);
    test.pipeline_info = (VkGeneratedCommandsPipelineInfoEXT){
        .sType = VK_STRUCTURE_TYPE_GENERATED_COMMANDS_PIPELINE_INFO_EXT,
        .pipeline = test.add.pipeline,
    };
    create_layout(&test);
    create_dispatch(&test);
    create_preprocess(&test);
    fill_info(&test);
    prepare_and_execute(&test);
    destroy(&test);
}

const struct extensions_check extensions_generated_checks[] = {
    {"generated/dispatch", "VK_EXT_device_generated_commands", dispatch},
    {NULL, NULL, NULL},
};
