#include "wire/writer.h"

#include "tests/unit/test.h"
#include "wire/reader.h"

TEST(what_is_written_is_read)
{
    uint8_t bytes[56];
    struct wire_writer w = wire_writer_over(bytes, sizeof(bytes));

    wire_write_u32(&w, UINT32_MAX);
    wire_write_u64(&w, UINT64_MAX - 1);
    wire_write_i32(&w, INT32_MIN);
    wire_write_i64(&w, INT64_MIN);
    wire_write_f32(&w, -0.0f);
    wire_write_f64(&w, 1e300);
    wire_write_u8(&w, 200);
    wire_write_u16(&w, 60000);
    wire_write_bytes(&w, "vesper", 6);
    assert_ptr_equal(w.at, w.end - 4);

    struct wire_reader r = wire_reader_over(bytes, (size_t)(w.at - bytes));
    assert_true(wire_read_u32(&r) == UINT32_MAX);
    assert_true(wire_read_u64(&r) == UINT64_MAX - 1);
    assert_true(wire_read_i32(&r) == INT32_MIN);
    assert_true(wire_read_i64(&r) == INT64_MIN);
    assert_true(wire_read_u32(&r) == 0x80000000u);
    assert_true(wire_read_f64(&r) == 1e300);
    assert_int_equal(wire_read_u8(&r), 200);
    assert_int_equal(wire_read_u16(&r), 60000);
    assert_memory_equal(wire_read_bytes(&r, 6), "vesper", 6);
    assert_int_equal(wire_reader_left(&r), 0);
    assert_false(r.failed);
}

/* Nothing that lay in a shared buffer before leaks into the stream. */
TEST(padding_is_cleared)
{
    uint8_t bytes[16];
    struct wire_writer w = wire_writer_over(bytes, sizeof(bytes));

    memset(bytes, 0xee, sizeof(bytes));
    wire_write_u8(&w, 1);
    wire_write_u16(&w, 2);
    wire_write_bytes(&w, "\3\4\5\6\7", 5);
    assert_memory_equal(bytes, "\1\0\0\0\2\0\0\0\3\4\5\6\7\0\0\0", 16);
}

TEST(no_bytes_take_no_room)
{
    uint8_t bytes[1];
    struct wire_writer w = wire_writer_over(bytes, 0);

    wire_write_bytes(&w, NULL, 0);
    assert_ptr_equal(w.at, bytes);
}
