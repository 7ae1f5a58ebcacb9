/* A textured, depth-tested, spinning cube and its satellites, off-screen.
 *
 * Two frames are in flight. Each has its own targets, command buffer, fence and slice of the
 * uniform buffer, so that nothing is written that the device may still read. */
#include "tools/demo/demo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tools/demo/shaders/cube_frag.h"
#include "tools/demo/shaders/cube_vert.h"

enum {
    FRAMES_IN_FLIGHT = 2,
    SATELLITES = 7,
    TEXTURE_SIZE = 256,
    FACE_VERTICES = 4,
    FACE_INDICES = 6,
    FACES = 6,
};

static const float TAU = 6.28318530718f;
static const VkFormat COLOUR_FORMAT = VK_FORMAT_R8G8B8A8_UNORM;
static const VkFormat DEPTH_FORMAT = VK_FORMAT_D16_UNORM;

struct vertex {
    float position[3], normal[3], texel[2];
};

struct frame_uniform {
    float view_projection[16]; /* column-major */
    float turn[4];
};

struct frame {
    struct vkh_image colour, depth;
    VkFramebuffer framebuffer;
    VkCommandBuffer commands;
    VkFence fence;
    uint32_t uniform_offset; /* bytes */
};

struct scene {
    const struct vkh_gpu *gpu;
    VkExtent2D extent;
    struct vkh_buffer vertices, indices, uniforms;
    struct vkh_image texture;
    VkSampler sampler;
    VkDescriptorSetLayout set_layout;
    VkDescriptorPool pool;
    VkDescriptorSet set;
    VkPipelineLayout layout;
    VkRenderPass render_pass;
    VkPipeline pipeline;
    struct frame frames[FRAMES_IN_FLIGHT];
};

/* ------------------------------------------------------------------ geometry */

static void
fill_geometry(struct vertex *vertices, uint16_t *indices)
{
    for (uint16_t face = 0; face < FACES; face++) {
        int axis = face / 2;
        float side = face % 2 ? 1.0f : -1.0f;
        for (uint16_t corner = 0; corner < FACE_VERTICES; corner++, vertices++) {
            float u = corner & 1 ? 1.0f : -1.0f;
            float v = corner & 2 ? 1.0f : -1.0f;
            memset(vertices, 0, sizeof(*vertices));
            vertices->position[axis] = side;
            vertices->position[(axis + 1) % 3] = u;
            vertices->position[(axis + 2) % 3] = v;
            vertices->normal[axis] = side;
            vertices->texel[0] = 0.5f + 0.5f * u * side;
            vertices->texel[1] = 0.5f - 0.5f * v;
        }
        static const uint16_t order[FACE_INDICES] = {0, 1, 2, 2, 1, 3};
        for (int i = 0; i < FACE_INDICES; i++) {
            *indices++ = (uint16_t)(face * FACE_VERTICES + order[i]);
        }
    }
}

static void
create_geometry(struct scene *scene)
{
    vkh_buffer_create(scene->gpu, FACES * FACE_VERTICES * sizeof(struct vertex),
                      VK_BUFFER_USAGE_VERTEX_BUFFER_BIT, VKH_MAPPED, &scene->vertices);
    vkh_buffer_create(scene->gpu, FACES * FACE_INDICES * sizeof(uint16_t),
                      VK_BUFFER_USAGE_INDEX_BUFFER_BIT, VKH_MAPPED, &scene->indices);
    fill_geometry(scene->vertices.map, scene->indices.map);
}

/* A camera at (0, 1.7, 5.2) that looks at the origin; Vulkan's clip space (y down, depth 0 to 1).
 */
static void
fill_view_projection(float m[16], float aspect)
{
    const float near = 1.0f, far = 12.0f, focal = 1.9f;
    const float height = 1.7f, distance = 5.2f;
    const float length = hypotf(height, distance);
    const float s = height / length, c = distance / length;
    const float a = far / (near - far), b = near * far / (near - far);
    /* view: x' = x; y' = c y - s z; z' = s y + c z - length. clip: (f/aspect x', -f y', a z' + b,
     * -z'). */
    const float rows[4][4] = {
        {focal / aspect, 0, 0, 0},
        {0, -focal * c, focal * s, 0},
        {0, a * s, a * c, -a * length + b},
        {0, -s, -c, length},
    };
    for (int row = 0; row < 4; row++) {
        for (int column = 0; column < 4; column++) {
            m[4 * column + row] = rows[row][column];
        }
    }
}

static void
create_uniforms(struct scene *scene)
{
    VkDeviceSize alignment = scene->gpu->properties.limits.minUniformBufferOffsetAlignment;
    VkDeviceSize stride = (sizeof(struct frame_uniform) + alignment - 1) / alignment * alignment;
    vkh_buffer_create(scene->gpu, stride * FRAMES_IN_FLIGHT, VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT,
                      VKH_MAPPED, &scene->uniforms);
    for (uint32_t i = 0; i < FRAMES_IN_FLIGHT; i++) {
        scene->frames[i].uniform_offset = (uint32_t)(i * stride);
    }
}

static void
write_uniform(const struct scene *scene, const struct frame *frame, float angle)
{
    struct frame_uniform uniform = {.turn = {angle, SATELLITES}};
    fill_view_projection(uniform.view_projection,
                         (float)scene->extent.width / (float)scene->extent.height);
    memcpy((char *)scene->uniforms.map + frame->uniform_offset, &uniform, sizeof(uniform));
}

/* ------------------------------------------------------------------- texture */

static void
upload_texture(struct scene *scene)
{
    const struct vkh_gpu *gpu = scene->gpu;
    struct vkh_buffer staging;
    vkh_buffer_create(gpu, TEXTURE_SIZE * TEXTURE_SIZE * 4, VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
                      VKH_MAPPED, &staging);
    demo_texture_paint(staging.map, TEXTURE_SIZE);

    VkCommandBuffer commands = vkh_begin(gpu);
    vkh_image_barrier(commands, scene->texture.image, VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                      VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, 0, VK_PIPELINE_STAGE_TRANSFER_BIT,
                      VK_ACCESS_TRANSFER_WRITE_BIT);
    VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {TEXTURE_SIZE, TEXTURE_SIZE, 1},
    };
    vkCmdCopyBufferToImage(commands, staging.buffer, scene->texture.image,
                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
    vkh_image_barrier(commands, scene->texture.image, VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                      VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL, VK_PIPELINE_STAGE_TRANSFER_BIT,
                      VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
                      VK_ACCESS_SHADER_READ_BIT);
    vkh_end_and_wait(gpu, commands);
    vkh_buffer_destroy(gpu, &staging);
}

static void
create_texture(struct scene *scene)
{
    vkh_image_create(scene->gpu, VK_FORMAT_R8G8B8A8_UNORM, (VkExtent2D){TEXTURE_SIZE, TEXTURE_SIZE},
                     VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_SAMPLED_BIT,
                     VK_IMAGE_ASPECT_COLOR_BIT, &scene->texture);
    upload_texture(scene);
    VkSamplerCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
        .magFilter = VK_FILTER_LINEAR,
        .minFilter = VK_FILTER_LINEAR,
        .addressModeU = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
        .addressModeV = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
        .addressModeW = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
    };
    VKH_CHECK(vkCreateSampler(scene->gpu->device, &info, NULL, &scene->sampler));
}

/* --------------------------------------------------------------- descriptors */

static void
create_layouts(struct scene *scene)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1, VK_SHADER_STAGE_VERTEX_BIT, NULL},
        {1, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1, VK_SHADER_STAGE_FRAGMENT_BIT, NULL},
    };
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = BASE_COUNT_OF(bindings),
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(scene->gpu->device, &set_info, NULL, &scene->set_layout));
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &scene->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(scene->gpu->device, &info, NULL, &scene->layout));
}

static void
allocate_set(struct scene *scene)
{
    const VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1},
        {VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1},
    };
    VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = BASE_COUNT_OF(sizes),
        .pPoolSizes = sizes,
    };
    VKH_CHECK(vkCreateDescriptorPool(scene->gpu->device, &pool_info, NULL, &scene->pool));
    VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = scene->pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &scene->set_layout,
    };
    VKH_CHECK(vkAllocateDescriptorSets(scene->gpu->device, &info, &scene->set));
}

static void
write_set(struct scene *scene)
{
    VkDescriptorBufferInfo uniform = {
        .buffer = scene->uniforms.buffer,
        .range = sizeof(struct frame_uniform),
    };
    VkDescriptorImageInfo texture = {
        .sampler = scene->sampler,
        .imageView = scene->texture.view,
        .imageLayout = VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL,
    };
    const VkWriteDescriptorSet writes[] = {
        {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = scene->set,
            .dstBinding = 0,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC,
            .pBufferInfo = &uniform,
        },
        {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = scene->set,
            .dstBinding = 1,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
            .pImageInfo = &texture,
        },
    };
    vkUpdateDescriptorSets(scene->gpu->device, BASE_COUNT_OF(writes), writes, 0, NULL);
}

/* ------------------------------------------------------------------ pipeline */

static void
create_render_pass(struct scene *scene)
{
    const VkAttachmentDescription attachments[] = {
        {
            .format = COLOUR_FORMAT,
            .samples = VK_SAMPLE_COUNT_1_BIT,
            .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
            .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
            .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
            .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
            .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
            .finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
        },
        {
            .format = DEPTH_FORMAT,
            .samples = VK_SAMPLE_COUNT_1_BIT,
            .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
            .storeOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
            .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
            .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
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
    /* The targets' earlier use has ended before (fence); the copy afterwards reads the colour. */
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
        .attachmentCount = BASE_COUNT_OF(attachments),
        .pAttachments = attachments,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 1,
        .pDependencies = &to_copy,
    };
    VKH_CHECK(vkCreateRenderPass(scene->gpu->device, &info, NULL, &scene->render_pass));
}

static void
create_pipeline_from(struct scene *scene, const VkPipelineShaderStageCreateInfo *stages)
{
    static const VkVertexInputBindingDescription binding = {0, sizeof(struct vertex),
                                                            VK_VERTEX_INPUT_RATE_VERTEX};
    static const VkVertexInputAttributeDescription attributes[] = {
        {0, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct vertex, position)},
        {1, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct vertex, normal)},
        {2, 0, VK_FORMAT_R32G32_SFLOAT, offsetof(struct vertex, texel)},
    };
    const VkPipelineVertexInputStateCreateInfo vertex_input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
        .vertexBindingDescriptionCount = 1,
        .pVertexBindingDescriptions = &binding,
        .vertexAttributeDescriptionCount = BASE_COUNT_OF(attributes),
        .pVertexAttributeDescriptions = attributes,
    };
    const VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
    };
    const VkPipelineViewportStateCreateInfo viewport = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .scissorCount = 1,
    };
    /* Nothing is culled: only the depth test decides what is in front. */
    const VkPipelineRasterizationStateCreateInfo rasterization = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
        .cullMode = VK_CULL_MODE_NONE,
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
    VkGraphicsPipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
        .stageCount = 2,
        .pStages = stages,
        .pVertexInputState = &vertex_input,
        .pInputAssemblyState = &assembly,
        .pViewportState = &viewport,
        .pRasterizationState = &rasterization,
        .pMultisampleState = &multisample,
        .pDepthStencilState = &depth,
        .pColorBlendState = &blend,
        .pDynamicState = &dynamic,
        .layout = scene->layout,
        .renderPass = scene->render_pass,
    };
    VKH_CHECK(vkCreateGraphicsPipelines(scene->gpu->device, VK_NULL_HANDLE, 1, &info, NULL,
                                        &scene->pipeline));
}

static void
create_pipeline(struct scene *scene)
{
    const struct vkh_gpu *gpu = scene->gpu;
    VkShaderModule vertex = vkh_shader_create(gpu, cube_vert, sizeof(cube_vert));
    VkShaderModule fragment = vkh_shader_create(gpu, cube_frag, sizeof(cube_frag));
    const VkPipelineShaderStageCreateInfo stages[] = {
        {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_VERTEX_BIT,
            .module = vertex,
            .pName = "main",
        },
        {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
            .module = fragment,
            .pName = "main",
        },
    };
    create_pipeline_from(scene, stages);
    vkDestroyShaderModule(gpu->device, vertex, NULL);
    vkDestroyShaderModule(gpu->device, fragment, NULL);
}

/* -------------------------------------------------------------------- frames */

static void
create_frame(struct scene *scene, struct frame *frame)
{
    const struct vkh_gpu *gpu = scene->gpu;
    vkh_image_create(gpu, COLOUR_FORMAT, scene->extent,
                     VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
                     VK_IMAGE_ASPECT_COLOR_BIT, &frame->colour);
    vkh_image_create(gpu, DEPTH_FORMAT, scene->extent, VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT,
                     VK_IMAGE_ASPECT_DEPTH_BIT, &frame->depth);
    VkFramebufferCreateInfo framebuffer_info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = scene->render_pass,
        .attachmentCount = 2,
        .pAttachments = (VkImageView[]){frame->colour.view, frame->depth.view},
        .width = scene->extent.width,
        .height = scene->extent.height,
        .layers = 1,
    };
    VKH_CHECK(vkCreateFramebuffer(gpu->device, &framebuffer_info, NULL, &frame->framebuffer));
    VkCommandBufferAllocateInfo commands_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VKH_CHECK(vkAllocateCommandBuffers(gpu->device, &commands_info, &frame->commands));
    VkFenceCreateInfo fence_info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .flags = VK_FENCE_CREATE_SIGNALED_BIT, /* the first wait for this frame returns at once */
    };
    VKH_CHECK(vkCreateFence(gpu->device, &fence_info, NULL, &frame->fence));
}

static void
destroy_frame(struct scene *scene, struct frame *frame)
{
    const struct vkh_gpu *gpu = scene->gpu;
    vkDestroyFence(gpu->device, frame->fence, NULL);
    vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &frame->commands);
    vkDestroyFramebuffer(gpu->device, frame->framebuffer, NULL);
    vkh_image_destroy(gpu, &frame->depth);
    vkh_image_destroy(gpu, &frame->colour);
}

static void
record_draw(const struct scene *scene, const struct frame *frame)
{
    VkCommandBuffer commands = frame->commands;
    VkViewport viewport = {0, 0, (float)scene->extent.width, (float)scene->extent.height, 0, 1};
    VkRect2D scissor = {.extent = scene->extent};
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, scene->pipeline);
    vkCmdSetViewport(commands, 0, 1, &viewport);
    vkCmdSetScissor(commands, 0, 1, &scissor);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, scene->layout, 0, 1,
                            &scene->set, 1, &frame->uniform_offset);
    vkCmdBindVertexBuffers(commands, 0, 1, &scene->vertices.buffer, &(VkDeviceSize){0});
    vkCmdBindIndexBuffer(commands, scene->indices.buffer, 0, VK_INDEX_TYPE_UINT16);
    vkCmdDrawIndexed(commands, FACES * FACE_INDICES, 1 + SATELLITES, 0, 0, 0);
}

static void
record_frame(const struct scene *scene, const struct frame *frame)
{
    VkCommandBufferBeginInfo begin_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    const VkClearValue clear[] = {
        {.color.float32 = {0.05f, 0.06f, 0.09f, 1.0f}},
        {.depthStencil = {1.0f, 0}},
    };
    VkRenderPassBeginInfo pass_info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = scene->render_pass,
        .framebuffer = frame->framebuffer,
        .renderArea.extent = scene->extent,
        .clearValueCount = BASE_COUNT_OF(clear),
        .pClearValues = clear,
    };
    VKH_CHECK(vkBeginCommandBuffer(frame->commands, &begin_info));
    vkCmdBeginRenderPass(frame->commands, &pass_info, VK_SUBPASS_CONTENTS_INLINE);
    record_draw(scene, frame);
    vkCmdEndRenderPass(frame->commands);
    VKH_CHECK(vkEndCommandBuffer(frame->commands));
}

static void
render_frame(const struct scene *scene, const struct frame *frame, float angle)
{
    const struct vkh_gpu *gpu = scene->gpu;
    VKH_CHECK(vkWaitForFences(gpu->device, 1, &frame->fence, VK_TRUE, UINT64_MAX));
    VKH_CHECK(vkResetFences(gpu->device, 1, &frame->fence));
    write_uniform(scene, frame, angle);
    record_frame(scene, frame);
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &frame->commands,
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &submit, frame->fence));
}

/* Returns the frame that was rendered last; all have ended. */
static const struct frame *
render_all(const struct scene *scene, uint32_t frames)
{
    const float start = 0.55f; /* a corner towards the camera */
    const struct frame *frame = NULL;
    for (uint32_t i = 0; i < frames; i++) {
        frame = &scene->frames[i % FRAMES_IN_FLIGHT];
        render_frame(scene, frame, start + TAU * (float)(i + 1) / (float)frames);
    }
    VKH_CHECK(vkDeviceWaitIdle(scene->gpu->device));
    return frame;
}

static void
read_back(const struct scene *scene, const struct frame *frame, struct demo_picture *out)
{
    const struct vkh_gpu *gpu = scene->gpu;
    size_t size = (size_t)scene->extent.width * scene->extent.height * 4;
    struct vkh_buffer pixels;
    vkh_buffer_create(gpu, size, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &pixels);
    VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {scene->extent.width, scene->extent.height, 1},
    };
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdCopyImageToBuffer(commands, frame->colour.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           pixels.buffer, 1, &region);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);

    *out = (struct demo_picture){scene->extent.width, scene->extent.height, malloc(size)};
    if (!out->rgba) {
        vkh_die("out of memory for a picture of %zu bytes", size);
    }
    memcpy(out->rgba, pixels.map, size);
    vkh_buffer_destroy(gpu, &pixels);
}

/* --------------------------------------------------------------------- scene */

static void
create_scene(struct scene *scene)
{
    create_geometry(scene);
    create_uniforms(scene);
    create_texture(scene);
    create_layouts(scene);
    allocate_set(scene);
    write_set(scene);
    create_render_pass(scene);
    create_pipeline(scene);
    for (int i = 0; i < FRAMES_IN_FLIGHT; i++) {
        create_frame(scene, &scene->frames[i]);
    }
}

static void
destroy_scene(struct scene *scene)
{
    const struct vkh_gpu *gpu = scene->gpu;
    for (int i = 0; i < FRAMES_IN_FLIGHT; i++) {
        destroy_frame(scene, &scene->frames[i]);
    }
    vkDestroyPipeline(gpu->device, scene->pipeline, NULL);
    vkDestroyRenderPass(gpu->device, scene->render_pass, NULL);
    vkDestroyPipelineLayout(gpu->device, scene->layout, NULL);
    vkDestroyDescriptorPool(gpu->device, scene->pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, scene->set_layout, NULL);
    vkDestroySampler(gpu->device, scene->sampler, NULL);
    vkh_image_destroy(gpu, &scene->texture);
    vkh_buffer_destroy(gpu, &scene->uniforms);
    vkh_buffer_destroy(gpu, &scene->indices);
    vkh_buffer_destroy(gpu, &scene->vertices);
}

void
demo_cube_render(const struct vkh_gpu *gpu, const struct demo_cube_info *info,
                 struct demo_picture *out_picture, struct demo_cube_figures *out_figures)
{
    uint64_t start_ns = base_clock_now_ns();
    struct scene scene = {.gpu = gpu, .extent = {info->width, info->height}};
    create_scene(&scene);
    uint64_t ready_ns = base_clock_now_ns();
    const struct frame *last = render_all(&scene, info->frames);
    out_figures->setup_ns = ready_ns - start_ns;
    out_figures->render_ns = base_clock_now_ns() - ready_ns;
    read_back(&scene, last, out_picture);
    destroy_scene(&scene);
}
