#include "base/clock.h"

#include "tests/unit/test.h"

TEST(time_does_not_go_back)
{
    uint64_t before = base_clock_now_ns();

    for (int i = 0; i < 1000; i++) {
        uint64_t now = base_clock_now_ns();
        assert_true(now >= before);
        before = now;
    }
}

TEST(a_deadline_lies_the_timeout_ahead)
{
    uint64_t before = base_clock_now_ns();
    uint64_t deadline = base_clock_deadline_ns(1000000);
    uint64_t after = base_clock_now_ns();

    assert_in_range(deadline, before + 1000000, after + 1000000);
}

TEST(endless_timeouts_saturate)
{
    assert_true(base_clock_deadline_ns(UINT64_MAX) == UINT64_MAX);
    assert_true(base_clock_deadline_ns(UINT64_MAX - 1) == UINT64_MAX);
}
