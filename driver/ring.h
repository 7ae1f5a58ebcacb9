/* A command ring: how encoded commands reach the renderer, in one order, and how replies come back.
 * An instance has one of its own, the proto_client of all its objects, and a few more on the same
 * connection for commands that take long (driver/lanes.h). One ring lost, all are.
 *
 * Any thread may call anything here. `lock` is held while a command is being written, so commands
 * do not mix; nobody sleeps on a reply with it. Once the renderer is gone the ring is lost for
 * good: every call returns VK_ERROR_DEVICE_LOST at once, and waits that are under way end within a
 * fraction of a second. docs/ring.md tells the protocol. */
#ifndef DRV_RING_H
#define DRV_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "driver/shmem_pool.h"
#include "protocol/runtime/caps.h"
#include "protocol/runtime/client.h"
#include "transport/transport.h"
#include "wire/ring.h"

enum {
    /* Nobody sleeps longer without looking whether the renderer still lives. */
    DRV_RING_LONGEST_SLEEP_NS = 50 * 1000 * 1000,
};

struct drv_address_reports;

struct drv_ring {
    struct proto_client client; /* first: generated code holds pointers to it */

    /* Constant after creation. */
    struct drv_ring *first; /* the connection's first ring, whose heart beats for all; may be us */
    struct proto_caps caps;
    struct tp_transport *transport; /* the first ring's */
    uint64_t id;                    /* the renderer's name for the ring */
    struct tp_blob memory;
    struct wire_ring_view view;
    bool vesper;  /* the peer is one of ours, whatever features it offers */
    bool futex;   /* both sides sleep on ring words and wake each other there */
    bool monitor; /* the renderer sets a heartbeat bit while it lives; the first ring's only */

    /* Of the first ring only. */
    _Atomic bool lost;              /* any thread sets it once */
    _Atomic uint64_t last_check_ns; /* when somebody last looked whether the peer lives */
    _Atomic uint32_t missed_beats;  /* checks in a row that found no heartbeat */

    /* Of the first ring only; NULL: nobody listens (driver/address_reports.h). */
    struct drv_address_reports *_Atomic reports;
    pthread_mutex_t turn; /* held from a command's beginning until its reports are here */

    _Atomic uint64_t last_notify_ns; /* of vkNotifyRingMESA */

    pthread_mutex_t lock;                 /* guards the rest */
    struct drv_address_reports *reported; /* of the command being written; NULL: nothing */
    uint32_t tail;        /* bytes written so far; view.tail is what the renderer may read */
    uint8_t *writing;     /* where the command being encoded begins: in the ring, or in scratch */
    uint8_t *written_end; /* of the words that make the renderer execute a large command */
    uint8_t *scratch;     /* for commands that wrap around the end of the buffer */
    uint64_t transport_seqno;
    struct drv_shmem_pool streams; /* commands too large for the ring */
    struct drv_shmem_pool replies;
};

/* Connects to a renderer and starts a ring. VK_ERROR_INCOMPATIBLE_DRIVER with *no_device set: there
 * is nothing to connect to and nobody asked for it. Other failures have been explained on standard
 * error. */
BASE_MUST_CHECK VkResult drv_ring_create(struct drv_ring **out, bool *no_device);
/* One more on the same connection, under an id that no other ring of it has. */
BASE_MUST_CHECK VkResult drv_ring_create_beside(struct drv_ring *first, uint64_t id,
                                                struct drv_ring **out);
/* The first ring goes last, and takes the connection with it. */
void drv_ring_destroy(struct drv_ring *ring);

static inline struct drv_ring *
drv_ring_from(struct proto_client *client)
{
    return (struct drv_ring *)client;
}

/* Puts whole, already encoded commands on the ring, asynchronously. `size` is a multiple of 4; the
 * bytes are copied. *seqno (may be NULL) says when they are done. VK_SUCCESS, VK_ERROR_DEVICE_LOST,
 * VK_ERROR_OUT_OF_HOST_MEMORY. */
BASE_MUST_CHECK VkResult drv_ring_submit(struct drv_ring *ring, const void *commands, size_t size,
                                         uint32_t *seqno);

/* Everything published so far. */
uint32_t drv_ring_current_seqno(struct drv_ring *ring);
/* The renderer has executed everything up to seqno. Never sleeps. */
bool drv_ring_reached(struct drv_ring *ring, uint32_t seqno);
/* Sleeps until then; false if the renderer died. */
BASE_MUST_CHECK bool drv_ring_wait(struct drv_ring *ring, uint32_t seqno);

/* The renderer shall not execute what follows on the ring before it has seen everything that the
 * transport was told so far (resources given back, for instance). */
BASE_MUST_CHECK VkResult drv_ring_order_after_transport(struct drv_ring *ring);

/* No system call: what is known so far. */
static inline bool
drv_ring_is_lost(const struct drv_ring *ring)
{
    return atomic_load_explicit(&ring->first->lost, memory_order_relaxed);
}

/* Looks whether the renderer still lives, at most once every 40 ms. Cheap enough for every
 * submission and every turn of a polling loop. */
BASE_MUST_CHECK bool drv_ring_check_alive(struct drv_ring *ring);
/* The peer is dead, or as good as; `why` is logged once. */
void drv_ring_set_lost(struct drv_ring *ring, const char *why);

#endif
