/* Short-lived pieces of shared memory: streams of large commands, and replies. A few blocks are
 * bumped through; a block is used again when all its pieces were given back and the renderer has
 * passed the last command that reads them. Not thread safe: the ring's lock guards it. */
#ifndef DRV_SHMEM_POOL_H
#define DRV_SHMEM_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "transport/transport.h"
#include "wire/ring.h"

struct drv_shmem_block {
    struct base_list link; /* drv_shmem_pool.blocks */
    struct tp_blob blob;
    size_t used;         /* bytes handed out since the block was last empty */
    uint32_t pieces;     /* handed out, not given back */
    uint32_t last_seqno; /* the ring has to pass it before the block is used again */
    bool has_seqno;
};

struct drv_shmem_piece {
    struct drv_shmem_block *block; /* NULL: none */
    size_t offset;                 /* bytes into the block's resource */
    uint8_t *map;
};

struct drv_shmem_pool {
    struct tp_transport *transport;
    _Atomic uint32_t *head;  /* the ring's */
    size_t block_size;       /* bytes, for pieces that fit */
    size_t total_size;       /* bytes of all blocks */
    struct base_list blocks; /* the one being filled comes first */
};

void drv_shmem_pool_init(struct drv_shmem_pool *pool, struct tp_transport *transport,
                         _Atomic uint32_t *head, size_t block_size);
void drv_shmem_pool_finish(struct drv_shmem_pool *pool);

BASE_MUST_CHECK enum tp_result drv_shmem_pool_take(struct drv_shmem_pool *pool, size_t size,
                                                   struct drv_shmem_piece *out);
/* A piece of that size would take the pool beyond `limit` bytes, while a block is only waiting for
 * the renderer: *seqno is what the first of them waits for. */
bool drv_shmem_pool_should_wait(struct drv_shmem_pool *pool, size_t size, size_t limit,
                                uint32_t *seqno);
/* Nobody on our side uses the piece any more, and the renderer does not either once its head
 * reaches seqno. */
void drv_shmem_pool_give_back(struct drv_shmem_pool *pool, struct drv_shmem_piece *piece,
                              uint32_t seqno);

#endif
