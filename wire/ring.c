#include "wire/ring.h"

#include <assert.h>
#include <string.h>

/* A copy of `size` bytes at counter value `at` is up to two linear pieces: [start, end of the
 * buffer) and [0, rest). */
struct span {
    uint32_t start, first_size;
};

static struct span
span_at(const struct wire_ring_view *ring, uint32_t at, uint32_t size)
{
    assert(size <= ring->buffer_size);
    uint32_t start = at & (ring->buffer_size - 1);
    uint32_t until_end = ring->buffer_size - start;

    return (struct span){.start = start, .first_size = size < until_end ? size : until_end};
}

void
wire_ring_copy_in(const struct wire_ring_view *ring, uint32_t at, const void *from, uint32_t size)
{
    struct span span = span_at(ring, at, size);

    if (size > 0) {
        memcpy(ring->buffer + span.start, from, span.first_size);
        memcpy(ring->buffer, (const uint8_t *)from + span.first_size, size - span.first_size);
    }
}

void
wire_ring_copy_out(const struct wire_ring_view *ring, uint32_t at, void *to, uint32_t size)
{
    struct span span = span_at(ring, at, size);

    if (size > 0) {
        memcpy(to, ring->buffer + span.start, span.first_size);
        memcpy((uint8_t *)to + span.first_size, ring->buffer, size - span.first_size);
    }
}
