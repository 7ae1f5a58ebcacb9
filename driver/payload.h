/* What is behind a fence or semaphore that can leave the device: words that are its state, kept in
 * the guest. A handle of type OPAQUE_FD is a sealed memfd that holds them, so everybody who has the
 * fd, in this process or another, sees and changes the same state. Until somebody asks for such a
 * handle the words are private.
 *
 * Nothing here knows of queues or of the renderer: driver/exchange.h connects the two. The words
 * are an agreement between drivers of several processes: who breaks it gets wrong waits, no more.
 */
#ifndef DRV_PAYLOAD_H
#define DRV_PAYLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/list.h"

struct drv_queue;

enum drv_payload_kind {
    DRV_PAYLOAD_FENCE = 1,
    DRV_PAYLOAD_BINARY,
    DRV_PAYLOAD_TIMELINE,
};

struct drv_payload_words {
    uint32_t magic, kind; /* constant */
    /* A change of the words below, and how many sleep on this one until it comes. */
    _Atomic uint32_t generation, sleepers;
    /* Binary semaphores: signal operations that were submitted. A wait operation is for the last of
     * them: Vulkan wants it submitted before the wait is. */
    _Atomic uint64_t promised;
    /* Fence: 0, or 1 if signalled. Binary semaphore: signal operations that have happened.
     * Timeline: its value. */
    _Atomic uint64_t reached;
};

/* Of one device: another one that has the same words has another drv_payload. */
struct drv_payload {
    /* Constant after creation. */
    enum drv_payload_kind kind;

    struct drv_payload_words own;              /* in use until shared */
    _Atomic(struct drv_payload_words *) words; /* own, or those in the memfd */

    /* Guarded by the exchange's lock. */
    unsigned references;
    int fd; /* -1: not shared */
    dev_t fs;
    ino_t inode;
    struct base_list link; /* drv_exchange.shared */
    /* The last signal operation that this device submitted: done when the queue's outlet is at
     * `at`; the payload then is at `value`. NULL: none, or a fence was reset since. */
    struct drv_queue *queue;
    uint64_t at, value;
};

/* NULL: out of memory. */
BASE_MUST_CHECK struct drv_payload *drv_payload_create(enum drv_payload_kind kind,
                                                       uint64_t reached);
/* Around a descriptor that somebody exported; takes it over when it succeeds. NULL: it is none, of
 * another kind, or memory ran out. */
BASE_MUST_CHECK struct drv_payload *drv_payload_import(enum drv_payload_kind kind, int fd);
void drv_payload_destroy(struct drv_payload *payload);

/* Moves the words into a memfd. The exchange's lock is held. False: no memory or descriptors. */
BASE_MUST_CHECK bool drv_payload_share_locked(struct drv_payload *payload);

static inline struct drv_payload_words *
drv_payload_words(struct drv_payload *payload)
{
    return atomic_load_explicit(&payload->words, memory_order_acquire);
}

static inline uint64_t
drv_payload_reached(struct drv_payload *payload)
{
    return atomic_load_explicit(&drv_payload_words(payload)->reached, memory_order_acquire);
}

/* Never goes down, and wakes whoever sleeps on it. */
void drv_payload_raise(struct drv_payload *payload, uint64_t value);
/* A fence or a binary semaphore, which the caller has for itself: a signal that nobody waited for.
 */
void drv_payload_signal_now(struct drv_payload *payload);
/* A fence becomes unsignalled. */
void drv_payload_reset(struct drv_payload *payload);
/* Sleeps until it has reached the value, the time is over, or somebody woke all. */
void drv_payload_sleep(struct drv_payload *payload, uint64_t value, uint64_t timeout_ns);
void drv_payload_wake(struct drv_payload *payload);

#endif
