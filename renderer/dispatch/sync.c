/* Fences and semaphores. Those with a feedback slot may still be in a sync thread's hands when the
 * guest, which knows better, resets or destroys them: that waits for the thread, which is about to
 * let go. */
#include "renderer/sync.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/zalloc.h"
#include "protocol/proto_mesa.h"
#include "renderer/call_impl.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* --- fences --- */

void
rnd_do_vkCreateFence(struct rnd_call *call, struct proto_vkCreateFence *args)
{
    struct rnd_device *device = rnd_call_device(call);
    if (!rnd_call_check_new_ids(call, args->pFence_ids, 1)) {
        return;
    }
    struct rnd_fence *fence = base_zalloc(sizeof(*fence));
    if (!fence) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    fence->object.release = rnd_fence_release;
    fence->in_use = args->pCreateInfo->flags & VK_FENCE_CREATE_SIGNALED_BIT;
    if (!rnd_feedback_init(&fence->feedback, call, args->pCreateInfo)) {
        free(fence);
        return;
    }
    args->ret = device->table.CreateFence(device->handle, args->pCreateInfo, NULL, args->pFence);
    if (args->ret != VK_SUCCESS) {
        goto free_fence;
    }
    if (!rnd_call_add(call, &fence->object, VK_OBJECT_TYPE_FENCE, args->pFence_ids[0],
                      RND_HANDLE(*args->pFence), device, &device->object)) {
        goto destroy_fence;
    }
    return;

destroy_fence:
    device->table.DestroyFence(device->handle, *args->pFence, NULL);
free_fence:
    rnd_feedback_finish(&fence->feedback);
    free(fence);
}

void
rnd_do_vkDestroyFence(struct rnd_call *call, struct proto_vkDestroyFence *args)
{
    rnd_call_destroy(call, args->fence_id, VK_OBJECT_TYPE_FENCE);
}

/* Also once no sync thread holds it. NULL: the call has failed. */
static struct rnd_fence *
find_idle_fence(struct rnd_call *call, uint64_t fence_id)
{
    struct rnd_fence *fence =
        (struct rnd_fence *)rnd_call_object(call, fence_id, VK_OBJECT_TYPE_FENCE);
    return fence && rnd_sync_wait_unused(call, fence->object.device, &fence->use, 0) ? fence : NULL;
}

void
rnd_do_vkResetFences(struct rnd_call *call, struct proto_vkResetFences *args)
{
    struct rnd_device *device = rnd_call_device(call);
    struct rnd_fence **fences = rnd_call_alloc(call, args->fenceCount, sizeof(struct rnd_fence *));
    for (uint32_t i = 0; fences && i < args->fenceCount; i++) {
        fences[i] = find_idle_fence(call, args->pFences_ids[i]);
        if (!fences[i]) {
            return;
        }
    }
    if (!fences) {
        return;
    }
    args->ret = device->table.ResetFences(device->handle, args->fenceCount, args->pFences);
    for (uint32_t i = 0; args->ret == VK_SUCCESS && i < args->fenceCount; i++) {
        rnd_fence_end_use(device, fences[i]);
    }
}

/* --- semaphores --- */

static bool
is_timeline(const VkSemaphoreCreateInfo *info)
{
    const VkSemaphoreTypeCreateInfo *type =
        rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
    return type && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
}

static bool
init_feedback(struct rnd_call *call, const VkSemaphoreCreateInfo *info,
              struct rnd_semaphore *semaphore)
{
    if (!rnd_feedback_init(&semaphore->feedback, call, info)) {
        return false;
    }
    if (semaphore->feedback.slot && !is_timeline(info)) {
        rnd_call_fail(call, "feedback is for timeline semaphores only");
        return false;
    }
    if (semaphore->feedback.slot && !call->device_table->WaitSemaphores) {
        rnd_call_missing(call);
        return false;
    }
    return true;
}

void
rnd_do_vkCreateSemaphore(struct rnd_call *call, struct proto_vkCreateSemaphore *args)
{
    struct rnd_device *device = rnd_call_device(call);
    if (!rnd_call_check_new_ids(call, args->pSemaphore_ids, 1)) {
        return;
    }
    struct rnd_semaphore *semaphore = base_zalloc(sizeof(*semaphore));
    if (!semaphore) {
        args->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
        return;
    }
    semaphore->object.release = rnd_semaphore_release;
    if (!init_feedback(call, args->pCreateInfo, semaphore)) {
        goto free_semaphore;
    }
    args->ret =
        device->table.CreateSemaphore(device->handle, args->pCreateInfo, NULL, args->pSemaphore);
    if (args->ret != VK_SUCCESS) {
        goto free_semaphore;
    }
    if (!rnd_call_add(call, &semaphore->object, VK_OBJECT_TYPE_SEMAPHORE, args->pSemaphore_ids[0],
                      RND_HANDLE(*args->pSemaphore), device, &device->object)) {
        goto destroy_semaphore;
    }
    return;

destroy_semaphore:
    device->table.DestroySemaphore(device->handle, *args->pSemaphore, NULL);
free_semaphore:
    rnd_feedback_finish(&semaphore->feedback);
    free(semaphore);
}

void
rnd_do_vkDestroySemaphore(struct rnd_call *call, struct proto_vkDestroySemaphore *args)
{
    rnd_call_destroy(call, args->semaphore_id, VK_OBJECT_TYPE_SEMAPHORE);
}

void
rnd_do_vkSignalSemaphore(struct rnd_call *call, struct proto_vkSignalSemaphore *args)
{
    struct rnd_device *device = rnd_call_device(call);
    if (!device->table.SignalSemaphore) {
        rnd_call_missing(call);
        return;
    }
    args->ret = device->table.SignalSemaphore(device->handle, args->pSignalInfo);
    struct rnd_semaphore *semaphore = (struct rnd_semaphore *)rnd_call_seen(
        call, VK_OBJECT_TYPE_SEMAPHORE, RND_HANDLE(args->pSignalInfo->semaphore));
    if (args->ret == VK_SUCCESS && semaphore) {
        rnd_semaphore_reached(device, semaphore, args->pSignalInfo->value);
    }
}

/* --- standing in for sync files --- */

/* Taking the payload out as a sync file and dropping it leaves the fence reset, as the guest wants
 * it after it has exported the fence in its own way. */
void
rnd_do_vkResetFenceResourceMESA(struct rnd_call *call, struct proto_vkResetFenceResourceMESA *args)
{
    if (!call->device_table->GetFenceFdKHR) {
        rnd_call_missing(call);
        return;
    }
    struct rnd_fence *fence = find_idle_fence(call, args->fence_id);
    if (!fence) {
        return;
    }
    VkFenceGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_GET_FD_INFO_KHR,
        .fence = args->fence,
        .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    int fd = -1;
    VkResult result = call->device_table->GetFenceFdKHR(args->device, &info, &fd);
    if (result != VK_SUCCESS) {
        rnd_call_fail(call, "the host gives no sync file of the fence: %d", result);
        return;
    }
    rnd_fence_end_use(fence->object.device, fence);
    if (fd >= 0) {
        close(fd);
    }
}

void
rnd_do_vkWaitSemaphoreResourceMESA(struct rnd_call *call,
                                   struct proto_vkWaitSemaphoreResourceMESA *args)
{
    if (rnd_semaphore_take_import(call, args->semaphore)) {
        return;
    }
    if (!call->device_table->GetSemaphoreFdKHR) {
        rnd_call_missing(call);
        return;
    }
    VkSemaphoreGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR,
        .semaphore = args->semaphore,
        .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    int fd = -1;
    VkResult result = call->device_table->GetSemaphoreFdKHR(args->device, &info, &fd);
    if (result != VK_SUCCESS) {
        rnd_call_fail(call, "the host gives no sync file of the semaphore: %d", result);
        return;
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* On a host without sync files of semaphores: the wait for it will be left out of the submission
 * (dispatch/queue.c), which is as good as waiting for what has happened already. */
static void
note_signaled_import(struct rnd_call *call, VkSemaphore handle)
{
    struct rnd_semaphore *semaphore =
        (struct rnd_semaphore *)rnd_call_seen(call, VK_OBJECT_TYPE_SEMAPHORE, RND_HANDLE(handle));
    if (semaphore) {
        atomic_store(&semaphore->signaled_import, true);
        atomic_store(&rnd_call_device(call)->had_signaled_imports, true);
    }
}

/* Resource 0 stands for a payload that has signalled already; there are no others yet. */
void
rnd_do_vkImportSemaphoreResourceMESA(struct rnd_call *call,
                                     struct proto_vkImportSemaphoreResourceMESA *args)
{
    const VkImportSemaphoreResourceInfoMESA *info = args->pImportSemaphoreResourceInfo;
    if (info->resourceId != 0) {
        rnd_call_fail(call, "resource %u: only 0, a signalled payload, can be imported",
                      info->resourceId);
        return;
    }
    if (!rnd_call_device(call)->physical_device->imports_sync_files) {
        note_signaled_import(call, info->semaphore);
        return;
    }
    if (!call->device_table->ImportSemaphoreFdKHR) {
        rnd_call_missing(call);
        return;
    }
    VkImportSemaphoreFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR,
        .semaphore = info->semaphore,
        .flags = VK_SEMAPHORE_IMPORT_TEMPORARY_BIT,
        .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT,
        .fd = -1,
    };
    VkResult result = call->device_table->ImportSemaphoreFdKHR(args->device, &import);
    if (result != VK_SUCCESS) {
        rnd_call_fail(call, "the host does not import a signalled sync file: %d", result);
    }
}
