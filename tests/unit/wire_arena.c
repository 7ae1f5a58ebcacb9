#include "wire/arena.h"

#include <stdbool.h>
#include <string.h>

#include "base/account.h"
#include "tests/unit/test.h"

static const size_t no_limit = SIZE_MAX;

static bool
all_zero(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

TEST(memory_is_zero_and_aligned_to_16)
{
    struct wire_arena arena;

    wire_arena_init(&arena, no_limit);
    for (size_t size = 0; size < 300000; size += size / 3 + 1) {
        void *memory = wire_arena_alloc(&arena, size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 16, 0);
        assert_true(all_zero(memory, size));
        memset(memory, 0xee, size);
    }
    wire_arena_finish(&arena);
}

TEST(memory_is_zero_again_after_a_reset)
{
    struct wire_arena arena;

    wire_arena_init(&arena, no_limit);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 50; i++) {
            size_t size = (size_t)i * 97 + (size_t)round;
            void *memory = wire_arena_alloc(&arena, size);
            assert_non_null(memory);
            assert_true(all_zero(memory, size));
            memset(memory, 0xee, size);
        }
        wire_arena_reset(&arena);
    }
    wire_arena_finish(&arena);
}

TEST(allocations_do_not_overlap)
{
    enum { COUNT = 500 };
    struct wire_arena arena;
    uint8_t *memory[COUNT];
    size_t sizes[COUNT];

    wire_arena_init(&arena, no_limit);
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = i % 50 == 0 ? 40000 : i * 7 % 900;
        memory[i] = wire_arena_alloc(&arena, sizes[i]);
        assert_non_null(memory[i]);
        memset(memory[i], (int)i & 0xff, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(memory[i][k], i & 0xff);
        }
    }
    wire_arena_finish(&arena);
}

TEST(the_budget_can_be_spent_whole_and_not_exceeded)
{
    struct wire_arena arena;

    wire_arena_init(&arena, 1 << 20);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 16; i++) {
            assert_non_null(wire_arena_alloc(&arena, 1 << 16));
        }
        assert_null(wire_arena_alloc(&arena, 1));
        wire_arena_reset(&arena);

        for (int i = 0; i < 1 << 16; i++) {
            assert_non_null(wire_arena_alloc(&arena, 16));
        }
        assert_null(wire_arena_alloc(&arena, 1));
        wire_arena_reset(&arena);

        assert_null(wire_arena_alloc(&arena, (1 << 20) + 1));
        assert_non_null(wire_arena_alloc(&arena, 1 << 20));
        wire_arena_reset(&arena);
    }
    wire_arena_finish(&arena);
}

TEST(a_refused_allocation_costs_nothing)
{
    struct wire_arena arena;

    wire_arena_init(&arena, 4096);
    assert_null(wire_arena_alloc(&arena, 5000));
    assert_non_null(wire_arena_alloc(&arena, 4096));
    wire_arena_finish(&arena);
}

TEST(absurd_sizes_and_products_are_refused)
{
    struct wire_arena arena;

    wire_arena_init(&arena, no_limit);
    assert_null(wire_arena_alloc(&arena, SIZE_MAX));
    assert_null(wire_arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(wire_arena_alloc_array(&arena, SIZE_MAX / 8 + 2, 8)); /* wraps around to 8 */
    assert_null(wire_arena_alloc_array(&arena, 8, SIZE_MAX / 8 + 2));
    wire_arena_finish(&arena);
}

TEST(empty_allocations_are_valid_pointers)
{
    struct wire_arena arena;

    wire_arena_init(&arena, 4096);
    assert_non_null(wire_arena_alloc(&arena, 0));
    assert_non_null(wire_arena_alloc_array(&arena, 0, 100));
    assert_non_null(wire_arena_alloc_array(&arena, 100, 0));
    wire_arena_finish(&arena);
}

TEST(unused_and_finished_arenas_can_be_reset_and_finished)
{
    struct wire_arena arena;

    wire_arena_init(&arena, 4096);
    wire_arena_reset(&arena);
    wire_arena_finish(&arena);
    wire_arena_finish(&arena);
}

TEST(arenas_share_an_account_as_long_as_they_hold_something)
{
    enum { LARGE = 1 << 20 };
    struct base_account account = {.limit = 2 * LARGE + LARGE / 2};
    struct wire_arena first, second;

    wire_arena_init(&first, no_limit);
    wire_arena_init(&second, no_limit);
    wire_arena_set_account(&first, &account);
    wire_arena_set_account(&second, &account);
    assert_non_null(wire_arena_alloc(&first, LARGE));
    assert_non_null(wire_arena_alloc(&second, LARGE));
    assert_null(wire_arena_alloc(&second, LARGE));
    assert_null(wire_arena_alloc(&first, SIZE_MAX / 4));
    wire_arena_reset(&first);
    assert_non_null(wire_arena_alloc(&second, LARGE));
    wire_arena_finish(&first);
    wire_arena_finish(&second);
    assert_int_equal(account.bytes, 0);
}
