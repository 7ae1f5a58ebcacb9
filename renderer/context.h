/* One guest context on the host: its objects, resources, rings and host Vulkan instance. This is
 * all that a server (or the loopback transport) sees of the renderer.
 *
 * A guest that breaks the protocol makes its context fatal: it executes nothing more, every ring
 * gets the FATAL bit, and each function below fails at once. Nothing here ends the process.
 *
 * Threads: every function may be called from any thread, rnd_context_destroy() by the last user
 * only. The callbacks run on any thread, also inside the functions below; they must not call back
 * into the context and must not block for long. No lock of the context is held around
 * fence_retired. */
#ifndef RND_CONTEXT_H
#define RND_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "wire/capset.h"

struct rnd_context;

enum rnd_result {
    RND_OK,
    RND_FATAL,     /* the context is dead, now or already */
    RND_INVALID,   /* the argument names nothing, or breaks a rule; the context lives on */
    RND_NO_MEMORY, /* memory or file descriptors ran out */
};

struct rnd_context_info {
    const char *name; /* for messages; copied */
    void *user;       /* handed to the callbacks */
    /* A fence of rnd_context_create_fence() has signalled. Of one ring_idx they retire in order. */
    void (*fence_retired)(void *user, uint32_t ring_idx, uint64_t fence_id);
    /* The context has become fatal; called once, after the reason was logged. May be NULL. */
    void (*fatal)(void *user, const char *reason);
    /* A ring begins or has ended whose status word lies at `offset` of that resource. For servers
     * that outlive this process, so that they can set the FATAL bit when it dies. May be NULL. */
    void (*ring_changed)(void *user, bool exists, uint32_t resource_id, uint64_t offset);
};

/* What this renderer offers. Needs no host driver. */
void rnd_context_get_capset(struct wire_capset *out);

/* NULL: out of memory or threads. The host driver is loaded by the guest's vkCreateInstance. */
BASE_MUST_CHECK struct rnd_context *rnd_context_create(const struct rnd_context_info *info);
/* Stops the rings, waits for the host's devices, destroys everything the guest left behind. Waits
 * for a host call that a ring is inside of: a server that cannot wait so long ends its process
 * instead. */
void rnd_context_destroy(struct rnd_context *ctx);

/* Executes commands of the context's own (virtqueue) stream before it returns. */
BASE_MUST_CHECK enum rnd_result rnd_context_submit(struct rnd_context *ctx, const void *commands,
                                                   size_t size);

/* Asks for fence_retired(ring_idx, fence_id) once the work submitted so far on that timeline is
 * done: at once for ring_idx 0, else when the queue bound to ring_idx gets there (on a lost device
 * too). RND_INVALID: no queue is bound to ring_idx. */
BASE_MUST_CHECK enum rnd_result rnd_context_create_fence(struct rnd_context *ctx, uint32_t ring_idx,
                                                         uint64_t fence_id);

/* The sync file of such a fence, the caller's; -1: it has retired. RND_INVALID: there is none. The
 * host exports no sync files, or not that of a fence which depends on what is yet to be submitted;
 * or the fence is older than the first that was asked for on its timeline, and others follow it.
 * Needs a few milliseconds at most. */
BASE_MUST_CHECK enum rnd_result rnd_context_export_fence(struct rnd_context *ctx, uint32_t ring_idx,
                                                         uint64_t fence_id, int *out_fd);

/* VIRTGPU_BLOB_FLAG_USE_* */
enum rnd_blob_flags {
    RND_BLOB_MAPPABLE = 1u << 0,
    RND_BLOB_SHAREABLE = 1u << 1,
    RND_BLOB_CROSS_DEVICE = 1u << 2,
};

enum rnd_fd_kind {
    RND_FD_SHARED_MEMORY, /* a memfd, sealed against resizing */
    RND_FD_DMA_BUF,
    RND_FD_OPAQUE, /* what a renderer has given out as such, of whatever make */
};

/* Memory as a descriptor. */
struct rnd_fd {
    enum rnd_fd_kind kind;
    int fd;
    uint64_t offset; /* bytes, whole pages; 0 unless it is shared memory */
    uint64_t size;   /* bytes, from there: what the importer believes it to have */
};

/* How a mapping of it should be cached, by a guest's page tables above all. */
enum rnd_map_caching {
    RND_MAP_CACHED,
    RND_MAP_WRITE_COMBINED,
};

struct rnd_blob {
    int fd; /* the caller's to close */
    enum rnd_fd_kind kind;
    enum rnd_map_caching caching;
};

/* Makes resource `resource_id` (chosen by the caller, unused, not 0) and gives a descriptor of it,
 * mappable from offset 0 for `size` bytes. blob_id 0: new zeroed shared memory, flags must be
 * exactly MAPPABLE. Else: the id of a live VkDeviceMemory, once for each: of a HOST_VISIBLE type,
 * or allocated for export, which without MAPPABLE need not be mappable. *out is written on success
 * only. */
BASE_MUST_CHECK enum rnd_result rnd_context_create_blob(struct rnd_context *ctx,
                                                        uint32_t resource_id, uint64_t blob_id,
                                                        uint64_t size, uint32_t flags,
                                                        struct rnd_blob *out);
/* Makes resource `resource_id` of memory that another context, or somebody else, has given out, for
 * vkAllocateMemory to import as the kind it is. The descriptor stays the caller's. RND_INVALID: no
 * id, kind, offset or size that can be; whether the host's driver takes the descriptor shows when
 * it is imported. */
BASE_MUST_CHECK enum rnd_result rnd_context_import(struct rnd_context *ctx, uint32_t resource_id,
                                                   const struct rnd_fd *memory);
/* Unknown ids are ignored. What still uses the memory (a ring, a stream) keeps it until it is done.
 */
void rnd_context_unref_resource(struct rnd_context *ctx, uint32_t resource_id);

bool rnd_context_is_fatal(const struct rnd_context *ctx);

#endif
