/* Fences of the server's that leave as sync files. No host driver of a machine without a GPU has
 * them: two of the host's functions are replaced by some that give events in their place. */
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/physical_device.h"
#include "renderer/queue.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

enum {
    TIMELINE = 1,
    LIMIT_MS = 20000,
    MAX_COPIES = 8,
};

/* --- the host --- */

static PFN_vkCreateFence create_fence;
static PFN_vkWaitForFences wait_for_fences;
static PFN_vkResetFences reset_fences;

static struct copying {
    VkDevice device;
    VkFence fence;
    int event;
    pthread_t thread;
} copies[MAX_COPIES];
static _Atomic unsigned copy_count, exportable_count;
static int held_back[2]; /* a copy is made when there is a byte to read; -1: at once */

static VKAPI_ATTR VkResult VKAPI_CALL
host_create_fence(VkDevice device, const VkFenceCreateInfo *info,
                  const VkAllocationCallbacks *allocator, VkFence *out)
{
    VkFenceCreateInfo plain = *info;
    const VkExportFenceCreateInfo *export = info->pNext;
    if (export && export->handleTypes == VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT) {
        atomic_fetch_add(&exportable_count, 1);
        plain.pNext = export->pNext;
    }
    return create_fence(device, &plain, allocator, out);
}

/* Nobody else waits for the fence any more; it is as if it had been reset at once. */
static void *
follow(void *user)
{
    struct copying *copy = user;
    (void)wait_for_fences(copy->device, 1, &copy->fence, VK_TRUE, UINT64_MAX);
    (void)reset_fences(copy->device, 1, &copy->fence);
    eventfd_write(copy->event, 1);
    close(copy->event);
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL
host_get_fence_fd(VkDevice device, const VkFenceGetFdInfoKHR *info, int *out)
{
    char byte;
    unsigned index = atomic_fetch_add(&copy_count, 1);
    if (index >= MAX_COPIES) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    while (held_back[0] != -1 && read(held_back[0], &byte, 1) != 1) {
    }
    struct copying *copy = &copies[index];
    *out = eventfd(0, EFD_CLOEXEC);
    *copy = (struct copying){.device = device, .fence = info->fence, .event = dup(*out)};
    return pthread_create(&copy->thread, NULL, follow, copy) == 0 ? VK_SUCCESS
                                                                  : VK_ERROR_OUT_OF_HOST_MEMORY;
}

/* --- the guest --- */

static struct rnd_queue *
queue_of(struct guest *guest)
{
    return guest->context->timelines.queues[TIMELINE];
}

static void
begin(struct guest *guest)
{
    guest_begin_with_device(guest);
    struct rnd_device *device = queue_of(guest)->device;
    create_fence = device->table.CreateFence;
    wait_for_fences = device->table.WaitForFences;
    reset_fences = device->table.ResetFences;
    device->table.CreateFence = host_create_fence;
    device->table.GetFenceFdKHR = host_get_fence_fd;
    device->physical_device->exports_sync_files = true;
    atomic_store(&copy_count, 0);
    atomic_store(&exportable_count, 0);
    held_back[0] = held_back[1] = -1;
}

/* The renderer waits for all copies that it has asked for. */
static void
end(struct guest *guest)
{
    guest_end(guest);
    for (unsigned i = 0; i < atomic_load(&copy_count); i++) {
        pthread_join(copies[i].thread, NULL);
    }
}

/* What is submitted stays under way until the gate is opened. */
struct gate {
    struct proto_object object;
    VkSemaphore timeline;
};

static void
close_gate(struct guest *guest, struct gate *gate)
{
    gate->object = (struct proto_object){.id = 900};
    gate->timeline = GUEST_HANDLE(VkSemaphore, &gate->object);
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    GUEST_SEND(guest, vkCreateSemaphore, GUEST_DEVICE(guest), &info, NULL, &gate->timeline);
}

static void
submit(struct guest *guest, const struct gate *gate)
{
    const uint64_t open = 1;
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = &open,
    };
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &gate->timeline,
        .pWaitDstStageMask = &stage,
    };
    GUEST_SEND(guest, vkQueueSubmit, GUEST_QUEUE(guest), 1, &info, VK_NULL_HANDLE);
    guest_assert_alive(guest);
}

static void
open_gate(struct guest *guest, const struct gate *gate)
{
    const VkSemaphoreSignalInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = gate->timeline,
        .value = 1,
    };
    GUEST_SEND(guest, vkSignalSemaphore, GUEST_DEVICE(guest), &info);
    guest_assert_alive(guest);
}

static void
add_fence(struct guest *guest, uint64_t id)
{
    assert_int_equal(rnd_context_create_fence(guest->context, TIMELINE, id), RND_OK);
}

/* On a busy machine the copy may come later than the renderer waits for it. */
static int
export_fence(struct guest *guest, uint64_t id)
{
    enum rnd_result result = RND_INVALID;
    int fd = -2;
    for (int tries = 0; result != RND_OK && tries < 400; tries++) {
        result = rnd_context_export_fence(guest->context, TIMELINE, id, &fd);
    }
    assert_int_equal(result, RND_OK);
    return fd;
}

static bool
has_signaled(int fd, int timeout_ms)
{
    struct pollfd file = {.fd = fd, .events = POLLIN};
    return poll(&file, 1, timeout_ms) == 1;
}

/* --- */

TEST(the_first_fence_that_is_asked_for_is_stood_in_for)
{
    struct guest guest;
    struct gate gate;
    begin(&guest);
    close_gate(&guest, &gate);
    submit(&guest, &gate);
    add_fence(&guest, 7);
    assert_int_equal(atomic_load(&exportable_count), 0); /* nobody has asked so far */
    int fd = export_fence(&guest, 7);
    assert_true(fd >= 0);
    assert_int_equal(atomic_load(&exportable_count), 1);
    assert_false(has_signaled(fd, 0));
    open_gate(&guest, &gate);
    assert_true(has_signaled(fd, LIMIT_MS));
    guest_wait_retired(&guest, 1);
    assert_int_equal(guest.retired[0], 7);
    close(fd);
    end(&guest);
}

TEST(later_ones_are_copied_wherever_they_are)
{
    struct guest guest;
    struct gate gate;
    begin(&guest);
    close_gate(&guest, &gate);
    submit(&guest, &gate);
    add_fence(&guest, 1);
    submit(&guest, &gate);
    int fd = -2;
    assert_int_equal(rnd_context_export_fence(guest.context, TIMELINE, 1, &fd), RND_INVALID);
    assert_int_equal(fd, -2); /* something follows it */

    add_fence(&guest, 2);
    submit(&guest, &gate);
    add_fence(&guest, 3);
    fd = export_fence(&guest, 2);
    int again = export_fence(&guest, 2), last = export_fence(&guest, 3);
    assert_int_equal(atomic_load(&copy_count), 2);
    assert_false(has_signaled(fd, 0));
    open_gate(&guest, &gate);
    assert_true(has_signaled(fd, LIMIT_MS) && has_signaled(again, LIMIT_MS) &&
                has_signaled(last, LIMIT_MS));
    guest_wait_retired(&guest, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(guest.retired[i], i + 1);
    }
    close(fd);
    close(again);
    close(last);
    end(&guest);
}

TEST(a_fence_that_has_retired_has_signalled)
{
    struct guest guest;
    begin(&guest);
    add_fence(&guest, 5);
    guest_wait_retired(&guest, 1);
    /* The callback comes a moment before the fence is forgotten, and its copy would do, too. */
    int fd = export_fence(&guest, 5);
    assert_true(fd == -1 || has_signaled(fd, LIMIT_MS));
    if (fd != -1) {
        close(fd);
    }
    end(&guest);
}

/* Of a fence that depends on what is not submitted yet. */
TEST(who_asks_does_not_wait_until_the_host_can_copy)
{
    struct guest guest;
    struct gate gate;
    int fd = -2;
    begin(&guest);
    assert_int_equal(pipe2(held_back, O_CLOEXEC), 0);
    close_gate(&guest, &gate);
    submit(&guest, &gate);
    add_fence(&guest, 1);
    assert_int_equal(rnd_context_export_fence(guest.context, TIMELINE, 1, &fd), RND_INVALID);
    assert_int_equal(write(held_back[1], "x", 1), 1);
    open_gate(&guest, &gate);
    guest_wait_retired(&guest, 1);
    end(&guest);
    close(held_back[0]);
    close(held_back[1]);
}

TEST(a_host_without_sync_files_gives_none)
{
    struct guest guest;
    int fd = -2;
    begin(&guest);
    queue_of(&guest)->device->physical_device->exports_sync_files = false;
    add_fence(&guest, 1);
    assert_int_equal(rnd_context_export_fence(guest.context, TIMELINE, 1, &fd), RND_INVALID);
    assert_int_equal(rnd_context_export_fence(guest.context, TIMELINE + 1, 1, &fd), RND_INVALID);
    guest_wait_retired(&guest, 1);
    end(&guest);
}
