/* Shared memory, and the resource ids by which a guest names it. Memory is reference counted: the
 * id, the VkDeviceMemory whose pages it is, rings and streams each hold a reference, so a guest
 * that drops a resource early takes nothing away from under anybody.
 *
 * Any thread may call. */
#ifndef RND_RESOURCE_H
#define RND_RESOURCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/account.h"
#include "base/attributes.h"
#include "base/table.h"
#include "renderer/context.h"

/* A memfd that we have mapped, or another descriptor of memory, that only others map. Constant
 * after creation, but for `fd` and where it is charged. */
struct rnd_shm {
    _Atomic uint32_t references;
    enum rnd_fd_kind kind;
    int fd;                       /* -1 once it was taken */
    uint8_t *map;                 /* NULL unless it is shared memory */
    uint64_t offset;              /* bytes, into the file of pages that somebody else imports */
    uint64_t size;                /* bytes from there, of the file and of the mapping */
    struct base_account *account; /* NULL: it is charged nowhere */
    uint64_t charged;             /* bytes, there, while we live */
};

/* Zeroed. The mapping starts at a multiple of `alignment`, a power of two. `size` has been charged
 * to the account and is given back with the memory. NULL, and it was given back: out of memory,
 * address space or descriptors. */
BASE_MUST_CHECK struct rnd_shm *rnd_shm_create(const char *name, uint64_t size, size_t alignment,
                                               struct base_account *account);
/* Of a descriptor that we do not map. `size` 0: what the file says, which dma-bufs know. NULL: out
 * of memory, or no size. */
BASE_MUST_CHECK struct rnd_shm *rnd_shm_wrap_or_close(int fd, enum rnd_fd_kind kind, uint64_t size);
/* A mapping of `size` bytes of an opaque descriptor that one of us has given out for shared memory,
 * charged in the same way. NULL: it is something else, shorter, or could shrink under us. */
BASE_MUST_CHECK struct rnd_shm *rnd_shm_map(const struct rnd_shm *opaque, uint64_t size,
                                            size_t alignment, struct base_account *account);
/* Charged memory stays so while it has a reference, an id or not: a guest that drops ids early has
 * it all the same. */
struct rnd_shm *rnd_shm_ref(struct rnd_shm *shm);
void rnd_shm_unref(struct rnd_shm *shm);
/* A descriptor for whoever made the one blob of it, once; -1 and errno. That of shared memory is
 * handed over, since our mapping does without: a guest may have more memory than a process may have
 * descriptors. That of anything else is a duplicate: importing it again takes the descriptor. */
BASE_MUST_CHECK int rnd_shm_take_fd(struct rnd_shm *shm);

enum rnd_resource_kind {
    RND_RESOURCE_SHARED_MEMORY, /* blob id 0: rings, streams, replies, feedback */
    RND_RESOURCE_DEVICE_MEMORY, /* the pages of a VkDeviceMemory */
};

struct rnd_resource_table {
    pthread_mutex_t lock;
    struct base_table ids; /* to struct resource; guarded by lock */
};

enum {
    RND_MAX_RESOURCES = 1u << 16,
};

void rnd_resource_table_init(struct rnd_resource_table *table);
void rnd_resource_table_finish(struct rnd_resource_table *table);
/* Takes a reference of its own. */
BASE_MUST_CHECK enum rnd_result rnd_resource_table_add(struct rnd_resource_table *table,
                                                       uint32_t id, enum rnd_resource_kind kind,
                                                       struct rnd_shm *shm);
void rnd_resource_table_remove(struct rnd_resource_table *table, uint32_t id);
/* A reference to the memory; NULL if there is no such resource. *kind may be NULL. */
BASE_MUST_CHECK struct rnd_shm *rnd_resource_table_get(struct rnd_resource_table *table,
                                                       uint32_t id, enum rnd_resource_kind *kind);

#endif
