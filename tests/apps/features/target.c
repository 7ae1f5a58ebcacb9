#include "tests/apps/features/target.h"

#include <string.h>

#include "tests/apps/shaders/colour_frag.h"
#include "tests/apps/shaders/screen_vert.h"

static const VkFormat COLOUR_FORMAT = VK_FORMAT_R8G8B8A8_UNORM;
static const VkFormat DEPTH_FORMAT = VK_FORMAT_D16_UNORM;

static void
create_render_pass(struct target *target)
{
    const VkAttachmentDescription attachments[] = {
        {
            .format = COLOUR_FORMAT,
            .samples = VK_SAMPLE_COUNT_1_BIT,
            .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
            .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
            .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
            .finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
        },
        {
            .format = DEPTH_FORMAT,
            .samples = VK_SAMPLE_COUNT_1_BIT,
            .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
            .storeOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
            .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
            .finalLayout = VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL,
        },
    };
    const VkAttachmentReference colour = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkAttachmentReference depth = {1, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
        .colorAttachmentCount = 1,
        .pColorAttachments = &colour,
        .pDepthStencilAttachment = &depth,
    };
    const VkSubpassDependency to_copy = {
        .srcSubpass = 0,
        .dstSubpass = VK_SUBPASS_EXTERNAL,
        .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
        .dstStageMask = VK_PIPELINE_STAGE_TRANSFER_BIT,
        .srcAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT,
    };
    VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = 2,
        .pAttachments = attachments,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &to_copy,
    };
    VKH_CHECK(vkCreateRenderPass(target->gpu->device, &info, NULL, &target->render_pass));
    VkFramebufferCreateInfo framebuffer_info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = target->render_pass,
        .attachmentCount = 2,
        .pAttachments = (VkImageView[]){target->colour.view, target->depth.view},
        .width = TARGET_SIZE,
        .height = TARGET_SIZE,
        .layers = 1,
    };
    VKH_CHECK(
        vkCreateFramebuffer(target->gpu->device, &framebuffer_info, NULL, &target->framebuffer));
}

static void
create_layout(struct target *target)
{
    const VkPushConstantRange range = {VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT, 0,
                                       sizeof(struct target_push)};
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &range,
    };
    VKH_CHECK(vkCreatePipelineLayout(target->gpu->device, &info, NULL, &target->layout));
}

void
target_describe_pipeline(const struct target *target, const void *chain,
                         const VkPipelineShaderStageCreateInfo *stages,
                         void (*use)(void *user, const VkGraphicsPipelineCreateInfo *info),
                         void *user)
{
    const VkPipelineVertexInputStateCreateInfo vertex_input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO};
    const VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
    };
    const VkPipelineViewportStateCreateInfo viewport = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        /* Dynamic: to be ignored. */
        .pViewports = (const VkViewport *)(uintptr_t)0x10,
        .scissorCount = 1,
        .pScissors = (const VkRect2D *)(uintptr_t)0x10,
    };
    const VkPipelineRasterizationStateCreateInfo rasterization = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
        .lineWidth = 1.0f,
    };
    const VkPipelineMultisampleStateCreateInfo multisample = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
    };
    const VkPipelineDepthStencilStateCreateInfo depth = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
        .depthTestEnable = VK_TRUE,
        .depthWriteEnable = VK_TRUE,
        .depthCompareOp = VK_COMPARE_OP_LESS,
    };
    const VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &(VkPipelineColorBlendAttachmentState){.colorWriteMask = 0xf},
    };
    static const VkDynamicState dynamic_states[] = {VK_DYNAMIC_STATE_VIEWPORT,
                                                    VK_DYNAMIC_STATE_SCISSOR};
    const VkPipelineDynamicStateCreateInfo dynamic = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO,
        .dynamicStateCount = BASE_COUNT_OF(dynamic_states),
        .pDynamicStates = dynamic_states,
    };
    const VkPipelineRenderingCreateInfo rendering = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
        .pNext = chain,
        .colorAttachmentCount = 1,
        .pColorAttachmentFormats = &COLOUR_FORMAT,
        .depthAttachmentFormat = DEPTH_FORMAT,
    };
    const VkGraphicsPipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .pNext = target->render_pass ? chain : &rendering,
        .stageCount = 2,
        .pStages = stages,
        .pVertexInputState = &vertex_input,
        .pInputAssemblyState = &assembly,
        /* No tessellation shader: to be ignored. */
        .pTessellationState = (const VkPipelineTessellationStateCreateInfo *)(uintptr_t)0x10,
        .pViewportState = &viewport,
        .pRasterizationState = &rasterization,
        .pMultisampleState = &multisample,
        .pDepthStencilState = &depth,
        .pColorBlendState = &blend,
        .pDynamicState = &dynamic,
        .layout = target->layout,
        .renderPass = target->render_pass,
    };
    use(user, &info);
}

const uint32_t *
target_vertex_code(size_t *size)
{
    *size = sizeof(screen_vert);
    return screen_vert;
}

const uint32_t *
target_fragment_code(size_t *size)
{
    *size = sizeof(colour_frag);
    return colour_frag;
}

VkShaderModule
target_vertex_shader(const struct vkh_gpu *gpu)
{
    return vkh_shader_create(gpu, screen_vert, sizeof(screen_vert));
}

VkShaderModule
target_fragment_shader(const struct vkh_gpu *gpu)
{
    return vkh_shader_create(gpu, colour_frag, sizeof(colour_frag));
}

static void
create_described(void *user, const VkGraphicsPipelineCreateInfo *info)
{
    struct target *target = user;
    VKH_CHECK(vkCreateGraphicsPipelines(target->gpu->device, VK_NULL_HANDLE, 1, info, NULL,
                                        &target->pipeline));
}

static void
create_pipeline(struct target *target)
{
    const struct vkh_gpu *gpu = target->gpu;
    VkShaderModule vertex = target_vertex_shader(gpu);
    VkShaderModule fragment = target_fragment_shader(gpu);
    const VkPipelineShaderStageCreateInfo stages[] = {
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_VERTEX_BIT,
         .module = vertex,
         .pName = "main"},
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
         .module = fragment,
         .pName = "main"},
    };
    target_describe_pipeline(target, NULL, stages, create_described, target);
    vkDestroyShaderModule(gpu->device, vertex, NULL);
    vkDestroyShaderModule(gpu->device, fragment, NULL);
}

void
target_create(const struct vkh_gpu *gpu, bool dynamic_rendering, struct target *out)
{
    const VkExtent2D extent = {TARGET_SIZE, TARGET_SIZE};
    *out = (struct target){.gpu = gpu};
    vkh_image_create(gpu, COLOUR_FORMAT, extent,
                     VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                         VK_IMAGE_USAGE_TRANSFER_DST_BIT,
                     VK_IMAGE_ASPECT_COLOR_BIT, &out->colour);
    vkh_image_create(gpu, DEPTH_FORMAT, extent, VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT,
                     VK_IMAGE_ASPECT_DEPTH_BIT, &out->depth);
    vkh_buffer_create(gpu, TARGET_PIXELS * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED,
                      &out->pixels);
    create_layout(out);
    if (!dynamic_rendering) {
        create_render_pass(out);
    }
    create_pipeline(out);
}

void
target_destroy(struct target *target)
{
    const struct vkh_gpu *gpu = target->gpu;
    vkDestroyPipeline(gpu->device, target->pipeline, NULL);
    vkDestroyFramebuffer(gpu->device, target->framebuffer, NULL);
    vkDestroyRenderPass(gpu->device, target->render_pass, NULL);
    vkDestroyPipelineLayout(gpu->device, target->layout, NULL);
    vkh_buffer_destroy(gpu, &target->pixels);
    vkh_image_destroy(gpu, &target->depth);
    vkh_image_destroy(gpu, &target->colour);
    memset(target, 0, sizeof(*target));
}

void
target_begin(const struct target *target, VkCommandBuffer commands, VkSubpassContents contents)
{
    const VkClearValue clear[] = {
        {.color.float32 = {0, 0, 1, 1}},
        {.depthStencil = {1.0f, 0}},
    };
    VkRenderPassBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = target->render_pass,
        .framebuffer = target->framebuffer,
        .renderArea.extent = {TARGET_SIZE, TARGET_SIZE},
        .clearValueCount = 2,
        .pClearValues = clear,
    };
    vkCmdBeginRenderPass(commands, &info, contents);
}

void
target_bind(const struct target *target, VkCommandBuffer commands)
{
    VkViewport viewport = {0, 0, TARGET_SIZE, TARGET_SIZE, 0, 1};
    VkRect2D scissor = {.extent = {TARGET_SIZE, TARGET_SIZE}};
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, target->pipeline);
    vkCmdSetViewport(commands, 0, 1, &viewport);
    vkCmdSetScissor(commands, 0, 1, &scissor);
}

void
target_push(const struct target *target, VkCommandBuffer commands, const float colour[4],
            float depth)
{
    struct target_push push = {{colour[0], colour[1], colour[2], colour[3]}, depth};
    vkCmdPushConstants(commands, target->layout,
                       VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT, 0, sizeof(push),
                       &push);
}

void
target_draw(const struct target *target, VkCommandBuffer commands, const float colour[4],
            float depth)
{
    target_bind(target, commands);
    target_push(target, commands, colour, depth);
    vkCmdDraw(commands, 3, 1, 0, 0);
}

void
target_read_back(const struct target *target, VkCommandBuffer commands)
{
    VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {TARGET_SIZE, TARGET_SIZE, 1},
    };
    vkCmdCopyImageToBuffer(commands, target->colour.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           target->pixels.buffer, 1, &region);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
}
