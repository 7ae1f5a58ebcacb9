/* The context's one table of guest ids, shared by all its streams.
 *
 * A stream may use an object that it looked up until the end of the batch it is executing, even
 * when another stream destroys the object meanwhile: removed objects are freed only once every
 * reader that was at work at that moment has started a new batch or fallen idle. (That protects our
 * memory. A host handle that a hostile guest destroys under another ring's feet is the host
 * driver's business and costs at most the worker process.)
 *
 * Any thread may call; a reader belongs to one thread. */
#ifndef RND_OBJECT_TABLE_H
#define RND_OBJECT_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/list.h"
#include "base/table.h"
#include "renderer/object.h"

enum {
    RND_MAX_OBJECTS = 1u << 20, /* live at a time in a context */
    RND_READER_CACHE_SIZE = 64, /* power of two */
};

/* Objects that are in no table any more, by next_retired. All NULL: empty. */
struct rnd_object_chain {
    struct rnd_object *first, *last;
};

struct rnd_object_table {
    pthread_mutex_t lock;
    struct base_table ids;           /* to rnd_object; guarded by lock */
    struct base_list readers;        /* rnd_object_reader.link; guarded by lock */
    struct rnd_object_chain retired; /* oldest first; guarded by lock */
    size_t retired_count;            /* guarded by lock */
    _Atomic uint64_t epoch;          /* grows with every removal; never 0 */
    _Atomic unsigned waiting;        /* threads in need of a quiet moment; see take() */
};

struct rnd_object_reader {
    struct base_list link;  /* rnd_object_table.readers */
    _Atomic uint64_t since; /* the epoch when its batch began; 0 while idle */

    /* Its own thread only: what was found or added lately, valid while the table's epoch is
     * cache_epoch. A removal of its own takes both along, so that only others' empty the cache. */
    uint64_t cache_epoch;
    struct rnd_object *cache[RND_READER_CACHE_SIZE];
};

void rnd_object_table_init(struct rnd_object_table *table);
/* Frees the memory of removed objects; the table must hold no live ones. */
void rnd_object_table_finish(struct rnd_object_table *table);

void rnd_object_reader_init(struct rnd_object_table *table, struct rnd_object_reader *reader);
void rnd_object_reader_finish(struct rnd_object_table *table, struct rnd_object_reader *reader);
/* Around everything that holds on to looked-up objects. begin() inside begin() restarts. */
void rnd_object_reader_begin(struct rnd_object_table *table, struct rnd_object_reader *reader);
void rnd_object_reader_end(struct rnd_object_table *table, struct rnd_object_reader *reader);

/* NULL if there is none. Between begin() and end() only. */
struct rnd_object *rnd_object_table_find(struct rnd_object_table *table,
                                         struct rnd_object_reader *reader, uint64_t id);

/* The other way round: the id of a live object or, with that handle, of the last one of those that
 * were removed in or after that epoch. 0: there is none. Looks at every object. */
uint64_t rnd_object_table_find_id(struct rnd_object_table *table, VkObjectType type,
                                  uint64_t handle, uint64_t removed_since);

enum rnd_object_added {
    RND_OBJECT_ADDED,
    RND_OBJECT_ID_TAKEN,
    RND_OBJECT_NO_PARENT, /* another stream has just removed it */
    RND_OBJECT_NO_ROOM,   /* RND_MAX_OBJECTS or the memory is exhausted */
};
/* What adding objects under these ids would come to now, parents aside; *taken: the first of them
 * that is in use. */
BASE_MUST_CHECK enum rnd_object_added rnd_object_table_may_add(struct rnd_object_table *table,
                                                               const uint64_t *ids, size_t count,
                                                               size_t *taken);
/* Publishes a calloc'ed object whose id, handle, device and type are set. The reader, the caller's
 * own as below, will find it without looking. */
BASE_MUST_CHECK enum rnd_object_added rnd_object_table_add(struct rnd_object_table *table,
                                                           struct rnd_object_reader *reader,
                                                           struct rnd_object *object,
                                                           struct rnd_object *parent);
/* Forgets the object and all below it; their memory is freed when no reader can hold them any more.
 * False if somebody else has already removed it. */
bool rnd_object_table_remove(struct rnd_object_table *table, struct rnd_object_reader *reader,
                             struct rnd_object *object);
/* The same for all that hangs under it, not for itself. */
void rnd_object_table_remove_children(struct rnd_object_table *table, struct rnd_object *object);

/* Removal in two steps, for objects whose end must not meet another reader at all.
 *
 * take() is the first: the object and all below it become the caller's, children before their
 * parents and younger ones before older ones, and are found no more. False if somebody else has
 * removed the object, so that of several callers one goes on. Their memory stays until retire(),
 * the second step. */
BASE_MUST_CHECK bool rnd_object_table_take(struct rnd_object_table *table,
                                           struct rnd_object *object, struct rnd_object_chain *out);
void rnd_object_table_retire(struct rnd_object_table *table, struct rnd_object_chain *chain);
/* Between the two: every reader has fallen idle, or begun anew, since the chain was taken. */
bool rnd_object_table_is_quiet(struct rnd_object_table *table,
                               const struct rnd_object_chain *chain);
/* Somebody waits for that: readers begin anew as soon as they can. */
static inline bool
rnd_object_table_is_waited_for(const struct rnd_object_table *table)
{
    return atomic_load_explicit(&table->waiting, memory_order_relaxed) != 0;
}

/* Puts what `from` has behind what `to` has. */
void rnd_object_chain_append(struct rnd_object_chain *to, struct rnd_object_chain *from);

#endif
