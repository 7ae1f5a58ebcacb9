#include "wire/reader.h"

#include <stdlib.h>

#include "tests/unit/test.h"

TEST(scalars_are_little_endian_and_4_byte_aligned)
{
    static const uint8_t bytes[] = {
        0x78, 0x56, 0x34, 0x12,                         /* u32 */
        0xfe, 0xff, 0xff, 0xff,                         /* i32 */
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, /* u64, at an offset of 8 */
        0xab, 0x99, 0x99, 0x99,                         /* u8, and padding that nobody cleared */
        0xcd, 0xab, 0x99, 0x99,                         /* u16, likewise */
        0x00, 0x00, 0xc0, 0x3f,                         /* f32 */
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0xc0, /* f64 */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* i64 */
    };
    struct wire_reader r = wire_reader_over(bytes, sizeof(bytes));

    assert_int_equal(wire_read_u32(&r), 0x12345678);
    assert_int_equal(wire_read_i32(&r), -2);
    assert_true(wire_read_u64(&r) == UINT64_C(0x0123456789abcdef));
    assert_int_equal(wire_read_u8(&r), 0xab);
    assert_int_equal(wire_read_u16(&r), 0xabcd);
    assert_true(wire_read_f32(&r) == 1.5f);
    assert_true(wire_read_f64(&r) == -2.5);
    assert_true(wire_read_i64(&r) == -1);
    assert_false(r.failed);
    assert_int_equal(wire_reader_left(&r), 0);
}

TEST(failure_is_sticky_and_reads_zero)
{
    static const uint8_t bytes[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct wire_reader r = wire_reader_over(bytes, 6);

    assert_true(wire_read_u64(&r) == 0);
    assert_true(r.failed);
    assert_int_equal(wire_read_u32(&r), 0); /* would have fitted */
    assert_null(wire_read_bytes(&r, 1));
    assert_int_equal(wire_read_count(&r, 1), 0);
}

TEST(an_empty_stream_needs_no_memory)
{
    struct wire_reader r = wire_reader_over(NULL, 0);

    assert_int_equal(wire_reader_left(&r), 0);
    assert_non_null(wire_read_bytes(&r, 0));
    assert_false(r.failed);
    assert_int_equal(wire_read_u32(&r), 0);
    assert_true(r.failed);
}

TEST(bytes_are_followed_by_their_padding)
{
    static const uint8_t bytes[] = {'v', 'e', 's', 'p', 'e', 9, 9, 9, 7, 0, 0, 0};
    struct wire_reader r = wire_reader_over(bytes, sizeof(bytes));

    assert_memory_equal(wire_read_bytes(&r, 5), "vespe", 5);
    assert_int_equal(wire_read_u32(&r), 7);
    assert_false(r.failed);
}

TEST(bytes_without_their_padding_fail)
{
    static const uint8_t bytes[7] = {0};
    struct wire_reader r = wire_reader_over(bytes, sizeof(bytes));

    assert_null(wire_read_bytes(&r, 5));
    assert_true(r.failed);
}

TEST(sizes_near_the_end_of_the_numbers_fail)
{
    static const uint8_t bytes[8] = {0};

    for (size_t size = SIZE_MAX - 8; size != 0; size++) {
        struct wire_reader r = wire_reader_over(bytes, sizeof(bytes));
        assert_null(wire_read_bytes(&r, size));
        assert_true(r.failed);
    }
}

TEST(padding_reaches_the_next_multiple_of_4)
{
    assert_int_equal(wire_padded(0), 0);
    assert_int_equal(wire_padded(1), 4);
    assert_int_equal(wire_padded(4), 4);
    assert_int_equal(wire_padded(5), 8);
    assert_true(wire_padded(SIZE_MAX - 3) == SIZE_MAX - 3);
    assert_true(wire_padded(SIZE_MAX - 2) == SIZE_MAX);
}

static size_t
read_count_of(uint64_t claimed, size_t following, size_t wire_size, bool *failed)
{
    uint8_t *bytes = calloc(1, 8 + following);
    assert_non_null(bytes);
    memcpy(bytes, &claimed, sizeof(claimed));
    struct wire_reader r = wire_reader_over(bytes, 8 + following);
    size_t count = wire_read_count(&r, wire_size);
    *failed = r.failed;
    free(bytes);
    return count;
}

TEST(a_count_that_the_stream_can_hold_is_given)
{
    bool failed;

    assert_int_equal(read_count_of(3, 12, 4, &failed), 3);
    assert_false(failed);
    assert_int_equal(read_count_of(0, 0, 4, &failed), 0);
    assert_false(failed);
}

TEST(a_count_larger_than_the_stream_fails_before_allocating)
{
    bool failed;

    assert_int_equal(read_count_of(4, 12, 4, &failed), 0);
    assert_true(failed);
    assert_int_equal(read_count_of(UINT64_C(1) << 63, 12, 4, &failed), 0);
    assert_true(failed);
    assert_int_equal(read_count_of(UINT64_MAX / 4 + 2, 12, 4, &failed),
                     0); /* times 4 wraps around */
    assert_true(failed);
}
