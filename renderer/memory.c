#include "renderer/memory.h"

#include "renderer/context_impl.h"

static struct rnd_shm *
take_locked(struct rnd_memory *memory, uint64_t size)
{
    if (!memory || memory->object.type != VK_OBJECT_TYPE_DEVICE_MEMORY || !memory->shm ||
        memory->taken || size == 0 || size > memory->shm->size) {
        return NULL;
    }
    memory->taken = true;
    return rnd_shm_ref(memory->shm);
}

/* Holds the table's lock: once vkFreeMemory has the object out of the table, nobody gets here with
 * it. */
struct rnd_shm *
rnd_memory_take_pages(struct rnd_context *ctx, uint64_t id, uint64_t size)
{
    pthread_mutex_lock(&ctx->objects.lock);
    struct rnd_shm *shm = take_locked(base_table_find(&ctx->objects.ids, id), size);
    pthread_mutex_unlock(&ctx->objects.lock);
    return shm;
}

void
rnd_memory_finish(struct rnd_memory *memory)
{
    rnd_shm_unref(memory->shm);
    memory->shm = NULL;
}
