/* One client's connection: reads its messages, runs them, answers.
 *
 * srv_client_run() reads and executes on one thread. Fences retire on threads of the renderer,
 * which write sync objects without that thread's help. Whoever ends the connection (the client, a
 * broken message, a fatal context, a watchdog) says why once and shuts the socket down, which wakes
 * the reading thread and lets the client see the hang-up at once. */
#ifndef SRV_CLIENT_H
#define SRV_CLIENT_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/log.h"
#include "server/vtest/sync.h"

struct rnd_context;

enum {
    SRV_READ_AHEAD_SIZE = 4096, /* bytes: most messages arrive whole in one system call */
};

struct srv_client {
    int socket; /* constant; closed by srv_client_finish() */
    uint64_t number;
    _Atomic bool ended;          /* any thread sets it once */
    _Atomic(const char *) label; /* for messages: one of the next two; any thread reads it */
    char number_label[32];
    char name_label[96]; /* with what the client calls itself; set with CREATE_RENDERER */
    struct srv_sync_set syncs;

    /* The reading thread only. */
    bool named;                  /* CREATE_RENDERER has come */
    uint32_t version;            /* negotiated, of the protocol */
    struct rnd_context *context; /* NULL before CONTEXT_INIT */
    uint32_t last_resource_id;
    uint64_t last_fence_id;

    uint32_t *body; /* of the message being read, in dwords */
    size_t body_capacity;
    size_t read_at, read_end; /* what is left of read_ahead */
    int received_fd; /* came with what was read ahead, and waits for its message; -1: none */
    uint8_t read_ahead[SRV_READ_AHEAD_SIZE];
};

/* Takes over `socket`. */
void srv_client_init(struct srv_client *client, int socket, uint64_t number);
void srv_client_finish(struct srv_client *client);

/* Serves the client until the connection ends, for whatever reason, and destroys its context. */
void srv_client_run(struct srv_client *client);

/* Ends the connection; only the first reason is logged. Any thread. */
void srv_client_end(struct srv_client *client, enum base_log_level level, const char *format, ...)
    BASE_PRINTF(3, 4);
/* The same when somebody has already said why. */
void srv_client_end_silently(struct srv_client *client);

/* --- for the commands --- */

/* Answers with a header and `count` dwords of body. */
void srv_client_reply(struct srv_client *client, uint32_t command, const uint32_t *body,
                      size_t count);
/* The descriptor that follows the message being run, the caller's; -1 if the connection has ended.
 */
BASE_MUST_CHECK int srv_client_read_fd(struct srv_client *client);
/* Sends a descriptor as the protocol wants it, and closes it in any case. */
void srv_client_send_fd_and_close(struct srv_client *client, int fd);

#endif
