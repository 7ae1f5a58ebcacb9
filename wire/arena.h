/* Temporary memory of one decoder: chunks that are bumped and given back all at once. A budget
 * bounds what a peer can make us hold. Memory is zeroed and aligned to 16. Single thread. */
#ifndef WIRE_ARENA_H
#define WIRE_ARENA_H

#include <stddef.h>

#include "base/attributes.h"

struct base_account;

struct wire_arena {
    struct wire_arena_chunk *chunks; /* the first is the one being filled */
    size_t used;                     /* of the first chunk, bytes */
    size_t total, budget;            /* bytes handed out since the last reset, and their limit */
    struct base_account *account;    /* may be NULL */
};

void wire_arena_init(struct wire_arena *arena, size_t budget_bytes);
/* From now on what the arena holds also counts there. It holds nothing yet. */
void wire_arena_set_account(struct wire_arena *arena, struct base_account *account);
void wire_arena_finish(struct wire_arena *arena);
/* NULL when the budget, the account or the memory is exhausted. Size 0 gives a valid pointer. */
BASE_MUST_CHECK void *wire_arena_alloc(struct wire_arena *arena, size_t size);
/* count * size, checked for overflow. */
BASE_MUST_CHECK void *wire_arena_alloc_array(struct wire_arena *arena, size_t count, size_t size);
/* Forgets all allocations; keeps one chunk of moderate size for the next command. */
void wire_arena_reset(struct wire_arena *arena);

#endif
