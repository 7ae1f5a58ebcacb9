/* `vesper info`: starts the two probes, reads them, reports. */
#include "tools/info/info.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/run/run.h"

/* An option that people do not need: what the children are started with. */
#define PROBE_OPTION "--probe"

/* A child and the read ends of its output. */
struct child {
    pid_t pid;
    FILE *output; /* its standard output */
    FILE *log;    /* its standard error, a file: it may be long, and is read last */
};

static void
fail(const char *what)
{
    fprintf(stderr, "vesper info: cannot %s: %s\n", what, strerror(errno));
    exit(RUN_STATUS_FAILED);
}

/* The guest's side runs below `vesper run`, with everything that it logs. */
static void
become_probe(const struct run_parts *parts, const struct run_host_driver *driver, bool guest)
{
    run_host_driver_apply(driver->files);
    if (!guest) {
        execl(parts->self, "vesper", "info", PROBE_OPTION, (char *)NULL);
    } else {
        setenv("VESPER_LOG", "debug", 1);
        execl(parts->self, "vesper", "run", "--server", parts->server, "--icd", parts->icd, "--log",
              "debug", "--", parts->self, "info", PROBE_OPTION, (char *)NULL);
    }
    fail("run myself");
}

static struct child
start_probe(const struct run_parts *parts, const struct run_host_driver *driver, bool guest)
{
    int output[2];
    FILE *log = tmpfile();
    if (!log || pipe2(output, O_CLOEXEC) != 0) {
        fail("make room for a probe's output");
    }
    pid_t pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        dup2(output[1], STDOUT_FILENO);
        dup2(fileno(log), STDERR_FILENO);
        become_probe(parts, driver, guest);
    }
    close(output[1]);
    FILE *in = fdopen(output[0], "r");
    if (!in) {
        fail("read a probe's output");
    }
    return (struct child){pid, in, log};
}

/* What a failed probe had to say. */
static void
show_log(FILE *log)
{
    char line[1024];
    rewind(log);
    while (fgets(line, sizeof(line), log)) {
        if (!strstr(line, " debug: ") && !strstr(line, " info: ")) {
            fputs(line, stderr);
        }
    }
}

static bool
finish_probe(struct child *child, const char *whose, struct info_side *side, struct info_log *log)
{
    int status = 0;
    bool ok = info_side_read(side, child->output);
    waitpid(child->pid, &status, 0);
    ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!ok) {
        show_log(child->log);
        fprintf(stderr, "vesper info: the look at %s failed, see above\n", whose);
    } else if (log) {
        rewind(child->log);
        info_log_read(log, child->log);
    }
    fclose(child->output);
    fclose(child->log);
    return ok;
}

static int
compare(const struct run_parts *parts, const struct run_host_driver *driver, bool all)
{
    struct info_side *sides = calloc(2, sizeof(*sides));
    struct info_log log = {0};
    if (!sides) {
        fail("compare");
    }
    struct child host = start_probe(parts, driver, false);
    struct child guest = start_probe(parts, driver, true);
    bool ok = finish_probe(&host, "the host's Vulkan", &sides[0], NULL);
    ok = finish_probe(&guest, "Vulkan through Vesper", &sides[1], &log) && ok;
    if (ok) {
        info_report(&sides[0], &sides[1], &log, all);
    }
    info_side_finish(&sides[0]);
    info_side_finish(&sides[1]);
    info_log_finish(&log);
    free(sides);
    return ok ? 0 : 1;
}

static const char usage[] =
    "Usage: vesper info [options]\n"
    "\n"
    "Prints the host's driver and its version, what backs each memory type, whether large\n"
    "allocations have huge pages, and what Vesper exposes of the host's extensions and features;\n"
    "for what it holds back, the reason.\n"
    "\n"
    "  --host-driver FILE   as in vesper run\n"
    "  -a, --all            also list everything that is exposed\n"
    "  -h, --help           this text\n";

static int
run_info(const struct run_options *options, bool all)
{
    struct run_parts parts;
    struct run_host_driver driver;
    if (!run_parts_find(options, &parts) || !run_host_driver_choose(options, &driver)) {
        return RUN_STATUS_FAILED;
    }
    printf("host driver     %s\n                (%s)\n", driver.files, driver.reason);
    printf("server          %s\n", parts.server);
    printf("driver          %s\n", parts.icd);
    fflush(stdout);
    return compare(&parts, &driver, all);
}

int
info_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"host-driver", required_argument, NULL, 'H'},
        {"all", no_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct run_options options = {0};
    bool all = false;
    int option;
    if (argc == 2 && strcmp(argv[1], PROBE_OPTION) == 0) {
        return info_probe(stdout);
    }
    while ((option = getopt_long(argc, argv, "ah", long_options, NULL)) != -1) {
        switch (option) {
        case 'H': options.host_driver = optarg; break;
        case 'a': all = true; break;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs("vesper info: see vesper info --help\n", stderr); return RUN_STATUS_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "vesper info: unexpected argument %s; see vesper info --help\n",
                argv[optind]);
        return RUN_STATUS_USAGE;
    }
    return run_info(&options, all);
}
