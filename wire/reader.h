/* The one cursor through which every byte from a peer passes. Failure is sticky: after the first
 * read past the end everything reads as zero and `failed` stays set, so decoding is a straight line
 * and one check guards the action. All items are little-endian and padded to 4 bytes (Venus wire
 * format, version 1). Single thread. */
#ifndef WIRE_READER_H
#define WIRE_READER_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_reader {
    const uint8_t *at, *end;
    bool failed;
};

/* `bytes` may be NULL if size is 0. */
static inline struct wire_reader
wire_reader_over(const void *bytes, size_t size)
{
    const uint8_t *start = bytes ? bytes : (const uint8_t *)""; /* NULL + 0 is undefined */

    return (struct wire_reader){.at = start, .end = start + size};
}

static inline size_t
wire_reader_left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->at);
}

/* Bytes occupied by `size` bytes on the wire; SIZE_MAX if that overflows. */
static inline size_t
wire_padded(size_t size)
{
    return size > SIZE_MAX - 3 ? SIZE_MAX : (size + 3) & ~(size_t)3;
}

static inline const uint8_t *
wire_read_raw(struct wire_reader *r, size_t size)
{
    if (r->failed || size > wire_reader_left(r)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += size;
    return bytes;
}

/* `size` bytes and their padding; the pointer is into the stream. NULL on failure. */
static inline const uint8_t *
wire_read_bytes(struct wire_reader *r, size_t size)
{
    return wire_read_raw(r, wire_padded(size));
}

static inline uint32_t
wire_read_u32(struct wire_reader *r)
{
    uint32_t value = 0;
    const uint8_t *bytes = wire_read_raw(r, sizeof(value));
    if (bytes) {
        memcpy(&value, bytes, sizeof(value));
    }
    return value;
}

static inline uint64_t
wire_read_u64(struct wire_reader *r)
{
    uint64_t value = 0;
    const uint8_t *bytes = wire_read_raw(r, sizeof(value));
    if (bytes) {
        memcpy(&value, bytes, sizeof(value));
    }
    return value;
}

static inline int32_t
wire_read_i32(struct wire_reader *r)
{
    return (int32_t)wire_read_u32(r);
}

static inline int64_t
wire_read_i64(struct wire_reader *r)
{
    return (int64_t)wire_read_u64(r);
}

static inline float
wire_read_f32(struct wire_reader *r)
{
    uint32_t bits = wire_read_u32(r);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline double
wire_read_f64(struct wire_reader *r)
{
    uint64_t bits = wire_read_u64(r);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* A single 8- or 16-bit item: 4 bytes on the wire, the upper ones ignored. */
static inline uint8_t
wire_read_u8(struct wire_reader *r)
{
    return (uint8_t)wire_read_u32(r);
}

static inline uint16_t
wire_read_u16(struct wire_reader *r)
{
    return (uint16_t)wire_read_u32(r);
}

static inline int8_t
wire_read_i8(struct wire_reader *r)
{
    return (int8_t)wire_read_i32(r);
}

static inline int16_t
wire_read_i16(struct wire_reader *r)
{
    return (int16_t)wire_read_i32(r);
}

/* The length the peer claims, once that many elements could still follow. `wire_size` is the least
 * an element can occupy, so an absurd claim fails here and sizes no allocation. */
static inline size_t
wire_read_count(struct wire_reader *r, size_t wire_size)
{
    assert(wire_size > 0);
    uint64_t claimed = wire_read_u64(r);
    if (claimed > wire_reader_left(r) / wire_size) {
        r->failed = true;
        return 0;
    }
    return (size_t)claimed;
}

#endif
