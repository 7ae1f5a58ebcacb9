/* `vesper`: the command that people start with. Each subcommand has its own folder. */
#include <stdio.h>
#include <string.h>

#include "base/attributes.h"
#include "base/log.h"
#include "tools/demo/demo.h"
#include "tools/info/info.h"
#include "tools/run/run.h"
#include "tools/trace/trace.h"
#ifdef VESPER_WITH_VM
#include "tools/vm/vm.h"
#endif

static const char usage[] =
    "Usage: vesper COMMAND [options]\n"
    "\n"
    "Vesper carries Vulkan from one process, container or virtual machine to another one's GPU.\n"
    "\n"
    "  vesper run -- APP ARGS   run APP with its Vulkan going through Vesper\n"
    "  vesper info              what the host has, what Vesper exposes, and why not more\n"
    "  vesper demo              a compute check and a spinning cube, as a PNG\n"
    "  vesper trace FILE        a captured command stream as text\n"
#ifdef VESPER_WITH_VM
    "  vesper vm -- OPTIONS     QEMU whose guest's Vulkan goes through Vesper\n"
#endif
    "  vesper COMMAND --help    more about each\n"
    "  vesper --version\n"
    "\n"
    "Begin with:\n"
    "\n"
    "  vesper run -- vulkaninfo --summary\n"
    "  vesper run -- vesper demo --output cube.png\n";

struct command {
    const char *name;
    int (*main)(int argc, char **argv);
};

static const struct command commands[] = {
    {"run", run_main}, {"info", info_main}, {"demo", demo_main}, {"trace", trace_main},
#ifdef VESPER_WITH_VM
    {"vm", vm_main},
#endif
};

static int
print_usage(void)
{
    fputs(usage, stdout);
    return 0;
}

int
main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    base_log_set_name("vesper");
    for (size_t i = 0; i < BASE_COUNT_OF(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].main(argc - 1, argv + 1);
        }
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return print_usage();
    }
    if (strcmp(name, "--version") == 0) {
        puts("vesper " VESPER_VERSION);
        return 0;
    }
    fprintf(stderr, "vesper: no command '%s'; see vesper --help\n", name);
    return RUN_STATUS_USAGE;
}
