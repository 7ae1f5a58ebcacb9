/* Small Vulkan programs that every pair of driver and server must run.
 *
 *   interop-workloads mapped_copy MIB       copies between two mapped buffers and compares
 *   interop-workloads compute ELEMENTS      runs a shader over a mapped buffer and checks each
 * element interop-workloads submit_wait COUNT     submits nothing and waits for its fence, COUNT
 * times
 *
 * Exit status 0 only if the results are right. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tools/demo/demo.h"
#include "tools/vkh/vkh.h"

static bool
same_words(const uint32_t *words, const uint32_t *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] != wanted[i]) {
            fprintf(stderr, "word %zu is 0x%x, not 0x%x\n", i, words[i], wanted[i]);
            return false;
        }
    }
    return true;
}

static bool
mapped_copy(const struct vkh_gpu *gpu, uint32_t mib)
{
    const VkDeviceSize size = (VkDeviceSize)mib << 20;
    const size_t words = size / sizeof(uint32_t);
    struct vkh_buffer from, to;
    vkh_buffer_create(gpu, size, VK_BUFFER_USAGE_TRANSFER_SRC_BIT, VKH_MAPPED, &from);
    vkh_buffer_create(gpu, size, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &to);
    uint32_t *source = from.map;
    for (size_t i = 0; i < words; i++) {
        source[i] = (uint32_t)i * 2654435761u;
    }
    memset(to.map, 0xa5, size);

    VkCommandBuffer commands = vkh_begin(gpu);
    VkBufferCopy region = {.size = size};
    vkCmdCopyBuffer(commands, from.buffer, to.buffer, 1, &region);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);

    bool same = same_words(to.map, source, words);
    vkh_buffer_destroy(gpu, &to);
    vkh_buffer_destroy(gpu, &from);
    return same;
}

static bool
compute(const struct vkh_gpu *gpu, uint32_t elements)
{
    uint64_t elapsed_ns;
    uint32_t wrong = demo_compute_check(gpu, elements, &elapsed_ns);
    printf("%u of %u elements wrong, %.1f ms\n", wrong, elements, elapsed_ns / 1e6);
    return wrong == 0;
}

static bool
submit_wait(const struct vkh_gpu *gpu, uint32_t count)
{
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    uint64_t start_ns = base_clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        VkSubmitInfo nothing = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
        VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &nothing, fence));
        VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, UINT64_MAX));
        VKH_CHECK(vkResetFences(gpu->device, 1, &fence));
    }
    printf("%.1f us each\n", (base_clock_now_ns() - start_ns) / 1e3 / count);
    vkDestroyFence(gpu->device, fence, NULL);
    return true;
}

static const struct workload {
    const char *name;
    bool (*run)(const struct vkh_gpu *gpu, uint32_t amount);
} workloads[] = {
    {"mapped_copy", mapped_copy},
    {"compute", compute},
    {"submit_wait", submit_wait},
};

static const struct workload *
find_workload(const char *name)
{
    for (size_t i = 0; i < BASE_COUNT_OF(workloads); i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            return &workloads[i];
        }
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    const struct workload *workload = argc == 3 ? find_workload(argv[1]) : NULL;
    if (!workload) {
        fprintf(stderr,
                "usage: interop-workloads mapped_copy MIB|compute ELEMENTS|submit_wait COUNT\n");
        return 2;
    }
    struct vkh_gpu_info info = {.program = "interop-workloads"};
    struct vkh_gpu gpu;
    vkh_gpu_open(&gpu, &info);
    printf("device: %s\n", gpu.properties.deviceName);
    fflush(stdout);
    bool right = workload->run(&gpu, (uint32_t)strtoul(argv[2], NULL, 0));
    vkh_gpu_close(&gpu);
    printf("%s %s: %s\n", argv[1], argv[2], right ? "right" : "WRONG");
    return right ? 0 : 1;
}
