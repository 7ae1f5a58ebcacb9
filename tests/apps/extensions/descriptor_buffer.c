/* Descriptors as bytes in a buffer of the application's. */
#include "tests/apps/extensions/extensions.h"

#include <string.h>

enum { COUNT = 256, BUFFERS = 3 };

static VkDeviceAddress
address_of(const struct vkh_gpu *gpu, const struct vkh_buffer *buffer)
{
    const VkBufferDeviceAddressInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
        .buffer = buffer->buffer,
    };
    return vkGetBufferDeviceAddress(gpu->device, &info);
}

static size_t
descriptor_size(const struct vkh_gpu *gpu)
{
    VkPhysicalDeviceDescriptorBufferPropertiesEXT properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_BUFFER_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 query = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &properties,
    };
    vkGetPhysicalDeviceProperties2(gpu->physical_device, &query);
    return gpu->features.robustBufferAccess ? properties.robustStorageBufferDescriptorSize
                                            : properties.storageBufferDescriptorSize;
}

static VkDescriptorSetLayout
create_set_layout(const struct vkh_gpu *gpu)
{
    VkDescriptorSetLayoutBinding bindings[BUFFERS];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    }
    const VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_DESCRIPTOR_BUFFER_BIT_EXT,
        .bindingCount = BUFFERS,
        .pBindings = bindings,
    };
    VkDescriptorSetLayout layout;
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &info, NULL, &layout));
    return layout;
}

static VkPipeline
create_pipeline(const struct vkh_gpu *gpu, VkPipelineLayout layout)
{
    VkShaderModule module =
        vkh_shader_create(gpu, extensions_add_code.words, extensions_add_code.size);
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = VK_PIPELINE_CREATE_DESCRIPTOR_BUFFER_BIT_EXT,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = layout,
    };
    VkPipeline pipeline;
    VKH_CHECK(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    vkDestroyShaderModule(gpu->device, module, NULL);
    return pipeline;
}

static void
write_descriptors(const struct vkh_gpu *gpu, VkDescriptorSetLayout layout,
                  const struct vkh_buffer *buffers, uint8_t *target)
{
    EXTENSIONS_LOAD(gpu, vkGetDescriptorSetLayoutBindingOffsetEXT);
    EXTENSIONS_LOAD(gpu, vkGetDescriptorEXT);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        const VkDescriptorAddressInfoEXT address = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_ADDRESS_INFO_EXT,
            .address = address_of(gpu, &buffers[i]),
            .range = COUNT * 4,
        };
        const VkDescriptorGetInfoEXT info = {
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_GET_INFO_EXT,
            .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .data.pStorageBuffer = &address,
        };
        VkDeviceSize offset;
        vkGetDescriptorSetLayoutBindingOffsetEXT(gpu->device, layout, i, &offset);
        vkGetDescriptorEXT(gpu->device, &info, descriptor_size(gpu), target + offset);
    }
}

static void
dispatch(const struct vkh_gpu *gpu, VkPipelineLayout layout, VkPipeline pipeline,
         VkDeviceAddress descriptors)
{
    EXTENSIONS_LOAD(gpu, vkCmdBindDescriptorBuffersEXT);
    EXTENSIONS_LOAD(gpu, vkCmdSetDescriptorBufferOffsetsEXT);
    const VkDescriptorBufferBindingInfoEXT binding = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_BUFFER_BINDING_INFO_EXT,
        .address = descriptors,
        .usage = VK_BUFFER_USAGE_RESOURCE_DESCRIPTOR_BUFFER_BIT_EXT |
                 VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
    };
    const uint32_t index = 0;
    const VkDeviceSize offset = 0;
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorBuffersEXT(commands, 1, &binding);
    vkCmdSetDescriptorBufferOffsetsEXT(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1,
                                       &index, &offset);
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
}

static void
bytes_in_a_buffer(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkGetDescriptorSetLayoutSizeEXT);
    struct vkh_buffer buffers[BUFFERS], descriptors;
    for (uint32_t i = 0; i < BUFFERS; i++) {
        vkh_buffer_create(gpu, COUNT * 4,
                          VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                              VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
                          VKH_MAPPED, &buffers[i]);
        for (uint32_t j = 0; j < COUNT; j++) {
            ((uint32_t *)buffers[i].map)[j] = j * (i + 1);
        }
    }
    VkDescriptorSetLayout set_layout = create_set_layout(gpu);
    const VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &set_layout,
    };
    VkPipelineLayout layout;
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &info, NULL, &layout));
    VkPipeline pipeline = create_pipeline(gpu, layout);
    VkDeviceSize size;
    vkGetDescriptorSetLayoutSizeEXT(gpu->device, set_layout, &size);
    extensions_expect(size >= BUFFERS * descriptor_size(gpu), "a set has %u bytes", (unsigned)size);
    vkh_buffer_create(gpu, size,
                      VK_BUFFER_USAGE_RESOURCE_DESCRIPTOR_BUFFER_BIT_EXT |
                          VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
                      VKH_MAPPED, &descriptors);
    write_descriptors(gpu, set_layout, buffers, descriptors.map);
    dispatch(gpu, layout, pipeline, address_of(gpu, &descriptors));
    const uint32_t *values = buffers[2].map;
    for (uint32_t i = 0; i < COUNT; i++) {
        if (values[i] != 3 * i) {
            extensions_expect(false, "sum %u is %u", i, values[i]);
            break;
        }
    }
    vkh_buffer_destroy(gpu, &descriptors);
    vkDestroyPipeline(gpu->device, pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, set_layout, NULL);
    for (uint32_t i = 0; i < BUFFERS; i++) {
        vkh_buffer_destroy(gpu, &buffers[i]);
    }
}

const struct extensions_check extensions_descriptor_buffer_checks[] = {
    {"descriptor buffer/bytes in a buffer", "VK_EXT_descriptor_buffer", bytes_in_a_buffer},
    {0},
};
