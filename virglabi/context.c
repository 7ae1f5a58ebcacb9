#include "virglabi/context.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/packet.h"
#include "virglabi/library.h"
#include "virglabi/resource.h"

enum {
    /* For room in a worker's socket, and for its answers. The guest may keep its worker busy as
     * long as it likes, but the machine, which stands still meanwhile, not. */
    PATIENCE_MS = 10000,
    /* For the sync file of a fence, without which the monitor can do. */
    EXPORT_PATIENCE_MS = 200,
};

/* --- life --- */

static void
write_label(struct abi_context *ctx, const char *name, size_t name_size)
{
    size_t length = name ? strnlen(name, name_size) : 0;

    if (length >= WIRE_RENDER_NAME_SIZE) {
        length = WIRE_RENDER_NAME_SIZE - 1;
    }
    snprintf(ctx->label, sizeof(ctx->label), "context %u (%.*s)", ctx->id, length ? (int)length : 7,
             length ? name : "unnamed");
}

static int
attach_worker(struct abi_context *ctx, const char *name, size_t name_size)
{
    struct wire_render_create_context request = {
        .command = WIRE_RENDER_CREATE_CONTEXT,
        .context_id = ctx->id,
    };
    if (name) {
        memcpy(request.name, name,
               strnlen(name,
                       name_size < WIRE_RENDER_NAME_SIZE ? name_size : WIRE_RENDER_NAME_SIZE - 1));
    }
    int page_fd = base_fd_create_shared_memory("vesper-status", sizeof(*ctx->page));
    ctx->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ctx->page = page_fd == -1 ? NULL : base_fd_map(page_fd, sizeof(*ctx->page));

    bool made = false;
    if (ctx->page && ctx->event_fd != -1) {
        made = abi_server_create_worker(&abi.server, &request, page_fd, ctx->event_fd, &ctx->socket,
                                        &ctx->pid);
    } else {
        base_log_error("%s: no descriptor or memory for its status: %s", ctx->label,
                       base_fd_explain(errno));
    }
    base_fd_close(&page_fd);
    return made ? 0 : ENOMEM;
}

void
abi_context_free(struct abi_context *ctx)
{
    base_fd_unmap(ctx->page, sizeof(*ctx->page));
    base_fd_close(&ctx->event_fd);
    base_fd_close(&ctx->socket);
    free(ctx);
}

int
abi_context_create(uint32_t id, uint32_t capset, const char *name, size_t name_size)
{
    struct abi_context *ctx = calloc(1, sizeof(*ctx));
    int error = 0;

    if (!ctx) {
        return ENOMEM;
    }
    *ctx = (struct abi_context){.id = id, .capset = capset, .socket = -1, .event_fd = -1};
    write_label(ctx, name, name_size);
    base_list_init(&ctx->barriers);
    for (uint32_t i = 0; i < WIRE_MAX_TIMELINES; i++) {
        base_list_init(&ctx->fences[i]);
    }
    if (capset == WIRE_CAPSET_ID) {
        error = attach_worker(ctx, name, name_size);
    }
    if (!error) {
        pthread_mutex_lock(&abi.lock);
        error = base_table_insert(&abi.contexts, id, ctx) ? 0 : ENOMEM;
        pthread_mutex_unlock(&abi.lock);
    }
    if (error) {
        abi_context_free(ctx);
        return error;
    }
    abi_monitor_wake(&abi.monitor);
    base_log_info("%s: created, capset %u", ctx->label, capset);
    return 0;
}

struct abi_context *
abi_context_find(uint32_t id)
{
    return id ? base_table_find(&abi.contexts, id) : NULL;
}

void
abi_context_destroy(struct abi_context *ctx)
{
    pthread_mutex_lock(&abi.lock);
    abi_fences_retire_all_locked(ctx);
    base_table_remove(&abi.contexts, ctx->id);
    base_log_info("%s: destroyed", ctx->label);
    abi_monitor_bury_locked(&abi.monitor, ctx);
    pthread_mutex_unlock(&abi.lock);
}

/* --- death --- */

void
abi_context_lose_locked(struct abi_context *ctx, const char *why)
{
    if (ctx->dead) {
        return;
    }
    ctx->dead = true;
    ctx->death_ns = base_clock_now_ns();
    for (size_t i = 0; i < WIRE_RENDER_MAX_RINGS; i++) {
        uint64_t place = atomic_load(&ctx->page->rings[i]);
        if (place) {
            abi_resource_set_ring_fatal(ctx->id, (uint32_t)(place >> 32), (uint32_t)place);
        }
    }
    abi_fences_retire_all_locked(ctx);
    if (why) {
        base_log_error("%s: %s; its device is lost to the guest, others are not affected",
                       ctx->label, why);
        ctx->death_told = true;
    }
}

void
abi_context_tell_death_locked(struct abi_context *ctx, bool last_chance)
{
    uint32_t death = atomic_load(&ctx->page->death);
    unsigned value = death & WIRE_RENDER_DEATH_VALUE;
    char how[96] = "has ended (nobody knows how: the render server is gone)";

    if (ctx->death_told || (!death && !last_chance)) {
        return;
    }
    if (death & WIRE_RENDER_KILLED) {
        const char *name = sigabbrev_np((int)value);
        snprintf(how, sizeof(how), "died of SIG%s (%s)", name ? name : "?", strsignal((int)value));
    } else if (death) {
        snprintf(how, sizeof(how), "has ended with status %u", value);
    }
    base_log_error("%s: its worker (pid %d) %s; its device is lost to the guest, others are not "
                   "affected",
                   ctx->label, (int)ctx->pid, how);
    ctx->death_told = true;
}

static void
lose(struct abi_context *ctx, enum base_packet_result res)
{
    pthread_mutex_lock(&abi.lock);
    abi_context_lose_locked(
        ctx, res == BASE_PACKET_TIMEOUT ? "its worker has not answered for ten seconds" : NULL);
    pthread_mutex_unlock(&abi.lock);
    abi_monitor_wake(&abi.monitor);
}

bool
abi_context_is_alive(struct abi_context *ctx)
{
    pthread_mutex_lock(&abi.lock);
    bool dead = ctx->dead;
    pthread_mutex_unlock(&abi.lock);
    return !dead && !atomic_load(&ctx->page->fatal);
}

/* --- requests --- */

static int
send_packet(struct abi_context *ctx, const void *data, size_t size, int fd)
{
    struct base_packet packet = {
        .data = (void *)data, .size = size, .fds = {fd}, .fd_count = fd == -1 ? 0 : 1};
    enum base_packet_result res = base_packet_send(ctx->socket, &packet, PATIENCE_MS);

    if (res != BASE_PACKET_OK) {
        lose(ctx, res);
        return EIO;
    }
    return 0;
}

int
abi_context_submit(struct abi_context *ctx, const void *commands, size_t size)
{
    struct {
        struct wire_render_submit head;
        uint8_t commands[WIRE_RENDER_PACKET_SIZE - sizeof(struct wire_render_submit)];
    } first;
    size_t done = size < sizeof(first.commands) ? size : sizeof(first.commands);

    if (!abi_context_is_alive(ctx)) {
        return EIO;
    }
    if (size > WIRE_RENDER_MAX_SUBMIT) {
        base_log_warn("%s: a submission of %zu bytes; at most %d are allowed", ctx->label, size,
                      WIRE_RENDER_MAX_SUBMIT);
        return EINVAL;
    }
    first.head = (struct wire_render_submit){
        .command = WIRE_RENDER_SUBMIT,
        .size = (uint32_t)size,
    };
    memcpy(first.commands, commands, done);
    int error = send_packet(ctx, &first, sizeof(first.head) + done, -1);
    while (!error && done < size) {
        size_t left = size - done;
        size_t part = left < WIRE_RENDER_PACKET_SIZE ? left : WIRE_RENDER_PACKET_SIZE;
        error = send_packet(ctx, (const uint8_t *)commands + done, part, -1);
        done += part;
    }
    return error;
}

int
abi_context_create_blob(struct abi_context *ctx, const struct wire_render_create_blob *request,
                        struct wire_render_blob *out, int *out_fd)
{
    struct base_packet packet = {.data = out, .size = sizeof(*out)};

    if (!abi_context_is_alive(ctx)) {
        return EIO;
    }
    int error = send_packet(ctx, request, sizeof(*request), -1);
    if (error) {
        return error;
    }
    enum base_packet_result res = base_packet_receive(ctx->socket, &packet, PATIENCE_MS);
    if (res != BASE_PACKET_OK) {
        lose(ctx, res);
        return EIO;
    }
    bool sound = packet.size == sizeof(*out) && packet.fd_count == (out->error ? 0 : 1);
    if (!sound || out->error) {
        base_packet_close_fds(&packet);
        return sound ? (int)out->error : EIO;
    }
    *out_fd = packet.fds[0];
    return 0;
}

int
abi_context_import_blob(struct abi_context *ctx, const struct wire_render_import_blob *request,
                        int fd)
{
    return abi_context_is_alive(ctx) ? send_packet(ctx, request, sizeof(*request), fd) : EIO;
}

void
abi_context_unref_blob(struct abi_context *ctx, uint32_t resource_id)
{
    struct wire_render_unref_blob request = {
        .command = WIRE_RENDER_UNREF_BLOB,
        .resource_id = resource_id,
    };

    if (abi_context_is_alive(ctx)) {
        (void)!send_packet(ctx, &request, sizeof(request), -1);
    }
}

int
abi_context_create_fence(struct abi_context *ctx, uint32_t ring_idx, uint64_t id)
{
    struct wire_render_fence request = {.command = WIRE_RENDER_FENCE, .ring_idx = ring_idx};

    pthread_mutex_lock(&abi.lock);
    struct abi_fence *fence = abi_fence_create_locked(ctx->id, ring_idx, id);
    bool pending = fence && ctx->page && !ctx->dead;
    if (pending) {
        request.seqno = fence->seqno = ++ctx->last_seqno[ring_idx];
        base_list_push(&ctx->fences[ring_idx], &fence->link);
    } else if (fence) {
        abi_fence_retire_locked(fence);
    }
    pthread_mutex_unlock(&abi.lock);

    if (pending) {
        (void)!send_packet(ctx, &request, sizeof(request), -1); /* failing, it retires */
    } else {
        abi_monitor_wake(&abi.monitor);
    }
    return fence ? 0 : ENOMEM;
}

/* Consumes the sockets. */
static int
ask_for_sync_file(struct abi_context *ctx, const struct wire_render_export_fence *request,
                  int sockets[2], int *out_fd)
{
    struct wire_render_exported exported = {0};
    struct base_packet packet = {.data = &exported, .size = sizeof(exported)};

    int error = send_packet(ctx, request, sizeof(*request), sockets[1]);
    base_fd_close(&sockets[1]); /* so that it is closed when the worker has answered, or died */
    enum base_packet_result res =
        error ? BASE_PACKET_CLOSED : base_packet_receive(sockets[0], &packet, EXPORT_PATIENCE_MS);
    base_fd_close(&sockets[0]);
    if (res != BASE_PACKET_OK) {
        return EOPNOTSUPP;
    }
    size_t files = exported.error || exported.signaled ? 0 : 1;
    if (packet.size != sizeof(exported) || exported.error || packet.fd_count != files) {
        base_packet_close_fds(&packet);
        return EOPNOTSUPP;
    }
    *out_fd = files == 1 ? packet.fds[0] : -1;
    return 0;
}

int
abi_context_export_fence(struct abi_context *ctx, uint32_t ring_idx, uint64_t seqno, int *out_fd)
{
    struct wire_render_export_fence request = {
        .command = WIRE_RENDER_EXPORT_FENCE,
        .ring_idx = ring_idx,
        .seqno = seqno,
    };
    int sockets[2];

    if (!abi_context_is_alive(ctx) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        return EOPNOTSUPP;
    }
    return ask_for_sync_file(ctx, &request, sockets, out_fd);
}

/* It needs more than a second for a barrier of before. */
static bool
is_behind_locked(struct abi_context *ctx)
{
    base_list_for_each (barrier, &ctx->barriers, struct abi_barrier, link) {
        if (!barrier->fence) {
            return true;
        }
    }
    return false;
}

void
abi_context_add_barrier(struct abi_context *ctx, struct abi_fence *fence)
{
    struct wire_render_fence request = {.command = WIRE_RENDER_FENCE_ALL};
    struct abi_barrier *barrier = NULL;

    pthread_mutex_lock(&abi.lock);
    if (ctx->page && !ctx->dead && !is_behind_locked(ctx)) {
        barrier = calloc(1, sizeof(*barrier));
    }
    if (barrier) {
        request.seqno = barrier->seqno = ++ctx->last_seqno[WIRE_RENDER_ALL_TIMELINES];
        barrier->fence = fence;
        fence->barriers++;
        base_list_push(&ctx->barriers, &barrier->link);
    }
    pthread_mutex_unlock(&abi.lock);

    if (barrier) {
        (void)!send_packet(ctx, &request, sizeof(request), -1); /* failing, it is reached */
    }
}
