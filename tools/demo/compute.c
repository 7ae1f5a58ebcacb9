/* 1 Mi numbers through a compute shader, in mapped memory, compared on the CPU. */
#include "tools/demo/demo.h"

#include "base/clock.h"
#include "tools/demo/shaders/mix_comp.h"

enum { GROUP_SIZE = 64 };

static uint32_t
mix(uint32_t value, uint32_t i)
{
    uint32_t x = value + i * 0x9e3779b9u;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

static uint32_t
input(uint32_t i)
{
    return i * 2654435761u + 12345u;
}

static void
run_mix(const struct vkh_gpu *gpu, const struct vkh_compute *compute, uint32_t count)
{
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, compute->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, compute->layout, 0, 1,
                            &compute->set, 0, NULL);
    vkCmdPushConstants(commands, compute->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(count),
                       &count);
    vkCmdDispatch(commands, (count + GROUP_SIZE - 1) / GROUP_SIZE, 1, 1);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
}

uint32_t
demo_compute_check(const struct vkh_gpu *gpu, uint32_t count, uint64_t *out_ns)
{
    struct vkh_buffer data;
    struct vkh_compute compute;
    vkh_buffer_create(gpu, (VkDeviceSize)count * sizeof(uint32_t),
                      VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, VKH_MAPPED, &data);
    vkh_compute_create(gpu, mix_comp, sizeof(mix_comp), 1, sizeof(uint32_t), NULL, &compute);
    vkh_compute_bind_buffer(gpu, &compute, 0, data.buffer);

    uint32_t *values = data.map;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = input(i);
    }
    uint64_t start_ns = base_clock_now_ns();
    run_mix(gpu, &compute, count);
    *out_ns = base_clock_now_ns() - start_ns;

    uint32_t wrong = 0;
    for (uint32_t i = 0; i < count; i++) {
        wrong += values[i] != mix(input(i), i);
    }
    vkh_compute_destroy(gpu, &compute);
    vkh_buffer_destroy(gpu, &data);
    return wrong;
}
