#include "protocol/runtime/decoder.h"

#include <string.h>

#include "tests/unit/test.h"
#include "wire/writer.h"

enum {
    KNOWN_ID = 42,
    HOST_HANDLE = 0x1234,
    BUDGET = 1 << 20,
};

static uint64_t
lookup(struct proto_decoder *d, uint64_t id, VkObjectType type)
{
    if (id != KNOWN_ID || type != VK_OBJECT_TYPE_BUFFER) {
        proto_decoder_fail(d, "no such object");
        return 0;
    }
    return HOST_HANDLE;
}

static const struct proto_decoder_ops fake_ops = {.lookup = lookup, .lookup_leading = lookup};

/* A decoder over a stream that the test writes first. */
struct fixture {
    uint8_t bytes[256];
    struct wire_writer out;
    struct wire_reader in;
    struct wire_arena arena;
    struct proto_decoder d;
};

static void
start(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    f->out = wire_writer_over(f->bytes, sizeof(f->bytes));
    wire_arena_init(&f->arena, BUDGET);
}

static struct proto_decoder *
decoder(struct fixture *f)
{
    f->in = wire_reader_over(f->bytes, (size_t)(f->out.at - f->bytes));
    f->d = (struct proto_decoder){.in = &f->in, .arena = &f->arena, .ops = &fake_ops};
    return &f->d;
}

static void
end(struct fixture *f)
{
    wire_arena_finish(&f->arena);
}

/* The decoder of a stream that is one u64. */
static struct proto_decoder *
decoder_of_u64(struct fixture *f, uint64_t value)
{
    start(f);
    wire_write_u64(&f->out, value);
    return decoder(f);
}

TEST(the_first_reason_is_kept)
{
    struct fixture f;
    struct proto_decoder *d = decoder_of_u64(&f, 0);

    proto_decoder_fail(d, "reason %d", 1);
    proto_decoder_fail(d, "reason %d", 2);
    assert_true(f.in.failed);
    assert_string_equal(d->error, "reason 1");
    end(&f);
}

TEST(truncation_leaves_no_reason_even_if_more_goes_wrong)
{
    struct fixture f;
    struct proto_decoder *d = decoder_of_u64(&f, 1);

    wire_read_u64(d->in);
    assert_false(proto_decode_pointer(d, false, "pInfo"));
    assert_true(f.in.failed);
    assert_string_equal(d->error, "");
    end(&f);
}

TEST(long_reasons_are_cut)
{
    struct fixture f;
    struct proto_decoder *d = decoder_of_u64(&f, 0);

    proto_decoder_fail(d, "%500d", 1);
    assert_int_equal(strlen(d->error), sizeof(d->error) - 1);
    end(&f);
}

TEST(a_known_id_gives_the_host_handle)
{
    struct fixture f;
    uint64_t id = 0;

    struct proto_decoder *d = decoder_of_u64(&f, KNOWN_ID);
    assert_int_equal(proto_decode_handle_and_id(d, VK_OBJECT_TYPE_BUFFER, &id), HOST_HANDLE);
    assert_int_equal(id, KNOWN_ID);
    assert_false(f.in.failed);
    end(&f);
}

TEST(id_0_is_no_handle_and_is_not_looked_up)
{
    struct fixture f;

    assert_int_equal(proto_decode_handle(decoder_of_u64(&f, 0), VK_OBJECT_TYPE_BUFFER), 0);
    assert_false(f.in.failed);
    end(&f);
}

TEST(unknown_ids_and_other_types_fail)
{
    struct fixture f;

    assert_int_equal(proto_decode_handle(decoder_of_u64(&f, 43), VK_OBJECT_TYPE_BUFFER), 0);
    assert_true(f.in.failed);
    end(&f);
    assert_int_equal(proto_decode_handle(decoder_of_u64(&f, KNOWN_ID), VK_OBJECT_TYPE_IMAGE), 0);
    assert_true(f.in.failed);
    end(&f);
}

static size_t
array_size(uint64_t sent, uint64_t expected, bool may_be_absent, bool *failed)
{
    struct fixture f;

    start(&f);
    wire_write_u64(&f.out, sent);
    for (int i = 0; i < 4; i++) {
        wire_write_u64(&f.out, 0);
    }
    size_t size = proto_decode_array_size(decoder(&f), expected, 8, may_be_absent, "pThings");
    *failed = f.in.failed;
    assert_int_equal(*failed, f.d.error[0] != '\0');
    end(&f);
    return size;
}

TEST(an_array_has_the_expected_size)
{
    bool failed;

    assert_int_equal(array_size(4, 4, false, &failed), 4);
    assert_false(failed);
    assert_int_equal(array_size(3, 4, false, &failed), 0);
    assert_true(failed);
    assert_int_equal(array_size(4, 3, true, &failed), 0);
    assert_true(failed);
    assert_int_equal(array_size(1, 0, true, &failed), 0);
    assert_true(failed);
}

TEST(only_optional_or_empty_arrays_may_be_absent)
{
    bool failed;

    assert_int_equal(array_size(0, 4, true, &failed), 0);
    assert_false(failed);
    assert_int_equal(array_size(0, 0, false, &failed), 0);
    assert_false(failed);
    assert_int_equal(array_size(0, 4, false, &failed), 0);
    assert_true(failed);
}

TEST(an_array_longer_than_the_stream_fails_before_allocating)
{
    bool failed;

    assert_int_equal(array_size(5, 5, false, &failed), 0);
    assert_true(failed);
    assert_int_equal(array_size(UINT64_C(1) << 63, UINT64_C(1) << 63, false, &failed), 0);
    assert_true(failed);
}

TEST(an_array_without_content_is_bounded_by_memory_only)
{
    struct fixture f;

    struct proto_decoder *d = decoder_of_u64(&f, 1000);
    assert_int_equal(proto_decode_array_size(d, 1000, 0, false, "pData"), 1000);
    assert_non_null(proto_decoder_alloc(d, 1000, 1));
    assert_false(f.in.failed);
    end(&f);

    d = decoder_of_u64(&f, BUDGET + 1);
    assert_int_equal(proto_decode_array_size(d, BUDGET + 1, 0, false, "pData"), BUDGET + 1);
    assert_null(proto_decoder_alloc(d, BUDGET + 1, 1));
    assert_true(f.in.failed);
    assert_non_null(strstr(d->error, "temporary memory"));
    end(&f);

    d = decoder_of_u64(&f, UINT64_MAX);
    assert_int_equal(proto_decode_array_size(d, UINT64_MAX, 0, false, "pData"), 0);
    assert_true(f.in.failed);
    end(&f);
}

TEST(any_value_but_0_says_that_a_pointer_is_present)
{
    struct fixture f;

    assert_true(proto_decode_pointer(decoder_of_u64(&f, 1), false, "pInfo"));
    assert_false(f.in.failed);
    end(&f);
    assert_true(proto_decode_pointer(decoder_of_u64(&f, UINT64_C(1) << 40), false, "pInfo"));
    assert_false(f.in.failed);
    end(&f);
}

TEST(only_optional_pointers_may_be_absent)
{
    struct fixture f;

    assert_false(proto_decode_pointer(decoder_of_u64(&f, 0), true, "pInfo"));
    assert_false(f.in.failed);
    end(&f);
    assert_false(proto_decode_pointer(decoder_of_u64(&f, 0), false, "pInfo"));
    assert_true(f.in.failed);
    assert_non_null(strstr(f.d.error, "pInfo"));
    end(&f);
}

TEST(what_has_no_wire_form_must_be_absent)
{
    struct fixture f;

    proto_decode_absent(decoder_of_u64(&f, 0), "pAllocator");
    assert_false(f.in.failed);
    end(&f);
    proto_decode_absent(decoder_of_u64(&f, 1), "pAllocator");
    assert_true(f.in.failed);
    assert_non_null(strstr(f.d.error, "pAllocator"));
    end(&f);
}

TEST(a_string_is_copied_out_of_the_stream)
{
    struct fixture f;

    start(&f);
    wire_write_u64(&f.out, 5);
    wire_write_bytes(&f.out, "main", 5);
    char *string = proto_decode_string(decoder(&f), false, "pName");
    memset(f.bytes, 'x', sizeof(f.bytes));
    assert_string_equal(string, "main");
    assert_int_equal(wire_reader_left(&f.in), 0);
    end(&f);
}

TEST(a_string_always_ends)
{
    struct fixture f;

    start(&f);
    wire_write_u64(&f.out, 4);
    wire_write_bytes(&f.out, "main", 4);
    wire_write_bytes(&f.out, "more", 4);
    assert_string_equal(proto_decode_string(decoder(&f), false, "pName"), "mai");
    assert_int_equal(wire_reader_left(&f.in), 4);
    end(&f);
}

TEST(only_optional_strings_may_be_absent)
{
    struct fixture f;

    assert_null(proto_decode_string(decoder_of_u64(&f, 0), true, "pName"));
    assert_false(f.in.failed);
    end(&f);
    assert_null(proto_decode_string(decoder_of_u64(&f, 0), false, "pName"));
    assert_true(f.in.failed);
    end(&f);
}

TEST(a_string_longer_than_the_stream_fails)
{
    static const uint64_t sizes[] = {9, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX};
    struct fixture f;

    for (size_t i = 0; i < BASE_COUNT_OF(sizes); i++) {
        start(&f);
        wire_write_u64(&f.out, sizes[i]);
        wire_write_u64(&f.out, 0);
        assert_null(proto_decode_string(decoder(&f), true, "pName"));
        assert_true(f.in.failed);
        assert_int_equal(f.arena.total, 0);
        end(&f);
    }
}

TEST(bytes_are_copied_with_their_padding_skipped)
{
    struct fixture f;

    start(&f);
    wire_write_bytes(&f.out, "abcde", 5);
    wire_write_u32(&f.out, 7);
    assert_memory_equal(proto_decode_bytes(decoder(&f), 5), "abcde", 5);
    assert_int_equal(wire_read_u32(&f.in), 7);
    assert_non_null(proto_decode_bytes(&f.d, 0));
    assert_false(f.in.failed);
    assert_null(proto_decode_bytes(&f.d, 1));
    assert_true(f.in.failed);
    end(&f);
}

/* A command as generated code reads one: handle, pointer to a name, array of handles, blob. */
static void
write_sample(struct wire_writer *out)
{
    wire_write_u64(out, KNOWN_ID);
    wire_write_u64(out, 1);
    wire_write_u64(out, 5);
    wire_write_bytes(out, "main", 5);
    wire_write_u32(out, 2);
    wire_write_u64(out, 2);
    wire_write_u64(out, KNOWN_ID);
    wire_write_u64(out, 0);
    wire_write_u64(out, 6);
    wire_write_u64(out, 6);
    wire_write_bytes(out, "binary", 6);
    wire_write_u64(out, 0);
}

static bool
decode_sample(struct proto_decoder *d)
{
    proto_decode_handle(d, VK_OBJECT_TYPE_BUFFER);
    if (proto_decode_pointer(d, true, "pInfo")) {
        proto_decode_string(d, false, "pName");
    }
    uint32_t count = wire_read_u32(d->in);
    size_t size = proto_decode_array_size(d, count, 8, false, "pBuffers");
    uint64_t *handles = proto_decoder_alloc(d, size, sizeof(*handles));
    for (size_t i = 0; handles && i < size; i++) {
        handles[i] = proto_decode_handle(d, VK_OBJECT_TYPE_BUFFER);
    }
    uint64_t blob_size = wire_read_u64(d->in);
    proto_decode_bytes(d, proto_decode_array_size(d, blob_size, 1, true, "pData"));
    proto_decode_absent(d, "pAllocator");
    return !d->in->failed;
}

TEST(a_whole_sample_decodes)
{
    struct fixture f;

    start(&f);
    write_sample(&f.out);
    assert_true(decode_sample(decoder(&f)));
    assert_int_equal(wire_reader_left(&f.in), 0);
    end(&f);
}

TEST(every_truncation_of_the_sample_fails)
{
    struct fixture f;

    start(&f);
    write_sample(&f.out);
    uint8_t *whole = f.out.at;
    for (f.out.at = f.bytes; f.out.at < whole; f.out.at++) {
        assert_false(decode_sample(decoder(&f)));
    }
    end(&f);
}

/* Decodes or fails: what matters is that no sanitizer complains and nothing large is allocated. */
TEST(every_overwritten_word_of_the_sample_is_survived)
{
    static const uint32_t words[] = {0, 1, 2, 5, 0x7fffffff, 0x80000000, 0xffffffff};
    struct fixture f;

    for (size_t at = 0;; at += 4) {
        for (size_t i = 0; i < BASE_COUNT_OF(words); i++) {
            start(&f);
            write_sample(&f.out);
            if (f.bytes + at >= f.out.at) {
                end(&f);
                return;
            }
            memcpy(f.bytes + at, &words[i], sizeof(words[i]));
            decode_sample(decoder(&f));
            assert_true(f.arena.total < 256);
            end(&f);
        }
    }
}
