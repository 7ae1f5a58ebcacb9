#include "tests/driver/fake_renderer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/futex.h"
#include "protocol/proto_commands.h"
#include "protocol/runtime/caps.h"
#include "wire/reader.h"
#include "wire/ring.h"
#include "wire/writer.h"

enum {
    MAX_BLOBS = 256,
    SPINS = 2000,
    SLEEP_NS = 1000 * 1000,
};

static struct fake_renderer *current;
static struct tp_transport transport;
static struct tp_blob blobs[MAX_BLOBS]; /* by resource id; map is NULL where there is none */
static pthread_mutex_t blobs_lock = PTHREAD_MUTEX_INITIALIZER;

static struct wire_ring_view ring;
static pthread_t thread;
static bool thread_runs;
static _Atomic bool quit;
static uint8_t *reply; /* where the next reply goes */

/* --- blobs --- */

static enum tp_result
create_shared_memory(struct tp_transport *unused, uint64_t size, struct tp_blob *out)
{
    static uint32_t last_id;
    if (atomic_load(&current->closed) || atomic_load(&current->dead)) {
        return TP_LOST;
    }
    int fd = base_fd_create_shared_memory("fake", size);
    void *map = fd >= 0 ? base_fd_map(fd, size) : NULL;
    base_fd_close(&fd);
    if (!map) {
        return TP_NO_MEMORY;
    }
    pthread_mutex_lock(&blobs_lock);
    do {
        last_id = last_id % (MAX_BLOBS - 1) + 1;
    } while (blobs[last_id].map);
    *out = (struct tp_blob){.resource_id = last_id, .fd = -1, .map = map, .size = size};
    blobs[last_id] = *out;
    pthread_mutex_unlock(&blobs_lock);
    atomic_fetch_add(&current->live_blobs, 1);
    return TP_OK;
}

static enum tp_result
create_memory_blob(struct tp_transport *unused, uint64_t blob_id, uint64_t size, uint32_t flags,
                   struct tp_blob *out)
{
    return create_shared_memory(unused, size, out);
}

static uint8_t *
blob_bytes(uint32_t resource_id, uint64_t offset)
{
    pthread_mutex_lock(&blobs_lock);
    uint8_t *map = resource_id < MAX_BLOBS ? blobs[resource_id].map : NULL;
    pthread_mutex_unlock(&blobs_lock);
    return map ? map + offset : NULL;
}

/* --- commands --- */

static bool execute_all(struct wire_reader *in);

static uint8_t *
read_description(struct wire_reader *in, uint64_t *size)
{
    uint32_t resource_id = wire_read_u32(in);
    uint64_t offset = wire_read_u64(in);
    *size = wire_read_u64(in);
    return blob_bytes(resource_id, offset);
}

static void
check_packet(struct wire_reader *in, uint32_t size)
{
    uint32_t sender = wire_read_u32(in) % FAKE_MAX_SENDERS;
    uint32_t counter = wire_read_u32(in);
    bool intact = counter == atomic_load(&current->packets[sender]);
    for (uint32_t i = 16; i < size; i += 4) {
        intact = wire_read_u32(in) == counter && intact;
    }
    if (intact && !in->failed) {
        atomic_fetch_add(&current->packets[sender], 1);
    } else {
        atomic_fetch_add(&current->broken_packets, 1);
    }
}

static bool
execute_streams(struct wire_reader *in)
{
    uint64_t size;
    wire_read_u32(in); /* one stream */
    wire_read_u64(in);
    const uint8_t *bytes = read_description(in, &size);
    wire_read_raw(in, 8 + 4 + 8 + 4); /* no positions, no dependencies, no flags */
    if (!bytes || in->failed) {
        return false;
    }
    struct wire_reader stream = wire_reader_over(bytes, size);
    return execute_all(&stream);
}

static void
answer_version(struct wire_reader *in)
{
    wire_read_u64(in);
    struct wire_writer out = wire_writer_over(reply, 20);
    wire_write_u32(&out, PROTO_COMMAND_vkEnumerateInstanceVersion);
    wire_write_u32(&out, 0);
    wire_write_u64(&out, 1);
    wire_write_u32(&out, FAKE_VERSION);
    reply = NULL;
}

static bool
execute(struct wire_reader *in)
{
    uint64_t size;
    uint32_t number = wire_read_u32(in);
    uint32_t flags = wire_read_u32(in);

    switch (number) {
    case FAKE_PACKET: check_packet(in, flags); break;
    case PROTO_COMMAND_vkSetReplyCommandStreamMESA:
        wire_read_u64(in);
        reply = read_description(in, &size);
        break;
    case PROTO_COMMAND_vkExecuteCommandStreamsMESA: return execute_streams(in);
    case PROTO_COMMAND_vkWaitVirtqueueSeqnoMESA: {
        uint64_t wanted = wire_read_u64(in);
        return atomic_load(&current->transport_seqno) >= wanted; /* we are never late here */
    }
    case PROTO_COMMAND_vkEnumerateInstanceVersion:
        if (!(flags & PROTO_COMMAND_GENERATE_REPLY) || !reply) {
            return false;
        }
        answer_version(in);
        break;
    default: return false;
    }
    return !in->failed;
}

static bool
execute_all(struct wire_reader *in)
{
    while (wire_reader_left(in) > 0) {
        if (atomic_load(&current->fatal) || !execute(in)) {
            return false;
        }
    }
    return true;
}

/* --- the ring's thread --- */

static bool
take_batch(uint32_t *head, uint32_t tail)
{
    uint32_t size = tail - *head;
    uint8_t *bytes = malloc(size);
    wire_ring_copy_out(&ring, *head, bytes, size);
    struct wire_reader in = wire_reader_over(bytes, size);
    while (wire_reader_left(&in) > 0) {
        if (atomic_load(&current->fatal) || !execute(&in)) {
            atomic_fetch_or(ring.status, WIRE_RING_STATUS_FATAL);
            free(bytes);
            return false;
        }
        *head = tail - (uint32_t)wire_reader_left(&in);
        atomic_store(ring.head, *head);
        if (wire_ring_wants_wake(&ring, *head)) {
            base_futex_wake(ring.head);
        }
    }
    free(bytes);
    return true;
}

static void
sleep_idle(uint32_t head)
{
    atomic_fetch_or(ring.status, WIRE_RING_STATUS_IDLE);
    if (atomic_load(ring.tail) == head) {
        base_futex_wait(ring.tail, head, SLEEP_NS);
    }
    atomic_fetch_and(ring.status, ~(uint32_t)WIRE_RING_STATUS_IDLE);
}

static void *
run_ring(void *unused)
{
    uint32_t head = 0, idle_turns = 0;
    while (!atomic_load(&quit)) {
        if (!atomic_load(&current->mute)) {
            atomic_fetch_or(ring.status, WIRE_RING_STATUS_ALIVE);
        }
        uint32_t tail = atomic_load(ring.tail);
        if (tail != head && !atomic_load(&current->stopped)) {
            if (!take_batch(&head, tail)) {
                return NULL;
            }
            idle_turns = 0;
        } else if (idle_turns++ > SPINS) {
            sleep_idle(head);
        }
    }
    return NULL;
}

static void
start_ring(void)
{
    struct tp_blob *blob = NULL;
    for (uint32_t i = 1; i < MAX_BLOBS && !blob; i++) {
        blob = blobs[i].map ? &blobs[i] : NULL;
    }
    uint8_t *map = blob->map;
    uint32_t buffer_size = (uint32_t)blob->size - WIRE_RING_BUFFER_OFFSET - WIRE_RING_EXTRA_SIZE;
    uint8_t *extra = map + WIRE_RING_BUFFER_OFFSET + buffer_size;
    ring = (struct wire_ring_view){
        .head = (_Atomic uint32_t *)(map + WIRE_RING_HEAD_OFFSET),
        .tail = (_Atomic uint32_t *)(map + WIRE_RING_TAIL_OFFSET),
        .status = (_Atomic uint32_t *)(map + WIRE_RING_STATUS_OFFSET),
        .waiters = (_Atomic uint32_t *)(extra + WIRE_RING_EXTRA_WAITERS_OFFSET),
        .wake_at = (_Atomic uint32_t *)(extra + WIRE_RING_EXTRA_WAKE_AT_OFFSET),
        .buffer = map + WIRE_RING_BUFFER_OFFSET,
        .buffer_size = buffer_size,
    };
    atomic_store(&quit, false);
    thread_runs = pthread_create(&thread, NULL, run_ring, NULL) == 0;
}

static void
stop_ring(void)
{
    if (thread_runs) {
        atomic_store(&quit, true);
        base_futex_wake(ring.tail);
        pthread_join(thread, NULL);
        thread_runs = false;
    }
}

/* --- the transport --- */

static void
destroy_blob(struct tp_transport *unused, struct tp_blob *blob)
{
    if (blob->map) {
        if ((uint8_t *)blob->map + WIRE_RING_HEAD_OFFSET == (uint8_t *)ring.head) {
            stop_ring(); /* its memory goes away under it */
        }
        pthread_mutex_lock(&blobs_lock);
        blobs[blob->resource_id] = (struct tp_blob){0};
        pthread_mutex_unlock(&blobs_lock);
        base_fd_unmap(blob->map, blob->size);
        atomic_fetch_sub(&current->live_blobs, 1);
    }
    *blob = (struct tp_blob){.fd = -1};
}

static enum tp_result
submit(struct tp_transport *unused, const void *commands, size_t size)
{
    if (atomic_load(&current->closed)) {
        return TP_LOST;
    }
    struct wire_reader in = wire_reader_over(commands, size);
    uint32_t number = wire_read_u32(&in);
    wire_read_u32(&in);
    wire_read_u64(&in); /* the ring */
    switch (number) {
    case PROTO_COMMAND_vkCreateRingMESA: start_ring(); break;
    case PROTO_COMMAND_vkDestroyRingMESA: stop_ring(); break;
    case PROTO_COMMAND_vkNotifyRingMESA: atomic_fetch_add(&current->notifications, 1); break;
    case PROTO_COMMAND_vkSubmitVirtqueueSeqnoMESA:
        atomic_store(&current->transport_seqno, wire_read_u64(&in));
        break;
    default: return TP_LOST;
    }
    return TP_OK;
}

static bool
alive(struct tp_transport *unused)
{
    return !atomic_load(&current->closed);
}

static void
destroy(struct tp_transport *unused)
{
    stop_ring();
}

static const struct tp_ops ops = {
    .name = "fake",
    .destroy = destroy,
    .submit = submit,
    .create_shared_memory = create_shared_memory,
    .create_memory_blob = create_memory_blob,
    .destroy_blob = destroy_blob,
    .alive = alive,
};

void
fake_renderer_start(struct fake_renderer *fake)
{
    current = fake;
    transport.ops = &ops;
    transport.same_kernel = !fake->other_kernel;
    memset(&transport.capset, 0, sizeof(transport.capset));
    proto_caps_fill_capset(&transport.capset, WIRE_FEATURE_RING_FUTEX | WIRE_FEATURE_SYNC_FEEDBACK);
    if (!fake->vesper) {
        transport.capset.tail_magic = 0;
        transport.capset.tail_features = 0;
    }
}

void
fake_renderer_finish(struct fake_renderer *fake)
{
    current = NULL;
}

enum tp_result
tp_create(struct tp_transport **out)
{
    if (!current) {
        return TP_NO_DEVICE;
    }
    *out = &transport;
    return TP_OK;
}
