/* What a driver tells of the code that it made, and the names it has for shaders. */
#include "tests/apps/extensions/extensions.h"

#include <stdlib.h>
#include <string.h>

struct subject {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkShaderModule module;
    VkPipeline pipeline;
};

static void
create_subject(const struct vkh_gpu *gpu, VkPipelineCreateFlags flags, struct subject *out)
{
    VkDescriptorSetLayoutBinding bindings[3];
    for (uint32_t i = 0; i < 3; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    }
    const VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 3,
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &out->set_layout));
    const VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &out->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &out->layout));
    out->module = vkh_shader_create(gpu, extensions_add_code.words, extensions_add_code.size);
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = flags,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = out->module,
                  .pName = "main"},
        .layout = out->layout,
    };
    VKH_CHECK(
        vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &out->pipeline));
}

static void
destroy_subject(const struct vkh_gpu *gpu, struct subject *subject)
{
    vkDestroyPipeline(gpu->device, subject->pipeline, NULL);
    vkDestroyShaderModule(gpu->device, subject->module, NULL);
    vkDestroyPipelineLayout(gpu->device, subject->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, subject->set_layout, NULL);
}

enum { ROOM = 64 };

static void
look_at_statistics(const struct vkh_gpu *gpu, const VkPipelineExecutableInfoKHR *which)
{
    EXTENSIONS_LOAD(gpu, vkGetPipelineExecutableStatisticsKHR);
    static VkPipelineExecutableStatisticKHR statistics[ROOM];
    uint32_t count = 0;
    VKH_CHECK(vkGetPipelineExecutableStatisticsKHR(gpu->device, which, &count, NULL));
    uint32_t wanted = count < ROOM ? count : ROOM;
    for (uint32_t i = 0; i < wanted; i++) {
        statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    }
    VkResult result = vkGetPipelineExecutableStatisticsKHR(gpu->device, which, &wanted, statistics);
    extensions_expect(result == VK_SUCCESS || (result == VK_INCOMPLETE && count > ROOM),
                      "asking for %u of %u statistics gives %s", wanted, count,
                      vkh_result_name(result));
    for (uint32_t i = 0; i < wanted; i++) {
        extensions_expect(statistics[i].name[0] != '\0' &&
                              statistics[i].format <=
                                  VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR,
                          "statistic %u has the format %d", i, (int)statistics[i].format);
    }
}

/* Twice, as applications do: for the sizes, then for the data. */
static void
look_at_representations(const struct vkh_gpu *gpu, const VkPipelineExecutableInfoKHR *which)
{
    EXTENSIONS_LOAD(gpu, vkGetPipelineExecutableInternalRepresentationsKHR);
    static VkPipelineExecutableInternalRepresentationKHR list[ROOM];
    uint32_t count = ROOM;
    for (uint32_t i = 0; i < ROOM; i++) {
        list[i] = (VkPipelineExecutableInternalRepresentationKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR,
        };
    }
    VKH_CHECK(vkGetPipelineExecutableInternalRepresentationsKHR(gpu->device, which, &count, list));
    for (uint32_t i = 0; i < count; i++) {
        list[i].pData = calloc(1, list[i].dataSize + 1);
    }
    VKH_CHECK(vkGetPipelineExecutableInternalRepresentationsKHR(gpu->device, which, &count, list));
    for (uint32_t i = 0; i < count; i++) {
        const char *text = list[i].pData;
        extensions_expect(!list[i].isText || list[i].dataSize == 0 ||
                              text[list[i].dataSize - 1] == '\0',
                          "text %u does not end", i);
        free(list[i].pData);
    }
}

static void
describe(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkGetPipelineExecutablePropertiesKHR);
    struct subject subject;
    create_subject(gpu,
                   VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                       VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR,
                   &subject);
    const VkPipelineInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR,
        .pipeline = subject.pipeline,
    };
    VkPipelineExecutablePropertiesKHR properties[4];
    uint32_t count = 4;
    for (uint32_t i = 0; i < count; i++) {
        properties[i] = (VkPipelineExecutablePropertiesKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR,
        };
    }
    VKH_CHECK(vkGetPipelineExecutablePropertiesKHR(gpu->device, &info, &count, properties));
    extensions_expect(count > 0, "nothing was made of the pipeline");
    for (uint32_t i = 0; i < count; i++) {
        extensions_expect(properties[i].stages == VK_SHADER_STAGE_COMPUTE_BIT,
                          "executable %u is of stages %#x", i, properties[i].stages);
        const VkPipelineExecutableInfoKHR which = {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
            .pipeline = subject.pipeline,
            .executableIndex = i,
        };
        look_at_statistics(gpu, &which);
        look_at_representations(gpu, &which);
    }
    destroy_subject(gpu, &subject);
}

/* A module and the description of one have the same name. */
static void
identify(const struct vkh_gpu *gpu)
{
    EXTENSIONS_LOAD(gpu, vkGetShaderModuleIdentifierEXT);
    EXTENSIONS_LOAD(gpu, vkGetShaderModuleCreateInfoIdentifierEXT);
    struct subject subject;
    create_subject(gpu, 0, &subject);
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = extensions_add_code.size,
        .pCode = extensions_add_code.words,
    };
    VkShaderModuleIdentifierEXT of_module = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_IDENTIFIER_EXT,
    };
    VkShaderModuleIdentifierEXT of_info = of_module;
    vkGetShaderModuleIdentifierEXT(gpu->device, subject.module, &of_module);
    vkGetShaderModuleCreateInfoIdentifierEXT(gpu->device, &info, &of_info);
    extensions_expect(of_module.identifierSize > 0 &&
                          of_module.identifierSize <= VK_MAX_SHADER_MODULE_IDENTIFIER_SIZE_EXT,
                      "an identifier of %u bytes", of_module.identifierSize);
    extensions_expect(
        of_module.identifierSize == of_info.identifierSize &&
            memcmp(of_module.identifier, of_info.identifier, of_info.identifierSize) == 0,
        "module and description have different identifiers");
    destroy_subject(gpu, &subject);
}

const struct extensions_check extensions_executable_checks[] = {
    {"executable/statistics and representations", "VK_KHR_pipeline_executable_properties",
     describe},
    {"executable/identifiers of modules", "VK_EXT_shader_module_identifier", identify},
    {0},
};
