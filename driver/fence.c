#include <poll.h>

#include "base/fd.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/sync.h"
#include "driver/sync_wait.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_mesa.h"

enum {
    SLEEP_FILES = 16, /* of one wait for any of many fences; more of them are looked at in turns */
};

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateFence(VkDevice handle, const VkFenceCreateInfo *pCreateInfo,
                const VkAllocationCallbacks *pAllocator, VkFence *pFence)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_fence *fence =
        drv_device_object_create(device, pAllocator, sizeof(*fence), VK_OBJECT_TYPE_FENCE);
    if (!fence) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    fence->slot = drv_feedback_take(&device->feedback, 0);
    if (pCreateInfo->flags & VK_FENCE_CREATE_SIGNALED_BIT) {
        atomic_init(&fence->target, DRV_FENCE_SIGNALED);
    }

    /* The application's chain can hold nothing that we offer. */
    const VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = fence->slot.resource_id,
        .offset = fence->slot.offset,
    };
    const VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = fence->slot.value ? &feedback : NULL,
        .flags = pCreateInfo->flags,
    };
    VkFence fence_handle = (VkFence)(uintptr_t)fence;
    VkResult result =
        proto_send_vkCreateFence(device->object.client, handle, &info, NULL, &fence_handle);
    if (result != VK_SUCCESS) {
        drv_feedback_give_back(&device->feedback, fence->slot, 0);
        drv_device_object_destroy(device, pAllocator, fence);
        return result;
    }
    *pFence = fence_handle;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyFence(VkDevice handle, VkFence fence_handle, const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_fence *fence = drv_fence_from(fence_handle);
    if (!fence) {
        return;
    }
    (void)proto_send_vkDestroyFence(device->object.client, handle, fence_handle, NULL);
    drv_feedback_give_back(&device->feedback, fence->slot, fence->submissions);
    drv_device_object_destroy(device, pAllocator, fence);
}

void
drv_fence_begin_submission(VkFence handle, struct drv_queue *queue, uint64_t number)
{
    struct drv_fence *fence = drv_fence_from(handle);
    if (fence) {
        atomic_store_explicit(&fence->queue, queue, memory_order_relaxed);
        atomic_store_explicit(&fence->queue_number, number, memory_order_relaxed);
        atomic_store_explicit(&fence->target, ++fence->submissions, memory_order_release);
    }
}

void
drv_fence_cancel_submission(VkFence handle)
{
    struct drv_fence *fence = drv_fence_from(handle);
    if (fence) {
        fence->submissions--;
        atomic_store_explicit(&fence->target, 0, memory_order_release);
    }
}

void
drv_fence_signal_here(VkFence handle)
{
    if (handle) {
        atomic_store_explicit(&drv_fence_from(handle)->target, DRV_FENCE_SIGNALED,
                              memory_order_release);
    }
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ResetFences(VkDevice handle, uint32_t fenceCount, const VkFence *pFences)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = proto_send_vkResetFences(device->object.client, handle, fenceCount, pFences);
    if (result != VK_SUCCESS) {
        return result;
    }
    for (uint32_t i = 0; i < fenceCount; i++) {
        atomic_store_explicit(&drv_fence_from(pFences[i])->target, 0, memory_order_release);
    }
    return VK_SUCCESS;
}

static VkResult
slot_status(const struct drv_fence *fence, uint64_t target)
{
    uint64_t completed = atomic_load_explicit(fence->slot.value, memory_order_acquire);
    if (completed == WIRE_FEEDBACK_DEVICE_LOST) {
        return VK_ERROR_DEVICE_LOST;
    }
    return completed >= target ? VK_SUCCESS : VK_NOT_READY;
}

/* Once asked and found signalled, a fence stays so until the application resets it. */
static VkResult
ask_status(struct drv_device *device, struct drv_fence *fence, uint64_t target)
{
    VkResult result = proto_call_vkGetFenceStatus(device->object.client, (VkDevice)device,
                                                  (VkFence)(uintptr_t)fence);
    if (result == VK_SUCCESS) {
        atomic_compare_exchange_strong(&fence->target, &target, DRV_FENCE_SIGNALED);
    }
    return result;
}

VkResult
drv_fence_status(struct drv_device *device, struct drv_fence *fence)
{
    uint64_t target = atomic_load_explicit(&fence->target, memory_order_acquire);
    if (target == DRV_FENCE_SIGNALED) {
        return VK_SUCCESS;
    }
    if (target == 0) {
        return VK_NOT_READY;
    }
    VkResult result =
        fence->slot.value ? slot_status(fence, target) : ask_status(device, fence, target);
    if (result == VK_SUCCESS) {
        struct drv_queue *queue = atomic_load_explicit(&fence->queue, memory_order_relaxed);
        drv_queue_marks_completed(&queue->marks,
                                  atomic_load_explicit(&fence->queue_number, memory_order_relaxed));
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetFenceStatus(VkDevice handle, VkFence fence)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = drv_fence_status(device, drv_fence_from(fence));
    if (result == VK_NOT_READY && !drv_ring_check_alive(device->ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    return result;
}

/* --- waiting --- */

struct fence_wait {
    struct drv_device *device;
    const VkFence *fences;
    uint32_t count;
    bool all;
};

/* VK_NOT_READY until the condition holds. */
static VkResult
look_at_fences(void *user)
{
    const struct fence_wait *wait = user;
    for (uint32_t i = 0; i < wait->count; i++) {
        VkResult result = drv_fence_status(wait->device, drv_fence_from(wait->fences[i]));
        bool decides = result != VK_SUCCESS && result != VK_NOT_READY;
        if (decides || (result == VK_SUCCESS) != wait->all) {
            return result;
        }
    }
    return wait->all ? VK_SUCCESS : VK_NOT_READY;
}

static bool
all_have_slots(const VkFence *fences, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!drv_fence_from(fences[i])->slot.value) {
            return false;
        }
    }
    return true;
}

/* What the kernel can wake us for: the queue's having come to the fence. -1: nothing yet. */
static int
open_mark(struct drv_fence *fence)
{
    if (atomic_load_explicit(&fence->target, memory_order_acquire) == 0) {
        return -1;
    }
    struct drv_queue *queue = atomic_load_explicit(&fence->queue, memory_order_relaxed);
    uint64_t number = atomic_load_explicit(&fence->queue_number, memory_order_relaxed);
    return queue ? drv_queue_marks_open(&queue->marks, number) : -1;
}

/* If all are waited for, the first that is not signalled decides; otherwise any may. */
static bool
sleep_in_kernel(void *user, uint64_t deadline_ns)
{
    const struct fence_wait *wait = user;
    struct pollfd files[SLEEP_FILES];
    uint32_t count = 0;
    bool complete = true;

    for (uint32_t i = 0; i < wait->count && complete && count < SLEEP_FILES; i++) {
        struct drv_fence *fence = drv_fence_from(wait->fences[i]);
        if (wait->all && drv_fence_status(wait->device, fence) == VK_SUCCESS) {
            continue;
        }
        files[count] = (struct pollfd){.fd = open_mark(fence), .events = POLLIN};
        complete = files[count].fd != -1;
        count += complete;
        if (wait->all) {
            break;
        }
    }
    if (count > 0 && complete) {
        drv_sync_poll(files, count, deadline_ns);
    }
    for (uint32_t i = 0; i < count; i++) {
        base_fd_close(&files[i].fd);
    }
    return count > 0 && complete;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_WaitForFences(VkDevice handle, uint32_t fenceCount, const VkFence *pFences, VkBool32 waitAll,
                  uint64_t timeout)
{
    struct drv_device *device = drv_device_from(handle);
    struct fence_wait wait = {
        .device = device,
        .fences = pFences,
        .count = fenceCount,
        .all = waitAll || fenceCount == 1,
    };
    if (device->ring->transport->ops->submit_fenced) {
        return drv_sync_wait_in_kernel(device, look_at_fences, sleep_in_kernel, &wait, timeout);
    }
    return drv_sync_wait(device, look_at_fences, &wait, all_have_slots(pFences, fenceCount),
                         timeout);
}
