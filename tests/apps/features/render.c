/* Drawing: classic render passes, dynamic rendering, secondaries, indirect, clears, blits. */
#include "tests/apps/features/features.h"
#include "tests/apps/features/target.h"

static const float RED[4] = {1, 0, 0, 1};
static const float GREEN[4] = {0, 1, 0, 1};

/* The nearer one wins, whatever the order. */
static const char *
render_pass_with_depth(const struct vkh_gpu *gpu)
{
    struct target target;
    target_create(gpu, false, &target);
    VkCommandBuffer commands = vkh_begin(gpu);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_INLINE);
    target_draw(&target, commands, GREEN, 0.25f);
    target_draw(&target, commands, RED, 0.75f);
    vkCmdEndRenderPass(commands);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(target.pixels.map, TARGET_PIXELS, TARGET_GREEN, 0);
    target_destroy(&target);
    return NULL;
}

static const char *
clear_attachments(const struct vkh_gpu *gpu)
{
    struct target target;
    target_create(gpu, false, &target);
    const VkClearAttachment clear = {VK_IMAGE_ASPECT_COLOR_BIT, 0, {.color.float32 = {1, 0, 0, 1}}};
    const VkClearRect lower = {{{0, TARGET_SIZE / 2}, {TARGET_SIZE, TARGET_SIZE / 2}}, 0, 1};
    VkCommandBuffer commands = vkh_begin(gpu);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdClearAttachments(commands, 1, &clear, 1, &lower);
    vkCmdEndRenderPass(commands);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    const uint32_t *pixels = target.pixels.map;
    features_expect_line(pixels, TARGET_PIXELS / 2, TARGET_BLUE, 0);
    features_expect_line(pixels + TARGET_PIXELS / 2, TARGET_PIXELS / 2, TARGET_RED, 0);
    target_destroy(&target);
    return NULL;
}

static const char *
secondary_in_render_pass(const struct vkh_gpu *gpu)
{
    struct target target;
    VkCommandBuffer secondary;
    target_create(gpu, false, &target);
    VkCommandBufferAllocateInfo allocate_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_SECONDARY,
        .commandBufferCount = 1,
    };
    VKH_CHECK(vkAllocateCommandBuffers(gpu->device, &allocate_info, &secondary));
    VkCommandBufferInheritanceInfo inheritance = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO,
        .renderPass = target.render_pass,
        .framebuffer = target.framebuffer,
    };
    VkCommandBufferBeginInfo begin_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_RENDER_PASS_CONTINUE_BIT,
        .pInheritanceInfo = &inheritance,
    };
    VKH_CHECK(vkBeginCommandBuffer(secondary, &begin_info));
    target_draw(&target, secondary, RED, 0.5f);
    VKH_CHECK(vkEndCommandBuffer(secondary));
    VkCommandBuffer commands = vkh_begin(gpu);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_SECONDARY_COMMAND_BUFFERS);
    vkCmdExecuteCommands(commands, 1, &secondary);
    vkCmdEndRenderPass(commands);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(target.pixels.map, TARGET_PIXELS, TARGET_RED, 0);
    vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &secondary);
    target_destroy(&target);
    return NULL;
}

static const char *
indirect_draw(const struct vkh_gpu *gpu)
{
    struct target target;
    struct vkh_buffer arguments;
    target_create(gpu, false, &target);
    vkh_buffer_create(gpu, sizeof(VkDrawIndirectCommand), VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT,
                      VKH_MAPPED, &arguments);
    *(VkDrawIndirectCommand *)arguments.map = (VkDrawIndirectCommand){3, 1, 0, 0};
    VkCommandBuffer commands = vkh_begin(gpu);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_INLINE);
    target_bind(&target, commands);
    target_push(&target, commands, GREEN, 0.5f);
    vkCmdDrawIndirect(commands, arguments.buffer, 0, 1, sizeof(VkDrawIndirectCommand));
    vkCmdEndRenderPass(commands);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(target.pixels.map, TARGET_PIXELS, TARGET_GREEN, 0);
    vkh_buffer_destroy(gpu, &arguments);
    target_destroy(&target);
    return NULL;
}

static const char *
indirect_count(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.drawIndirectCount) {
        return "no drawIndirectCount";
    }
    struct target target;
    struct vkh_buffer arguments, count;
    target_create(gpu, false, &target);
    vkh_buffer_create(gpu, 4 * sizeof(VkDrawIndirectCommand), VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT,
                      VKH_MAPPED, &arguments);
    vkh_buffer_create(gpu, 4, VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT, VKH_MAPPED, &count);
    for (int i = 0; i < 4;
         i++) { /* only the last, which the count of 1 leaves out, draws nothing */
        ((VkDrawIndirectCommand *)arguments.map)[i] = (VkDrawIndirectCommand){3, 1, 0, 0};
    }
    *(uint32_t *)count.map = 1;
    VkCommandBuffer commands = vkh_begin(gpu);
    target_begin(&target, commands, VK_SUBPASS_CONTENTS_INLINE);
    target_bind(&target, commands);
    target_push(&target, commands, GREEN, 0.5f);
    vkCmdDrawIndirectCount(commands, arguments.buffer, 0, count.buffer, 0, 4,
                           sizeof(VkDrawIndirectCommand));
    vkCmdEndRenderPass(commands);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(target.pixels.map, TARGET_PIXELS, TARGET_GREEN, 0);
    vkh_buffer_destroy(gpu, &count);
    vkh_buffer_destroy(gpu, &arguments);
    target_destroy(&target);
    return NULL;
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
    const VkRenderingAttachmentInfo depth = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
        .imageView = target->depth.view,
        .imageLayout = VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL,
        .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
        .storeOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
        .clearValue.depthStencil.depth = 1.0f,
    };
    const VkRenderingInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
        .renderArea.extent = {TARGET_SIZE, TARGET_SIZE},
        .layerCount = 1,
        .colorAttachmentCount = 1,
        .pColorAttachments = &colour,
        .pDepthAttachment = &depth,
    };
    vkCmdBeginRendering(commands, &info);
}

static const char *
dynamic_rendering(const struct vkh_gpu *gpu)
{
    if (!gpu->features13.dynamicRendering) {
        return "no dynamicRendering";
    }
    struct target target;
    target_create(gpu, true, &target);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkh_image_barrier(
        commands, target.colour.image, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
        VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, 0,
        VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT);
    vkh_image_barrier(
        commands, target.depth.image, VK_IMAGE_ASPECT_DEPTH_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
        VK_IMAGE_LAYOUT_DEPTH_ATTACHMENT_OPTIMAL, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, 0,
        VK_PIPELINE_STAGE_EARLY_FRAGMENT_TESTS_BIT,
        VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_READ_BIT | VK_ACCESS_DEPTH_STENCIL_ATTACHMENT_WRITE_BIT);
    begin_rendering(&target, commands);
    target_draw(&target, commands, RED, 0.25f);
    target_draw(&target, commands, GREEN, 0.75f);
    vkCmdEndRendering(commands);
    vkh_image_barrier(
        commands, target.colour.image, VK_IMAGE_ASPECT_COLOR_BIT,
        VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
        VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
        VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(target.pixels.map, TARGET_PIXELS, TARGET_RED, 0);
    target_destroy(&target);
    return NULL;
}

/* Clears a small image and blits it, larger, onto the target. */
static const char *
clear_and_blit(const struct vkh_gpu *gpu)
{
    struct target target;
    struct vkh_image small;
    const VkImageSubresourceRange range = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    const VkClearColorValue green = {.float32 = {0, 1, 0, 1}};
    target_create(gpu, false, &target);
    vkh_image_create(gpu, VK_FORMAT_R8G8B8A8_UNORM, (VkExtent2D){4, 4},
                     VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
                         VK_IMAGE_USAGE_SAMPLED_BIT,
                     VK_IMAGE_ASPECT_COLOR_BIT, &small);
    VkCommandBuffer commands = vkh_begin(gpu);
    for (int i = 0; i < 2; i++) {
        vkh_image_barrier(commands, i ? small.image : target.colour.image,
                          VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
                          VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                          0, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    }
    vkCmdClearColorImage(commands, small.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &green, 1,
                         &range);
    vkh_image_barrier(commands, small.image, VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    const VkImageBlit blit = {
        {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        {{0, 0, 0}, {4, 4, 1}},
        {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        {{0, 0, 0}, {TARGET_SIZE, TARGET_SIZE, 1}},
    };
    vkCmdBlitImage(commands, small.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, target.colour.image,
                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &blit, VK_FILTER_NEAREST);
    vkh_image_barrier(commands, target.colour.image, VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_READ_BIT);
    target_read_back(&target, commands);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(target.pixels.map, TARGET_PIXELS, TARGET_GREEN, 0);
    vkh_image_destroy(gpu, &small);
    target_destroy(&target);
    return NULL;
}

static const char *
render_area_granularity(const struct vkh_gpu *gpu)
{
    struct target target;
    VkExtent2D granularity = {0, 0};
    target_create(gpu, false, &target);
    vkGetRenderAreaGranularity(gpu->device, target.render_pass, &granularity);
    features_expect(granularity.width > 0 && granularity.height > 0, "%ux%u", granularity.width,
                    granularity.height);
    target_destroy(&target);
    return NULL;
}

const struct features_check features_render_checks[] = {
    {"render/render pass with depth test", render_pass_with_depth},
    {"render/clear attachments", clear_attachments},
    {"render/secondary in a render pass", secondary_in_render_pass},
    {"render/indirect draw", indirect_draw},
    {"render/indirect count", indirect_count},
    {"render/dynamic rendering", dynamic_rendering},
    {"render/clear and blit", clear_and_blit},
    {"render/granularity of the render area", render_area_granularity},
    {0},
};
