/* The validation layer under the renderer prints on the server's standard output. */
#include "tools/run/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Each message of the layer names the rule that it is about. */
static bool
is_message(const char *line)
{
    return strstr(line, "Validation Error") || strstr(line, "Validation Warning") ||
           strstr(line, "VUID-") || strstr(line, "UNASSIGNED-");
}

static void
end_line(struct run_validation *validation)
{
    validation->line[validation->length] = '\0';
    validation->messages += is_message(validation->line);
    fprintf(stderr, "%s\n", validation->line);
    validation->length = 0;
}

static void
take(struct run_validation *validation, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            end_line(validation);
        } else if (validation->length < sizeof(validation->line) - 1) {
            validation->line[validation->length++] = bytes[i];
        }
    }
}

bool
run_validation_drain(struct run_validation *validation, int fd)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        take(validation, bytes, (size_t)got);
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}
