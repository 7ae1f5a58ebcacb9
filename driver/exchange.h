/* Where a device meets the fences and semaphores of others: those with a payload in the guest
 * (driver/payload.h), or a sync file as a temporary one. The host never hears of them. It knows
 * timelines instead, and needs nothing but those:
 *
 *   out: each queue has an outlet, a timeline that submissions signal on their way, one value after
 *        the other. When it has got to some value, the payload or sync file that waits for this
 * gets its signal: that is a delivery. in:  a submission that waits for something foreign waits for
 * an inlet, a timeline that a thread of ours signals once the foreign thing has happened. So
 * vkQueueSubmit never blocks.
 *
 * What a device signals and waits for itself goes from outlet to waiting submission on the host,
 * with nobody of ours in between.
 *
 * Threads, made when there is something to wait for: one delivers, one each waits for a foreign
 * thing. All end with the device. docs/sync.md tells the whole story. */
#ifndef DRV_EXCHANGE_H
#define DRV_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "base/list.h"
#include "driver/payload.h"

struct drv_device;
struct drv_fence;
struct drv_queue;
struct drv_semaphore;

/* One side of a queue; its owner synchronises submissions, `reached` is anybody's. */
struct drv_outlet {
    VkSemaphore timeline; /* made with the first signal that needs it */
    uint64_t last;        /* promised so far */
    _Atomic uint64_t reached;
};

struct drv_exchange {
    struct drv_device *device; /* owns us */
    _Atomic bool used;         /* some fence or semaphore has a payload here */
    _Atomic bool stop;
    int stop_fd; /* eventfd, readable when `stop` is set; made with the first thread */

    pthread_mutex_t lock;        /* guards the rest, and the payloads of this device */
    struct base_list shared;     /* drv_payload.link */
    struct base_list deliveries; /* drv_delivery.link, oldest first */
    struct base_list inlets;     /* drv_inlet.link, nobody waits for them */
    bool delivering;             /* there is a thread for it */
    struct base_list jobs;       /* drv_job.link, not begun */
    unsigned job_count, idle_threads;
    pthread_cond_t work;
    pthread_t *threads;
    unsigned thread_count, thread_room;
};

void drv_exchange_init(struct drv_exchange *exchange, struct drv_device *device);
/* The device is idle, or lost; it still exists on the host. */
void drv_exchange_finish(struct drv_exchange *exchange);

static inline bool
drv_exchange_is_used(struct drv_exchange *exchange)
{
    return atomic_load_explicit(&exchange->used, memory_order_relaxed);
}

/* --- payloads; get and import give a reference --- */

BASE_MUST_CHECK struct drv_payload *drv_exchange_create_payload(struct drv_exchange *exchange,
                                                                enum drv_payload_kind kind,
                                                                uint64_t reached);
/* Takes the fd over when it succeeds. */
BASE_MUST_CHECK VkResult drv_exchange_import(struct drv_exchange *exchange,
                                             enum drv_payload_kind kind, int fd,
                                             struct drv_payload **out);
/* A descriptor of the payload, for the caller. */
BASE_MUST_CHECK VkResult drv_exchange_export(struct drv_exchange *exchange,
                                             struct drv_payload *payload, int *fd);
/* One more reference. */
struct drv_payload *drv_exchange_ref(struct drv_exchange *exchange, struct drv_payload *payload);
/* Accepts NULL. */
void drv_exchange_unref(struct drv_exchange *exchange, struct drv_payload *payload);

/* A sync file that has signalled, or does in a moment: of the kernel's, where that can be. */
BASE_MUST_CHECK VkResult drv_exchange_export_signaled(struct drv_exchange *exchange, int *fd);
/* A sync file that signals when the payload has got to `value`. */
BASE_MUST_CHECK VkResult drv_exchange_export_sync_file(struct drv_exchange *exchange,
                                                       struct drv_payload *payload, uint64_t value,
                                                       int *fd);

/* VK_SUCCESS once it has got to `value`; VK_NOT_READY, VK_ERROR_DEVICE_LOST. */
BASE_MUST_CHECK VkResult drv_exchange_look(struct drv_exchange *exchange,
                                           struct drv_payload *payload, uint64_t value);
/* Somebody outside this device may bring it there, so the device's sleepers need a watch. */
bool drv_exchange_needs_watch(struct drv_exchange *exchange, struct drv_payload *payload,
                              uint64_t value);
/* The host signals: it has happened when this returns. */
void drv_exchange_signal(struct drv_exchange *exchange, struct drv_payload *payload,
                         uint64_t value);
/* A fence of which nothing is under way becomes unsignalled. */
void drv_exchange_reset(struct drv_exchange *exchange, struct drv_payload *payload);

/* Makes every delivery that is due. Costs nothing if none waits. */
void drv_exchange_settle(struct drv_exchange *exchange);

/* --- threads that sleep in vkWaitForFences or vkWaitSemaphores --- */

/* While it lives, the device's sleepers wake when the watched things have happened. */
struct drv_watch;
/* NULL: out of memory. */
BASE_MUST_CHECK struct drv_watch *drv_watch_begin(struct drv_exchange *exchange);
/* False: out of memory or threads. */
BASE_MUST_CHECK bool drv_watch_payload(struct drv_watch *watch, struct drv_payload *payload,
                                       uint64_t value);
BASE_MUST_CHECK bool drv_watch_sync_file(struct drv_watch *watch, int fd);
/* Accepts NULL. */
void drv_watch_end(struct drv_watch *watch);

/* --- for submissions (driver/exchange_submit.c) --- */

/* A signal of the host's that leads to one of ours. */
struct drv_point {
    VkSemaphore timeline;
    uint64_t value;
};

/* Room for a delivery, so that nothing fails once a submission has begun to change things. */
struct drv_delivery;
BASE_MUST_CHECK struct drv_delivery *drv_delivery_alloc(void);

/* What the host shall wait for where the application waits for this. Takes the fd over; -1 is a
 * sync file that has signalled. */
BASE_MUST_CHECK VkResult drv_exchange_point_of(struct drv_exchange *exchange,
                                               struct drv_payload *payload, uint64_t value,
                                               struct drv_point *out);
BASE_MUST_CHECK VkResult drv_exchange_point_of_file(struct drv_exchange *exchange, int fd,
                                                    struct drv_point *out);
/* The queue's next point. */
BASE_MUST_CHECK VkResult drv_exchange_next_point(struct drv_queue *queue, struct drv_point *out);
/* The payload gets to `value` (0, of a binary semaphore: what comes next) when the queue's outlet
 * has got to `at`. Takes the delivery over. */
BASE_MUST_CHECK VkResult drv_exchange_promise(struct drv_queue *queue, uint64_t at,
                                              struct drv_payload *payload, uint64_t value,
                                              struct drv_delivery *delivery);
/* What a wait that is submitted now is for. */
uint64_t drv_payload_promised(struct drv_payload *payload);

#endif
