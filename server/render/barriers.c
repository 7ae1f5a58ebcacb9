#include "server/render/barriers.h"

#include <stdlib.h>

struct barrier {
    struct base_list link;
    uint64_t seqno;
    uint32_t expected; /* fences to come */
};

void
srv_barriers_init(struct srv_barriers *barriers, void (*reached)(void *user, uint64_t seqno),
                  void *user)
{
    pthread_mutex_init(&barriers->lock, NULL);
    base_list_init(&barriers->pending);
    barriers->reached = reached;
    barriers->user = user;
}

void
srv_barriers_finish(struct srv_barriers *barriers)
{
    base_list_for_each_safe (barrier, &barriers->pending, struct barrier, link) {
        base_list_remove(&barrier->link);
        free(barrier);
    }
    pthread_mutex_destroy(&barriers->lock);
}

bool
srv_barriers_begin(struct srv_barriers *barriers, uint64_t seqno)
{
    struct barrier *barrier = calloc(1, sizeof(*barrier));

    if (!barrier) {
        return false;
    }
    *barrier = (struct barrier){.seqno = seqno, .expected = 1};
    pthread_mutex_lock(&barriers->lock);
    base_list_push(&barriers->pending, &barrier->link);
    pthread_mutex_unlock(&barriers->lock);
    return true;
}

static struct barrier *
find_locked(struct srv_barriers *barriers, uint64_t seqno)
{
    base_list_for_each (barrier, &barriers->pending, struct barrier, link) {
        if (barrier->seqno == seqno) {
            return barrier;
        }
    }
    return NULL;
}

void
srv_barriers_expect(struct srv_barriers *barriers, uint64_t seqno)
{
    pthread_mutex_lock(&barriers->lock);
    find_locked(barriers, seqno)->expected++; /* the caller still holds it */
    pthread_mutex_unlock(&barriers->lock);
}

bool
srv_barriers_retire(struct srv_barriers *barriers, uint64_t fence_id)
{
    if (!(fence_id & SRV_BARRIER_BIT)) {
        return false;
    }
    pthread_mutex_lock(&barriers->lock);
    struct barrier *retired = find_locked(barriers, fence_id & ~SRV_BARRIER_BIT);
    if (retired) {
        retired->expected--;
    }
    base_list_for_each_safe (barrier, &barriers->pending, struct barrier, link) {
        if (barrier->expected > 0) {
            break;
        }
        barriers->reached(barriers->user, barrier->seqno);
        base_list_remove(&barrier->link);
        free(barrier);
    }
    pthread_mutex_unlock(&barriers->lock);
    return true;
}
