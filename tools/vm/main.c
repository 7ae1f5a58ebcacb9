/* `vesper vm`: options, and the order of things. QEMU takes this process's place. */
#include "tools/vm/vm.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/run/run.h"

static const char usage[] =
    "Usage: vesper vm [options] [-- QEMU-OPTIONS...]\n"
    "\n"
    "Starts QEMU so that Vulkan in the guest goes through Vesper: with our libvirglrenderer.so.1\n"
    "and render server, memory, a window for host memory and a display that this host has. The\n"
    "guest's disk and all else are QEMU's own options:\n"
    "\n"
    "  vesper vm -- -smp 4 -drive file=guest.qcow2,if=virtio -nic user,model=virtio\n"
    "\n"
    "  --print              write the command line instead, for a shell or a script\n"
    "  --memory SIZE        of the guest (4G)\n"
    "  --hostmem SIZE       address space for all memory that the guest's programs have mapped at\n"
    "                       one time (8G); costs nothing until used\n"
    "  --display DISPLAY    QEMU's, with OpenGL: sdl,gl=on; gtk,gl=on; egl-headless. Default: sdl\n"
    "                       on a screen, else egl-headless\n"
    "  --host-driver FILE   the host's Vulkan driver, as of vesper run\n"
    "  --qemu PROGRAM       another QEMU, 9.2 or newer\n"
    "  -h, --help           this text\n"
    "\n"
    "What the guest needs: docs/guest.md. The exit status is QEMU's, 127 if there is no QEMU, 126\n"
    "if it cannot be started, 125 if Vesper failed, 2 for wrong options.\n";

enum parsed { PARSED_RUN, PARSED_HELP, PARSED_WRONG };

static enum parsed
parse(int argc, char **argv, struct vm_options *out)
{
    static const struct option long_options[] = {
        {"print", no_argument, NULL, 'P'},
        {"memory", required_argument, NULL, 'M'},
        {"hostmem", required_argument, NULL, 'W'},
        {"display", required_argument, NULL, 'D'},
        {"host-driver", required_argument, NULL, 'H'},
        {"qemu", required_argument, NULL, 'Q'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    *out = (struct vm_options){.memory = "4G", .hostmem = "8G"};
    while ((option = getopt_long(argc, argv, "+h", long_options, NULL)) != -1) {
        switch (option) {
        case 'P': out->print = true; break;
        case 'M': out->memory = optarg; break;
        case 'W': out->hostmem = optarg; break;
        case 'D': out->display = optarg; break;
        case 'H': out->host_driver = optarg; break;
        case 'Q': out->qemu = optarg; break;
        case 'h': fputs(usage, stdout); return PARSED_HELP;
        default: fputs("vesper vm: see vesper vm --help\n", stderr); return PARSED_WRONG;
        }
    }
    out->rest = argv + optind;
    return PARSED_RUN;
}

/* A word of a shell's. */
static void
print_quoted(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_=,./:+@%";

    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'') {
            fputs("'\\''", stdout);
        } else {
            putchar(*word);
        }
    }
    putchar('\'');
}

static void
print_variable(const char *name)
{
    printf("%s=", name);
    print_quoted(getenv(name));
    fputs(" \\\n", stdout);
}

static void
print_command(const struct vm_host *host, const struct vm_command *command)
{
    print_variable("LD_LIBRARY_PATH");
    print_variable("RENDER_SERVER_EXEC_PATH");
    print_variable("VK_DRIVER_FILES");
    if (host->software_gl) {
        print_variable("LIBGL_ALWAYS_SOFTWARE");
    }
    for (size_t i = 0; i < command->count; i++) {
        print_quoted(command->words[i]);
        bool ends_line = i + 1 < command->count && command->words[i + 1][0] == '-';
        fputs(i + 1 == command->count ? "\n" : ends_line ? " \\\n    " : " ", stdout);
    }
}

/* Of this process, and so of QEMU. */
static void
set_environment(const struct vm_host *host, const struct run_host_driver *driver)
{
    const char *before = getenv("LD_LIBRARY_PATH");
    char path[2 * PATH_MAX];

    snprintf(path, sizeof(path), "%s%s%.*s", host->library_folder, before && *before ? ":" : "",
             PATH_MAX, before ? before : "");
    setenv("LD_LIBRARY_PATH", path, 1);
    setenv("RENDER_SERVER_EXEC_PATH", host->render_server, 1);
    setenv("VK_DRIVER_FILES", driver->files, 1);
    if (host->software_gl) {
        setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
    }
}

static int
start(const struct vm_command *command)
{
    execvp(command->words[0], (char *const *)command->words);
    if (errno == ENOENT) {
        run_error("no %s: apt-get install qemu-system-x86 qemu-system-gui "
                  "qemu-system-modules-opengl, or name one with --qemu PROGRAM",
                  command->words[0]);
        return RUN_STATUS_NOT_FOUND;
    }
    run_error("%s cannot be started: %s", command->words[0], strerror(errno));
    return RUN_STATUS_CANNOT_RUN;
}

static int
run(const struct vm_options *options)
{
    static struct vm_command command; /* large */
    const struct run_options driver_options = {.host_driver = options->host_driver};
    struct run_host_driver driver;
    struct vm_host host;

    if (!vm_host_look(options, &host) || !run_host_driver_choose(&driver_options, &driver)) {
        return RUN_STATUS_FAILED;
    }
    if (!vm_command_build(options, &host, &command)) {
        run_error("more than %d of QEMU's options", VM_MAX_WORDS - 32);
        return RUN_STATUS_USAGE;
    }
    set_environment(&host, &driver);
    if (options->print) {
        print_command(&host, &command);
        return 0;
    }
    return start(&command);
}

int
vm_main(int argc, char **argv)
{
    struct vm_options options;

    run_command = "vm";
    switch (parse(argc, argv, &options)) {
    case PARSED_HELP: return 0;
    case PARSED_WRONG: return RUN_STATUS_USAGE;
    case PARSED_RUN: break;
    }
    return run(&options);
}
