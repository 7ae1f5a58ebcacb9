#include "tests/apps/leaks/cycles.h"

#include <string.h>

#include "tests/apps/shaders/add_comp.h"

static const VkExtent2D EXTENT = {TARGET_SIZE, TARGET_SIZE};

/* Objects that are made from nothing but a structure. */
#define SIMPLE_CYCLE(function, Type, ...)                                                          \
    static void function(struct world *world)                                                      \
    {                                                                                              \
        const Vk##Type##CreateInfo info = {__VA_ARGS__};                                           \
        Vk##Type object;                                                                           \
        VKH_CHECK(vkCreate##Type(world->gpu.device, &info, NULL, &object));                        \
        vkDestroy##Type(world->gpu.device, object, NULL);                                          \
    }

SIMPLE_CYCLE(buffer, Buffer, .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 4096,
             .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT)
SIMPLE_CYCLE(buffer_view, BufferView, .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
             .buffer = world->buffer.buffer, .format = VK_FORMAT_R8G8B8A8_UNORM,
             .range = VK_WHOLE_SIZE)
SIMPLE_CYCLE(sampler, Sampler, .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO)
SIMPLE_CYCLE(fence, Fence, .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO)
SIMPLE_CYCLE(semaphore, Semaphore, .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO)
SIMPLE_CYCLE(timeline, Semaphore, .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
             .pNext = &(const VkSemaphoreTypeCreateInfo){
                 .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                 .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE})
SIMPLE_CYCLE(event, Event, .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO)
SIMPLE_CYCLE(query_pool, QueryPool, .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
             .queryType = VK_QUERY_TYPE_OCCLUSION, .queryCount = 8)
SIMPLE_CYCLE(command_pool, CommandPool, .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO)
SIMPLE_CYCLE(set_layout, DescriptorSetLayout,
             .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = 1,
             .pBindings = &(const VkDescriptorSetLayoutBinding){
                 0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 4, VK_SHADER_STAGE_ALL, NULL})
SIMPLE_CYCLE(descriptor_pool, DescriptorPool,
             .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 8,
             .poolSizeCount = 1,
             .pPoolSizes = &(const VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 8})
SIMPLE_CYCLE(update_template, DescriptorUpdateTemplate,
             .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_UPDATE_TEMPLATE_CREATE_INFO,
             .descriptorUpdateEntryCount = 1,
             .pDescriptorUpdateEntries =
                 &(const VkDescriptorUpdateTemplateEntry){
                     .descriptorCount = 1, .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER},
             .descriptorSetLayout = world->set_layout)
SIMPLE_CYCLE(pipeline_layout, PipelineLayout,
             .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1,
             .pSetLayouts = &world->set_layout)
SIMPLE_CYCLE(pipeline_cache, PipelineCache, .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO)
SIMPLE_CYCLE(shader_module, ShaderModule, .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
             .codeSize = sizeof(add_comp), .pCode = add_comp)
SIMPLE_CYCLE(render_pass, RenderPass, .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
             .subpassCount = 1, .pSubpasses = &(const VkSubpassDescription){0})
SIMPLE_CYCLE(framebuffer, Framebuffer, .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
             .renderPass = world->target.render_pass, .attachmentCount = 2,
             .pAttachments = (const VkImageView[]){world->target.colour.view,
                                                   world->target.depth.view},
             .width = EXTENT.width, .height = EXTENT.height, .layers = 1)
SIMPLE_CYCLE(image_view, ImageView, .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
             .image = world->target.colour.image, .viewType = VK_IMAGE_VIEW_TYPE_2D,
             .format = world->target.colour.format,
             .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1})
SIMPLE_CYCLE(image, Image, .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
             .imageType = VK_IMAGE_TYPE_2D, .format = VK_FORMAT_R8G8B8A8_UNORM,
             .extent = {64, 64, 1}, .mipLevels = 1, .arrayLayers = 1,
             .samples = VK_SAMPLE_COUNT_1_BIT, .usage = VK_IMAGE_USAGE_SAMPLED_BIT)

static void
memory(struct world *world)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = 4096,
        .memoryTypeIndex =
            vkh_memory_type(&world->gpu, ~0u, 0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT),
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(world->gpu.device, &info, NULL, &memory));
    vkFreeMemory(world->gpu.device, memory, NULL);
}

static void
mapped_memory(struct world *world)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = 65536,
        .memoryTypeIndex = world->mapped_type,
    };
    VkDeviceMemory memory;
    void *map;
    VKH_CHECK(vkAllocateMemory(world->gpu.device, &info, NULL, &memory));
    VKH_CHECK(vkMapMemory(world->gpu.device, memory, 0, VK_WHOLE_SIZE, 0, &map));
    memset(map, 0x55, 65536);
    vkFreeMemory(world->gpu.device, memory, NULL); /* unmaps */
}

/* With memory, bound, as applications have them. */
static void
bound_buffer(struct world *world)
{
    struct vkh_buffer buffer;
    vkh_buffer_create(&world->gpu, 16384, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &buffer);
    vkh_buffer_destroy(&world->gpu, &buffer);
}

static void
bound_image(struct world *world)
{
    struct vkh_image image;
    vkh_image_create(&world->gpu, VK_FORMAT_R8G8B8A8_UNORM, EXTENT, VK_IMAGE_USAGE_SAMPLED_BIT,
                     VK_IMAGE_ASPECT_COLOR_BIT, &image);
    vkh_image_destroy(&world->gpu, &image);
}

static void
descriptor_set(struct world *world)
{
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = world->pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &world->set_layout,
    };
    VkDescriptorSet set;
    VKH_CHECK(vkAllocateDescriptorSets(world->gpu.device, &info, &set));
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .descriptorCount = 1,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = &(VkDescriptorBufferInfo){world->buffer.buffer, 0, VK_WHOLE_SIZE},
    };
    vkUpdateDescriptorSets(world->gpu.device, 1, &write, 0, NULL);
    VKH_CHECK(vkFreeDescriptorSets(world->gpu.device, world->pool, 1, &set));
}

/* Recorded but not submitted. */
static void
command_buffer(struct world *world)
{
    VkCommandBuffer commands = vkh_begin(&world->gpu);
    vkCmdFillBuffer(commands, world->buffer.buffer, 0, VK_WHOLE_SIZE, 7);
    VKH_CHECK(vkEndCommandBuffer(commands));
    vkFreeCommandBuffers(world->gpu.device, world->gpu.pool, 1, &commands);
}

/* Submitted with a fence that is waited for. */
static void
submission(struct world *world)
{
    VkCommandBuffer commands = vkh_begin(&world->gpu);
    vkCmdFillBuffer(commands, world->buffer.buffer, 0, 64, 7);
    vkh_end_and_wait(&world->gpu, commands);
}

static void
compute_pipeline(struct world *world)
{
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = world->compute,
                  .pName = "main"},
        .layout = world->layout,
    };
    VkPipeline pipeline;
    VKH_CHECK(
        vkCreateComputePipelines(world->gpu.device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    vkDestroyPipeline(world->gpu.device, pipeline, NULL);
}

/* A graphics pipeline, and what it draws on. */
static void
render_target(struct world *world)
{
    struct target target;
    target_create(&world->gpu, false, &target);
    target_destroy(&target);
}

/* Instance, device, queue and pool: a connection of its own, and a process that serves it. */
static void
device(struct world *world)
{
    struct vkh_gpu gpu;
    vkh_gpu_open(&gpu, &(struct vkh_gpu_info){.program = "leaks"});
    vkh_gpu_close(&gpu);
}

enum { SLOW = 20, SLOWEST = 500 };

const struct cycle cycles[] = {
    {"buffer", buffer, 1},
    {"buffer view", buffer_view, 1},
    {"image", image, 1},
    {"image view", image_view, 1},
    {"sampler", sampler, 1},
    {"memory", memory, 1},
    {"mapped memory", mapped_memory, 1},
    {"buffer with memory", bound_buffer, 1},
    {"image with memory", bound_image, 1},
    {"fence", fence, 1},
    {"binary semaphore", semaphore, 1},
    {"timeline semaphore", timeline, 1},
    {"event", event, 1},
    {"query pool", query_pool, 1},
    {"command pool", command_pool, 1},
    {"command buffer", command_buffer, 1},
    {"submission", submission, 1},
    {"descriptor set layout", set_layout, 1},
    {"descriptor pool", descriptor_pool, 1},
    {"descriptor set", descriptor_set, 1},
    {"update template", update_template, 1},
    {"pipeline layout", pipeline_layout, 1},
    {"pipeline cache", pipeline_cache, 1},
    {"shader module", shader_module, 1},
    {"render pass", render_pass, 1},
    {"framebuffer", framebuffer, 1},
    {"compute pipeline", compute_pipeline, SLOW},
    {"graphics pipeline and target", render_target, SLOW},
    {"instance and device", device, SLOWEST},
};
const uint32_t cycle_count = BASE_COUNT_OF(cycles);

void
world_create(struct world *out)
{
    const struct vkh_gpu_info info = {
        .program = "leaks", .api_version = VK_API_VERSION_1_2, .all_core_features = true};
    memset(out, 0, sizeof(*out));
    struct vkh_gpu *gpu = &out->gpu;
    vkh_gpu_open(gpu, &info);
    target_create(gpu, false, &out->target);
    vkh_buffer_create(gpu, 4096,
                      VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                          VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                      VKH_MAPPED, &out->buffer);
    out->mapped_type = vkh_memory_type(
        gpu, ~0u, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0);
    out->compute = vkh_shader_create(gpu, add_comp, sizeof(add_comp));
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
        {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
        {2, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL},
    };
    const VkDescriptorSetLayoutCreateInfo set_layout_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = BASE_COUNT_OF(bindings),
        .pBindings = bindings,
    };
    VKH_CHECK(vkCreateDescriptorSetLayout(gpu->device, &set_layout_info, NULL, &out->set_layout));
    const VkPipelineLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &out->set_layout,
    };
    VKH_CHECK(vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &out->layout));
    const VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &(VkDescriptorPoolSize){VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 3},
    };
    VKH_CHECK(vkCreateDescriptorPool(gpu->device, &pool_info, NULL, &out->pool));
}

void
world_destroy(struct world *world)
{
    struct vkh_gpu *gpu = &world->gpu;
    vkDestroyDescriptorPool(gpu->device, world->pool, NULL);
    vkDestroyPipelineLayout(gpu->device, world->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, world->set_layout, NULL);
    vkDestroyShaderModule(gpu->device, world->compute, NULL);
    vkh_buffer_destroy(gpu, &world->buffer);
    target_destroy(&world->target);
    vkh_gpu_close(gpu);
}
