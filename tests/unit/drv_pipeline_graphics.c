#include "tests/unit/test.h"

#include <stdlib.h>

#include "driver/pipeline.h"
#include "driver/pipeline_graphics.h"
#include "driver/render_pass.h"
#include "driver/struct_chain.h"

/* What an application may leave in members that do not count. Following it crashes. */
#define POISON ((uintptr_t)0xdeaddeaddeaddeadu)
#define POISONED(type) ((const type *)POISON)

/* A complete pipeline with everything valid, whose parts tests then poison. */
struct example {
    VkPipelineShaderStageCreateInfo stages[5];
    VkPipelineVertexInputStateCreateInfo vertex_input;
    VkPipelineInputAssemblyStateCreateInfo input_assembly;
    VkPipelineTessellationStateCreateInfo tessellation;
    VkPipelineViewportStateCreateInfo viewport;
    VkPipelineRasterizationStateCreateInfo rasterization;
    VkPipelineMultisampleStateCreateInfo multisample;
    VkPipelineDepthStencilStateCreateInfo depth_stencil;
    VkPipelineColorBlendStateCreateInfo color_blend;
    VkDynamicState states[8];
    VkPipelineDynamicStateCreateInfo dynamic;
    VkFormat formats[2];
    VkPipelineRenderingCreateInfo rendering;
    VkGraphicsPipelineLibraryCreateInfoEXT subsets;
    VkPipelineLibraryCreateInfoKHR libraries;
    struct drv_pipeline library;
    VkPipeline library_handle;
    VkGraphicsPipelineCreateInfo info;

    struct drv_scratch scratch;
    bool advanced_blend;
    VkGraphicsPipelineCreateInfo out;
    bool discards;
};

static int layout_storage;

static void
chain(struct example *e, void *item)
{
    ((VkBaseOutStructure *)item)->pNext = (void *)e->info.pNext;
    e->info.pNext = item;
}

static void
init_structures(struct example *e)
{
    e->stages[0].stage = VK_SHADER_STAGE_VERTEX_BIT;
    e->stages[1].stage = VK_SHADER_STAGE_FRAGMENT_BIT;
    e->stages[2].stage = VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT;
    e->stages[3].stage = VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT;
    e->formats[0] = VK_FORMAT_R8G8B8A8_UNORM;
    e->rendering = (VkPipelineRenderingCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
        .colorAttachmentCount = 2,
        .pColorAttachmentFormats = e->formats,
        .depthAttachmentFormat = VK_FORMAT_D32_SFLOAT,
    };
    e->subsets.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_LIBRARY_CREATE_INFO_EXT;
    e->library_handle = (VkPipeline)(uintptr_t)&e->library;
    e->libraries = (VkPipelineLibraryCreateInfoKHR){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LIBRARY_CREATE_INFO_KHR,
        .libraryCount = 1,
        .pLibraries = &e->library_handle,
    };
    e->dynamic.pDynamicStates = e->states;
}

static struct example *
example(void)
{
    struct example *e = calloc(1, sizeof(*e));

    drv_scratch_init(&e->scratch);
    init_structures(e);
    e->info = (VkGraphicsPipelineCreateInfo){
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .stageCount = 2,
        .pStages = e->stages,
        .pVertexInputState = &e->vertex_input,
        .pInputAssemblyState = &e->input_assembly,
        .pTessellationState = POISONED(VkPipelineTessellationStateCreateInfo),
        .pViewportState = &e->viewport,
        .pRasterizationState = &e->rasterization,
        .pMultisampleState = &e->multisample,
        .pDepthStencilState = &e->depth_stencil,
        .pColorBlendState = &e->color_blend,
        .pDynamicState = &e->dynamic,
        .layout = (VkPipelineLayout)(uintptr_t)&layout_storage,
        .basePipelineHandle = (VkPipeline)POISON,
    };
    chain(e, &e->rendering);
    return e;
}

static void
set_dynamic(struct example *e, VkDynamicState state)
{
    e->states[e->dynamic.dynamicStateCount++] = state;
}

static void
clean(struct example *e)
{
    assert_true(drv_graphics_pipeline_clean(&e->scratch, &e->info, e->advanced_blend, &e->out,
                                            &e->discards));
}

static void
finish(struct example *e)
{
    drv_scratch_finish(&e->scratch);
    free(e);
}

static const VkPipelineRenderingCreateInfo *
rendering_of(const struct example *e)
{
    return drv_find_struct(e->out.pNext, VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO);
}

TEST(a_plain_pipeline_keeps_all_its_state)
{
    struct example *e = example();

    clean(e);
    assert_non_null(e->out.pVertexInputState);
    assert_non_null(e->out.pInputAssemblyState);
    assert_non_null(e->out.pViewportState);
    assert_non_null(e->out.pRasterizationState);
    assert_non_null(e->out.pMultisampleState);
    assert_non_null(e->out.pDepthStencilState);
    assert_non_null(e->out.pColorBlendState);
    assert_non_null(e->out.pDynamicState);
    assert_int_equal(rendering_of(e)->colorAttachmentCount, 2);
    assert_true(e->out.layout == e->info.layout);
    assert_false(e->discards);
    finish(e);
}

TEST(tessellation_state_counts_only_with_both_stages)
{
    struct example *e = example();

    clean(e);
    assert_null(e->out.pTessellationState);
    e->info.stageCount = 4;
    e->info.pTessellationState = &e->tessellation;
    clean(e);
    assert_non_null(e->out.pTessellationState);
    finish(e);
}

TEST(a_base_pipeline_counts_only_for_derivatives)
{
    struct example *e = example();

    clean(e);
    assert_true(e->out.basePipelineHandle == VK_NULL_HANDLE);
    e->info.flags = VK_PIPELINE_CREATE_DERIVATIVE_BIT;
    e->info.basePipelineHandle = e->library_handle;
    clean(e);
    assert_true(e->out.basePipelineHandle == e->library_handle);
    finish(e);
}

TEST(wide_flags_replace_the_plain_ones)
{
    struct example *e = example();
    VkPipelineCreateFlags2CreateInfo flags2 = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATE_FLAGS_2_CREATE_INFO,
    };

    chain(e, &flags2);
    e->info.flags = VK_PIPELINE_CREATE_DERIVATIVE_BIT;
    clean(e);
    assert_true(e->out.basePipelineHandle == VK_NULL_HANDLE);
    finish(e);
}

TEST(rasterizer_discard_makes_fragment_state_ignored)
{
    struct example *e = example();

    e->rasterization.rasterizerDiscardEnable = VK_TRUE;
    e->info.pViewportState = POISONED(VkPipelineViewportStateCreateInfo);
    e->info.pMultisampleState = POISONED(VkPipelineMultisampleStateCreateInfo);
    e->info.pDepthStencilState = POISONED(VkPipelineDepthStencilStateCreateInfo);
    e->info.pColorBlendState = POISONED(VkPipelineColorBlendStateCreateInfo);
    e->rendering.pColorAttachmentFormats = POISONED(VkFormat);
    clean(e);
    assert_null(e->out.pViewportState);
    assert_null(e->out.pMultisampleState);
    assert_null(e->out.pDepthStencilState);
    assert_null(e->out.pColorBlendState);
    assert_int_equal(rendering_of(e)->colorAttachmentCount, 0);
    assert_null(rendering_of(e)->pColorAttachmentFormats);
    assert_true(e->discards);
    finish(e);
}

TEST(dynamic_rasterizer_discard_keeps_fragment_state)
{
    struct example *e = example();

    e->rasterization.rasterizerDiscardEnable = VK_TRUE;
    set_dynamic(e, VK_DYNAMIC_STATE_RASTERIZER_DISCARD_ENABLE);
    clean(e);
    assert_non_null(e->out.pColorBlendState);
    assert_false(e->discards);
    finish(e);
}

TEST(dynamic_viewports_and_scissors_are_not_read)
{
    struct example *e = example();

    e->viewport.viewportCount = 1;
    e->viewport.pViewports = POISONED(VkViewport);
    e->viewport.scissorCount = 1;
    e->viewport.pScissors = POISONED(VkRect2D);
    set_dynamic(e, VK_DYNAMIC_STATE_VIEWPORT);
    set_dynamic(e, VK_DYNAMIC_STATE_SCISSOR_WITH_COUNT);
    clean(e);
    assert_null(e->out.pViewportState->pViewports);
    assert_null(e->out.pViewportState->pScissors);
    assert_int_equal(e->out.pViewportState->viewportCount, 1);
    assert_ptr_equal(e->viewport.pViewports, POISONED(VkViewport)); /* the application's own */
    finish(e);
}

TEST(a_dynamic_sample_mask_is_not_read)
{
    struct example *e = example();

    e->multisample.pSampleMask = POISONED(VkSampleMask);
    set_dynamic(e, VK_DYNAMIC_STATE_SAMPLE_MASK_EXT);
    clean(e);
    assert_null(e->out.pMultisampleState->pSampleMask);
    finish(e);
}

TEST(sample_locations_count_only_when_enabled)
{
    struct example *e = example();
    VkPipelineSampleLocationsStateCreateInfoEXT locations = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SAMPLE_LOCATIONS_STATE_CREATE_INFO_EXT,
        .sampleLocationsInfo =
            {
                .pNext = (const void *)POISON,
                .sampleLocationsCount = 4,
                .pSampleLocations = POISONED(VkSampleLocationEXT),
            },
    };

    e->multisample.pNext = &locations;
    clean(e);
    const VkPipelineSampleLocationsStateCreateInfoEXT *out =
        drv_find_struct(e->out.pMultisampleState->pNext, locations.sType);
    assert_int_equal(out->sampleLocationsInfo.sType, VK_STRUCTURE_TYPE_SAMPLE_LOCATIONS_INFO_EXT);
    assert_int_equal(out->sampleLocationsInfo.sampleLocationsCount, 0);
    assert_null(out->sampleLocationsInfo.pSampleLocations);
    assert_null(out->sampleLocationsInfo.pNext);
    finish(e);
}

TEST(dynamic_blending_leaves_attachments_unread)
{
    struct example *e = example();

    e->color_blend.attachmentCount = 2;
    e->color_blend.pAttachments = POISONED(VkPipelineColorBlendAttachmentState);
    set_dynamic(e, VK_DYNAMIC_STATE_COLOR_BLEND_ENABLE_EXT);
    set_dynamic(e, VK_DYNAMIC_STATE_COLOR_BLEND_EQUATION_EXT);
    set_dynamic(e, VK_DYNAMIC_STATE_COLOR_WRITE_MASK_EXT);
    clean(e);
    assert_null(e->out.pColorBlendState->pAttachments);
    assert_int_equal(e->out.pColorBlendState->attachmentCount, 2);

    e->advanced_blend = true;
    set_dynamic(e, VK_DYNAMIC_STATE_COLOR_BLEND_ADVANCED_EXT);
    clean(e);
    assert_null(e->out.pColorBlendState->pAttachments);
    finish(e);
}

/* With the feature both kinds of equation must be dynamic before attachments are ignored. */
TEST(blending_that_is_half_dynamic_keeps_its_attachments)
{
    const VkDynamicState halves[] = {VK_DYNAMIC_STATE_COLOR_BLEND_EQUATION_EXT,
                                     VK_DYNAMIC_STATE_COLOR_BLEND_ADVANCED_EXT};

    for (size_t i = 0; i < BASE_COUNT_OF(halves); i++) {
        struct example *e = example();
        const VkPipelineColorBlendAttachmentState attachment = {.colorWriteMask = 15};

        e->advanced_blend = true;
        e->color_blend.attachmentCount = 1;
        e->color_blend.pAttachments = &attachment;
        set_dynamic(e, VK_DYNAMIC_STATE_COLOR_BLEND_ENABLE_EXT);
        set_dynamic(e, VK_DYNAMIC_STATE_COLOR_WRITE_MASK_EXT);
        set_dynamic(e, halves[i]);
        clean(e);
        assert_ptr_equal(e->out.pColorBlendState->pAttachments, &attachment);
        finish(e);
    }
}

TEST(dynamic_vertex_input_is_not_read)
{
    struct example *e = example();

    e->info.pVertexInputState = POISONED(VkPipelineVertexInputStateCreateInfo);
    set_dynamic(e, VK_DYNAMIC_STATE_VERTEX_INPUT_EXT);
    clean(e);
    assert_null(e->out.pVertexInputState);
    finish(e);
}

TEST(mesh_pipelines_have_no_vertex_input)
{
    struct example *e = example();

    e->stages[0].stage = VK_SHADER_STAGE_MESH_BIT_EXT;
    e->info.pVertexInputState = POISONED(VkPipelineVertexInputStateCreateInfo);
    e->info.pInputAssemblyState = POISONED(VkPipelineInputAssemblyStateCreateInfo);
    clean(e);
    assert_null(e->out.pVertexInputState);
    assert_null(e->out.pInputAssemblyState);
    finish(e);
}

TEST(rendering_without_attachments_ignores_their_state)
{
    struct example *e = example();

    e->rendering.depthAttachmentFormat = VK_FORMAT_UNDEFINED;
    e->formats[0] = VK_FORMAT_UNDEFINED;
    e->info.pDepthStencilState = POISONED(VkPipelineDepthStencilStateCreateInfo);
    e->info.pColorBlendState = POISONED(VkPipelineColorBlendStateCreateInfo);
    clean(e);
    assert_null(e->out.pDepthStencilState);
    assert_null(e->out.pColorBlendState);
    finish(e);
}

TEST(a_stencil_format_alone_keeps_depth_stencil_state)
{
    struct example *e = example();

    e->rendering.depthAttachmentFormat = VK_FORMAT_UNDEFINED;
    e->rendering.stencilAttachmentFormat = VK_FORMAT_S8_UINT;
    clean(e);
    assert_non_null(e->out.pDepthStencilState);
    finish(e);
}

static struct drv_render_pass *
render_pass(void)
{
    struct drv_render_pass *pass = calloc(1, sizeof(*pass) + 2 * sizeof(pass->subpasses[0]));
    pass->subpass_count = 2;
    pass->subpasses[0].color = true;
    pass->subpasses[1].depth_stencil = true;
    return pass;
}

TEST(a_subpass_decides_which_attachment_state_counts)
{
    struct drv_render_pass *pass = render_pass();
    struct example *e = example();

    e->info.renderPass = (VkRenderPass)(uintptr_t)pass;
    e->info.pDepthStencilState = POISONED(VkPipelineDepthStencilStateCreateInfo);
    clean(e);
    assert_null(e->out.pDepthStencilState);
    assert_non_null(e->out.pColorBlendState);

    e->info.subpass = 1;
    e->info.pDepthStencilState = &e->depth_stencil;
    e->info.pColorBlendState = POISONED(VkPipelineColorBlendStateCreateInfo);
    clean(e);
    assert_non_null(e->out.pDepthStencilState);
    assert_null(e->out.pColorBlendState);
    finish(e);
    free(pass);
}

TEST(with_a_render_pass_dynamic_rendering_is_ignored)
{
    struct drv_render_pass *pass = render_pass();
    struct example *e = example();

    e->info.renderPass = (VkRenderPass)(uintptr_t)pass;
    e->rendering.pColorAttachmentFormats = POISONED(VkFormat);
    clean(e);
    assert_null(rendering_of(e));
    finish(e);
    free(pass);
}

/* Everything poisoned that a library of this subset does not need. */
static struct example *
library_of(VkGraphicsPipelineLibraryFlagsEXT subset)
{
    struct example *e = example();

    e->subsets.flags = subset;
    e->info.flags = VK_PIPELINE_CREATE_LIBRARY_BIT_KHR;
    chain(e, &e->subsets);
    if (!(subset & VK_GRAPHICS_PIPELINE_LIBRARY_VERTEX_INPUT_INTERFACE_BIT_EXT)) {
        e->info.pVertexInputState = POISONED(VkPipelineVertexInputStateCreateInfo);
        e->info.pInputAssemblyState = POISONED(VkPipelineInputAssemblyStateCreateInfo);
    }
    if (!(subset & VK_GRAPHICS_PIPELINE_LIBRARY_PRE_RASTERIZATION_SHADERS_BIT_EXT)) {
        e->info.pViewportState = POISONED(VkPipelineViewportStateCreateInfo);
        e->info.pRasterizationState = POISONED(VkPipelineRasterizationStateCreateInfo);
    }
    if (!(subset & VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_SHADER_BIT_EXT)) {
        e->info.pDepthStencilState = POISONED(VkPipelineDepthStencilStateCreateInfo);
    }
    if (!(subset & VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_OUTPUT_INTERFACE_BIT_EXT)) {
        e->info.pColorBlendState = POISONED(VkPipelineColorBlendStateCreateInfo);
        e->rendering.pColorAttachmentFormats = POISONED(VkFormat);
    }
    return e;
}

TEST(a_vertex_input_library_needs_nothing_else)
{
    struct example *e = library_of(VK_GRAPHICS_PIPELINE_LIBRARY_VERTEX_INPUT_INTERFACE_BIT_EXT);

    e->info.pStages = POISONED(VkPipelineShaderStageCreateInfo);
    e->info.layout = (VkPipelineLayout)POISON;
    e->info.renderPass = (VkRenderPass)POISON;
    e->info.pMultisampleState = POISONED(VkPipelineMultisampleStateCreateInfo);
    clean(e);
    assert_non_null(e->out.pVertexInputState);
    assert_int_equal(e->out.stageCount, 0);
    assert_null(e->out.pStages);
    assert_null(e->out.pRasterizationState);
    assert_null(e->out.pMultisampleState);
    assert_true(e->out.layout == VK_NULL_HANDLE);
    assert_true(e->out.renderPass == VK_NULL_HANDLE);
    assert_null(rendering_of(e));
    finish(e);
}

TEST(a_pre_rasterization_library_keeps_its_view_mask_only)
{
    struct example *e = library_of(VK_GRAPHICS_PIPELINE_LIBRARY_PRE_RASTERIZATION_SHADERS_BIT_EXT);

    e->rendering.viewMask = 3;
    e->info.pMultisampleState = POISONED(VkPipelineMultisampleStateCreateInfo);
    clean(e);
    assert_null(e->out.pVertexInputState);
    assert_non_null(e->out.pViewportState);
    assert_non_null(e->out.pRasterizationState);
    assert_null(e->out.pMultisampleState);
    assert_int_equal(rendering_of(e)->viewMask, 3);
    assert_null(rendering_of(e)->pColorAttachmentFormats);
    finish(e);
}

TEST(a_fragment_shader_library_keeps_depth_state_without_knowing_formats)
{
    struct example *e = library_of(VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_SHADER_BIT_EXT);

    clean(e);
    assert_non_null(e->out.pDepthStencilState);
    assert_non_null(e->out.pMultisampleState);
    assert_null(e->out.pColorBlendState);
    assert_null(e->out.pRasterizationState);
    finish(e);
}

TEST(a_fragment_output_library_keeps_blending)
{
    struct example *e = library_of(VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_OUTPUT_INTERFACE_BIT_EXT);

    e->info.pStages = POISONED(VkPipelineShaderStageCreateInfo);
    e->info.layout = (VkPipelineLayout)POISON;
    clean(e);
    assert_non_null(e->out.pColorBlendState);
    assert_non_null(e->out.pMultisampleState);
    assert_null(e->out.pDepthStencilState);
    assert_null(e->out.pStages);
    assert_true(e->out.layout == VK_NULL_HANDLE);
    assert_int_equal(rendering_of(e)->colorAttachmentCount, 2);
    finish(e);
}

TEST(linking_libraries_alone_reads_no_state)
{
    struct example *e = library_of(0);

    e->info.flags = 0;
    e->info.pStages = POISONED(VkPipelineShaderStageCreateInfo);
    e->info.pMultisampleState = POISONED(VkPipelineMultisampleStateCreateInfo);
    e->info.pDynamicState = POISONED(VkPipelineDynamicStateCreateInfo);
    chain(e, &e->libraries);
    clean(e);
    assert_null(e->out.pStages);
    assert_null(e->out.pDynamicState);
    assert_true(e->out.layout == e->info.layout);
    assert_false(e->discards);
    finish(e);
}

TEST(a_library_that_discards_makes_fragment_state_ignored)
{
    struct example *e = library_of(VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_SHADER_BIT_EXT |
                                   VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_OUTPUT_INTERFACE_BIT_EXT);

    e->library.discards = true;
    e->info.pMultisampleState = POISONED(VkPipelineMultisampleStateCreateInfo);
    e->info.pDepthStencilState = POISONED(VkPipelineDepthStencilStateCreateInfo);
    e->info.pColorBlendState = POISONED(VkPipelineColorBlendStateCreateInfo);
    chain(e, &e->libraries);
    clean(e);
    assert_null(e->out.pMultisampleState);
    assert_null(e->out.pDepthStencilState);
    assert_null(e->out.pColorBlendState);
    assert_true(e->discards);
    finish(e);
}

TEST(creation_feedback_stays_behind)
{
    struct example *e = example();
    VkPipelineCreationFeedbackCreateInfo feedback = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO,
    };

    chain(e, &feedback);
    clean(e);
    assert_null(drv_find_struct(e->out.pNext, feedback.sType));
    assert_non_null(rendering_of(e));
    finish(e);
}
