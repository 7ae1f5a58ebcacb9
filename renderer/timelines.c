#include "renderer/timelines.h"

#include <string.h>

#include "renderer/queue.h"

void
rnd_timelines_init(struct rnd_timelines *timelines)
{
    pthread_mutex_init(&timelines->lock, NULL);
    memset(timelines->queues, 0, sizeof(timelines->queues));
}

void
rnd_timelines_finish(struct rnd_timelines *timelines)
{
    pthread_mutex_destroy(&timelines->lock);
}

bool
rnd_timelines_bind(struct rnd_timelines *timelines, uint32_t ring_idx, struct rnd_queue *queue)
{
    bool bound = false;
    pthread_mutex_lock(&timelines->lock);
    if (ring_idx > 0 && ring_idx < WIRE_MAX_TIMELINES && !timelines->queues[ring_idx] &&
        queue->ring_idx == 0) {
        timelines->queues[ring_idx] = queue;
        queue->ring_idx = ring_idx;
        bound = true;
    }
    pthread_mutex_unlock(&timelines->lock);
    return bound;
}

void
rnd_timelines_unbind(struct rnd_timelines *timelines, struct rnd_queue *queue)
{
    pthread_mutex_lock(&timelines->lock);
    if (queue->ring_idx != 0) {
        timelines->queues[queue->ring_idx] = NULL;
    }
    pthread_mutex_unlock(&timelines->lock);
}
