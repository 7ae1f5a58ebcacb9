/* Two threads, besides those of the renderer:
 *
 *     reader    the caller: reads a message, executes it, reads the next; at the end tears down
 *     watchdog  sleeps until the connection hangs up, whoever hung up; then allows the reader a
 * second
 *
 * The reader may be deep inside the host driver, or waiting for a ring, when its client vanishes,
 * and no such call can be interrupted. So the watchdog, and not the reader, sees to it that a
 * client's end is the end of what it held. */
#include "server/vtest/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "server/vtest/client.h"

enum {
    TEARDOWN_MS = 1000,
};

struct watchdog {
    const struct srv_worker_info *info;
    struct srv_client *client;
    int done_fd; /* readable once the reader has finished */
};

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

/* Returns when the connection hangs up, or true as soon as the reader has finished. */
static bool
wait_for_hangup(struct watchdog *dog)
{
    struct pollfd fds[] = {
        {.fd = dog->done_fd, .events = POLLIN},
        {.fd = dog->client->socket, .events = 0}, /* POLLHUP: both directions are shut */
        {.fd = dog->info->stop_fd, .events = POLLIN},
    };

    while (poll(fds, BASE_COUNT_OF(fds), -1) == -1 && errno == EINTR) {
    }
    if (fds[2].revents) {
        srv_client_end_silently(dog->client);
    }
    return fds[0].revents;
}

static void *
watch(void *argument)
{
    struct watchdog *dog = argument;

    if (!wait_for_hangup(dog) && !wait_readable(dog->done_fd, TEARDOWN_MS)) {
        base_log_info(
            "%s: a call into the host driver has kept its context alive for %d ms; ending "
            "the process instead",
            atomic_load(&dog->client->label), TEARDOWN_MS);
        dog->info->give_up(dog->info->user);
    }
    return NULL;
}

/* False, and nobody is served, if there is no thread for the watchdog. */
static bool
serve_watched(struct srv_client *client, struct watchdog *dog)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, watch, dog) != 0) {
        return false;
    }
    srv_client_run(client);
    eventfd_write(dog->done_fd, 1);
    pthread_join(thread, NULL);
    return true;
}

void
srv_worker_serve(const struct srv_worker_info *info)
{
    struct srv_client *client = malloc(sizeof(*client));
    int socket = info->socket;

    if (!client) {
        base_log_error("no memory for client %" PRIu64 "; closing its connection",
                       info->client_number);
        base_fd_close(&socket);
        return;
    }
    srv_client_init(client, socket, info->client_number);

    struct watchdog dog = {
        .info = info,
        .client = client,
        .done_fd = eventfd(0, EFD_CLOEXEC),
    };
    if (dog.done_fd == -1 || !serve_watched(client, &dog)) {
        srv_client_end(client, BASE_LOG_ERROR,
                       "no descriptor or thread left to serve it; closing the connection");
    }
    base_fd_close(&dog.done_fd);
    srv_client_finish(client);
    free(client);
}
