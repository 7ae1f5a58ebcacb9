/* A host queue: its lock, its timeline (ring_idx), and the thread that waits for what the guest or
 * the server want to hear of.
 *
 * The sync thread starts with the first entry. It takes entries in order and waits for each on the
 * host: signal operations of a queue happen in submission order, so no entry is kept waiting by one
 * that needs longer. */
#ifndef RND_QUEUE_H
#define RND_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "base/list.h"
#include "renderer/context.h"
#include "renderer/fence_export.h"
#include "renderer/object.h"

struct rnd_device;
struct rnd_fence;
struct rnd_semaphore;

enum rnd_sync_kind {
    RND_SYNC_FENCE,     /* publish a guest's fence */
    RND_SYNC_SEMAPHORE, /* publish a guest's timeline semaphore */
    RND_SYNC_TIMELINE,  /* retire a fence of the server's */
    RND_SYNC_COPY,      /* nothing: there to be exported in place of one of the former */
};

struct rnd_sync_entry {
    struct base_list link;
    enum rnd_sync_kind kind;
    /* Held by the entry (rnd_sync_hold()), so that they stay until it is done. */
    struct rnd_fence *fence;
    struct rnd_semaphore *semaphore;
    uint64_t value;     /* fence: number of the submission; semaphore: the value signalled */
    bool lost;          /* the host lost the device and did not take it: nothing to wait for */
    VkFence host_fence; /* timeline: from free_fences; VK_NULL_HANDLE: retire at once */
    uint64_t fence_id;  /* timeline, copy: the server's */

    /* Timeline, copy. */
    uint64_t submissions; /* rnd_queue.submissions when it was submitted */
    struct rnd_fence_copy copy;
};

enum {
    RND_MAX_FREE_FENCES = 16,
};

struct rnd_queue {
    struct rnd_object object; /* first; id 0 until vkGetDeviceQueue2 names it */

    /* Constant after creation. */
    struct rnd_device *device; /* owns us */
    VkQueue handle;
    VkDeviceQueueCreateFlags flags;
    uint32_t family, index;

    uint32_t ring_idx; /* its timeline; set once, under the timelines' lock; 0 before */

    /* Vulkan wants queues externally synchronised: ring threads and the server's thread submit.
     * Entries are added under it too, so their order is that of the submissions. */
    pthread_mutex_t submit_lock;
    uint64_t submissions; /* of the guest's; guarded by submit_lock */

    /* Guarded by the device's sync_lock. */
    pthread_cond_t sync_wake;
    struct base_list entries;       /* rnd_sync_entry.link, oldest first */
    struct rnd_sync_entry *current; /* the one that the sync thread waits for, in no list */
    bool sync_stop;
    bool sync_started;
    VkFence free_fences[RND_MAX_FREE_FENCES];
    unsigned free_fence_count;
    pthread_t sync_thread;

    struct rnd_fence_exports exports; /* see there */
};

BASE_MUST_CHECK struct rnd_queue *rnd_queue_create(struct rnd_device *device, VkQueue handle,
                                                   const VkDeviceQueueCreateInfo *info,
                                                   uint32_t index);
/* Lets the sync thread finish its entries (the device is idle, or lost) and joins it. The memory
 * stays. */
void rnd_queue_finish(struct rnd_queue *queue);

/* Starts the sync thread if there is none. */
BASE_MUST_CHECK bool rnd_queue_start_sync(struct rnd_queue *queue);
/* NULL: no memory. Its maker fills in what its kind has. */
BASE_MUST_CHECK struct rnd_sync_entry *rnd_sync_entry_create(enum rnd_sync_kind kind);
void rnd_sync_entry_destroy(struct rnd_sync_entry *entry);

/* Hands entries over to the sync thread, which frees them. submit_lock is held, and the sync thread
 * runs. */
void rnd_queue_add_entries_locked(struct rnd_queue *queue, struct base_list *entries);

/* The entry needs its fence or semaphore no more. sync_lock is held. */
void rnd_queue_let_go_locked(struct rnd_queue *queue, const struct rnd_sync_entry *entry);

/* fence_retired(ring_idx, fence_id) when what was submitted so far has finished. RND_NO_MEMORY: it
 * will never retire, and the client has to go. */
BASE_MUST_CHECK enum rnd_result rnd_queue_add_timeline_fence(struct rnd_queue *queue,
                                                             uint64_t fence_id);
/* An entry of kind RND_SYNC_COPY, behind what was submitted so far. submit_lock is held, and the
 * sync thread runs. */
BASE_MUST_CHECK enum rnd_result rnd_queue_add_copy_locked(struct rnd_queue *queue,
                                                          uint64_t fence_id);
/* Fences that wait to be used again are of no use any more. */
void rnd_queue_drop_free_fences(struct rnd_queue *queue);

#endif
