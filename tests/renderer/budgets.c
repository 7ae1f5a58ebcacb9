/* What a context may make its process hold: the bound is kept, costs no context its life where a
 * command has a result, and what was given back can be had again. */
#include <stdlib.h>

#include "base/fd.h"
#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

/* Of the whole, 64 MiB, an eighth is left to commands. */
enum {
    PIECE = 8 << 20,
    PIECES = 7,
    FIRST_ID = 200,
};
#define WHOLE (UINT64_C(64) << 20)

static void
begin(struct guest *guest)
{
    setenv("VESPER_CONTEXT_MEMORY", "64M", 1);
    guest_begin_with_device(guest);
}

static uint32_t
mapped(struct guest *guest)
{
    return guest_find_memory_type(
        guest, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0);
}

static uint32_t
unmapped(struct guest *guest)
{
    return guest_find_memory_type(guest, 0, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT);
}

static void
fill(struct guest *guest, uint32_t type)
{
    for (unsigned i = 0; i < PIECES; i++) {
        assert_int_equal(guest_allocate(guest, FIRST_ID + i, type, PIECE, NULL), VK_SUCCESS);
    }
    assert_int_equal(guest_allocate(guest, FIRST_ID + PIECES, type, 4096, NULL),
                     VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_assert_alive(guest);
}

TEST(mapped_memory_has_a_bound_and_comes_back_when_freed)
{
    struct guest guest;
    begin(&guest);
    for (unsigned round = 0; round < 3; round++) {
        fill(&guest, mapped(&guest));
        for (unsigned i = 0; i < PIECES; i++) {
            guest_free(&guest, FIRST_ID + i);
        }
    }
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(memory_that_nobody_maps_counts_where_it_is_ram)
{
    struct guest guest;
    begin(&guest);
    fill(&guest, unmapped(&guest));
    guest_free(&guest, FIRST_ID);
    assert_int_equal(guest_allocate(&guest, FIRST_ID, mapped(&guest), PIECE, NULL), VK_SUCCESS);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(pages_count_as_long_as_a_resource_has_them)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    begin(&guest);
    fill(&guest, mapped(&guest));
    assert_int_equal(
        rnd_context_create_blob(guest.context, 9, FIRST_ID, PIECE, RND_BLOB_MAPPABLE, &blob),
        RND_OK);
    base_fd_close(&blob.fd);
    guest_free(&guest, FIRST_ID);
    assert_int_equal(guest_allocate(&guest, FIRST_ID, mapped(&guest), PIECE, NULL),
                     VK_ERROR_OUT_OF_DEVICE_MEMORY);
    rnd_context_unref_resource(guest.context, 9);
    assert_int_equal(guest_allocate(&guest, FIRST_ID, mapped(&guest), PIECE, NULL), VK_SUCCESS);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

/* A context that has died has left its memory to whoever imported it. */
TEST(memory_of_another_context_counts_for_whoever_imports_it)
{
    struct guest from, to;
    struct rnd_blob blob = {.fd = -1};
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT,
    };
    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = 10,
    };
    begin(&from);
    assert_int_equal(guest_allocate(&from, FIRST_ID, mapped(&from), 4 * PIECE, &export),
                     VK_SUCCESS);
    assert_int_equal(
        rnd_context_create_blob(from.context, 9, FIRST_ID, 4 * PIECE, RND_BLOB_SHAREABLE, &blob),
        RND_OK);
    begin(&to);
    const struct rnd_fd memory = {.kind = RND_FD_OPAQUE, .fd = blob.fd, .size = 4 * PIECE};
    assert_int_equal(rnd_context_import(to.context, 10, &memory), RND_OK);
    base_fd_close(&blob.fd);
    guest_end(&from);
    assert_int_equal(guest_allocate(&to, FIRST_ID, mapped(&to), 4 * PIECE, &import), VK_SUCCESS);
    assert_int_equal(guest_allocate(&to, FIRST_ID + 1, mapped(&to), 4 * PIECE, NULL),
                     VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_free(&to, FIRST_ID);
    assert_int_equal(guest_allocate(&to, FIRST_ID + 1, mapped(&to), 4 * PIECE, NULL), VK_SUCCESS);
    assert_int_equal(guest_allocate(&to, FIRST_ID, mapped(&to), 4 * PIECE, &import),
                     VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_assert_alive(&to);
    guest_end(&to);
}

/* The same pages under two names are there once. */
TEST(importing_what_the_context_has_itself_counts_once)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = 9,
    };
    begin(&guest);
    assert_int_equal(guest_allocate(&guest, FIRST_ID, mapped(&guest), 4 * PIECE, NULL), VK_SUCCESS);
    assert_int_equal(
        rnd_context_create_blob(guest.context, 9, FIRST_ID, 4 * PIECE, RND_BLOB_MAPPABLE, &blob),
        RND_OK);
    bool pages = blob.kind == RND_FD_SHARED_MEMORY;
    base_fd_close(&blob.fd);
    assert_int_equal(guest_allocate(&guest, FIRST_ID + 1, mapped(&guest), 4 * PIECE, &import),
                     pages ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(failed_allocations_and_imports_leave_nothing_counted)
{
    struct guest guest;
    VkImportMemoryResourceInfoMESA import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA,
        .resourceId = GUEST_REPLY_RESOURCE,
    };
    begin(&guest);
    for (unsigned i = 0; i < 2 * PIECES; i++) {
        assert_int_equal(guest_allocate(&guest, FIRST_ID, mapped(&guest), PIECE, &import),
                         VK_ERROR_INVALID_EXTERNAL_HANDLE);
        assert_int_equal(guest_allocate(&guest, FIRST_ID, mapped(&guest), WHOLE, NULL),
                         VK_ERROR_OUT_OF_DEVICE_MEMORY);
    }
    fill(&guest, mapped(&guest));
    guest_end(&guest);
}

TEST(shared_memory_has_a_bound_and_comes_back_when_dropped)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    begin(&guest);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(
            rnd_context_create_blob(guest.context, 9, 0, 40 << 20, RND_BLOB_MAPPABLE, &blob),
            RND_OK);
        base_fd_close(&blob.fd);
        assert_int_equal(
            rnd_context_create_blob(guest.context, 10, 0, 40 << 20, RND_BLOB_MAPPABLE, &blob),
            RND_NO_MEMORY);
        rnd_context_unref_resource(guest.context, 9);
    }
    guest_assert_alive(&guest);
    guest_end(&guest);
}

/* It has no result that could say so. */
TEST(a_stream_that_there_is_no_room_to_copy_ends_its_context)
{
    struct guest guest;
    begin(&guest);
    uint8_t *map = guest_create_memory(&guest, 9, 40 << 20);
    VkCommandStreamDescriptionMESA stream = {.resourceId = 9, .size = 40 << 20};
    GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 1, &stream, NULL, 0, NULL, 0);
    guest_assert_fatal(&guest, "no memory to copy a stream of 41943040 bytes");
    guest_end(&guest);
    base_fd_unmap(map, 40 << 20);
}

/* Rings with words of their own in memory that they share. */
static VkRingCreateInfoMESA
large_ring(unsigned index)
{
    VkRingCreateInfoMESA info = guest_ring_info();
    info.resourceId = 9;
    info.size = GUEST_MEMORY_SIZE + WIRE_RING_MAX_BUFFER_SIZE;
    info.headOffset = (size_t)1024 * index;
    info.tailOffset = info.headOffset + 64;
    info.statusOffset = info.headOffset + 128;
    info.extraOffset = info.headOffset + 192;
    info.bufferOffset = GUEST_MEMORY_SIZE;
    info.bufferSize = WIRE_RING_MAX_BUFFER_SIZE;
    return info;
}

TEST(a_ring_that_there_is_no_room_for_ends_its_context)
{
    struct guest guest;
    unsigned index = 0;
    begin(&guest);
    uint8_t *map = guest_create_memory(&guest, 9, GUEST_MEMORY_SIZE + WIRE_RING_MAX_BUFFER_SIZE);
    for (; index < 8; index++) { /* each gives back what it had */
        VkRingCreateInfoMESA info = large_ring(index);
        GUEST_SEND(&guest, vkCreateRingMESA, index + 1, &info);
        GUEST_SEND(&guest, vkDestroyRingMESA, index + 1);
    }
    for (; index < 10; index++) {
        VkRingCreateInfoMESA info = large_ring(index);
        GUEST_SEND(&guest, vkCreateRingMESA, index + 1, &info);
    }
    guest_assert_alive(&guest);
    VkRingCreateInfoMESA info = large_ring(index); /* 48 MiB, beside 17 MiB of shared memory */
    GUEST_SEND(&guest, vkCreateRingMESA, index + 1, &info);
    guest_assert_fatal(&guest, "no memory or thread for a ring");
    guest_end(&guest);
    base_fd_unmap(map, GUEST_MEMORY_SIZE + WIRE_RING_MAX_BUFFER_SIZE);
}

TEST(budgets_of_heaps_in_ram_are_not_beyond_the_bound)
{
    struct guest guest;
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budgets = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT,
    };
    VkPhysicalDeviceMemoryProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
        .pNext = &budgets,
    };
    begin(&guest);
    VkPhysicalDevice physical_device =
        GUEST_HANDLE(VkPhysicalDevice, &guest.objects.physical_device);
    GUEST_ASK(&guest, vkGetPhysicalDeviceMemoryProperties2, physical_device, &properties);
    struct wire_reader reply = wire_reader_over(guest.reply, GUEST_MEMORY_SIZE);
    proto_decode_reply_vkGetPhysicalDeviceMemoryProperties2(&reply, physical_device, &properties);
    assert_false(reply.failed);
    uint32_t heap = properties.memoryProperties.memoryTypes[mapped(&guest)].heapIndex;
    if (budgets.heapBudget[heap] == 0) {
        guest_end(&guest);
        skip(); /* the host does not know */
    }
    assert_int_equal(budgets.heapBudget[heap], WHOLE / 8 * 7);
    guest_end(&guest);
}
