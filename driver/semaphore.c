#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"
#include "driver/sync_wait.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_mesa.h"

static void
raise_to(_Atomic uint64_t *what, uint64_t value)
{
    uint64_t seen = atomic_load_explicit(what, memory_order_relaxed);
    while (seen < value && !atomic_compare_exchange_weak(what, &seen, value)) {
    }
}

static void
init_timeline(struct drv_device *device, struct drv_semaphore *semaphore, uint64_t initial)
{
    semaphore->timeline = true;
    semaphore->slot = drv_feedback_take(&device->feedback, initial);
    atomic_init(&semaphore->signaled_here, initial);
    atomic_init(&semaphore->pending, initial);
}

/* Of the application's chain only the type matters: the rest is about sharing, which we do not
 * offer. */
static VkResult
create_on_host(struct drv_device *device, struct drv_semaphore *semaphore, uint64_t initial)
{
    const VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = semaphore->slot.resource_id,
        .offset = semaphore->slot.offset,
    };
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .pNext = semaphore->slot.value ? &feedback : NULL,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
        .initialValue = initial,
    };
    const VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = semaphore->timeline ? &type : NULL,
    };
    VkSemaphore handle = (VkSemaphore)(uintptr_t)semaphore;
    return proto_send_vkCreateSemaphore(device->object.client, (VkDevice)device, &info, NULL,
                                        &handle);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateSemaphore(VkDevice handle, const VkSemaphoreCreateInfo *pCreateInfo,
                    const VkAllocationCallbacks *pAllocator, VkSemaphore *pSemaphore)
{
    struct drv_device *device = drv_device_from(handle);
    const VkSemaphoreTypeCreateInfo *type =
        drv_find_struct(pCreateInfo->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    uint64_t initial = type ? type->initialValue : 0;

    struct drv_semaphore *semaphore =
        drv_device_object_create(device, pAllocator, sizeof(*semaphore), VK_OBJECT_TYPE_SEMAPHORE);
    if (!semaphore) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (type && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE) {
        init_timeline(device, semaphore, initial);
    }
    VkResult result = create_on_host(device, semaphore, initial);
    if (result != VK_SUCCESS) {
        drv_feedback_give_back(&device->feedback, semaphore->slot, initial);
        drv_device_object_destroy(device, pAllocator, semaphore);
        return result;
    }
    *pSemaphore = (VkSemaphore)(uintptr_t)semaphore;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroySemaphore(VkDevice handle, VkSemaphore semaphore_handle,
                     const VkAllocationCallbacks *pAllocator)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_semaphore *semaphore = drv_semaphore_from(semaphore_handle);
    if (!semaphore) {
        return;
    }
    (void)proto_send_vkDestroySemaphore(device->object.client, handle, semaphore_handle, NULL);
    drv_feedback_give_back(&device->feedback, semaphore->slot, atomic_load(&semaphore->pending));
    drv_device_object_destroy(device, pAllocator, semaphore);
}

void
drv_semaphore_will_signal(VkSemaphore handle, uint64_t value)
{
    struct drv_semaphore *semaphore = drv_semaphore_from(handle);
    if (semaphore->timeline) {
        raise_to(&semaphore->pending, value);
    }
}

void
drv_semaphore_signal_here(VkSemaphore handle)
{
    if (handle) {
        atomic_store_explicit(&drv_semaphore_from(handle)->binary_here, true, memory_order_relaxed);
    }
}

/* The renderer may not have come to our own signals yet, but for the application they have
 * happened. */
static VkResult
counter_value(struct drv_device *device, struct drv_semaphore *semaphore, uint64_t *value)
{
    if (!semaphore->slot.value) {
        return proto_call_vkGetSemaphoreCounterValue(device->object.client, (VkDevice)device,
                                                     (VkSemaphore)(uintptr_t)semaphore, value);
    }
    uint64_t published = atomic_load_explicit(semaphore->slot.value, memory_order_acquire);
    if (published == WIRE_FEEDBACK_DEVICE_LOST) {
        return VK_ERROR_DEVICE_LOST;
    }
    uint64_t here = atomic_load_explicit(&semaphore->signaled_here, memory_order_acquire);
    *value = here > published ? here : published;
    return VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_GetSemaphoreCounterValue(VkDevice handle, VkSemaphore semaphore, uint64_t *pValue)
{
    struct drv_device *device = drv_device_from(handle);
    if (!drv_ring_check_alive(device->ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    return counter_value(device, drv_semaphore_from(semaphore), pValue);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_SignalSemaphore(VkDevice handle, const VkSemaphoreSignalInfo *pSignalInfo)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_semaphore *semaphore = drv_semaphore_from(pSignalInfo->semaphore);

    raise_to(&semaphore->pending, pSignalInfo->value);
    VkResult result = proto_send_vkSignalSemaphore(device->object.client, handle, pSignalInfo);
    if (result == VK_SUCCESS) {
        raise_to(&semaphore->signaled_here, pSignalInfo->value);
    }
    return result;
}

/* --- waiting --- */

struct semaphore_wait {
    struct drv_device *device;
    const VkSemaphoreWaitInfo *info;
    bool all;
};

static VkResult
look_at_semaphores(void *user)
{
    const struct semaphore_wait *wait = user;
    for (uint32_t i = 0; i < wait->info->semaphoreCount; i++) {
        uint64_t value = 0;
        VkResult result =
            counter_value(wait->device, drv_semaphore_from(wait->info->pSemaphores[i]), &value);
        if (result != VK_SUCCESS) {
            return result;
        }
        if ((value >= wait->info->pValues[i]) != wait->all) {
            return wait->all ? VK_NOT_READY : VK_SUCCESS;
        }
    }
    return wait->all ? VK_SUCCESS : VK_NOT_READY;
}

static bool
all_have_slots(const VkSemaphoreWaitInfo *info)
{
    for (uint32_t i = 0; i < info->semaphoreCount; i++) {
        if (!drv_semaphore_from(info->pSemaphores[i])->slot.value) {
            return false;
        }
    }
    return true;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_WaitSemaphores(VkDevice handle, const VkSemaphoreWaitInfo *pWaitInfo, uint64_t timeout)
{
    struct drv_device *device = drv_device_from(handle);
    struct semaphore_wait wait = {
        .device = device,
        .info = pWaitInfo,
        .all = !(pWaitInfo->flags & VK_SEMAPHORE_WAIT_ANY_BIT) || pWaitInfo->semaphoreCount == 1,
    };
    return drv_sync_wait(device, look_at_semaphores, &wait, all_have_slots(pWaitInfo), timeout);
}
