/* Writing commands: encoded in place where they fit in front of the buffer's end, in a scratch
 * buffer where they wrap around, in a stream of shared memory where they are large. Waiting is in
 * ring_wait.c, setting up in ring_create.c. */
#include "driver/ring.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/futex.h"
#include "driver/address_reports.h"
#include "driver/ring_private.h"
#include "protocol/proto_encode.h"

enum {
    /* Of commands that the renderer has not executed yet, beside those in the ring itself. */
    MAX_STREAM_BYTES = 128 << 20,
};

/* What a failure of the transport means for a command. */
static VkResult
transport_failed(struct drv_ring *ring, enum tp_result res)
{
    if (res == TP_NO_MEMORY) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    if (res == TP_NO_DEVICE_MEMORY) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    drv_ring_set_lost(ring, "the connection is closed");
    return VK_ERROR_DEVICE_LOST;
}

/* The renderer sleeps without looking at the ring: tell it through the transport. It goes back to
 * sleep only after its idle time-out, so a second message within that time would only repeat the
 * first. */
static void
notify_by_transport(struct drv_ring *ring, uint32_t seqno)
{
    uint64_t now = base_clock_now_ns();
    uint64_t last = atomic_load_explicit(&ring->last_notify_ns, memory_order_relaxed);
    if (now - last < DRV_RING_IDLE_TIMEOUT_NS ||
        !atomic_compare_exchange_strong(&ring->last_notify_ns, &last, now)) {
        return;
    }
    uint8_t bytes[DRV_RING_SMALL_COMMAND_SIZE];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    proto_encode_vkNotifyRingMESA(&out, &ring->caps, 0, ring->id, seqno, 0);
    enum tp_result res =
        ring->transport->ops->submit(ring->transport, bytes, (size_t)(out.at - bytes));
    if (res == TP_LOST) {
        drv_ring_set_lost(ring, "the connection is closed");
    }
}

/* Shows everything written to the renderer. The two accesses pair with the renderer's, which sets
 * IDLE and then reads tail: one of us sees the other. */
static void
publish(struct drv_ring *ring, uint32_t seqno)
{
    uint32_t status = atomic_load(ring->view.status);
    if (status & WIRE_RING_STATUS_FATAL) {
        drv_ring_set_lost(ring, "it refused a command");
    } else if (status & WIRE_RING_STATUS_IDLE) {
        if (ring->futex) {
            base_futex_wake(ring->view.tail);
        } else {
            notify_by_transport(ring, seqno);
        }
    }
}

/* Room for `size` bytes behind tail. The lock stays held meanwhile: whoever else wants to write
 * needs room as well. A full ring may drain by a quarter first: else the two sides would take
 * turns, and sleep, for each command. */
static bool
wait_for_room_locked(struct drv_ring *ring, uint32_t size)
{
    uint32_t head = atomic_load_explicit(ring->view.head, memory_order_acquire);
    uint32_t used = ring->tail - head;
    if (used <= ring->view.buffer_size && size <= ring->view.buffer_size - used) {
        return true;
    }
    uint32_t quarter = ring->view.buffer_size / 4;
    uint32_t wanted = size > quarter ? size : quarter;
    return drv_ring_wait(ring, ring->tail + wanted - ring->view.buffer_size);
}

/* The ring's own size does not hold back a thread that only records: a large command buffer leaves
 * just a few bytes there. What it has in streams does. */
static enum tp_result
take_stream_locked(struct drv_ring *ring, size_t size, struct drv_shmem_piece *out)
{
    uint32_t seqno;
    while (drv_shmem_pool_should_wait(&ring->streams, size, MAX_STREAM_BYTES, &seqno)) {
        if (!drv_ring_wait(ring, seqno)) {
            return TP_LOST;
        }
    }
    return drv_shmem_pool_take(&ring->streams, size, out);
}

/* Where `size` bytes behind tail are to be encoded. */
static uint8_t *
writing_place_locked(struct drv_ring *ring, uint32_t size)
{
    uint32_t position = ring->tail & (ring->view.buffer_size - 1);
    bool wraps = size > ring->view.buffer_size - position;
    return wraps ? ring->scratch : ring->view.buffer + position;
}

/* What was encoded at ring->writing, up to `end`, becomes part of the ring. */
static uint32_t
advance_locked(struct drv_ring *ring, const uint8_t *end)
{
    uint32_t size = (uint32_t)(end - ring->writing);
    if (ring->writing == ring->scratch) {
        wire_ring_copy_in(&ring->view, ring->tail, ring->scratch, size);
    }
    ring->tail += size;
    atomic_store(ring->view.tail, ring->tail);
    return ring->tail;
}

static void
encode_set_reply(struct drv_ring *ring, struct wire_writer *out,
                 const struct drv_shmem_piece *reply, size_t size)
{
    const VkCommandStreamDescriptionMESA description = {
        .resourceId = reply->block->blob.resource_id,
        .offset = reply->offset,
        .size = size,
    };
    proto_encode_vkSetReplyCommandStreamMESA(out, &ring->caps, 0, &description);
}

static void
encode_execute(struct drv_ring *ring, struct wire_writer *out, const struct drv_shmem_piece *stream,
               size_t size)
{
    const VkCommandStreamDescriptionMESA description = {
        .resourceId = stream->block->blob.resource_id,
        .offset = stream->offset,
        .size = size,
    };
    proto_encode_vkExecuteCommandStreamsMESA(out, &ring->caps, 0, 1, &description, NULL, 0, NULL,
                                             0);
}

/* --- the protocol's client: one command at a time --- */

/* A proto_call carries its pieces of shared memory in its cookies, two for each. */
static void
keep_piece(void **cookie, const struct drv_shmem_piece *piece)
{
    cookie[0] = piece->block;
    cookie[1] = piece->map;
}

static struct drv_shmem_piece
kept_piece(void *const *cookie)
{
    struct drv_shmem_piece piece = {.block = cookie[0], .map = cookie[1]};
    if (piece.block) {
        piece.offset = (size_t)(piece.map - (uint8_t *)piece.block->blob.map);
    }
    return piece;
}

enum {
    COOKIE_REPLY = 0,
    COOKIE_STREAM = 2,
};

/* Up to here nobody has seen the piece. */
static void
drop_piece_locked(struct drv_ring *ring, struct drv_shmem_pool *pool, struct drv_shmem_piece *piece)
{
    if (piece->block) {
        drv_shmem_pool_give_back(pool, piece, ring->tail);
    }
}

static VkResult
begin_locked(struct drv_ring *ring, struct proto_call *call)
{
    struct drv_shmem_piece reply = {0}, stream = {0};
    size_t ring_size = call->request_size;

    if (drv_ring_is_lost(ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    if (call->reply_bound) {
        enum tp_result res = drv_shmem_pool_take(&ring->replies, call->reply_bound, &reply);
        if (res != TP_OK) {
            return transport_failed(ring, res);
        }
    }
    if (ring_size > DRV_RING_DIRECT_LIMIT) {
        enum tp_result res = take_stream_locked(ring, call->request_size, &stream);
        if (res != TP_OK) {
            drop_piece_locked(ring, &ring->replies, &reply);
            return transport_failed(ring, res);
        }
        ring_size = DRV_RING_SMALL_COMMAND_SIZE;
    }
    if (reply.block) {
        ring_size += DRV_RING_SMALL_COMMAND_SIZE;
    }
    if (!wait_for_room_locked(ring, (uint32_t)ring_size)) {
        drop_piece_locked(ring, &ring->replies, &reply);
        drop_piece_locked(ring, &ring->streams, &stream);
        return VK_ERROR_DEVICE_LOST;
    }

    ring->writing = writing_place_locked(ring, (uint32_t)ring_size);
    call->out = wire_writer_over(ring->writing, ring_size);
    if (reply.block) {
        encode_set_reply(ring, &call->out, &reply, call->reply_bound);
    }
    if (stream.block) {
        encode_execute(ring, &call->out, &stream, call->request_size);
        ring->written_end = call->out.at;
        call->out = wire_writer_over(stream.map, call->request_size);
    }
    keep_piece(&call->cookie[COOKIE_REPLY], &reply);
    keep_piece(&call->cookie[COOKIE_STREAM], &stream);
    return VK_SUCCESS;
}

static VkResult
client_begin(struct proto_client *client, struct proto_call *call)
{
    struct drv_ring *ring = drv_ring_from(client);
    struct drv_address_reports *reports = drv_address_reports_begin(ring);
    pthread_mutex_lock(&ring->lock);
    VkResult result = begin_locked(ring, call);
    ring->reported = reports;
    if (result != VK_SUCCESS) {
        pthread_mutex_unlock(&ring->lock);
        if (reports) {
            drv_address_reports_give_turn(ring);
        }
    }
    return result;
}

/* Lets go of the lock. */
static VkResult
send(struct drv_ring *ring, struct proto_call *call)
{
    struct drv_shmem_piece reply = kept_piece(&call->cookie[COOKIE_REPLY]);
    struct drv_shmem_piece stream = kept_piece(&call->cookie[COOKIE_STREAM]);

    uint32_t seqno = advance_locked(ring, stream.block ? ring->written_end : call->out.at);
    if (stream.block) {
        assert((size_t)(call->out.at - stream.map) == call->request_size);
        drv_shmem_pool_give_back(&ring->streams, &stream, seqno);
    }
    pthread_mutex_unlock(&ring->lock);
    publish(ring, seqno);

    if (!reply.block) {
        return VK_SUCCESS;
    }
    if (!drv_ring_wait(ring, seqno)) {
        return VK_ERROR_DEVICE_LOST; /* the piece stays taken: the renderer may yet write to it */
    }
    call->in = wire_reader_over(reply.map, call->reply_bound);
    return VK_SUCCESS;
}

static VkResult
client_finish(struct proto_client *client, struct proto_call *call)
{
    struct drv_ring *ring = drv_ring_from(client);
    struct drv_address_reports *reports = ring->reported;
    VkResult result = send(ring, call);
    if (reports) {
        drv_address_reports_end(reports, ring);
    }
    return result;
}

static void
client_end(struct proto_client *client, struct proto_call *call)
{
    struct drv_ring *ring = drv_ring_from(client);
    struct drv_shmem_piece reply = kept_piece(&call->cookie[COOKIE_REPLY]);
    pthread_mutex_lock(&ring->lock);
    drop_piece_locked(ring, &ring->replies, &reply);
    pthread_mutex_unlock(&ring->lock);
}

static void
client_broken(struct proto_client *client, const char *command)
{
    drv_ring_set_lost_by(drv_ring_from(client), command);
}

const struct proto_client_ops drv_ring_client_ops = {
    .begin = client_begin,
    .finish = client_finish,
    .end = client_end,
    .broken = client_broken,
};

/* --- whole commands that somebody else encoded --- */

static VkResult
submit_locked(struct drv_ring *ring, const void *commands, size_t size)
{
    struct drv_shmem_piece stream = {0};
    if (drv_ring_is_lost(ring)) {
        return VK_ERROR_DEVICE_LOST;
    }
    if (size <= DRV_RING_DIRECT_LIMIT) {
        if (!wait_for_room_locked(ring, (uint32_t)size)) {
            return VK_ERROR_DEVICE_LOST;
        }
        wire_ring_copy_in(&ring->view, ring->tail, commands, (uint32_t)size);
        ring->tail += (uint32_t)size;
        atomic_store(ring->view.tail, ring->tail);
        return VK_SUCCESS;
    }

    enum tp_result res = take_stream_locked(ring, size, &stream);
    if (res != TP_OK) {
        return transport_failed(ring, res);
    }
    memcpy(stream.map, commands, size);
    if (!wait_for_room_locked(ring, DRV_RING_SMALL_COMMAND_SIZE)) {
        drop_piece_locked(ring, &ring->streams, &stream);
        return VK_ERROR_DEVICE_LOST;
    }
    ring->writing = writing_place_locked(ring, DRV_RING_SMALL_COMMAND_SIZE);
    struct wire_writer out = wire_writer_over(ring->writing, DRV_RING_SMALL_COMMAND_SIZE);
    encode_execute(ring, &out, &stream, size);
    drv_shmem_pool_give_back(&ring->streams, &stream, advance_locked(ring, out.at));
    return VK_SUCCESS;
}

VkResult
drv_ring_submit(struct drv_ring *ring, const void *commands, size_t size, uint32_t *seqno)
{
    assert(size % 4 == 0);
    struct drv_address_reports *reports = drv_address_reports_begin(ring);
    pthread_mutex_lock(&ring->lock);
    VkResult result = submit_locked(ring, commands, size);
    uint32_t tail = ring->tail;
    pthread_mutex_unlock(&ring->lock);
    if (result == VK_SUCCESS) {
        publish(ring, tail);
    }
    if (result == VK_SUCCESS && seqno) {
        *seqno = tail;
    }
    if (reports) {
        drv_address_reports_end(reports, ring);
    }
    return result;
}

uint32_t
drv_ring_current_seqno(struct drv_ring *ring)
{
    return atomic_load_explicit(ring->view.tail, memory_order_relaxed);
}

/* Both halves go out under the lock: the renderer keeps only the last number it was told, so
 * numbers must reach it in order. */
static VkResult
order_after_transport_locked(struct drv_ring *ring)
{
    uint8_t bytes[DRV_RING_SMALL_COMMAND_SIZE];
    struct wire_writer out = wire_writer_over(bytes, sizeof(bytes));
    uint64_t number = ++ring->transport_seqno;

    proto_encode_vkSubmitVirtqueueSeqnoMESA(&out, &ring->caps, 0, ring->id, number);
    enum tp_result res =
        ring->transport->ops->submit(ring->transport, bytes, (size_t)(out.at - bytes));
    if (res != TP_OK) {
        return transport_failed(ring, res);
    }
    out = wire_writer_over(bytes, sizeof(bytes));
    proto_encode_vkWaitVirtqueueSeqnoMESA(&out, &ring->caps, 0, number);
    return submit_locked(ring, bytes, (size_t)(out.at - bytes));
}

VkResult
drv_ring_order_after_transport(struct drv_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    VkResult result =
        drv_ring_is_lost(ring) ? VK_ERROR_DEVICE_LOST : order_after_transport_locked(ring);
    uint32_t tail = ring->tail;
    pthread_mutex_unlock(&ring->lock);
    if (result == VK_SUCCESS) {
        publish(ring, tail);
    }
    return result;
}
