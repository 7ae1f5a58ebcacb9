/* VkDeviceMemory: a host allocation, and what the guest maps of it if its type can be mapped. */
#ifndef RND_MEMORY_H
#define RND_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/memory_types.h"
#include "renderer/object.h"
#include "renderer/resource.h"

struct rnd_context;

struct rnd_memory {
    struct rnd_object object; /* first */
    enum rnd_backing backing; /* constant */
    bool cached;              /* on the host; constant */
    /* A reference; NULL: device backing, or a dma-buf that was not asked for yet. Constant but for
     * that, which the object table's lock guards. */
    struct rnd_shm *shm;
    bool taken; /* a blob was made of it, or it of a blob; guarded by the object table's lock */
};

/* What is behind a live memory object, for its one blob: *out is a reference. RND_INVALID: no such
 * memory, none that can be mapped, fewer than `size` bytes, or taken already. Any thread. */
BASE_MUST_CHECK enum rnd_result rnd_memory_take(struct rnd_context *ctx, uint64_t id, uint64_t size,
                                                struct rnd_shm **out,
                                                enum rnd_map_caching *caching);
/* After the host has freed the memory: the pages go unless the guest still maps them. */
void rnd_memory_finish(struct rnd_memory *memory);

#endif
