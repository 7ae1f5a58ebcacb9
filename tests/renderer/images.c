/* Images whose binding asks something of a queue. */
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

enum {
    IMAGE_ID = 200,
    MEMORY_ID = 201,
    SEMAPHORE_ID = 202,
    MEMORY_SIZE = 1 << 16,
};

static uint32_t
find_mappable_type(struct guest *guest)
{
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkPhysicalDeviceMemoryProperties properties;
    VkPhysicalDevice physical_device =
        GUEST_HANDLE(VkPhysicalDevice, &guest->objects.physical_device);
    GUEST_ASK(guest, vkGetPhysicalDeviceMemoryProperties, physical_device, &properties);
    struct wire_reader reply = wire_reader_over(guest->reply, GUEST_MEMORY_SIZE);
    (void)proto_decode_reply_vkGetPhysicalDeviceMemoryProperties(&reply, physical_device,
                                                                 &properties);
    for (uint32_t i = 0; i < properties.memoryTypeCount; i++) {
        if ((properties.memoryTypes[i].propertyFlags & wanted) == wanted) {
            return i;
        }
    }
    fail_msg("no memory type is mappable");
    return 0;
}

/* The queue waits for 1. */
static void
block_queue(struct guest *guest, VkSemaphore semaphore)
{
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    GUEST_SEND(guest, vkCreateSemaphore, GUEST_DEVICE(guest), &info, NULL, &semaphore);

    const uint64_t value = 1;
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    const VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = &value,
    };
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &semaphore,
        .pWaitDstStageMask = &stage,
    };
    GUEST_SEND(guest, vkQueueSubmit, GUEST_QUEUE(guest), 1, &submit, VK_NULL_HANDLE);
}

static void
create_preinitialized(struct guest *guest, VkImage image)
{
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {4, 4, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_LINEAR,
        .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
        .initialLayout = VK_IMAGE_LAYOUT_PREINITIALIZED,
    };
    GUEST_SEND(guest, vkCreateImage, GUEST_DEVICE(guest), &info, NULL, &image);
}

static void
allocate(struct guest *guest, VkDeviceMemory memory)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = MEMORY_SIZE,
        .memoryTypeIndex = find_mappable_type(guest),
    };
    GUEST_ASK(guest, vkAllocateMemory, GUEST_DEVICE(guest), &info, NULL, &memory);
    assert_int_equal(guest_result(guest), VK_SUCCESS);
}

/* Everything happens on one thread, so a bind that waited for the queue would never return. */
TEST(binding_returns_while_its_queue_waits_for_the_guest)
{
    struct proto_object objects[] = {{.id = IMAGE_ID}, {.id = MEMORY_ID}, {.id = SEMAPHORE_ID}};
    VkImage image = GUEST_HANDLE(VkImage, &objects[0]);
    VkDeviceMemory memory = GUEST_HANDLE(VkDeviceMemory, &objects[1]);
    VkSemaphore semaphore = GUEST_HANDLE(VkSemaphore, &objects[2]);
    struct guest guest;
    guest_begin_with_device(&guest);
    block_queue(&guest, semaphore);
    allocate(&guest, memory);
    for (unsigned i = 0; i < 3; i++) { /* the same id again: the host's image may live on */
        create_preinitialized(&guest, image);
        GUEST_ASK(&guest, vkBindImageMemory, GUEST_DEVICE(&guest), image, memory, 0);
        assert_int_equal(guest_result(&guest), VK_SUCCESS);
        GUEST_SEND(&guest, vkDestroyImage, GUEST_DEVICE(&guest), image, NULL);
    }
    const VkSemaphoreSignalInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = semaphore,
        .value = 1,
    };
    GUEST_SEND(&guest, vkSignalSemaphore, GUEST_DEVICE(&guest), &signal);
    guest_assert_alive(&guest);
    guest_end(&guest);
}
