/* The one loop behind vkWaitForFences and vkWaitSemaphores. Any thread. */
#ifndef DRV_SYNC_WAIT_H
#define DRV_SYNC_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"

struct drv_device;
struct pollfd;

/* VK_SUCCESS when the wait is over, VK_NOT_READY to go on, or an error. */
typedef VkResult (*drv_sync_look)(void *user);

/* Looks until it is over or `timeout_ns` has passed (VK_TIMEOUT), or the renderer is gone
 * (VK_ERROR_DEVICE_LOST, within a fraction of a second). With `published`, all that is looked at
 * lives in the device's feedback page and the thread sleeps until something there changes;
 * otherwise it looks again after growing sleeps. */
BASE_MUST_CHECK VkResult drv_sync_wait(struct drv_device *device, drv_sync_look look, void *user,
                                       bool published, uint64_t timeout_ns);
/* The part of the above that sleeps, for looks that cost a round trip and should not be repeated in
 * a spin. The device has a feedback page. */
BASE_MUST_CHECK VkResult drv_sync_sleep_until_published(struct drv_device *device,
                                                        drv_sync_look look, void *user,
                                                        uint64_t deadline_ns);

/* Sleeps in the kernel until something may have changed, no longer than until the deadline. False,
 * without having slept, if there is nothing to sleep on yet. */
typedef bool (*drv_sync_sleep)(void *user, uint64_t deadline_ns);
/* drv_sync_wait() for transports with sync files. */
BASE_MUST_CHECK VkResult drv_sync_wait_in_kernel(struct drv_device *device, drv_sync_look look,
                                                 drv_sync_sleep sleep, void *user,
                                                 uint64_t timeout_ns);
/* For such a sleep: until a file is readable, and no longer than anybody may sleep without looking
 * whether the renderer lives. */
void drv_sync_poll(struct pollfd *files, uint32_t count, uint64_t deadline_ns);

#endif
