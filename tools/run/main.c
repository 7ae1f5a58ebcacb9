/* `vesper run`: options, and the order of things. */
#include "tools/run/run.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

const char *run_command = "run";

void
run_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "vesper %s: ", run_command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static const char usage[] =
    "Usage: vesper run [options] [--] APP [ARGS...]\n"
    "\n"
    "Runs APP with its Vulkan going through Vesper: starts a private vesper-server on this host's\n"
    "Vulkan driver, points APP's Vulkan loader at Vesper's driver, hands signals on, and ends the\n"
    "server when APP has ended.\n"
    "\n"
    "  --host-driver FILE   the host's driver: its JSON file (as in /usr/share/vulkan/icd.d), or\n"
    "                       the word lavapipe. Default: VK_DRIVER_FILES if set, else every driver\n"
    "                       that has a GPU, else lavapipe\n"
    "  --validate           put the Khronos validation layer under the renderer; if it says\n"
    "                       anything, the status is 125 even though APP is content\n"
    "  --server PATH        another server: vesper-server, or virglrenderer's virgl_test_server\n"
    "  --icd FILE           another driver for APP: a JSON file, such as Mesa's virtio_icd\n"
    "  --log LEVEL          what the server tells: error, warn, info, debug or trace\n"
    "  -h, --help           this text\n"
    "\n"
    "The exit status is APP's, 128 + n if signal n ended it, 127 if there is no such program, 126 "
    "if\n"
    "it cannot be started, 125 if Vesper failed, 2 for wrong options.\n";

static bool
is_log_level(const char *word)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
    for (size_t i = 0; i < BASE_COUNT_OF(levels); i++) {
        if (strcmp(word, levels[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum parsed { PARSED_RUN, PARSED_HELP, PARSED_WRONG };

static enum parsed
check_options(const struct run_options *options)
{
    if (options->log_level && !is_log_level(options->log_level)) {
        run_error("--log %s: must be error, warn, info, debug or trace", options->log_level);
        return PARSED_WRONG;
    }
    if (!options->command[0]) {
        run_error("no application given; try: vesper run -- vulkaninfo --summary");
        return PARSED_WRONG;
    }
    return PARSED_RUN;
}

static enum parsed
parse(int argc, char **argv, struct run_options *out)
{
    static const struct option long_options[] = {
        {"host-driver", required_argument, NULL, 'H'},
        {"validate", no_argument, NULL, 'V'},
        {"server", required_argument, NULL, 'S'},
        {"icd", required_argument, NULL, 'I'},
        {"log", required_argument, NULL, 'L'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    *out = (struct run_options){0};
    /* '+': the first word that is no option starts the application's own line. */
    while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) != -1) {
        switch (option) {
        case 'H': out->host_driver = optarg; break;
        case 'V': out->validate = true; break;
        case 'S': out->server = optarg; break;
        case 'I': out->icd = optarg; break;
        case 'L': out->log_level = optarg; break;
        case 'h': fputs(usage, stdout); return PARSED_HELP;
        default: fputs("vesper run: see vesper run --help\n", stderr); return PARSED_WRONG;
        }
    }
    out->command = argv + optind;
    return check_options(out);
}

static int
run(const struct run_options *options)
{
    struct run_parts parts;
    struct run_host_driver driver;
    struct run_server server;
    struct run_validation validation = {0};
    if (!run_parts_find(options, &parts) || !run_host_driver_choose(options, &driver)) {
        return RUN_STATUS_FAILED;
    }
    int signal_fd = run_signals_catch();
    if (signal_fd < 0) {
        return RUN_STATUS_FAILED;
    }
    int status = RUN_STATUS_FAILED;
    if (run_server_start(options, &parts, &driver, &server)) {
        status = run_application(options, &parts, &server, signal_fd, &validation);
        run_server_stop(&server);
        if (options->validate) {
            run_validation_drain(&validation, server.output_fd);
            status = run_validation_judge(&validation, status);
        }
        base_fd_close(&server.output_fd);
    }
    base_fd_close(&signal_fd);
    return status;
}

int
run_main(int argc, char **argv)
{
    struct run_options options;
    switch (parse(argc, argv, &options)) {
    case PARSED_HELP: return 0;
    case PARSED_WRONG: return RUN_STATUS_USAGE;
    case PARSED_RUN: break;
    }
    return run(&options);
}
