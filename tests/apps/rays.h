/* The shaders of tests/apps/shaders/rays.*, each a group of a ray tracing pipeline by itself. */
#ifndef TESTS_APPS_RAYS_H
#define TESTS_APPS_RAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

enum { RAYS_GROUPS = 3 };

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
