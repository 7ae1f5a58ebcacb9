/* The private server: a folder that only we can enter, a socket in it, a process group of its own.
 */
#include "tools/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

static const uint64_t START_LIMIT_NS = 10ull * 1000 * 1000 * 1000;
static const uint64_t STOP_LIMIT_NS = 3ull * 1000 * 1000 * 1000;

/* ---------------------------------------------------------------------- folder */

static bool
try_folder(const char *base, struct run_server *out)
{
    struct stat info;
    /* Longer ones would not leave room for a socket's name: sun_path has 108 bytes. */
    if (!base || !*base || strlen(base) > sizeof(out->folder) - sizeof("/vesper-XXXXXX") ||
        stat(base, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return false;
    }
    snprintf(out->folder, sizeof(out->folder), "%s/vesper-XXXXXX", base);
    return mkdtemp(out->folder) != NULL;
}

static bool
create_folder(struct run_server *out)
{
    if (!try_folder(getenv("XDG_RUNTIME_DIR"), out) && !try_folder("/tmp", out)) {
        run_error("cannot create a private folder in XDG_RUNTIME_DIR or /tmp: %s", strerror(errno));
        return false;
    }
    snprintf(out->socket_path, sizeof(out->socket_path), "%s/vtest.sock", out->folder);
    return true;
}

static void
remove_folder(struct run_server *server)
{
    char settings[sizeof(server->folder) + 32];
    snprintf(settings, sizeof(settings), "%s/" RUN_VALIDATION_SETTINGS, server->folder);
    unlink(settings);
    unlink(server->socket_path); /* gone already after a clean end */
    if (rmdir(server->folder) != 0) {
        run_error("cannot remove %s: %s", server->folder, strerror(errno));
    }
}

/* --------------------------------------------------------------------- process */

static void
become_server(const struct run_options *options, const struct run_parts *parts,
              const struct run_host_driver *driver, const struct run_server *server, int output_fd)
{
    setpgid(0, 0); /* Ctrl-C is for the application; we end the server when that has ended */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    run_signals_restore();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null_fd, STDIN_FILENO);
    /* There it only says that it listens: of use to those who want to hear more. */
    dup2(output_fd >= 0 ? output_fd : options->log_level ? STDERR_FILENO : null_fd, STDOUT_FILENO);
    run_host_driver_apply(driver->files);
    if (options->validate) {
        run_validation_apply(server->folder);
    }
    if (options->log_level) {
        setenv("VESPER_LOG", options->log_level, 1);
    }
    execl(parts->server, parts->server, "--venus", "--multi-clients", "--socket-path",
          server->socket_path, (char *)NULL);
    run_error("cannot start the server %s: %s", parts->server, strerror(errno));
    _exit(RUN_STATUS_FAILED);
}

/* Whether a socket of that path listens, without connecting: a connection would be a client. */
static bool
listens(const char *path)
{
    FILE *sockets = fopen("/proc/net/unix", "re");
    char line[512];
    bool found = false;
    while (sockets && !found && fgets(line, sizeof(line), sockets)) {
        unsigned flags;
        int path_at = 0;
        const unsigned accepting = 0x10000; /* __SO_ACCEPTCON */
        if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %n", &flags, &path_at) == 1 && path_at) {
            line[strcspn(line, "\n")] = '\0';
            found = (flags & accepting) && strcmp(line + path_at, path) == 0;
        }
    }
    if (sockets) {
        fclose(sockets);
    }
    return found;
}

/* Says so, without reaping it, once the process has ended. */
static bool
has_ended(pid_t pid)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

static bool
wait_until_listening(const struct run_server *server, const char *program)
{
    uint64_t deadline_ns = base_clock_deadline_ns(START_LIMIT_NS);
    const struct timespec pause = {.tv_nsec = 500 * 1000};
    while (!listens(server->socket_path)) {
        if (has_ended(server->pid)) {
            run_error("the server %s ended before it listened on %s; its messages are above (more "
                      "with --log info)",
                      program, server->socket_path);
            return false;
        }
        if (base_clock_now_ns() > deadline_ns) {
            run_error("the server %s does not listen on %s after %d s; try --log debug", program,
                      server->socket_path, (int)(START_LIMIT_NS / 1000000000u));
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool
fork_server(const struct run_options *options, const struct run_parts *parts,
            const struct run_host_driver *driver, struct run_server *out)
{
    int output[2] = {-1, -1};
    if (options->validate && pipe2(output, O_CLOEXEC) != 0) {
        run_error("cannot create a pipe: %s", strerror(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        become_server(options, parts, driver, out, output[1]);
    }
    base_fd_close(&output[1]);
    if (pid < 0) {
        run_error("cannot fork for the server: %s", strerror(errno));
        base_fd_close(&output[0]);
        return false;
    }
    if (output[0] >= 0) {
        fcntl(output[0], F_SETFL, O_NONBLOCK);
    }
    setpgid(pid, pid); /* whichever of the two comes first */
    out->pid = pid;
    out->output_fd = output[0];
    return true;
}

bool
run_server_start(const struct run_options *options, const struct run_parts *parts,
                 const struct run_host_driver *driver, struct run_server *out)
{
    *out = (struct run_server){.output_fd = -1};
    if (!create_folder(out)) {
        return false;
    }
    if ((options->validate && !run_validation_configure(out->folder)) ||
        !fork_server(options, parts, driver, out)) {
        remove_folder(out);
        return false;
    }
    if (!wait_until_listening(out, parts->server)) {
        run_server_stop(out);
        return false;
    }
    return true;
}

void
run_server_stop(struct run_server *server)
{
    uint64_t deadline_ns = base_clock_deadline_ns(STOP_LIMIT_NS);
    const struct timespec pause = {.tv_nsec = 500 * 1000};
    kill(server->pid, SIGTERM);
    while (!has_ended(server->pid) && base_clock_now_ns() < deadline_ns) {
        nanosleep(&pause, NULL);
    }
    if (!has_ended(server->pid)) {
        run_error("the server did not end within %d s of SIGTERM: killing it",
                  (int)(STOP_LIMIT_NS / 1000000000u));
    }
    /* Nothing of a group whose leader is not yet reaped can be somebody else's. */
    kill(-server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
    remove_folder(server);
}
