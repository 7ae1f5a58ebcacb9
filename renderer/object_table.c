#include "renderer/object_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Removed objects that are worth looking through the readers for. Few: the C library's cache of
     * free memory is short, and what it has no room for costs it much more. */
    RECLAIM_BATCH = 4,
};

void
rnd_object_table_init(struct rnd_object_table *table)
{
    pthread_mutex_init(&table->lock, NULL);
    base_table_init(&table->ids);
    base_list_init(&table->readers);
    table->retired = (struct rnd_object_chain){0};
    table->retired_count = 0;
    atomic_init(&table->epoch, 1);
    atomic_init(&table->waiting, 0);
}

static void
free_retired(struct rnd_object *object)
{
    while (object) {
        struct rnd_object *next = object->next_retired;
        if (object->release) {
            object->release(object);
        } else {
            free(object);
        }
        object = next;
    }
}

void
rnd_object_table_finish(struct rnd_object_table *table)
{
    assert(table->ids.count == 0);
    assert(base_list_empty(&table->readers));
    free_retired(table->retired.first);
    base_table_finish(&table->ids);
    pthread_mutex_destroy(&table->lock);
}

void
rnd_object_reader_init(struct rnd_object_table *table, struct rnd_object_reader *reader)
{
    memset(reader, 0, sizeof(*reader));
    pthread_mutex_lock(&table->lock);
    base_list_push(&table->readers, &reader->link);
    pthread_mutex_unlock(&table->lock);
}

void
rnd_object_reader_finish(struct rnd_object_table *table, struct rnd_object_reader *reader)
{
    pthread_mutex_lock(&table->lock);
    base_list_remove(&reader->link);
    pthread_mutex_unlock(&table->lock);
}

/* The epoch of the batch that started first, of all that are under way. */
static uint64_t
oldest_batch_locked(const struct rnd_object_table *table)
{
    uint64_t oldest = UINT64_MAX;
    base_list_for_each (reader, &table->readers, struct rnd_object_reader, link) {
        uint64_t since = atomic_load(&reader->since);
        if (since != 0 && since < oldest) {
            oldest = since;
        }
    }
    return oldest;
}

/* Cuts off the part of the retired list that no reader can hold. The list is oldest first and
 * epochs only grow, so that part is its head, and what must stay costs nothing. */
static struct rnd_object *
take_reclaimable_locked(struct rnd_object_table *table)
{
    uint64_t oldest = oldest_batch_locked(table);
    struct rnd_object *head = table->retired.first;
    struct rnd_object *last = NULL;
    for (struct rnd_object *it = head; it && it->retired_at < oldest; it = it->next_retired) {
        last = it;
        table->retired_count--;
    }
    if (!last) {
        return NULL;
    }
    table->retired.first = last->next_retired;
    if (!table->retired.first) {
        table->retired.last = NULL;
    }
    last->next_retired = NULL;
    return head;
}

void
rnd_object_reader_begin(struct rnd_object_table *table, struct rnd_object_reader *reader)
{
    /* Sequentially consistent, and before any look-up: whoever removes an object advances the epoch
     * and then reads `since`, so either it sees us at work or we see the new epoch and not the
     * object. */
    atomic_store(&reader->since, atomic_load(&table->epoch));
}

void
rnd_object_reader_end(struct rnd_object_table *table, struct rnd_object_reader *reader)
{
    atomic_store(&reader->since, 0);

    struct rnd_object *garbage = NULL;
    pthread_mutex_lock(&table->lock);
    if (table->retired_count > 0) {
        garbage = take_reclaimable_locked(table);
    }
    pthread_mutex_unlock(&table->lock);
    free_retired(garbage);
}

/* --- a reader's cache --- */

static struct rnd_object **
cache_slot(struct rnd_object_reader *reader, uint64_t id)
{
    return &reader->cache[(size_t)id & (RND_READER_CACHE_SIZE - 1)];
}

static void
cache_catch_up(struct rnd_object_reader *reader, uint64_t epoch)
{
    if (reader->cache_epoch != epoch) {
        memset(reader->cache, 0, sizeof(reader->cache));
        reader->cache_epoch = epoch;
    }
}

/* The reader's own removal of one object, unless others have removed any since it looked. */
static void
cache_survive_removal(struct rnd_object_reader *reader, const struct rnd_object *removed)
{
    struct rnd_object **slot = cache_slot(reader, removed->id);
    if (reader->cache_epoch != removed->retired_at) {
        return;
    }
    if (*slot == removed) {
        *slot = NULL;
    }
    reader->cache_epoch = removed->retired_at + 1;
}

struct rnd_object *
rnd_object_table_find(struct rnd_object_table *table, struct rnd_object_reader *reader, uint64_t id)
{
    struct rnd_object **slot = cache_slot(reader, id);
    cache_catch_up(reader, atomic_load(&table->epoch));
    struct rnd_object *cached = *slot;
    if (cached && cached->id == id) {
        return cached;
    }
    if (id == 0) {
        return NULL;
    }
    pthread_mutex_lock(&table->lock);
    struct rnd_object *object = base_table_find(&table->ids, id);
    pthread_mutex_unlock(&table->lock);
    if (object) {
        *slot = object;
    }
    return object;
}

/* --- from handles to ids --- */

static bool
has_handle(const struct rnd_object *object, VkObjectType type, uint64_t handle)
{
    return object->type == type && object->handle == handle;
}

static uint64_t
find_id_locked(const struct rnd_object_table *table, VkObjectType type, uint64_t handle,
               uint64_t removed_since)
{
    size_t cursor = 0;
    for (struct rnd_object *it; (it = base_table_next(&table->ids, &cursor));) {
        if (has_handle(it, type, handle)) {
            return it->id;
        }
    }
    uint64_t id = 0;
    for (const struct rnd_object *it = table->retired.first; it; it = it->next_retired) {
        if (it->retired_at >= removed_since && has_handle(it, type, handle)) {
            id = it->id;
        }
    }
    return id;
}

uint64_t
rnd_object_table_find_id(struct rnd_object_table *table, VkObjectType type, uint64_t handle,
                         uint64_t removed_since)
{
    pthread_mutex_lock(&table->lock);
    uint64_t id = find_id_locked(table, type, handle, removed_since);
    pthread_mutex_unlock(&table->lock);
    return id;
}

/* --- adding and removing --- */

static enum rnd_object_added
may_add_locked(const struct rnd_object_table *table, const uint64_t *ids, size_t count,
               size_t *taken)
{
    for (size_t i = 0; i < count; i++) {
        if (base_table_find(&table->ids, ids[i])) {
            *taken = i;
            return RND_OBJECT_ID_TAKEN;
        }
    }
    return count <= RND_MAX_OBJECTS - table->ids.count ? RND_OBJECT_ADDED : RND_OBJECT_NO_ROOM;
}

enum rnd_object_added
rnd_object_table_may_add(struct rnd_object_table *table, const uint64_t *ids, size_t count,
                         size_t *taken)
{
    pthread_mutex_lock(&table->lock);
    enum rnd_object_added outlook = may_add_locked(table, ids, count, taken);
    pthread_mutex_unlock(&table->lock);
    return outlook;
}

static enum rnd_object_added
add_locked(struct rnd_object_table *table, struct rnd_object *object, struct rnd_object *parent)
{
    if (base_table_find(&table->ids, object->id)) {
        return RND_OBJECT_ID_TAKEN;
    }
    if (parent && base_table_find(&table->ids, parent->id) != parent) {
        return RND_OBJECT_NO_PARENT;
    }
    if (table->ids.count >= RND_MAX_OBJECTS ||
        !base_table_insert(&table->ids, object->id, object)) {
        return RND_OBJECT_NO_ROOM;
    }
    object->parent = parent;
    base_list_init(&object->children);
    base_list_init(&object->sibling);
    if (parent) {
        base_list_push(&parent->children, &object->sibling);
    }
    return RND_OBJECT_ADDED;
}

enum rnd_object_added
rnd_object_table_add(struct rnd_object_table *table, struct rnd_object_reader *reader,
                     struct rnd_object *object, struct rnd_object *parent)
{
    assert(object->id != 0);
    pthread_mutex_lock(&table->lock);
    enum rnd_object_added added = add_locked(table, object, parent);
    if (added == RND_OBJECT_ADDED && reader->cache_epoch == atomic_load(&table->epoch)) {
        *cache_slot(reader, object->id) = object;
    }
    pthread_mutex_unlock(&table->lock);
    return added;
}

static void
append(struct rnd_object_chain *chain, struct rnd_object *object)
{
    object->next_retired = NULL;
    if (chain->last) {
        chain->last->next_retired = object;
    } else {
        chain->first = object;
    }
    chain->last = object;
}

static void
forget_locked(struct rnd_object_table *table, struct rnd_object *object)
{
    base_table_remove(&table->ids, object->id);
    base_list_remove(&object->sibling);
    object->retired_at = atomic_fetch_add(&table->epoch, 1);
}

/* Not recursive: the tree's depth is ours (at most five levels), but a loop needs no stack at all.
 */
static size_t
forget_children_locked(struct rnd_object_table *table, struct rnd_object *root,
                       struct rnd_object_chain *out)
{
    size_t count = 0;
    struct rnd_object *at = root;
    for (;;) {
        if (!base_list_empty(&at->children)) {
            at = base_list_entry(at->children.prev, struct rnd_object, sibling);
            continue;
        }
        if (at == root) {
            return count;
        }
        struct rnd_object *parent = at->parent;
        forget_locked(table, at);
        append(out, at);
        count++;
        at = parent;
    }
}

/* Frees what can be freed, now and then: a long batch that creates and destroys must not hoard. */
static struct rnd_object *
take_batch_locked(struct rnd_object_table *table)
{
    return table->retired_count >= RECLAIM_BATCH && table->retired_count % RECLAIM_BATCH == 0
               ? take_reclaimable_locked(table)
               : NULL;
}

bool
rnd_object_table_remove(struct rnd_object_table *table, struct rnd_object_reader *reader,
                        struct rnd_object *object)
{
    pthread_mutex_lock(&table->lock);
    bool found = base_table_find(&table->ids, object->id) == object;
    struct rnd_object *garbage = NULL;
    if (found) {
        table->retired_count += forget_children_locked(table, object, &table->retired);
        forget_locked(table, object);
        append(&table->retired, object);
        table->retired_count++;
        cache_survive_removal(reader, object);
        garbage = take_batch_locked(table);
    }
    pthread_mutex_unlock(&table->lock);
    free_retired(garbage);
    return found;
}

void
rnd_object_table_remove_children(struct rnd_object_table *table, struct rnd_object *object)
{
    pthread_mutex_lock(&table->lock);
    table->retired_count += forget_children_locked(table, object, &table->retired);
    pthread_mutex_unlock(&table->lock);
}

/* --- in two steps --- */

bool
rnd_object_table_take(struct rnd_object_table *table, struct rnd_object *object,
                      struct rnd_object_chain *out)
{
    *out = (struct rnd_object_chain){0};
    pthread_mutex_lock(&table->lock);
    bool found = base_table_find(&table->ids, object->id) == object;
    if (found) {
        forget_children_locked(table, object, out);
        forget_locked(table, object);
        append(out, object);
    }
    pthread_mutex_unlock(&table->lock);
    return found;
}

bool
rnd_object_table_is_quiet(struct rnd_object_table *table, const struct rnd_object_chain *chain)
{
    pthread_mutex_lock(&table->lock);
    bool quiet = !chain->last || oldest_batch_locked(table) > chain->last->retired_at;
    pthread_mutex_unlock(&table->lock);
    return quiet;
}

void
rnd_object_table_retire(struct rnd_object_table *table, struct rnd_object_chain *chain)
{
    pthread_mutex_lock(&table->lock);
    for (struct rnd_object *it = chain->first; it; it = it->next_retired) {
        it->retired_at = atomic_load(&table->epoch); /* the list's order is by epoch */
        table->retired_count++;
    }
    atomic_fetch_add(&table->epoch, 1);
    rnd_object_chain_append(&table->retired, chain);
    pthread_mutex_unlock(&table->lock);
}

void
rnd_object_chain_append(struct rnd_object_chain *to, struct rnd_object_chain *from)
{
    if (!from->first) {
        return;
    }
    if (to->last) {
        to->last->next_retired = from->first;
    } else {
        to->first = from->first;
    }
    to->last = from->last;
    *from = (struct rnd_object_chain){0};
}
