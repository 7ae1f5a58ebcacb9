#include "virglabi/fence.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "virglabi/context.h"
#include "virglabi/library.h"
#include "virglabi/sync_file.h"

static const uint64_t LONGEST_BARRIER_NS = 1000000000;

void
abi_fences_init(struct abi_fences *fences)
{
    *fences = (struct abi_fences){0};
    base_list_init(&fences->of_context_0);
    base_list_init(&fences->retired);
}

static void
drop(struct base_list *list)
{
    base_list_for_each_safe (fence, list, struct abi_fence, link) {
        base_list_remove(&fence->link);
        abi_fence_destroy(fence);
    }
}

void
abi_fences_drop_locked(struct abi_fences *fences)
{
    drop(&fences->of_context_0);
    drop(&fences->retired);
    fences->last_id = 0;
}

struct abi_fence *
abi_fence_create_locked(uint32_t context_id, uint32_t ring_idx, uint64_t id)
{
    struct abi_fence *fence = calloc(1, sizeof(*fence));

    if (fence) {
        *fence = (struct abi_fence){
            .context_id = context_id,
            .ring_idx = ring_idx,
            .id = id,
            .deadline_ns = UINT64_MAX,
            .event_fd = -1,
        };
        base_list_init(&fence->link);
        if (id > abi.fences.last_id) {
            abi.fences.last_id = id;
        }
    }
    return fence;
}

void
abi_fence_retire_locked(struct abi_fence *fence)
{
    base_list_remove(&fence->link);
    base_list_push(&abi.fences.retired, &fence->link);
    if (fence->event_fd != -1) {
        eventfd_write(fence->event_fd, 1);
    }
}

void
abi_fence_destroy(struct abi_fence *fence)
{
    if (fence->event_fd != -1) {
        eventfd_write(fence->event_fd, 1); /* nobody shall wait for what was dropped */
    }
    base_fd_close(&fence->event_fd);
    free(fence);
}

void
abi_fence_let_go_locked(struct abi_fence *fence)
{
    fence->barriers--;
    fence->deadline_ns = base_clock_deadline_ns(LONGEST_BARRIER_NS);
}

/* --- collecting --- */

static void
reach_barriers(struct abi_context *ctx, uint64_t seqno)
{
    base_list_for_each_safe (barrier, &ctx->barriers, struct abi_barrier, link) {
        if (barrier->seqno > seqno) {
            return;
        }
        if (barrier->fence) {
            barrier->fence->barriers--;
        }
        base_list_remove(&barrier->link);
        free(barrier);
    }
}

static void
collect_context(struct abi_context *ctx)
{
    for (uint32_t i = 0; i < WIRE_MAX_TIMELINES; i++) {
        if (base_list_empty(&ctx->fences[i])) {
            continue;
        }
        uint64_t done = atomic_load_explicit(&ctx->page->timelines[i], memory_order_acquire);
        base_list_for_each_safe (fence, &ctx->fences[i], struct abi_fence, link) {
            if (fence->seqno > done) {
                break;
            }
            abi_fence_retire_locked(fence);
        }
    }
    reach_barriers(ctx, atomic_load_explicit(&ctx->page->timelines[WIRE_RENDER_ALL_TIMELINES],
                                             memory_order_acquire));
}

/* Stops waiting for barriers of that fence, wherever they are. */
static void
leave_barriers_out(struct abi_fence *fence)
{
    size_t cursor = 0;

    for (struct abi_context *ctx; (ctx = base_table_next(&abi.contexts, &cursor));) {
        if (!ctx->page) {
            continue;
        }
        base_list_for_each (barrier, &ctx->barriers, struct abi_barrier, link) {
            if (barrier->fence == fence) {
                barrier->fence = NULL;
            }
        }
    }
    fence->barriers = 0;
}

static void
collect_context_0(void)
{
    bool looked = false;
    uint64_t now = 0;

    base_list_for_each_safe (fence, &abi.fences.of_context_0, struct abi_fence, link) {
        if (fence->barriers > 0 && !looked) {
            looked = true;
            now = base_clock_now_ns();
        }
        if (fence->barriers > 0 && fence->deadline_ns <= now) {
            leave_barriers_out(fence);
        }
        if (fence->barriers > 0) {
            return; /* in order */
        }
        abi_fence_retire_locked(fence);
    }
}

void
abi_fences_collect_locked(void)
{
    size_t cursor = 0;

    for (struct abi_context *ctx; (ctx = base_table_next(&abi.contexts, &cursor));) {
        if (ctx->page && !ctx->dead) {
            collect_context(ctx);
        }
    }
    collect_context_0();
}

void
abi_fences_retire_all_locked(struct abi_context *ctx)
{
    for (uint32_t i = 0; i < WIRE_MAX_TIMELINES; i++) {
        base_list_for_each_safe (fence, &ctx->fences[i], struct abi_fence, link) {
            abi_fence_retire_locked(fence);
        }
    }
    reach_barriers(ctx, UINT64_MAX);
    collect_context_0();
}

uint64_t
abi_fences_next_deadline_locked(void)
{
    base_list_for_each (fence, &abi.fences.of_context_0, struct abi_fence, link) {
        return fence->deadline_ns;
    }
    return UINT64_MAX;
}

struct abi_fence *
abi_fences_take_retired_locked(uint32_t context_id)
{
    base_list_for_each (fence, &abi.fences.retired, struct abi_fence, link) {
        if (context_id == UINT32_MAX || fence->context_id == context_id) {
            base_list_remove(&fence->link);
            return fence;
        }
    }
    return NULL;
}

/* --- export --- */

static struct abi_fence *
find_in(struct base_list *list, uint64_t id)
{
    base_list_for_each (fence, list, struct abi_fence, link) {
        if (fence->id == id) {
            return fence;
        }
    }
    return NULL;
}

static struct abi_fence *
find_pending(uint64_t id)
{
    struct abi_fence *found = find_in(&abi.fences.of_context_0, id);
    size_t cursor = 0;

    for (struct abi_context *ctx;
         !found && (ctx = base_table_next(&abi.contexts, &cursor)) != NULL;) {
        for (uint32_t i = 0; ctx->page && !found && i < WIRE_MAX_TIMELINES; i++) {
            found = find_in(&ctx->fences[i], id);
        }
    }
    return found;
}

bool
abi_fence_has_retired_locked(uint64_t id)
{
    return id != 0 && id <= abi.fences.last_id && !find_pending(id);
}

/* 0 and what to ask its worker for; ENOENT: it has retired; EINVAL; EOPNOTSUPP: nobody could give a
 * sync file of it. */
static int
find_exporter_locked(uint64_t id, struct abi_context **out_context, uint32_t *out_ring_idx,
                     uint64_t *out_seqno)
{
    const struct abi_fence *fence = find_pending(id);

    if (!fence) {
        return abi_fence_has_retired_locked(id) ? ENOENT : EINVAL;
    }
    struct abi_context *ctx = fence->context_id ? abi_context_find(fence->context_id) : NULL;
    if (!ctx || !ctx->page || fence->ring_idx == 0) {
        return EOPNOTSUPP;
    }
    *out_context = ctx;
    *out_ring_idx = fence->ring_idx;
    *out_seqno = fence->seqno;
    return 0;
}

/* ENOENT: it has retired. */
static int
export_event_locked(uint64_t id, int *out_fd)
{
    struct abi_fence *fence = find_pending(id);

    if (!fence) {
        return ENOENT;
    }
    if (fence->event_fd == -1) {
        fence->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int fd = fence->event_fd == -1 ? -1 : base_fd_duplicate(fence->event_fd);
    if (fd == -1) {
        return errno;
    }
    *out_fd = fd;
    return 0;
}

int
abi_fence_export(uint64_t id, int *out_fd)
{
    struct abi_context *ctx;
    uint32_t ring_idx;
    uint64_t seqno;
    int fd = -1;

    pthread_mutex_lock(&abi.lock);
    int error = find_exporter_locked(id, &ctx, &ring_idx, &seqno);
    pthread_mutex_unlock(&abi.lock);
    if (!error) {
        error = abi_context_export_fence(ctx, ring_idx, seqno, &fd);
    }
    if (error == EOPNOTSUPP) {
        pthread_mutex_lock(&abi.lock);
        error = export_event_locked(id, &fd);
        pthread_mutex_unlock(&abi.lock);
    }
    if (error == ENOENT || (!error && fd == -1)) {
        fd = abi_fence_export_signalled();
        error = fd == -1 ? errno : 0;
    }
    if (!error) {
        *out_fd = fd;
    }
    return error;
}

int
abi_fence_export_signalled(void)
{
    int fd = abi_sync_file_export_signalled();

    return fd != -1 ? fd : eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}
