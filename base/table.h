/* Hash table from a non-zero 64-bit id to a pointer. Open addressing, grows by doubling.
 * Not thread safe. Does not own the values. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

struct base_table {
    struct base_table_slot *slots; /* NULL while empty */
    size_t capacity;               /* power of two, or 0 */
    size_t count;
};

void base_table_init(struct base_table *table);
void base_table_finish(struct base_table *table);
/* False: out of memory. `id` must be non-zero and absent, `value` non-NULL. */
BASE_MUST_CHECK bool base_table_insert(struct base_table *table, uint64_t id, void *value);
/* NULL if absent. */
void *base_table_find(const struct base_table *table, uint64_t id);
/* Returns what was there, or NULL. */
void *base_table_remove(struct base_table *table, uint64_t id);
/* Iterates in no order: start with *cursor = 0; NULL at the end. Removing while iterating is not
 * allowed. */
void *base_table_next(const struct base_table *table, size_t *cursor);

#endif
