#include "driver/shmem_pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    /* Pieces start on cache lines of their own: the two sides write neighbours at the same time. */
    PIECE_ALIGNMENT = 64,
};

void
drv_shmem_pool_init(struct drv_shmem_pool *pool, struct tp_transport *transport,
                    _Atomic uint32_t *head, size_t block_size)
{
    pool->transport = transport;
    pool->head = head;
    pool->block_size = block_size;
    base_list_init(&pool->blocks);
}

static void
destroy_block(struct drv_shmem_pool *pool, struct drv_shmem_block *block)
{
    base_list_remove(&block->link);
    pool->total_size -= (size_t)block->blob.size;
    pool->transport->ops->destroy_blob(pool->transport, &block->blob);
    free(block);
}

void
drv_shmem_pool_finish(struct drv_shmem_pool *pool)
{
    base_list_for_each_safe (block, &pool->blocks, struct drv_shmem_block, link) {
        destroy_block(pool, block);
    }
}

static bool
is_unused(const struct drv_shmem_pool *pool, const struct drv_shmem_block *block)
{
    return block->pieces == 0 &&
           (!block->has_seqno ||
            wire_ring_reached(atomic_load_explicit(pool->head, memory_order_acquire),
                              block->last_seqno));
}

static bool
has_room(const struct drv_shmem_block *block, size_t size)
{
    return block->used <= block->blob.size && size <= block->blob.size - block->used;
}

/* The newest block with room; empties those that nobody uses on the way, and frees all but one of
 * them, and any that was made for one large piece. */
static struct drv_shmem_block *
find_block(struct drv_shmem_pool *pool, size_t size)
{
    struct drv_shmem_block *found = NULL;
    bool keep_empty = true;

    base_list_for_each_safe (block, &pool->blocks, struct drv_shmem_block, link) {
        if (is_unused(pool, block)) {
            block->used = 0;
            block->has_seqno = false;
        }
        if (!found && has_room(block, size)) {
            found = block;
            continue;
        }
        if (block->used == 0) {
            if (block->blob.size > pool->block_size || !keep_empty) {
                destroy_block(pool, block);
            } else {
                keep_empty = false;
            }
        }
    }
    return found;
}

static enum tp_result
create_block(struct drv_shmem_pool *pool, size_t size, struct drv_shmem_block **out)
{
    struct drv_shmem_block *block = calloc(1, sizeof(*block));
    if (!block) {
        return TP_NO_MEMORY;
    }
    enum tp_result res =
        pool->transport->ops->create_shared_memory(pool->transport, size, &block->blob);
    if (res != TP_OK) {
        free(block);
        return res;
    }
    base_list_push(&pool->blocks, &block->link);
    pool->total_size += (size_t)block->blob.size;
    *out = block;
    return TP_OK;
}

static size_t
block_size_for(const struct drv_shmem_pool *pool, size_t size)
{
    return size > pool->block_size ? size : pool->block_size;
}

bool
drv_shmem_pool_should_wait(struct drv_shmem_pool *pool, size_t size, size_t limit, uint32_t *seqno)
{
    bool waiting = false;
    if (find_block(pool, size) || pool->total_size + block_size_for(pool, size) <= limit) {
        return false;
    }
    base_list_for_each (block, &pool->blocks, struct drv_shmem_block, link) {
        if (block->pieces == 0 && block->has_seqno &&
            (!waiting || wire_ring_reached(*seqno, block->last_seqno))) {
            *seqno = block->last_seqno;
            waiting = true;
        }
    }
    return waiting;
}

enum tp_result
drv_shmem_pool_take(struct drv_shmem_pool *pool, size_t size, struct drv_shmem_piece *out)
{
    size = (size + PIECE_ALIGNMENT - 1) & ~(size_t)(PIECE_ALIGNMENT - 1);
    struct drv_shmem_block *block = find_block(pool, size);
    if (!block) {
        enum tp_result res = create_block(pool, block_size_for(pool, size), &block);
        if (res != TP_OK) {
            return res;
        }
    }
    *out = (struct drv_shmem_piece){
        .block = block,
        .offset = block->used,
        .map = (uint8_t *)block->blob.map + block->used,
    };
    block->used += size;
    block->pieces++;
    return TP_OK;
}

void
drv_shmem_pool_give_back(struct drv_shmem_pool *pool, struct drv_shmem_piece *piece, uint32_t seqno)
{
    struct drv_shmem_block *block = piece->block;
    assert(block && block->pieces > 0);
    block->pieces--;
    if (!block->has_seqno || wire_ring_reached(seqno, block->last_seqno)) {
        block->last_seqno = seqno;
        block->has_seqno = true;
    }
    *piece = (struct drv_shmem_piece){0};
}
