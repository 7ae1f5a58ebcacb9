/* A renderer for tests of the driver's ring: a transport in the same process, and a thread that
 * takes commands from the ring, checks them and answers. It knows the ring's own commands, one
 * question (vkEnumerateInstanceVersion), and test packets.
 *
 * tp_create() gives out the one fake at a time that fake_renderer_start() has prepared. */
#ifndef TESTS_DRIVER_FAKE_RENDERER_H
#define TESTS_DRIVER_FAKE_RENDERER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "transport/transport.h"

/* {number, bytes in all, sender, sender's counter, filler...}: 32-bit words; the filler repeats the
 * counter. */
#define FAKE_PACKET 0x7001u

enum {
    FAKE_MAX_SENDERS = 8,
    FAKE_VERSION = 0x00401001,
};

struct fake_renderer {
    /* Before fake_renderer_start(). */
    bool vesper;       /* has the capset's tail: futexes and feedback */
    bool other_kernel; /* nothing but the heartbeat tells that it is gone */

    /* Any time. */
    _Atomic bool closed;  /* the connection looks closed */
    _Atomic bool stopped; /* takes no more commands */
    _Atomic bool fatal;   /* the next command is refused */
    _Atomic bool mute;    /* no heartbeat */
    _Atomic bool dead;    /* makes no memory */

    /* What it saw. */
    _Atomic uint32_t packets[FAKE_MAX_SENDERS]; /* of each sender, in order and intact */
    _Atomic uint32_t broken_packets;
    _Atomic uint32_t notifications;
    _Atomic uint32_t live_blobs;
    _Atomic uint64_t transport_seqno; /* of vkSubmitVirtqueueSeqnoMESA */
};

void fake_renderer_start(struct fake_renderer *fake);
/* After drv_ring_destroy(). */
void fake_renderer_finish(struct fake_renderer *fake);

#endif
