/* Which queue is bound to which ring_idx. A timeline is a queue's from vkGetDeviceQueue2 until the
 * device's destruction. Any thread may call. */
#ifndef RND_TIMELINES_H
#define RND_TIMELINES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "wire/capset.h"

struct rnd_queue;

struct rnd_timelines {
    /* Held while a fence is being put on a queue, so that the queue stays. */
    pthread_mutex_t lock;
    struct rnd_queue *queues[WIRE_MAX_TIMELINES]; /* guarded by lock; [0] stays NULL */
};

void rnd_timelines_init(struct rnd_timelines *timelines);
void rnd_timelines_finish(struct rnd_timelines *timelines);
/* False: ring_idx is 0, too large or taken, or the queue has a timeline already. */
BASE_MUST_CHECK bool rnd_timelines_bind(struct rnd_timelines *timelines, uint32_t ring_idx,
                                        struct rnd_queue *queue);
void rnd_timelines_unbind(struct rnd_timelines *timelines, struct rnd_queue *queue);

#endif
