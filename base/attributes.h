/* Function attributes used everywhere. */
#ifndef BASE_ATTRIBUTES_H
#define BASE_ATTRIBUTES_H

#include <stddef.h>

#define BASE_MUST_CHECK __attribute__((warn_unused_result))
#define BASE_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define BASE_UNUSED __attribute__((unused))
#define BASE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BASE_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
