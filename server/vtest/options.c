#include "server/vtest/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "wire/vtest.h"

enum option_code {
    OPTION_SOCKET_PATH = 1,
    OPTION_NO_FORK,
    OPTION_NO_LOOP_OR_FORK,
    OPTION_MAX_CLIENTS,
    OPTION_IMPLIED, /* what this server does anyway */
    OPTION_IGNORED, /* for the OpenGL half that it does not have */
    OPTION_HELP,
    OPTION_VERSION,
};

/* More than desktops have applications; less than a process each for them would hurt. */
enum {
    DEFAULT_MAX_CLIENTS = 256,
};

static const struct option known[] = {
    {"socket-path", required_argument, NULL, OPTION_SOCKET_PATH},
    {"no-fork", no_argument, NULL, OPTION_NO_FORK},
    {"no-loop-or-fork", no_argument, NULL, OPTION_NO_LOOP_OR_FORK},
    {"max-clients", required_argument, NULL, OPTION_MAX_CLIENTS},
    {"multi-clients", no_argument, NULL, OPTION_IMPLIED},
    {"venus", no_argument, NULL, OPTION_IMPLIED},
    {"no-virgl", no_argument, NULL, OPTION_IMPLIED},
    {"rendernode", required_argument, NULL, OPTION_IGNORED},
    {"use-glx", no_argument, NULL, OPTION_IGNORED},
    {"use-egl-surfaceless", no_argument, NULL, OPTION_IGNORED},
    {"use-gles", no_argument, NULL, OPTION_IGNORED},
    {"compat", no_argument, NULL, OPTION_IGNORED},
    {"drm", no_argument, NULL, OPTION_IGNORED},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static const char usage[] =
    "Usage: vesper-server [OPTION]...\n"
    "Serves Vulkan to clients of a unix socket (vtest protocol, Venus).\n"
    "\n"
    "  --socket-path PATH   listen here; else at VTEST_SOCKET_NAME or " WIRE_VTEST_DEFAULT_PATH "\n"
    "  --no-fork            serve one client at a time in this process, for debuggers\n"
    "  --no-loop-or-fork    the same, and end with the first client\n"
    "  --max-clients N      serve so many at a time, and turn others away (256)\n"
    "  --help, --version    print and exit\n"
    "\n"
    "Accepted because virgl_test_server has them: --venus, --no-virgl and --multi-clients, which "
    "are\n"
    "always so; --rendernode DEV, --use-glx, --use-egl-surfaceless, --use-gles, --compat and "
    "--drm,\n"
    "which are ignored.\n"
    "\n"
    "The host's Vulkan loader picks the GPU driver: VK_DRIVER_FILES and its other variables "
    "apply.\n"
    "VESPER_HOST_DRIVER=/path/to/driver.so bypasses the loader. VESPER_SPARE=0: no worker process\n"
    "is kept ahead of its client. VESPER_CONTEXT_MEMORY=8G, say, bounds what each client may make\n"
    "its worker hold in RAM (most of the RAM). VESPER_LOG=error|warn|info|debug|trace says how "
    "much\n"
    "is logged (warn).\n";

static const char *
default_socket_path(void)
{
    const char *path = getenv(WIRE_VTEST_PATH_VARIABLE);

    return path && *path ? path : WIRE_VTEST_DEFAULT_PATH;
}

static enum srv_options_result
parse_max_clients(const char *text, unsigned *out)
{
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 1 || value > INT_MAX) {
        base_log_error("--max-clients %s is no number from 1 to %d", text, INT_MAX);
        return SRV_OPTIONS_WRONG;
    }
    *out = (unsigned)value;
    return SRV_OPTIONS_RUN;
}

static enum srv_options_result
apply(struct srv_options *options, int code, const char *name)
{
    switch (code) {
    case OPTION_SOCKET_PATH: options->socket_path = optarg; return SRV_OPTIONS_RUN;
    case OPTION_NO_FORK: options->no_fork = true; return SRV_OPTIONS_RUN;
    case OPTION_NO_LOOP_OR_FORK: options->no_fork = options->once = true; return SRV_OPTIONS_RUN;
    case OPTION_MAX_CLIENTS: return parse_max_clients(optarg, &options->max_clients);
    case OPTION_IMPLIED:
        base_log_info("--%s: always so in this server", name);
        return SRV_OPTIONS_RUN;
    case OPTION_IGNORED:
        base_log_info(
            "--%s: ignored, it is for OpenGL or DRM contexts and only Venus is served here", name);
        return SRV_OPTIONS_RUN;
    case OPTION_HELP: fputs(usage, stdout); return SRV_OPTIONS_DONE;
    case OPTION_VERSION: puts("vesper-server " VESPER_VERSION); return SRV_OPTIONS_DONE;
    default: return SRV_OPTIONS_WRONG;
    }
}

enum srv_options_result
srv_options_parse(int argc, char **argv, struct srv_options *out)
{
    struct srv_options options = {
        .socket_path = default_socket_path(),
        .max_clients = DEFAULT_MAX_CLIENTS,
    };
    enum srv_options_result res = SRV_OPTIONS_RUN;
    int code, index = 0;

    opterr = 0;
    while (res == SRV_OPTIONS_RUN && (code = getopt_long(argc, argv, ":", known, &index)) != -1) {
        if (code == ':') {
            base_log_error("%s needs a value; see vesper-server --help", argv[optind - 1]);
        } else if (code == '?') {
            base_log_error("unknown option %s; see vesper-server --help", argv[optind - 1]);
        }
        res = apply(&options, code, known[index].name);
    }
    if (res == SRV_OPTIONS_RUN && optind < argc) {
        base_log_error("unexpected argument %s: replaying saved streams is not supported; see "
                       "vesper-server --help",
                       argv[optind]);
        res = SRV_OPTIONS_WRONG;
    }
    if (res == SRV_OPTIONS_RUN) {
        *out = options;
    }
    return res;
}
