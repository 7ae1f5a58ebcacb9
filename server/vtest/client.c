#include "server/vtest/client.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "renderer/context.h"
#include "server/vtest/commands.h"
#include "wire/vtest.h"

enum {
    MAX_BODY_SIZE =
        16 << 20, /* bytes; drivers stay below a few KiB, large streams travel in shared memory */
    KEPT_BODY_SIZE = 64 << 10, /* bytes; what a message needed beyond it is given back */
};

void
srv_client_init(struct srv_client *client, int socket, uint64_t number)
{
    *client = (struct srv_client){.socket = socket, .number = number, .received_fd = -1};
    srv_sync_set_init(&client->syncs);
    snprintf(client->number_label, sizeof(client->number_label), "client %" PRIu64, number);
    atomic_init(&client->label, client->number_label);
}

void
srv_client_finish(struct srv_client *client)
{
    srv_sync_set_finish(&client->syncs);
    free(client->body);
    base_fd_close(&client->received_fd);
    base_fd_close(&client->socket);
}

void
srv_client_end_silently(struct srv_client *client)
{
    if (!atomic_exchange(&client->ended, true)) {
        shutdown(client->socket, SHUT_RDWR);
    }
}

void
srv_client_end(struct srv_client *client, enum base_log_level level, const char *format, ...)
{
    char reason[512];
    va_list args;

    if (atomic_exchange(&client->ended, true)) {
        return;
    }
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    base_log(level, "%s: %s", atomic_load(&client->label), reason);
    shutdown(client->socket, SHUT_RDWR);
}

/* A descriptor may come with any bytes, since we read ahead; only one message is ever followed by
 * one, so no second can be on its way before that has run. */
static ssize_t
receive(struct srv_client *client, void *to, size_t size)
{
    int fd;
    ssize_t got = base_fd_receive(client->socket, to, size, &fd);

    if (fd != -1 && client->received_fd != -1) {
        base_fd_close(&fd);
        srv_client_end(client, BASE_LOG_WARN,
                       "sent a descriptor that nobody asked for; closing the connection");
    } else if (fd != -1) {
        client->received_fd = fd;
    }
    return atomic_load(&client->ended) ? 0 : got;
}

static size_t
take_read_ahead(struct srv_client *client, uint8_t *to, size_t size)
{
    size_t left = client->read_end - client->read_at;
    size_t taken = size < left ? size : left;

    memcpy(to, client->read_ahead + client->read_at, taken);
    client->read_at += taken;
    return taken;
}

/* Returns how much was read: less than `size` if the connection has ended. */
static size_t
read_bytes(struct srv_client *client, void *to, size_t size)
{
    uint8_t *at = to;
    size_t done = take_read_ahead(client, at, size);

    while (done < size) {
        bool large = size - done >= sizeof(client->read_ahead);
        ssize_t got = large ? receive(client, at + done, size - done)
                            : receive(client, client->read_ahead, sizeof(client->read_ahead));
        if (got <= 0) {
            break;
        }
        if (large) {
            done += (size_t)got;
        } else {
            client->read_at = 0;
            client->read_end = (size_t)got;
            done += take_read_ahead(client, at + done, size - done);
        }
    }
    return done;
}

static bool
reserve_body(struct srv_client *client, size_t size)
{
    if (size <= client->body_capacity) {
        return true;
    }
    free(client->body);
    client->body = malloc(size);
    client->body_capacity = client->body ? size : 0;
    return client->body != NULL;
}

static void
give_back_large_body(struct srv_client *client)
{
    if (client->body_capacity > KEPT_BODY_SIZE) {
        free(client->body);
        client->body = NULL;
        client->body_capacity = 0;
    }
}

static const struct srv_command *
find_command(struct srv_client *client, uint32_t number)
{
    const struct srv_command *command = srv_command_find(number);

    if (!command) {
        srv_client_end(client, BASE_LOG_WARN, "sent unknown command %u; closing the connection",
                       number);
        return NULL;
    }
    if (!command->run) {
        srv_client_end(client, BASE_LOG_WARN, "sent %s, which %s; closing the connection",
                       command->name, command->refused);
        return NULL;
    }
    if (client->named == (number == WIRE_VTEST_CREATE_RENDERER)) {
        srv_client_end(client, BASE_LOG_WARN,
                       client->named ? "sent a second %s; closing the connection"
                                     : "sent %s before CREATE_RENDERER; closing the connection",
                       command->name);
        return NULL;
    }
    return command;
}

static void
run_message(struct srv_client *client, uint32_t claimed, const struct srv_command *command)
{
    uint32_t length = command->body == SRV_BODY_FIXED ? command->length : claimed;
    size_t unit = command->body == SRV_BODY_BYTES ? 1 : sizeof(uint32_t);
    size_t most = command->body == SRV_BODY_BYTES ? WIRE_VTEST_MAX_NAME_SIZE : MAX_BODY_SIZE;

    if (length < command->length || length > most / unit) {
        srv_client_end(client, BASE_LOG_WARN,
                       "claims %s of %u %s, %u to %zu are allowed; closing the connection",
                       command->name, length, unit == 1 ? "bytes" : "dwords", command->length,
                       most / unit);
        return;
    }
    if (!reserve_body(client, length * unit)) {
        srv_client_end(client, BASE_LOG_ERROR,
                       "no memory for %zu bytes of %s; closing the connection", length * unit,
                       command->name);
        return;
    }
    size_t got = read_bytes(client, client->body, length * unit);
    if (got < length * unit) {
        srv_client_end(client, BASE_LOG_WARN, "stopped in the middle of %s, %zu of %zu bytes came",
                       command->name, got, length * unit);
        return;
    }
    command->run(client, client->body, length);
    give_back_large_body(client);
}

static void
read_messages(struct srv_client *client)
{
    while (!atomic_load(&client->ended)) {
        uint32_t header[WIRE_VTEST_HEADER_DWORDS];
        size_t got = read_bytes(client, header, sizeof(header));

        if (got == 0) {
            srv_client_end(client, BASE_LOG_INFO, "has left");
        } else if (got < sizeof(header)) {
            srv_client_end(client, BASE_LOG_WARN, "stopped in the middle of a header");
        } else {
            const struct srv_command *command = find_command(client, header[1]);
            if (command) {
                run_message(client, header[0], command);
            }
        }
    }
}

void
srv_client_run(struct srv_client *client)
{
    read_messages(client);
    if (client->context) {
        rnd_context_destroy(client->context); /* after it no fence retires */
        client->context = NULL;
    }
}

void
srv_client_reply(struct srv_client *client, uint32_t command, const uint32_t *body, size_t count)
{
    uint32_t message[WIRE_VTEST_HEADER_DWORDS + 128] = {(uint32_t)count, command};

    assert(count <= BASE_COUNT_OF(message) - WIRE_VTEST_HEADER_DWORDS);
    if (count > 0) {
        memcpy(message + WIRE_VTEST_HEADER_DWORDS, body, count * sizeof(body[0]));
    }
    if (!base_fd_write(client->socket, message,
                       (WIRE_VTEST_HEADER_DWORDS + count) * sizeof(message[0]))) {
        srv_client_end(client, BASE_LOG_INFO, "has left without waiting for an answer");
    }
}

int
srv_client_read_fd(struct srv_client *client)
{
    uint8_t dummy;

    if (read_bytes(client, &dummy, sizeof(dummy)) < sizeof(dummy)) {
        srv_client_end(client, BASE_LOG_WARN, "stopped before it sent a descriptor");
        return -1;
    }
    int fd = client->received_fd;
    client->received_fd = -1;
    if (fd == -1) {
        srv_client_end(client, BASE_LOG_WARN,
                       "sent no descriptor where one must follow; closing the connection");
    }
    return fd;
}

void
srv_client_send_fd_and_close(struct srv_client *client, int fd)
{
    if (!base_fd_send_fd(client->socket, fd)) {
        srv_client_end(client, BASE_LOG_INFO, "has left without waiting for a descriptor");
    }
    base_fd_close(&fd);
}
