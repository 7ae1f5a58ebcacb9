#include "renderer/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/huge_pages.h"
#include "base/log.h"

/* Maps `size` bytes of the file, from `offset` on, at a multiple of `alignment`, which may exceed
 * the page size: reserves more address space than needed, maps over the aligned part, gives the
 * rest back. */
static uint8_t *
map_aligned(int fd, uint64_t offset, size_t size, size_t alignment)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (alignment <= page) {
        return base_fd_map_part(fd, offset, size);
    }
    if (size > SIZE_MAX - alignment) {
        return NULL;
    }
    size_t reserved = size + alignment;
    uint8_t *start =
        mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    uint8_t *aligned =
        (uint8_t *)(((uintptr_t)start + alignment - 1) & ~(uintptr_t)(alignment - 1));
    if (mmap(aligned, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) ==
        MAP_FAILED) {
        munmap(start, reserved);
        return NULL;
    }
    size_t before = (size_t)(aligned - start);
    size_t mapped = (size + page - 1) & ~(page - 1);
    if (before > 0) {
        munmap(start, before);
    }
    if (reserved > before + mapped) {
        munmap(aligned + mapped, reserved - before - mapped);
    }
    return aligned;
}

static size_t
most(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct rnd_shm *
rnd_shm_create(const char *name, uint64_t size, size_t alignment, struct base_account *account)
{
    struct rnd_shm *shm = calloc(1, sizeof(*shm));
    if (!shm) {
        goto give_back;
    }
    shm->fd = base_fd_create_shared_memory(name, size);
    if (shm->fd < 0) {
        base_log_error("no file for %" PRIu64 " bytes of shared memory: %s", size,
                       base_fd_explain(errno));
        goto free_shm;
    }
    shm->map = map_aligned(shm->fd, 0, size, most(alignment, base_huge_pages_alignment(size)));
    if (!shm->map) {
        goto close_fd;
    }
    base_huge_pages_prefer(shm->map, size);
    shm->size = size;
    shm->account = account;
    shm->charged = size;
    atomic_init(&shm->references, 1);
    return shm;

close_fd:
    base_fd_close(&shm->fd);
free_shm:
    free(shm);
give_back:
    base_account_give_back(account, size);
    return NULL;
}

struct rnd_shm *
rnd_shm_wrap_or_close(int fd, enum rnd_fd_kind kind, uint64_t size)
{
    off_t end = size == 0 ? lseek(fd, 0, SEEK_END) : 0;
    size = end > 0 ? (uint64_t)end : size;
    struct rnd_shm *shm = size > 0 ? calloc(1, sizeof(*shm)) : NULL;
    if (!shm) {
        base_fd_close(&fd);
        return NULL;
    }
    shm->kind = kind;
    shm->fd = fd;
    shm->size = size;
    atomic_init(&shm->references, 1);
    return shm;
}

/* Touching a page behind the end of a file is SIGBUS, in the host's driver above all. */
static bool
has_lasting_bytes(int fd, uint64_t offset, uint64_t size)
{
    int seals = fcntl(fd, F_GET_SEALS);
    off_t end = lseek(fd, 0, SEEK_END);
    return seals != -1 && (seals & F_SEAL_SHRINK) && end > 0 && (uint64_t)end >= offset &&
           (uint64_t)end - offset >= size;
}

struct rnd_shm *
rnd_shm_map(const struct rnd_shm *opaque, uint64_t size, size_t alignment,
            struct base_account *account)
{
    struct rnd_shm *shm =
        has_lasting_bytes(opaque->fd, opaque->offset, size) ? calloc(1, sizeof(*shm)) : NULL;
    if (!shm) {
        goto give_back;
    }
    shm->map = map_aligned(opaque->fd, opaque->offset, size, alignment);
    if (!shm->map) {
        goto free_shm;
    }
    shm->kind = RND_FD_SHARED_MEMORY;
    shm->fd = -1; /* whoever has the resource has the descriptor */
    shm->size = size;
    shm->account = account;
    shm->charged = size;
    atomic_init(&shm->references, 1);
    return shm;

free_shm:
    free(shm);
give_back:
    base_account_give_back(account, size);
    return NULL;
}

struct rnd_shm *
rnd_shm_ref(struct rnd_shm *shm)
{
    atomic_fetch_add_explicit(&shm->references, 1, memory_order_relaxed);
    return shm;
}

void
rnd_shm_unref(struct rnd_shm *shm)
{
    if (!shm || atomic_fetch_sub_explicit(&shm->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    base_fd_unmap(shm->map, shm->size);
    base_fd_close(&shm->fd);
    base_account_give_back(shm->account, shm->charged);
    free(shm);
}

int
rnd_shm_take_fd(struct rnd_shm *shm)
{
    if (shm->kind != RND_FD_SHARED_MEMORY) {
        return fcntl(shm->fd, F_DUPFD_CLOEXEC, 0);
    }
    int fd = shm->fd;
    shm->fd = -1;
    return fd;
}

struct resource {
    enum rnd_resource_kind kind;
    struct rnd_shm *shm; /* a reference */
};

void
rnd_resource_table_init(struct rnd_resource_table *table)
{
    pthread_mutex_init(&table->lock, NULL);
    base_table_init(&table->ids);
}

static void
destroy_resource(struct resource *resource)
{
    if (resource) {
        rnd_shm_unref(resource->shm);
        free(resource);
    }
}

void
rnd_resource_table_finish(struct rnd_resource_table *table)
{
    size_t cursor = 0;
    for (struct resource *it; (it = base_table_next(&table->ids, &cursor));) {
        destroy_resource(it);
    }
    base_table_finish(&table->ids);
    pthread_mutex_destroy(&table->lock);
}

static enum rnd_result
add_locked(struct rnd_resource_table *table, uint32_t id, struct resource *resource)
{
    if (id == 0 || base_table_find(&table->ids, id)) {
        return RND_INVALID;
    }
    if (table->ids.count >= RND_MAX_RESOURCES || !base_table_insert(&table->ids, id, resource)) {
        return RND_NO_MEMORY;
    }
    return RND_OK;
}

enum rnd_result
rnd_resource_table_add(struct rnd_resource_table *table, uint32_t id, enum rnd_resource_kind kind,
                       struct rnd_shm *shm)
{
    struct resource *resource = calloc(1, sizeof(*resource));
    if (!resource) {
        return RND_NO_MEMORY;
    }
    resource->kind = kind;
    resource->shm = rnd_shm_ref(shm);
    pthread_mutex_lock(&table->lock);
    enum rnd_result result = add_locked(table, id, resource);
    pthread_mutex_unlock(&table->lock);
    if (result != RND_OK) {
        destroy_resource(resource);
    }
    return result;
}

void
rnd_resource_table_remove(struct rnd_resource_table *table, uint32_t id)
{
    pthread_mutex_lock(&table->lock);
    struct resource *resource = id ? base_table_remove(&table->ids, id) : NULL;
    pthread_mutex_unlock(&table->lock);
    destroy_resource(resource);
}

struct rnd_shm *
rnd_resource_table_get(struct rnd_resource_table *table, uint32_t id, enum rnd_resource_kind *kind)
{
    struct rnd_shm *shm = NULL;
    pthread_mutex_lock(&table->lock);
    struct resource *resource = id ? base_table_find(&table->ids, id) : NULL;
    if (resource) {
        shm = rnd_shm_ref(resource->shm);
        if (kind) {
            *kind = resource->kind;
        }
    }
    pthread_mutex_unlock(&table->lock);
    return shm;
}
