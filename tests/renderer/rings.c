/* What a hostile guest does with two streams at once: its context may end, we may not. */
#include <sys/mman.h>

#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

enum {
    ROUNDS = 20,
    FENCES = 8,
    FEEDBACK_RESOURCE = 77,
    FEEDBACK_SIZE = 8192,
};

static VkSyncFeedbackInfoVESPER feedback = {
    .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
    .resourceId = GUEST_REPLY_RESOURCE,
    .offset = 4096,
};

static void
create_and_submit(struct guest *guest, struct proto_object *object, const void *chain)
{
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .pNext = chain};
    VkFence fence = GUEST_HANDLE(VkFence, object);
    GUEST_SEND(guest, vkCreateFence, GUEST_DEVICE(guest), &info, NULL, &fence);
    GUEST_SEND(guest, vkQueueSubmit, GUEST_QUEUE(guest), 0, NULL, fence);
}

/* The ring destroys each fence while this stream submits it again, pending or signalled. Where the
 * host's driver were let do it, it would use the fence after its end. */
static void
submit_what_another_ring_destroys(const void *chain)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct guest guest;
        guest_begin_with_device(&guest);
        guest_start_ring(&guest, true);
        for (unsigned i = 0; i < FENCES; i++) {
            struct proto_object object = {.id = 900 + i};
            VkFence fence = GUEST_HANDLE(VkFence, &object);
            uint8_t bytes[256];
            size_t size;
            create_and_submit(&guest, &object, chain);
            GUEST_ENCODE(size, &guest, bytes, 0, vkDestroyFence, GUEST_DEVICE(&guest), fence, NULL);
            guest_write_ring(&guest, bytes, size);
            GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 0, NULL, fence);
        }
        guest_end(&guest);
    }
}

TEST(a_watched_fence_may_be_destroyed_while_another_ring_submits_it)
{
    submit_what_another_ring_destroys(&feedback);
}

TEST(a_signalled_fence_is_reset_before_it_is_submitted)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    uint8_t *page = guest_create_memory(&guest, FEEDBACK_RESOURCE, FEEDBACK_SIZE);
    VkSyncFeedbackInfoVESPER own = feedback; /* replies are read while it is written */
    own.resourceId = FEEDBACK_RESOURCE;
    struct proto_object object = {.id = 900};
    VkFence fence = GUEST_HANDLE(VkFence, &object);
    VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = &own,
        .flags = VK_FENCE_CREATE_SIGNALED_BIT,
    };
    GUEST_SEND(&guest, vkCreateFence, GUEST_DEVICE(&guest), &info, NULL, &fence);
    for (unsigned i = 0; i < FENCES; i++) {
        GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 0, NULL, fence);
        GUEST_ASK(&guest, vkWaitForFences, GUEST_DEVICE(&guest), 1, &fence, VK_TRUE, UINT64_MAX);
        guest_assert_alive(&guest);
    }
    GUEST_SEND(&guest, vkDestroyFence, GUEST_DEVICE(&guest), fence, NULL);
    guest_assert_alive(&guest);
    guest_end(&guest);
    munmap(page, FEEDBACK_SIZE);
}
