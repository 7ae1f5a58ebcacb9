#include "driver/pipeline_graphics.h"

#include "driver/chain_copy.h"
#include "driver/pipeline.h"
#include "driver/render_pass.h"
#include "driver/struct_chain.h"

/* What decides about the rest, gathered in the order in which it may be read. */
struct facts {
    VkPipelineCreateFlags2 flags;
    bool linked; /* libraries are given */
    /* Subsets of state that this create info itself brings. */
    bool vertex_input, pre_rasterization, fragment_shader, fragment_output;
    bool rasterizes;                                   /* not known to discard everything */
    bool reads_fragment_shader, reads_fragment_output; /* those subsets count */
    bool mesh, tessellation;
    bool may_use_color, may_use_depth_stencil; /* attachments, as far as known */
    bool advanced_blend; /* blending may be advanced without dynamic state for it */
    const VkPipelineDynamicStateCreateInfo *dynamic;
};

static bool
is_dynamic(const struct facts *facts, VkDynamicState state)
{
    for (uint32_t i = 0; facts->dynamic && i < facts->dynamic->dynamicStateCount; i++) {
        if (facts->dynamic->pDynamicStates[i] == state) {
            return true;
        }
    }
    return false;
}

static void
find_subsets(const VkGraphicsPipelineCreateInfo *in, struct facts *facts)
{
    const VkPipelineLibraryCreateInfoKHR *libraries =
        drv_find_struct(in->pNext, VK_STRUCTURE_TYPE_PIPELINE_LIBRARY_CREATE_INFO_KHR);
    const VkGraphicsPipelineLibraryCreateInfoEXT *subsets =
        drv_find_struct(in->pNext, VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_LIBRARY_CREATE_INFO_EXT);
    VkGraphicsPipelineLibraryFlagsEXT parts = 0;

    facts->linked = libraries && libraries->libraryCount > 0;
    if (subsets) {
        parts = subsets->flags;
    } else if (!facts->linked && !(facts->flags & VK_PIPELINE_CREATE_2_LIBRARY_BIT_KHR)) {
        parts = ~0u;
    }
    facts->vertex_input = parts & VK_GRAPHICS_PIPELINE_LIBRARY_VERTEX_INPUT_INTERFACE_BIT_EXT;
    facts->pre_rasterization =
        parts & VK_GRAPHICS_PIPELINE_LIBRARY_PRE_RASTERIZATION_SHADERS_BIT_EXT;
    facts->fragment_shader = parts & VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_SHADER_BIT_EXT;
    facts->fragment_output = parts & VK_GRAPHICS_PIPELINE_LIBRARY_FRAGMENT_OUTPUT_INTERFACE_BIT_EXT;
}

static void
find_stages(const VkGraphicsPipelineCreateInfo *in, struct facts *facts)
{
    VkShaderStageFlags stages = 0;

    if (facts->pre_rasterization || facts->fragment_shader) {
        for (uint32_t i = 0; i < in->stageCount; i++) {
            stages |= in->pStages[i].stage;
        }
    }
    facts->mesh = stages & VK_SHADER_STAGE_MESH_BIT_EXT;
    facts->tessellation = (stages & VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT) &&
                          (stages & VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT);
}

static bool
library_discards(const VkGraphicsPipelineCreateInfo *in)
{
    const VkPipelineLibraryCreateInfoKHR *libraries =
        drv_find_struct(in->pNext, VK_STRUCTURE_TYPE_PIPELINE_LIBRARY_CREATE_INFO_KHR);

    for (uint32_t i = 0; libraries && i < libraries->libraryCount; i++) {
        if (drv_pipeline_from(libraries->pLibraries[i])->discards) {
            return true;
        }
    }
    return false;
}

static bool
discards_everything(const VkGraphicsPipelineCreateInfo *in, const struct facts *facts)
{
    if (!facts->pre_rasterization) {
        return library_discards(in);
    }
    /* The state may be absent when all of it is dynamic. */
    return !is_dynamic(facts, VK_DYNAMIC_STATE_RASTERIZER_DISCARD_ENABLE) &&
           in->pRasterizationState && in->pRasterizationState->rasterizerDiscardEnable;
}

static void
find_attachments_of_subpass(const VkGraphicsPipelineCreateInfo *in, struct facts *facts)
{
    const struct drv_render_pass *pass = drv_render_pass_from(in->renderPass);
    bool known = in->subpass < pass->subpass_count;

    facts->may_use_color = known && pass->subpasses[in->subpass].color;
    facts->may_use_depth_stencil = known && pass->subpasses[in->subpass].depth_stencil;
}

static void
find_attachments_of_rendering(const VkGraphicsPipelineCreateInfo *in, struct facts *facts)
{
    const VkPipelineRenderingCreateInfo *rendering =
        drv_find_struct(in->pNext, VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO);

    /* Without the fragment output subset the formats are not here to be seen. */
    facts->may_use_depth_stencil = !facts->fragment_output;
    if (!facts->fragment_output || !rendering) {
        return;
    }
    facts->may_use_depth_stencil = rendering->depthAttachmentFormat != VK_FORMAT_UNDEFINED ||
                                   rendering->stencilAttachmentFormat != VK_FORMAT_UNDEFINED;
    for (uint32_t i = 0; i < rendering->colorAttachmentCount; i++) {
        facts->may_use_color |= rendering->pColorAttachmentFormats[i] != VK_FORMAT_UNDEFINED;
    }
}

static bool
uses_render_pass(const struct facts *facts)
{
    return facts->pre_rasterization || facts->fragment_shader || facts->fragment_output;
}

static struct facts
find_facts(const VkGraphicsPipelineCreateInfo *in)
{
    struct facts facts = {.flags = drv_pipeline_flags(in->pNext, in->flags)};

    find_subsets(in, &facts);
    find_stages(in, &facts);
    if (facts.vertex_input || uses_render_pass(&facts)) {
        facts.dynamic = in->pDynamicState;
    }
    facts.rasterizes = !discards_everything(in, &facts);
    facts.reads_fragment_shader = facts.fragment_shader && facts.rasterizes;
    facts.reads_fragment_output = facts.fragment_output && facts.rasterizes;
    if (facts.reads_fragment_shader || facts.reads_fragment_output) {
        if (in->renderPass) {
            find_attachments_of_subpass(in, &facts);
        } else {
            find_attachments_of_rendering(in, &facts);
        }
    }
    return facts;
}

static const VkPipelineViewportStateCreateInfo *
clean_viewport(struct drv_scratch *scratch, const struct facts *facts,
               const VkPipelineViewportStateCreateInfo *in)
{
    VkPipelineViewportStateCreateInfo *out = drv_scratch_copy(scratch, in, sizeof(*in));
    void *chain;

    if (!out || !drv_chain_copy(scratch, in->pNext, &chain)) {
        return NULL;
    }
    if (is_dynamic(facts, VK_DYNAMIC_STATE_VIEWPORT) ||
        is_dynamic(facts, VK_DYNAMIC_STATE_VIEWPORT_WITH_COUNT)) {
        out->pViewports = NULL;
    }
    if (is_dynamic(facts, VK_DYNAMIC_STATE_SCISSOR) ||
        is_dynamic(facts, VK_DYNAMIC_STATE_SCISSOR_WITH_COUNT)) {
        out->pScissors = NULL;
    }
    VkPipelineViewportDepthClampControlCreateInfoEXT *clamp = drv_find_out_struct(
        chain, VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_DEPTH_CLAMP_CONTROL_CREATE_INFO_EXT);
    if (clamp && clamp->depthClampMode != VK_DEPTH_CLAMP_MODE_USER_DEFINED_RANGE_EXT) {
        clamp->pDepthClampRange = NULL;
    }
    out->pNext = chain;
    return out;
}

static void
clean_sample_locations(const struct facts *facts,
                       VkPipelineSampleLocationsStateCreateInfoEXT *state)
{
    bool enabled = state->sampleLocationsEnable ||
                   is_dynamic(facts, VK_DYNAMIC_STATE_SAMPLE_LOCATIONS_ENABLE_EXT);

    if (!enabled || is_dynamic(facts, VK_DYNAMIC_STATE_SAMPLE_LOCATIONS_EXT)) {
        state->sampleLocationsInfo = (VkSampleLocationsInfoEXT){
            .sType = VK_STRUCTURE_TYPE_SAMPLE_LOCATIONS_INFO_EXT,
        };
    }
}

static const VkPipelineMultisampleStateCreateInfo *
clean_multisample(struct drv_scratch *scratch, const struct facts *facts,
                  const VkPipelineMultisampleStateCreateInfo *in)
{
    VkPipelineMultisampleStateCreateInfo *out = drv_scratch_copy(scratch, in, sizeof(*in));
    void *chain;

    if (!out || !drv_chain_copy(scratch, in->pNext, &chain)) {
        return NULL;
    }
    if (is_dynamic(facts, VK_DYNAMIC_STATE_SAMPLE_MASK_EXT)) {
        out->pSampleMask = NULL;
    }
    VkPipelineSampleLocationsStateCreateInfoEXT *locations = drv_find_out_struct(
        chain, VK_STRUCTURE_TYPE_PIPELINE_SAMPLE_LOCATIONS_STATE_CREATE_INFO_EXT);
    if (locations) {
        clean_sample_locations(facts, locations);
    }
    out->pNext = chain;
    return out;
}

static const VkPipelineColorBlendStateCreateInfo *
clean_color_blend(struct drv_scratch *scratch, const struct facts *facts,
                  const VkPipelineColorBlendStateCreateInfo *in)
{
    VkPipelineColorBlendStateCreateInfo *out = drv_scratch_copy(scratch, in, sizeof(*in));

    if (out && is_dynamic(facts, VK_DYNAMIC_STATE_COLOR_BLEND_ENABLE_EXT) &&
        is_dynamic(facts, VK_DYNAMIC_STATE_COLOR_WRITE_MASK_EXT) &&
        is_dynamic(facts, VK_DYNAMIC_STATE_COLOR_BLEND_EQUATION_EXT) &&
        (is_dynamic(facts, VK_DYNAMIC_STATE_COLOR_BLEND_ADVANCED_EXT) || !facts->advanced_blend)) {
        out->pAttachments = NULL;
    }
    return out;
}

static bool
clean_chain(struct drv_scratch *scratch, const struct facts *facts,
            const VkGraphicsPipelineCreateInfo *in, const void **out)
{
    void *chain;

    if (!drv_chain_copy(scratch, in->pNext, &chain)) {
        return false;
    }
    /* The wire brings nothing back; drv_CreateGraphicsPipelines() says so to the application. */
    drv_chain_remove(&chain, VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO);

    if (in->renderPass || !uses_render_pass(facts)) {
        drv_chain_remove(&chain, VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO);
    }
    VkPipelineRenderingCreateInfo *rendering =
        drv_find_out_struct(chain, VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO);
    if (rendering && !facts->reads_fragment_output) {
        rendering->colorAttachmentCount = 0;
        rendering->pColorAttachmentFormats = NULL;
        rendering->depthAttachmentFormat = VK_FORMAT_UNDEFINED;
        rendering->stencilAttachmentFormat = VK_FORMAT_UNDEFINED;
    }
    *out = chain;
    return true;
}

static void
clean_handles(const struct facts *facts, VkGraphicsPipelineCreateInfo *out)
{
    if (!facts->pre_rasterization && !facts->fragment_shader && !facts->linked) {
        out->layout = VK_NULL_HANDLE;
    }
    if (!uses_render_pass(facts)) {
        out->renderPass = VK_NULL_HANDLE;
        out->subpass = 0;
    }
    if (!(facts->flags & VK_PIPELINE_CREATE_2_DERIVATIVE_BIT)) {
        out->basePipelineHandle = VK_NULL_HANDLE;
    }
}

/* Drops the pointers to ignored structures. */
static void
clean_pointers(const struct facts *facts, VkGraphicsPipelineCreateInfo *out)
{
    if (!facts->pre_rasterization && !facts->fragment_shader) {
        out->stageCount = 0;
        out->pStages = NULL;
    }
    if (!facts->vertex_input || facts->mesh) {
        out->pVertexInputState = NULL;
        out->pInputAssemblyState = NULL;
    }
    if (is_dynamic(facts, VK_DYNAMIC_STATE_VERTEX_INPUT_EXT)) {
        out->pVertexInputState = NULL;
    }
    if (!facts->pre_rasterization || !facts->tessellation) {
        out->pTessellationState = NULL;
    }
    if (!facts->pre_rasterization || !facts->rasterizes) {
        out->pViewportState = NULL;
    }
    if (!facts->pre_rasterization) {
        out->pRasterizationState = NULL;
    }
    if (!facts->reads_fragment_shader && !facts->reads_fragment_output) {
        out->pMultisampleState = NULL;
    }
    if (!facts->reads_fragment_shader || !facts->may_use_depth_stencil) {
        out->pDepthStencilState = NULL;
    }
    if (!facts->reads_fragment_output || !facts->may_use_color) {
        out->pColorBlendState = NULL;
    }
    out->pDynamicState = facts->dynamic;
}

bool
drv_graphics_pipeline_clean(struct drv_scratch *scratch, const VkGraphicsPipelineCreateInfo *in,
                            bool advanced_blend, VkGraphicsPipelineCreateInfo *out, bool *discards)
{
    struct facts facts = find_facts(in);

    facts.advanced_blend = advanced_blend;
    *out = *in;
    *discards = !facts.rasterizes;
    clean_handles(&facts, out);
    clean_pointers(&facts, out);
    if (!clean_chain(scratch, &facts, in, &out->pNext)) {
        return false;
    }
    if (out->pViewportState) {
        out->pViewportState = clean_viewport(scratch, &facts, out->pViewportState);
        if (!out->pViewportState) {
            return false;
        }
    }
    if (out->pMultisampleState) {
        out->pMultisampleState = clean_multisample(scratch, &facts, out->pMultisampleState);
        if (!out->pMultisampleState) {
            return false;
        }
    }
    if (out->pColorBlendState) {
        out->pColorBlendState = clean_color_blend(scratch, &facts, out->pColorBlendState);
        if (!out->pColorBlendState) {
            return false;
        }
    }
    return true;
}
