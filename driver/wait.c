#include "driver/wait.h"

#include <sched.h>
#include <time.h>

#include "base/clock.h"

enum {
    SPIN_TURNS = 32,
    YIELD_TURNS = 8,
    FIRST_SLEEP_NS = 20 * 1000,
    /* Up to the first for waits of a frame and less. What takes longer may be late by a part of
     * what it took, up to the second: each look costs a guest two exits and a switch. */
    LONGEST_SLEEP_NS = 1000 * 1000,
    LONGEST_LATE_SLEEP_NS = 4 * 1000 * 1000,
    LATE_PART = 32,
};

struct drv_backoff
drv_backoff_start(uint64_t timeout_ns)
{
    return (struct drv_backoff){.deadline_ns = base_clock_deadline_ns(timeout_ns)};
}

static uint64_t
at_most(uint64_t value, uint64_t bound)
{
    return value < bound ? value : bound;
}

static uint64_t
sleep_of_turn(uint32_t turn, uint64_t waited_ns)
{
    uint64_t sleep_ns = FIRST_SLEEP_NS;
    for (uint32_t i = 0; i < turn && sleep_ns < LONGEST_SLEEP_NS; i++) {
        sleep_ns += sleep_ns / 2;
    }
    sleep_ns = at_most(sleep_ns, LONGEST_SLEEP_NS);
    uint64_t late_ns = at_most(waited_ns / LATE_PART, LONGEST_LATE_SLEEP_NS);
    return sleep_ns > late_ns ? sleep_ns : late_ns;
}

bool
drv_backoff_pause(struct drv_backoff *backoff)
{
    uint32_t turn = backoff->turns++;
    if (turn < SPIN_TURNS) {
        base_clock_spin_hint();
        return backoff->deadline_ns != 0;
    }

    uint64_t now = base_clock_now_ns();
    if (now >= backoff->deadline_ns) {
        return false;
    }
    if (turn == SPIN_TURNS) {
        backoff->start_ns = now;
    }
    if (turn < SPIN_TURNS + YIELD_TURNS) {
        sched_yield();
        return true;
    }
    uint64_t sleep_ns = sleep_of_turn(turn - SPIN_TURNS - YIELD_TURNS, now - backoff->start_ns);
    struct timespec request = {.tv_nsec = (long)at_most(sleep_ns, backoff->deadline_ns - now)};
    nanosleep(&request, NULL);
    return true;
}
