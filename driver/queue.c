#include "driver/queue.h"

#include "base/log.h"
#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/exchange_submit.h"
#include "driver/memory.h"
#include "driver/memory_copy.h"
#include "driver/private_data.h"
#include "driver/scratch.h"
#include "driver/struct_chain.h"
#include "driver/sync.h"
#include "driver/wait_filter.h"
#include "driver/wsi/ownership.h"
#include "protocol/proto_encode.h"
#include "protocol/proto_mesa.h"

/* Queues live in memory of the device's, so no common code does this for them. */
static void
note_reports(struct drv_queue *queue, bool exists)
{
    struct drv_address_reports *reports = queue->device->reports;
    if (reports && exists) {
        drv_address_reports_add(reports, &queue->object);
    } else if (reports) {
        drv_address_reports_remove(reports, &queue->object);
    }
}

VkResult
drv_queue_init(struct drv_queue *queue, struct drv_device *device, VkDeviceQueueCreateFlags flags,
               uint32_t family, uint32_t index)
{
    uint32_t timeline = drv_instance_take_timeline(device->instance);
    if (timeline == 0) {
        base_log_error(
            "vkCreateDevice: all %u timelines of the connection belong to other queues: destroy "
            "a device, or ask for fewer queues",
            WIRE_MAX_TIMELINES - 1);
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    drv_object_init(&queue->object, device->object.client, VK_OBJECT_TYPE_QUEUE);
    queue->device = device;
    note_reports(queue, true);
    queue->flags = flags;
    queue->family = family;
    queue->index = index;
    queue->timeline = timeline;
    drv_queue_marks_init(&queue->marks, device->ring, timeline);

    const VkDeviceQueueTimelineInfoMESA timeline_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA,
        .ringIdx = timeline,
    };
    const VkDeviceQueueInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
        .pNext = &timeline_info,
        .flags = flags,
        .queueFamilyIndex = family,
        .queueIndex = index,
    };
    VkQueue handle = (VkQueue)queue;
    VkResult result =
        proto_send_vkGetDeviceQueue2(device->object.client, (VkDevice)device, &info, &handle);
    if (result != VK_SUCCESS) {
        note_reports(queue, false);
        drv_queue_marks_finish(&queue->marks);
        drv_instance_return_timeline(device->instance, timeline);
    }
    return result;
}

void
drv_queue_destroy_fence(struct drv_queue *queue)
{
    drv_DestroyFence((VkDevice)queue->device, queue->idle_fence, NULL);
    queue->idle_fence = VK_NULL_HANDLE;
}

void
drv_queue_finish(struct drv_queue *queue)
{
    note_reports(queue, false);
    drv_private_data_forget(queue->object.id);
    drv_queue_marks_finish(&queue->marks);
    drv_instance_return_timeline(queue->device->instance, queue->timeline);
}

/* --- submitting. The renderer's answer is not awaited: what fails on the host loses the device,
 * and the next fence says so. --- */

static void
note_timeline_signals(const void *chain, uint32_t count, const VkSemaphore *semaphores)
{
    const VkTimelineSemaphoreSubmitInfo *timeline =
        drv_find_struct(chain, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
    if (!timeline || !timeline->pSignalSemaphoreValues) {
        return; /* no values: all of them are binary, whatever the count */
    }
    for (uint32_t i = 0; i < count && i < timeline->signalSemaphoreValueCount; i++) {
        drv_semaphore_will_signal(semaphores[i], timeline->pSignalSemaphoreValues[i]);
    }
}

/* The fence counts before anything is sent, so that no answer can come too early. */
static VkResult
begin_submission(struct drv_queue *queue, VkFence fence)
{
    if (!drv_ring_check_alive(queue->device->ring) ||
        atomic_load_explicit(&queue->device->lost, memory_order_relaxed)) {
        return VK_ERROR_DEVICE_LOST; /* the host would say so, too, but nobody would hear it */
    }
    drv_fence_begin_submission(fence, queue, drv_queue_marks_begin(&queue->marks));
    return VK_SUCCESS;
}

static VkResult
end_submission(struct drv_queue *queue, VkFence fence, VkResult result)
{
    if (result == VK_SUCCESS) {
        queue->busy = true;
        drv_queue_marks_end(&queue->marks, fence != VK_NULL_HANDLE);
    } else {
        drv_fence_cancel_submission(fence);
    }
    return result;
}

/* Images of windows that the application uses from now on are taken back from those first. */
static VkResult
take_images(struct drv_queue *queue, uint32_t count, const VkSubmitInfo *infos)
{
    VkResult result = wsi_ownership_before_submit(queue);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < infos[i].waitSemaphoreCount && result == VK_SUCCESS; j++) {
            result = wsi_ownership_before_wait(queue, infos[i].pWaitSemaphores[j]);
        }
    }
    return result;
}

static VkResult
send_batches(struct drv_queue *queue, const struct drv_batches *batches)
{
    struct proto_client *client = queue->object.client;
    return batches->kind == DRV_BATCH_SUBMIT
               ? proto_send_vkQueueSubmit(client, (VkQueue)queue, batches->count, batches->infos,
                                          batches->fence)
               : proto_send_vkQueueBindSparse(client, (VkQueue)queue, batches->count,
                                              batches->infos, batches->fence);
}

static VkResult
submit(struct drv_queue *queue, struct drv_scratch *scratch, struct drv_batches *batches)
{
    VkResult result = begin_submission(queue, batches->fence);
    if (result != VK_SUCCESS) {
        return result;
    }
    for (uint32_t i = 0; i < batches->count; i++) {
        const struct drv_batch batch = drv_batch_get(batches, i);
        note_timeline_signals(batch.chain, batch.signal_count, batch.signals);
    }
    result = drv_filter_batches(scratch, batches) ? send_batches(queue, batches)
                                                  : VK_ERROR_OUT_OF_HOST_MEMORY;
    return end_submission(queue, batches->fence, result);
}

static VkResult
exchange_and_submit(struct drv_queue *queue, struct drv_batches *batches)
{
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkResult result = drv_exchange_batches(queue, &scratch, batches);
    if (result == VK_SUCCESS) {
        result = submit(queue, &scratch, batches);
    }
    drv_scratch_finish(&scratch);
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_QueueSubmit(VkQueue handle, uint32_t submitCount, const VkSubmitInfo *pSubmits, VkFence fence)
{
    struct drv_queue *queue = drv_queue_from(handle);
    struct drv_batches batches = {DRV_BATCH_SUBMIT, submitCount, pSubmits, fence};

    VkResult result = take_images(queue, submitCount, pSubmits);
    return result == VK_SUCCESS ? exchange_and_submit(queue, &batches) : result;
}

static VkResult
note_bound_by(struct drv_device *device, uint32_t count, const VkSparseMemoryBind *binds)
{
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < count && result == VK_SUCCESS; i++) {
        result = drv_memory_copy_note_bound(device, drv_memory_from(binds[i].memory));
    }
    return result;
}

static VkResult
note_bound(struct drv_device *device, const VkBindSparseInfo *info)
{
    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < info->bufferBindCount && result == VK_SUCCESS; i++) {
        const VkSparseBufferMemoryBindInfo *buffer = &info->pBufferBinds[i];
        result = note_bound_by(device, buffer->bindCount, buffer->pBinds);
    }
    for (uint32_t i = 0; i < info->imageOpaqueBindCount && result == VK_SUCCESS; i++) {
        const VkSparseImageOpaqueMemoryBindInfo *image = &info->pImageOpaqueBinds[i];
        result = note_bound_by(device, image->bindCount, image->pBinds);
    }
    for (uint32_t i = 0; i < info->imageBindCount && result == VK_SUCCESS; i++) {
        const VkSparseImageMemoryBindInfo *image = &info->pImageBinds[i];
        for (uint32_t j = 0; j < image->bindCount && result == VK_SUCCESS; j++) {
            result = drv_memory_copy_note_bound(device, drv_memory_from(image->pBinds[j].memory));
        }
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_QueueBindSparse(VkQueue handle, uint32_t bindInfoCount, const VkBindSparseInfo *pBindInfo,
                    VkFence fence)
{
    struct drv_queue *queue = drv_queue_from(handle);
    struct drv_batches batches = {DRV_BATCH_BIND, bindInfoCount, pBindInfo, fence};

    VkResult result = VK_SUCCESS;
    for (uint32_t i = 0; i < bindInfoCount && result == VK_SUCCESS; i++) {
        result = note_bound(queue->device, &pBindInfo[i]);
    }
    return result == VK_SUCCESS ? exchange_and_submit(queue, &batches) : result;
}

static VkResult
take_images2(struct drv_queue *queue, uint32_t count, const VkSubmitInfo2 *infos)
{
    VkResult result = wsi_ownership_before_submit(queue);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < infos[i].waitSemaphoreInfoCount && result == VK_SUCCESS; j++) {
            result = wsi_ownership_before_wait(queue, infos[i].pWaitSemaphoreInfos[j].semaphore);
        }
    }
    return result;
}

static VkResult
submit2(struct drv_queue *queue, struct drv_scratch *scratch, struct drv_submits2 *submits)
{
    VkResult result = begin_submission(queue, submits->fence);
    if (result != VK_SUCCESS) {
        return result;
    }
    for (uint32_t i = 0; i < submits->count; i++) {
        const VkSubmitInfo2 *info = &submits->infos[i];
        for (uint32_t j = 0; j < info->signalSemaphoreInfoCount; j++) {
            const VkSemaphoreSubmitInfo *signal = &info->pSignalSemaphoreInfos[j];
            drv_semaphore_will_signal(signal->semaphore, signal->value);
        }
    }
    result = drv_filter_submits2(scratch, submits->count, &submits->infos)
                 ? proto_send_vkQueueSubmit2(queue->object.client, (VkQueue)queue, submits->count,
                                             submits->infos, submits->fence)
                 : VK_ERROR_OUT_OF_HOST_MEMORY;
    return end_submission(queue, submits->fence, result);
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_QueueSubmit2(VkQueue handle, uint32_t submitCount, const VkSubmitInfo2 *pSubmits, VkFence fence)
{
    struct drv_queue *queue = drv_queue_from(handle);
    struct drv_submits2 submits = {submitCount, pSubmits, fence};
    struct drv_scratch scratch;

    drv_scratch_init(&scratch);
    VkResult result = take_images2(queue, submitCount, pSubmits);
    if (result == VK_SUCCESS) {
        result = drv_exchange_submit2(queue, &scratch, &submits);
    }
    if (result == VK_SUCCESS) {
        result = submit2(queue, &scratch, &submits);
    }
    drv_scratch_finish(&scratch);
    return result;
}

/* --- waiting until a queue is idle: the renderer has no such command, since it would block
 * everything behind it. A fence of our own goes behind all work instead. --- */

static VkResult
create_idle_fence(struct drv_queue *queue)
{
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    return drv_CreateFence((VkDevice)queue->device, &info, NULL, &queue->idle_fence);
}

/* Leaves the fence alone if the queue cannot be busy. */
static VkResult
submit_idle_fence(struct drv_queue *queue)
{
    if (!queue->busy) {
        return VK_SUCCESS;
    }
    VkDevice device = (VkDevice)queue->device;
    VkResult result = queue->idle_fence ? drv_ResetFences(device, 1, &queue->idle_fence)
                                        : create_idle_fence(queue);
    return result == VK_SUCCESS ? drv_QueueSubmit((VkQueue)queue, 0, NULL, queue->idle_fence)
                                : result;
}

static VkResult
wait_for_idle_fence(struct drv_queue *queue)
{
    if (!queue->busy) {
        return drv_ring_check_alive(queue->device->ring) ? VK_SUCCESS : VK_ERROR_DEVICE_LOST;
    }
    VkResult result =
        drv_WaitForFences((VkDevice)queue->device, 1, &queue->idle_fence, VK_TRUE, UINT64_MAX);
    if (result == VK_SUCCESS) {
        queue->busy = false;
    }
    return result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_QueueWaitIdle(VkQueue handle)
{
    struct drv_queue *queue = drv_queue_from(handle);
    VkResult result = submit_idle_fence(queue);
    return result == VK_SUCCESS ? wait_for_idle_fence(queue) : result;
}

VKAPI_ATTR VkResult VKAPI_CALL
drv_DeviceWaitIdle(VkDevice handle)
{
    struct drv_device *device = drv_device_from(handle);
    VkResult result = VK_SUCCESS;

    for (uint32_t i = 0; i < device->queue_count && result == VK_SUCCESS; i++) {
        result = submit_idle_fence(&device->queues[i]);
    }
    for (uint32_t i = 0; i < device->queue_count && result == VK_SUCCESS; i++) {
        result = wait_for_idle_fence(&device->queues[i]);
    }
    return result;
}
