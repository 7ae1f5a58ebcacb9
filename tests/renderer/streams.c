/* What a guest may do wrong with streams, replies, resources and rings, before there is any Vulkan.
 * Each wrong must end its context, and say why. */
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "protocol/proto_mesa.h"
#include "tests/renderer/guest.h"
#include "tests/unit/test.h"

static void
send_words(struct guest *guest, const uint32_t *words, size_t count)
{
    (void)guest_submit(guest, words, count * sizeof(*words));
}

/* One wrong thing in a fresh context. */
#define WRONG(words, ...)                                                                          \
    do {                                                                                           \
        struct guest guest;                                                                        \
        guest_begin(&guest);                                                                       \
        __VA_ARGS__;                                                                               \
        guest_assert_fatal(&guest, words);                                                         \
        guest_end(&guest);                                                                         \
    } while (0)

/* --- commands --- */

TEST(an_unknown_command_is_fatal)
{
    const uint32_t beyond[] = {9999, 0};
    const uint32_t hole[] = {195, 0};
    const uint32_t negative[] = {UINT32_MAX, 0};
    WRONG("9999", send_words(&guest, beyond, 2));
    WRONG("195", send_words(&guest, hole, 2));
    WRONG("4294967295", send_words(&guest, negative, 2));
}

TEST(a_refused_command_is_fatal_with_its_reason)
{
    const uint32_t map_memory[] = {PROTO_COMMAND_vkMapMemory, 0};
    const uint32_t layers[] = {PROTO_COMMAND_vkEnumerateInstanceLayerProperties, 1};
    WRONG("vkMapMemory", send_words(&guest, map_memory, 2));
    WRONG("layers", send_words(&guest, layers, 2));
}

TEST(a_truncated_command_is_fatal)
{
    const uint32_t header[] = {PROTO_COMMAND_vkSeekReplyCommandStreamMESA};
    const uint32_t body[] = {PROTO_COMMAND_vkSeekReplyCommandStreamMESA, 0, 0};
    WRONG("header", send_words(&guest, header, 1));
    WRONG("vkSeekReplyCommandStreamMESA", send_words(&guest, body, 3));
}

TEST(an_empty_submission_does_nothing)
{
    struct guest guest;
    guest_begin(&guest);
    assert_int_equal(guest_submit(&guest, "", 0), RND_OK);
    guest_end(&guest);
}

TEST(a_fatal_context_does_nothing_more)
{
    struct guest guest;
    const uint32_t unknown[] = {9999, 0};
    struct rnd_blob blob;
    guest_begin(&guest);
    send_words(&guest, unknown, 2);
    GUEST_SEND(&guest, vkSeekReplyCommandStreamMESA, 1 << 30);
    guest_assert_fatal(&guest, "9999");
    assert_int_equal(guest_submit(&guest, unknown, 8), RND_FATAL);
    assert_int_equal(rnd_context_create_fence(guest.context, 0, 1), RND_FATAL);
    assert_int_equal(rnd_context_create_blob(guest.context, 9, 0, 4096, RND_BLOB_MAPPABLE, &blob),
                     RND_FATAL);
    guest_end(&guest);
}

TEST(commands_on_objects_that_are_not_there_are_fatal)
{
    VkDevice device = VK_NULL_HANDLE;
    uint32_t count = 0;
    WRONG("device", GUEST_SEND(&guest, vkDestroyDevice, device, NULL));
    WRONG("103", GUEST_SEND(&guest, vkDestroyDevice, GUEST_DEVICE(&guest), NULL));
    WRONG("instance", GUEST_SEND(&guest, vkEnumeratePhysicalDevices,
                                 GUEST_HANDLE(VkInstance, &guest.objects.queue), &count, NULL));
}

/* --- replies --- */

TEST(a_reply_without_a_stream_is_fatal)
{
    struct guest guest;
    uint8_t bytes[64];
    size_t size;
    uint32_t version;
    guest_begin(&guest);
    guest_start_ring(&guest, true); /* its stream has no reply stream yet */
    GUEST_ENCODE(size, &guest, bytes, PROTO_COMMAND_GENERATE_REPLY, vkEnumerateInstanceVersion,
                 &version);
    guest_write_ring(&guest, bytes, size);
    assert_true(guest_ring_fatal(&guest));
    guest_assert_fatal(&guest, "nowhere");
    guest_end(&guest);
}

TEST(a_reply_beyond_the_resource_is_fatal_and_beyond_the_stream_is_not)
{
    struct guest guest;
    VkCommandStreamDescriptionMESA stream = {.resourceId = GUEST_REPLY_RESOURCE, .size = 4};
    guest_begin(&guest);
    GUEST_SEND(&guest, vkSetReplyCommandStreamMESA, &stream);
    GUEST_ASK(&guest, vkEnumerateInstanceExtensionProperties, NULL, &(uint32_t){0}, NULL);
    guest_assert_alive(&guest);

    stream.offset = GUEST_MEMORY_SIZE - 8;
    GUEST_SEND(&guest, vkSetReplyCommandStreamMESA, &stream);
    GUEST_ASK(&guest, vkEnumerateInstanceExtensionProperties, NULL, &(uint32_t){0}, NULL);
    guest_assert_fatal(&guest, "exceeds");
    guest_end(&guest);
}

TEST(reply_streams_must_be_shared_memory_in_range)
{
    VkCommandStreamDescriptionMESA unknown = {.resourceId = 99, .size = 4};
    VkCommandStreamDescriptionMESA none = {.resourceId = 0, .size = 4};
    VkCommandStreamDescriptionMESA beyond = {GUEST_REPLY_RESOURCE, GUEST_MEMORY_SIZE, 1};
    VkCommandStreamDescriptionMESA overflow = {GUEST_REPLY_RESOURCE, SIZE_MAX, 2};
    WRONG("99", GUEST_SEND(&guest, vkSetReplyCommandStreamMESA, &unknown));
    WRONG("resource 0", GUEST_SEND(&guest, vkSetReplyCommandStreamMESA, &none));
    WRONG("exceed", GUEST_SEND(&guest, vkSetReplyCommandStreamMESA, &beyond));
    WRONG("exceed", GUEST_SEND(&guest, vkSetReplyCommandStreamMESA, &overflow));
    WRONG("position", GUEST_SEND(&guest, vkSeekReplyCommandStreamMESA, GUEST_MEMORY_SIZE + 1));
}

TEST(replies_follow_each_other)
{
    struct guest guest;
    uint8_t bytes[256];
    size_t size;
    guest_begin(&guest);
    guest_rewind(&guest);
    GUEST_ENCODE(size, &guest, bytes, PROTO_COMMAND_GENERATE_REPLY,
                 vkEnumerateInstanceExtensionProperties, NULL, &(uint32_t){0}, NULL);
    (void)guest_submit(&guest, bytes, size);
    (void)guest_submit(&guest, bytes, size);
    const uint32_t reply[] = {
        PROTO_COMMAND_vkEnumerateInstanceExtensionProperties, 0, 1, 0, 2, 0, 0};
    assert_memory_equal(guest.reply, reply, sizeof(reply));
    assert_memory_equal(guest.reply + sizeof(reply), reply, sizeof(reply));
    guest_end(&guest);
}

TEST(a_reply_stream_outlives_its_resource)
{
    struct guest guest;
    guest_begin(&guest);
    rnd_context_unref_resource(guest.context, GUEST_REPLY_RESOURCE);
    GUEST_ASK(&guest, vkEnumerateInstanceExtensionProperties, NULL, &(uint32_t){0}, NULL);
    guest_assert_alive(&guest);
    assert_int_equal(guest_result(&guest), VK_SUCCESS);
    guest_end(&guest);
}

/* --- streams in shared memory --- */

TEST(streams_are_executed_in_order_and_seek_their_replies)
{
    struct guest guest;
    uint8_t bytes[256];
    size_t size;
    guest_begin(&guest);
    uint8_t *memory = guest_create_memory(&guest, 5, 4096);
    GUEST_ENCODE(size, &guest, bytes, PROTO_COMMAND_GENERATE_REPLY,
                 vkEnumerateInstanceExtensionProperties, NULL, &(uint32_t){0}, NULL);
    memcpy(memory + 64, bytes, size);
    VkCommandStreamDescriptionMESA streams[] = {{5, 64, size}, {5, 0, 0}, {5, 64, size}};
    const size_t positions[] = {0, 8, 1024};
    GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 3, streams, positions, 0, NULL, 0);
    guest_assert_alive(&guest);
    assert_int_equal(guest.reply[0], PROTO_COMMAND_vkEnumerateInstanceExtensionProperties & 0xff);
    assert_memory_equal(guest.reply, guest.reply + 1024, 28);
    base_fd_unmap(memory, 4096);
    guest_end(&guest);
}

TEST(streams_that_cannot_be_executed_are_fatal)
{
    VkCommandStreamDescriptionMESA beyond = {GUEST_REPLY_RESOURCE, 0, GUEST_MEMORY_SIZE + 4};
    VkCommandStreamDescriptionMESA unknown = {98, 0, 8};
    VkCommandStreamDescriptionMESA zeroes = {GUEST_REPLY_RESOURCE, 0, 8};
    const size_t position = SIZE_MAX;
    WRONG("no stream", GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 0, NULL, NULL, 0, NULL, 0));
    WRONG("exceed", GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 1, &beyond, NULL, 0, NULL, 0));
    WRONG("98", GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 1, &unknown, NULL, 0, NULL, 0));
    WRONG("position",
          GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 1, &zeroes, &position, 0, NULL, 0));
    /* Zeroes are vkCreateInstance without its arguments. */
    WRONG("vkCreateInstance",
          GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 1, &zeroes, NULL, 0, NULL, 0));
}

TEST(streams_do_not_nest)
{
    struct guest guest;
    uint8_t bytes[256];
    size_t size;
    guest_begin(&guest);
    VkCommandStreamDescriptionMESA inner = {GUEST_REPLY_RESOURCE, 0, 8};
    GUEST_ENCODE(size, &guest, bytes, 0, vkExecuteCommandStreamsMESA, 1, &inner, NULL, 0, NULL, 0);
    memcpy(guest.reply, bytes, size);
    VkCommandStreamDescriptionMESA outer = {GUEST_REPLY_RESOURCE, 0, size};
    GUEST_SEND(&guest, vkExecuteCommandStreamsMESA, 1, &outer, NULL, 0, NULL, 0);
    guest_assert_fatal(&guest, "inside");
    guest_end(&guest);
}

/* --- resources --- */

TEST(blobs_that_cannot_be_had_are_refused_and_the_context_lives_on)
{
    struct guest guest;
    struct rnd_blob blob = {.fd = -1};
    guest_begin(&guest);
    struct rnd_context *ctx = guest.context;
    assert_int_equal(rnd_context_create_blob(ctx, 9, 0, 0, RND_BLOB_MAPPABLE, &blob), RND_INVALID);
    assert_int_equal(rnd_context_create_blob(ctx, 9, 0, 4096, 0, &blob), RND_INVALID);
    assert_int_equal(rnd_context_create_blob(ctx, 9, 0, 4096, 3, &blob), RND_INVALID);
    assert_int_equal(rnd_context_create_blob(ctx, 0, 0, 4096, RND_BLOB_MAPPABLE, &blob),
                     RND_INVALID);
    assert_int_equal(rnd_context_create_blob(ctx, 9, 12345, 4096, RND_BLOB_MAPPABLE, &blob),
                     RND_INVALID);
    assert_int_equal(
        rnd_context_create_blob(ctx, GUEST_REPLY_RESOURCE, 0, 4096, RND_BLOB_MAPPABLE, &blob),
        RND_INVALID);
    assert_int_equal(rnd_context_create_blob(ctx, 9, 0, UINT64_MAX, RND_BLOB_MAPPABLE, &blob),
                     RND_NO_MEMORY);
    assert_int_equal(blob.fd, -1);
    rnd_context_unref_resource(ctx, 12345);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(shared_memory_is_limited)
{
    struct guest guest;
    guest_begin(&guest);
    uint32_t id = 100;
    enum rnd_result result = RND_OK;
    while (result == RND_OK && id < 200) {
        struct rnd_blob blob = {.fd = -1};
        result = rnd_context_create_blob(guest.context, id++, 0, UINT64_C(1) << 30,
                                         RND_BLOB_MAPPABLE, &blob);
        base_fd_close(&blob.fd);
    }
    assert_int_equal(result, RND_NO_MEMORY);
    assert_true(id < 110);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(fences_of_timeline_0_retire_at_once_and_others_need_a_queue)
{
    struct guest guest;
    guest_begin(&guest);
    assert_int_equal(rnd_context_create_fence(guest.context, 0, 55), RND_OK);
    assert_int_equal(guest.retired_count, 1);
    assert_int_equal(guest.retired[0], 55);
    assert_int_equal(rnd_context_create_fence(guest.context, 1, 56), RND_INVALID);
    assert_int_equal(rnd_context_create_fence(guest.context, 64, 57), RND_INVALID);
    assert_int_equal(rnd_context_create_fence(guest.context, UINT32_MAX, 58), RND_INVALID);
    guest_end(&guest);
}

/* --- rings --- */

static void
create_wrong_ring(const char *words, VkRingCreateInfoMESA info)
{
    struct guest guest;
    guest_begin(&guest);
    guest.ring_memory = guest_create_memory(&guest, GUEST_RING_RESOURCE, GUEST_MEMORY_SIZE);
    GUEST_SEND(&guest, vkCreateRingMESA, GUEST_RING_ID, &info);
    guest_assert_fatal(&guest, words);
    guest_end(&guest);
}

#define WRONG_RING(words, field, value)                                                            \
    do {                                                                                           \
        VkRingCreateInfoMESA info = guest_ring_info();                                             \
        info.field = value;                                                                        \
        create_wrong_ring(words, info);                                                            \
    } while (0)

TEST(rings_must_fit_their_memory)
{
    WRONG_RING("no shared memory", resourceId, 99);
    WRONG_RING("exceed", size, GUEST_MEMORY_SIZE + 4);
    WRONG_RING("exceed", offset, SIZE_MAX);
    WRONG_RING("head", headOffset, GUEST_MEMORY_SIZE);
    WRONG_RING("head", headOffset, 2);
    WRONG_RING("overlap", tailOffset, WIRE_RING_HEAD_OFFSET);
    WRONG_RING("overlap", statusOffset, WIRE_RING_BUFFER_OFFSET);
    WRONG_RING("overlap", extraOffset, WIRE_RING_BUFFER_OFFSET + 4);
    WRONG_RING("power of two", bufferSize, 4000);
    WRONG_RING("buffer", bufferSize, 0);
    WRONG_RING("buffer", bufferSize, SIZE_MAX);
    WRONG_RING("extra", extraOffset, SIZE_MAX - 3);
}

TEST(rings_need_what_their_chain_asks_for)
{
    VkRingMonitorInfoMESA monitor = {.sType = VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA};
    VkRingCreateInfoMESA info = guest_ring_info();
    info.pNext = &monitor;
    create_wrong_ring("period", info);

    VkRingWakeInfoVESPER wake = {.sType = VK_STRUCTURE_TYPE_RING_WAKE_INFO_VESPER};
    info = guest_ring_info();
    info.pNext = &wake;
    info.extraSize = 4;
    create_wrong_ring("wake-up words", info);
}

TEST(ring_ids_are_unique_and_not_0)
{
    VkRingCreateInfoMESA info = guest_ring_info();
    info.offset = GUEST_MEMORY_SIZE / 2; /* where no other ring lies */
    WRONG("0", GUEST_SEND(&guest, vkCreateRingMESA, 0, &info));
    WRONG("in use", guest_start_ring(&guest, true);
          GUEST_SEND(&guest, vkCreateRingMESA, GUEST_RING_ID, &info));
    WRONG("no ring", GUEST_SEND(&guest, vkDestroyRingMESA, 5));
    WRONG("no ring", GUEST_SEND(&guest, vkNotifyRingMESA, 5, 0, 0));
    WRONG("no ring", GUEST_SEND(&guest, vkWaitRingSeqnoMESA, 5, 0));
    WRONG("on a ring", GUEST_SEND(&guest, vkWaitVirtqueueSeqnoMESA, 1));
}

/* A command of 16 bytes that does nothing. */
static void
write_nothing(struct guest *guest)
{
    uint8_t bytes[64];
    size_t size;
    GUEST_ENCODE(size, guest, bytes, 0, vkSeekReplyCommandStreamMESA, 0);
    guest_write_ring(guest, bytes, size);
}

static void
select_ring_reply(struct guest *guest)
{
    uint8_t bytes[64];
    size_t size;
    VkCommandStreamDescriptionMESA stream = {GUEST_REPLY_RESOURCE, 0, 4096};
    GUEST_ENCODE(size, guest, bytes, 0, vkSetReplyCommandStreamMESA, &stream);
    guest_write_ring(guest, bytes, size);
}

static void
fill_ring_many_times(bool futex)
{
    struct guest guest;
    guest_begin(&guest);
    guest_start_ring(&guest, futex);
    select_ring_reply(&guest);
    for (unsigned i = 0; i < 2000; i++) {
        write_nothing(&guest);
        if (i % 7 == 0 || guest.ring_tail - atomic_load(guest.ring.head) > 4000) {
            assert_true(guest_ring_done(&guest));
        }
    }
    assert_true(guest_ring_done(&guest));
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(rings_wrap_around_whoever_wakes_them)
{
    fill_ring_many_times(true);
    fill_ring_many_times(false);
}

TEST(an_idle_ring_wakes_up)
{
    for (int futex = 0; futex < 2; futex++) {
        struct guest guest;
        guest_begin(&guest);
        guest_start_ring(&guest, futex);
        uint64_t until = base_clock_deadline_ns(UINT64_C(5000000000));
        while (!(atomic_load(guest.ring.status) & WIRE_RING_STATUS_IDLE)) {
            assert_true(base_clock_now_ns() < until);
        }
        select_ring_reply(&guest);
        assert_true(guest_ring_done(&guest));
        guest_end(&guest);
    }
}

TEST(a_tail_beyond_the_buffer_is_fatal_for_all_rings)
{
    struct guest guest;
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    atomic_store(guest.ring.tail, GUEST_RING_BUFFER_SIZE + 4);
    GUEST_SEND(&guest, vkNotifyRingMESA, GUEST_RING_ID, 0, 0);
    assert_true(guest_ring_fatal(&guest));
    guest_assert_fatal(&guest, "ahead");
    guest_end(&guest);
}

TEST(a_wrong_command_on_the_context_stream_marks_the_rings)
{
    struct guest guest;
    const uint32_t unknown[] = {9999, 0};
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    send_words(&guest, unknown, 2);
    assert_true(atomic_load(guest.ring.status) & WIRE_RING_STATUS_FATAL);
    guest_end(&guest);
}

TEST(head_stays_before_the_command_that_failed)
{
    struct guest guest;
    const uint32_t unknown[] = {9999, 0};
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    select_ring_reply(&guest);
    assert_true(guest_ring_done(&guest));
    uint32_t before = guest.ring_tail;
    guest_write_ring(&guest, unknown, sizeof(unknown));
    assert_true(guest_ring_fatal(&guest));
    assert_int_equal(atomic_load(guest.ring.head), before);
    guest_end(&guest);
}

TEST(ring_commands_belong_on_the_context_stream)
{
    struct guest guest;
    uint8_t bytes[64];
    size_t size;
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    GUEST_ENCODE(size, &guest, bytes, 0, vkDestroyRingMESA, GUEST_RING_ID);
    guest_write_ring(&guest, bytes, size);
    assert_true(guest_ring_fatal(&guest));
    guest_assert_fatal(&guest, "context's own stream");
    guest_end(&guest);
}

TEST(ring_and_virtqueue_wait_for_each_other)
{
    struct guest guest;
    uint8_t bytes[64];
    size_t size;
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    select_ring_reply(&guest);
    GUEST_ENCODE(size, &guest, bytes, 0, vkWaitVirtqueueSeqnoMESA, 3);
    guest_write_ring(&guest, bytes, size);
    write_nothing(&guest);
    GUEST_SEND(&guest, vkSubmitVirtqueueSeqnoMESA, GUEST_RING_ID, 2);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_not_equal(atomic_load(guest.ring.head), guest.ring_tail);
    GUEST_SEND(&guest, vkSubmitVirtqueueSeqnoMESA, GUEST_RING_ID, 3);
    GUEST_SEND(&guest, vkWaitRingSeqnoMESA, GUEST_RING_ID, guest.ring_tail);
    guest_assert_alive(&guest);
    assert_int_equal(atomic_load(guest.ring.head), guest.ring_tail);
    guest_end(&guest);
}

TEST(waiting_for_what_a_drained_ring_will_never_reach_is_fatal)
{
    struct guest guest;
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    GUEST_SEND(&guest, vkWaitRingSeqnoMESA, GUEST_RING_ID, 16);
    guest_assert_fatal(&guest, "short of 16");
    guest_end(&guest);
}

TEST(a_ring_that_waits_can_be_destroyed)
{
    struct guest guest;
    uint8_t bytes[64];
    size_t size;
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    GUEST_ENCODE(size, &guest, bytes, 0, vkWaitVirtqueueSeqnoMESA, 3);
    guest_write_ring(&guest, bytes, size);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    GUEST_SEND(&guest, vkDestroyRingMESA, GUEST_RING_ID);
    guest_assert_alive(&guest);
    guest_end(&guest);
}

TEST(words_of_the_extra_region_are_written_in_bounds)
{
    struct guest guest;
    guest_begin(&guest);
    guest_start_ring(&guest, true);
    GUEST_SEND(&guest, vkWriteRingExtraMESA, GUEST_RING_ID, 0, 4711);
    guest_assert_alive(&guest);
    assert_int_equal(*(uint32_t *)(guest.ring_memory + guest_ring_info().extraOffset), 4711);
    GUEST_SEND(&guest, vkWriteRingExtraMESA, GUEST_RING_ID, WIRE_RING_EXTRA_SIZE - 3, 1);
    guest_assert_fatal(&guest, "extra region");
    guest_end(&guest);
}

TEST(a_monitored_ring_has_a_heartbeat)
{
    struct guest guest;
    VkRingMonitorInfoMESA monitor = {
        .sType = VK_STRUCTURE_TYPE_RING_MONITOR_INFO_MESA,
        .maxReportingPeriodMicroseconds = 20000,
    };
    VkRingCreateInfoMESA info = guest_ring_info();
    info.pNext = &monitor;
    guest_begin(&guest);
    guest.ring_memory = guest_create_memory(&guest, GUEST_RING_RESOURCE, GUEST_MEMORY_SIZE);
    _Atomic uint32_t *status = (_Atomic uint32_t *)(guest.ring_memory + info.statusOffset);
    GUEST_SEND(&guest, vkCreateRingMESA, GUEST_RING_ID, &info);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t until = base_clock_deadline_ns(UINT64_C(5000000000));
        while (!(atomic_fetch_and(status, ~(uint32_t)WIRE_RING_STATUS_ALIVE) &
                 WIRE_RING_STATUS_ALIVE)) {
            assert_true(base_clock_now_ns() < until);
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
    guest_end(&guest);
}
