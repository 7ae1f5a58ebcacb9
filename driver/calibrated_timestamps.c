/* Calibrated timestamps: the device's clock is read by the host, the system's by us. In a virtual
 * machine the host's clocks are not the application's. */
#include <time.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "protocol/proto_encode.h"

enum {
    MAX_HOST_DOMAINS = 32,
};

static bool
is_ours(VkTimeDomainKHR domain)
{
#ifdef VK_EXT_present_timing
    /* Swapchains tell times by the clock that the application has (driver/wsi/present_timing.h). */
    if (domain == VK_TIME_DOMAIN_PRESENT_STAGE_LOCAL_EXT ||
        domain == VK_TIME_DOMAIN_SWAPCHAIN_LOCAL_EXT) {
        return true;
    }
#endif
    return domain == VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR ||
           domain == VK_TIME_DOMAIN_CLOCK_MONOTONIC_RAW_KHR;
}

static uint64_t
read_clock(VkTimeDomainKHR domain)
{
    struct timespec now;
    clock_gettime(domain == VK_TIME_DOMAIN_CLOCK_MONOTONIC_RAW_KHR ? CLOCK_MONOTONIC_RAW
                                                                   : CLOCK_MONOTONIC,
                  &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetPhysicalDeviceCalibrateableTimeDomainsKHR(VkPhysicalDevice physicalDevice,
                                                 uint32_t *pTimeDomainCount,
                                                 VkTimeDomainKHR *pTimeDomains)
{
    VkTimeDomainKHR host[MAX_HOST_DOMAINS];
    VkTimeDomainKHR domains[3] = {VK_TIME_DOMAIN_CLOCK_MONOTONIC_KHR,
                                  VK_TIME_DOMAIN_CLOCK_MONOTONIC_RAW_KHR};
    uint32_t count = 2, host_count = MAX_HOST_DOMAINS;

    VkResult result = proto_call_vkGetPhysicalDeviceCalibrateableTimeDomainsKHR(
        drv_physical_device_from(physicalDevice)->object.client, physicalDevice, &host_count, host);
    if (result < 0) {
        *pTimeDomainCount = 0;
        return result;
    }
    for (uint32_t i = 0; i < host_count; i++) {
        if (host[i] == VK_TIME_DOMAIN_DEVICE_KHR) {
            domains[count++] = VK_TIME_DOMAIN_DEVICE_KHR;
            break;
        }
    }
    return drv_return_array(domains, count, sizeof(domains[0]), pTimeDomainCount, pTimeDomains);
}

/* The host's part, in the places of `timestamps` that are not ours. */
static VkResult
ask_host(struct drv_device *device, uint32_t count, const VkCalibratedTimestampInfoKHR *infos,
         uint64_t *timestamps, uint64_t *deviation)
{
    VkResult result = VK_SUCCESS;
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkCalibratedTimestampInfoKHR *asked = drv_scratch_array(&scratch, count, sizeof(*asked));
    uint64_t *answers = drv_scratch_array(&scratch, count, sizeof(*answers));
    uint32_t asked_count = 0;
    for (uint32_t i = 0; asked && answers && i < count; i++) {
        if (!is_ours(infos[i].timeDomain)) {
            asked[asked_count++] = infos[i];
        }
    }
    *deviation = 0;
    if (!asked || !answers) {
        result = VK_ERROR_OUT_OF_HOST_MEMORY;
    } else if (asked_count > 0) {
        result = proto_call_vkGetCalibratedTimestampsKHR(device->object.client, (VkDevice)device,
                                                         asked_count, asked, answers, deviation);
    }
    for (uint32_t i = 0, next = 0; result == VK_SUCCESS && i < count; i++) {
        if (!is_ours(infos[i].timeDomain)) {
            timestamps[i] = answers[next++];
        }
    }
    drv_scratch_finish(&scratch);
    return result;
}

/* All of it happened between `begin` and `end`: by so much two of the values may be apart, and by
 * what the host says of its own, and by the step of our clocks. */
VKAPI_ATTR VkResult VKAPI_CALL
drv_GetCalibratedTimestampsKHR(VkDevice device, uint32_t timestampCount,
                               const VkCalibratedTimestampInfoKHR *pTimestampInfos,
                               uint64_t *pTimestamps, uint64_t *pMaxDeviation)
{
    uint64_t host_deviation;
    uint64_t begin = read_clock(VK_TIME_DOMAIN_CLOCK_MONOTONIC_RAW_KHR);
    VkResult result = ask_host(drv_device_from(device), timestampCount, pTimestampInfos,
                               pTimestamps, &host_deviation);
    for (uint32_t i = 0; i < timestampCount; i++) {
        if (is_ours(pTimestampInfos[i].timeDomain)) {
            pTimestamps[i] = read_clock(pTimestampInfos[i].timeDomain);
        }
    }
    uint64_t end = read_clock(VK_TIME_DOMAIN_CLOCK_MONOTONIC_RAW_KHR);
    *pMaxDeviation = end - begin + host_deviation + 1;
    return result;
}
