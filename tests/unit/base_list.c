#include "base/list.h"

#include "tests/unit/test.h"

struct item {
    int number;
    struct base_list link;
};

static void
fill(struct base_list *list, struct item items[3])
{
    base_list_init(list);
    for (int i = 0; i < 3; i++) {
        items[i].number = i;
        base_list_push(list, &items[i].link);
    }
}

TEST(new_list_is_empty)
{
    struct base_list list;

    base_list_init(&list);
    assert_true(base_list_empty(&list));
}

TEST(iteration_visits_in_the_order_of_pushing)
{
    struct base_list list;
    struct item items[3];
    int expected = 0;

    fill(&list, items);
    base_list_for_each (it, &list, struct item, link) {
        assert_int_equal(it->number, expected++);
    }
    assert_int_equal(expected, 3);
}

TEST(removing_twice_is_harmless)
{
    struct base_list list;
    struct item items[3];

    fill(&list, items);
    base_list_remove(&items[1].link);
    base_list_remove(&items[1].link);
    assert_ptr_equal(list.next, &items[0].link);
    assert_ptr_equal(list.next->next, &items[2].link);
    assert_ptr_equal(list.prev, &items[2].link);
}

TEST(safe_iteration_allows_removal_of_every_element)
{
    struct base_list list;
    struct item items[3];

    fill(&list, items);
    base_list_for_each_safe (it, &list, struct item, link) {
        base_list_remove(&it->link);
    }
    assert_true(base_list_empty(&list));
}
