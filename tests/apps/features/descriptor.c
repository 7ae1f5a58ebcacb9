/* Descriptors: written, copied, from templates, pushed, dynamic, of all common types. */
#include "tests/apps/features/features.h"

#include <string.h>

#include "tests/apps/shaders/add_comp.h"
#include "tests/apps/shaders/sample_comp.h"

enum { COUNT = 1024 };

/* ------------------------------------------------------------- a + b, three ways */

struct sum {
    struct vkh_buffer a, b, result;
    struct vkh_compute add;
};

static void
create_sum(const struct vkh_gpu *gpu, struct sum *sum)
{
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &sum->a);
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &sum->b);
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &sum->result);
    for (uint32_t i = 0; i < COUNT; i++) {
        ((uint32_t *)sum->a.map)[i] = 100 + i;
        ((uint32_t *)sum->b.map)[i] = 5 + 2 * i;
    }
    vkh_compute_create(gpu, add_comp, sizeof(add_comp), 3, 0, NULL, &sum->add);
}

static void
destroy_sum(const struct vkh_gpu *gpu, struct sum *sum)
{
    vkh_compute_destroy(gpu, &sum->add);
    vkh_buffer_destroy(gpu, &sum->a);
    vkh_buffer_destroy(gpu, &sum->b);
    vkh_buffer_destroy(gpu, &sum->result);
}

static void
dispatch_and_check_sum(const struct vkh_gpu *gpu, const struct sum *sum, VkDescriptorSet set)
{
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, sum->add.pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, sum->add.layout, 0, 1, &set,
                            0, NULL);
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(sum->result.map, COUNT, 105, 3);
}

static void
fill_buffer_infos(const struct sum *sum, VkDescriptorBufferInfo infos[3])
{
    infos[0] = (VkDescriptorBufferInfo){sum->a.buffer, 0, VK_WHOLE_SIZE};
    infos[1] = (VkDescriptorBufferInfo){sum->b.buffer, 0, VK_WHOLE_SIZE};
    infos[2] = (VkDescriptorBufferInfo){sum->result.buffer, 0, VK_WHOLE_SIZE};
}

/* One write that runs over into the following bindings. */
static const char *
write_across_bindings(const struct vkh_gpu *gpu)
{
    struct sum sum;
    VkDescriptorBufferInfo infos[3];
    create_sum(gpu, &sum);
    fill_buffer_infos(&sum, infos);
    VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = sum.add.set,
        .descriptorCount = 3,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        /* Of another type: to be ignored, whatever they point at. */
        .pImageInfo = (const VkDescriptorImageInfo *)(uintptr_t)0x10,
        .pTexelBufferView = (const VkBufferView *)(uintptr_t)0x10,
        .pBufferInfo = infos,
    };
    vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
    dispatch_and_check_sum(gpu, &sum, sum.add.set);
    destroy_sum(gpu, &sum);
    return NULL;
}

static const char *
copy_sets(const struct vkh_gpu *gpu)
{
    struct sum sum;
    struct vkh_compute other;
    VkDescriptorBufferInfo infos[3];
    VkCopyDescriptorSet copies[3];
    create_sum(gpu, &sum);
    vkh_compute_create(gpu, add_comp, sizeof(add_comp), 3, 0, NULL, &other);
    fill_buffer_infos(&sum, infos);
    for (uint32_t i = 0; i < 3; i++) {
        vkh_compute_bind_buffer(gpu, &other, i, infos[i].buffer);
        copies[i] = (VkCopyDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_COPY_DESCRIPTOR_SET,
            .srcSet = other.set,
            .srcBinding = i,
            .dstSet = sum.add.set,
            .dstBinding = i,
            .descriptorCount = 1,
        };
    }
    vkUpdateDescriptorSets(gpu->device, 0, NULL, 3, copies);
    dispatch_and_check_sum(gpu, &sum, sum.add.set);
    vkh_compute_destroy(gpu, &other);
    destroy_sum(gpu, &sum);
    return NULL;
}

/* Template data with a gap between the elements, as applications have it. */
struct template_data {
    struct {
        VkDescriptorBufferInfo info;
        uint64_t gap;
    } buffers[3];
};

static VkDescriptorUpdateTemplate
create_template(const struct vkh_gpu *gpu, const struct vkh_compute *compute,
                VkDescriptorUpdateTemplateType type)
{
    const VkDescriptorUpdateTemplateEntry entries[] = {
        {0, 0, 2, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, offsetof(struct template_data, buffers[0]),
         sizeof(((struct template_data *)0)->buffers[0])},
        {2, 0, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, offsetof(struct template_data, buffers[2]), 0},
    };
    VkDescriptorUpdateTemplateCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_UPDATE_TEMPLATE_CREATE_INFO,
        .descriptorUpdateEntryCount = BASE_COUNT_OF(entries),
        .pDescriptorUpdateEntries = entries,
        .templateType = type,
        .descriptorSetLayout = compute->set_layout,
        .pipelineBindPoint = VK_PIPELINE_BIND_POINT_COMPUTE,
        .pipelineLayout = compute->layout,
    };
    VkDescriptorUpdateTemplate template;
    VKH_CHECK(vkCreateDescriptorUpdateTemplate(gpu->device, &info, NULL, &template));
    return template;
}

static void
fill_template_data(const struct sum *sum, struct template_data *data)
{
    VkDescriptorBufferInfo infos[3];
    fill_buffer_infos(sum, infos);
    memset(data, 0xff, sizeof(*data));
    for (int i = 0; i < 3; i++) {
        data->buffers[i].info = infos[i];
    }
}

static const char *
update_template(const struct vkh_gpu *gpu)
{
    struct sum sum;
    struct template_data data;
    create_sum(gpu, &sum);
    VkDescriptorUpdateTemplate template =
        create_template(gpu, &sum.add, VK_DESCRIPTOR_UPDATE_TEMPLATE_TYPE_DESCRIPTOR_SET);
    fill_template_data(&sum, &data);
    vkUpdateDescriptorSetWithTemplate(gpu->device, sum.add.set, template, &data);
    vkDestroyDescriptorUpdateTemplate(gpu->device, template, NULL);
    dispatch_and_check_sum(gpu, &sum, sum.add.set);
    destroy_sum(gpu, &sum);
    return NULL;
}

/* ---------------------------------------------------------- push descriptors */

struct pushed {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
};

static void
create_pushed_layouts(const struct vkh_gpu *gpu, struct pushed *out)
{
    VkDescriptorSetLayoutBinding bindings[3];
    for (uint32_t i = 0; i < 3; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    }
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR,
        .bindingCount = 3,
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &out->set_layout));
    VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &out->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &out->layout));
}

static void
create_pushed(const struct vkh_gpu *gpu, struct pushed *out)
{
    create_pushed_layouts(gpu, out);
    VkShaderModule module = vkh_shader_create(gpu, add_comp, sizeof(add_comp));
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = out->layout,
    };
    VKH_CHECK(
        vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &out->pipeline));
    vkDestroyShaderModule(gpu->device, module, NULL);
}

static void
destroy_pushed(const struct vkh_gpu *gpu, struct pushed *pushed)
{
    vkDestroyPipeline(gpu->device, pushed->pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, pushed->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, pushed->set_layout, NULL);
}

static void
push_writes(VkCommandBuffer commands, const struct pushed *pushed, const struct sum *sum)
{
    VkDescriptorBufferInfo infos[3];
    VkWriteDescriptorSet writes[3];
    fill_buffer_infos(sum, infos);
    for (uint32_t i = 0; i < 3; i++) {
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = (VkDescriptorSet)(uintptr_t)0x10, /* ignored: nothing to look up */
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &infos[i],
        };
    }
    vkCmdPushDescriptorSetKHR(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pushed->layout, 0, 3,
                              writes);
}

static void
push_and_check(const struct vkh_gpu *gpu, bool with_template)
{
    struct sum sum;
    struct pushed pushed;
    struct template_data data;
    create_sum(gpu, &sum);
    create_pushed(gpu, &pushed);
    fill_template_data(&sum, &data);
    struct vkh_compute like = {.set_layout = pushed.set_layout, .layout = pushed.layout};
    VkDescriptorUpdateTemplate template = VK_NULL_HANDLE;
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pushed.pipeline);
    if (with_template) {
        template =
            create_template(gpu, &like, VK_DESCRIPTOR_UPDATE_TEMPLATE_TYPE_PUSH_DESCRIPTORS_KHR);
        vkCmdPushDescriptorSetWithTemplateKHR(commands, template, pushed.layout, 0, &data);
    } else {
        push_writes(commands, &pushed, &sum);
    }
    vkCmdDispatch(commands, COUNT / 64, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(sum.result.map, COUNT, 105, 3);
    vkDestroyDescriptorUpdateTemplate(gpu->device, template, NULL);
    destroy_pushed(gpu, &pushed);
    destroy_sum(gpu, &sum);
}

static const char *
push_descriptors(const struct vkh_gpu *gpu)
{
    if (!vkh_gpu_has_extension(gpu, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME)) {
        return "no VK_KHR_push_descriptor";
    }
    push_and_check(gpu, false);
    return NULL;
}

static const char *
push_descriptors_with_template(const struct vkh_gpu *gpu)
{
    if (!vkh_gpu_has_extension(gpu, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME)) {
        return "no VK_KHR_push_descriptor";
    }
    push_and_check(gpu, true);
    return NULL;
}

/* --------------------------------------------------------- pools and layouts */

static const char *
pool_reset_and_free(const struct vkh_gpu *gpu)
{
    struct sum sum;
    VkDescriptorPool pool;
    VkDescriptorSet sets[8];
    VkDescriptorSetLayout layouts[8];
    create_sum(gpu, &sum);
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 24};
    VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT,
        .maxSets = 8,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    VKH_CHECK(vkCreateDescriptorPool(gpu->device, &pool_info, NULL, &pool));
    for (int i = 0; i < 8; i++) {
        layouts[i] = sum.add.set_layout;
    }
    VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = pool,
        .descriptorSetCount = 8,
        .pSetLayouts = layouts,
    };
    for (int round = 0; round < 4; round++) {
        VKH_CHECK(vkAllocateDescriptorSets(gpu->device, &info, sets));
        struct vkh_compute like = {.set = sets[round]};
        vkh_compute_bind_buffer(gpu, &like, 0, sum.a.buffer);
        vkh_compute_bind_buffer(gpu, &like, 1, sum.b.buffer);
        vkh_compute_bind_buffer(gpu, &like, 2, sum.result.buffer);
        memset(sum.result.map, 0, sum.result.size);
        dispatch_and_check_sum(gpu, &sum, sets[round]);
        if (round % 2) {
            VKH_CHECK(vkFreeDescriptorSets(gpu->device, pool, 8, sets));
        } else {
            VKH_CHECK(vkResetDescriptorPool(gpu->device, pool, 0));
        }
    }
    vkDestroyDescriptorPool(gpu->device, pool, NULL);
    destroy_sum(gpu, &sum);
    return NULL;
}

/* --------------------------------------------------------------- all types */

struct all_types {
    struct vkh_buffer texels, block, result;
    struct vkh_image sampled, stored;
    VkBufferView view;
    VkSampler sampler;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool pool;
    VkDescriptorSet set;
};

static void
fill_image(const struct vkh_gpu *gpu, const struct vkh_image *image, VkClearColorValue colour,
           VkImageLayout final_layout)
{
    const VkImageSubresourceRange range = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
    VkCommandBuffer commands = vkh_begin(gpu);
    vkh_image_barrier(commands, image->image, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_UNDEFINED,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, 0,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkCmdClearColorImage(commands, image->image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &colour, 1,
                         &range);
    vkh_image_barrier(commands, image->image, VK_IMAGE_ASPECT_COLOR_BIT,
                      VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, final_layout,
                      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
                      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_READ_BIT);
    vkh_end_and_wait(gpu, commands);
}

static void
create_resources(const struct vkh_gpu *gpu, struct all_types *all)
{
    const VkExtent2D extent = {8, 8};
    vkh_buffer_create(gpu, 64 * 4, VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT, VKH_MAPPED,
                      &all->texels);
    vkh_buffer_create(gpu, 1024, VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT, VKH_MAPPED, &all->block);
    vkh_buffer_create(gpu, 64 * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &all->result);
    for (uint32_t i = 0; i < 64; i++) {
        ((uint32_t *)all->texels.map)[i] = i;
    }
    ((uint32_t *)all->block.map)[512 / 4] = 1u << 24; /* reached by the dynamic offset */
    VkBufferViewCreateInfo view_info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
        .buffer = all->texels.buffer,
        .format = VK_FORMAT_R32_UINT,
        .range = VK_WHOLE_SIZE,
    };
    VKH_CHECK(vkCreateBufferView(gpu->device, &view_info, NULL, &all->view));
    VkImageUsageFlags usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT | VK_IMAGE_USAGE_SAMPLED_BIT;
    vkh_image_create(gpu, VK_FORMAT_R8G8B8A8_UNORM, extent, usage, VK_IMAGE_ASPECT_COLOR_BIT,
                     &all->sampled);
    vkh_image_create(gpu, VK_FORMAT_R8G8B8A8_UNORM, extent, usage | VK_IMAGE_USAGE_STORAGE_BIT,
                     VK_IMAGE_ASPECT_COLOR_BIT, &all->stored);
    fill_image(gpu, &all->sampled, (VkClearColorValue){.float32 = {17 / 255.0f}},
               VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
    fill_image(gpu, &all->stored, (VkClearColorValue){.float32 = {0, 34 / 255.0f}},
               VK_IMAGE_LAYOUT_GENERAL);
}

static void
create_all_layouts(const struct vkh_gpu *gpu, struct all_types *all)
{
    VkSamplerCreateInfo sampler_info = {.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO};
    VKH_CHECK(vkCreateSampler(gpu->device, &sampler_info, NULL, &all->sampler));
    const VkShaderStageFlags stage = VK_SHADER_STAGE_COMPUTE_BIT;
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, 1, stage, NULL},
        {1, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1, stage, &all->sampler}, /* immutable */
        {2, VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, 1, stage, NULL},
        {3, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1, stage, NULL},
        {4, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, stage, NULL},
    };
    VkDescriptorSetLayoutCreateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = BASE_COUNT_OF(bindings),
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &all->set_layout));
    VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &all->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &all->layout));
}

static void
create_all_set(const struct vkh_gpu *gpu, struct all_types *all)
{
    const VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, 1},
        {VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1},
        {VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, 1},
        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1},
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1},
    };
    VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = BASE_COUNT_OF(sizes),
        .pPoolSizes = sizes,
    };
    VKH_CHECK(vkCreateDescriptorPool(gpu->device, &pool_info, NULL, &all->pool));
    VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = all->pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &all->set_layout,
    };
    VKH_CHECK(vkAllocateDescriptorSets(gpu->device, &info, &all->set));
}

static void
write_all_set(const struct vkh_gpu *gpu, const struct all_types *all)
{
    const VkDescriptorImageInfo sampled = {
        /* The sampler is immutable; this one is to be ignored. */
        (VkSampler)(uintptr_t)0x10, all->sampled.view, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL};
    const VkDescriptorImageInfo stored = {VK_NULL_HANDLE, all->stored.view,
                                          VK_IMAGE_LAYOUT_GENERAL};
    const VkDescriptorBufferInfo block = {all->block.buffer, 0, 16};
    const VkDescriptorBufferInfo result = {all->result.buffer, 0, VK_WHOLE_SIZE};
    VkWriteDescriptorSet writes[] = {
        {.descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, .pTexelBufferView = &all->view},
        {.descriptorType = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, .pImageInfo = &sampled},
        {.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, .pImageInfo = &stored},
        {.descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, .pBufferInfo = &block},
        {.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, .pBufferInfo = &result},
    };
    for (uint32_t i = 0; i < BASE_COUNT_OF(writes); i++) {
        writes[i].sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
        writes[i].dstSet = all->set;
        writes[i].dstBinding = i;
        writes[i].descriptorCount = 1;
    }
    vkUpdateDescriptorSets(gpu->device, BASE_COUNT_OF(writes), writes, 0, NULL);
}

static void
create_all_pipeline(const struct vkh_gpu *gpu, struct all_types *all)
{
    VkShaderModule module = vkh_shader_create(gpu, sample_comp, sizeof(sample_comp));
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = all->layout,
    };
    VKH_CHECK(
        vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &all->pipeline));
    vkDestroyShaderModule(gpu->device, module, NULL);
}

static void
destroy_all_types(const struct vkh_gpu *gpu, struct all_types *all)
{
    vkDestroyPipeline(gpu->device, all->pipeline, NULL);
    vkDestroyDescriptorPool(gpu->device, all->pool, NULL);
    vkDestroyPipelineLayout(gpu->device, all->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, all->set_layout, NULL);
    vkDestroySampler(gpu->device, all->sampler, NULL);
    vkDestroyBufferView(gpu->device, all->view, NULL);
    vkh_image_destroy(gpu, &all->stored);
    vkh_image_destroy(gpu, &all->sampled);
    vkh_buffer_destroy(gpu, &all->result);
    vkh_buffer_destroy(gpu, &all->block);
    vkh_buffer_destroy(gpu, &all->texels);
}

static const char *
texels_images_blocks(const struct vkh_gpu *gpu)
{
    struct all_types all = {0};
    const uint32_t offset = 512;
    create_resources(gpu, &all);
    create_all_layouts(gpu, &all);
    create_all_pipeline(gpu, &all);
    create_all_set(gpu, &all);
    write_all_set(gpu, &all);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, all.pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, all.layout, 0, 1, &all.set, 1,
                            &offset);
    vkCmdDispatch(commands, 1, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(all.result.map, 64, (17u << 8) + (34u << 16) + (1u << 24), 1);
    destroy_all_types(gpu, &all);
    return NULL;
}

const struct features_check features_descriptor_checks[] = {
    {"descriptor/a write across bindings", write_across_bindings},
    {"descriptor/copied sets", copy_sets},
    {"descriptor/update template", update_template},
    {"descriptor/pushed", push_descriptors},
    {"descriptor/pushed with a template", push_descriptors_with_template},
    {"descriptor/pool reset and free", pool_reset_and_free},
    {"descriptor/texel buffer, images, dynamic block", texels_images_blocks},
    {0},
};
