/* VkDeviceMemory: a host allocation, and the shared pages behind it if its type has them. */
#ifndef RND_MEMORY_H
#define RND_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/object.h"
#include "renderer/resource.h"

struct rnd_context;

struct rnd_memory {
    struct rnd_object object; /* first */
    struct rnd_shm *shm;      /* a reference; NULL: device backing */
    bool taken; /* a blob was made of it, or it of a blob; guarded by the object table's lock */
};

/* A reference to the pages behind a live memory object, for its one blob. NULL: no such memory, no
 * shared pages, fewer than `size` bytes, or taken already. Any thread. */
BASE_MUST_CHECK struct rnd_shm *rnd_memory_take_pages(struct rnd_context *ctx, uint64_t id,
                                                      uint64_t size);
/* After the host has freed the memory: the pages go unless the guest still maps them. */
void rnd_memory_finish(struct rnd_memory *memory);

#endif
