#include "tests/unit/test.h"

#include "driver/heap_use.h"

static const uint8_t one[VK_UUID_SIZE] = {1}, other[VK_UUID_SIZE] = {2};

TEST(instances_see_what_the_others_have_of_the_same_device)
{
    struct drv_heap_use a = {0}, b = {0}, c = {0};

    drv_heap_use_init(&a, one);
    drv_heap_use_init(&b, one);
    drv_heap_use_init(&c, other);
    drv_heap_use_add(&a, 0, 100);
    drv_heap_use_add(&b, 0, 10);
    drv_heap_use_add(&b, 1, 7);
    assert_int_equal(drv_heap_use_of_others(&a, 0), 10);
    assert_int_equal(drv_heap_use_of_others(&a, 1), 7);
    assert_int_equal(drv_heap_use_of_others(&b, 0), 100);
    assert_int_equal(drv_heap_use_of_others(&c, 0), 0);

    drv_heap_use_take_away(&a, 0, 100);
    assert_int_equal(drv_heap_use_of_others(&b, 0), 0);
    drv_heap_use_finish(&b); /* with all that it had */
    assert_int_equal(drv_heap_use_of_others(&a, 0), 0);
    assert_int_equal(drv_heap_use_of_others(&a, 1), 0);
    drv_heap_use_finish(&a);
    drv_heap_use_finish(&c);
}

TEST(a_device_that_nobody_has_any_more_begins_at_nothing)
{
    struct drv_heap_use a = {0};

    drv_heap_use_init(&a, one);
    drv_heap_use_add(&a, 0, 5);
    drv_heap_use_finish(&a);

    struct drv_heap_use b = {0};
    drv_heap_use_init(&b, one);
    assert_int_equal(drv_heap_use_of_others(&b, 0), 0);
    drv_heap_use_finish(&b);
    drv_heap_use_finish(&b); /* of zeroes */
}
