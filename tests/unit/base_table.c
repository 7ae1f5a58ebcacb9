#include "base/table.h"

#include <stdlib.h>

#include "tests/unit/test.h"

static char values[5000];

TEST(empty_table_finds_and_removes_nothing)
{
    struct base_table table;
    size_t cursor = 0;

    base_table_init(&table);
    assert_null(base_table_find(&table, 1));
    assert_null(base_table_find(&table, 0));
    assert_null(base_table_remove(&table, 1));
    assert_null(base_table_next(&table, &cursor));
    base_table_finish(&table);
}

TEST(id_0_is_never_found)
{
    struct base_table table;

    base_table_init(&table);
    assert_true(base_table_insert(&table, 7, &values[0]));
    assert_null(base_table_find(&table, 0));
    assert_null(base_table_remove(&table, 0));
    assert_int_equal(table.count, 1);
    base_table_finish(&table);
}

TEST(growing_loses_nothing)
{
    struct base_table table;

    base_table_init(&table);
    for (size_t i = 0; i < sizeof(values); i++) {
        assert_true(base_table_insert(&table, i + 1, &values[i]));
    }
    for (size_t i = 0; i < sizeof(values); i++) {
        assert_ptr_equal(base_table_find(&table, i + 1), &values[i]);
    }
    assert_null(base_table_find(&table, sizeof(values) + 1));
    assert_int_equal(table.count, sizeof(values));
    base_table_finish(&table);
}

/* An id whose product with the hash's factor is `product`: what an ill-meaning peer would send. */
static uint64_t
id_with_product(uint64_t product)
{
    uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t inverse = factor; /* right in 3 bits; each step doubles them */

    for (int bits = 3; bits < 64; bits *= 2) {
        inverse *= 2 - factor * inverse;
    }
    return product * inverse;
}

TEST(colliding_ids_are_told_apart)
{
    struct base_table table;
    uint64_t ids[200];

    base_table_init(&table);
    for (size_t i = 0; i < 200; i++) {
        ids[i] = id_with_product((i + 1) << 48); /* at home in slot 0, all of them */
        assert_true(base_table_insert(&table, ids[i], &values[i]));
    }
    for (size_t i = 0; i < 200; i += 2) {
        assert_ptr_equal(base_table_remove(&table, ids[i]), &values[i]);
    }
    for (size_t i = 0; i < 200; i++) {
        assert_ptr_equal(base_table_find(&table, ids[i]), i % 2 ? &values[i] : NULL);
    }
    base_table_finish(&table);
}

TEST(iteration_visits_each_value_once)
{
    struct base_table table;
    unsigned seen[100] = {0};
    size_t cursor = 0;

    base_table_init(&table);
    for (size_t i = 0; i < 100; i++) {
        assert_true(base_table_insert(&table, (i + 1) * UINT64_C(0x100000001), &values[i]));
    }
    for (char *value; (value = base_table_next(&table, &cursor));) {
        seen[value - values]++;
    }
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(seen[i], 1);
    }
    base_table_finish(&table);
}

TEST(tables_that_churn_do_not_grow)
{
    struct base_table table;

    base_table_init(&table);
    for (uint64_t id = 1; id < 100000; id++) {
        assert_true(base_table_insert(&table, id, &values[0]));
        if (id > 10) {
            assert_non_null(base_table_remove(&table, id - 10));
        }
    }
    assert_int_equal(table.count, 10);
    assert_true(table.capacity <= 64);
    base_table_finish(&table);
}

/* Random inserts and removals among few ids, compared with a plain array. */
TEST(any_sequence_behaves_like_an_array)
{
    enum { IDS = 97 };
    struct base_table table;
    void *model[IDS] = {0};
    uint32_t random = 1;

    base_table_init(&table);
    for (int step = 0; step < 200000; step++) {
        random = random * 1664525 + 1013904223;
        size_t i = (random >> 8) % IDS;
        uint64_t id = (uint64_t)(i + 1) << (i % 3 * 20);
        assert_ptr_equal(base_table_find(&table, id), model[i]);
        if (model[i]) {
            assert_ptr_equal(base_table_remove(&table, id), model[i]);
            model[i] = NULL;
        } else {
            model[i] = &values[step % sizeof(values)];
            assert_true(base_table_insert(&table, id, model[i]));
        }
    }
    base_table_finish(&table);
}

TEST(finishing_twice_is_harmless)
{
    struct base_table table;

    base_table_init(&table);
    assert_true(base_table_insert(&table, 1, &values[0]));
    base_table_finish(&table);
    base_table_finish(&table);
    assert_int_equal(table.count, 0);
}
