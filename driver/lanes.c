#include "driver/lanes.h"

#include <stdbool.h>

#include "driver/ring.h"

enum {
    FIRST_LANE_ID = 2, /* the instance's ring is 1 */
};

void
drv_lanes_init(struct drv_lanes *lanes, struct drv_ring *first)
{
    *lanes = (struct drv_lanes){.first = first, .next_id = FIRST_LANE_ID};
    pthread_mutex_init(&lanes->lock, NULL);
    pthread_cond_init(&lanes->returned, NULL);
}

void
drv_lanes_finish(struct drv_lanes *lanes)
{
    for (unsigned i = 0; i < lanes->idle_count; i++) {
        drv_ring_destroy(lanes->idle[i]);
    }
    pthread_cond_destroy(&lanes->returned);
    pthread_mutex_destroy(&lanes->lock);
}

/* An idle one; NULL: the caller is to make one with that id. Waits while all are lent. */
static struct drv_ring *
find_idle(struct drv_lanes *lanes, uint64_t *id)
{
    struct drv_ring *ring = NULL;
    pthread_mutex_lock(&lanes->lock);
    while (lanes->idle_count == 0 && lanes->count == DRV_MAX_LANES) {
        pthread_cond_wait(&lanes->returned, &lanes->lock);
    }
    if (lanes->idle_count > 0) {
        ring = lanes->idle[--lanes->idle_count];
    } else {
        lanes->count++;
        *id = lanes->next_id++;
    }
    pthread_mutex_unlock(&lanes->lock);
    return ring;
}

/* Without memory or descriptors for one more, the instance's own ring does. */
static struct drv_ring *
make(struct drv_lanes *lanes, uint64_t id)
{
    struct drv_ring *ring;
    if (drv_ring_create_beside(lanes->first, id, &ring) == VK_SUCCESS) {
        return ring;
    }
    pthread_mutex_lock(&lanes->lock);
    lanes->count--;
    pthread_cond_signal(&lanes->returned);
    pthread_mutex_unlock(&lanes->lock);
    return lanes->first;
}

struct proto_client *
drv_lanes_take(struct drv_lanes *lanes)
{
    struct drv_ring *first = lanes->first;
    uint64_t id = 0;
    if (!drv_ring_wait(first, drv_ring_current_seqno(first))) {
        return &first->client; /* lost: it says so */
    }
    struct drv_ring *ring = find_idle(lanes, &id);
    return ring ? &ring->client : &make(lanes, id)->client;
}

void
drv_lanes_give_back(struct drv_lanes *lanes, struct proto_client *client)
{
    struct drv_ring *ring = drv_ring_from(client);
    if (ring == lanes->first) {
        return;
    }
    pthread_mutex_lock(&lanes->lock);
    lanes->idle[lanes->idle_count++] = ring;
    pthread_cond_signal(&lanes->returned);
    pthread_mutex_unlock(&lanes->lock);
}
