/* Fences of the server's that leave as sync files, for a host compositor or another device of the
 * machine.
 *
 * A fence is copied into a sync file once, which resets it; so the sync thread then waits for the
 * file. Copying may take as long as the guest likes: a driver has to wait until everything is
 * submitted that the fence depends on. So a thread of its own does it, one a queue.
 *
 * Nobody pays for that before the first request. From then on all fences of the queue are made for
 * it. The first one that is asked for was not: where nothing was submitted behind it, another
 * fence in the same place stands for it. */
#ifndef RND_FENCE_EXPORT_H
#define RND_FENCE_EXPORT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "renderer/context.h"

struct rnd_queue;
struct rnd_sync_entry;

enum rnd_fence_copy_state {
    RND_FENCE_PLAIN, /* cannot be copied */
    RND_FENCE_TO_COPY,
    RND_FENCE_COPIED,
    RND_FENCE_NOT_COPIED, /* the host would not */
};

/* Part of an entry. Guarded by the device's sync_lock. */
struct rnd_fence_copy {
    struct base_list link; /* rnd_fence_exports.to_copy */
    enum rnd_fence_copy_state state;
    int fd; /* the sync file; -1: the fence had signalled already */
};

/* Part of a queue. */
struct rnd_fence_exports {
    _Atomic bool on; /* changes once, with submit_lock held */

    /* Guarded by the device's sync_lock. */
    pthread_cond_t wake;
    struct base_list to_copy; /* rnd_fence_copy.link, oldest first */
    bool started, stop;
    pthread_t thread;
};

void rnd_fence_exports_init(struct rnd_fence_exports *exports);
/* The queue's sync thread has ended. */
void rnd_fence_exports_finish(struct rnd_queue *queue);

/* The entry, in state RND_FENCE_TO_COPY, was given to the sync thread. */
void rnd_fence_export_begin(struct rnd_queue *queue, struct rnd_sync_entry *entry);
/* Sleeps until the copy has signalled. False: there is none, and the fence itself has to be waited
 * for. The sync thread's. */
BASE_MUST_CHECK bool rnd_fence_export_wait(struct rnd_queue *queue, struct rnd_sync_entry *entry);

/* As rnd_context_export_fence(). */
BASE_MUST_CHECK enum rnd_result rnd_queue_export_fence(struct rnd_queue *queue, uint64_t fence_id,
                                                       int *out_fd);

#endif
