#include "server/render/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum option_code {
    OPTION_SOCKET_FD = 1,
    OPTION_RAISE_DESCRIPTOR_LIMIT,
    OPTION_HELP,
    OPTION_VERSION,
};

static const struct option known[] = {
    {"socket-fd", required_argument, NULL, OPTION_SOCKET_FD},
    {"raise-descriptor-limit", no_argument, NULL, OPTION_RAISE_DESCRIPTOR_LIMIT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

static const char usage[] =
    "Usage: vesper-render-server --socket-fd N [--raise-descriptor-limit]\n"
    "Renders for Vesper's libvirglrenderer.so.1, which starts it; crosvm does with\n"
    "--gpu-render-server path=THIS-PROGRAM. It serves no other library.\n"
    "\n"
    "  --socket-fd N              the connected SOCK_SEQPACKET socket to the library\n"
    "  --raise-descriptor-limit   to the hard limit\n"
    "  --help, --version          print and exit\n"
    "\n"
    "The host's Vulkan loader picks the GPU driver: VK_DRIVER_FILES and its other variables\n"
    "apply. VESPER_HOST_DRIVER=/path/to/driver.so bypasses the loader.\n"
    "VESPER_SPARE=0: no worker process is kept ahead of its context.\n"
    "VESPER_CONTEXT_MEMORY=8G, say, bounds what each context may make its worker hold in RAM\n"
    "(most of the RAM).\n"
    "VESPER_LOG=error|warn|info|debug|trace says how much is logged (warn).\n";

static bool
parse_fd(const char *text, int *out)
{
    char *end;

    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 0 || value > INT_MAX) {
        base_log_error("--socket-fd %s is no descriptor", text);
        return false;
    }
    *out = (int)value;
    return true;
}

static enum srv_render_options_result
apply(struct srv_render_options *options, int code)
{
    switch (code) {
    case OPTION_SOCKET_FD:
        return parse_fd(optarg, &options->socket_fd) ? SRV_RENDER_OPTIONS_RUN
                                                     : SRV_RENDER_OPTIONS_WRONG;
    case OPTION_RAISE_DESCRIPTOR_LIMIT:
        options->raise_descriptor_limit = true;
        return SRV_RENDER_OPTIONS_RUN;
    case OPTION_HELP: fputs(usage, stdout); return SRV_RENDER_OPTIONS_DONE;
    case OPTION_VERSION:
        puts("vesper-render-server " VESPER_VERSION);
        return SRV_RENDER_OPTIONS_DONE;
    default: return SRV_RENDER_OPTIONS_WRONG;
    }
}

enum srv_render_options_result
srv_render_options_parse(int argc, char **argv, struct srv_render_options *out)
{
    struct srv_render_options options = {.socket_fd = -1};
    enum srv_render_options_result res = SRV_RENDER_OPTIONS_RUN;
    int code;

    opterr = 0;
    while (res == SRV_RENDER_OPTIONS_RUN &&
           (code = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        if (code == ':' || code == '?') {
            base_log_error("%s %s; see vesper-render-server --help", argv[optind - 1],
                           code == ':' ? "needs a value" : "is no option of this server");
        }
        res = apply(&options, code);
    }
    if (res == SRV_RENDER_OPTIONS_RUN && optind < argc) {
        base_log_error("unexpected argument %s; see vesper-render-server --help", argv[optind]);
        res = SRV_RENDER_OPTIONS_WRONG;
    }
    if (res == SRV_RENDER_OPTIONS_RUN && options.socket_fd == -1) {
        base_log_error("no --socket-fd: this server is started by libvirglrenderer.so.1 or by "
                       "crosvm, not by hand; for a socket in the file system there is "
                       "vesper-server");
        res = SRV_RENDER_OPTIONS_WRONG;
    }
    if (res == SRV_RENDER_OPTIONS_RUN) {
        *out = options;
    }
    return res;
}
