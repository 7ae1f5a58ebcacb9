#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static void
check(VkResult result, const char *call)
{
    if (result != VK_SUCCESS) {
        vkh_die("%s: %s", call, vkh_result_name(result));
    }
}

/* -------------------------------------------------------------------------- shared */

enum { FILLS_A_BUFFER = 1000 };

static void
record_fills(struct bench *bench, uint32_t count)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    check(vkBeginCommandBuffer(bench->commands, &info), "vkBeginCommandBuffer");
    for (uint32_t i = 0; i < count; i++) {
        vkCmdFillBuffer(bench->commands, bench->buffer.buffer, 0, 4, i);
    }
    check(vkEndCommandBuffer(bench->commands), "vkEndCommandBuffer");
}

/* ------------------------------------------------------------------------ queue */

static void
submit_and_wait(struct bench *bench, uint32_t command_buffers)
{
    VkDevice device = bench->gpu.device;
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = command_buffers,
        .pCommandBuffers = &bench->commands,
    };
    check(vkQueueSubmit(bench->gpu.queue, 1, &submit, bench->fence), "vkQueueSubmit");
    check(vkWaitForFences(device, 1, &bench->fence, VK_TRUE, UINT64_MAX), "vkWaitForFences");
    check(vkResetFences(device, 1, &bench->fence), "vkResetFences");
}

static uint64_t
empty_submit_and_wait(struct bench *bench, uint32_t count)
{
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        submit_and_wait(bench, 0);
    }
    return base_clock_now_ns() - start_ns;
}

/* With a command buffer, as applications submit, and nothing in it. */
static uint64_t
submit_and_wait_for_nothing(struct bench *bench, uint32_t count)
{
    record_fills(bench, 0);
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        submit_and_wait(bench, 1);
    }
    return base_clock_now_ns() - start_ns;
}

static uint64_t
empty_submits(struct bench *bench, uint32_t count)
{
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        check(vkQueueSubmit(bench->gpu.queue, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit");
        if (i % 50 == 49 || i == count - 1) {
            submit_and_wait(bench, 0);
        }
    }
    return base_clock_now_ns() - start_ns;
}

/* ----------------------------------------------------------------------- memory */

static uint64_t
allocate_map_write_free(struct bench *bench, uint32_t count, VkDeviceSize size)
{
    VkDevice device = bench->gpu.device;
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = size,
        .memoryTypeIndex = vkh_memory_type(&bench->gpu, ~0u,
                                           VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                               VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                                           VK_MEMORY_PROPERTY_HOST_CACHED_BIT),
    };
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        VkDeviceMemory memory;
        void *map;
        check(vkAllocateMemory(device, &info, NULL, &memory), "vkAllocateMemory");
        check(vkMapMemory(device, memory, 0, VK_WHOLE_SIZE, 0, &map), "vkMapMemory");
        memset(map, (int)i, size);
        vkUnmapMemory(device, memory);
        vkFreeMemory(device, memory, NULL);
    }
    return base_clock_now_ns() - start_ns;
}

static uint64_t
small_memory(struct bench *bench, uint32_t count)
{
    return allocate_map_write_free(bench, count, 64 << 10);
}

static uint64_t
large_memory(struct bench *bench, uint32_t count)
{
    return allocate_map_write_free(bench, count, 64 << 20);
}

static uint64_t
buffer_with_requirements(struct bench *bench, uint32_t count)
{
    VkDevice device = bench->gpu.device;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 65536,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
    };
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        VkBuffer buffer;
        VkMemoryRequirements needs;
        check(vkCreateBuffer(device, &info, NULL, &buffer), "vkCreateBuffer");
        vkGetBufferMemoryRequirements(device, buffer, &needs);
        vkDestroyBuffer(device, buffer, NULL);
    }
    return base_clock_now_ns() - start_ns;
}

/* -------------------------------------------------------------------- recording */

/* The command alone: what surrounds it is another row. */
static uint64_t
record_fill(struct bench *bench, uint32_t count)
{
    const VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    uint64_t total_ns = 0;
    while (count) {
        uint32_t part = count < FILLS_A_BUFFER ? count : FILLS_A_BUFFER;
        check(vkBeginCommandBuffer(bench->commands, &info), "vkBeginCommandBuffer");
        uint64_t start_ns = base_clock_now_ns();
        for (uint32_t i = 0; i < part; i++) {
            vkCmdFillBuffer(bench->commands, bench->buffer.buffer, 0, 4, i);
        }
        total_ns += base_clock_now_ns() - start_ns;
        check(vkEndCommandBuffer(bench->commands), "vkEndCommandBuffer");
        count -= part;
    }
    return total_ns;
}

static uint64_t
record_and_execute_fill(struct bench *bench, uint32_t count)
{
    uint64_t start_ns = base_clock_now_ns();
    while (count) {
        uint32_t part = count < FILLS_A_BUFFER ? count : FILLS_A_BUFFER;
        record_fills(bench, part);
        submit_and_wait(bench, 1);
        count -= part;
    }
    return base_clock_now_ns() - start_ns;
}

/* ------------------------------------------------------------------ descriptors */

static uint64_t
update_descriptor(struct bench *bench, uint32_t count)
{
    VkDevice device = bench->gpu.device;
    const VkDescriptorSetLayoutBinding binding = {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                  VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    const VkDescriptorSetLayoutCreateInfo layout_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = 1,
        .pBindings = &binding,
    };
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1};
    const VkDescriptorPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = 1,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    VkDescriptorSetLayout layout;
    VkDescriptorPool pool;
    VkDescriptorSet set;
    check(vkCreateDescriptorSetLayout(device, &layout_info, NULL, &layout), "set layout");
    check(vkCreateDescriptorPool(device, &pool_info, NULL, &pool), "descriptor pool");
    const VkDescriptorSetAllocateInfo set_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    check(vkAllocateDescriptorSets(device, &set_info, &set), "descriptor set");

    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        const VkDescriptorBufferInfo info = {bench->buffer.buffer, 256 * (i % 64), 256};
        const VkWriteDescriptorSet write = {
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &info,
        };
        vkUpdateDescriptorSets(device, 1, &write, 0, NULL);
    }
    uint64_t took_ns = base_clock_now_ns() - start_ns;
    vkDestroyDescriptorPool(device, pool, NULL);
    vkDestroyDescriptorSetLayout(device, layout, NULL);
    return took_ns;
}

/* -------------------------------------------------------------------- questions */

static uint64_t
image_format_query(struct bench *bench, uint32_t count)
{
    static const VkFormat formats[] = {VK_FORMAT_R8G8B8A8_UNORM, VK_FORMAT_R16G16_SFLOAT,
                                       VK_FORMAT_R32_UINT, VK_FORMAT_B8G8R8A8_UNORM};
    VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
    };
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        VkImageFormatProperties2 properties = {.sType =
                                                   VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2};
        info.format = formats[i % BASE_COUNT_OF(formats)];
        check(vkGetPhysicalDeviceImageFormatProperties2(bench->gpu.physical_device, &info,
                                                        &properties),
              "vkGetPhysicalDeviceImageFormatProperties2");
    }
    return base_clock_now_ns() - start_ns;
}

static uint64_t
device_properties(struct bench *bench, uint32_t count)
{
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties2 properties = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
        vkGetPhysicalDeviceProperties2(bench->gpu.physical_device, &properties);
    }
    return base_clock_now_ns() - start_ns;
}

static uint64_t
fence_status(struct bench *bench, uint32_t count)
{
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        if (vkGetFenceStatus(bench->gpu.device, bench->fence) != VK_NOT_READY) {
            vkh_die("vkGetFenceStatus: the fence that nobody submitted is not unsignalled");
        }
    }
    return base_clock_now_ns() - start_ns;
}

static VkQueryPool
create_ended_query(struct bench *bench)
{
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_OCCLUSION,
        .queryCount = 1,
    };
    VkQueryPool pool;
    check(vkCreateQueryPool(bench->gpu.device, &info, NULL, &pool), "vkCreateQueryPool");
    VkCommandBuffer commands = vkh_begin(&bench->gpu);
    vkCmdResetQueryPool(commands, pool, 0, 1);
    vkCmdBeginQuery(commands, pool, 0, 0);
    vkCmdEndQuery(commands, pool, 0);
    vkh_end_and_wait(&bench->gpu, commands);
    return pool;
}

static uint64_t
query_results(struct bench *bench, uint32_t count)
{
    VkQueryPool pool = create_ended_query(bench);
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        uint64_t result;
        check(vkGetQueryPoolResults(bench->gpu.device, pool, 0, 1, sizeof(result), &result,
                                    sizeof(result), VK_QUERY_RESULT_64_BIT),
              "vkGetQueryPoolResults");
    }
    uint64_t took_ns = base_clock_now_ns() - start_ns;
    vkDestroyQueryPool(bench->gpu.device, pool, NULL);
    return took_ns;
}

/* --------------------------------------------------------------------- start-up */

uint64_t
bench_open_once(void)
{
    const struct vkh_gpu_info info = {.program = "vesper-bench start-up"};
    struct vkh_gpu gpu;
    uint64_t start_ns = base_clock_now_ns();
    vkh_gpu_open(&gpu, &info);
    vkh_gpu_close(&gpu);
    return base_clock_now_ns() - start_ns;
}

/* In a new process each time: in this one the driver is loaded already. */
static uint64_t
start_up(struct bench *bench, uint32_t count)
{
    uint64_t total_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned long long took_ns = 0;
        FILE *child = popen("exec /proc/$PPID/exe " BENCH_OPEN_ONCE, "re");
        if (!child || fscanf(child, "%llu", &took_ns) != 1 || pclose(child) != 0) {
            vkh_die("cannot start myself for the start-up row");
        }
        total_ns += took_ns;
    }
    return total_ns;
}

const struct bench_row bench_rows[] = {
    {"submit_wait", "us", "empty submit and wait", empty_submit_and_wait},
    {"submit_wait_buffer", "us", "submit an empty command buffer and wait",
     submit_and_wait_for_nothing},
    {"submit", "us", "empty submit, one wait for 50", empty_submits},
    {"allocate_map_free", "us", "allocate, map, write, free 64 KiB", small_memory},
    {"allocate_large", "ms", "allocate, map, write, free 64 MiB", large_memory},
    {"buffer", "us", "create a buffer, ask for its needs, destroy it", buffer_with_requirements},
    {"record", "ns", "record one vkCmdFillBuffer", record_fill},
    {"record_execute", "ns", "record and execute one vkCmdFillBuffer", record_and_execute_fill},
    {"update_descriptor", "ns", "write one descriptor", update_descriptor},
    {"image_format", "us", "image format query", image_format_query},
    {"properties", "us", "vkGetPhysicalDeviceProperties2", device_properties},
    {"fence_status", "us", "vkGetFenceStatus", fence_status},
    {"query_results", "us", "vkGetQueryPoolResults", query_results},
    {"start_up", "ms", "instance and device, and their end", start_up},
};
const uint32_t bench_row_count = BASE_COUNT_OF(bench_rows);
