/* Memory that the guest maps in copies: what it may have written to and read from, and that
 * whatever else it asks for costs its own context at most. */
#include <time.h>

#include "base/attributes.h"
#include "base/fd.h"
#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

enum {
    MEMORY_ID = 200,
    OTHER_ID = 201,
    SIZE = 5000, /* of no whole number of pages */
    /* Takes the host long enough for another ring to come in between. */
    LARGE_SIZE = 32 << 20,
    LARGE_RESOURCE = 3,
    ROUNDS = 8,
};

static VkDeviceMemory
memory_of(struct proto_object *object, uint64_t id)
{
    *object = (struct proto_object){.id = id};
    return GUEST_HANDLE(VkDeviceMemory, object);
}

static void
begin(struct guest *guest, VkDeviceSize size)
{
    guest_begin_with_device_as_vesper(guest);
    uint32_t copied = guest_find_memory_type(guest, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
                                             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    assert_int_equal(guest_allocate(guest, MEMORY_ID, copied, size, NULL), VK_SUCCESS);
}

static void
write_or_read(struct guest *guest, bool reads, uint64_t id, uint64_t offset, size_t size)
{
    static uint8_t bytes[2 * SIZE];
    struct proto_object object;
    VkDeviceMemory memory = memory_of(&object, id);
    if (reads) {
        GUEST_ASK(guest, vkReadMemoryVESPER, GUEST_DEVICE(guest), memory, offset, size, bytes);
    } else {
        uint8_t sent[sizeof(bytes) + 100];
        size_t sent_size;
        assert_true(size <= sizeof(bytes));
        GUEST_ENCODE(sent_size, guest, sent, 0, vkWriteMemoryVESPER, GUEST_DEVICE(guest), memory,
                     offset, size, bytes);
        (void)guest_submit(guest, sent, sent_size);
    }
}

TEST(what_is_written_is_read_to_the_last_byte)
{
    struct guest guest;
    struct proto_object object;
    uint8_t written[] = {1, 2, 3, 4, 5}, read[sizeof(written)] = {0};
    VkDeviceMemory memory = memory_of(&object, MEMORY_ID);
    VkDeviceSize offset = SIZE - sizeof(written);
    begin(&guest, SIZE);
    GUEST_ASK(&guest, vkWriteMemoryVESPER, GUEST_DEVICE(&guest), memory, offset, sizeof(written),
              written);
    guest_assert_alive(&guest);
    assert_int_equal(guest_result(&guest), VK_SUCCESS);
    GUEST_ASK(&guest, vkReadMemoryVESPER, GUEST_DEVICE(&guest), memory, offset, sizeof(read), read);
    guest_assert_alive(&guest);
    struct wire_reader reply = wire_reader_over(guest.reply, GUEST_MEMORY_SIZE);
    assert_int_equal(proto_decode_reply_vkReadMemoryVESPER(&reply, GUEST_DEVICE(&guest), memory,
                                                           offset, sizeof(read), read),
                     VK_SUCCESS);
    assert_memory_equal(read, written, sizeof(read));
    guest_end(&guest);
}

TEST(nothing_at_the_very_end_is_within)
{
    for (int reads = 0; reads < 2; reads++) {
        struct guest guest;
        begin(&guest, SIZE);
        write_or_read(&guest, reads, MEMORY_ID, SIZE, 0);
        guest_assert_alive(&guest);
        guest_end(&guest);
    }
}

TEST(ranges_that_leave_the_memory_end_the_context)
{
    static const struct {
        uint64_t offset;
        size_t size;
    } wrong[] = {
        {0, SIZE + 1},          {1, SIZE},           {SIZE, 1},
        {SIZE + 1, 0},          {UINT64_MAX - 3, 8}, {UINT64_MAX, 1}, /* the sums overflow */
        {UINT64_C(1) << 63, 4},
    };
    for (size_t i = 0; i < BASE_COUNT_OF(wrong); i++) {
        struct guest guest;
        begin(&guest, SIZE);
        write_or_read(&guest, i % 2, MEMORY_ID, wrong[i].offset, wrong[i].size);
        guest_assert_fatal(&guest, "exceed memory 200 of 5000 bytes");
        guest_end(&guest);
    }
}

/* More than any decoder may hold: nothing is allocated for it. */
TEST(a_read_of_half_the_address_space_ends_the_context)
{
    struct guest guest;
    struct proto_object object;
    uint8_t byte;
    begin(&guest, SIZE);
    GUEST_ASK(&guest, vkReadMemoryVESPER, GUEST_DEVICE(&guest), memory_of(&object, MEMORY_ID), 0,
              (size_t)1 << 63, &byte);
    guest_assert_fatal(&guest, "vkReadMemoryVESPER");
    guest_end(&guest);
}

TEST(memory_that_was_freed_and_what_is_none_end_the_context)
{
    for (int reads = 0; reads < 2; reads++) {
        struct guest guest;
        begin(&guest, SIZE);
        guest_free(&guest, MEMORY_ID);
        guest_assert_alive(&guest);
        write_or_read(&guest, reads, MEMORY_ID, 0, 4);
        guest_assert_fatal(&guest, "no device memory has id 200");
        guest_end(&guest);

        begin(&guest, SIZE);
        write_or_read(&guest, reads, guest.objects.queue.id, 0, 4);
        guest_assert_fatal(&guest, "is a queue, not a device memory");
        guest_end(&guest);
    }
}

/* Also after it was mapped: what is found by its old id is new, and not written yet. */
TEST(an_id_that_is_used_again_names_the_new_memory)
{
    struct guest guest;
    begin(&guest, 2 * SIZE);
    write_or_read(&guest, false, MEMORY_ID, SIZE, SIZE);
    guest_free(&guest, MEMORY_ID);
    guest_assert_alive(&guest);
    uint32_t copied = guest_find_memory_type(&guest, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
                                             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    assert_int_equal(guest_allocate(&guest, MEMORY_ID, copied, SIZE, NULL), VK_SUCCESS);
    write_or_read(&guest, true, MEMORY_ID, 0, SIZE);
    guest_assert_alive(&guest);
    write_or_read(&guest, true, MEMORY_ID, SIZE, SIZE);
    guest_assert_fatal(&guest, "exceed memory 200 of 5000 bytes");
    guest_end(&guest);
}

TEST(memory_of_another_device_ends_the_context)
{
    for (int reads = 0; reads < 2; reads++) {
        struct guest guest;
        struct proto_object other = {.id = 500}, mine;
        begin(&guest, SIZE);
        guest_create_other_device(&guest, &other);
        mine = guest.objects.device;
        guest.objects.device = other; /* whose commands name what the first one has */
        write_or_read(&guest, reads, MEMORY_ID, 0, 4);
        guest_assert_fatal(&guest, "device memory 200 belongs to another device");
        guest.objects.device = mine;
        guest_end(&guest);
    }
}

TEST(what_is_shared_or_not_mapped_at_all_has_no_copies)
{
    static const VkMemoryPropertyFlags visible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
    for (int i = 0; i < 4; i++) {
        struct guest guest;
        begin(&guest, SIZE);
        uint32_t type =
            i / 2
                ? guest_find_memory_type(&guest, 0, visible)
                : guest_find_memory_type(&guest, visible | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0);
        assert_int_equal(guest_allocate(&guest, OTHER_ID, type, SIZE, NULL), VK_SUCCESS);
        write_or_read(&guest, i % 2, OTHER_ID, 0, 4);
        guest_assert_fatal(&guest, "names no memory that is mapped in copies");
        guest_end(&guest);
    }
}

/* --- two rings --- */

/* A ring that reads all of the memory, which takes it a while. */
static void
read_on_a_ring(struct guest *guest)
{
    static uint8_t nothing[LARGE_SIZE];
    struct proto_object object;
    uint8_t bytes[512];
    size_t size, read_size;
    VkCommandStreamDescriptionMESA stream = {
        .resourceId = LARGE_RESOURCE,
        .size = LARGE_SIZE + 4096,
    };
    GUEST_ENCODE(size, guest, bytes, 0, vkSetReplyCommandStreamMESA, &stream);
    struct wire_writer rest = wire_writer_over(bytes + size, sizeof(bytes) - size);
    read_size = proto_size_vkReadMemoryVESPER(
        &guest->caps, GUEST_DEVICE(guest), memory_of(&object, MEMORY_ID), 0, LARGE_SIZE, nothing);
    proto_encode_vkReadMemoryVESPER(&rest, &guest->caps, PROTO_COMMAND_GENERATE_REPLY,
                                    GUEST_DEVICE(guest), memory_of(&object, MEMORY_ID), 0,
                                    LARGE_SIZE, nothing);
    guest_write_ring(guest, bytes, size + read_size);
}

/* Whoever is first: the ring reads all of it, or its context ends. Nobody touches what is unmapped.
 */
TEST(memory_that_another_stream_frees_is_read_before_that_or_not_at_all)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct guest guest;
        begin(&guest, LARGE_SIZE);
        write_or_read(&guest, false, MEMORY_ID, 0, SIZE); /* from now on the host has mapped it */
        uint8_t *reply = guest_create_memory(&guest, LARGE_RESOURCE, LARGE_SIZE + 4096);
        guest_start_ring(&guest, true);
        read_on_a_ring(&guest);
        nanosleep(&(struct timespec){.tv_nsec = 2000000L * i}, NULL);
        guest_free(&guest, MEMORY_ID);
        if (!guest_ring_done(&guest)) {
            guest_assert_fatal(&guest, "200");
        }
        guest_end(&guest);
        base_fd_unmap(reply, LARGE_SIZE + 4096);
    }
}
