/* What a hostile guest does with two streams at once: its context may end, we may not. */
#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

enum {
    ROUNDS = 20,
    FENCES = 8,
};

static VkSyncFeedbackInfoVESPER feedback = {
    .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
    .resourceId = GUEST_REPLY_RESOURCE,
    .offset = 4096,
};

static void
create_and_submit(struct guest *guest, struct proto_object *object)
{
    VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .pNext = &feedback};
    VkFence fence = GUEST_HANDLE(VkFence, object);
    GUEST_SEND(guest, vkCreateFence, GUEST_DEVICE(guest), &info, NULL, &fence);
    GUEST_SEND(guest, vkQueueSubmit, GUEST_QUEUE(guest), 0, NULL, fence);
}

/* The ring destroys each fence while this stream submits it again and again. */
TEST(a_fence_may_be_destroyed_while_another_ring_submits_it)
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
            create_and_submit(&guest, &object);
            GUEST_ENCODE(size, &guest, bytes, 0, vkDestroyFence, GUEST_DEVICE(&guest), fence, NULL);
            guest_write_ring(&guest, bytes, size);
            GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 0, NULL, fence);
        }
        guest_end(&guest);
    }
}
