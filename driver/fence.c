#include <poll.h>

#include "base/fd.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"
#include "driver/sync_wait.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_mesa.h"

enum {
    SLEEP_FILES = 16, /* of one wait for any of many fences; more of them are looked at in turns */
};

static VkResult
create_on_host(struct drv_device *device, struct drv_fence *fence, VkFenceCreateFlags flags)
{
    fence->on_host = true;
    fence->slot = drv_feedback_take(&device->feedback, 0);
    if (flags & VK_FENCE_CREATE_SIGNALED_BIT) {
        atomic_init(&fence->target, DRV_FENCE_SIGNALED);
    }
    const VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = fence->slot.resource_id,
        .offset = fence->slot.offset,
    };
    const VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = fence->slot.value ? &feedback : NULL,
        .flags = flags,
    };
    VkFence handle = (VkFence)(uintptr_t)fence;
    VkResult result =
        proto_send_vkCreateFence(device->object.client, (VkDevice)device, &info, NULL, &handle);
    if (result != VK_SUCCESS) {
        drv_feedback_give_back(&device->feedback, fence->slot, 0);
    }
    return result;
}

/* One that may be exported never reaches the host. */
static VkResult
create_here(struct drv_device *device, struct drv_fence *fence, VkFenceCreateFlags flags)
{
    uint64_t signaled = flags & VK_FENCE_CREATE_SIGNALED_BIT ? 1 : 0;
    fence->external.payload =
        drv_exchange_create_payload(&device->exchange, DRV_PAYLOAD_FENCE, signaled);
    return fence->external.payload ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateFence(VkDevice handle, const VkFenceCreateInfo *pCreateInfo,
                const VkAllocationCallbacks *pAllocator, VkFence *pFence)
{
    struct drv_device *device = drv_device_from(handle);
    const VkExportFenceCreateInfo *export =
        drv_find_struct(pCreateInfo->pNext, VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO);
    struct drv_fence *fence =
        drv_device_object_create(device, pAllocator, sizeof(*fence), VK_OBJECT_TYPE_FENCE);
    if (!fence) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkResult result = export && export->handleTypes
                          ? create_here(device, fence, pCreateInfo->flags)
                          : create_on_host(device, fence, pCreateInfo->flags);
    if (result != VK_SUCCESS) {
        drv_device_object_destroy(device, pAllocator, fence);
        return result;
    }
    *pFence = (VkFence)(uintptr_t)fence;
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
    if (fence->on_host) {
        (void)proto_send_vkDestroyFence(device->object.client, handle, fence_handle, NULL);
        drv_feedback_give_back(&device->feedback, fence->slot, fence->submissions);
    }
    drv_external_finish(device, &fence->external);
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

static void
signal_here(struct drv_fence *fence)
{
    struct drv_payload *payload = drv_external_payload(&fence->external);
    if (payload) {
        drv_payload_signal_now(payload);
    } else {
        atomic_store_explicit(&fence->target, DRV_FENCE_SIGNALED, memory_order_release);
    }
}

void
drv_fence_signal_here(VkFence handle)
{
    if (handle) {
        signal_here(drv_fence_from(handle));
    }
}

/* A temporary payload goes, and what the fence has had before is reset. */
static void
reset_here(struct drv_device *device, struct drv_fence *fence)
{
    drv_external_drop_temporary(device, &fence->external);
    if (fence->external.payload) {
        drv_exchange_reset(&device->exchange, fence->external.payload);
    }
    atomic_store_explicit(&fence->target, 0, memory_order_release);
}

static bool
all_are_on_host(const VkFence *fences, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!drv_fence_from(fences[i])->on_host) {
            return false;
        }
    }
    return true;
}

static VkResult
reset_on_host(struct drv_device *device, uint32_t count, const VkFence *fences)
{
    if (all_are_on_host(fences, count)) {
        return proto_send_vkResetFences(device->object.client, (VkDevice)device, count, fences);
    }
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) {
        if (drv_fence_from(fences[i])->on_host) {
            result =
                proto_send_vkResetFences(device->object.client, (VkDevice)device, 1, &fences[i]);
        }
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_ResetFences(VkDevice handle, uint32_t fenceCount, const VkFence *pFences)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = reset_on_host(device, fenceCount, pFences);
    for (uint32_t i = 0; i < fenceCount && result == VK_SUCCESS; i++) {
        reset_here(device, drv_fence_from(pFences[i]));
    }
    return result;
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
    if (drv_external_is_here(&fence->external)) {
        return drv_external_status(device, &fence->external);
    }
    uint64_t target = atomic_load_explicit(&fence->target, memory_order_acquire);
    if (target == DRV_FENCE_SIGNALED) {
        return VK_SUCCESS;
    }
    if (target == 0) {
        return VK_NOT_READY;
    }
    VkResult result =
        fence->slot.value ? slot_status(fence, target) : ask_status(device, fence, target);
    (void)drv_device_heard(device, result);
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

/* Whoever sleeps until something is published also wakes when one of these fences signals. */
static bool
will_be_published(struct drv_device *device, const VkFence *fences, uint32_t count,
                  struct drv_watch **watch)
{
    bool published = true;
    for (uint32_t i = 0; i < count && published; i++) {
        const struct drv_fence *fence = drv_fence_from(fences[i]);
        if (!drv_external_is_here(&fence->external)) {
            published = fence->slot.value;
            continue;
        }
        if (!*watch) {
            *watch = drv_watch_begin(&device->exchange);
        }
        published = *watch && drv_external_watch(device, *watch, &fence->external, 1);
    }
    return published;
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
    VkResult result = look_at_fences(&wait);
    if (result == VK_NOT_READY && device->ring->transport->ops->submit_fenced) {
        result = drv_sync_wait_in_kernel(device, look_at_fences, sleep_in_kernel, &wait, timeout);
    } else if (result == VK_NOT_READY) {
        struct drv_watch *watch = NULL;
        bool published = timeout && will_be_published(device, pFences, fenceCount, &watch);
        result = drv_sync_wait(device, look_at_fences, &wait, published, timeout);
        drv_watch_end(watch);
    }
    drv_exchange_settle(&device->exchange);
    return result;
}
