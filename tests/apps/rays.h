/* The shaders of tests/apps/shaders/rays.*, each a group of a ray tracing pipeline by itself. */
#ifndef TESTS_APPS_RAYS_H
#define TESTS_APPS_RAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "tools/vkh/vkh.h"

enum { RAYS_GROUPS = 3 };

/* What the shaders see: an acceleration structure and a buffer. */
static inline void
rays_create_layout(const struct vkh_gpu *gpu, VkDescriptorSetLayout *set_layout,
                   VkPipelineLayout *layout)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR, 1, VK_SHADER_STAGE_RAYGEN_BIT_KHR, NULL},
        {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_RAYGEN_BIT_KHR, NULL},
    };
    const VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 2,
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, set_layout));
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, layout));
}

static const VkShaderStageFlagBits rays_stages[RAYS_GROUPS] = {
    VK_SHADER_STAGE_RAYGEN_BIT_KHR,
    VK_SHADER_STAGE_MISS_BIT_KHR,
    VK_SHADER_STAGE_CLOSEST_HIT_BIT_KHR,
};

/* `group`: which of them; `stage`: its place among the stages of the pipeline at hand. */
static inline VkRayTracingShaderGroupCreateInfoKHR
rays_group(uint32_t group, uint32_t stage)
{
    bool hit = rays_stages[group] == VK_SHADER_STAGE_CLOSEST_HIT_BIT_KHR;
    return (VkRayTracingShaderGroupCreateInfoKHR){
        .sType = VK_STRUCTURE_TYPE_RAY_TRACING_SHADER_GROUP_CREATE_INFO_KHR,
        .type = hit ? VK_RAY_TRACING_SHADER_GROUP_TYPE_TRIANGLES_HIT_GROUP_KHR
                    : VK_RAY_TRACING_SHADER_GROUP_TYPE_GENERAL_KHR,
        .generalShader = hit ? VK_SHADER_UNUSED_KHR : stage,
        .closestHitShader = hit ? stage : VK_SHADER_UNUSED_KHR,
        .anyHitShader = VK_SHADER_UNUSED_KHR,
        .intersectionShader = VK_SHADER_UNUSED_KHR,
    };
}

#endif
