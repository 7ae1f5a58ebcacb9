#include "server/vtest/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "renderer/context.h"
#include "wire/capset.h"
#include "wire/vtest.h"

enum {
    SHOWN_NAME_SIZE = 48, /* bytes of a client's name that go into messages */
};

static void
run_create_renderer(struct srv_client *client, const uint32_t *body, size_t size)
{
    const char *given = (const char *)body;
    char shown[SHOWN_NAME_SIZE + 1] = {0};

    for (size_t i = 0; i < size && i < SHOWN_NAME_SIZE && given[i]; i++) {
        shown[i] = isprint((unsigned char)given[i]) ? given[i] : '?';
    }
    client->named = true;
    snprintf(client->name_label, sizeof(client->name_label), "%s (%s)", client->number_label,
             shown);
    atomic_store(&client->label, client->name_label);
    base_log_debug("%s: connected", client->name_label);
}

static void
run_ping(struct srv_client *client, const uint32_t *body, size_t length)
{
    srv_client_reply(client, WIRE_VTEST_PING_PROTOCOL_VERSION, NULL, 0);
}

/* No resource is ever busy here: the driver knows itself what it waits for. Clients send this once,
 * behind a ping, so that servers without ping answer something. */
static void
run_busy_wait(struct srv_client *client, const uint32_t *body, size_t length)
{
    srv_client_reply(client, WIRE_VTEST_RESOURCE_BUSY_WAIT, (uint32_t[]){0}, 1);
}

static void
run_protocol_version(struct srv_client *client, const uint32_t *body, size_t length)
{
    uint32_t version = body[0] < WIRE_VTEST_VERSION ? body[0] : WIRE_VTEST_VERSION;

    client->version = version == 1 ? 0 : version; /* version 1 was withdrawn */
    srv_client_reply(client, WIRE_VTEST_PROTOCOL_VERSION, &client->version, 1);
}

static void
run_get_param(struct srv_client *client, const uint32_t *body, size_t length)
{
    bool known = body[0] == WIRE_VTEST_PARAM_MAX_TIMELINE_COUNT;

    srv_client_reply(client, WIRE_VTEST_GET_PARAM,
                     (uint32_t[]){known, known ? WIRE_MAX_TIMELINES : 0}, 2);
}

static void
run_get_capset(struct srv_client *client, const uint32_t *body, size_t length)
{
    struct {
        uint32_t valid;
        struct wire_capset capset;
    } reply = {.valid = body[0] == WIRE_CAPSET_ID && body[1] <= WIRE_CAPSET_VERSION};

    if (reply.valid) {
        rnd_context_get_capset(&reply.capset);
    }
    srv_client_reply(client, WIRE_VTEST_GET_CAPSET, (const uint32_t *)&reply,
                     reply.valid ? sizeof(reply) / sizeof(uint32_t) : 1);
}

static void
on_fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id)
{
    struct srv_client *client = user;

    srv_sync_retire(&client->syncs, ring_idx, fence_id);
}

/* The renderer has logged the reason. */
static void
on_context_fatal(void *user, const char *reason)
{
    srv_client_end_silently(user);
}

static void
run_context_init(struct srv_client *client, const uint32_t *body, size_t length)
{
    if (body[0] != WIRE_CAPSET_ID) {
        srv_client_end(client, BASE_LOG_WARN,
                       "asks for a context of capset %u; only Venus (%u) is served; closing the "
                       "connection",
                       body[0], WIRE_CAPSET_ID);
        return;
    }
    if (client->context) {
        return; /* twice the same is harmless */
    }
    client->context = rnd_context_create(&(struct rnd_context_info){
        .name = client->name_label,
        .user = client,
        .fence_retired = on_fence_retired,
        .fatal = on_context_fatal,
    });
    if (!client->context) {
        srv_client_end(client, BASE_LOG_ERROR,
                       "no memory or threads left for a context; closing the connection");
    }
}

/* What is wrong with a request for a blob of that type, or NULL. */
static const char *
find_blob_fault(const struct srv_client *client, uint32_t type)
{
    if (!client->context) {
        return "there is no context yet";
    }
    if (type != WIRE_VTEST_BLOB_HOST3D) {
        return "only blobs of type HOST3D (2) are served";
    }
    return client->last_resource_id == UINT32_MAX ? "all resource ids are used up" : NULL;
}

static void
run_create_blob(struct srv_client *client, const uint32_t *body, size_t length)
{
    uint32_t type = body[0], flags = body[1];
    uint64_t size = srv_load_u64(&body[2]), blob_id = srv_load_u64(&body[4]);
    uint32_t resource_id = client->last_resource_id + 1;
    const char *fault = find_blob_fault(client, type);
    struct rnd_blob blob;

    if (fault) {
        srv_client_end(client, BASE_LOG_WARN,
                       "cannot have a blob of type %u: %s; closing the connection", body[0], fault);
        return;
    }
    enum rnd_result res =
        rnd_context_create_blob(client->context, resource_id, blob_id, size, flags, &blob);
    if (res == RND_FATAL) {
        srv_client_end_silently(client);
    } else if (res != RND_OK) {
        /* The renderer has warned, as it does for every user. */
        srv_client_end(client, BASE_LOG_INFO, "cannot have that blob; closing the connection");
    } else {
        client->last_resource_id = resource_id;
        srv_client_reply(client, WIRE_VTEST_RESOURCE_CREATE_BLOB, &resource_id, 1);
        srv_client_send_fd_and_close(client, blob.fd);
    }
}

/* A descriptor that is refused costs nothing: the application had it from somebody else. */
static void
run_resource_import(struct srv_client *client, const uint32_t *body, size_t length)
{
    uint32_t kind = body[0], resource_id = client->last_resource_id + 1;
    struct rnd_fd memory = {
        .size = srv_load_u64(&body[1]),
        .offset = length >= WIRE_VTEST_IMPORT_AT_DWORDS ? srv_load_u64(&body[3]) : 0,
    };
    static const enum rnd_fd_kind kinds[] = {
        [WIRE_VTEST_IMPORT_OPAQUE] = RND_FD_OPAQUE,
        [WIRE_VTEST_IMPORT_DMA_BUF] = RND_FD_DMA_BUF,
        [WIRE_VTEST_IMPORT_PAGES] = RND_FD_SHARED_MEMORY,
    };
    bool known = kind > 0 && kind < BASE_COUNT_OF(kinds);

    if (!client->context || !known || resource_id == 0) {
        srv_client_end(client, BASE_LOG_WARN,
                       "cannot import memory of kind %u: %s; closing the connection", kind,
                       !client->context ? "there is no context yet"
                       : !known ? "only opaque ones (1), dma-bufs (2) and pages (3) are known"
                                : "all resource ids are used up");
        return;
    }
    memory.kind = kinds[kind];
    memory.fd = srv_client_read_fd(client);
    if (memory.fd == -1) {
        return;
    }
    enum rnd_result res = rnd_context_import(client->context, resource_id, &memory);
    base_fd_close(&memory.fd);
    if (res == RND_FATAL) {
        srv_client_end_silently(client);
        return;
    }
    if (res == RND_OK) {
        client->last_resource_id = resource_id;
    }
    srv_client_reply(client, WIRE_VTEST_VESPER_RESOURCE_IMPORT,
                     (uint32_t[]){res == RND_OK ? resource_id : 0}, 1);
}

static void
run_resource_unref(struct srv_client *client, const uint32_t *body, size_t length)
{
    if (client->context) {
        rnd_context_unref_resource(client->context, body[0]);
    }
}

/* True if all is well; otherwise ends the connection. */
static bool
check_sync(struct srv_client *client, const char *command, enum srv_sync_result res)
{
    if (res == SRV_SYNC_UNKNOWN) {
        srv_client_end(client, BASE_LOG_WARN,
                       "%s names a sync object that does not exist; closing the connection",
                       command);
    } else if (res == SRV_SYNC_NO_MEMORY) {
        srv_client_end(
            client, BASE_LOG_WARN,
            "%s: memory, file descriptors or sync objects ran out; closing the connection",
            command);
    }
    return res == SRV_SYNC_OK;
}

static void
run_sync_create(struct srv_client *client, const uint32_t *body, size_t length)
{
    uint32_t id;

    if (check_sync(client, "SYNC_CREATE",
                   srv_sync_create(&client->syncs, srv_load_u64(body), &id))) {
        srv_client_reply(client, WIRE_VTEST_SYNC_CREATE, &id, 1);
    }
}

static void
run_sync_unref(struct srv_client *client, const uint32_t *body, size_t length)
{
    srv_sync_unref(&client->syncs, body[0]);
}

static void
run_sync_read(struct srv_client *client, const uint32_t *body, size_t length)
{
    uint64_t value;

    if (check_sync(client, "SYNC_READ", srv_sync_read(&client->syncs, body[0], &value))) {
        srv_client_reply(client, WIRE_VTEST_SYNC_READ,
                         (uint32_t[]){(uint32_t)value, (uint32_t)(value >> 32)}, 2);
    }
}

static void
run_sync_write(struct srv_client *client, const uint32_t *body, size_t length)
{
    struct srv_sync_point point = {.id = body[0], .value = srv_load_u64(&body[1])};

    (void)check_sync(client, "SYNC_WRITE", srv_sync_write(&client->syncs, &point, 1));
}

struct srv_sync_point *
srv_load_points(const uint32_t *triples, size_t count)
{
    struct srv_sync_point *points = calloc(count ? count : 1, sizeof(*points));

    for (size_t i = 0; points && i < count; i++) {
        const uint32_t *triple = &triples[i * WIRE_VTEST_SYNC_DWORDS];
        points[i] = (struct srv_sync_point){.id = triple[0], .value = srv_load_u64(&triple[1])};
    }
    return points;
}

static void
run_sync_wait(struct srv_client *client, const uint32_t *body, size_t length)
{
    size_t count = (length - 2) / WIRE_VTEST_SYNC_DWORDS;
    bool any = body[0] & WIRE_VTEST_WAIT_ANY;
    int fd;

    if (2 + count * WIRE_VTEST_SYNC_DWORDS != length) {
        srv_client_end(
            client, BASE_LOG_WARN,
            "SYNC_WAIT of %zu dwords is not 2 and a multiple of 3; closing the connection", length);
        return;
    }

    struct srv_sync_point *points = srv_load_points(&body[2], count);
    enum srv_sync_result res = SRV_SYNC_NO_MEMORY;
    if (points) {
        res = srv_sync_wait(&client->syncs, points, count, any, body[1], &fd);
    }
    free(points);

    if (check_sync(client, "SYNC_WAIT", res)) {
        srv_client_reply(client, WIRE_VTEST_SYNC_WAIT, NULL, 0);
        srv_client_send_fd_and_close(client, fd);
    }
}

/* clang-format off */
#define FIXED(command, function, dwords) \
    [WIRE_VTEST_##command] = {.name = #command, .run = function, .body = SRV_BODY_FIXED, .length = dwords}
#define AT_LEAST(command, function, unit, least) \
    [WIRE_VTEST_##command] = {.name = #command, .run = function, .body = unit, .length = least}
#define REFUSED(command, why) \
    [WIRE_VTEST_##command] = {.name = #command, .refused = why}

#define NOT_VENUS "belongs to virgl (OpenGL); only Venus (Vulkan) is served"
#define NO_DRM_SYNC "needs DRM sync objects of the host, which are not offered"
/* Every blob's descriptor has been handed out at its creation. */
#define NO_EXPORT "is not offered: a blob's descriptor comes with it"

static const struct srv_command commands[WIRE_VTEST_COMMAND_COUNT] = {
    REFUSED(GET_CAPS, NOT_VENUS),
    REFUSED(RESOURCE_CREATE, NOT_VENUS),
    FIXED(RESOURCE_UNREF, run_resource_unref, 1),
    REFUSED(TRANSFER_GET, NOT_VENUS),
    REFUSED(TRANSFER_PUT, NOT_VENUS),
    REFUSED(SUBMIT_CMD, NOT_VENUS),
    FIXED(RESOURCE_BUSY_WAIT, run_busy_wait, 2),
    AT_LEAST(CREATE_RENDERER, run_create_renderer, SRV_BODY_BYTES, 0),
    REFUSED(GET_CAPS2, NOT_VENUS),
    FIXED(PING_PROTOCOL_VERSION, run_ping, 0),
    FIXED(PROTOCOL_VERSION, run_protocol_version, 1),
    REFUSED(RESOURCE_CREATE2, NOT_VENUS),
    REFUSED(TRANSFER_GET2, NOT_VENUS),
    REFUSED(TRANSFER_PUT2, NOT_VENUS),
    FIXED(GET_PARAM, run_get_param, 1),
    FIXED(GET_CAPSET, run_get_capset, 2),
    FIXED(CONTEXT_INIT, run_context_init, 1),
    FIXED(RESOURCE_CREATE_BLOB, run_create_blob, 6),
    FIXED(SYNC_CREATE, run_sync_create, 2),
    FIXED(SYNC_UNREF, run_sync_unref, 1),
    FIXED(SYNC_READ, run_sync_read, 1),
    FIXED(SYNC_WRITE, run_sync_write, 3),
    AT_LEAST(SYNC_WAIT, run_sync_wait, SRV_BODY_DWORDS, 2),
    AT_LEAST(SUBMIT_CMD2, srv_run_submit_cmd2, SRV_BODY_DWORDS, 1),
    [WIRE_VTEST_DRM_SYNC_FIRST ... WIRE_VTEST_DRM_SYNC_LAST] = {.name = "DRM_SYNC", .refused = NO_DRM_SYNC},
    REFUSED(RESOURCE_EXPORT_FD, NO_EXPORT),
};
/* clang-format on */

static const struct srv_command import_command = {.name = "RESOURCE_IMPORT",
                                                  .run = run_resource_import,
                                                  .body = SRV_BODY_DWORDS,
                                                  .length = WIRE_VTEST_IMPORT_DWORDS};

const struct srv_command *
srv_command_find(uint32_t number)
{
    if (number == WIRE_VTEST_VESPER_RESOURCE_IMPORT) {
        return &import_command;
    }
    return number < WIRE_VTEST_COMMAND_COUNT && commands[number].name ? &commands[number] : NULL;
}
