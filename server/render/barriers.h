/* Fences over all timelines of a context, for machine monitors that know none by timeline (QEMU up
 * to 10.0): one is reached when every queue has finished what it was given before it. They are
 * reached in order. Any thread may call. */
#ifndef SRV_BARRIERS_H
#define SRV_BARRIERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"

/* Marks, in the id of a renderer's fence, that it belongs to the barrier of the remaining bits. */
#define SRV_BARRIER_BIT (UINT64_C(1) << 63)

struct srv_barriers {
    pthread_mutex_t lock;
    struct base_list pending; /* oldest first; guarded by lock */
    /* Called with the lock held, in order. */
    void (*reached)(void *user, uint64_t seqno);
    void *user;
};

void srv_barriers_init(struct srv_barriers *barriers, void (*reached)(void *user, uint64_t seqno),
                       void *user);
void srv_barriers_finish(struct srv_barriers *barriers);

/* A new barrier, which the caller holds like one of the fences it expects. False: no memory. */
BASE_MUST_CHECK bool srv_barriers_begin(struct srv_barriers *barriers, uint64_t seqno);
/* One more fence belongs to the barrier. */
void srv_barriers_expect(struct srv_barriers *barriers, uint64_t seqno);
/* False, and nothing happens, if the fence belongs to no barrier. */
bool srv_barriers_retire(struct srv_barriers *barriers, uint64_t fence_id);

#endif
