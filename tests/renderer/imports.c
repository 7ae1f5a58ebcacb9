/* Imports of payloads that have signalled already, as Mesa's driver makes them, on a host that has
 * no sync files or has. */
#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

enum {
    ROUNDS = 3,
};

static void
import_signaled(struct guest *guest, VkSemaphore semaphore)
{
    VkImportSemaphoreResourceInfoMESA info = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_RESOURCE_INFO_MESA,
        .semaphore = semaphore,
    };
    GUEST_SEND(guest, vkImportSemaphoreResourceMESA, GUEST_DEVICE(guest), &info);
    guest_assert_alive(guest);
}

/* Beside a wait that stays: a timeline's, for a value that it has. */
TEST(a_wait_for_an_imported_payload_is_over_at_once_and_takes_it)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    struct proto_object objects[] = {{.id = 900}, {.id = 901}, {.id = 902}};
    VkSemaphore binary = GUEST_HANDLE(VkSemaphore, &objects[0]);
    VkSemaphore timeline = GUEST_HANDLE(VkSemaphore, &objects[1]);
    VkFence fence = GUEST_HANDLE(VkFence, &objects[2]);
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
        .initialValue = 5,
    };
    VkSemaphoreCreateInfo binary_info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    VkSemaphoreCreateInfo timeline_info = binary_info;
    VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    timeline_info.pNext = &type;
    GUEST_SEND(&guest, vkCreateSemaphore, GUEST_DEVICE(&guest), &binary_info, NULL, &binary);
    GUEST_SEND(&guest, vkCreateSemaphore, GUEST_DEVICE(&guest), &timeline_info, NULL, &timeline);
    GUEST_SEND(&guest, vkCreateFence, GUEST_DEVICE(&guest), &fence_info, NULL, &fence);

    const VkSemaphore waits[] = {binary, timeline};
    const uint64_t wait_values[] = {0, 5};
    const VkPipelineStageFlags stages[] = {VK_PIPELINE_STAGE_TRANSFER_BIT,
                                           VK_PIPELINE_STAGE_ALL_COMMANDS_BIT};
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 2,
        .pWaitSemaphoreValues = wait_values,
    };
    const VkSubmitInfo wait = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 2,
        .pWaitSemaphores = waits,
        .pWaitDstStageMask = stages,
    };
    const VkSubmitInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &binary,
    };
    for (unsigned i = 0; i < ROUNDS; i++) {
        import_signaled(&guest, binary);
        GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 1, &wait, fence);
        GUEST_ASK(&guest, vkWaitForFences, GUEST_DEVICE(&guest), 1, &fence, VK_TRUE, UINT64_MAX);
        GUEST_SEND(&guest, vkResetFences, GUEST_DEVICE(&guest), 1, &fence);
        guest_assert_alive(&guest);

        /* The semaphore has its own payload again, which the host knows. */
        GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 1, &signal, VK_NULL_HANDLE);
        GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 1, &wait, fence);
        GUEST_ASK(&guest, vkWaitForFences, GUEST_DEVICE(&guest), 1, &fence, VK_TRUE, UINT64_MAX);
        GUEST_SEND(&guest, vkResetFences, GUEST_DEVICE(&guest), 1, &fence);
        guest_assert_alive(&guest);
    }
    guest_end(&guest);
}
