/* A small colour and depth target and the pipelines that draw on it, for the rendering and query
 * checks. */
#ifndef FEATURES_TARGET_H
#define FEATURES_TARGET_H

#include "tools/vkh/vkh.h"

enum { TARGET_SIZE = 32, TARGET_PIXELS = TARGET_SIZE * TARGET_SIZE };

struct target_push {
    float colour[4];
    float depth;
};

/* R8G8B8A8 as vkCmdCopyImageToBuffer() gives it. */
static const uint32_t TARGET_RED = 0xff0000ff;
static const uint32_t TARGET_GREEN = 0xff00ff00;
static const uint32_t TARGET_BLUE = 0xffff0000;

struct target {
    const struct vkh_gpu *gpu;
    struct vkh_image colour, depth;
    struct vkh_buffer pixels; /* mapped; what target_read_back() copies to */
    VkPipelineLayout layout;
    VkRenderPass render_pass; /* VK_NULL_HANDLE with dynamic rendering */
    VkFramebuffer framebuffer;
    VkPipeline pipeline; /* full-screen triangle; depth test less; dynamic viewport and scissor */
};

/* With a classic render pass (clears, leaves the colour ready to be copied) or with dynamic
 * rendering. */
void target_create(const struct vkh_gpu *gpu, bool dynamic_rendering, struct target *out);
void target_destroy(struct target *target);

/* The shaders of the pipeline: SPIR-V, and its size in bytes. */
const uint32_t *target_vertex_code(size_t *size);
const uint32_t *target_fragment_code(size_t *size);
VkShaderModule target_vertex_shader(const struct vkh_gpu *gpu);
VkShaderModule target_fragment_shader(const struct vkh_gpu *gpu);

/* Calls back with the create info of such a pipeline, which has two stages: vertex and fragment. */
void target_describe_pipeline(const struct target *target, const void *chain,
                              const VkPipelineShaderStageCreateInfo *stages,
                              void (*use)(void *user, const VkGraphicsPipelineCreateInfo *info),
                              void *user);

/* The classic render pass. Colour is cleared to blue, depth to 1. */
void target_begin(const struct target *target, VkCommandBuffer commands,
                  VkSubpassContents contents);
/* Pipeline, viewport, scissor. */
void target_bind(const struct target *target, VkCommandBuffer commands);
void target_push(const struct target *target, VkCommandBuffer commands, const float colour[4],
                 float depth);
/* Binds, pushes, draws one triangle over everything. */
void target_draw(const struct target *target, VkCommandBuffer commands, const float colour[4],
                 float depth);
/* Copies the colour image, which is TRANSFER_SRC_OPTIMAL, to the buffer. */
void target_read_back(const struct target *target, VkCommandBuffer commands);

#endif
