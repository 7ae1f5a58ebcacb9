#include "protocol/runtime/decoder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
proto_decoder_fail(struct proto_decoder *d, const char *format, ...)
{
    va_list args;

    if (d->in->failed) {
        return; /* what looks wrong now is a consequence: a failed reader reads zeroes */
    }
    d->in->failed = true;
    va_start(args, format);
    vsnprintf(d->error, sizeof(d->error), format, args);
    va_end(args);
}

void *
proto_decoder_alloc(struct proto_decoder *d, size_t count, size_t size)
{
    void *memory = wire_arena_alloc_array(d->arena, count, size);

    if (!memory) {
        proto_decoder_fail(
            d,
            "%zu items of %zu bytes exceed the command's temporary memory: %zu of %zu "
            "bytes are taken",
            count, size, d->arena->total, d->arena->budget);
    }
    return memory;
}

uint64_t
proto_decode_handle(struct proto_decoder *d, VkObjectType type)
{
    uint64_t id;

    return proto_decode_handle_and_id(d, type, &id);
}

uint64_t
proto_decode_handle_and_id(struct proto_decoder *d, VkObjectType type, uint64_t *id)
{
    *id = wire_read_u64(d->in);
    return *id ? d->ops->lookup(d, *id, type) : 0;
}

size_t
proto_decode_array_size(struct proto_decoder *d, uint64_t expected, size_t wire_size,
                        bool may_be_absent, const char *what)
{
    uint64_t claimed = wire_read_u64(d->in);

    if (d->in->failed) {
        return 0;
    }
    if (claimed == 0) {
        if (expected > 0 && !may_be_absent) {
            proto_decoder_fail(d, "%s: absent, %" PRIu64 " elements are required", what, expected);
        }
        return 0;
    }
    if (claimed != expected) {
        proto_decoder_fail(d, "%s: %" PRIu64 " elements where the command says %" PRIu64, what,
                           claimed, expected);
        return 0;
    }
    if (wire_size > 0 && expected > wire_reader_left(d->in) / wire_size) {
        proto_decoder_fail(d, "%s: %" PRIu64 " elements cannot follow in the %zu bytes left", what,
                           expected, wire_reader_left(d->in));
        return 0;
    }
    if (expected > PTRDIFF_MAX) {
        proto_decoder_fail(d, "%s: %" PRIu64 " elements fit into no memory", what, expected);
        return 0;
    }
    return (size_t)expected;
}

bool
proto_decode_pointer(struct proto_decoder *d, bool may_be_absent, const char *what)
{
    /* Senders write 0 or 1; any value but 0 has always been taken for "present". */
    if (wire_read_u64(d->in) != 0) {
        return true;
    }
    if (!may_be_absent) {
        proto_decoder_fail(d, "%s: absent, but required", what);
    }
    return false;
}

void
proto_decode_absent(struct proto_decoder *d, const char *what)
{
    if (wire_read_u64(d->in) != 0) {
        proto_decoder_fail(d, "%s: present, but has no form on the wire", what);
    }
}

char *
proto_decode_string(struct proto_decoder *d, bool may_be_absent, const char *what)
{
    uint64_t size = wire_read_u64(d->in); /* with the terminating NUL */

    if (d->in->failed) {
        return NULL;
    }
    if (size == 0) {
        if (!may_be_absent) {
            proto_decoder_fail(d, "%s: string absent, but required", what);
        }
        return NULL;
    }
    if (size > wire_reader_left(d->in)) {
        proto_decoder_fail(d,
                           "%s: a string of %" PRIu64 " bytes cannot follow in the %zu bytes left",
                           what, size, wire_reader_left(d->in));
        return NULL;
    }

    char *string = proto_decode_bytes(d, (size_t)size);
    if (string) {
        string[size - 1] = '\0'; /* whatever the peer put there */
    }
    return string;
}

void *
proto_decode_bytes(struct proto_decoder *d, size_t size)
{
    const uint8_t *bytes = wire_read_bytes(d->in, size);
    if (!bytes) {
        return NULL;
    }

    void *copy = proto_decoder_alloc(d, size, 1);
    if (copy) {
        memcpy(copy, bytes, size);
    }
    return copy;
}
