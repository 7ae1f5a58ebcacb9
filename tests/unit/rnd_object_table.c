#include "renderer/object_table.h"

#include <stdlib.h>

#include "tests/unit/test.h"

static unsigned released;

static void
count_release(struct rnd_object *object)
{
    released++;
    free(object);
}

struct fixture {
    struct rnd_object_table table;
    struct rnd_object_reader reader;
};

static struct rnd_object *
add(struct fixture *f, uint64_t id, VkObjectType type, struct rnd_object *parent)
{
    struct rnd_object *object = calloc(1, sizeof(*object));
    assert_non_null(object);
    object->id = id;
    object->type = type;
    object->handle = id * 10;
    object->release = count_release;
    assert_int_equal(rnd_object_table_add(&f->table, &f->reader, object, parent), RND_OBJECT_ADDED);
    return object;
}

static void
begin(struct fixture *f)
{
    released = 0;
    rnd_object_table_init(&f->table);
    rnd_object_reader_init(&f->table, &f->reader);
    rnd_object_reader_begin(&f->table, &f->reader);
}

static void
end(struct fixture *f)
{
    rnd_object_reader_end(&f->table, &f->reader);
    rnd_object_reader_finish(&f->table, &f->reader);
    rnd_object_table_finish(&f->table);
}

TEST(what_was_added_is_found_until_it_is_removed)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *object = add(&f, 5, VK_OBJECT_TYPE_FENCE, NULL);
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, 5), object);
    assert_null(rnd_object_table_find(&f.table, &f.reader, 6));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 0));
    assert_true(rnd_object_table_remove(&f.table, &f.reader, object));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 5));
    end(&f);
}

TEST(an_id_names_one_object_whatever_its_type)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *object = add(&f, 5, VK_OBJECT_TYPE_FENCE, NULL);
    struct rnd_object second = {.id = 5, .type = VK_OBJECT_TYPE_BUFFER};
    assert_int_equal(rnd_object_table_add(&f.table, &f.reader, &second, NULL), RND_OBJECT_ID_TAKEN);

    const uint64_t ids[] = {6, 5};
    size_t taken = 9;
    assert_int_equal(rnd_object_table_may_add(&f.table, ids, 1, &taken), RND_OBJECT_ADDED);
    assert_int_equal(taken, 9);
    assert_int_equal(rnd_object_table_may_add(&f.table, ids, 2, &taken), RND_OBJECT_ID_TAKEN);
    assert_int_equal(taken, 1);
    rnd_object_table_remove(&f.table, &f.reader, object);
    end(&f);
}

TEST(an_id_can_be_used_again_and_the_cache_knows)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *first = add(&f, 5, VK_OBJECT_TYPE_FENCE, NULL);
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, 5), first);
    rnd_object_table_remove(&f.table, &f.reader, first);
    struct rnd_object *second = add(&f, 5, VK_OBJECT_TYPE_BUFFER, NULL);
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, 5), second);
    /* Same slot of the cache. */
    struct rnd_object *third = add(&f, 5 + RND_READER_CACHE_SIZE, VK_OBJECT_TYPE_BUFFER, NULL);
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, third->id), third);
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, 5), second);
    rnd_object_table_remove(&f.table, &f.reader, second);
    rnd_object_table_remove(&f.table, &f.reader, third);
    end(&f);
}

TEST(only_what_others_remove_empties_the_cache)
{
    struct fixture f;
    struct rnd_object_reader other;
    begin(&f);
    rnd_object_reader_init(&f.table, &other);
    rnd_object_reader_begin(&f.table, &other);
    assert_null(rnd_object_table_find(&f.table, &f.reader, 1));
    struct rnd_object *kept = add(&f, 1, VK_OBJECT_TYPE_DEVICE, NULL);
    struct rnd_object *first = add(&f, 2, VK_OBJECT_TYPE_FENCE, kept);
    struct rnd_object *second = add(&f, 3, VK_OBJECT_TYPE_FENCE, kept);
    assert_ptr_equal(rnd_object_table_find(&f.table, &other, 2), first);

    assert_true(rnd_object_table_remove(&f.table, &f.reader, first));
    assert_ptr_equal(f.reader.cache[1], kept);
    assert_null(f.reader.cache[2]);
    assert_int_equal(f.reader.cache_epoch, atomic_load(&f.table.epoch));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 2));
    assert_null(rnd_object_table_find(&f.table, &other, 2));

    assert_true(rnd_object_table_remove(&f.table, &other, second));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 3));
    /* A removal after one that the reader has not heard of: its cache is not made good by it. */
    struct rnd_object *third = add(&f, 4, VK_OBJECT_TYPE_FENCE, kept);
    struct rnd_object *fourth = add(&f, 5, VK_OBJECT_TYPE_FENCE, kept);
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, 4), third);
    assert_true(rnd_object_table_remove(&f.table, &other, third));
    assert_true(rnd_object_table_remove(&f.table, &f.reader, fourth));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 4));

    /* With what hangs below it. */
    add(&f, 6, VK_OBJECT_TYPE_FENCE, kept);
    assert_true(rnd_object_table_remove(&f.table, &f.reader, kept));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 6));
    rnd_object_reader_end(&f.table, &other);
    rnd_object_reader_finish(&f.table, &other);
    end(&f);
}

TEST(removing_twice_is_noticed)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *object = add(&f, 5, VK_OBJECT_TYPE_FENCE, NULL);
    assert_true(rnd_object_table_remove(&f.table, &f.reader, object));
    assert_false(rnd_object_table_remove(&f.table, &f.reader, object));
    end(&f);
    assert_int_equal(released, 1);
}

TEST(children_go_with_their_parents)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *device = add(&f, 1, VK_OBJECT_TYPE_DEVICE, NULL);
    struct rnd_object *pool = add(&f, 2, VK_OBJECT_TYPE_COMMAND_POOL, device);
    add(&f, 3, VK_OBJECT_TYPE_COMMAND_BUFFER, pool);
    add(&f, 4, VK_OBJECT_TYPE_COMMAND_BUFFER, pool);
    add(&f, 5, VK_OBJECT_TYPE_FENCE, device);

    rnd_object_table_remove_children(&f.table, pool);
    assert_null(rnd_object_table_find(&f.table, &f.reader, 3));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 4));
    assert_ptr_equal(rnd_object_table_find(&f.table, &f.reader, 2), pool);

    add(&f, 6, VK_OBJECT_TYPE_COMMAND_BUFFER, pool);
    assert_true(rnd_object_table_remove(&f.table, &f.reader, device));
    for (uint64_t id = 1; id <= 6; id++) {
        assert_null(rnd_object_table_find(&f.table, &f.reader, id));
    }
    end(&f);
    assert_int_equal(released, 6);
}

TEST(nothing_can_be_put_below_what_was_removed)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *pool = add(&f, 2, VK_OBJECT_TYPE_COMMAND_POOL, NULL);
    rnd_object_table_remove(&f.table, &f.reader, pool);
    struct rnd_object child = {.id = 3};
    assert_int_equal(rnd_object_table_add(&f.table, &f.reader, &child, pool), RND_OBJECT_NO_PARENT);
    end(&f);
}

TEST(memory_stays_while_a_reader_that_saw_it_is_at_work)
{
    struct fixture f;
    struct rnd_object_reader late;
    begin(&f);
    rnd_object_reader_init(&f.table, &late);

    struct rnd_object *object = add(&f, 5, VK_OBJECT_TYPE_FENCE, NULL);
    rnd_object_table_remove(&f.table, &f.reader, object);
    /* It started after the removal and cannot have seen the object; its end frees nothing either.
     */
    rnd_object_reader_begin(&f.table, &late);
    rnd_object_reader_end(&f.table, &late);
    assert_int_equal(released, 0);
    assert_int_equal(object->id, 5);

    rnd_object_reader_end(&f.table, &f.reader);
    assert_int_equal(released, 1);
    rnd_object_reader_finish(&f.table, &late);
    rnd_object_reader_begin(&f.table, &f.reader);
    end(&f);
}

TEST(a_long_batch_that_begins_anew_hoards_nothing)
{
    struct fixture f;
    begin(&f);
    for (uint64_t id = 1; id <= 2000; id++) {
        rnd_object_table_remove(&f.table, &f.reader, add(&f, id, VK_OBJECT_TYPE_FENCE, NULL));
        rnd_object_reader_begin(&f.table, &f.reader);
    }
    assert_true(released > 1000);
    end(&f);
    assert_int_equal(released, 2000);
}

TEST(one_reader_pins_what_is_newer_and_frees_what_is_older)
{
    struct fixture f;
    struct rnd_object_reader pinned;
    begin(&f);
    rnd_object_reader_init(&f.table, &pinned);
    for (uint64_t id = 1; id <= 1000; id++) {
        if (id == 301) {
            rnd_object_reader_begin(&f.table, &pinned);
        }
        rnd_object_table_remove(&f.table, &f.reader, add(&f, id, VK_OBJECT_TYPE_FENCE, NULL));
    }
    rnd_object_reader_end(&f.table, &f.reader);
    assert_int_equal(released, 300);
    rnd_object_reader_end(&f.table, &pinned);
    assert_int_equal(released, 1000);
    rnd_object_reader_finish(&f.table, &pinned);
    rnd_object_reader_begin(&f.table, &f.reader);
    end(&f);
}

TEST(what_was_taken_is_found_no_more_and_stays_until_it_is_retired)
{
    struct fixture f;
    struct rnd_object_reader other;
    struct rnd_object_chain chain, none;
    begin(&f);
    rnd_object_reader_init(&f.table, &other);
    rnd_object_reader_begin(&f.table, &other);
    struct rnd_object *device = add(&f, 1, VK_OBJECT_TYPE_DEVICE, NULL);
    struct rnd_object *pool = add(&f, 2, VK_OBJECT_TYPE_COMMAND_POOL, device);
    struct rnd_object *buffer = add(&f, 3, VK_OBJECT_TYPE_COMMAND_BUFFER, pool);
    struct rnd_object *fence = add(&f, 4, VK_OBJECT_TYPE_FENCE, device);

    assert_true(rnd_object_table_take(&f.table, device, &chain));
    assert_false(rnd_object_table_take(&f.table, device, &none));
    assert_false(rnd_object_table_remove(&f.table, &f.reader, fence));
    assert_null(rnd_object_table_find(&f.table, &f.reader, 3));
    struct rnd_object *order[] = {fence, buffer, pool, device};
    struct rnd_object *at = chain.first;
    for (unsigned i = 0; i < 4; i++, at = at->next_retired) {
        assert_ptr_equal(at, order[i]);
    }
    assert_null(at);

    rnd_object_reader_end(&f.table, &f.reader);
    assert_false(rnd_object_table_is_quiet(&f.table, &chain));
    rnd_object_reader_begin(&f.table, &other);
    assert_true(rnd_object_table_is_quiet(&f.table, &chain));
    rnd_object_reader_end(&f.table, &other);
    assert_int_equal(released, 0);

    rnd_object_table_retire(&f.table, &chain);
    rnd_object_reader_finish(&f.table, &other);
    rnd_object_reader_begin(&f.table, &f.reader);
    end(&f);
    assert_int_equal(released, 4);
}

TEST(a_handle_leads_to_the_live_object_or_to_the_last_of_the_batch)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *first = add(&f, 5, VK_OBJECT_TYPE_FENCE, NULL);
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 50, UINT64_MAX), 5);
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_BUFFER, 50, UINT64_MAX), 0);
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 51, UINT64_MAX), 0);

    uint64_t before = f.table.epoch;
    rnd_object_table_remove(&f.table, &f.reader, first);
    uint64_t after = f.table.epoch;
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 50, UINT64_MAX), 0);
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 50, before), 5);
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 50, after), 0);

    struct rnd_object *second = add(&f, 6, VK_OBJECT_TYPE_FENCE, NULL);
    second->handle = 50;
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 50, before), 6);
    rnd_object_table_remove(&f.table, &f.reader, second);
    assert_int_equal(rnd_object_table_find_id(&f.table, VK_OBJECT_TYPE_FENCE, 50, before), 6);
    end(&f);
}

TEST(objects_are_limited_in_number)
{
    struct fixture f;
    begin(&f);
    struct rnd_object *device = add(&f, 1, VK_OBJECT_TYPE_DEVICE, NULL);
    uint64_t *ids = calloc(RND_MAX_OBJECTS, sizeof(*ids));
    assert_non_null(ids);
    size_t taken;
    for (size_t i = 0; i < RND_MAX_OBJECTS; i++) {
        ids[i] = 2 + i;
    }
    assert_int_equal(rnd_object_table_may_add(&f.table, ids, RND_MAX_OBJECTS - 1, &taken),
                     RND_OBJECT_ADDED);
    assert_int_equal(rnd_object_table_may_add(&f.table, ids, RND_MAX_OBJECTS, &taken),
                     RND_OBJECT_NO_ROOM);
    free(ids);
    rnd_object_table_remove(&f.table, &f.reader, device);
    end(&f);
}
