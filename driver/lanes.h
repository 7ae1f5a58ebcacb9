/* Rings beside the instance's own, for commands that keep the renderer busy for long: a pipeline
 * that is compiled there holds up only the thread that wants it. One is lent to one call at a time;
 * they are made when needed and kept, so there are as many as calls were under way at once.
 *
 * Nothing orders two rings but the driver: a lane is lent once the instance's ring has executed all
 * that was on it, and its command is answered before the caller goes on. Any thread may call. */
#ifndef DRV_LANES_H
#define DRV_LANES_H

#include <pthread.h>
#include <stdint.h>

#include "protocol/runtime/client.h"

struct drv_ring;

enum {
    DRV_MAX_LANES = 32, /* more compilers than that would only share the host's processors */
};

struct drv_lanes {
    struct drv_ring *first; /* the instance's ring; constant */

    pthread_mutex_t lock; /* guards the rest; not held while a lane is made */
    pthread_cond_t returned;
    struct drv_ring *idle[DRV_MAX_LANES];
    unsigned idle_count;
    unsigned count;   /* lent ones included */
    uint64_t next_id; /* never used twice */
};

void drv_lanes_init(struct drv_lanes *lanes, struct drv_ring *first);
/* All lanes have been given back. */
void drv_lanes_finish(struct drv_lanes *lanes);

/* For one command that waits for its reply. Never NULL: where no lane can be had it is the
 * instance's ring. */
struct proto_client *drv_lanes_take(struct drv_lanes *lanes);
void drv_lanes_give_back(struct drv_lanes *lanes, struct proto_client *client);

#endif
