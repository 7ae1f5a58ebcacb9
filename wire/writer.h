/* Writes items into memory that the caller has sized beforehand; only assertions check the bound,
 * since sizes come from our own generated size functions. Single thread. */
#ifndef WIRE_WRITER_H
#define WIRE_WRITER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_writer {
    uint8_t *at, *end;
};

static inline struct wire_writer
wire_writer_over(void *bytes, size_t size)
{
    return (struct wire_writer){.at = bytes, .end = (uint8_t *)bytes + size};
}

static inline void
wire_write_u32(struct wire_writer *w, uint32_t value)
{
    assert((size_t)(w->end - w->at) >= sizeof(value));
    memcpy(w->at, &value, sizeof(value));
    w->at += sizeof(value);
}

static inline void
wire_write_u64(struct wire_writer *w, uint64_t value)
{
    assert((size_t)(w->end - w->at) >= sizeof(value));
    memcpy(w->at, &value, sizeof(value));
    w->at += sizeof(value);
}

static inline void
wire_write_i32(struct wire_writer *w, int32_t value)
{
    wire_write_u32(w, (uint32_t)value);
}

static inline void
wire_write_i64(struct wire_writer *w, int64_t value)
{
    wire_write_u64(w, (uint64_t)value);
}

static inline void
wire_write_f32(struct wire_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    wire_write_u32(w, bits);
}

static inline void
wire_write_f64(struct wire_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    wire_write_u64(w, bits);
}

static inline void
wire_write_u8(struct wire_writer *w, uint8_t value)
{
    wire_write_u32(w, value);
}

static inline void
wire_write_u16(struct wire_writer *w, uint16_t value)
{
    wire_write_u32(w, value);
}

static inline void
wire_write_i8(struct wire_writer *w, int8_t value)
{
    wire_write_i32(w, value);
}

static inline void
wire_write_i16(struct wire_writer *w, int16_t value)
{
    wire_write_i32(w, value);
}

/* `size` bytes and zero padding up to a multiple of 4. */
static inline void
wire_write_bytes(struct wire_writer *w, const void *bytes, size_t size)
{
    size_t padded = (size + 3) & ~(size_t)3;
    assert((size_t)(w->end - w->at) >= padded);
    if (size > 0) {
        memcpy(w->at, bytes, size);
    }
    memset(w->at + size, 0, padded - size);
    w->at += padded;
}

#endif
