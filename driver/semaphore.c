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
    semaphore->slot = drv_feedback_take(&device->feedback, initial);
    atomic_init(&semaphore->signaled_here, initial);
    atomic_init(&semaphore->pending, initial);
}

static VkResult
create_on_host(struct drv_device *device, struct drv_semaphore *semaphore, uint64_t initial)
{
    if (semaphore->timeline) {
        init_timeline(device, semaphore, initial);
    }
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
    semaphore->on_host = true;
    VkResult result =
        proto_send_vkCreateSemaphore(device->object.client, (VkDevice)device, &info, NULL, &handle);
    if (result != VK_SUCCESS) {
        drv_feedback_give_back(&device->feedback, semaphore->slot, initial);
    }
    return result;
}

/* One that may be exported never reaches the host. */
static VkResult
create_here(struct drv_device *device, struct drv_semaphore *semaphore, uint64_t initial)
{
    enum drv_payload_kind kind = semaphore->timeline ? DRV_PAYLOAD_TIMELINE : DRV_PAYLOAD_BINARY;
    semaphore->external.payload = drv_exchange_create_payload(&device->exchange, kind, initial);
    return semaphore->external.payload ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateSemaphore(VkDevice handle, const VkSemaphoreCreateInfo *pCreateInfo,
                    const VkAllocationCallbacks *pAllocator, VkSemaphore *pSemaphore)
{
    struct drv_device *device = drv_device_from(handle);
    const VkSemaphoreTypeCreateInfo *type =
        drv_find_struct(pCreateInfo->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    const VkExportSemaphoreCreateInfo *export =
        drv_find_struct(pCreateInfo->pNext, VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO);

    struct drv_semaphore *semaphore =
        drv_device_object_create(device, pAllocator, sizeof(*semaphore), VK_OBJECT_TYPE_SEMAPHORE);
    if (!semaphore) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    semaphore->timeline = type && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
    uint64_t initial = semaphore->timeline ? type->initialValue : 0;
    VkResult result = export && export->handleTypes ? create_here(device, semaphore, initial)
                                                    : create_on_host(device, semaphore, initial);
    if (result != VK_SUCCESS) {
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
    if (semaphore->on_host) {
        (void)proto_send_vkDestroySemaphore(device->object.client, handle, semaphore_handle, NULL);
        drv_feedback_give_back(&device->feedback, semaphore->slot,
                               atomic_load(&semaphore->pending));
    }
    drv_external_finish(device, &semaphore->external);
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
    if (!handle) {
        return;
    }
    struct drv_semaphore *semaphore = drv_semaphore_from(handle);
    struct drv_payload *payload = drv_external_payload(&semaphore->external);
    if (payload) {
        drv_payload_signal_now(payload);
    } else {
        atomic_store_explicit(&semaphore->binary_here, true, memory_order_relaxed);
    }
}

/* The renderer may not have come to our own signals yet, but for the application they have
 * happened. */
/* The slot of a lost device holds the greatest value that there is; a timeline that was taken to
 * that very value does, too. */
static VkResult
ask_about_greatest_value(struct drv_device *device, struct drv_semaphore *semaphore,
                         uint64_t *value)
{
    VkResult result = proto_call_vkGetSemaphoreCounterValue(
        device->object.client, (VkDevice)device, (VkSemaphore)(uintptr_t)semaphore, value);
    return result == VK_SUCCESS && *value != UINT64_MAX ? VK_ERROR_DEVICE_LOST : result;
}

VkResult
drv_semaphore_value(struct drv_device *device, struct drv_semaphore *semaphore, uint64_t *value)
{
    struct drv_payload *payload = drv_external_payload(&semaphore->external);
    if (payload) {
        drv_exchange_settle(&device->exchange);
        *value = drv_payload_reached(payload);
        return VK_SUCCESS;
    }
    if (!semaphore->slot.value) {
        return proto_call_vkGetSemaphoreCounterValue(device->object.client, (VkDevice)device,
                                                     (VkSemaphore)(uintptr_t)semaphore, value);
    }
    uint64_t published = atomic_load_explicit(semaphore->slot.value, memory_order_acquire);
    if (published == WIRE_FEEDBACK_DEVICE_LOST) {
        return drv_device_heard(device, ask_about_greatest_value(device, semaphore, value));
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
    return drv_semaphore_value(device, drv_semaphore_from(semaphore), pValue);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_SignalSemaphore(VkDevice handle, const VkSemaphoreSignalInfo *pSignalInfo)
{
    struct drv_device *device = drv_device_from(handle);
    struct drv_semaphore *semaphore = drv_semaphore_from(pSignalInfo->semaphore);
    struct drv_payload *payload = drv_external_payload(&semaphore->external);

    if (payload) {
        drv_exchange_signal(&device->exchange, payload, pSignalInfo->value);
        return drv_ring_check_alive(device->ring) ? VK_SUCCESS : VK_ERROR_DEVICE_LOST;
    }
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
        VkResult result = drv_semaphore_value(
            wait->device, drv_semaphore_from(wait->info->pSemaphores[i]), &value);
        if (result != VK_SUCCESS) {
            return result;
        }
        if ((value >= wait->info->pValues[i]) != wait->all) {
            return wait->all ? VK_NOT_READY : VK_SUCCESS;
        }
    }
    return wait->all ? VK_SUCCESS : VK_NOT_READY;
}

/* Whoever sleeps until something is published also wakes when one of these gets to its value. */
static bool
will_be_published(struct drv_device *device, const VkSemaphoreWaitInfo *info,
                  struct drv_watch **watch)
{
    bool published = true;
    for (uint32_t i = 0; i < info->semaphoreCount && published; i++) {
        const struct drv_semaphore *semaphore = drv_semaphore_from(info->pSemaphores[i]);
        if (!drv_external_is_here(&semaphore->external)) {
            published = semaphore->slot.value;
            continue;
        }
        if (!*watch) {
            *watch = drv_watch_begin(&device->exchange);
        }
        published =
            *watch && drv_external_watch(device, *watch, &semaphore->external, info->pValues[i]);
    }
    return published;
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
    VkResult result = look_at_semaphores(&wait);
    if (result == VK_NOT_READY) {
        struct drv_watch *watch = NULL;
        bool published = timeout && will_be_published(device, pWaitInfo, &watch);
        result = drv_sync_wait(device, look_at_semaphores, &wait, published, timeout);
        drv_watch_end(watch);
    }
    drv_exchange_settle(&device->exchange);
    return result;
}
