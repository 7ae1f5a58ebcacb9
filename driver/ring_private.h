/* Between the ring's own files. */
#ifndef DRV_RING_PRIVATE_H
#define DRV_RING_PRIVATE_H

#include "driver/ring.h"

enum {
    DRV_RING_BUFFER_SIZE = 256 * 1024,
    DRV_RING_SMALL_BUFFER_SIZE = 16 * 1024, /* of rings beside the first: one call at a time */
    DRV_RING_DIRECT_LIMIT = 8 * 1024,       /* larger commands go through a stream */
    /* Room for any of the ring's own commands: set-reply, execute-streams, notify, seqnos. */
    DRV_RING_SMALL_COMMAND_SIZE = 128,
    DRV_RING_IDLE_TIMEOUT_NS = 1000 * 1000,
    DRV_RING_HEARTBEAT_PERIOD_US = 100 * 1000,
};

extern const struct proto_client_ops drv_ring_client_ops;

/* The reply to `command` made no sense. */
void drv_ring_set_lost_by(struct drv_ring *ring, const char *command);

#endif
