#include "wire/range.h"

#include "tests/unit/test.h"

TEST(ranges_up_to_the_limit_fit)
{
    assert_true(wire_range_fits(0, 0, 0));
    assert_true(wire_range_fits(0, 8, 8));
    assert_true(wire_range_fits(8, 0, 8));
    assert_true(wire_range_fits(3, 5, 8));
    assert_true(wire_range_fits(0, UINT64_MAX, UINT64_MAX));
}

TEST(ranges_beyond_the_limit_do_not_fit)
{
    assert_false(wire_range_fits(0, 1, 0));
    assert_false(wire_range_fits(4, 5, 8));
    assert_false(wire_range_fits(9, 0, 8));
}

TEST(a_sum_that_wraps_around_does_not_fit)
{
    assert_false(wire_range_fits(UINT64_MAX, 2, 8));
    assert_false(wire_range_fits(2, UINT64_MAX, 8));
    assert_false(wire_range_fits(UINT64_MAX, UINT64_MAX, UINT64_MAX));
}

TEST(ranges_that_share_a_byte_overlap)
{
    assert_true(wire_ranges_overlap(0, 8, 7, 1));
    assert_true(wire_ranges_overlap(7, 1, 0, 8));
    assert_true(wire_ranges_overlap(0, 8, 0, 8));
    assert_true(wire_ranges_overlap(2, 2, 0, 8));
}

TEST(neighbours_and_empty_ranges_do_not_overlap)
{
    assert_false(wire_ranges_overlap(0, 8, 8, 8));
    assert_false(wire_ranges_overlap(8, 8, 0, 8));
    assert_false(wire_ranges_overlap(4, 0, 0, 8));
    assert_false(wire_ranges_overlap(0, 8, 4, 0));
    assert_false(wire_ranges_overlap(4, 0, 4, 0));
}

TEST(overlap_is_right_at_the_end_of_the_numbers)
{
    assert_true(wire_ranges_overlap(UINT64_MAX - 7, 8, UINT64_MAX, 1));
    assert_true(wire_ranges_overlap(0, UINT64_MAX, 5, UINT64_MAX));
    assert_false(wire_ranges_overlap(UINT64_MAX - 7, 8, 0, 8));
}
