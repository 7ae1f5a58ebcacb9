#include "wire/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/account.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN
#endif

#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, size) ASAN_POISON_MEMORY_REGION(at, size)
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

/* Free bytes of a chunk are zero: they come from calloc(), and a reset clears those that were used.
 * So handing out is only counting, and a large allocation that nobody touches costs no memory.
 *
 * What would not fit well into a chunk gets one of its own, behind the one being filled. At most a
 * quarter of a chunk is wasted, so the budget also bounds what we really hold. */

enum {
    ALIGNMENT = 16,
    CHUNK_SIZE = 64 << 10,
    LARGE_SIZE = CHUNK_SIZE / 4,
#ifdef HAVE_ASAN
    RED_ZONE = ALIGNMENT, /* lets the sanitizer see one allocation run into the next */
#else
    RED_ZONE = 0,
#endif
};

struct wire_arena_chunk {
    struct wire_arena_chunk *next;
    size_t capacity; /* of bytes[] */
    _Alignas(ALIGNMENT) uint8_t bytes[];
};

static struct wire_arena_chunk *
chunk_create(const struct wire_arena *arena, size_t capacity)
{
    if (!base_account_charge(arena->account, capacity)) {
        return NULL;
    }
    struct wire_arena_chunk *chunk = calloc(1, sizeof(*chunk) + capacity);
    if (!chunk) {
        base_account_give_back(arena->account, capacity);
        return NULL;
    }
    chunk->capacity = capacity;
    POISON(chunk->bytes, capacity);
    return chunk;
}

static void
destroy_chunks(const struct wire_arena *arena, struct wire_arena_chunk *chunk)
{
    while (chunk) {
        struct wire_arena_chunk *next = chunk->next;
        UNPOISON(chunk->bytes, chunk->capacity);
        base_account_give_back(arena->account, chunk->capacity);
        free(chunk);
        chunk = next;
    }
}

void
wire_arena_init(struct wire_arena *arena, size_t budget_bytes)
{
    *arena = (struct wire_arena){.budget = budget_bytes};
}

void
wire_arena_set_account(struct wire_arena *arena, struct base_account *account)
{
    assert(!arena->chunks);
    arena->account = account;
}

void
wire_arena_finish(struct wire_arena *arena)
{
    destroy_chunks(arena, arena->chunks);
    *arena = (struct wire_arena){0};
}

static size_t
room_left(const struct wire_arena *arena)
{
    return arena->chunks ? arena->chunks->capacity - arena->used : 0;
}

/* Puts a fresh chunk in front, to be filled. */
static bool
push_chunk(struct wire_arena *arena)
{
    struct wire_arena_chunk *chunk = chunk_create(arena, CHUNK_SIZE);

    if (!chunk) {
        return false;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->used = 0;
    return true;
}

static uint8_t *
alloc_small(struct wire_arena *arena, size_t rounded)
{
    if (room_left(arena) < rounded + RED_ZONE && !push_chunk(arena)) {
        return NULL;
    }
    uint8_t *bytes = arena->chunks->bytes + arena->used;
    arena->used += rounded + RED_ZONE;
    return bytes;
}

static uint8_t *
alloc_large(struct wire_arena *arena, size_t rounded)
{
    if (!arena->chunks && !push_chunk(arena)) {
        return NULL;
    }
    struct wire_arena_chunk *chunk = chunk_create(arena, rounded);
    if (!chunk) {
        return NULL;
    }
    chunk->next = arena->chunks->next;
    arena->chunks->next = chunk;
    return chunk->bytes;
}

void *
wire_arena_alloc(struct wire_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size_t rounded = size > 0 ? (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1) : ALIGNMENT;
    if (rounded > arena->budget - arena->total) {
        return NULL;
    }

    uint8_t *bytes =
        rounded < LARGE_SIZE ? alloc_small(arena, rounded) : alloc_large(arena, rounded);
    if (!bytes) {
        return NULL;
    }
    UNPOISON(bytes, size);
    arena->total += rounded;
    return bytes;
}

void *
wire_arena_alloc_array(struct wire_arena *arena, size_t count, size_t size)
{
    size_t product;

    return __builtin_mul_overflow(count, size, &product) ? NULL : wire_arena_alloc(arena, product);
}

void
wire_arena_reset(struct wire_arena *arena)
{
    struct wire_arena_chunk *kept = arena->chunks;

    if (kept) {
        destroy_chunks(arena, kept->next);
        kept->next = NULL;
        UNPOISON(kept->bytes, arena->used);
        memset(kept->bytes, 0, arena->used);
        POISON(kept->bytes, arena->used);
    }
    arena->used = 0;
    arena->total = 0;
}
