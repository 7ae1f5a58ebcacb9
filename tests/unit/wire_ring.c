#include "wire/ring.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/unit/test.h"

enum {
    BUFFER_SIZE = 256,
};

struct ring_memory {
    _Atomic uint32_t head, tail, status, waiters, wake_at;
    uint8_t before[16], buffer[BUFFER_SIZE], after[16];
};

static struct wire_ring_view
view_of(struct ring_memory *memory)
{
    memset(memory, 0, sizeof(*memory));
    return (struct wire_ring_view){
        .head = &memory->head,
        .tail = &memory->tail,
        .status = &memory->status,
        .waiters = &memory->waiters,
        .wake_at = &memory->wake_at,
        .buffer = memory->buffer,
        .buffer_size = BUFFER_SIZE,
    };
}

TEST(bytes_come_out_as_they_went_in_at_every_position)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);
    uint8_t in[BUFFER_SIZE], out[BUFFER_SIZE];

    for (uint32_t at = 0; at < 2 * BUFFER_SIZE; at += 4) {
        for (uint32_t size = 0; size <= BUFFER_SIZE; size += 4) {
            for (uint32_t i = 0; i < size; i++) {
                in[i] = (uint8_t)(i + at + 1);
            }
            wire_ring_copy_in(&ring, at, in, size);
            wire_ring_copy_out(&ring, at, out, size);
            assert_memory_equal(in, out, size);
        }
    }
}

TEST(positions_follow_the_counter_around_2_to_the_32)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);
    uint8_t out[16];

    wire_ring_copy_in(&ring, UINT32_MAX - 7, "0123456789abcdef", 16);
    assert_memory_equal(memory.buffer + BUFFER_SIZE - 8, "01234567", 8);
    assert_memory_equal(memory.buffer, "89abcdef", 8);
    wire_ring_copy_out(&ring, UINT32_MAX - 7, out, 16);
    assert_memory_equal(out, "0123456789abcdef", 16);
}

TEST(copies_stay_inside_the_buffer)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);
    uint8_t in[BUFFER_SIZE];
    static const uint8_t untouched[16];

    memset(in, 0xee, sizeof(in));
    wire_ring_copy_in(&ring, 100, in, BUFFER_SIZE);
    assert_memory_equal(memory.before, untouched, 16);
    assert_memory_equal(memory.after, untouched, 16);
}

TEST(copies_of_nothing_touch_nothing)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);

    wire_ring_copy_in(&ring, 8, NULL, 0);
    wire_ring_copy_out(&ring, 8, NULL, 0);
}

TEST(a_seqno_is_reached_modulo_2_to_the_32)
{
    assert_true(wire_ring_reached(100, 100));
    assert_true(wire_ring_reached(104, 100));
    assert_false(wire_ring_reached(96, 100));
    assert_true(wire_ring_reached(4, UINT32_MAX - 3));
    assert_false(wire_ring_reached(UINT32_MAX - 3, 4));
}

enum {
    STREAM_WORDS = 100000,
};

/* The renderer's part of the contract in wire/ring.h, without sleeping. */
static void *
consume(void *view)
{
    const struct wire_ring_view *ring = view;
    uint32_t head = 0, expected = 0;
    uint32_t words[BUFFER_SIZE / 4];

    while (expected < STREAM_WORDS) {
        uint32_t tail = atomic_load_explicit(ring->tail, memory_order_acquire);
        if (tail == head) {
            sched_yield();
            continue;
        }
        wire_ring_copy_out(ring, head, words, tail - head);
        for (uint32_t i = 0; i < (tail - head) / 4; i++) {
            if (words[i] != expected++) {
                return NULL;
            }
        }
        head = tail;
        atomic_store_explicit(ring->head, head, memory_order_release);
    }
    return view;
}

TEST(a_stream_much_larger_than_the_ring_arrives_in_order)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);
    pthread_t consumer;
    uint32_t tail = 0, next = 0;
    void *result;

    assert_int_equal(pthread_create(&consumer, NULL, consume, &ring), 0);
    while (next < STREAM_WORDS) {
        uint32_t words[7];
        uint32_t count = STREAM_WORDS - next < 7 ? STREAM_WORDS - next : 1 + next % 7;
        for (uint32_t i = 0; i < count; i++) {
            words[i] = next++;
        }
        while (!wire_ring_reached(atomic_load_explicit(ring.head, memory_order_acquire),
                                  tail + count * 4 - BUFFER_SIZE)) {
            sched_yield();
        }
        wire_ring_copy_in(&ring, tail, words, count * 4);
        tail += count * 4;
        atomic_store_explicit(ring.tail, tail, memory_order_release);
    }
    assert_int_equal(pthread_join(consumer, &result), 0);
    assert_non_null(result);
}

TEST(a_waiter_is_woken_when_its_seqno_is_reached)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);

    wire_ring_ask_for_wake(&ring, 40);
    assert_false(wire_ring_wants_wake(&ring, 40)); /* nobody sleeps */
    memory.waiters = 1;
    assert_false(wire_ring_wants_wake(&ring, 36));
    assert_true(wire_ring_wants_wake(&ring, 40));
    assert_true(wire_ring_wants_wake(&ring, 44));
}

TEST(the_first_of_several_waiters_decides)
{
    struct ring_memory memory;
    struct wire_ring_view ring = view_of(&memory);

    memory.waiters = 2;
    memory.head = UINT32_MAX - 7; /* the counter is about to wrap around */
    wire_ring_ask_for_wake(&ring, 40);
    wire_ring_ask_for_wake(&ring, 8);
    wire_ring_ask_for_wake(&ring, 40); /* does not put the earlier one off */
    assert_false(wire_ring_wants_wake(&ring, UINT32_MAX - 3));
    assert_true(wire_ring_wants_wake(&ring, 8));

    memory.head = 8; /* woken, the second one asks again */
    wire_ring_ask_for_wake(&ring, 40);
    assert_false(wire_ring_wants_wake(&ring, 12));
    assert_true(wire_ring_wants_wake(&ring, 40));
}

TEST(regions_do_not_share_a_cache_line)
{
    assert_int_equal(WIRE_RING_TAIL_OFFSET - WIRE_RING_HEAD_OFFSET, 64);
    assert_int_equal(WIRE_RING_STATUS_OFFSET - WIRE_RING_TAIL_OFFSET, 64);
    assert_int_equal(WIRE_RING_BUFFER_OFFSET - WIRE_RING_STATUS_OFFSET, 64);
    assert_int_equal(sizeof(struct wire_feedback_header), 64);
}
