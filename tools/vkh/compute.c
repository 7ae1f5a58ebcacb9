/* A compute pipeline over storage buffers. */
#include "tools/vkh/vkh.h"

#include <string.h>

enum { MAX_BUFFERS = 8 };

static void
create_layouts(const struct vkh_gpu *gpu, uint32_t buffer_count, uint32_t push_size,
               struct vkh_compute *out)
{
    VkDescriptorSetLayoutBinding bindings[MAX_BUFFERS];
    for (uint32_t i = 0; i < buffer_count; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    }
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = buffer_count,
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &out->set_layout));
    VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &out->set_layout,
        .pushConstantRangeCount = push_size > 0,
        .pPushConstantRanges =
            &(VkPushConstantRange){
                .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                .size = push_size,
            },
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &out->layout));
}

static void
create_set(const struct vkh_gpu *gpu, uint32_t buffer_count, struct vkh_compute *out)
{
    VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes =
            &(VkDescriptorPoolSize){
                .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                .descriptorCount = buffer_count,
            },
    };
    VKH_CHECK(vkCreateDescriptorPool(gpu->device, &pool_info, NULL, &out->pool));
    VkDescriptorSetAllocateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = out->pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &out->set_layout,
    };
    VKH_CHECK(vkAllocateDescriptorSets(gpu->device, &set_info, &out->set));
}

void
vkh_compute_create(const struct vkh_gpu *gpu, const uint32_t *code, size_t code_size,
                   uint32_t buffer_count, uint32_t push_size, const VkSpecializationInfo *constants,
                   struct vkh_compute *out)
{
    memset(out, 0, sizeof(*out));
    if (buffer_count == 0 || buffer_count > MAX_BUFFERS) {
        vkh_die("vkh_compute_create: %u buffers, at most %d", buffer_count, MAX_BUFFERS);
    }
    create_layouts(gpu, buffer_count, push_size, out);
    create_set(gpu, buffer_count, out);
    VkShaderModule module = vkh_shader_create(gpu, code, code_size);
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage =
            {
                .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = "main",
                .pSpecializationInfo = constants,
            },
        .layout = out->layout,
    };
    VKH_CHECK(
        vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &out->pipeline));
    vkDestroyShaderModule(gpu->device, module, NULL);
}

void
vkh_compute_bind_buffer(const struct vkh_gpu *gpu, const struct vkh_compute *compute,
                        uint32_t binding, VkBuffer buffer)
{
    VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = compute->set,
        .dstBinding = binding,
        .descriptorCount = 1,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = &(VkDescriptorBufferInfo){.buffer = buffer, .range = VK_WHOLE_SIZE},
    };
    vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
}

void
vkh_compute_destroy(const struct vkh_gpu *gpu, struct vkh_compute *compute)
{
    vkDestroyPipeline(gpu->device, compute->pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, compute->layout, NULL);
    vkDestroyDescriptorPool(gpu->device, compute->pool, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, compute->set_layout, NULL);
    memset(compute, 0, sizeof(*compute));
}
