#include "driver/scratch.h"

#include <stdlib.h>
#include <string.h>

enum {
    ALIGNMENT = 16,
    BLOCK_SIZE = 64 * 1024,
};

struct drv_scratch_block {
    struct drv_scratch_block *next;
    alignas(ALIGNMENT) uint8_t bytes[];
};

void
drv_scratch_init(struct drv_scratch *scratch)
{
    scratch->at = scratch->stack;
    scratch->end = scratch->stack + sizeof(scratch->stack);
    scratch->blocks = NULL;
}

void
drv_scratch_finish(struct drv_scratch *scratch)
{
    struct drv_scratch_block *block = scratch->blocks;
    while (block) {
        struct drv_scratch_block *next = block->next;
        free(block);
        block = next;
    }
    drv_scratch_init(scratch);
}

static void *
alloc_in_new_block(struct drv_scratch *scratch, size_t size)
{
    size_t capacity = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    if (capacity > SIZE_MAX - sizeof(struct drv_scratch_block)) {
        return NULL;
    }
    struct drv_scratch_block *block = malloc(sizeof(*block) + capacity);
    if (!block) {
        return NULL;
    }
    block->next = scratch->blocks;
    scratch->blocks = block;
    scratch->at = block->bytes + size;
    scratch->end = block->bytes + capacity;
    return block->bytes;
}

void *
drv_scratch_alloc(struct drv_scratch *scratch, size_t size)
{
    if (size > SIZE_MAX - (ALIGNMENT - 1)) {
        return NULL;
    }
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (size > (size_t)(scratch->end - scratch->at)) {
        return alloc_in_new_block(scratch, size);
    }
    void *memory = scratch->at;
    scratch->at += size;
    return memory;
}

void *
drv_scratch_array(struct drv_scratch *scratch, size_t count, size_t size)
{
    return size > 0 && count > SIZE_MAX / size ? NULL : drv_scratch_alloc(scratch, count * size);
}

void *
drv_scratch_copy(struct drv_scratch *scratch, const void *from, size_t size)
{
    void *copy = drv_scratch_alloc(scratch, size);
    if (copy && size > 0) {
        memcpy(copy, from, size);
    }
    return copy;
}
