/* Small Vulkan programs that every pair of driver and server must run. They use the loader as any
 * application does, and nothing of Vesper.
 *
 *   interop-workloads mapped_copy MIB       copies between two mapped buffers and compares
 *   interop-workloads compute ELEMENTS      runs a shader over a mapped buffer and checks each
 * element interop-workloads submit_wait COUNT     submits nothing and waits for its fence, COUNT
 * times
 *
 * Exit status 0 only if the results are right. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vulkan/vulkan_core.h>

#include "tests/interop/square_comp.h"

#define INSTANCE_FUNCTIONS(X)                                                                      \
    X(DestroyInstance)                                                                             \
    X(EnumeratePhysicalDevices)                                                                    \
    X(GetPhysicalDeviceProperties)                                                                 \
    X(GetPhysicalDeviceMemoryProperties)                                                           \
    X(CreateDevice)                                                                                \
    X(DestroyDevice)                                                                               \
    X(GetDeviceQueue)                                                                              \
    X(AllocateMemory)                                                                              \
    X(FreeMemory)                                                                                  \
    X(MapMemory)                                                                                   \
    X(CreateBuffer)                                                                                \
    X(DestroyBuffer)                                                                               \
    X(GetBufferMemoryRequirements)                                                                 \
    X(BindBufferMemory)                                                                            \
    X(CreateCommandPool)                                                                           \
    X(DestroyCommandPool)                                                                          \
    X(AllocateCommandBuffers)                                                                      \
    X(BeginCommandBuffer)                                                                          \
    X(EndCommandBuffer)                                                                            \
    X(CmdCopyBuffer)                                                                               \
    X(CmdPipelineBarrier)                                                                          \
    X(CmdBindPipeline)                                                                             \
    X(CmdBindDescriptorSets)                                                                       \
    X(CmdDispatch)                                                                                 \
    X(CreateFence)                                                                                 \
    X(DestroyFence)                                                                                \
    X(ResetFences)                                                                                 \
    X(WaitForFences)                                                                               \
    X(QueueSubmit)                                                                                 \
    X(CreateDescriptorSetLayout)                                                                   \
    X(DestroyDescriptorSetLayout)                                                                  \
    X(CreateDescriptorPool)                                                                        \
    X(DestroyDescriptorPool)                                                                       \
    X(AllocateDescriptorSets)                                                                      \
    X(UpdateDescriptorSets)                                                                        \
    X(CreateShaderModule)                                                                          \
    X(DestroyShaderModule)                                                                         \
    X(CreatePipelineLayout)                                                                        \
    X(DestroyPipelineLayout)                                                                       \
    X(CreateComputePipelines)                                                                      \
    X(DestroyPipeline)

static struct {
#define X(name) PFN_vk##name name;
    INSTANCE_FUNCTIONS(X)
#undef X
} vk;

static const uint64_t wait_limit_ns = 30ull * 1000 * 1000 * 1000;

struct gpu {
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkFence fence;
};

struct mapped_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    uint32_t *words;
};

/* A test program has one remedy for every error: say where, and stop. */
static void
check(VkResult result, const char *what)
{
    if (result != VK_SUCCESS) {
        fprintf(stderr, "%s gave %d\n", what, result);
        exit(1);
    }
}

static double
seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static void
open_instance(struct gpu *gpu)
{
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!loader) {
        fprintf(stderr, "no Vulkan loader: %s\n", dlerror());
        exit(1);
    }
    PFN_vkGetInstanceProcAddr get =
        (PFN_vkGetInstanceProcAddr)dlsym(loader, "vkGetInstanceProcAddr");
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "interop-workloads",
        .apiVersion = VK_API_VERSION_1_1,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    check(create(&info, NULL, &gpu->instance), "vkCreateInstance");
#define X(name) vk.name = (PFN_vk##name)get(gpu->instance, "vk" #name);
    INSTANCE_FUNCTIONS(X)
#undef X
}

static void
open_gpu(struct gpu *gpu)
{
    open_instance(gpu);
    uint32_t count = 1;
    VkResult result = vk.EnumeratePhysicalDevices(gpu->instance, &count, &gpu->physical_device);
    if (result < 0 || count == 0) {
        fprintf(stderr, "no device: vkEnumeratePhysicalDevices gave %d\n", result);
        exit(1);
    }
    VkPhysicalDeviceProperties properties;
    vk.GetPhysicalDeviceProperties(gpu->physical_device, &properties);
    printf("device: %s\n", properties.deviceName);

    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo device = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
    };
    check(vk.CreateDevice(gpu->physical_device, &device, NULL, &gpu->device), "vkCreateDevice");
    vk.GetDeviceQueue(gpu->device, 0, 0, &gpu->queue);

    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    check(vk.CreateCommandPool(gpu->device, &pool, NULL, &gpu->pool), "vkCreateCommandPool");
    VkCommandBufferAllocateInfo commands = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    check(vk.AllocateCommandBuffers(gpu->device, &commands, &gpu->commands),
          "vkAllocateCommandBuffers");
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    check(vk.CreateFence(gpu->device, &fence, NULL, &gpu->fence), "vkCreateFence");
}

static void
close_gpu(struct gpu *gpu)
{
    vk.DestroyFence(gpu->device, gpu->fence, NULL);
    vk.DestroyCommandPool(gpu->device, gpu->pool, NULL);
    vk.DestroyDevice(gpu->device, NULL);
    vk.DestroyInstance(gpu->instance, NULL);
}

static void
begin_commands(struct gpu *gpu)
{
    VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    check(vk.BeginCommandBuffer(gpu->commands, &info), "vkBeginCommandBuffer");
}

/* Ends the command buffer with what makes writes visible to the host, runs it, and waits. */
static void
run_commands(struct gpu *gpu, VkPipelineStageFlags stage, VkAccessFlags writes)
{
    VkMemoryBarrier to_host = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = writes,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
    };
    vk.CmdPipelineBarrier(gpu->commands, stage, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &to_host, 0, NULL,
                          0, NULL);
    check(vk.EndCommandBuffer(gpu->commands), "vkEndCommandBuffer");
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &gpu->commands,
    };
    check(vk.QueueSubmit(gpu->queue, 1, &submit, gpu->fence), "vkQueueSubmit");
    check(vk.WaitForFences(gpu->device, 1, &gpu->fence, VK_TRUE, wait_limit_ns), "vkWaitForFences");
}

static uint32_t
coherent_type(struct gpu *gpu, uint32_t allowed)
{
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties memory;
    vk.GetPhysicalDeviceMemoryProperties(gpu->physical_device, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        if ((allowed >> i & 1) && (memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
            return i;
        }
    }
    fprintf(stderr, "no host-coherent memory type among 0x%x\n", allowed);
    exit(1);
}

static struct mapped_buffer
create_mapped_buffer(struct gpu *gpu, VkDeviceSize size, VkBufferUsageFlags usage)
{
    struct mapped_buffer out = {0};
    VkBufferCreateInfo buffer = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = usage,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    check(vk.CreateBuffer(gpu->device, &buffer, NULL, &out.buffer), "vkCreateBuffer");
    VkMemoryRequirements needs;
    vk.GetBufferMemoryRequirements(gpu->device, out.buffer, &needs);
    VkMemoryAllocateInfo memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = coherent_type(gpu, needs.memoryTypeBits),
    };
    check(vk.AllocateMemory(gpu->device, &memory, NULL, &out.memory), "vkAllocateMemory");
    check(vk.BindBufferMemory(gpu->device, out.buffer, out.memory, 0), "vkBindBufferMemory");
    void *map;
    check(vk.MapMemory(gpu->device, out.memory, 0, VK_WHOLE_SIZE, 0, &map), "vkMapMemory");
    out.words = map;
    return out;
}

static void
destroy_mapped_buffer(struct gpu *gpu, struct mapped_buffer *buffer)
{
    vk.DestroyBuffer(gpu->device, buffer->buffer, NULL);
    vk.FreeMemory(gpu->device, buffer->memory, NULL);
}

static bool
mapped_copy(struct gpu *gpu, uint32_t mib)
{
    const VkDeviceSize size = (VkDeviceSize)mib << 20;
    const size_t words = size / 4;
    struct mapped_buffer from = create_mapped_buffer(gpu, size, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
    struct mapped_buffer to = create_mapped_buffer(gpu, size, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
    for (size_t i = 0; i < words; i++) {
        from.words[i] = (uint32_t)i * 2654435761u;
    }
    memset(to.words, 0xa5, size);

    begin_commands(gpu);
    VkBufferCopy region = {.size = size};
    vk.CmdCopyBuffer(gpu->commands, from.buffer, to.buffer, 1, &region);
    run_commands(gpu, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);

    bool same = true;
    for (size_t i = 0; i < words && same; i++) {
        if (to.words[i] != from.words[i]) {
            fprintf(stderr, "word %zu is 0x%x, not 0x%x\n", i, to.words[i], from.words[i]);
            same = false;
        }
    }
    destroy_mapped_buffer(gpu, &to);
    destroy_mapped_buffer(gpu, &from);
    return same;
}

struct compute {
    VkDescriptorSetLayout set_layout;
    VkDescriptorPool descriptor_pool;
    VkDescriptorSet set;
    VkShaderModule shader;
    VkPipelineLayout layout;
    VkPipeline pipeline;
};

static void
create_compute_set(struct gpu *gpu, struct compute *compute, VkBuffer buffer)
{
    VkDescriptorSetLayoutBinding binding = {
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = 1,
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    };
    VkDescriptorSetLayoutCreateInfo set_layout = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 1,
        .pBindings = &binding,
    };
    check(vk.CreateDescriptorSetLayout(gpu->device, &set_layout, NULL, &compute->set_layout),
          "vkCreateDescriptorSetLayout");
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1};
    VkDescriptorPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    check(vk.CreateDescriptorPool(gpu->device, &pool, NULL, &compute->descriptor_pool),
          "vkCreateDescriptorPool");
    VkDescriptorSetAllocateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = compute->descriptor_pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &compute->set_layout,
    };
    check(vk.AllocateDescriptorSets(gpu->device, &set, &compute->set), "vkAllocateDescriptorSets");
    VkDescriptorBufferInfo range = {.buffer = buffer, .range = VK_WHOLE_SIZE};
    VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = compute->set,
        .descriptorCount = 1,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = &range,
    };
    vk.UpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
}

static void
create_compute_pipeline(struct gpu *gpu, struct compute *compute)
{
    VkShaderModuleCreateInfo shader = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = sizeof(square_comp),
        .pCode = square_comp,
    };
    check(vk.CreateShaderModule(gpu->device, &shader, NULL, &compute->shader),
          "vkCreateShaderModule");
    VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &compute->set_layout,
    };
    check(vk.CreatePipelineLayout(gpu->device, &layout, NULL, &compute->layout),
          "vkCreatePipelineLayout");
    VkComputePipelineCreateInfo pipeline = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage =
            {
                .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = compute->shader,
                .pName = "main",
            },
        .layout = compute->layout,
    };
    check(vk.CreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &pipeline, NULL,
                                    &compute->pipeline),
          "vkCreateComputePipelines");
}

static void
destroy_compute(struct gpu *gpu, struct compute *compute)
{
    vk.DestroyPipeline(gpu->device, compute->pipeline, NULL);
    vk.DestroyPipelineLayout(gpu->device, compute->layout, NULL);
    vk.DestroyShaderModule(gpu->device, compute->shader, NULL);
    vk.DestroyDescriptorPool(gpu->device, compute->descriptor_pool, NULL);
    vk.DestroyDescriptorSetLayout(gpu->device, compute->set_layout, NULL);
}

static bool
compute(struct gpu *gpu, uint32_t elements)
{
    struct mapped_buffer data =
        create_mapped_buffer(gpu, (VkDeviceSize)elements * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
    for (uint32_t i = 0; i < elements; i++) {
        data.words[i] = i + 1;
    }
    struct compute compute = {0};
    create_compute_set(gpu, &compute, data.buffer);
    create_compute_pipeline(gpu, &compute);

    begin_commands(gpu);
    vk.CmdBindPipeline(gpu->commands, VK_PIPELINE_BIND_POINT_COMPUTE, compute.pipeline);
    vk.CmdBindDescriptorSets(gpu->commands, VK_PIPELINE_BIND_POINT_COMPUTE, compute.layout, 0, 1,
                             &compute.set, 0, NULL);
    vk.CmdDispatch(gpu->commands, elements / 64, 1, 1);
    run_commands(gpu, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);

    bool right = true;
    for (uint32_t i = 0; i < elements && right; i++) {
        uint32_t wanted = (i + 1) * (i + 1) + i;
        if (data.words[i] != wanted) {
            fprintf(stderr, "element %u is %u, not %u\n", i, data.words[i], wanted);
            right = false;
        }
    }
    destroy_compute(gpu, &compute);
    destroy_mapped_buffer(gpu, &data);
    return right;
}

static bool
submit_wait(struct gpu *gpu, uint32_t count)
{
    double start = seconds();
    for (uint32_t i = 0; i < count; i++) {
        VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
        check(vk.QueueSubmit(gpu->queue, 1, &submit, gpu->fence), "vkQueueSubmit");
        check(vk.WaitForFences(gpu->device, 1, &gpu->fence, VK_TRUE, wait_limit_ns),
              "vkWaitForFences");
        check(vk.ResetFences(gpu->device, 1, &gpu->fence), "vkResetFences");
    }
    printf("%.1f us each\n", (seconds() - start) * 1e6 / count);
    return true;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bool (*run)(struct gpu *gpu, uint32_t amount);
    } workloads[] = {
        {"mapped_copy", mapped_copy},
        {"compute", compute},
        {"submit_wait", submit_wait},
    };
    if (argc == 3) {
        for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
            if (strcmp(argv[1], workloads[i].name) != 0) {
                continue;
            }
            struct gpu gpu = {0};
            open_gpu(&gpu);
            bool right = workloads[i].run(&gpu, (uint32_t)strtoul(argv[2], NULL, 0));
            close_gpu(&gpu);
            printf("%s %s: %s\n", argv[1], argv[2], right ? "right" : "WRONG");
            return right ? 0 : 1;
        }
    }
    fprintf(stderr,
            "usage: interop-workloads mapped_copy MIB|compute ELEMENTS|submit_wait COUNT\n");
    return 2;
}
