/* Shader objects: from SPIR-V, from the binary of another, and several of which one fails. */
#include "tests/apps/extensions/extensions.h"

#include <stdlib.h>
#include <string.h>

#include "tests/apps/features/target.h"

enum { COUNT = 256, BUFFERS = 3 };

struct sum {
    const struct vkh_gpu *gpu;
    struct vkh_buffer buffers[BUFFERS];
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
};

static void
create_sum(const struct vkh_gpu *gpu, struct sum *out)
{
    VkDescriptorSetLayoutBinding bindings[BUFFERS];
    memset(out, 0, sizeof(*out));
    out->gpu = gpu;
    for (uint32_t i = 0; i < BUFFERS; i++) {
        vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED,
                          &out->buffers[i]);
        bindings[i] = (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
        for (uint32_t j = 0; j < COUNT; j++) {
            ((uint32_t *)out->buffers[i].map)[j] = j * (i + 1);
        }
    }
    const VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR,
        .bindingCount = BUFFERS,
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &out->set_layout));
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &out->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, &out->layout));
}

static void
destroy_sum(struct sum *sum)
{
    vkDestroyPipelineLayout(sum->gpu->device, sum->layout, NULL);
    vkDestroyDescriptorSetLayout(sum->gpu->device, sum->set_layout, NULL);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        vkh_buffer_destroy(sum->gpu, &sum->buffers[i]);
    }
}

static VkShaderCreateInfoEXT
sum_info(const struct sum *sum)
{
    return (VkShaderCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_SHADER_CREATE_INFO_EXT,
        .stage = VK_SHADER_STAGE_COMPUTE_BIT,
        .codeType = VK_SHADER_CODE_TYPE_SPIRV_EXT,
        .codeSize = extensions_add_code.size,
        .pCode = extensions_add_code.words,
        .pName = "main",
        .setLayoutCount = 1,
        .pSetLayouts = &sum->set_layout,
    };
}

static void
run_sum(const struct sum *sum, VkShaderEXT shader)
{
    EXTENSIONS_LOAD(sum->gpu, vkCmdBindShadersEXT);
    const VkShaderStageFlagBits stage = VK_SHADER_STAGE_COMPUTE_BIT;
    VkDescriptorBufferInfo infos[BUFFERS];
    VkWriteDescriptorSet writes[BUFFERS];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        infos[i] = (VkDescriptorBufferInfo){sum->buffers[i].buffer, 0, VK_WHOLE_SIZE};
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &infos[i],
        };
    }
    memset(sum->buffers[2].map, 0, COUNT * 4);
    VkCommandBuffer commands = vkh_begin(sum->gpu);
    vkCmdBindShadersEXT(commands, 1, &stage, &shader);
    vkCmdPushDescriptorSetKHR(commands, VK_PIPELINE_BIND_POINT_COMPUTE, sum->layout, 0, BUFFERS,
                              writes);
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(sum->gpu, commands);
    const uint32_t *values = sum->buffers[2].map;
    for (uint32_t i = 0; i < COUNT; i++) {
        if (values[i] != 3 * i) {
            extensions_expect(false, "sum %u is %u", i, values[i]);
            return;
        }
    }
}

static void
compute(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkCreateShadersEXT);
    EXTENSIONS_LOAD(gpu, vkDestroyShaderEXT);
    EXTENSIONS_LOAD(gpu, vkGetShaderBinaryDataEXT);
    struct sum sum;
    create_sum(gpu, &sum);
    VkShaderCreateInfoEXT info = sum_info(&sum);
    VkShaderEXT shader;
    VKH_CHECK(vkCreateShadersEXT(gpu->device, 1, &info, NULL, &shader));
    run_sum(&sum, shader);

    size_t size = 0, short_size = 1;
    VKH_CHECK(vkGetShaderBinaryDataEXT(gpu->device, shader, &size, NULL));
    void *binary = aligned_alloc(16, (size + 15) & ~(size_t)15);
    VKH_CHECK(vkGetShaderBinaryDataEXT(gpu->device, shader, &size, binary));
    VkResult result = vkGetShaderBinaryDataEXT(gpu->device, shader, &short_size, binary);
    extensions_expect(result == VK_INCOMPLETE, "1 byte of a binary gives %s",
                      vkh_result_name(result));
    vkDestroyShaderEXT(gpu->device, shader, NULL);

    info.codeType = VK_SHADER_CODE_TYPE_BINARY_EXT;
    info.codeSize = size;
    info.pCode = binary;
    result = vkCreateShadersEXT(gpu->device, 1, &info, NULL, &shader);
    extensions_expect(result == VK_SUCCESS, "the binary as a shader gives %s",
                      vkh_result_name(result));
    if (result == VK_SUCCESS) {
        run_sum(&sum, shader);
    }
    vkDestroyShaderEXT(gpu->device, shader, NULL);
    free(binary);
    destroy_sum(&sum);
}

/* The second is no binary of this device; the first is what it would be alone. */
static void
incompatible(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkCreateShadersEXT);
    EXTENSIONS_LOAD(gpu, vkDestroyShaderEXT);
    struct sum sum;
    create_sum(gpu, &sum);
    _Alignas(16) static const uint8_t nonsense[64] = {1, 2, 3};
    VkShaderCreateInfoEXT infos[2] = {sum_info(&sum), sum_info(&sum)};
    infos[1].codeType = VK_SHADER_CODE_TYPE_BINARY_EXT;
    infos[1].codeSize = sizeof(nonsense);
    infos[1].pCode = nonsense;
    VkShaderEXT shaders[2];
    memset(shaders, 0xff, sizeof(shaders));
    VkResult result = vkCreateShadersEXT(gpu->device, 2, infos, NULL, shaders);
    extensions_expect(result == VK_INCOMPATIBLE_SHADER_BINARY_EXT, "nonsense gives %s",
                      vkh_result_name(result));
    extensions_expect(shaders[0] && !shaders[1], "the first is %s, the second %s",
                      shaders[0] ? "there" : "missing", shaders[1] ? "there" : "missing");
    if (shaders[0]) {
        run_sum(&sum, shaders[0]);
    }
    vkDestroyShaderEXT(gpu->device, shaders[0], NULL);
    destroy_sum(&sum);
}

static void
set_state(const struct vkh_gpu *gpu, VkCommandBuffer commands)
{
    EXTENSIONS_LOAD(gpu, vkCmdSetViewportWithCountEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetScissorWithCountEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetRasterizerDiscardEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetVertexInputEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetPrimitiveTopologyEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetPrimitiveRestartEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetPolygonModeEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetCullModeEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetFrontFaceEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetRasterizationSamplesEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetSampleMaskEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetAlphaToCoverageEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetDepthTestEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetDepthWriteEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetDepthBiasEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetStencilTestEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetColorBlendEnableEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetColorWriteMaskEXT);
    const VkViewport viewport = {0, 0, TARGET_SIZE, TARGET_SIZE, 0, 1};
    const VkRect2D scissor = {{0, 0}, {TARGET_SIZE, TARGET_SIZE}};
    const VkSampleMask mask = ~0u;
    const VkBool32 blend = VK_FALSE;
    const VkColorComponentFlags all = 0xf;
    vkCmdSetViewportWithCountEXT(commands, 1, &viewport);
    vkCmdSetScissorWithCountEXT(commands, 1, &scissor);
    vkCmdSetRasterizerDiscardEnableEXT(commands, VK_FALSE);
    vkCmdSetVertexInputEXT(commands, 0, NULL, 0, NULL);
    vkCmdSetPrimitiveTopologyEXT(commands, VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST);
    vkCmdSetPrimitiveRestartEnableEXT(commands, VK_FALSE);
    vkCmdSetPolygonModeEXT(commands, VK_POLYGON_MODE_FILL);
    vkCmdSetCullModeEXT(commands, VK_CULL_MODE_NONE);
    vkCmdSetFrontFaceEXT(commands, VK_FRONT_FACE_CLOCKWISE);
    vkCmdSetRasterizationSamplesEXT(commands, VK_SAMPLE_COUNT_1_BIT);
    vkCmdSetSampleMaskEXT(commands, VK_SAMPLE_COUNT_1_BIT, &mask);
    vkCmdSetAlphaToCoverageEnableEXT(commands, VK_FALSE);
    vkCmdSetDepthTestEnableEXT(commands, VK_FALSE);
    vkCmdSetDepthWriteEnableEXT(commands, VK_FALSE);
    vkCmdSetDepthBiasEnableEXT(commands, VK_FALSE);
    vkCmdSetStencilTestEnableEXT(commands, VK_FALSE);
    vkCmdSetColorBlendEnableEXT(commands, 0, 1, &blend);
    vkCmdSetColorWriteMaskEXT(commands, 0, 1, &all);
}

static void
begin_rendering(const struct target *target, VkCommandBuffer commands)
{
    const VkRenderingAttachmentInfo colour = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
        .imageView = target->colour.view,
        .imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
    };
    const VkRenderingInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
        .renderArea = {{0, 0}, {TARGET_SIZE, TARGET_SIZE}},
        .layerCount = 1,
        .colorAttachmentCount = 1,
        .pColorAttachments = &colour,
    };
    vkh_image_barrier(
        commands, target->colour.image, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
        VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, 0,
        VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT);
    vkCmdBeginRendering(commands, &info);
}

static void
end_rendering(struct target *target, VkCommandBuffer commands)
{
    vkCmdEndRendering(commands);
    vkh_image_barrier(
        commands, target->colour.image, VK_IMAGE_ASPECT_COLOR_BIT,
        VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
        VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
        VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    target_read_back(target, commands);
}

/* Two linked ones draw over everything, and no pipeline does. */
static void
draw(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkCreateShadersEXT);
    EXTENSIONS_LOAD(gpu, vkDestroyShaderEXT);
    EXTENSIONS_LOAD(gpu, vkCmdBindShadersEXT);
    const VkPushConstantRange range = {VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT, 0,
                                       sizeof(struct target_push)};
    size_t vertex_size, fragment_size;
    const uint32_t *vertex = target_vertex_code(&vertex_size);
    const uint32_t *fragment = target_fragment_code(&fragment_size);
    VkShaderCreateInfoEXT infos[2];
    for (int i = 0; i < 2; i++) {
        infos[i] = (VkShaderCreateInfoEXT){
            .sType = VK_STRUCTURE_TYPE_SHADER_CREATE_INFO_EXT,
            .flags = VK_SHADER_CREATE_LINK_STAGE_BIT_EXT,
            .stage = i ? VK_SHADER_STAGE_FRAGMENT_BIT : VK_SHADER_STAGE_VERTEX_BIT,
            .nextStage = i ? 0 : VK_SHADER_STAGE_FRAGMENT_BIT,
            .codeType = VK_SHADER_CODE_TYPE_SPIRV_EXT,
            .codeSize = i ? fragment_size : vertex_size,
            .pCode = i ? fragment : vertex,
            .pName = "main",
            .pushConstantRangeCount = 1,
            .pPushConstantRanges = &range,
        };
    }
    /* The other stages that the device has must be said to be empty. */
    VkShaderStageFlagBits stages[7] = {VK_SHADER_STAGE_VERTEX_BIT, VK_SHADER_STAGE_FRAGMENT_BIT,
                                       VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT,
                                       VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT,
                                       VK_SHADER_STAGE_GEOMETRY_BIT};
    VkShaderEXT shaders[7] = {0};
    uint32_t stage_count = 5;
    if (vkh_gpu_has_extension(gpu, "VK_EXT_mesh_shader")) {
        stages[stage_count++] = VK_SHADER_STAGE_TASK_BIT_EXT;
        stages[stage_count++] = VK_SHADER_STAGE_MESH_BIT_EXT;
    }
    struct target target;
    target_create(gpu, true, &target);
    VKH_CHECK(vkCreateShadersEXT(gpu->device, 2, infos, NULL, shaders));

    VkCommandBuffer commands = vkh_begin(gpu);
    begin_rendering(&target, commands);
    vkCmdBindShadersEXT(commands, stage_count, stages, shaders);
    set_state(gpu, commands);
    target_push(&target, commands, (const float[4]){0, 1, 0, 1}, 0.5f);
    vkCmdDraw(commands, 3, 1, 0, 0);
    end_rendering(&target, commands);
    vkh_end_and_wait(gpu, commands);
    const uint32_t *pixels = target.pixels.map;
    extensions_expect(pixels[0] == TARGET_GREEN && pixels[TARGET_PIXELS - 1] == TARGET_GREEN,
                      "pixels are %08x and %08x", pixels[0], pixels[TARGET_PIXELS - 1]);
    vkDestroyShaderEXT(gpu->device, shaders[0], NULL);
    vkDestroyShaderEXT(gpu->device, shaders[1], NULL);
    target_destroy(&target);
}

const struct extensions_check extensions_shader_object_checks[] = {
    {"shader object/SPIR-V, and the binary that comes of it", "VK_EXT_shader_object", compute},
    {"shader object/one of two is no shader", "VK_EXT_shader_object", incompatible},
    {"shader object/a draw without a pipeline", "VK_EXT_shader_object", draw},
    {0},
};
