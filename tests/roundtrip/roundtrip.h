/* Round trips of every command: what the generator's own encoder wrote, our C decodes and encodes
 * again to the same bytes, of the predicted size; and so for replies, the other way round. */
#ifndef ROUNDTRIP_H
#define ROUNDTRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/runtime/caps.h"
#include "protocol/runtime/decoder.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* One sample on its way through. The driver's objects are fakes that only know their id. */
struct roundtrip {
    struct proto_decoder decoder; /* first: the ops find us by it */
    const struct proto_caps *caps;
    struct wire_reader request, reply;
    struct wire_arena arena;
    const uint8_t *expected_request, *expected_reply; /* NULL: not known */
    size_t expected_request_size, expected_reply_size;
    bool compare;      /* false: the bytes are damaged on purpose, only survival counts */
    char problem[160]; /* empty: all as expected */
    uint8_t *buffer;   /* of the last encoding */
    size_t buffer_size;
};

struct roundtrip_sample {
    const char *name;
    unsigned variant;
    uint32_t number;
    bool (*run)(struct roundtrip *t); /* false: the request did not decode */
    size_t request_offset, request_size, reply_offset, reply_size; /* in roundtrip_bytes */
};

extern const uint8_t roundtrip_bytes[];
extern const struct roundtrip_sample roundtrip_samples[];
extern const size_t roundtrip_sample_count;

/* --- for the generated functions --- */

/* Points out handles at fakes with the ids that the request chose. */
void roundtrip_name(struct roundtrip *t, const uint64_t *ids, void *handles, uint64_t count);
/* A writer over `size` bytes. */
void roundtrip_request(struct roundtrip *t, size_t size, struct wire_writer *out);
void roundtrip_request_done(struct roundtrip *t, const struct wire_writer *out);
/* The driver's side took the reply; only then do the out parameters hold what may be encoded. */
bool roundtrip_reply_understood(struct roundtrip *t);
void roundtrip_reply(struct roundtrip *t, size_t bound, size_t size, struct wire_writer *out);
void roundtrip_reply_done(struct roundtrip *t, const struct wire_writer *out);

/* Generated, one a command. */
#include "tests/roundtrip/roundtrip_commands.h"

#endif
