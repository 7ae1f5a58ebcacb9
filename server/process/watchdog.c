#include "server/process/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/fd.h"

/* False when the time is up. */
static bool
wait_readable(int fd, int timeout_ms)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int got;

    do {
        got = poll(&wanted, 1, timeout_ms);
    } while (got == -1 && errno == EINTR);
    return got != 0;
}

/* Returns when the connection hangs up, or true as soon as the teardown is done. */
static bool
wait_for_hangup(struct srv_watchdog *dog)
{
    struct pollfd fds[] = {
        {.fd = dog->done_fd, .events = POLLIN},
        {.fd = dog->info.socket, .events = 0}, /* POLLHUP: both directions are shut */
        {.fd = dog->info.stop_fd, .events = POLLIN},
    };

    while (poll(fds, BASE_COUNT_OF(fds), -1) == -1 && errno == EINTR) {
    }
    if (fds[2].revents) {
        dog->info.stop(dog->info.user);
    }
    return fds[0].revents;
}

static void *
watch(void *argument)
{
    struct srv_watchdog *dog = argument;

    if (!wait_for_hangup(dog) && !wait_readable(dog->done_fd, SRV_TEARDOWN_MS)) {
        dog->info.give_up(dog->info.user);
    }
    return NULL;
}

bool
srv_watchdog_start(struct srv_watchdog *dog, const struct srv_watchdog_info *info)
{
    *dog = (struct srv_watchdog){.info = *info, .done_fd = eventfd(0, EFD_CLOEXEC)};
    if (dog->done_fd == -1) {
        return false;
    }
    if (pthread_create(&dog->thread, NULL, watch, dog) != 0) {
        base_fd_close(&dog->done_fd);
        return false;
    }
    return true;
}

void
srv_watchdog_stop(struct srv_watchdog *dog)
{
    eventfd_write(dog->done_fd, 1);
    pthread_join(dog->thread, NULL);
    base_fd_close(&dog->done_fd);
}
