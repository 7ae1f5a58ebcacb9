/* Fences and semaphores that leave their device as file descriptors: to another one of the process,
 * of another instance, and of another process. Runs on any driver that has the extensions.
 *
 *   external-sync [--sync-files] [NAME]
 *
 * The checks whose names contain NAME; status 77: the driver has none. --sync-files: what the
 * device signals itself is to leave it as a sync file of the kernel's, which others only poll. */
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tools/vkh/vkh.h"

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            vkh_die("%s:%d: not true: %s", __FILE__, __LINE__, #condition);                        \
        }                                                                                          \
    } while (0)

#define SECOND_NS (UINT64_C(1000) * 1000 * 1000)
#define LONG_NS (30 * SECOND_NS)

#define FENCE_OPAQUE VK_EXTERNAL_FENCE_HANDLE_TYPE_OPAQUE_FD_BIT
#define FENCE_SYNC VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT
#define SEMAPHORE_OPAQUE VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT
#define SEMAPHORE_SYNC VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT

enum {
    ROUNDS = 20,
    MILLISECOND_NS = 1000 * 1000,
};

static PFN_vkGetFenceFdKHR get_fence_fd;
static PFN_vkImportFenceFdKHR import_fence_fd;
static PFN_vkGetSemaphoreFdKHR get_semaphore_fd;
static PFN_vkImportSemaphoreFdKHR import_semaphore_fd;

static bool wants_sync_files; /* constant from the start of main() */

/* --- devices --- */

static void
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const extensions[] = {
        VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME,
        VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME,
        NULL,
    };
    const struct vkh_gpu_info info = {
        .program = "external-sync",
        .api_version = VK_API_VERSION_1_3,
        .extensions = extensions,
        .all_core_features = true,
    };
    vkh_gpu_open(gpu, &info);
    get_fence_fd = (PFN_vkGetFenceFdKHR)vkGetDeviceProcAddr(gpu->device, "vkGetFenceFdKHR");
    import_fence_fd =
        (PFN_vkImportFenceFdKHR)vkGetDeviceProcAddr(gpu->device, "vkImportFenceFdKHR");
    get_semaphore_fd =
        (PFN_vkGetSemaphoreFdKHR)vkGetDeviceProcAddr(gpu->device, "vkGetSemaphoreFdKHR");
    import_semaphore_fd =
        (PFN_vkImportSemaphoreFdKHR)vkGetDeviceProcAddr(gpu->device, "vkImportSemaphoreFdKHR");
}

static bool
has_extensions(const struct vkh_gpu *gpu)
{
    return vkh_gpu_has_extension(gpu, VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME) &&
           vkh_gpu_has_extension(gpu, VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME) &&
           gpu->features12.timelineSemaphore;
}

/* --- objects --- */

static VkFence
create_fence(const struct vkh_gpu *gpu, VkFenceCreateFlags flags,
             VkExternalFenceHandleTypeFlags types)
{
    VkExportFenceCreateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
        .handleTypes = types,
    };
    VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = types ? &export : NULL,
        .flags = flags,
    };
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    return fence;
}

static VkSemaphore
create_semaphore(const struct vkh_gpu *gpu, VkSemaphoreType type,
                 VkExternalSemaphoreHandleTypeFlags types)
{
    VkExportSemaphoreCreateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO,
        .handleTypes = types,
    };
    VkSemaphoreTypeCreateInfo type_info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .pNext = types ? &export : NULL,
        .semaphoreType = type,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type_info,
    };
    VkSemaphore semaphore;
    VKH_CHECK(vkCreateSemaphore(gpu->device, &info, NULL, &semaphore));
    return semaphore;
}

/* -1 has signalled. */
static void
expect_sync_file(int fd)
{
    struct sync_file_info info = {0}; /* no fences asked for: a few fields */
    EXPECT(!wants_sync_files || fd == -1 || ioctl(fd, SYNC_IOC_FILE_INFO, &info) == 0);
}

static int
export_fence(const struct vkh_gpu *gpu, VkFence fence, VkExternalFenceHandleTypeFlagBits type)
{
    VkFenceGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_GET_FD_INFO_KHR,
        .fence = fence,
        .handleType = type,
    };
    int fd;
    VKH_CHECK(get_fence_fd(gpu->device, &info, &fd));
    if (type == FENCE_SYNC) {
        expect_sync_file(fd);
    }
    return fd;
}

static VkResult
import_fence(const struct vkh_gpu *gpu, VkFence fence, VkFenceImportFlags flags,
             VkExternalFenceHandleTypeFlagBits type, int fd)
{
    VkImportFenceFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_FENCE_FD_INFO_KHR,
        .fence = fence,
        .flags = flags,
        .handleType = type,
        .fd = fd,
    };
    return import_fence_fd(gpu->device, &info);
}

static int
export_semaphore(const struct vkh_gpu *gpu, VkSemaphore semaphore,
                 VkExternalSemaphoreHandleTypeFlagBits type)
{
    VkSemaphoreGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR,
        .semaphore = semaphore,
        .handleType = type,
    };
    int fd;
    VKH_CHECK(get_semaphore_fd(gpu->device, &info, &fd));
    if (type == SEMAPHORE_SYNC) {
        expect_sync_file(fd);
    }
    return fd;
}

static VkResult
import_semaphore(const struct vkh_gpu *gpu, VkSemaphore semaphore, VkSemaphoreImportFlags flags,
                 VkExternalSemaphoreHandleTypeFlagBits type, int fd)
{
    VkImportSemaphoreFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR,
        .semaphore = semaphore,
        .flags = flags,
        .handleType = type,
        .fd = fd,
    };
    return import_semaphore_fd(gpu->device, &info);
}

/* A semaphore of `to` with the payload of one of `from`. */
static VkSemaphore
share_semaphore(const struct vkh_gpu *from, VkSemaphore semaphore, const struct vkh_gpu *to,
                VkSemaphoreType type)
{
    VkSemaphore other = create_semaphore(to, type, 0);
    int fd = export_semaphore(from, semaphore, SEMAPHORE_OPAQUE);
    VKH_CHECK(import_semaphore(to, other, 0, SEMAPHORE_OPAQUE, fd));
    return other;
}

/* --- submissions of nothing: a wait, a signal, a fence, each or none; 0 for binary semaphores ---
 */

struct point {
    VkSemaphore semaphore;
    uint64_t value;
};
static const struct point none;

static void
submit(const struct vkh_gpu *gpu, struct point wait, struct point signal, VkFence fence)
{
    VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = wait.semaphore != VK_NULL_HANDLE,
        .pWaitSemaphoreValues = &wait.value,
        .signalSemaphoreValueCount = signal.semaphore != VK_NULL_HANDLE,
        .pSignalSemaphoreValues = &signal.value,
    };
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = wait.semaphore != VK_NULL_HANDLE,
        .pWaitSemaphores = &wait.semaphore,
        .pWaitDstStageMask = &(VkPipelineStageFlags){VK_PIPELINE_STAGE_ALL_COMMANDS_BIT},
        .signalSemaphoreCount = signal.semaphore != VK_NULL_HANDLE,
        .pSignalSemaphores = &signal.semaphore,
    };
    VKH_CHECK(vkQueueSubmit(gpu->queue, 1, &info, fence));
}

static void
submit2(const struct vkh_gpu *gpu, struct point wait, struct point signal, VkFence fence)
{
    VkSemaphoreSubmitInfo wait_info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
        .semaphore = wait.semaphore,
        .value = wait.value,
        .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
    };
    VkSemaphoreSubmitInfo signal_info = wait_info;
    signal_info.semaphore = signal.semaphore;
    signal_info.value = signal.value;
    VkSubmitInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
        .waitSemaphoreInfoCount = wait.semaphore != VK_NULL_HANDLE,
        .pWaitSemaphoreInfos = &wait_info,
        .signalSemaphoreInfoCount = signal.semaphore != VK_NULL_HANDLE,
        .pSignalSemaphoreInfos = &signal_info,
    };
    VKH_CHECK(vkQueueSubmit2(gpu->queue, 1, &info, fence));
}

static VkResult
wait_fence(const struct vkh_gpu *gpu, VkFence fence, uint64_t timeout_ns)
{
    return vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, timeout_ns);
}

static void
signal_value(const struct vkh_gpu *gpu, VkSemaphore semaphore, uint64_t value)
{
    VkSemaphoreSignalInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = semaphore,
        .value = value,
    };
    VKH_CHECK(vkSignalSemaphore(gpu->device, &info));
}

static VkResult
wait_value(const struct vkh_gpu *gpu, VkSemaphore semaphore, uint64_t value, uint64_t timeout_ns)
{
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &semaphore,
        .pValues = &value,
    };
    return vkWaitSemaphores(gpu->device, &info, timeout_ns);
}

static uint64_t
get_value(const struct vkh_gpu *gpu, VkSemaphore semaphore)
{
    uint64_t value;
    VKH_CHECK(vkGetSemaphoreCounterValue(gpu->device, semaphore, &value));
    return value;
}

/* Work that does not end before `gate` is signalled on the host. */
struct gate {
    const struct vkh_gpu *gpu;
    VkSemaphore semaphore;
};

static struct gate
close_gate(const struct vkh_gpu *gpu)
{
    return (struct gate){gpu, create_semaphore(gpu, VK_SEMAPHORE_TYPE_TIMELINE, 0)};
}

static struct point
gate_point(const struct gate *gate)
{
    return (struct point){gate->semaphore, 1};
}

static void
open_gate(const struct gate *gate)
{
    signal_value(gate->gpu, gate->semaphore, 1);
}

static void
remove_gate(const struct gate *gate)
{
    VKH_CHECK(vkDeviceWaitIdle(gate->gpu->device));
    vkDestroySemaphore(gate->gpu->device, gate->semaphore, NULL);
}

/* --- checks; `a` and `b` are devices of two instances --- */

static void
what_is_offered_is_said(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkPhysicalDeviceExternalFenceInfo fence_info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_FENCE_INFO,
        .handleType = FENCE_OPAQUE,
    };
    VkExternalFenceProperties fence = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES};
    vkGetPhysicalDeviceExternalFenceProperties(a->physical_device, &fence_info, &fence);
    EXPECT(fence.compatibleHandleTypes & FENCE_OPAQUE);
    EXPECT(fence.externalFenceFeatures & VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT);
    EXPECT(fence.externalFenceFeatures & VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT);

    VkSemaphoreTypeCreateInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkPhysicalDeviceExternalSemaphoreInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
        .pNext = &timeline,
        .handleType = SEMAPHORE_SYNC,
    };
    VkExternalSemaphoreProperties semaphore = {.sType =
                                                   VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES};
    vkGetPhysicalDeviceExternalSemaphoreProperties(a->physical_device, &info, &semaphore);
    EXPECT(semaphore.externalSemaphoreFeatures == 0);
}

static void
a_fence_is_shared_by_reference(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkFence exported = create_fence(a, 0, FENCE_OPAQUE), imported = create_fence(b, 0, 0);
    int fd = export_fence(a, exported, FENCE_OPAQUE);
    VKH_CHECK(import_fence(b, imported, 0, FENCE_OPAQUE, fd));
    for (int round = 0; round < ROUNDS; round++) {
        const struct vkh_gpu *from = round % 2 ? b : a, *to = round % 2 ? a : b;
        VkFence here = round % 2 ? imported : exported, there = round % 2 ? exported : imported;
        EXPECT(vkGetFenceStatus(to->device, there) == VK_NOT_READY);
        submit(from, none, none, here);
        EXPECT(wait_fence(to, there, LONG_NS) == VK_SUCCESS);
        EXPECT(wait_fence(from, here, LONG_NS) == VK_SUCCESS);
        VKH_CHECK(vkResetFences(to->device, 1, &there));
        EXPECT(vkGetFenceStatus(from->device, here) == VK_NOT_READY);
    }
    VKH_CHECK(vkQueueWaitIdle(a->queue));
    VKH_CHECK(vkQueueWaitIdle(b->queue));
    vkDestroyFence(a->device, exported, NULL);
    vkDestroyFence(b->device, imported, NULL);
}

static void
a_temporary_fence_gives_way_to_the_permanent_one(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkFence exported = create_fence(a, VK_FENCE_CREATE_SIGNALED_BIT, FENCE_OPAQUE);
    VkFence imported = create_fence(b, 0, 0);
    int fd = export_fence(a, exported, FENCE_OPAQUE);
    VKH_CHECK(import_fence(b, imported, VK_FENCE_IMPORT_TEMPORARY_BIT, FENCE_OPAQUE, fd));
    EXPECT(vkGetFenceStatus(b->device, imported) == VK_SUCCESS);
    VKH_CHECK(vkResetFences(b->device, 1, &imported));
    EXPECT(vkGetFenceStatus(b->device, imported) == VK_NOT_READY);
    EXPECT(vkGetFenceStatus(a->device, exported) == VK_SUCCESS);
    submit(b, none, none, imported);
    EXPECT(wait_fence(b, imported, LONG_NS) == VK_SUCCESS);
    vkDestroyFence(a->device, exported, NULL);
    vkDestroyFence(b->device, imported, NULL);
}

static bool
has_signaled(int fd, int timeout_ms)
{
    struct pollfd file = {.fd = fd, .events = POLLIN};
    return poll(&file, 1, timeout_ms) > 0;
}

static void
a_sync_file_is_a_copy_of_a_fence(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    struct gate gate = close_gate(a);
    VkFence exported = create_fence(a, 0, FENCE_SYNC), imported = create_fence(b, 0, 0);
    submit(a, gate_point(&gate), none, exported);
    int fd = export_fence(a, exported, FENCE_SYNC);
    EXPECT(!has_signaled(fd, 20));
    EXPECT(vkGetFenceStatus(a->device, exported) == VK_NOT_READY);
    int copy = dup(fd);
    VKH_CHECK(import_fence(b, imported, VK_FENCE_IMPORT_TEMPORARY_BIT, FENCE_SYNC, fd));
    EXPECT(wait_fence(b, imported, 20 * MILLISECOND_NS) == VK_TIMEOUT);

    /* The fence is reset, and what was under way before is nothing to it any more. */
    open_gate(&gate);
    EXPECT(wait_fence(b, imported, LONG_NS) == VK_SUCCESS);
    EXPECT(has_signaled(copy, 0));
    EXPECT(vkGetFenceStatus(a->device, exported) == VK_NOT_READY);
    submit(a, none, none, exported);
    EXPECT(wait_fence(a, exported, LONG_NS) == VK_SUCCESS);
    VKH_CHECK(vkResetFences(b->device, 1, &imported));
    EXPECT(vkGetFenceStatus(b->device, imported) == VK_NOT_READY);
    VKH_CHECK(import_fence(b, imported, VK_FENCE_IMPORT_TEMPORARY_BIT, FENCE_SYNC, -1));
    EXPECT(vkGetFenceStatus(b->device, imported) == VK_SUCCESS);
    close(copy);
    remove_gate(&gate);
    vkDestroyFence(a->device, exported, NULL);
    vkDestroyFence(b->device, imported, NULL);
}

static void
a_signaled_fence_gives_a_signaled_sync_file(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkFence fence = create_fence(a, VK_FENCE_CREATE_SIGNALED_BIT, FENCE_SYNC);
    int fd = export_fence(a, fence, FENCE_SYNC);
    EXPECT(fd == -1 || has_signaled(fd, 1000));
    EXPECT(vkGetFenceStatus(a->device, fence) == VK_NOT_READY);
    if (fd >= 0) {
        close(fd);
    }
    vkDestroyFence(a->device, fence, NULL);
}

/* There and back, in order, by turns. */
static void
play(const struct vkh_gpu *a, const struct vkh_gpu *b,
     void (*send)(const struct vkh_gpu *, struct point, struct point, VkFence))
{
    VkSemaphore there = create_semaphore(a, VK_SEMAPHORE_TYPE_BINARY, SEMAPHORE_OPAQUE);
    VkSemaphore back = create_semaphore(b, VK_SEMAPHORE_TYPE_BINARY, SEMAPHORE_OPAQUE);
    VkSemaphore there_b = share_semaphore(a, there, b, VK_SEMAPHORE_TYPE_BINARY);
    VkSemaphore back_a = share_semaphore(b, back, a, VK_SEMAPHORE_TYPE_BINARY);
    VkFence done = create_fence(a, 0, 0);
    for (int round = 0; round < ROUNDS; round++) {
        send(a, none, (struct point){there, 0}, VK_NULL_HANDLE);
        send(b, (struct point){there_b, 0}, (struct point){back, 0}, VK_NULL_HANDLE);
        send(a, (struct point){back_a, 0}, none, done);
        EXPECT(wait_fence(a, done, LONG_NS) == VK_SUCCESS);
        VKH_CHECK(vkResetFences(a->device, 1, &done));
    }
    VKH_CHECK(vkDeviceWaitIdle(a->device));
    VKH_CHECK(vkDeviceWaitIdle(b->device));
    vkDestroyFence(a->device, done, NULL);
    vkDestroySemaphore(a->device, there, NULL);
    vkDestroySemaphore(b->device, there_b, NULL);
    vkDestroySemaphore(a->device, back_a, NULL);
    vkDestroySemaphore(b->device, back, NULL);
}

static void
binary_semaphores_go_to_and_fro(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    play(a, b, submit);
    if (a->features13.synchronization2) {
        play(a, b, submit2);
    }
    play(a, a, submit);
}

static void
a_submission_that_waits_for_others_does_not_block(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    struct gate gate = close_gate(a);
    VkSemaphore semaphore = create_semaphore(a, VK_SEMAPHORE_TYPE_BINARY, SEMAPHORE_OPAQUE);
    VkSemaphore other = share_semaphore(a, semaphore, b, VK_SEMAPHORE_TYPE_BINARY);
    VkFence done = create_fence(b, 0, 0);
    submit(a, gate_point(&gate), (struct point){semaphore, 0}, VK_NULL_HANDLE);
    submit(b, (struct point){other, 0}, none, done);
    EXPECT(wait_fence(b, done, 20 * MILLISECOND_NS) == VK_TIMEOUT);
    open_gate(&gate);
    EXPECT(wait_fence(b, done, LONG_NS) == VK_SUCCESS);
    remove_gate(&gate);
    vkDestroyFence(b->device, done, NULL);
    vkDestroySemaphore(a->device, semaphore, NULL);
    vkDestroySemaphore(b->device, other, NULL);
}

static void
a_sync_file_is_a_copy_of_a_semaphore(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkSemaphore exported = create_semaphore(a, VK_SEMAPHORE_TYPE_BINARY, SEMAPHORE_SYNC);
    VkSemaphore imported = create_semaphore(b, VK_SEMAPHORE_TYPE_BINARY, 0);
    VkFence done = create_fence(b, 0, 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct gate gate = close_gate(a);
        submit(a, gate_point(&gate), (struct point){exported, 0}, VK_NULL_HANDLE);
        int fd = export_semaphore(a, exported, SEMAPHORE_SYNC);
        EXPECT(!has_signaled(fd, 0));
        VKH_CHECK(
            import_semaphore(b, imported, VK_SEMAPHORE_IMPORT_TEMPORARY_BIT, SEMAPHORE_SYNC, fd));
        submit(b, (struct point){imported, 0}, none, done);
        EXPECT(wait_fence(b, done, MILLISECOND_NS) == VK_TIMEOUT);
        open_gate(&gate);
        EXPECT(wait_fence(b, done, LONG_NS) == VK_SUCCESS);
        VKH_CHECK(vkResetFences(b->device, 1, &done));

        /* The wait has taken it away: the semaphore has its own payload again. */
        submit(b, none, (struct point){imported, 0}, VK_NULL_HANDLE);
        submit(b, (struct point){imported, 0}, none, VK_NULL_HANDLE);
        VKH_CHECK(vkQueueWaitIdle(b->queue));
        VKH_CHECK(
            import_semaphore(b, imported, VK_SEMAPHORE_IMPORT_TEMPORARY_BIT, SEMAPHORE_SYNC, -1));
        submit(b, (struct point){imported, 0}, none, VK_NULL_HANDLE);
        VKH_CHECK(vkQueueWaitIdle(b->queue));
        remove_gate(&gate);
    }
    vkDestroyFence(b->device, done, NULL);
    vkDestroySemaphore(a->device, exported, NULL);
    vkDestroySemaphore(b->device, imported, NULL);
}

static void
timelines_are_shared_by_reference(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkSemaphore here = create_semaphore(a, VK_SEMAPHORE_TYPE_TIMELINE, SEMAPHORE_OPAQUE);
    signal_value(a, here, 1);
    submit(a, none, (struct point){here, 2}, VK_NULL_HANDLE);
    VkSemaphore there = share_semaphore(a, here, b, VK_SEMAPHORE_TYPE_TIMELINE);
    EXPECT(wait_value(b, there, 2, LONG_NS) == VK_SUCCESS);
    EXPECT(wait_value(a, here, 2, LONG_NS) == VK_SUCCESS);
    EXPECT(get_value(b, there) == 2);

    /* The host signals here, a queue waits there, before and after. */
    VkFence done = create_fence(b, 0, 0);
    submit(b, (struct point){there, 3}, (struct point){there, 4}, done);
    EXPECT(wait_fence(b, done, 20 * MILLISECOND_NS) == VK_TIMEOUT);
    EXPECT(wait_value(a, here, 4, MILLISECOND_NS) == VK_TIMEOUT);
    signal_value(a, here, 3);
    EXPECT(wait_fence(b, done, LONG_NS) == VK_SUCCESS);
    EXPECT(wait_value(a, here, 4, LONG_NS) == VK_SUCCESS);
    EXPECT(get_value(a, here) == 4 && get_value(b, there) == 4);
    for (uint64_t value = 5; value < 5 + 2 * ROUNDS; value += 2) {
        submit(a, (struct point){here, value - 1}, (struct point){here, value}, VK_NULL_HANDLE);
        submit(b, (struct point){there, value}, (struct point){there, value + 1}, VK_NULL_HANDLE);
    }
    EXPECT(wait_value(a, here, 4 + 2 * ROUNDS, LONG_NS) == VK_SUCCESS);
    VKH_CHECK(vkDeviceWaitIdle(a->device));
    VKH_CHECK(vkDeviceWaitIdle(b->device));
    vkDestroyFence(b->device, done, NULL);
    vkDestroySemaphore(a->device, here, NULL);
    vkDestroySemaphore(b->device, there, NULL);
}

static void
what_is_no_handle_is_refused(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    VkSemaphore timeline = create_semaphore(a, VK_SEMAPHORE_TYPE_TIMELINE, SEMAPHORE_OPAQUE);
    VkFence fence = create_fence(a, 0, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    EXPECT(import_fence(a, fence, 0, FENCE_OPAQUE, null) == VK_ERROR_INVALID_EXTERNAL_HANDLE);
    EXPECT(import_fence(a, fence, VK_FENCE_IMPORT_TEMPORARY_BIT, FENCE_SYNC, null) ==
           VK_ERROR_INVALID_EXTERNAL_HANDLE);
    close(null);
    int fd = export_semaphore(a, timeline, SEMAPHORE_OPAQUE);
    EXPECT(import_fence(a, fence, 0, FENCE_OPAQUE, fd) == VK_ERROR_INVALID_EXTERNAL_HANDLE);
    close(fd);
    submit(a, none, none, fence);
    EXPECT(wait_fence(a, fence, LONG_NS) == VK_SUCCESS);
    vkDestroyFence(a->device, fence, NULL);
    vkDestroySemaphore(a->device, timeline, NULL);
}

/* Memory, sockets, events: all but files with a path, of which a layer leaves some open. */
static unsigned
count_descriptors(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        char link[64], target[256];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, target, sizeof(target) - 1);
        if (size > 0) {
            target[size] = '\0';
            count += target[0] != '/' || strncmp(target, "/memfd:", strlen("/memfd:")) == 0;
        }
    }
    return count;
}

/* The first time `b`, which stays, may still make something that it keeps. */
static void
a_device_leaves_no_descriptor_behind(const struct vkh_gpu *a, const struct vkh_gpu *b)
{
    unsigned counts[3];
    for (int round = 0; round < 3; round++) {
        struct vkh_gpu gpu;
        open_gpu(&gpu);
        binary_semaphores_go_to_and_fro(&gpu, b);
        a_sync_file_is_a_copy_of_a_fence(&gpu, b);
        vkh_gpu_close(&gpu);
        counts[round] = count_descriptors();
    }
    EXPECT(counts[2] == counts[1]);
}

static const struct check {
    const char *name;
    void (*run)(const struct vkh_gpu *a, const struct vkh_gpu *b);
} checks[] = {
    {"what is offered is said", what_is_offered_is_said},
    {"a fence is shared by reference", a_fence_is_shared_by_reference},
    {"a temporary fence gives way", a_temporary_fence_gives_way_to_the_permanent_one},
    {"a sync file is a copy of a fence", a_sync_file_is_a_copy_of_a_fence},
    {"a signalled fence gives a signalled sync file", a_signaled_fence_gives_a_signaled_sync_file},
    {"binary semaphores go to and fro", binary_semaphores_go_to_and_fro},
    {"a submission that waits for others does not block",
     a_submission_that_waits_for_others_does_not_block},
    {"a sync file is a copy of a semaphore", a_sync_file_is_a_copy_of_a_semaphore},
    {"timelines are shared by reference", timelines_are_shared_by_reference},
    {"what is no handle is refused", what_is_no_handle_is_refused},
    {"a device leaves no descriptor behind", a_device_leaves_no_descriptor_behind},
};

/* --- another process --- */

/* Takes a timeline and a binary semaphore, answers what comes, and leaves with a sync file that it
 * never signals. */
static int
be_the_other_process(int channel)
{
    struct vkh_gpu gpu;
    open_gpu(&gpu);
    if (!has_extensions(&gpu)) {
        vkh_gpu_close(&gpu);
        return 0;
    }
    VkSemaphore binary = create_semaphore(&gpu, VK_SEMAPHORE_TYPE_BINARY, 0);
    VkSemaphore timeline = create_semaphore(&gpu, VK_SEMAPHORE_TYPE_TIMELINE, 0);
    VKH_CHECK(import_semaphore(&gpu, binary, 0, SEMAPHORE_OPAQUE, base_fd_receive_fd(channel)));
    VKH_CHECK(import_semaphore(&gpu, timeline, 0, SEMAPHORE_OPAQUE, base_fd_receive_fd(channel)));
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        char go;
        EXPECT(base_fd_read(channel, &go, 1)); /* the signal was submitted */
        submit(&gpu, (struct point){binary, 0}, (struct point){timeline, round}, VK_NULL_HANDLE);
    }
    EXPECT(wait_value(&gpu, timeline, ROUNDS, LONG_NS) == VK_SUCCESS);

    struct gate gate = close_gate(&gpu);
    VkFence fence = create_fence(&gpu, 0, FENCE_SYNC);
    submit(&gpu, gate_point(&gate), none, fence);
    int fd = export_fence(&gpu, fence, FENCE_SYNC);
    EXPECT(base_fd_send_fd(channel, fd));
    char go;
    EXPECT(base_fd_read(channel, &go, 1));
    _exit(0); /* as if it had crashed */
}

static void
another_process_takes_part(const struct vkh_gpu *gpu, int channel, pid_t child)
{
    VkSemaphore binary = create_semaphore(gpu, VK_SEMAPHORE_TYPE_BINARY, SEMAPHORE_OPAQUE);
    VkSemaphore timeline = create_semaphore(gpu, VK_SEMAPHORE_TYPE_TIMELINE, SEMAPHORE_OPAQUE);
    int fds[] = {export_semaphore(gpu, binary, SEMAPHORE_OPAQUE),
                 export_semaphore(gpu, timeline, SEMAPHORE_OPAQUE)};
    for (int i = 0; i < 2; i++) {
        EXPECT(base_fd_send_fd(channel, fds[i]));
        close(fds[i]);
    }
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        submit(gpu, none, (struct point){binary, 0}, VK_NULL_HANDLE);
        EXPECT(base_fd_write(channel, "", 1));
        submit(gpu, (struct point){timeline, round}, none, VK_NULL_HANDLE);
        EXPECT(wait_value(gpu, timeline, round, LONG_NS) == VK_SUCCESS);
    }
    int file = base_fd_receive_fd(channel);
    EXPECT(file >= 0 && !has_signaled(file, 20));
    EXPECT(base_fd_write(channel, "", 1));
    EXPECT(has_signaled(file, 20 * 1000)); /* a dead process keeps nobody waiting */
    close(file);
    int status;
    EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    VKH_CHECK(vkDeviceWaitIdle(gpu->device));
    vkDestroySemaphore(gpu->device, binary, NULL);
    vkDestroySemaphore(gpu->device, timeline, NULL);
}

static void
run_checks(const struct vkh_gpu *a, const char *wanted)
{
    struct vkh_gpu b;
    open_gpu(&b);
    for (size_t i = 0; i < BASE_COUNT_OF(checks); i++) {
        if (strstr(checks[i].name, wanted)) {
            checks[i].run(a, &b);
            printf("ok   %s\n", checks[i].name);
            fflush(stdout);
        }
    }
    vkh_gpu_close(&b);
}

int
main(int argc, char **argv)
{
    wants_sync_files = argc > 1 && strcmp(argv[1], "--sync-files") == 0;
    const char *wanted = argc > 1 + wants_sync_files ? argv[1 + wants_sync_files] : "";
    int pair[2];
    struct vkh_gpu gpu;
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pid_t child = fork(); /* before there is anything of Vulkan */
    if (child == 0) {
        close(pair[0]);
        exit(be_the_other_process(pair[1]));
    }
    close(pair[1]);
    open_gpu(&gpu);
    if (!has_extensions(&gpu)) {
        printf("skipped: %s lacks VK_KHR_external_fence_fd or VK_KHR_external_semaphore_fd\n",
               gpu.properties.deviceName);
        vkh_gpu_close(&gpu);
        return 77;
    }
    printf("device    %s\n", gpu.properties.deviceName);
    another_process_takes_part(&gpu, pair[0], child);
    printf("ok   another process takes part\n");
    close(pair[0]);
    run_checks(&gpu, wanted);
    vkh_gpu_close(&gpu);
    return 0;
}
