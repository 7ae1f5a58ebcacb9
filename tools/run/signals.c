/* Signals go to the application, which decides what they mean. */
#include "tools/run/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

static sigset_t found_mask;

int
run_signals_catch(void)
{
    static const int caught[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t mask;
    sigemptyset(&mask);
    for (size_t i = 0; i < BASE_COUNT_OF(caught); i++) {
        sigaddset(&mask, caught[i]);
    }
    signal(SIGCHLD, SIG_DFL); /* ignored, it would hide how the application ended */
    sigprocmask(SIG_BLOCK, &mask, &found_mask);
    int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        run_error("cannot create a signalfd: %s", strerror(errno));
    }
    return fd;
}

void
run_signals_restore(void)
{
    sigprocmask(SIG_SETMASK, &found_mask, NULL);
}
