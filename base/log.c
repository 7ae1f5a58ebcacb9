#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum {
    LINE_SIZE = 2048,         /* bytes; a longer message ends in "..." */
    WARNINGS_PER_SECOND = 50, /* a peer decides how often it is blamed: more are left out */
    LEVEL_UNSET = -1,
};

static const struct {
    const char *setting; /* in VESPER_LOG */
    const char *label;   /* in a line */
} levels[] = {
    [BASE_LOG_ERROR] = {"error", "error"}, [BASE_LOG_WARN] = {"warn", "warning"},
    [BASE_LOG_INFO] = {"info", "info"},    [BASE_LOG_DEBUG] = {"debug", "debug"},
    [BASE_LOG_TRACE] = {"trace", "trace"},
};

/* Any thread may log, also in the child of a fork: atomics, no locks. */
static _Atomic(const char *) program_name = "vesper";
static void (*_Atomic sink)(enum base_log_level level, const char *message);
static _Atomic int threshold = LEVEL_UNSET;
static _Atomic uint64_t warnings_since_ns;
static _Atomic uint32_t warnings_written;

/* What a peer sent may be part of the message: it must neither start a new line nor reach the
 * terminal as a control sequence. */
static void
mask_control_characters(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            text[i] = '?';
        }
    }
}

/* `wanted` as snprintf() returns it; how much of that is in `room` bytes, less the terminating one.
 */
static size_t
written_size(int wanted, size_t room)
{
    if (wanted < 0) {
        return 0;
    }
    return (size_t)wanted < room ? (size_t)wanted : room - 1;
}

static size_t
write_start(char line[LINE_SIZE], enum base_log_level level)
{
    return written_size(snprintf(line, LINE_SIZE, "%s[%ld] %s: ",
                                 atomic_load_explicit(&program_name, memory_order_relaxed),
                                 (long)getpid(), levels[level].label),
                        LINE_SIZE);
}

static void write_line(enum base_log_level level, const char *format, va_list args)
    BASE_PRINTF(2, 0);
static void say(enum base_log_level level, const char *format, ...) BASE_PRINTF(2, 3);

static void
write_line(enum base_log_level level, const char *format, va_list args)
{
    char line[LINE_SIZE];
    void (*to)(enum base_log_level, const char *) =
        atomic_load_explicit(&sink, memory_order_relaxed);
    size_t used = to ? 0 : write_start(line, level);
    size_t room = sizeof(line) - used;
    int wanted = vsnprintf(line + used, room, format, args);
    size_t message_size = written_size(wanted, room);

    mask_control_characters(line + used, message_size);
    used += message_size;
    if (wanted > 0 && (size_t)wanted >= room) {
        memcpy(line + used - 3, "...", 3);
    }
    if (to) {
        line[used] = '\0';
        to(level, line);
        return;
    }
    line[used++] = '\n';

    /* One call, so that lines of several threads and processes do not mix. */
    if (!base_fd_write(STDERR_FILENO, line, used)) {
        return; /* nowhere left to complain */
    }
}

static void
say(enum base_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(level, format, args);
    va_end(args);
}

static int
level_from_environment(void)
{
    const char *setting = getenv("VESPER_LOG");

    if (!setting || !*setting) {
        return BASE_LOG_WARN;
    }
    for (size_t i = 0; i < BASE_COUNT_OF(levels); i++) {
        if (strcmp(setting, levels[i].setting) == 0) {
            return (int)i;
        }
    }
    say(BASE_LOG_WARN,
        "VESPER_LOG=%s is no level: use error, warn, info, debug or trace; taking warn", setting);
    return BASE_LOG_WARN;
}

void
base_log_set_name(const char *name)
{
    atomic_store_explicit(&program_name, name, memory_order_relaxed);
}

void
base_log_set_sink(void (*to)(enum base_log_level level, const char *message))
{
    atomic_store_explicit(&sink, to, memory_order_relaxed);
}

void
base_log_set_level(enum base_log_level level)
{
    atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool
base_log_enabled(enum base_log_level level)
{
    int limit = atomic_load_explicit(&threshold, memory_order_relaxed);

    if (limit == LEVEL_UNSET) {
        limit = level_from_environment();
        atomic_store_explicit(&threshold, limit, memory_order_relaxed);
    }
    return (int)level <= limit;
}

/* Lets the first of each second pass. Says once that it holds the others back. */
static bool
warning_may_pass(void)
{
    uint64_t now = base_clock_now_ns();
    uint64_t since = atomic_load(&warnings_since_ns);

    if (now - since >= 1000000000u &&
        atomic_compare_exchange_strong(&warnings_since_ns, &since, now)) {
        atomic_store(&warnings_written, 0);
    }

    uint32_t before = atomic_fetch_add(&warnings_written, 1);
    if (before == WARNINGS_PER_SECOND) {
        say(BASE_LOG_WARN,
            "more than %d warnings in a second: leaving out the others of this second",
            WARNINGS_PER_SECOND);
    }
    return before < WARNINGS_PER_SECOND;
}

void
base_log_va(enum base_log_level level, const char *format, va_list args)
{
    int error = errno;

    if (base_log_enabled(level) && (level != BASE_LOG_WARN || warning_may_pass())) {
        write_line(level, format, args);
    }
    errno = error;
}

void
base_log(enum base_log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    base_log_va(level, format, args);
    va_end(args);
}
