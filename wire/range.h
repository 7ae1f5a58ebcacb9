/* Ranges inside limits, without overflow. */
#ifndef WIRE_RANGE_H
#define WIRE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* [offset, offset + size) lies in [0, limit). Subtracts only from the larger side. */
static inline bool
wire_range_fits(uint64_t offset, uint64_t size, uint64_t limit)
{
    return size <= limit && offset <= limit - size;
}

/* Two half-open ranges share a byte; empty ranges share none. Their ends may lie beyond UINT64_MAX.
 */
static inline bool
wire_ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a <= b ? b_size > 0 && b - a < a_size : a_size > 0 && a - b < b_size;
}

#endif
