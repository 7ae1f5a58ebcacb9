/* What a guest may do, right and wrong, with Vulkan objects on a real host driver. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

static const VkFenceCreateInfo fence_info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};

static void
create_fence(struct guest *guest, uint64_t id, const void *next)
{
    VkFenceCreateInfo info = fence_info;
    info.pNext = next;
    struct proto_object object = {.id = id};
    VkFence fence = GUEST_HANDLE(VkFence, &object);
    GUEST_SEND(guest, vkCreateFence, GUEST_DEVICE(guest), &info, NULL, &fence);
}

static void
destroy_fence(struct guest *guest, uint64_t id)
{
    struct proto_object object = {.id = id};
    VkFence fence = id ? GUEST_HANDLE(VkFence, &object) : VK_NULL_HANDLE;
    GUEST_SEND(guest, vkDestroyFence, GUEST_DEVICE(guest), fence, NULL);
}

/* One wrong thing on a fresh device. */
#define WRONG(words, ...)                                                                          \
    do {                                                                                           \
        struct guest guest;                                                                        \
        guest_begin_with_device(&guest);                                                           \
        __VA_ARGS__;                                                                               \
        guest_assert_fatal(&guest, words);                                                         \
        guest_end(&guest);                                                                         \
    } while (0)

TEST(ids_are_new_known_and_of_the_right_type)
{
    WRONG("id 0", create_fence(&guest, 0, NULL));
    WRONG("in use", create_fence(&guest, 200, NULL); create_fence(&guest, 200, NULL));
    WRONG("in use", create_fence(&guest, guest.objects.device.id, NULL));
    WRONG("300", destroy_fence(&guest, 300));
    WRONG("is a queue", destroy_fence(&guest, guest.objects.queue.id));
    WRONG("200", create_fence(&guest, 200, NULL); destroy_fence(&guest, 200);
          destroy_fence(&guest, 200));
}

TEST(ids_can_be_used_again_and_null_is_ignored)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    for (unsigned i = 0; i < 3000; i++) {
        create_fence(&guest, 200, NULL);
        destroy_fence(&guest, 200);
    }
    destroy_fence(&guest, 0);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(one_instance_and_one_name_for_each_thing)
{
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    struct proto_object other = {.id = 500};
    VkInstance instance = GUEST_HANDLE(VkInstance, &other);
    VkPhysicalDevice physical_device = GUEST_HANDLE(VkPhysicalDevice, &other);
    VkQueue queue = GUEST_HANDLE(VkQueue, &other);
    VkDeviceQueueTimelineInfoMESA timeline = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA,
        .ringIdx = 2,
    };
    VkDeviceQueueInfo2 queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
        .pNext = &timeline,
    };
    uint32_t count = 1;
    WRONG("already", GUEST_SEND(&guest, vkCreateInstance, &info, NULL, &instance));
    WRONG("another id",
          GUEST_SEND(&guest, vkEnumeratePhysicalDevices,
                     GUEST_HANDLE(VkInstance, &guest.objects.instance), &count, &physical_device));
    WRONG("timeline 2",
          GUEST_SEND(&guest, vkGetDeviceQueue2, GUEST_DEVICE(&guest), &queue_info, &queue));
    queue_info.queueIndex = 7;
    WRONG("no queue 7",
          GUEST_SEND(&guest, vkGetDeviceQueue2, GUEST_DEVICE(&guest), &queue_info, &queue));
    queue_info.pNext = NULL;
    WRONG("missing",
          GUEST_SEND(&guest, vkGetDeviceQueue2, GUEST_DEVICE(&guest), &queue_info, &queue));
}

TEST(functions_of_extensions_that_are_not_enabled_are_fatal_and_no_crash)
{
    struct proto_object object = {.id = 200};
    VkSemaphore semaphore = GUEST_HANDLE(VkSemaphore, &object);
    VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
    WRONG("no such function",
          GUEST_SEND(&guest, vkCreateSemaphore, GUEST_DEVICE(&guest), &info, NULL, &semaphore);
          GUEST_SEND(&guest, vkWaitSemaphoreResourceMESA, GUEST_DEVICE(&guest), semaphore));
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandPool pool = GUEST_HANDLE(VkCommandPool, &object);
    VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 1,
    };
    struct proto_object buffer_object = {.id = 201};
    VkCommandBuffer buffer = GUEST_HANDLE(VkCommandBuffer, &buffer_object);
    WRONG("no such function",
          GUEST_SEND(&guest, vkCreateCommandPool, GUEST_DEVICE(&guest), &pool_info, NULL, &pool);
          GUEST_SEND(&guest, vkAllocateCommandBuffers, GUEST_DEVICE(&guest), &allocate, &buffer);
          GUEST_SEND(&guest, vkCmdTraceRaysIndirect2KHR, buffer, 0));
}

/* --- pools --- */

static VkResult
create_second_device(struct guest *guest, const char *extension)
{
    const float priority = 1;
    VkPhysicalDevice physical_device =
        GUEST_HANDLE(VkPhysicalDevice, &guest->objects.physical_device);
    VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
        .enabledExtensionCount = 1,
        .ppEnabledExtensionNames = &extension,
    };
    struct proto_object object = {.id = 500};
    VkDevice device = GUEST_HANDLE(VkDevice, &object);
    GUEST_ASK(guest, vkCreateDevice, physical_device, &info, NULL, &device);
    guest_assert_alive(guest);
    VkResult result = guest_result(guest);
    if (result == VK_SUCCESS) {
        GUEST_SEND(guest, vkDestroyDevice, device, NULL);
        guest_assert_alive(guest);
    }
    return result;
}

TEST(extensions_of_drivers_themselves_may_be_enabled_though_not_offered)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    const char *const own[] = {"VK_KHR_deferred_host_operations", "VK_KHR_map_memory2",
                               "VK_EXT_tooling_info"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        assert_int_equal(create_second_device(&guest, own[i]), VK_SUCCESS);
    }
    assert_int_equal(create_second_device(&guest, "VK_EXT_external_memory_host"),
                     VK_ERROR_EXTENSION_NOT_PRESENT);
    guest_end(&guest);
}

TEST(pools_take_their_children_with_them)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    struct proto_object pool_object = {.id = 200};
    struct proto_object buffers[] = {{.id = 201}, {.id = 202}};
    VkCommandPool pool = GUEST_HANDLE(VkCommandPool, &pool_object);
    VkCommandBuffer handles[] = {GUEST_HANDLE(VkCommandBuffer, &buffers[0]),
                                 GUEST_HANDLE(VkCommandBuffer, &buffers[1])};
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 2,
    };
    for (unsigned i = 0; i < 3; i++) {
        GUEST_SEND(&guest, vkCreateCommandPool, GUEST_DEVICE(&guest), &pool_info, NULL, &pool);
        GUEST_SEND(&guest, vkAllocateCommandBuffers, GUEST_DEVICE(&guest), &info, handles);
        GUEST_SEND(&guest, vkDestroyCommandPool, GUEST_DEVICE(&guest), pool, NULL);
        guest_assert_alive(&guest);
    }
    GUEST_SEND(&guest, vkResetCommandBuffer, handles[0], 0);
    guest_assert_fatal(&guest, "201");
    guest_end(&guest);
}

TEST(an_id_twice_in_one_array_is_fatal)
{
    struct proto_object pool_object = {.id = 200}, buffer = {.id = 201};
    VkCommandPool pool = GUEST_HANDLE(VkCommandPool, &pool_object);
    VkCommandBuffer handles[] = {GUEST_HANDLE(VkCommandBuffer, &buffer),
                                 GUEST_HANDLE(VkCommandBuffer, &buffer)};
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 2,
    };
    WRONG("twice",
          GUEST_SEND(&guest, vkCreateCommandPool, GUEST_DEVICE(&guest), &pool_info, NULL, &pool);
          GUEST_SEND(&guest, vkAllocateCommandBuffers, GUEST_DEVICE(&guest), &info, handles));
}

/* --- memory --- */

#define MAPPABLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

TEST(mapped_memory_is_handed_out_once_and_outlives_the_object)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    guest_begin_with_device(&guest);
    assert_int_equal(
        guest_allocate(&guest, 200, guest_find_memory_type(&guest, MAPPABLE, 0), 5000, NULL),
        VK_SUCCESS);
    assert_int_equal(
        rnd_context_create_blob(guest.context, 9, 200, 1 << 20, RND_BLOB_MAPPABLE, &blob),
        RND_INVALID); /* larger than the allocation */
    assert_int_equal(rnd_context_create_blob(guest.context, 9, 200, 5000, RND_BLOB_MAPPABLE, &blob),
                     RND_OK);
    uint8_t *map = base_fd_map(blob.fd, 5000);
    base_fd_close(&blob.fd);
    assert_int_equal(
        rnd_context_create_blob(guest.context, 10, 200, 5000, RND_BLOB_MAPPABLE, &blob),
        RND_INVALID);
    guest_free(&guest, 200);
    guest_assert_alive(&guest);
    map[4999] = 1;
    base_fd_unmap(map, 5000);
    rnd_context_unref_resource(guest.context, 9);
    guest_end(&guest);
}

/* Bytes of their own have only those types that such commands are for. */
TEST(memory_that_is_not_mapped_in_copies_is_neither_written_nor_read)
{
    for (int reads = 0; reads < 2; reads++) {
        struct guest guest;
        struct proto_object object = {.id = 200};
        VkDeviceMemory memory = GUEST_HANDLE(VkDeviceMemory, &object);
        uint8_t bytes[4] = {0};
        guest_begin_with_device(&guest);
        assert_int_equal(
            guest_allocate(&guest, 200, guest_find_memory_type(&guest, MAPPABLE, 0), 4096, NULL),
            VK_SUCCESS);
        if (reads) {
            GUEST_ASK(&guest, vkReadMemoryVESPER, GUEST_DEVICE(&guest), memory, 0, sizeof(bytes),
                      bytes);
        } else {
            GUEST_SEND(&guest, vkWriteMemoryVESPER, GUEST_DEVICE(&guest), memory, 0, sizeof(bytes),
                       bytes);
        }
        guest_assert_fatal(&guest, "names no memory that is mapped in copies");
        guest_end(&guest);
    }
}

TEST(device_memory_cannot_be_mapped_but_exported)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
    };
    guest_begin_with_device(&guest);
    uint32_t type = guest_find_memory_type(&guest, 0, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
    assert_int_equal(guest_allocate(&guest, 200, type, 4096, NULL), VK_SUCCESS);
    assert_int_equal(rnd_context_create_blob(guest.context, 9, 200, 4096, RND_BLOB_MAPPABLE, &blob),
                     RND_INVALID);
    assert_int_equal(
        rnd_context_create_blob(guest.context, 9, 200, 4096, RND_BLOB_SHAREABLE, &blob),
        RND_INVALID);
    assert_int_equal(guest_allocate(&guest, 201, type, 4096, &export), VK_SUCCESS);
    assert_int_equal(rnd_context_create_blob(guest.context, 9, 201, 4096, RND_BLOB_MAPPABLE, &blob),
                     RND_INVALID);
    assert_int_equal(
        rnd_context_create_blob(guest.context, 9, 201, 4096, RND_BLOB_SHAREABLE, &blob), RND_OK);
    base_fd_close(&blob.fd);
    export.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_WIN32_BIT;
    assert_int_equal(guest_allocate(&guest, 202, type, 4096, &export),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

static enum rnd_result
import_opaque(struct guest *guest, uint32_t resource_id, int fd, uint64_t size)
{
    const struct rnd_fd memory = {.kind = RND_FD_OPAQUE, .fd = fd, .size = size};
    return rnd_context_import(guest->context, resource_id, &memory);
}

TEST(what_was_exported_can_be_imported_by_descriptor)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
    };
    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = 10,
    };
    guest_begin_with_device(&guest);
    uint32_t type = guest_find_memory_type(&guest, MAPPABLE, 0);
    assert_int_equal(guest_allocate(&guest, 200, type, 8192, &export), VK_SUCCESS);
    assert_int_equal(
        rnd_context_create_blob(guest.context, 9, 200, 8192, RND_BLOB_SHAREABLE, &blob), RND_OK);
    assert_int_equal(import_opaque(&guest, 9, blob.fd, 8192), RND_INVALID); /* there is a 9 */
    assert_int_equal(import_opaque(&guest, 10, -1, 8192), RND_INVALID);
    assert_int_equal(import_opaque(&guest, 10, blob.fd, 0), RND_INVALID);
    assert_int_equal(import_opaque(&guest, 10, blob.fd, 8192), RND_OK);
    base_fd_close(&blob.fd);
    assert_int_equal(guest_allocate(&guest, 201, type, 8192, &import), VK_SUCCESS);
    assert_true(guest_allocate(&guest, 202, type, 1 << 20, &import) < 0);
    rnd_context_unref_resource(guest.context, 9);
    rnd_context_unref_resource(guest.context, 10);
    guest_free(&guest, 200);
    guest_free(&guest, 201);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

/* Whether memory of 8192 bytes is made of pages of `fd` from there on. */
static bool
imports_pages(struct guest *guest, uint32_t type, int fd, uint64_t offset)
{
    const struct rnd_fd pages = {
        .kind = RND_FD_SHARED_MEMORY,
        .fd = fd,
        .offset = offset,
        .size = 8192,
    };
    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = 10,
    };
    assert_int_equal(rnd_context_import(guest->context, 10, &pages), RND_OK);
    VkResult result = guest_allocate(guest, 200, type, 8192, &import);
    rnd_context_unref_resource(guest->context, 10);
    if (result == VK_SUCCESS) {
        guest_free(guest, 200);
    }
    return result == VK_SUCCESS;
}

TEST(pages_are_imported_from_wherever_they_lie_in_a_file)
{
    const uint64_t end = UINT64_C(1) << 40;
    struct guest guest;
    int file = base_fd_create_shared_memory("sparse", end);
    const struct rnd_fd opaque = {.kind = RND_FD_OPAQUE, .fd = file, .offset = 8192, .size = 8192};

    assert_true(file >= 0);
    guest_begin_with_device(&guest);
    uint32_t type = guest_find_memory_type(&guest, MAPPABLE, 0);
    bool possible = !getenv("VESPER_TEST_DMA_BUFS_ONLY"); /* that host imports no pages at all */
    assert_int_equal(imports_pages(&guest, type, file, 0), possible);
    assert_int_equal(imports_pages(&guest, type, file, end - 8192), possible);
    assert_false(imports_pages(&guest, type, file, end - 4096));
    assert_false(imports_pages(&guest, type, file, UINT64_MAX - 4095));
    assert_false(imports_pages(&guest, type, file, 100)); /* not a whole page */
    assert_int_equal(rnd_context_import(guest.context, 10, &opaque), RND_INVALID);
    base_fd_close(&file);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(allocations_that_cannot_be_are_vulkan_errors)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    uint32_t type = guest_find_memory_type(&guest, MAPPABLE, 0);
    assert_int_equal(guest_allocate(&guest, 200, 31, 4096, NULL), VK_ERROR_UNKNOWN);
    assert_true(guest_allocate(&guest, 200, type, UINT64_MAX, NULL) < 0);
    assert_true(guest_allocate(&guest, 200, type, UINT64_C(1) << 62, NULL) < 0);
    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = GUEST_REPLY_RESOURCE,
    };
    assert_int_equal(guest_allocate(&guest, 200, type, 4096, &import),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    guest_assert_alive(&guest);
    import.resourceId = 99;
    (void)guest_allocate(&guest, 200, type, 4096, &import);
    guest_assert_fatal(&guest, "resource 99");
    guest_end(&guest);
}

static enum rnd_fd_kind
expected_kind(void)
{
    return getenv("VESPER_TEST_DMA_BUFS_ONLY") ? RND_FD_DMA_BUF : RND_FD_SHARED_MEMORY;
}

TEST(a_memory_resource_can_be_imported_again)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    guest_begin_with_device(&guest);
    uint32_t type = guest_find_memory_type(&guest, MAPPABLE, 0);
    assert_int_equal(guest_allocate(&guest, 200, type, 8192, NULL), VK_SUCCESS);
    assert_int_equal(rnd_context_create_blob(guest.context, 9, 200, 8192, RND_BLOB_MAPPABLE, &blob),
                     RND_OK);
    assert_int_equal(blob.kind, expected_kind());
    assert_int_equal(blob.caching, RND_MAP_CACHED);
    base_fd_close(&blob.fd);
    VkMemoryResourcePropertiesMESA properties = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA,
    };
    GUEST_ASK(&guest, vkGetMemoryResourcePropertiesMESA, GUEST_DEVICE(&guest), 9, &properties);
    struct wire_reader reply = wire_reader_over(guest.reply, GUEST_MEMORY_SIZE);
    assert_int_equal(proto_decode_reply_vkGetMemoryResourcePropertiesMESA(
                         &reply, GUEST_DEVICE(&guest), 9, &properties),
                     VK_SUCCESS);
    assert_true(properties.memoryTypeBits >> type & 1);

    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = 9,
    };
    assert_int_equal(guest_allocate(&guest, 201, type, 8192, &import), VK_SUCCESS);
    assert_int_equal(guest_allocate(&guest, 202, type, 1 << 20, &import),
                     VK_ERROR_INVALID_EXTERNAL_HANDLE);
    rnd_context_unref_resource(guest.context, 9);
    guest_free(&guest, 200);
    guest_free(&guest, 201);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

static enum rnd_result
create_shared(struct guest *guest, uint32_t resource_id, uint64_t size)
{
    struct rnd_blob blob = {.fd = -1};
    enum rnd_result result =
        rnd_context_create_blob(guest->context, resource_id, 0, size, RND_BLOB_MAPPABLE, &blob);
    base_fd_close(&blob.fd);
    return result;
}

TEST(shared_memory_counts_as_long_as_anybody_holds_it)
{
    const uint64_t gigabyte = UINT64_C(1) << 30;
    VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = 20,
        .offset = 64,
    };
    struct guest guest;
    guest_begin_with_device(&guest);
    assert_int_equal(create_shared(&guest, 20, 3 * gigabyte), RND_OK);
    assert_int_equal(create_shared(&guest, 21, 2 * gigabyte), RND_NO_MEMORY);
    rnd_context_unref_resource(guest.context, 20);
    assert_int_equal(create_shared(&guest, 20, 3 * gigabyte), RND_OK);
    create_fence(&guest, 200, &feedback);
    rnd_context_unref_resource(guest.context, 20);
    assert_int_equal(create_shared(&guest, 21, 2 * gigabyte), RND_NO_MEMORY);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

/* --- waiting --- */

static void
submit_nothing(struct guest *guest, uint64_t fence_id)
{
    struct proto_object object = {.id = fence_id};
    GUEST_SEND(guest, vkQueueSubmit, GUEST_QUEUE(guest), 0, NULL, GUEST_HANDLE(VkFence, &object));
}

static bool
slot_reaches(_Atomic uint64_t *slot, uint64_t value)
{
    uint64_t until = base_clock_deadline_ns(UINT64_C(10000000000));
    while (atomic_load(slot) < value) {
        if (base_clock_now_ns() > until) {
            return false;
        }
    }
    return true;
}

TEST(fences_with_feedback_count_their_submissions)
{
    struct guest guest;
    VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = 5,
        .offset = 64,
    };
    struct proto_object object = {.id = 200};
    VkFence fence = GUEST_HANDLE(VkFence, &object);
    guest_begin_with_device(&guest);
    uint8_t *page = guest_create_memory(&guest, 5, 4096);
    create_fence(&guest, 200, &feedback);
    for (uint64_t i = 1; i <= 50; i++) {
        submit_nothing(&guest, 200);
        guest_assert_alive(&guest);
        assert_true(slot_reaches((_Atomic uint64_t *)(page + 64), i));
        GUEST_SEND(&guest, vkResetFences, GUEST_DEVICE(&guest), 1, &fence);
    }
    assert_int_equal(*(uint32_t *)page, 50); /* the generation */
    submit_nothing(&guest, 200);
    destroy_fence(&guest, 200);
    guest_assert_alive(&guest);
    assert_int_equal(*(uint64_t *)(page + 64), 51); /* destroyed after it was published */
    base_fd_unmap(page, 4096);
    guest_end(&guest);
}

TEST(feedback_slots_lie_behind_the_header_and_in_the_memory)
{
    VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = GUEST_REPLY_RESOURCE,
    };
    const size_t wrong[] = {0, 56, 65, 68, GUEST_MEMORY_SIZE, GUEST_MEMORY_SIZE - 4, SIZE_MAX - 7};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        feedback.offset = wrong[i];
        WRONG("slot", create_fence(&guest, 200, &feedback));
    }
    feedback.offset = 64;
    feedback.resourceId = 99;
    WRONG("99", create_fence(&guest, 200, &feedback));
}

TEST(timeline_semaphores_are_published_from_both_sides)
{
    struct guest guest;
    VkSyncFeedbackInfoVESPER feedback = {
        .sType = VK_STRUCTURE_TYPE_SYNC_FEEDBACK_INFO_VESPER,
        .resourceId = 5,
        .offset = 72,
    };
    VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .pNext = &feedback,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    VkSemaphoreCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &type,
    };
    struct proto_object object = {.id = 200};
    VkSemaphore semaphore = GUEST_HANDLE(VkSemaphore, &object);
    guest_begin_with_device(&guest);
    uint8_t *page = guest_create_memory(&guest, 5, 4096);
    _Atomic uint64_t *slot = (_Atomic uint64_t *)(page + 72);
    GUEST_SEND(&guest, vkCreateSemaphore, GUEST_DEVICE(&guest), &info, NULL, &semaphore);

    VkSemaphoreSignalInfo signal = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
        .semaphore = semaphore,
        .value = 3,
    };
    GUEST_SEND(&guest, vkSignalSemaphore, GUEST_DEVICE(&guest), &signal);
    guest_assert_alive(&guest);
    assert_int_equal(atomic_load(slot), 3);

    const uint64_t value = 10;
    VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value,
    };
    VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &semaphore,
    };
    GUEST_SEND(&guest, vkQueueSubmit, GUEST_QUEUE(&guest), 1, &submit, VK_NULL_HANDLE);
    guest_assert_alive(&guest);
    assert_true(slot_reaches(slot, 10));
    GUEST_SEND(&guest, vkDestroySemaphore, GUEST_DEVICE(&guest), semaphore, NULL);
    guest_assert_alive(&guest);
    base_fd_unmap(page, 4096);
    guest_end(&guest);
}

TEST(fences_of_a_timeline_retire_in_order)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    for (uint64_t i = 0; i < GUEST_MAX_RETIRED; i++) {
        assert_int_equal(rnd_context_create_fence(guest.context, 1, 1000 + i), RND_OK);
    }
    guest_wait_retired(&guest, GUEST_MAX_RETIRED);
    for (uint64_t i = 0; i < GUEST_MAX_RETIRED; i++) {
        assert_int_equal(guest.retired[i], 1000 + i);
    }
    guest_end(&guest);
}

/* --- the end --- */

static void
leave_things_behind(struct guest *guest)
{
    struct proto_object pool_object = {.id = 301}, command_object = {.id = 302},
                        buffer_object = {.id = 303};
    VkCommandPool pool = GUEST_HANDLE(VkCommandPool, &pool_object);
    VkCommandBuffer commands = GUEST_HANDLE(VkCommandBuffer, &command_object);
    VkBuffer buffer = GUEST_HANDLE(VkBuffer, &buffer_object);
    VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandBufferAllocateInfo allocate_info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .commandBufferCount = 1,
    };
    VkBufferCreateInfo buffer_info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = 4096,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
    };
    create_fence(guest, 300, NULL);
    GUEST_SEND(guest, vkCreateCommandPool, GUEST_DEVICE(guest), &pool_info, NULL, &pool);
    GUEST_SEND(guest, vkAllocateCommandBuffers, GUEST_DEVICE(guest), &allocate_info, &commands);
    GUEST_SEND(guest, vkCreateBuffer, GUEST_DEVICE(guest), &buffer_info, NULL, &buffer);
    assert_int_equal(
        guest_allocate(guest, 304, guest_find_memory_type(guest, MAPPABLE, 0), 65536, NULL),
        VK_SUCCESS);
    submit_nothing(guest, 300);
    guest_assert_alive(guest);
}

TEST(what_a_guest_leaves_behind_goes_with_its_device)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    leave_things_behind(&guest);
    GUEST_SEND(&guest, vkDestroyDevice, GUEST_DEVICE(&guest), NULL);
    guest_assert_alive(&guest);
    assert_int_equal(rnd_context_create_fence(guest.context, 1, 1), RND_INVALID);
    GUEST_SEND(&guest, vkDestroyInstance, GUEST_HANDLE(VkInstance, &guest.objects.instance), NULL);
    guest_assert_alive(&guest);
    destroy_fence(&guest, 300);
    guest_assert_fatal(&guest, "103");
    guest_end(&guest);
}

TEST(what_a_guest_leaves_behind_goes_with_its_context)
{
    struct guest guest;
    guest_begin_with_device(&guest);
    leave_things_behind(&guest);
    guest_end(&guest);
}

/* --- two rings at once --- */

TEST(a_device_is_destroyed_once_whoever_comes_first)
{
    for (unsigned i = 0; i < 20; i++) {
        struct guest guest;
        guest_begin_with_device(&guest);
        guest_start_ring(&guest, true);
        uint8_t bytes[256];
        size_t size;
        GUEST_ENCODE(size, &guest, bytes, 0, vkDestroyDevice, GUEST_DEVICE(&guest), NULL);
        guest_write_ring(&guest, bytes, size);
        GUEST_SEND(&guest, vkDestroyDevice, GUEST_DEVICE(&guest), NULL);
        assert_true(guest_ring_fatal(&guest));
        guest_end(&guest);
    }
}

TEST(an_instance_goes_while_another_ring_is_busy_below_it)
{
    VkInstance instance;
    for (unsigned i = 0; i < 20; i++) {
        struct guest guest;
        guest_begin_with_device(&guest);
        instance = GUEST_HANDLE(VkInstance, &guest.objects.instance);
        guest_start_ring(&guest, true);
        struct proto_object object = {.id = 900};
        VkFence fence = GUEST_HANDLE(VkFence, &object);
        uint8_t create[256], destroy[256];
        size_t create_size, destroy_size;
        GUEST_ENCODE(create_size, &guest, create, 0, vkCreateFence, GUEST_DEVICE(&guest),
                     &fence_info, NULL, &fence);
        GUEST_ENCODE(destroy_size, &guest, destroy, 0, vkDestroyFence, GUEST_DEVICE(&guest), fence,
                     NULL);
        for (unsigned n = 0; n < 10; n++) {
            guest_write_ring(&guest, create, create_size);
            guest_write_ring(&guest, destroy, destroy_size);
        }
        GUEST_SEND(&guest, vkDestroyInstance, instance, NULL);
        guest_end(&guest);
    }
}
