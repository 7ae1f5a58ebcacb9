/* Graphics pipelines made of libraries, with garbage wherever Vulkan says ignored; and mesh
 * shaders. */
#include "tests/apps/extensions/extensions.h"
#include <string.h>

#include "tests/apps/features/target.h"
#include "tests/apps/shaders/screen_mesh.h"

static const float GREEN[4] = {0, 1, 0, 1};

/* To be ignored, whatever it points at. */
#define GARBAGE(type) ((const type *)(uintptr_t)0x10)

/* Vulkan allows it, but the validation layer and lavapipe follow some of the pointers, too. */
static bool
may_use_garbage(const struct vkh_gpu *gpu)
{
    return !gpu->messenger && strstr(gpu->properties.deviceName, "Vesper");
}

static const VkPipelineVertexInputStateCreateInfo vertex_input = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
};
static const VkPipelineInputAssemblyStateCreateInfo input_assembly = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
    .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
};
static const VkPipelineViewportStateCreateInfo viewport = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
    .viewportCount = 1,
    .scissorCount = 1,
};
static const VkPipelineRasterizationStateCreateInfo rasterization = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
    .lineWidth = 1.0f,
};
static const VkPipelineMultisampleStateCreateInfo multisample = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
    .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
};
static const VkPipelineDepthStencilStateCreateInfo depth = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
    .depthTestEnable = VK_TRUE,
    .depthWriteEnable = VK_TRUE,
    .depthCompareOp = VK_COMPARE_OP_LESS,
};
static const VkPipelineColorBlendStateCreateInfo blend = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
    .attachmentCount = 1,
    .pAttachments = &(VkPipelineColorBlendAttachmentState){.colorWriteMask = 0xf},
};
static const VkDynamicState dynamic_states[] = {VK_DYNAMIC_STATE_VIEWPORT,
                                                VK_DYNAMIC_STATE_SCISSOR};
static const VkPipelineDynamicStateCreateInfo dynamic = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO,
    .dynamicStateCount = BASE_COUNT_OF(dynamic_states),
    .pDynamicStates = dynamic_states,
};

static VkPipelineShaderStageCreateInfo
stage(VkShaderStageFlagBits bit, VkShaderModule module)
{
    return (VkPipelineShaderStageCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
        .stage = bit,
        .module = module,
        .pName = "main",
    };
}

static VkPipeline
create_pipeline(const struct vkh_gpu *gpu, const VkGraphicsPipelineCreateInfo *info)
{
    VkPipeline pipeline;
    VKH_CHECK(vkCreateGraphicsPipelines(gpu->device, VK_NULL_HANDLE, 1, info, NULL, &pipeline));
    return pipeline;
}

static VkPipeline
create_library(const struct target *target, VkGraphicsPipelineLibraryFlagsEXT subset,
               VkGraphicsPipelineCreateInfo info)
{
    const VkGraphicsPipelineLibraryCreateInfoEXT library = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_LIBRARY_CREATE_INFO_EXT,
        .flags = subset,
    };
    info.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO;
    info.pNext = &library;
    info.flags = VK_PIPELINE_CREATE_LIBRARY_BIT_KHR;
    return create_pipeline(target->gpu, &info);
}

static VkPipeline
vertex_input_library(const struct target *target)
{
    bool garbage = may_use_garbage(target->gpu);
    VkGraphicsPipelineCreateInfo info = {
        .stageCount = garbage ? 2 : 0,
        .pStages = garbage ? GARBAGE(VkPipelineShaderStageCreateInfo) : NULL,
        .pVertexInputState = &vertex_input,
        .pInputAssemblyState = &input_assembly,
        .pRasterizationState = garbage ? GARBAGE(VkPipelineRasterizationStateCreateInfo) : NULL,
        .pColorBlendState = garbage ? GARBAGE(VkPipelineColorBlendStateCreateInfo) : NULL,
    };
    return create_library(target, VK_GRAPHICS_PIPELINE_LIBRARY_VERTEX_INPUT_INTERFACE_BIT_EXT,
                          info);
}

static VkPipeline
pre_rasterization_library(const struct target *target, VkShaderModule vertex)
{
    bool garbage = may_use_garbage(target->gpu);
    const VkPipelineShaderStageCreateInfo vertex_stage = stage(VK_SHADER_STAGE_VERTEX_BIT, vertex);
    VkGraphicsPipelineCreateInfo info = {
        .stageCount = 1,
        .pStages = &vertex_stage,
        .pVertexInputState = garbage ? GARBAGE(VkPipelineVertexInputStateCreateInfo) : NULL,
        .pInputAssemblyState = garbage ? GARBAGE(VkPipelineInputAssemblyStateCreateInfo) : NULL,
        .pViewportState = &viewport,
        .pRasterizationState = &rasterization,
        .pMultisampleState = garbage ? GARBAGE(VkPipelineMultisampleStateCreateInfo) : NULL,
        .pDepthStencilState = garbage ? GARBAGE(VkPipelineDepthStencilStateCreateInfo) : NULL,
        .pDynamicState = &dynamic,
        .layout = target->layout,
        .renderPass = target->render_pass,
    };
    return create_library(target, VK_GRAPHICS_PIPELINE_LIBRARY_PRE_RASTERIZATION_SHADERS_BIT_EXT,
                          info);
}

static VkPipeline
fragment_shader_library(const struct target *target, VkShaderModule fragment)
{
    const VkPipelineShaderStageCreateInfo fragment_stage =
        stage(VK_SHADER_STAGE_FRAGMENT_BIT, fragment);
    VkGraphicsPipelineCreateInfo info = {
        .stageCount = 1,
        .pStages = &fragment_stage,
        .pMultisampleState = &multisample,
        .pDepthStencilState = &depth,
        .layout = target->layout,
        .renderPass = target->render_pass,
    };
    return create_library(target, VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_SHADER_BIT_EXT, info);
}

static VkPipeline
fragment_output_library(const struct target *target)
{
    bool garbage = may_use_garbage(target->gpu);
    VkGraphicsPipelineCreateInfo info = {
        .stageCount = garbage ? 1 : 0,
        .pStages = garbage ? GARBAGE(VkPipelineShaderStageCreateInfo) : NULL,
        .pViewportState = garbage ? GARBAGE(VkPipelineViewportStateCreateInfo) : NULL,
        .pMultisampleState = &multisample,
        .pColorBlendState = &blend,
        .renderPass = target->render_pass,
    };
    return create_library(target, VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_OUTPUT_INTERFACE_BIT_EXT,
                          info);
}

static void
draw_and_check(struct target *target)
{
    VkCommandBuffer commands = vkh_begin(target->gpu);
    target_begin(target, commands, VK_SUBPASS_CONTENTS_INLINE);
    target_draw(target, commands, GREEN, 0.5f);
    vkCmdEndRenderPass(commands);
    target_read_back(target, commands);
    vkh_end_and_wait(target->gpu, commands);
    const uint32_t *pixels = target->pixels.map;
    extensions_expect(pixels[0] == TARGET_GREEN && pixels[TARGET_PIXELS - 1] == TARGET_GREEN,
                      "pixels are %08x and %08x", pixels[0], pixels[TARGET_PIXELS - 1]);
}

static void
link_libraries(const struct vkh_gpu *gpu)
{
    struct target target;
    VkShaderModule vertex = target_vertex_shader(gpu);
    VkShaderModule fragment = target_fragment_shader(gpu);
    target_create(gpu, false, &target);
    VkPipeline libraries[4] = {
        vertex_input_library(&target),
        pre_rasterization_library(&target, vertex),
        fragment_shader_library(&target, fragment),
        fragment_output_library(&target),
    };
    const VkPipelineLibraryCreateInfoKHR link = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LIBRARY_CREATE_INFO_KHR,
        .libraryCount = 4,
        .pLibraries = libraries,
    };
    VkGraphicsPipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .pNext = &link,
        .layout = target.layout,
    };
    vkDestroyPipeline(gpu->device, target.pipeline, NULL);
    target.pipeline = create_pipeline(gpu, &info);
    draw_and_check(&target);
    target_destroy(&target);
    for (int i = 0; i < 4; i++) {
        vkDestroyPipeline(gpu->device, libraries[i], NULL);
    }
    vkDestroyShaderModule(gpu->device, vertex, NULL);
    vkDestroyShaderModule(gpu->device, fragment, NULL);
}

/* As target_create() makes it, with a mesh shader and the states that it makes ignored. */
static VkPipeline
create_mesh_pipeline(const struct target *target, VkPipelineLayout layout)
{
    const struct vkh_gpu *gpu = target->gpu;
    bool garbage = may_use_garbage(gpu);
    VkShaderModule mesh = vkh_shader_create(gpu, screen_mesh, sizeof(screen_mesh));
    VkShaderModule fragment = target_fragment_shader(gpu);
    const VkPipelineShaderStageCreateInfo stages[] = {
        stage(VK_SHADER_STAGE_MESH_BIT_EXT, mesh),
        stage(VK_SHADER_STAGE_FRAGMENT_BIT, fragment),
    };
    VkGraphicsPipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .stageCount = 2,
        .pStages = stages,
        .pVertexInputState = garbage ? GARBAGE(VkPipelineVertexInputStateCreateInfo) : NULL,
        .pInputAssemblyState = garbage ? GARBAGE(VkPipelineInputAssemblyStateCreateInfo) : NULL,
        .pViewportState = &viewport,
        .pRasterizationState = &rasterization,
        .pMultisampleState = &multisample,
        .pDepthStencilState = &depth,
        .pColorBlendState = &blend,
        .pDynamicState = &dynamic,
        .layout = layout,
        .renderPass = target->render_pass,
    };
    VkPipeline pipeline = create_pipeline(gpu, &info);
    vkDestroyShaderModule(gpu->device, mesh, NULL);
    vkDestroyShaderModule(gpu->device, fragment, NULL);
    return pipeline;
}

static VkPipelineLayout
create_mesh_layout(const struct vkh_gpu *gpu)
{
    const VkPushConstantRange range = {VK_SHADER_STAGE_MESH_BIT_EXT | VK_SHADER_STAGE_FRAGMENT_BIT,
                                       0, sizeof(struct target_push)};
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &range,
    };
    VkPipelineLayout layout;
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, &layout));
    return layout;
}

static void
draw_mesh(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkCmdDrawMeshTasksEXT);
    const struct target_push push = {{0, 1, 0, 1}, 0.5f};
    struct target target;
    target_create(gpu, false, &target);
    VkPipelineLayout layout = create_mesh_layout(gpu);
    vkDestroyPipeline(gpu->device, target.pipeline, NULL);
    target.pipeline = create_mesh_pipeline(&target, layout);
    VkCommandBuffer commands = vkh_begin(gpu);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_INLINE);
    target_bind(&target, commands);
    vkCmdPushConstants(commands, layout,
                       VK_SHADER_STAGE_MESH_BIT_EXT | VK_SHADER_STAGE_FRAGMENT_BIT, 0, sizeof(push),
                       &push);
    vkCmdDrawMeshTasksEXT(commands, 1, 1, 1);
    vkCmdEndRenderPass(commands);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    const uint32_t *pixels = target.pixels.map;
    extensions_expect(pixels[0] == TARGET_GREEN, "a pixel is %08x", pixels[0]);
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    target_destroy(&target);
}

const struct extensions_check extensions_pipeline_checks[] = {
    {"pipeline/linked from four libraries", "VK_EXT_graphics_pipeline_library", link_libraries},
    {"pipeline/mesh shader", "VK_EXT_mesh_shader", draw_mesh},
    {NULL, NULL, NULL},
};
