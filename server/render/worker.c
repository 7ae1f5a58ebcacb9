/* Threads: the reader is the caller; a watchdog; and those of the renderer, on which fences retire.
 * They write the status page and never wait for the library to read it. */
#include "server/render/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/packet.h"
#include "renderer/context.h"
#include "server/process/watchdog.h"
#include "server/render/barriers.h"
#include "wire/render.h"

enum {
    KEPT_COMMANDS_SIZE = 64 << 10, /* bytes; what a submission needed beyond it is given back */
};

struct worker {
    const struct srv_render_worker_info *info;
    struct rnd_context *context;
    struct wire_render_page *page;
    struct srv_barriers barriers;
    pthread_mutex_t rings_lock; /* guards writing page->rings */

    /* The reader only. */
    bool ended; /* the library has hung up, or sent nonsense */
    _Alignas(uint64_t) uint8_t packet[WIRE_RENDER_PACKET_SIZE];
    uint8_t *commands; /* of a submission that comes in several packets */
    size_t commands_capacity;
};

/* --- what happens by itself --- */

static void
publish(struct worker *worker)
{
    eventfd_write(worker->info->event_fd, 1);
}

/* Fences retire in order, but for those that were never handed to a queue: never goes back. */
static void
retire(struct worker *worker, uint32_t timeline, uint64_t seqno)
{
    _Atomic uint64_t *word = &worker->page->timelines[timeline];
    uint64_t before = atomic_load(word);

    while (before < seqno && !atomic_compare_exchange_weak(word, &before, seqno)) {
    }
    publish(worker);
}

static void
barrier_reached(void *user, uint64_t seqno)
{
    retire(user, WIRE_RENDER_ALL_TIMELINES, seqno);
}

static void
fence_retired(void *user, uint32_t ring_idx, uint64_t fence_id)
{
    struct worker *worker = user;

    if (!srv_barriers_retire(&worker->barriers, fence_id)) {
        retire(worker, ring_idx, fence_id);
    }
}

static void
context_fatal(void *user, const char *reason)
{
    struct worker *worker = user;

    atomic_store(&worker->page->fatal, 1);
    publish(worker);
}

static void
ring_changed(void *user, bool exists, uint32_t resource_id, uint64_t offset)
{
    struct worker *worker = user;
    uint64_t place = (uint64_t)resource_id << 32 | (uint32_t)offset;

    pthread_mutex_lock(&worker->rings_lock);
    for (size_t i = 0; i < WIRE_RENDER_MAX_RINGS; i++) {
        if (atomic_load(&worker->page->rings[i]) == (exists ? 0 : place)) {
            atomic_store(&worker->page->rings[i], exists ? place : 0);
            break;
        }
    }
    pthread_mutex_unlock(&worker->rings_lock);
}

/* --- requests --- */

/* The reader cannot go on: what the library sends is no longer understood. */
static void
end(struct worker *worker, const char *why)
{
    base_log_error("context %s: %s; ending its worker", worker->info->name, why);
    worker->ended = true;
}

static bool
receive(struct worker *worker, struct base_packet *packet)
{
    enum base_packet_result res = base_packet_receive(worker->info->socket, packet, -1);

    if (res == BASE_PACKET_BROKEN) {
        end(worker, "a packet is too long");
    }
    worker->ended |= res != BASE_PACKET_OK;
    return res == BASE_PACKET_OK;
}

static bool
reserve_commands(struct worker *worker, size_t size)
{
    if (size > worker->commands_capacity) {
        free(worker->commands);
        worker->commands = malloc(size);
        worker->commands_capacity = worker->commands ? size : 0;
    }
    return worker->commands != NULL;
}

/* Brings the packets of one submission together. False: the worker ends. */
static bool
gather_commands(struct worker *worker, const uint8_t *first, size_t first_size, size_t size)
{
    if (size > WIRE_RENDER_MAX_SUBMIT || !reserve_commands(worker, size)) {
        end(worker, "a submission is too long, or there is no memory for it");
        return false;
    }
    memcpy(worker->commands, first, first_size);
    for (size_t done = first_size; done < size;) {
        struct base_packet packet = {.data = worker->commands + done, .size = size - done};
        if (!receive(worker, &packet)) {
            return false;
        }
        base_packet_close_fds(&packet);
        done += packet.size;
    }
    return true;
}

static void
submit(struct worker *worker, const struct wire_render_submit *request, size_t inline_size)
{
    const uint8_t *commands = (const uint8_t *)(request + 1);
    size_t size = request->size;

    if (inline_size < size) {
        if (!gather_commands(worker, commands, inline_size, size)) {
            return;
        }
        commands = worker->commands;
    }
    /* The context has told the reason if it has become fatal, and the library sees it. */
    (void)!rnd_context_submit(worker->context, commands, size);
    if (worker->commands_capacity > KEPT_COMMANDS_SIZE) {
        free(worker->commands);
        worker->commands = NULL;
        worker->commands_capacity = 0;
    }
}

static int
errno_of(enum rnd_result result)
{
    switch (result) {
    case RND_OK: return 0;
    case RND_FATAL: return EIO;
    case RND_INVALID: return EINVAL;
    case RND_NO_MEMORY: return ENOMEM;
    }
    return EINVAL;
}

static uint32_t
type_of(enum rnd_fd_kind kind)
{
    switch (kind) {
    case RND_FD_SHARED_MEMORY: return WIRE_RENDER_FD_SHM;
    case RND_FD_DMA_BUF: return WIRE_RENDER_FD_DMA_BUF;
    case RND_FD_OPAQUE: return WIRE_RENDER_FD_OPAQUE;
    }
    return 0;
}

/* Of what another context has given out. If it cannot be had, its use will say so. */
static void
import_blob(struct worker *worker, const struct wire_render_import_blob *request, int fd)
{
    static const enum rnd_fd_kind kinds[] = {
        [WIRE_RENDER_FD_DMA_BUF] = RND_FD_DMA_BUF,
        [WIRE_RENDER_FD_OPAQUE] = RND_FD_OPAQUE,
        [WIRE_RENDER_FD_SHM] = RND_FD_OPAQUE, /* of ours: it is pages once it is imported */
    };

    if (request->fd_type == 0 || request->fd_type >= BASE_COUNT_OF(kinds)) {
        end(worker, "memory to import is of an unknown kind");
        return;
    }
    const struct rnd_fd memory = {
        .kind = kinds[request->fd_type],
        .fd = fd,
        .size = request->size,
    };
    (void)!rnd_context_import(worker->context, request->resource_id, &memory);
}

static void
create_blob(struct worker *worker, const struct wire_render_create_blob *request)
{
    struct rnd_blob blob = {.fd = -1};
    enum rnd_result result =
        rnd_context_create_blob(worker->context, request->resource_id, request->blob_id,
                                request->size, request->flags, &blob);
    struct wire_render_blob answer = {
        .error = (uint32_t)errno_of(result),
        .fd_type = type_of(blob.kind),
        .map_info =
            blob.caching == RND_MAP_CACHED ? WIRE_RENDER_CACHED : WIRE_RENDER_WRITE_COMBINED,
    };
    struct base_packet packet = {
        .data = &answer,
        .size = sizeof(answer),
        .fds = {blob.fd},
        .fd_count = blob.fd == -1 ? 0 : 1,
    };

    if (base_packet_send(worker->info->socket, &packet, -1) != BASE_PACKET_OK) {
        worker->ended = true;
    }
    base_fd_close(&blob.fd);
}

/* A fence that cannot be had retires at once: the machine's monitor keeps the guest's command
 * until it does. */
static void
create_fence(struct worker *worker, const struct wire_render_fence *request)
{
    if (request->ring_idx >= WIRE_MAX_TIMELINES || request->seqno >= SRV_BARRIER_BIT) {
        end(worker, "a fence is on no timeline");
    } else if (rnd_context_create_fence(worker->context, request->ring_idx, request->seqno) !=
               RND_OK) {
        retire(worker, request->ring_idx, request->seqno);
    }
}

/* The library has given up waiting if nobody takes the answer. */
static void
export_fence(struct worker *worker, const struct wire_render_export_fence *request, int socket)
{
    int fd = -1;
    enum rnd_result result =
        rnd_context_export_fence(worker->context, request->ring_idx, request->seqno, &fd);
    struct wire_render_exported answer = {
        .error = (uint32_t)errno_of(result),
        .signaled = result == RND_OK && fd == -1,
    };
    struct base_packet packet = {
        .data = &answer,
        .size = sizeof(answer),
        .fds = {fd},
        .fd_count = fd == -1 ? 0 : 1,
    };

    (void)!base_packet_send(socket, &packet, 0);
    base_fd_close(&fd);
}

static void
create_fence_on_all(struct worker *worker, const struct wire_render_fence *request)
{
    if (!srv_barriers_begin(&worker->barriers, request->seqno)) {
        barrier_reached(worker, request->seqno); /* no memory: rather early than never */
        return;
    }
    for (uint32_t ring_idx = 1; ring_idx < WIRE_MAX_TIMELINES; ring_idx++) {
        srv_barriers_expect(&worker->barriers, request->seqno);
        if (rnd_context_create_fence(worker->context, ring_idx, request->seqno | SRV_BARRIER_BIT) !=
            RND_OK) {
            (void)srv_barriers_retire(&worker->barriers, request->seqno | SRV_BARRIER_BIT);
        }
    }
    (void)srv_barriers_retire(&worker->barriers, request->seqno | SRV_BARRIER_BIT);
}

static void
serve_request(struct worker *worker, const struct base_packet *packet)
{
    const void *data = packet->data;
    uint32_t command = packet->size >= sizeof(command) ? *(const uint32_t *)data : 0;

    if (command == WIRE_RENDER_SUBMIT && packet->size >= sizeof(struct wire_render_submit)) {
        submit(worker, data, packet->size - sizeof(struct wire_render_submit));
    } else if (command == WIRE_RENDER_CREATE_BLOB &&
               packet->size == sizeof(struct wire_render_create_blob)) {
        create_blob(worker, data);
    } else if (command == WIRE_RENDER_IMPORT_BLOB && packet->fd_count == 1 &&
               packet->size == sizeof(struct wire_render_import_blob)) {
        import_blob(worker, data, packet->fds[0]);
    } else if (command == WIRE_RENDER_UNREF_BLOB &&
               packet->size == sizeof(struct wire_render_unref_blob)) {
        const struct wire_render_unref_blob *request = data;
        rnd_context_unref_resource(worker->context, request->resource_id);
    } else if (command == WIRE_RENDER_FENCE && packet->size == sizeof(struct wire_render_fence)) {
        create_fence(worker, data);
    } else if (command == WIRE_RENDER_FENCE_ALL &&
               packet->size == sizeof(struct wire_render_fence)) {
        create_fence_on_all(worker, data);
    } else if (command == WIRE_RENDER_EXPORT_FENCE && packet->fd_count == 1 &&
               packet->size == sizeof(struct wire_render_export_fence)) {
        export_fence(worker, data, packet->fds[0]);
    } else {
        end(worker, "a request is unknown");
    }
}

static void
serve(struct worker *worker)
{
    while (!worker->ended) {
        struct base_packet packet = {.data = worker->packet, .size = sizeof(worker->packet)};
        if (receive(worker, &packet)) {
            serve_request(worker, &packet);
            base_packet_close_fds(&packet);
        }
    }
}

static void
give_up(void *user)
{
    const struct worker *worker = user;

    base_log_info(
        "context %s: a call into the host driver has kept its context alive for %d ms; ending "
        "the process instead",
        worker->info->name, SRV_TEARDOWN_MS);
    _exit(EXIT_SUCCESS);
}

static void
serve_watched(struct worker *worker)
{
    struct srv_watchdog dog;

    if (!srv_watchdog_start(&dog, &(struct srv_watchdog_info){.socket = worker->info->socket,
                                                              .stop_fd = -1,
                                                              .give_up = give_up,
                                                              .user = worker})) {
        base_log_error("context %s: no descriptor or thread left to serve it", worker->info->name);
        return;
    }
    worker->context = rnd_context_create(&(struct rnd_context_info){
        .name = worker->info->name,
        .user = worker,
        .fence_retired = fence_retired,
        .fatal = context_fatal,
        .ring_changed = ring_changed,
    });
    if (worker->context) {
        serve(worker);
        rnd_context_destroy(worker->context); /* after it nothing calls back */
    } else {
        base_log_error("context %s: no memory for a context", worker->info->name);
    }
    srv_watchdog_stop(&dog);
}

void
srv_render_worker_run(const struct srv_render_worker_info *info)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    int socket = info->socket, page_fd = info->page_fd, event_fd = info->event_fd;

    if (worker) {
        worker->info = info;
        worker->page = base_fd_map(page_fd, sizeof(*worker->page));
        pthread_mutex_init(&worker->rings_lock, NULL);
        srv_barriers_init(&worker->barriers, barrier_reached, worker);
    }
    base_fd_close(&page_fd);
    if (worker && worker->page) {
        serve_watched(worker);
        base_fd_unmap(worker->page, sizeof(*worker->page));
    } else {
        base_log_error("context %s: no memory for its worker", info->name);
    }
    if (worker) {
        srv_barriers_finish(&worker->barriers);
        pthread_mutex_destroy(&worker->rings_lock);
        free(worker->commands);
        free(worker);
    }
    base_fd_close(&event_fd);
    base_fd_close(&socket);
}
