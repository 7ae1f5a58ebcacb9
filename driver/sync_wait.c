#include "driver/sync_wait.h"

#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "driver/device.h"
#include "driver/wait.h"

enum {
    SPIN_TURNS = 200, /* a few microseconds */
};

static VkResult
spin(drv_sync_look look, void *user)
{
    VkResult result = VK_NOT_READY;
    for (int i = 0; i < SPIN_TURNS && result == VK_NOT_READY; i++) {
        result = look(user);
        base_clock_spin_hint();
    }
    return result;
}

VkResult
drv_sync_sleep_until_published(struct drv_device *device, drv_sync_look look, void *user,
                               uint64_t deadline_ns)
{
    struct drv_feedback *feedback = &device->feedback;
    VkResult result;

    drv_feedback_begin_wait(feedback);
    for (;;) {
        uint32_t generation = drv_feedback_generation(feedback);
        result = look(user);
        if (result != VK_NOT_READY) {
            break;
        }
        if (!drv_ring_check_alive(device->ring)) {
            result = VK_ERROR_DEVICE_LOST;
            break;
        }
        if (base_clock_now_ns() >= deadline_ns) {
            result = VK_TIMEOUT;
            break;
        }
        drv_feedback_sleep(feedback, generation, deadline_ns);
    }
    drv_feedback_end_wait(feedback);
    return result;
}

static VkResult
look_again_and_again(struct drv_device *device, drv_sync_look look, void *user, uint64_t timeout_ns)
{
    struct drv_backoff backoff = drv_backoff_start(timeout_ns);
    for (;;) {
        VkResult result = look(user);
        if (result != VK_NOT_READY) {
            return result;
        }
        if (!drv_ring_check_alive(device->ring)) {
            return VK_ERROR_DEVICE_LOST;
        }
        if (!drv_backoff_pause(&backoff)) {
            return VK_TIMEOUT;
        }
    }
}

VkResult
drv_sync_wait(struct drv_device *device, drv_sync_look look, void *user, bool published,
              uint64_t timeout_ns)
{
    VkResult result = look(user);
    if (result != VK_NOT_READY) {
        return result;
    }
    if (timeout_ns == 0) {
        return drv_ring_check_alive(device->ring) ? VK_TIMEOUT : VK_ERROR_DEVICE_LOST;
    }
    if (!published || !device->ring->transport->same_kernel) {
        return look_again_and_again(device, look, user, timeout_ns);
    }
    uint64_t deadline_ns = base_clock_deadline_ns(timeout_ns);
    result = spin(look, user);
    return result == VK_NOT_READY ? drv_sync_sleep_until_published(device, look, user, deadline_ns)
                                  : result;
}

void
drv_sync_poll(struct pollfd *files, uint32_t count, uint64_t deadline_ns)
{
    uint64_t now = base_clock_now_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    if (left > DRV_RING_LONGEST_SLEEP_NS) {
        left = DRV_RING_LONGEST_SLEEP_NS;
    }
    struct timespec timeout = {.tv_nsec = (long)left};
    (void)ppoll(files, count, &timeout, NULL); /* whatever it says, the caller looks again */
}

VkResult
drv_sync_wait_in_kernel(struct drv_device *device, drv_sync_look look, drv_sync_sleep sleep,
                        void *user, uint64_t timeout_ns)
{
    struct drv_backoff backoff = drv_backoff_start(timeout_ns);
    for (;;) {
        VkResult result = look(user);
        if (result != VK_NOT_READY) {
            return result;
        }
        if (!drv_ring_check_alive(device->ring)) {
            return VK_ERROR_DEVICE_LOST;
        }
        if (base_clock_now_ns() >= backoff.deadline_ns) {
            return VK_TIMEOUT;
        }
        if (!sleep(user, backoff.deadline_ns)) {
            (void)drv_backoff_pause(&backoff);
        }
    }
}
