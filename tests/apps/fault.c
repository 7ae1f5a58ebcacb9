/* A device that the host loses (tests/layer/fault_layer.c): the application hears of it, may ask
 * why as often as it likes, and gets an answer even when the renderer is gone.
 *
 * Runs below `vesper run`, and kills the server that serves it at the end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/clock.h"
#include "tests/layer/fault_layer.h"
#include "tools/vkh/vkh.h"

static const uint64_t PATIENCE_NS = 20ull * 1000 * 1000 * 1000;

static PFN_vkGetDeviceFaultInfoEXT get_info;

static void
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {VK_EXT_DEVICE_FAULT_EXTENSION_NAME, NULL};
    static VkPhysicalDeviceFaultFeaturesEXT feature = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FAULT_FEATURES_EXT,
        .deviceFault = VK_TRUE,
        .deviceFaultVendorBinary = VK_TRUE,
    };
    vkh_gpu_open(gpu, &(struct vkh_gpu_info){
                          .program = "fault", .extensions = extensions, .device_next = &feature});
    vkh_expect(vkh_gpu_has_extension(gpu, extensions[0]), "VK_EXT_device_fault is not there");
    get_info =
        (PFN_vkGetDeviceFaultInfoEXT)vkGetDeviceProcAddr(gpu->device, "vkGetDeviceFaultInfoEXT");
}

/* --- losing it --- */

static VkCommandBuffer
record_nothing(const struct vkh_gpu *gpu)
{
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = gpu->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
    };
    VkCommandBuffer commands;
    VKH_CHECK(vkAllocateCommandBuffers(gpu->device, &info, &commands));
    VKH_CHECK(vkBeginCommandBuffer(commands, &begin));
    VKH_CHECK(vkEndCommandBuffer(commands));
    return commands;
}

static VkResult
submit(const struct vkh_gpu *gpu, VkCommandBuffer commands, VkFence fence)
{
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
    };
    return vkQueueSubmit(gpu->queue, 1, &info, fence);
}

/* The first submission is done, the second one loses the device: so says whoever waits for it, and
 * every submission after that. */
static void
lose(const struct vkh_gpu *gpu)
{
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkCommandBuffer commands = record_nothing(gpu);
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    VKH_CHECK(submit(gpu, commands, fence));
    VKH_CHECK(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, PATIENCE_NS));
    VKH_CHECK(vkResetFences(gpu->device, 1, &fence));
    VKH_CHECK(submit(gpu, commands, fence));
    vkh_expect(vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, PATIENCE_NS) ==
                   VK_ERROR_DEVICE_LOST,
               "a wait for the lost submission gave something else");
    vkh_expect(submit(gpu, commands, VK_NULL_HANDLE) == VK_ERROR_DEVICE_LOST,
               "a lost device took a submission");
    vkDestroyFence(gpu->device, fence, NULL);
}

/* --- asking --- */

static VkDeviceFaultCountsEXT
count(const struct vkh_gpu *gpu)
{
    VkDeviceFaultCountsEXT counts = {.sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_COUNTS_EXT};
    VKH_CHECK(get_info(gpu->device, &counts, NULL));
    return counts;
}

static void
ask_for_all(const struct vkh_gpu *gpu)
{
    VkDeviceFaultAddressInfoEXT addresses[BASE_COUNT_OF(fault_addresses)];
    VkDeviceFaultVendorInfoEXT vendors[BASE_COUNT_OF(fault_vendors)];
    uint8_t binary[sizeof(fault_binary)];
    VkDeviceFaultCountsEXT counts = count(gpu);
    VkDeviceFaultInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_INFO_EXT,
        .pAddressInfos = addresses,
        .pVendorInfos = vendors,
        .pVendorBinaryData = binary,
    };
    vkh_expect(counts.addressInfoCount == BASE_COUNT_OF(addresses) &&
                   counts.vendorInfoCount == BASE_COUNT_OF(vendors) &&
                   counts.vendorBinarySize == sizeof(binary),
               "the counts are not the host's");
    VKH_CHECK(get_info(gpu->device, &counts, &info));
    vkh_expect(strcmp(info.description, fault_description) == 0, "the description is another one");
    vkh_expect(addresses[0].addressType == fault_addresses[0].addressType &&
                   addresses[1].reportedAddress == fault_addresses[1].reportedAddress &&
                   addresses[1].addressPrecision == fault_addresses[1].addressPrecision,
               "the addresses are others");
    vkh_expect(strcmp(vendors[0].description, fault_vendors[0].description) == 0 &&
                   vendors[0].vendorFaultCode == fault_vendors[0].vendorFaultCode &&
                   vendors[0].vendorFaultData == fault_vendors[0].vendorFaultData,
               "the vendor's part is another one");
    vkh_expect(memcmp(binary, fault_binary, sizeof(binary)) == 0, "the binary is another one");
}

static void
ask_for_less(const struct vkh_gpu *gpu)
{
    VkDeviceFaultAddressInfoEXT address;
    VkDeviceFaultCountsEXT counts = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_COUNTS_EXT,
        .addressInfoCount = 1,
    };
    VkDeviceFaultInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_INFO_EXT,
        .pAddressInfos = &address,
    };
    vkh_expect(get_info(gpu->device, &counts, &info) == VK_INCOMPLETE, "one of two was all");
    vkh_expect(counts.addressInfoCount == 1 && counts.vendorInfoCount == 0 &&
                   counts.vendorBinarySize == 0 &&
                   address.reportedAddress == fault_addresses[0].reportedAddress,
               "one address was asked for, and something else was given");
}

/* Once the driver has noticed. */
static void
ask_nobody(const struct vkh_gpu *gpu)
{
    const char *pid = getenv("VESPER_SERVER_PID");
    vkh_expect(pid && atoi(pid) > 1, "VESPER_SERVER_PID does not name a server: use vesper run");
    kill(-(pid_t)atoi(pid), SIGKILL);
    uint64_t until = base_clock_deadline_ns(PATIENCE_NS);
    while (count(gpu).addressInfoCount > 0) {
        vkh_expect(base_clock_now_ns() < until, "a dead renderer still answers");
    }
    VkDeviceFaultCountsEXT counts = {.sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_COUNTS_EXT};
    VkDeviceFaultInfoEXT info = {.sType = VK_STRUCTURE_TYPE_DEVICE_FAULT_INFO_EXT};
    VKH_CHECK(get_info(gpu->device, &counts, &info));
    vkh_expect(strstr(info.description, "renderer"), "the description does not name the renderer");
}

int
main(void)
{
    struct vkh_gpu gpu;
    open_gpu(&gpu);
    lose(&gpu);
    ask_for_all(&gpu);
    ask_for_less(&gpu);
    ask_nobody(&gpu);
    vkh_gpu_close(&gpu);
    return EXIT_SUCCESS;
}
