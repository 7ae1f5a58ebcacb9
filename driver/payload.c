#include "driver/payload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/futex.h"

enum {
    MAGIC = 0x56535031, /* "VSP1" */
    MEMORY_SIZE = 4096,
};

static struct drv_payload *
payload_alloc(enum drv_payload_kind kind)
{
    struct drv_payload *payload = calloc(1, sizeof(*payload));
    if (payload) {
        payload->kind = kind;
        payload->references = 1;
        payload->fd = -1;
        base_list_init(&payload->link);
        atomic_init(&payload->words, &payload->own);
    }
    return payload;
}

struct drv_payload *
drv_payload_create(enum drv_payload_kind kind, uint64_t reached)
{
    struct drv_payload *payload = payload_alloc(kind);
    if (payload) {
        payload->own.magic = MAGIC;
        payload->own.kind = kind;
        atomic_init(&payload->own.reached, reached);
    }
    return payload;
}

/* Only sealed memory is touched: who could shrink it could kill us with SIGBUS. */
static bool
is_sealed_memory(int fd, struct stat *out)
{
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, out) == 0 &&
           out->st_size == MEMORY_SIZE;
}

static struct drv_payload_words *
map_words(int fd, enum drv_payload_kind kind)
{
    struct drv_payload_words *words = base_fd_map(fd, MEMORY_SIZE);
    if (words && (words->magic != MAGIC || words->kind != kind)) {
        base_fd_unmap(words, MEMORY_SIZE);
        return NULL;
    }
    return words;
}

struct drv_payload *
drv_payload_import(enum drv_payload_kind kind, int fd)
{
    struct stat stat;
    if (fd < 0 || !is_sealed_memory(fd, &stat)) {
        return NULL;
    }
    struct drv_payload *payload = payload_alloc(kind);
    if (!payload) {
        return NULL;
    }
    struct drv_payload_words *words = map_words(fd, kind);
    if (!words) {
        free(payload);
        return NULL;
    }
    payload->fd = fd;
    payload->fs = stat.st_dev;
    payload->inode = stat.st_ino;
    atomic_store(&payload->words, words);
    return payload;
}

void
drv_payload_destroy(struct drv_payload *payload)
{
    struct drv_payload_words *words = drv_payload_words(payload);
    if (words != &payload->own) {
        base_fd_unmap(words, MEMORY_SIZE);
    }
    base_fd_close(&payload->fd);
    free(payload);
}

bool
drv_payload_share_locked(struct drv_payload *payload)
{
    struct stat stat;
    int fd = base_fd_create_shared_memory("vesper-sync", MEMORY_SIZE);
    struct drv_payload_words *words = fd >= 0 ? base_fd_map(fd, MEMORY_SIZE) : NULL;
    if (!words || fstat(fd, &stat) != 0) {
        base_fd_unmap(words, MEMORY_SIZE);
        base_fd_close(&fd);
        return false;
    }
    words->magic = MAGIC;
    words->kind = payload->kind;
    atomic_store(&words->promised, atomic_load(&payload->own.promised));
    atomic_store(&words->reached, atomic_load(&payload->own.reached));
    payload->fd = fd;
    payload->fs = stat.st_dev;
    payload->inode = stat.st_ino;
    atomic_store_explicit(&payload->words, words, memory_order_release);
    /* Whoever sleeps on the old words is to look at the new ones. */
    atomic_fetch_add(&payload->own.generation, 1);
    base_futex_wake(&payload->own.generation);
    return true;
}

void
drv_payload_raise(struct drv_payload *payload, uint64_t value)
{
    struct drv_payload_words *words = drv_payload_words(payload);
    uint64_t reached = atomic_load(&words->reached);
    while (reached < value && !atomic_compare_exchange_weak(&words->reached, &reached, value)) {
    }
    atomic_fetch_add(&words->generation, 1);
    if (atomic_load(&words->sleepers) != 0) {
        base_futex_wake(&words->generation);
    }
}

void
drv_payload_signal_now(struct drv_payload *payload)
{
    uint64_t value = 1;
    if (payload->kind == DRV_PAYLOAD_BINARY) {
        value = atomic_fetch_add(&drv_payload_words(payload)->promised, 1) + 1;
    }
    drv_payload_raise(payload, value);
}

void
drv_payload_reset(struct drv_payload *payload)
{
    atomic_store(&drv_payload_words(payload)->reached, 0);
}

/* Who raises changes the generation and then looks for sleepers; we announce ourselves and then
 * look at the value. */
void
drv_payload_sleep(struct drv_payload *payload, uint64_t value, uint64_t timeout_ns)
{
    struct drv_payload_words *words = drv_payload_words(payload);
    atomic_fetch_add(&words->sleepers, 1);
    uint32_t generation = atomic_load(&words->generation);
    if (atomic_load(&words->reached) < value) {
        base_futex_wait(&words->generation, generation, timeout_ns);
    }
    atomic_fetch_sub(&words->sleepers, 1);
}

void
drv_payload_wake(struct drv_payload *payload)
{
    base_futex_wake(&drv_payload_words(payload)->generation);
}
