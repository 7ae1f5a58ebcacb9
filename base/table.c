#include "base/table.h"

#include <assert.h>
#include <stdlib.h>

/* Linear probing: an id lies in the first free slot from its home on, and there is never a gap
 * between the two. Removal keeps that true by moving later entries of the run into the hole, so
 * there are no tombstones and a table that had many ids once is as fast as a new one.
 *
 * The hash is not secret. A peer that picks colliding ids makes its own look-ups slow, in the
 * process or thread that serves it alone. */

enum {
    FIRST_CAPACITY = 64,
};

struct base_table_slot {
    uint64_t id; /* 0: free */
    void *value;
};

/* Ids are mostly counters: multiplying spreads them, and the upper half mixes all their bits. */
static size_t
home_of(const struct base_table *table, uint64_t id)
{
    return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (table->capacity - 1);
}

static size_t
next_index(const struct base_table *table, size_t index)
{
    return (index + 1) & (table->capacity - 1);
}

/* Where `id` is, or the free slot where it would go. There is always a free one. */
static size_t
probe(const struct base_table *table, uint64_t id)
{
    size_t index = home_of(table, id);

    while (table->slots[index].id != 0 && table->slots[index].id != id) {
        index = next_index(table, index);
    }
    return index;
}

static bool
grow(struct base_table *table)
{
    struct base_table larger = {
        .capacity = table->capacity ? table->capacity * 2 : FIRST_CAPACITY,
        .count = table->count,
    };

    if (larger.capacity < table->capacity) {
        return false;
    }
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots) {
        return false;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].id != 0) {
            larger.slots[probe(&larger, table->slots[i].id)] = table->slots[i];
        }
    }
    free(table->slots);
    *table = larger;
    return true;
}

void
base_table_init(struct base_table *table)
{
    *table = (struct base_table){0};
}

void
base_table_finish(struct base_table *table)
{
    free(table->slots);
    base_table_init(table);
}

bool
base_table_insert(struct base_table *table, uint64_t id, void *value)
{
    assert(id != 0 && value);

    /* At most three quarters full: runs stay short. */
    if (table->count >= table->capacity - table->capacity / 4 && !grow(table)) {
        return false;
    }

    struct base_table_slot *slot = &table->slots[probe(table, id)];
    assert(slot->id == 0);
    *slot = (struct base_table_slot){.id = id, .value = value};
    table->count++;
    return true;
}

void *
base_table_find(const struct base_table *table, uint64_t id)
{
    return table->capacity > 0 ? table->slots[probe(table, id)].value : NULL;
}

/* Fills the hole with the next entry of the run that may live there: one whose home is not between
 * the hole and where it is now. Its old place is the new hole. */
static void
close_hole(struct base_table *table, size_t hole)
{
    size_t mask = table->capacity - 1;

    for (size_t i = next_index(table, hole); table->slots[i].id != 0; i = next_index(table, i)) {
        size_t from_home = (i - home_of(table, table->slots[i].id)) & mask;
        size_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct base_table_slot){0};
}

void *
base_table_remove(struct base_table *table, uint64_t id)
{
    void *value = base_table_find(table, id);

    if (value) {
        close_hole(table, probe(table, id));
        table->count--;
    }
    return value;
}

void *
base_table_next(const struct base_table *table, size_t *cursor)
{
    while (*cursor < table->capacity) {
        void *value = table->slots[(*cursor)++].value;
        if (value) {
            return value;
        }
    }
    return NULL;
}
