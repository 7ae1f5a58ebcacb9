#include "server/vtest/sync.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/fd.h"

enum {
    MAX_SYNCS =
        1 << 20, /* of one client; far above what a driver needs, far below what would hurt */
    MAX_WAITS = 1 << 16, /* likewise; descriptors usually run out first */
};

struct srv_sync {
    uint32_t id;
    uint32_t references; /* the client's, and one for each wait and fence that names it */
    uint64_t value;
};

struct target {
    struct srv_sync *sync; /* a reference */
    uint64_t value;
};

struct srv_wait {
    struct base_list link;
    int fd;               /* our copy of the eventfd */
    uint64_t deadline_ns; /* UINT64_MAX: never */
    bool any;
    size_t count; /* targets not reached so far */
    struct target targets[];
};

struct srv_fence {
    struct base_list link;
    uint64_t id;
    size_t count;
    struct target targets[];
};

void
srv_sync_set_init(struct srv_sync_set *set)
{
    *set = (struct srv_sync_set){0};
    pthread_mutex_init(&set->lock, NULL);
    base_table_init(&set->syncs);
    base_list_init(&set->waits);
    for (size_t i = 0; i < BASE_COUNT_OF(set->fences); i++) {
        base_list_init(&set->fences[i]);
    }
}

static void
release(struct srv_sync *sync)
{
    if (--sync->references == 0) {
        free(sync);
    }
}

static void
release_targets(const struct target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        release(targets[i].sync);
    }
}

static void
destroy_wait_locked(struct srv_sync_set *set, struct srv_wait *wait)
{
    base_list_remove(&wait->link);
    set->wait_count--;
    release_targets(wait->targets, wait->count);
    base_fd_close(&wait->fd);
    free(wait);
}

static void
destroy_fence_locked(struct srv_fence *fence)
{
    base_list_remove(&fence->link);
    release_targets(fence->targets, fence->count);
    free(fence);
}

void
srv_sync_set_finish(struct srv_sync_set *set)
{
    struct srv_sync *sync;
    size_t cursor = 0;

    base_list_for_each_safe (wait, &set->waits, struct srv_wait, link) {
        destroy_wait_locked(set, wait);
    }
    for (size_t i = 0; i < BASE_COUNT_OF(set->fences); i++) {
        base_list_for_each_safe (fence, &set->fences[i], struct srv_fence, link) {
            destroy_fence_locked(fence);
        }
    }
    while ((sync = base_table_next(&set->syncs, &cursor))) {
        release(sync);
    }
    base_table_finish(&set->syncs);
    pthread_mutex_destroy(&set->lock);
}

static struct srv_sync *
find_locked(const struct srv_sync_set *set, uint32_t id)
{
    return id == 0 ? NULL : base_table_find(&set->syncs, id);
}

static enum srv_sync_result
create_locked(struct srv_sync_set *set, uint64_t value, uint32_t *out_id)
{
    if (set->syncs.count >= MAX_SYNCS || set->last_id == UINT32_MAX) {
        return SRV_SYNC_NO_MEMORY;
    }

    struct srv_sync *sync = calloc(1, sizeof(*sync));
    if (!sync) {
        return SRV_SYNC_NO_MEMORY;
    }
    *sync = (struct srv_sync){.id = set->last_id + 1, .references = 1, .value = value};
    if (!base_table_insert(&set->syncs, sync->id, sync)) {
        free(sync);
        return SRV_SYNC_NO_MEMORY;
    }
    set->last_id = sync->id;
    *out_id = sync->id;
    return SRV_SYNC_OK;
}

enum srv_sync_result
srv_sync_create(struct srv_sync_set *set, uint64_t value, uint32_t *out_id)
{
    pthread_mutex_lock(&set->lock);
    enum srv_sync_result res = create_locked(set, value, out_id);
    pthread_mutex_unlock(&set->lock);
    return res;
}

void
srv_sync_unref(struct srv_sync_set *set, uint32_t id)
{
    pthread_mutex_lock(&set->lock);
    struct srv_sync *sync = find_locked(set, id);
    if (sync) {
        base_table_remove(&set->syncs, id);
        release(sync);
    }
    pthread_mutex_unlock(&set->lock);
}

enum srv_sync_result
srv_sync_read(struct srv_sync_set *set, uint32_t id, uint64_t *out_value)
{
    enum srv_sync_result res = SRV_SYNC_UNKNOWN;

    pthread_mutex_lock(&set->lock);
    const struct srv_sync *sync = find_locked(set, id);
    if (sync) {
        *out_value = sync->value;
        res = SRV_SYNC_OK;
    }
    pthread_mutex_unlock(&set->lock);
    return res;
}

/* Drops the targets that have been reached: a value that falls again does not bring them back. */
static void
drop_reached_targets(struct srv_wait *wait, bool *reached_one)
{
    size_t kept = 0;

    for (size_t i = 0; i < wait->count; i++) {
        struct target target = wait->targets[i];
        if (target.sync->value >= target.value) {
            *reached_one = true;
            release(target.sync);
        } else {
            wait->targets[kept++] = target;
        }
    }
    wait->count = kept;
}

static bool
is_satisfied(struct srv_wait *wait)
{
    bool reached_one = false;

    drop_reached_targets(wait, &reached_one);
    return wait->count == 0 || (wait->any && reached_one);
}

static void
signal_wait(const struct srv_wait *wait)
{
    eventfd_write(wait->fd, 1); /* a fresh counter cannot overflow */
}

/* Call after any value has changed. */
static void
check_waits_locked(struct srv_sync_set *set)
{
    uint64_t now = base_list_empty(&set->waits) ? 0 : base_clock_now_ns();

    base_list_for_each_safe (wait, &set->waits, struct srv_wait, link) {
        if (is_satisfied(wait)) {
            signal_wait(wait);
            destroy_wait_locked(set, wait);
        } else if (wait->deadline_ns <= now) {
            destroy_wait_locked(set, wait);
        }
    }
}

enum srv_sync_result
srv_sync_write(struct srv_sync_set *set, const struct srv_sync_point *points, size_t count)
{
    enum srv_sync_result res = SRV_SYNC_OK;

    pthread_mutex_lock(&set->lock);
    for (size_t i = 0; i < count && res == SRV_SYNC_OK; i++) {
        if (!find_locked(set, points[i].id)) {
            res = SRV_SYNC_UNKNOWN;
        }
    }
    for (size_t i = 0; i < count && res == SRV_SYNC_OK; i++) {
        find_locked(set, points[i].id)->value = points[i].value;
        check_waits_locked(set);
    }
    pthread_mutex_unlock(&set->lock);
    return res;
}

/* Turns ids into references; on failure none is kept. */
static enum srv_sync_result
fill_targets_locked(struct srv_sync_set *set, const struct srv_sync_point *points, size_t count,
                    struct target *targets)
{
    for (size_t i = 0; i < count; i++) {
        struct srv_sync *sync = find_locked(set, points[i].id);
        if (!sync) {
            release_targets(targets, i);
            return SRV_SYNC_UNKNOWN;
        }
        sync->references++;
        targets[i] = (struct target){.sync = sync, .value = points[i].value};
    }
    return SRV_SYNC_OK;
}

/* The protocol's: 0 does not wait, what does not fit in an int32_t is forever. */
static uint64_t
deadline_of(uint32_t timeout_ms)
{
    return timeout_ms > INT32_MAX ? UINT64_MAX
                                  : base_clock_deadline_ns(timeout_ms * UINT64_C(1000000));
}

/* Takes over `fd`, on failure too. */
static enum srv_sync_result
add_wait_or_close_locked(struct srv_sync_set *set, const struct srv_sync_point *points,
                         size_t count, bool any, uint32_t timeout_ms, int fd)
{
    struct srv_wait *wait = calloc(1, sizeof(*wait) + count * sizeof(wait->targets[0]));
    enum srv_sync_result res;

    if (!wait) {
        base_fd_close(&fd);
        return SRV_SYNC_NO_MEMORY;
    }
    *wait = (struct srv_wait){
        .fd = fd, .deadline_ns = deadline_of(timeout_ms), .any = any, .count = count};
    res = fill_targets_locked(set, points, count, wait->targets);
    if (res != SRV_SYNC_OK) {
        base_fd_close(&wait->fd);
        free(wait);
        return res;
    }
    base_list_push(&set->waits, &wait->link);
    set->wait_count++;

    if (is_satisfied(wait)) {
        signal_wait(wait);
        destroy_wait_locked(set, wait);
    } else if (timeout_ms == 0) {
        destroy_wait_locked(set, wait);
    }
    return SRV_SYNC_OK;
}

enum srv_sync_result
srv_sync_wait(struct srv_sync_set *set, const struct srv_sync_point *points, size_t count, bool any,
              uint32_t timeout_ms, int *out_fd)
{
    enum srv_sync_result res = SRV_SYNC_NO_MEMORY;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int ours = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

    pthread_mutex_lock(&set->lock);
    check_waits_locked(set); /* makes room */
    if (ours == -1 || set->wait_count >= MAX_WAITS) {
        base_fd_close(&ours);
    } else {
        res = add_wait_or_close_locked(set, points, count, any, timeout_ms, ours);
    }
    pthread_mutex_unlock(&set->lock);

    if (res != SRV_SYNC_OK) {
        base_fd_close(&fd);
        return res;
    }
    *out_fd = fd;
    return SRV_SYNC_OK;
}

enum srv_sync_result
srv_sync_add_fence(struct srv_sync_set *set, uint32_t ring_idx, uint64_t fence_id,
                   const struct srv_sync_point *points, size_t count)
{
    assert(ring_idx < BASE_COUNT_OF(set->fences));
    struct srv_fence *fence = calloc(1, sizeof(*fence) + count * sizeof(fence->targets[0]));
    enum srv_sync_result res;

    if (!fence) {
        return SRV_SYNC_NO_MEMORY;
    }
    *fence = (struct srv_fence){.id = fence_id, .count = count};

    pthread_mutex_lock(&set->lock);
    res = fill_targets_locked(set, points, count, fence->targets);
    if (res == SRV_SYNC_OK) {
        base_list_push(&set->fences[ring_idx], &fence->link);
    }
    pthread_mutex_unlock(&set->lock);

    if (res != SRV_SYNC_OK) {
        free(fence);
    }
    return res;
}

static void
retire_locked(struct srv_sync_set *set, struct srv_fence *fence)
{
    for (size_t i = 0; i < fence->count; i++) {
        fence->targets[i].sync->value = fence->targets[i].value;
        check_waits_locked(set);
    }
    destroy_fence_locked(fence);
}

void
srv_sync_retire(struct srv_sync_set *set, uint32_t ring_idx, uint64_t fence_id)
{
    assert(ring_idx < BASE_COUNT_OF(set->fences));

    pthread_mutex_lock(&set->lock);
    base_list_for_each_safe (fence, &set->fences[ring_idx], struct srv_fence, link) {
        if (fence->id > fence_id) {
            break;
        }
        retire_locked(set, fence);
    }
    pthread_mutex_unlock(&set->lock);
}
