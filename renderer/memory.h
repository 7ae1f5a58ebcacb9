/* VkDeviceMemory: a host allocation, and what the guest maps of it if its type can be mapped. */
#ifndef RND_MEMORY_H
#define RND_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "renderer/object.h"
#include "renderer/resource.h"

struct rnd_call;
struct rnd_context;
struct rnd_device;
struct rnd_physical_device;

struct rnd_memory {
    struct rnd_object object; /* first */
    /* Constant. */
    VkExternalMemoryHandleTypeFlags carrier; /* the host's handle type; 0: plain, nobody else's */
    uint64_t size;                           /* bytes, as the guest asked */
    bool mappable, cached;                   /* by the guest; on the host */
    bool copied;                             /* what the guest maps is a copy */
    void *host_map; /* of which, NULL until needed; guarded by the device's copies_lock */
    bool freed;     /* by the host, if copied; guarded by the device's copies_lock */
    /* A reference; NULL: plain memory, or the host was not asked for a descriptor yet. Constant but
     * for that, which the object table's lock guards. */
    struct rnd_shm *shm;
    struct base_account *account; /* where `size` is charged, unless it is for the pages; or NULL */
    bool taken; /* a blob was made of it, or it of a blob; guarded by the object table's lock */
};

/* What is behind a live memory object, for its one blob: *out is a reference. `flags` are
 * rnd_blob_flags. RND_INVALID: no such memory, neither mappable nor exported as they say, fewer
 * than `size` bytes, or taken already. Any thread. */
BASE_MUST_CHECK enum rnd_result rnd_memory_take(struct rnd_context *ctx, uint64_t id, uint64_t size,
                                                uint32_t flags, struct rnd_shm **out,
                                                enum rnd_map_caching *caching);
/* The host's memory types that it would import the dma-buf as; 0: none. */
uint32_t rnd_memory_dma_buf_types(const struct rnd_device *device, int fd);
/* Charges the context for memory of that type and size, unless it is of another device's than the
 * RAM. VK_ERROR_OUT_OF_DEVICE_MEMORY: it does not fit. */
BASE_MUST_CHECK VkResult rnd_memory_charge(struct rnd_memory *memory, struct rnd_context *ctx,
                                           const struct rnd_physical_device *physical,
                                           uint32_t heap);
/* The charge is the descriptor's from now on, which may outlive the object. */
void rnd_memory_charge_descriptor(struct rnd_memory *memory);
/* Maps copied memory on the host, until it is freed, and keeps others from freeing it until
 * rnd_memory_end_copy(). NULL: *result says why, or the context has ended because another ring has
 * freed it. */
BASE_MUST_CHECK uint8_t *rnd_memory_begin_copy(struct rnd_call *call, struct rnd_memory *memory,
                                               VkResult *result);
void rnd_memory_end_copy(struct rnd_memory *memory);
/* Frees the host's memory, once no copy is under way. */
void rnd_memory_free(struct rnd_memory *memory);
/* After the host has freed the memory: the pages go unless the guest still maps them. */
void rnd_memory_finish(struct rnd_memory *memory);

#endif
