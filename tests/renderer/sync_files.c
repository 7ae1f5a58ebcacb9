/* Fences of the server's that leave as sync files of a kernel, on a host driver that makes such:
 * skipped on any other. fences.c has the rest, on a stand-in.
 *
 * tests/vm runs it in a guest, where our own driver is the host's and virtio-gpu's kernel driver
 * gives the files. */
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
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
    TRIES = 400, /* each waits for the host's copy a moment */
    ROUNDS = 20,
    FIRST_ID = 800, /* of objects */
};

static void
begin(struct guest *guest)
{
    guest_begin_with_device(guest);
    if (!guest->context->timelines.queues[TIMELINE]->device->physical_device->exports_sync_files) {
        guest_end(guest);
        skip();
    }
}

/* What is on the GPU and stays there until the event is set: no driver knows when that will be. */
struct work {
    struct proto_object event_object, pool_object, commands_object;
    VkEvent event;
    VkCommandBuffer commands;
};

static void
submit_work(struct guest *guest, uint64_t id, struct work *work)
{
    VkDevice device = GUEST_DEVICE(guest);
    const VkEventCreateInfo event_info = {.sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO};
    const VkCommandPoolCreateInfo pool_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    };
    *work = (struct work){
        .event_object = {.id = id, .type = VK_OBJECT_TYPE_EVENT},
        .pool_object = {.id = id + 1, .type = VK_OBJECT_TYPE_COMMAND_POOL},
        .commands_object = {.id = id + 2, .type = VK_OBJECT_TYPE_COMMAND_BUFFER},
    };
    VkCommandPool pool = GUEST_HANDLE(VkCommandPool, &work->pool_object);
    work->event = GUEST_HANDLE(VkEvent, &work->event_object);
    work->commands = GUEST_HANDLE(VkCommandBuffer, &work->commands_object);
    GUEST_SEND(guest, vkCreateEvent, device, &event_info, NULL, &work->event);
    GUEST_SEND(guest, vkCreateCommandPool, device, &pool_info, NULL, &pool);
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .commandBufferCount = 1,
        .pCommandBuffers = &work->commands,
    };
    GUEST_SEND(guest, vkAllocateCommandBuffers, device, &allocate, &work->commands);
    GUEST_SEND(guest, vkBeginCommandBuffer, work->commands, &begin_info);
    GUEST_SEND(guest, vkCmdWaitEvents, work->commands, 1, &work->event, VK_PIPELINE_STAGE_HOST_BIT,
               VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, NULL, 0, NULL, 0, NULL);
    GUEST_SEND(guest, vkEndCommandBuffer, work->commands);
    GUEST_SEND(guest, vkQueueSubmit, GUEST_QUEUE(guest), 1, &submit, VK_NULL_HANDLE);
    guest_assert_alive(guest);
}

/* -1: it has retired meanwhile. */
static int
export_fence(struct guest *guest, uint64_t id)
{
    enum rnd_result result = RND_INVALID;
    int fd = -1;
    assert_int_equal(rnd_context_create_fence(guest->context, TIMELINE, id), RND_OK);
    for (int tries = 0; result != RND_OK && tries < TRIES; tries++) {
        result = rnd_context_export_fence(guest->context, TIMELINE, id, &fd);
    }
    assert_int_equal(result, RND_OK);
    return fd;
}

/* The kernel's own word for it: 0 pending, 1 signalled. */
static int
status_of(int fd)
{
    struct sync_file_info info = {0};
    assert_int_equal(ioctl(fd, SYNC_IOC_FILE_INFO, &info), 0);
    return info.status;
}

static bool
is_readable(int fd, int timeout_ms)
{
    struct pollfd file = {.fd = fd, .events = POLLIN};
    return poll(&file, 1, timeout_ms) == 1;
}

static bool
is_pending(int fd)
{
    return fd != -1 && status_of(fd) == 0 && !is_readable(fd, 0);
}

static void
assert_signals(int fd)
{
    if (fd != -1) {
        assert_true(is_readable(fd, LIMIT_MS));
        assert_int_equal(status_of(fd), 1);
        close(fd);
    }
}

/* Whether the files were pending while the work was under way; that they signal after it is
 * asserted. The first fence of all is asked for when none has been copied so far. */
static bool
see_files(struct guest *guest, unsigned round)
{
    struct work work;
    submit_work(guest, FIRST_ID + 3 * round, &work);
    int first = export_fence(guest, 2 * round + 1);
    int second = export_fence(guest, 2 * round + 2);
    bool pending = is_pending(first) && is_pending(second);
    GUEST_SEND(guest, vkSetEvent, GUEST_DEVICE(guest), work.event);
    guest_assert_alive(guest);
    assert_signals(first);
    assert_signals(second);
    guest_wait_retired(guest, 2 * round + 2);
    return pending;
}

/* QEMU 10.0 waits a second for what is under way, no longer: on a busy host the files of a guest's
 * kernel may have signalled before they are looked at, and then another round is asked. */
TEST(a_fence_of_work_under_way_leaves_as_a_pending_sync_file)
{
    struct guest guest;
    bool pending = false;
    begin(&guest);
    for (unsigned round = 0; round < ROUNDS && !pending; round++) {
        pending = see_files(&guest, round);
    }
    assert_true(pending);
    guest_end(&guest);
}
