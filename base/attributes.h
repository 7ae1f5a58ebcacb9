/* Function attributes used everywhere. */
#ifndef BASE_ATTRIBUTES_H
#define BASE_ATTRIBUTES_H

#include <features.h> /* __GLIBC__ */
#include <stddef.h>

#define BASE_MUST_CHECK __attribute__((warn_unused_result))
#define BASE_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#define BASE_UNUSED __attribute__((unused))
#define BASE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BASE_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* A variable of each thread's. In a library that is loaded at run time it would be allocated when a
 * thread first uses it, with no way to refuse, and looked up by a call each time: glibc has some
 * static room for such libraries, which is for a few words at most. */
#ifdef __GLIBC__
#define BASE_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define BASE_THREAD_LOCAL _Thread_local
#endif

#endif
