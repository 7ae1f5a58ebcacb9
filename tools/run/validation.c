/* The validation layer under the renderer: asked to print on the server's standard output, and
 * listened to.
 *
 * It introduces itself with an information, which proves that it is there, and is otherwise silent
 * unless something is wrong. A message is a line followed by indented ones; Debian 13's layer puts
 * its text on a line of its own behind a heading, and a list of objects behind that. */
#include "tools/run/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char settings[] = "khronos_validation.debug_action = VK_DBG_LAYER_ACTION_LOG_MSG\n"
                               "khronos_validation.report_flags = error,warn,info\n"
                               "khronos_validation.log_filename = stdout\n";

bool
run_validation_configure(const char *folder)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/" RUN_VALIDATION_SETTINGS, folder);
    FILE *file = fopen(path, "we");
    bool written = file && fputs(settings, file) >= 0;
    if (!file || fclose(file) != 0 || !written) {
        run_error("cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

void
run_validation_apply(const char *folder)
{
    setenv("VK_INSTANCE_LAYERS", "VK_LAYER_KHRONOS_validation", 1);
    setenv("VK_LAYER_SETTINGS_PATH", folder, 1);
}

/* In Debian 12's words and in Debian 13's. */
static bool
is_information(const char *line)
{
    return strstr(line, "(INFO") || strstr(line, "Validation Information");
}

static bool
continues(const char *line)
{
    return line[0] == ' ' || line[0] == '\0' || strncmp(line, "Objects: ", 9) == 0;
}

static void
end_line(struct run_validation *validation)
{
    validation->line[validation->length] = '\0';
    validation->length = 0;
    bool starts_message = !validation->is_headed && !continues(validation->line);
    validation->is_headed = strncmp(validation->line, "Validation ", 11) == 0;
    if (starts_message) {
        validation->in_information = is_information(validation->line);
        validation->active |= strstr(validation->line, "status-message") != NULL;
        validation->messages += strstr(validation->line, "Validation Error") ||
                                strstr(validation->line, "Validation Warning") ||
                                strstr(validation->line, "Validation Performance Warning");
    }
    /* The server says there that it listens. */
    if (!validation->in_information && strncmp(validation->line, "vesper-server:", 14) != 0) {
        fprintf(stderr, "%s\n", validation->line);
    }
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

int
run_validation_judge(const struct run_validation *validation, int status)
{
    if (validation->messages) {
        run_error("the validation layer under the renderer gave %u messages, see above",
                  validation->messages);
    } else if (!validation->active) {
        run_error(
            "the validation layer was never active under the renderer: the application used no "
            "Vulkan, or vulkan-validationlayers is not installed");
    } else {
        return status;
    }
    return status ? status : RUN_STATUS_FAILED;
}
