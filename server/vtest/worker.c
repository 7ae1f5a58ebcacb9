/* Two threads, besides those of the renderer: the reader, who is the caller (reads a message,
 * executes it, reads the next; at the end tears down), and the watchdog, see its header. */
#include "server/vtest/worker.h"

#include <stdlib.h>

#include "base/fd.h"
#include "server/process/watchdog.h"
#include "server/vtest/client.h"

struct watched {
    const struct srv_worker_info *info;
    struct srv_client *client;
};

static void
stop(void *user)
{
    const struct watched *watched = user;

    srv_client_end_silently(watched->client);
}

static void
give_up(void *user)
{
    const struct watched *watched = user;

    base_log_info("%s: a call into the host driver has kept its context alive for %d ms; ending "
                  "the process instead",
                  atomic_load(&watched->client->label), SRV_TEARDOWN_MS);
    watched->info->give_up(watched->info->user);
}

/* False, and nobody is served, if there is no thread for the watchdog. */
static bool
serve_watched(const struct srv_worker_info *info, struct srv_client *client)
{
    struct watched watched = {.info = info, .client = client};
    struct srv_watchdog dog;

    if (!srv_watchdog_start(&dog, &(struct srv_watchdog_info){
                                      .socket = client->socket,
                                      .stop_fd = info->stop_fd,
                                      .stop = stop,
                                      .give_up = give_up,
                                      .user = &watched,
                                  })) {
        return false;
    }
    srv_client_run(client);
    srv_watchdog_stop(&dog);
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
    if (!serve_watched(info, client)) {
        srv_client_end(client, BASE_LOG_ERROR,
                       "no descriptor or thread left to serve it; closing the connection");
    }
    srv_client_finish(client);
    free(client);
}
