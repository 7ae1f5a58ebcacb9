/* SUBMIT_CMD2: batches of commands for the context's own stream, each with values that sync objects
 * take once it is done.
 *
 *     body   [N] [batch 0] ... [batch N-1] [commands of all batches] [sync triples of all batches]
 *     batch  flags, command offset and size, sync offset and count, ring index, two syncobj counts
 *
 * Offsets and sizes are in dwords from the body's start. */
#include <stdbool.h>
#include <stdlib.h>

#include "renderer/context.h"
#include "server/vtest/commands.h"
#include "wire/range.h"
#include "wire/vtest.h"

enum batch_dword {
    BATCH_FLAGS,
    BATCH_COMMAND_OFFSET,
    BATCH_COMMAND_SIZE,
    BATCH_SYNC_OFFSET,
    BATCH_SYNC_COUNT,
    BATCH_RING_IDX,
    BATCH_IN_SYNCOBJ_COUNT,
    BATCH_OUT_SYNCOBJ_COUNT,
};

/* The first clients of version 3 sent batches of 6 dwords, today's send 8 whatever was negotiated.
 * The commands of the first batch start right behind the last batch, which tells the two apart. */
static size_t
batch_stride(const struct srv_client *client, const uint32_t *body, size_t length)
{
    uint64_t old_end = 1 + (uint64_t)body[0] * WIRE_VTEST_OLD_BATCH_DWORDS;
    bool old = client->version < WIRE_VTEST_VERSION && body[0] > 0 && old_end <= length &&
               body[1 + BATCH_COMMAND_OFFSET] == old_end;

    return old ? WIRE_VTEST_OLD_BATCH_DWORDS : WIRE_VTEST_BATCH_DWORDS;
}

/* What is wrong with the batch, or NULL. */
static const char *
find_fault(const struct srv_client *client, const uint32_t *batch, size_t length)
{
    bool has_ring = batch[BATCH_FLAGS] & WIRE_VTEST_BATCH_RING_IDX;
    uint64_t sync_dwords = (uint64_t)batch[BATCH_SYNC_COUNT] * WIRE_VTEST_SYNC_DWORDS;

    if (!wire_range_fits(batch[BATCH_COMMAND_OFFSET], batch[BATCH_COMMAND_SIZE], length)) {
        return "has commands outside of the message";
    }
    if (!wire_range_fits(batch[BATCH_SYNC_OFFSET], sync_dwords, length)) {
        return "has sync objects outside of the message";
    }
    if (batch[BATCH_FLAGS] & (WIRE_VTEST_BATCH_IN_FENCE_FD | WIRE_VTEST_BATCH_OUT_FENCE_FD)) {
        return "passes fence descriptors, which are not offered";
    }
    if (has_ring && batch[BATCH_RING_IDX] >= WIRE_MAX_TIMELINES) {
        return "has a ring index above 63";
    }
    if (client->version >= WIRE_VTEST_VERSION &&
        (batch[BATCH_IN_SYNCOBJ_COUNT] || batch[BATCH_OUT_SYNCOBJ_COUNT])) {
        return "names DRM sync objects, which are not offered";
    }
    return NULL;
}

/* False: the connection has ended. */
static bool
execute(struct srv_client *client, const uint32_t *commands, size_t count)
{
    if (count == 0) {
        return true;
    }
    if (!client->context) {
        srv_client_end(client, BASE_LOG_WARN,
                       "sent commands before CONTEXT_INIT; closing the connection");
        return false;
    }

    enum rnd_result res =
        rnd_context_submit(client->context, commands, count * sizeof(commands[0]));
    if (res == RND_FATAL) {
        srv_client_end_silently(client);
    } else if (res != RND_OK) {
        srv_client_end(client, BASE_LOG_WARN, "commands were refused (%s); closing the connection",
                       res == RND_NO_MEMORY ? "out of memory" : "invalid");
    }
    return res == RND_OK;
}

/* Stores the points once the ring's work so far is done. */
static void
fence_syncs(struct srv_client *client, uint32_t ring_idx, const struct srv_sync_point *points,
            size_t count)
{
    uint64_t fence_id = ++client->last_fence_id;

    if (!client->context) {
        srv_client_end(client, BASE_LOG_WARN,
                       "asks for a fence before CONTEXT_INIT; closing the connection");
        return;
    }
    /* First the points: the fence may retire before its creation returns. */
    enum srv_sync_result sync_res =
        srv_sync_add_fence(&client->syncs, ring_idx, fence_id, points, count);
    if (sync_res != SRV_SYNC_OK) {
        srv_client_end(client, BASE_LOG_WARN, "SUBMIT_CMD2: %s; closing the connection",
                       sync_res == SRV_SYNC_UNKNOWN ? "unknown sync object" : "out of memory");
        return;
    }
    enum rnd_result res = rnd_context_create_fence(client->context, ring_idx, fence_id);
    if (res == RND_FATAL) {
        srv_client_end_silently(client);
    } else if (res != RND_OK) {
        srv_client_end(client, BASE_LOG_WARN,
                       "no fence on ring index %u: %s; closing the connection", ring_idx,
                       res == RND_NO_MEMORY ? "out of memory" : "no queue is bound to it");
    }
}

static void
write_syncs(struct srv_client *client, const struct srv_sync_point *points, size_t count)
{
    if (srv_sync_write(&client->syncs, points, count) != SRV_SYNC_OK) {
        srv_client_end(client, BASE_LOG_WARN,
                       "SUBMIT_CMD2: unknown sync object; closing the connection");
    }
}

static void
signal_syncs(struct srv_client *client, const uint32_t *batch, const uint32_t *triples)
{
    size_t count = batch[BATCH_SYNC_COUNT];

    if (count == 0) {
        return;
    }
    struct srv_sync_point *points = srv_load_points(triples, count);
    if (!points) {
        srv_client_end(client, BASE_LOG_ERROR,
                       "no memory for %zu sync objects; closing the connection", count);
        return;
    }
    if (batch[BATCH_FLAGS] & WIRE_VTEST_BATCH_RING_IDX) {
        fence_syncs(client, batch[BATCH_RING_IDX], points, count);
    } else {
        write_syncs(client, points, count);
    }
    free(points);
}

void
srv_run_submit_cmd2(struct srv_client *client, const uint32_t *body, size_t length)
{
    uint32_t count = body[0];
    size_t stride = batch_stride(client, body, length);

    if (count == 0 || count > (length - 1) / stride) {
        srv_client_end(client, BASE_LOG_WARN,
                       "SUBMIT_CMD2 claims %u batches in %zu dwords; closing the connection", count,
                       length);
        return;
    }
    for (uint32_t i = 0; i < count && !atomic_load(&client->ended); i++) {
        const uint32_t *batch = &body[1 + i * stride];
        const char *fault = find_fault(client, batch, length);
        if (fault) {
            srv_client_end(client, BASE_LOG_WARN,
                           "batch %u of SUBMIT_CMD2 %s; closing the connection", i, fault);
            return;
        }
        if (!execute(client, &body[batch[BATCH_COMMAND_OFFSET]], batch[BATCH_COMMAND_SIZE])) {
            return;
        }
        signal_syncs(client, batch, &body[batch[BATCH_SYNC_OFFSET]]);
    }
}
