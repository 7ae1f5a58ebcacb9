/* Reads the debug logs of renderer and driver for what they decided:
 *
 *   vesper-server[12] debug: VK_KHR_swapchain is held back: the protocol does not carry it
 *   vesper-server[12] debug: "NAME" memory type 1: flags 0xf, host type 0, shared pages
 *   vesper[13] debug: windows: ... shared memory or a dma-buf
 *   vesper[13] debug: frames of "NAME": copied into shared memory: ... */
#include "tools/info/info.h"

#include <stdlib.h>
#include <string.h>

#include "tools/vkh/vkh.h"

static const char held_back[] = " is held back: ";
static const char memory_type[] = "\" memory type ";
static const char windows[] = "windows: ";
static const char frames_of[] = "frames of \"";
static const char frames_how[] = "\": ";

static char *
copy(const char *text, size_t length)
{
    char *result = strndup(text, length);
    if (!result) {
        vkh_die("out of memory for %zu characters", length);
    }
    return result;
}

/* Room for one more. */
static void *
grow(void *array, size_t count, size_t size)
{
    void *larger = realloc(array, (count + 1) * size);
    if (!larger) {
        vkh_die("out of memory for %zu entries", count + 1);
    }
    return larger;
}

static void
add_reason(struct info_log *log, const char *name, size_t name_length, const char *reason)
{
    log->reasons = grow(log->reasons, log->reason_count, sizeof(*log->reasons));
    log->reasons[log->reason_count++] =
        (struct info_reason){copy(name, name_length), copy(reason, strlen(reason))};
}

static void
add_backing(struct info_log *log, const char *device, size_t device_length, const char *text)
{
    struct info_backing backing;
    int backing_at = 0;
    if (sscanf(text, "%u: flags %*x, host type %u, %n", &backing.type, &backing.host_type,
               &backing_at) != 2 ||
        !backing_at) {
        return;
    }
    backing.device = copy(device, device_length);
    backing.backing = copy(text + backing_at, strlen(text + backing_at));
    log->backings = grow(log->backings, log->backing_count, sizeof(*log->backings));
    log->backings[log->backing_count++] = backing;
}

/* What follows "debug: ". */
static void
read_message(struct info_log *log, const char *message)
{
    const char *found = strstr(message, held_back);
    if (found) {
        add_reason(log, message, (size_t)(found - message), found + strlen(held_back));
    } else if (message[0] == '"' && (found = strstr(message, memory_type))) {
        add_backing(log, message + 1, (size_t)(found - message - 1), found + strlen(memory_type));
    } else if (strncmp(message, frames_of, strlen(frames_of)) == 0 &&
               (found = strstr(message + strlen(frames_of), frames_how))) {
        const char *device = message + strlen(frames_of);
        add_reason(log, device, (size_t)(found - device), found + strlen(frames_how));
    } else if (!log->windows && strncmp(message, windows, strlen(windows)) == 0) {
        log->windows = copy(message + strlen(windows), strlen(message + strlen(windows)));
    }
}

void
info_log_read(struct info_log *log, FILE *in)
{
    static const char debug[] = " debug: ";
    char line[1024];
    while (fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = '\0';
        const char *message = strstr(line, debug);
        if (message) {
            read_message(log, message + strlen(debug));
        } else if (strstr(line, " error: ") || strstr(line, " warning: ") ||
                   strncmp(line, "vesper run: ", 12) == 0) {
            fprintf(stderr, "%s\n", line);
        }
    }
}

const char *
info_log_reason(const struct info_log *log, const char *name)
{
    for (size_t i = 0; i < log->reason_count; i++) {
        if (strcmp(log->reasons[i].name, name) == 0) {
            return log->reasons[i].reason;
        }
    }
    return NULL;
}

const struct info_backing *
info_log_backing(const struct info_log *log, const char *device, uint32_t type)
{
    for (size_t i = 0; i < log->backing_count; i++) {
        if (log->backings[i].type == type && strcmp(log->backings[i].device, device) == 0) {
            return &log->backings[i];
        }
    }
    return NULL;
}

void
info_log_finish(struct info_log *log)
{
    for (size_t i = 0; i < log->reason_count; i++) {
        free(log->reasons[i].name);
        free(log->reasons[i].reason);
    }
    for (size_t i = 0; i < log->backing_count; i++) {
        free(log->backings[i].device);
        free(log->backings[i].backing);
    }
    free(log->reasons);
    free(log->backings);
    free(log->windows);
    memset(log, 0, sizeof(*log));
}
