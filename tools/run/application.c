/* The application: its environment, its signals, its end. */
#include "tools/run/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Adds the flag to what VN_DEBUG already asks for. */
static void
set_vn_debug(void)
{
    const char *found = getenv("VN_DEBUG");
    char value[256];
    snprintf(value, sizeof(value), "%s%svtest", found ? found : "", found && *found ? "," : "");
    setenv("VN_DEBUG", value, 1);
}

static void
become_application(const struct run_options *options, const struct run_parts *parts,
                   const struct run_server *server)
{
    char server_pid[16];
    snprintf(server_pid, sizeof(server_pid), "%d", (int)server->pid);
    run_signals_restore();
    setenv("VK_DRIVER_FILES", parts->icd, 1);
    setenv("VK_ICD_FILENAMES", parts->icd, 1); /* for loaders before 1.3.207 */
    unsetenv("VK_ADD_DRIVER_FILES");
    set_vn_debug();
    setenv("VTEST_SOCKET_NAME", server->socket_path, 1);
    setenv("VESPER_SERVER_PID", server_pid, 1); /* a process group too: for tests that end it */
    execvp(options->command[0], options->command);
    int status = errno == ENOENT ? RUN_STATUS_NOT_FOUND : RUN_STATUS_CANNOT_RUN;
    run_error("cannot run %s: %s", options->command[0], strerror(errno));
    _exit(status);
}

/* Hands the pending signals on. */
static void
forward_signals(int signal_fd, pid_t application)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
        /* What the terminal sends (Ctrl-C) reaches the whole group, the application too. */
        bool from_terminal = info.ssi_code == SI_KERNEL;
        if (info.ssi_signo != SIGCHLD && !from_terminal) {
            kill(application, (int)info.ssi_signo);
        }
    }
}

static bool
application_ended(pid_t application, int *out_status)
{
    int status;
    if (waitpid(application, &status, WNOHANG) != application) {
        return false;
    }
    *out_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

static void
warn_if_server_ended(const struct run_server *server, bool *warned)
{
    siginfo_t info = {0};
    if (!*warned && waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == server->pid) {
        *warned = true;
        run_error("the server ended before the application (%s %d): its devices are lost",
                  info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
    }
}

static int
supervise(const struct run_server *server, pid_t application, int signal_fd,
          struct run_validation *validation)
{
    struct pollfd fds[] = {{signal_fd, POLLIN, 0}, {server->output_fd, POLLIN, 0}};
    bool warned = false;
    int status;
    while (!application_ended(application, &status)) {
        warn_if_server_ended(server, &warned);
        if (poll(fds, 2, -1) < 0) {
            continue; /* EINTR */
        }
        if (fds[0].revents) {
            forward_signals(signal_fd, application);
        }
        if (fds[1].revents && !run_validation_drain(validation, server->output_fd)) {
            fds[1].fd = -1;
        }
    }
    return status;
}

int
run_application(const struct run_options *options, const struct run_parts *parts,
                const struct run_server *server, int signal_fd, struct run_validation *validation)
{
    pid_t application = fork();
    if (application == 0) {
        become_application(options, parts, server);
    }
    if (application < 0) {
        run_error("cannot fork for %s: %s", options->command[0], strerror(errno));
        return RUN_STATUS_FAILED;
    }
    return supervise(server, application, signal_fd, validation);
}
