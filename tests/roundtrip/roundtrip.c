#include "tests/roundtrip/roundtrip.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/runtime/object.h"

enum {
    ARENA_BUDGET = 64 << 20,
    HEADER_SIZE = 8,       /* number and flags, which the samples leave out */
    MOST_BYTES = 64 << 20, /* of all round trips of a sample together */
};

static void problem(struct roundtrip *t, const char *format, ...) BASE_PRINTF(2, 3);

static void
problem(struct roundtrip *t, const char *format, ...)
{
    if (t->problem[0] || !t->compare) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(t->problem, sizeof(t->problem), format, args);
    va_end(args);
}

static uint64_t
fake_object(struct roundtrip *t, uint64_t id)
{
    struct proto_object *object = wire_arena_alloc(&t->arena, sizeof(*object));
    if (!object) {
        abort();
    }
    object->id = id;
    return (uint64_t)(uintptr_t)object;
}

static uint64_t
look_up(struct proto_decoder *d, uint64_t id, VkObjectType type)
{
    return fake_object((struct roundtrip *)d, id);
}

static uint64_t
look_up_leading(struct proto_decoder *d, uint64_t id, VkObjectType type)
{
    if (id == 0) {
        proto_decoder_fail(d, "leading handle is 0");
        return 0;
    }
    return fake_object((struct roundtrip *)d, id);
}

static const struct proto_decoder_ops ops = {look_up, look_up_leading};

void
roundtrip_name(struct roundtrip *t, const uint64_t *ids, void *handles, uint64_t count)
{
    uint64_t *out = handles;
    for (uint64_t i = 0; ids && out && i < count; i++) {
        out[i] = ids[i] ? fake_object(t, ids[i]) : 0;
    }
}

static void
buffer_for(struct roundtrip *t, size_t size, struct wire_writer *out)
{
    t->buffer = realloc(t->buffer, size ? size : 1);
    if (!t->buffer) {
        abort();
    }
    t->buffer_size = size;
    memset(t->buffer, 0xaa, size);
    *out = wire_writer_over(t->buffer, size);
}

static void
compare_bytes(struct roundtrip *t, const char *what, const uint8_t *got, size_t size,
              const uint8_t *expected, size_t expected_size)
{
    if (size != expected_size) {
        problem(t, "%s: %zu bytes, expected %zu", what, size, expected_size);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (got[i] != expected[i]) {
            problem(t, "%s: byte %zu is %02x, expected %02x", what, i, got[i], expected[i]);
            return;
        }
    }
}

void
roundtrip_request(struct roundtrip *t, size_t size, struct wire_writer *out)
{
    buffer_for(t, size, out);
}

void
roundtrip_request_done(struct roundtrip *t, const struct wire_writer *out)
{
    if (out->at != out->end) {
        problem(t, "request: %zu bytes written, %zu predicted", (size_t)(out->at - t->buffer),
                t->buffer_size);
    }
    if (t->expected_request) {
        compare_bytes(t, "request", t->buffer + HEADER_SIZE, t->buffer_size - HEADER_SIZE,
                      t->expected_request, t->expected_request_size);
    }
}

bool
roundtrip_reply_understood(struct roundtrip *t)
{
    if (t->reply.failed && t->expected_reply) {
        problem(t, "reply: %zu bytes were not understood", t->expected_reply_size);
    }
    return !t->reply.failed;
}

void
roundtrip_reply(struct roundtrip *t, size_t bound, size_t size, struct wire_writer *out)
{
    if (wire_reader_left(&t->reply) > 0) {
        problem(t, "reply: %zu bytes were left over", wire_reader_left(&t->reply));
    }
    if (size > bound) {
        problem(t, "reply: %zu bytes, the driver reserved %zu", size, bound);
    }
    buffer_for(t, size, out);
}

void
roundtrip_reply_done(struct roundtrip *t, const struct wire_writer *out)
{
    if (out->at != out->end) {
        problem(t, "reply: %zu bytes written, %zu predicted", (size_t)(out->at - t->buffer),
                t->buffer_size);
    }
    compare_bytes(t, "reply", t->buffer, t->buffer_size, t->expected_reply, t->expected_reply_size);
}

/* Runs a sample's function over the given bytes; false if the request did not decode. */
static bool
run(struct roundtrip *t, const struct roundtrip_sample *sample, const uint8_t *request,
    size_t request_size, const uint8_t *reply, size_t reply_size)
{
    wire_arena_reset(&t->arena);
    t->request = wire_reader_over(request, request_size);
    t->reply = wire_reader_over(reply, reply_size);
    t->decoder = (struct proto_decoder){.in = &t->request, .arena = &t->arena, .ops = &ops};
    t->problem[0] = 0;
    return sample->run(t);
}

static bool
check_intact(struct roundtrip *t, const struct roundtrip_sample *sample)
{
    t->compare = true;
    t->expected_request = roundtrip_bytes + sample->request_offset;
    t->expected_request_size = sample->request_size;
    t->expected_reply = roundtrip_bytes + sample->reply_offset;
    t->expected_reply_size = sample->reply_size;
    if (!run(t, sample, t->expected_request, sample->request_size, t->expected_reply,
             sample->reply_size)) {
        problem(t, "request does not decode: %s", t->decoder.error);
    } else if (wire_reader_left(&t->request) > 0) {
        problem(t, "%zu bytes of the request were left over", wire_reader_left(&t->request));
    }
    if (t->problem[0]) {
        printf("FAIL %s, variant %u: %s\n", sample->name, sample->variant, t->problem);
        return false;
    }
    return true;
}

/* Bytes that lie at the very end of an allocation, so that a sanitizer sees one read too many. */
static uint8_t *
exact_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, bytes, size);
    return copy;
}

/* From one place to the next that is damaged: every word, but fewer where samples are so long that
 * the round trips, one a place, would take minutes. Such samples repeat themselves. */
static size_t
step_through(size_t size)
{
    return 4 * (1 + size * (size / 4) / MOST_BYTES);
}

static bool
check_truncations(struct roundtrip *t, const struct roundtrip_sample *sample)
{
    t->compare = false;
    const uint8_t *request = roundtrip_bytes + sample->request_offset;
    const uint8_t *reply = roundtrip_bytes + sample->reply_offset;
    size_t step = step_through(sample->request_size);
    for (size_t size = 0; size < sample->request_size; size += step) {
        uint8_t *copy = exact_copy(request, size);
        bool decoded = run(t, sample, copy, size, reply, sample->reply_size);
        free(copy);
        if (decoded) {
            printf("FAIL %s, variant %u: decodes from %zu of %zu bytes\n", sample->name,
                   sample->variant, size, sample->request_size);
            return false;
        }
    }
    for (size_t size = 0; size < sample->reply_size; size += 4) {
        uint8_t *copy = exact_copy(reply, size);
        (void)run(t, sample, request, sample->request_size, copy, size);
        bool failed = t->reply.failed;
        free(copy);
        if (!failed) {
            printf("FAIL %s, variant %u: reply decodes from %zu of %zu bytes\n", sample->name,
                   sample->variant, size, sample->reply_size);
            return false;
        }
    }
    return true;
}

/* Each word in turn becomes something else: decoding fails or succeeds, but does nothing wild. */
static void
check_overwrites(struct roundtrip *t, const struct roundtrip_sample *sample)
{
    static const uint32_t values[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff};
    t->compare = false;
    const size_t size = sample->request_size, reply_size = sample->reply_size;
    uint8_t *request = exact_copy(roundtrip_bytes + sample->request_offset, size);
    uint8_t *reply = exact_copy(roundtrip_bytes + sample->reply_offset, reply_size);
    size_t step = step_through(size + reply_size);
    for (size_t at = 0; at + 4 <= size + reply_size; at += step) {
        uint8_t *word = at < size ? request + at : reply + (at - size);
        uint32_t saved;
        memcpy(&saved, word, 4);
        for (size_t i = 0; i < BASE_COUNT_OF(values); i++) {
            memcpy(word, &values[i], 4);
            (void)run(t, sample, request, size, reply, reply_size);
        }
        memcpy(word, &saved, 4);
    }
    free(request);
    free(reply);
}

/* --- streams captured from other drivers --- */

static const struct roundtrip_sample *
sample_of_command(uint32_t number)
{
    for (size_t i = 0; i < roundtrip_sample_count; i++) {
        if (roundtrip_samples[i].number == number) {
            return &roundtrip_samples[i];
        }
    }
    return NULL;
}

/* Decodes and encodes once more; false if that fails or gives other bytes than `expected`. */
static bool
encodes_to(struct roundtrip *t, const struct roundtrip_sample *sample, const uint8_t *request,
           size_t size, const uint8_t *expected)
{
    return run(t, sample, request, size, NULL, 0) && t->buffer_size == HEADER_SIZE + size &&
           memcmp(t->buffer + HEADER_SIZE, expected, size) == 0;
}

/* Whether what we encoded is the request, except for bytes that mean nothing: other drivers leave
 * chance in the padding of strings. Such a byte may be anything and the same comes out. */
static bool
is_same_but_for_padding(struct roundtrip *t, const struct roundtrip_sample *sample,
                        uint8_t *request, size_t size)
{
    uint8_t *encoded = exact_copy(t->buffer + HEADER_SIZE, size);
    bool same = true;
    for (size_t i = 0; i < size && same; i++) {
        if (encoded[i] == request[i]) {
            continue;
        }
        request[i] ^= 0xff;
        same = encodes_to(t, sample, request, size, encoded);
        request[i] ^= 0xff;
        if (!same) {
            problem(t, "byte %zu is %02x, expected %02x", i, encoded[i], request[i]);
        }
    }
    free(encoded);
    return same;
}

/* One captured request: our decoder tells where it ends, our encoder must make the same bytes of
 * it. The reply was not captured. */
static bool
check_captured(struct roundtrip *t, const struct roundtrip_sample *sample, uint8_t *request,
               size_t most, size_t *size)
{
    t->compare = true;
    t->expected_request = t->expected_reply = NULL;
    if (!run(t, sample, request, most, NULL, 0)) {
        problem(t, "does not decode: %s", t->decoder.error);
    } else {
        *size = (size_t)(t->request.at - request);
        if (t->buffer_size != HEADER_SIZE + *size) {
            problem(t, "%zu bytes, expected %zu", t->buffer_size - HEADER_SIZE, *size);
        } else if (is_same_but_for_padding(t, sample, request, *size)) {
            return true;
        }
    }
    printf("FAIL %s: %s\n", sample->name, t->problem);
    return false;
}

static bool
check_stream(struct roundtrip *t, const char *path)
{
    static uint8_t stream[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    struct wire_reader in = wire_reader_over(stream, fread(stream, 1, sizeof(stream), file));
    fclose(file);
    size_t commands = 0;
    while (wire_reader_left(&in) > 0) {
        uint32_t number = wire_read_u32(&in);
        (void)wire_read_u32(&in); /* flags */
        const struct roundtrip_sample *sample = in.failed ? NULL : sample_of_command(number);
        if (!sample) {
            printf("FAIL %s: command %zu has number %u\n", path, commands, number);
            return false;
        }
        size_t size;
        if (!check_captured(t, sample, stream + (in.at - stream), wire_reader_left(&in), &size)) {
            return false;
        }
        in.at += size;
        commands++;
    }
    printf("%s: %zu commands, the same bytes again\n", path, commands);
    return commands > 0;
}

static bool
check_samples(struct roundtrip *t)
{
    size_t failures = 0, bytes = 0;
    for (size_t i = 0; i < roundtrip_sample_count; i++) {
        const struct roundtrip_sample *sample = &roundtrip_samples[i];
        bytes += sample->request_size + sample->reply_size;
        if (!check_intact(t, sample) || !check_truncations(t, sample)) {
            failures++;
            continue;
        }
        check_overwrites(t, sample);
    }
    printf("%zu samples, %zu bytes, %zu failures\n", roundtrip_sample_count, bytes, failures);
    return failures == 0 && roundtrip_sample_count > 0;
}

/* Without arguments, the generated samples; with files, those captured streams. */
int
main(int argc, char **argv)
{
    struct proto_caps caps;
    proto_caps_init_all(&caps);
    struct roundtrip t = {.caps = &caps};
    wire_arena_init(&t.arena, ARENA_BUDGET);
    bool passed = argc > 1 || check_samples(&t);
    for (int i = 1; i < argc; i++) {
        passed &= check_stream(&t, argv[i]);
    }
    wire_arena_finish(&t.arena);
    free(t.buffer);
    return passed ? 0 : 1;
}
