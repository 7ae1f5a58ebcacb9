/* A guest's context. Of Venus: a worker process of the render server, its socket, and the status
 * page that both map. Of another capset: a name, for clients of the guest's display that want a
 * context but render nothing with it.
 *
 * A worker that dies, or does not answer, makes its context dead: the FATAL bit goes into its
 * rings, its fences retire, and every call for it fails at once or does nothing. Memory that the
 * machine monitor has got from it stays. */
#ifndef ABI_CONTEXT_H
#define ABI_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/list.h"
#include "virglabi/fence.h"
#include "wire/render.h"

struct abi_resource;

enum {
    ABI_CAPSET_VIRGL2 = 2,
};

struct abi_context {
    /* Constant after creation. */
    uint32_t id;
    uint32_t capset;
    char label[96];                /* for messages */
    struct wire_render_page *page; /* NULL: not of Venus, and then nothing below is used */
    int socket;
    int event_fd; /* the worker has written to the page */
    pid_t pid;

    /* Guarded by the library's lock. */
    struct base_list link; /* abi_monitor.graves */
    uint64_t last_seqno[WIRE_MAX_TIMELINES + 1];
    struct base_list fences[WIRE_MAX_TIMELINES]; /* struct abi_fence, pending, oldest first */
    struct base_list barriers;                   /* struct abi_barrier, oldest first */
    bool dead;
    bool death_told;
    uint64_t death_ns;
};

/* A context that is not there yet. 0, EINVAL, or ENOMEM (whatever kept the server from making a
 * worker; it is logged). `name` has `name_size` bytes, of which a NUL may be one. */
BASE_MUST_CHECK int abi_context_create(uint32_t id, uint32_t capset, const char *name,
                                       size_t name_size);
/* NULL if there is none. */
struct abi_context *abi_context_find(uint32_t id);
/* Its fences retire. */
void abi_context_destroy(struct abi_context *ctx);
/* The last step, which the library's own thread takes. */
void abi_context_free(struct abi_context *ctx);

/* --- Venus; EIO: the context is dead or closed --- */

/* Whether it can still do anything. */
bool abi_context_is_alive(struct abi_context *ctx);
BASE_MUST_CHECK int abi_context_submit(struct abi_context *ctx, const void *commands, size_t size);
BASE_MUST_CHECK int abi_context_create_blob(struct abi_context *ctx,
                                            const struct wire_render_create_blob *request,
                                            struct wire_render_blob *out, int *out_fd);
BASE_MUST_CHECK int abi_context_import_blob(struct abi_context *ctx,
                                            const struct wire_render_import_blob *request, int fd);
void abi_context_unref_blob(struct abi_context *ctx, uint32_t resource_id);
/* Any context: 0, or ENOMEM. */
BASE_MUST_CHECK int abi_context_create_fence(struct abi_context *ctx, uint32_t ring_idx,
                                             uint64_t id);
/* The sync file of a fence of a timeline of its own; -1: it has retired. EOPNOTSUPP: the worker has
 * none, or does not say so soon. */
BASE_MUST_CHECK int abi_context_export_fence(struct abi_context *ctx, uint32_t ring_idx,
                                             uint64_t seqno, int *out_fd);
/* Makes the fence of context 0 wait for what the context was given so far. */
void abi_context_add_barrier(struct abi_context *ctx, struct abi_fence *fence);

/* --- death; the library's lock is held --- */

/* `why`: to be logged now; NULL: abi_context_tell_death_locked() finds out. */
void abi_context_lose_locked(struct abi_context *ctx, const char *why);
/* Says how the worker ended, if the server has told by now or `last_chance`. */
void abi_context_tell_death_locked(struct abi_context *ctx, bool last_chance);

#endif
