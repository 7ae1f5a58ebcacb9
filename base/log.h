/* Messages to the operator, on standard error, one line each: "vesper-server[pid] warning: ...".
 *
 * A message names the object, the value, the bound and the remedy. Errors need an operator,
 * warnings blame a peer, info tells lifetimes, debug tells objects, trace tells commands. The level
 * comes from VESPER_LOG (error, warn, info, debug, trace; default warn). Any thread may log. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/attributes.h"

enum base_log_level {
    BASE_LOG_ERROR,
    BASE_LOG_WARN,
    BASE_LOG_INFO,
    BASE_LOG_DEBUG,
    BASE_LOG_TRACE,
};

/* The name at the start of each line; `name` must stay valid. Call it first in main(). */
void base_log_set_name(const char *name);
void base_log_set_level(enum base_log_level level);
bool base_log_enabled(enum base_log_level level);
void base_log(enum base_log_level level, const char *format, ...) BASE_PRINTF(2, 3);
void base_log_va(enum base_log_level level, const char *format, va_list args) BASE_PRINTF(2, 0);

/* Sends messages there instead, without the start of a line; NULL: to standard error again. It is
 * called from whatever thread logs, and must not log itself. */
void base_log_set_sink(void (*sink)(enum base_log_level level, const char *message));

#define base_log_error(...) base_log(BASE_LOG_ERROR, __VA_ARGS__)
#define base_log_warn(...) base_log(BASE_LOG_WARN, __VA_ARGS__)
#define base_log_info(...) base_log(BASE_LOG_INFO, __VA_ARGS__)
#define base_log_debug(...)                                                                        \
    do {                                                                                           \
        if (base_log_enabled(BASE_LOG_DEBUG)) {                                                    \
            base_log(BASE_LOG_DEBUG, __VA_ARGS__);                                                 \
        }                                                                                          \
    } while (0)

#endif
