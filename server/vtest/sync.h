/* The sync objects of one client: 64-bit values that the client writes, that fences write when they
 * retire, and that waits watch.
 *
 * A wait is an eventfd which becomes readable, once, when the wait is satisfied. That it expired is
 * not told through the eventfd: the client has a time-out of its own, and ours only bounds how long
 * we keep the wait. Expired waits are dropped whenever something else changes.
 *
 * Any thread may call; the set locks itself. Values are stored as they come, also downwards. */
#ifndef SRV_SYNC_H
#define SRV_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "base/table.h"
#include "wire/capset.h"

/* A sync object and the value to store in it, or to wait for. */
struct srv_sync_point {
    uint32_t id;
    uint64_t value;
};

enum srv_sync_result {
    SRV_SYNC_OK,
    SRV_SYNC_UNKNOWN,   /* an id names nothing */
    SRV_SYNC_NO_MEMORY, /* memory, descriptors, or the client's share of them ran out */
};

struct srv_sync_set {
    pthread_mutex_t lock;
    struct base_table syncs; /* struct srv_sync; guarded by lock, like all below */
    uint32_t last_id;
    struct base_list waits; /* srv_wait.link, unsatisfied ones */
    size_t wait_count;
    struct base_list fences[WIRE_MAX_TIMELINES]; /* srv_fence.link, oldest first */
};

void srv_sync_set_init(struct srv_sync_set *set);
/* No fence may retire any more. */
void srv_sync_set_finish(struct srv_sync_set *set);

BASE_MUST_CHECK enum srv_sync_result srv_sync_create(struct srv_sync_set *set, uint64_t value,
                                                     uint32_t *out_id);
/* Unknown ids are ignored. Fences and waits that name it keep it until they are done. */
void srv_sync_unref(struct srv_sync_set *set, uint32_t id);
BASE_MUST_CHECK enum srv_sync_result srv_sync_read(struct srv_sync_set *set, uint32_t id,
                                                   uint64_t *out_value);
/* Stores all points in order, or none if one is unknown. */
BASE_MUST_CHECK enum srv_sync_result
srv_sync_write(struct srv_sync_set *set, const struct srv_sync_point *points, size_t count);

/* Starts a wait until all points (`any`: one of them) are reached. *out_fd belongs to the caller.
 */
BASE_MUST_CHECK enum srv_sync_result srv_sync_wait(struct srv_sync_set *set,
                                                   const struct srv_sync_point *points,
                                                   size_t count, bool any, uint32_t timeout_ms,
                                                   int *out_fd);

/* Stores the points in order when srv_sync_retire() reaches this fence. */
BASE_MUST_CHECK enum srv_sync_result srv_sync_add_fence(struct srv_sync_set *set, uint32_t ring_idx,
                                                        uint64_t fence_id,
                                                        const struct srv_sync_point *points,
                                                        size_t count);
/* All fences of that ring up to this one have signalled: their ids go up. */
void srv_sync_retire(struct srv_sync_set *set, uint32_t ring_idx, uint64_t fence_id);

#endif
