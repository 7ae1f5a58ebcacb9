#include "renderer/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tests/unit/test.h"

static char said[512]; /* last */

static void
listen(enum base_log_level level, const char *message)
{
    snprintf(said, sizeof(said), "%d: %s", (int)level, message);
}

static uint64_t
parsed(const char *setting)
{
    uint64_t bytes = 1;
    return rnd_budget_parse(setting, &bytes) ? bytes : 0;
}

TEST(sizes_are_numbers_with_a_unit_or_without)
{
    assert_int_equal(parsed("67108864"), 64 << 20);
    assert_int_equal(parsed("65536K"), 64 << 20);
    assert_int_equal(parsed("512M"), 512 << 20);
    assert_int_equal(parsed("8G"), UINT64_C(8) << 30);
    assert_int_equal(parsed("3T"), UINT64_C(3) << 40);
    assert_int_equal(parsed("18446744073709551615"), UINT64_MAX);
}

TEST(anything_else_is_none)
{
    static const char *const wrong[] = {
        "",
        " 1G",
        "-1",
        "+1G",
        "G",
        "1g",
        "1GB",
        "1 G",
        "1.5G",
        "0x4000000000",
        "67108863",
        "63M",
        "17179869184G",
        "18446744073709551616",
        "99999999999999999999T",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parsed(wrong[i]), 0);
    }
}

TEST(the_environment_sets_the_whole_and_its_parts)
{
    struct rnd_budget budget;
    setenv("VESPER_CONTEXT_MEMORY", "64M", 1);
    rnd_budget_init(&budget);
    assert_int_equal(budget.whole.limit, 64 << 20);
    assert_int_equal(budget.decoding.limit, 64 << 20);
    assert_int_equal(budget.shared.limit, 64 << 20);
    assert_int_equal(budget.memory.limit, 56 << 20); /* the rest is for commands */
    setenv("VESPER_CONTEXT_MEMORY", "100G", 1);
    rnd_budget_init(&budget);
    assert_int_equal(budget.decoding.limit, RND_MAX_DECODING);
    assert_int_equal(budget.shared.limit, RND_MAX_SHARED_MEMORY);
    assert_int_equal(budget.memory.limit, UINT64_C(99) << 30);
    unsetenv("VESPER_CONTEXT_MEMORY");
}

TEST(the_default_is_most_of_the_ram_and_a_wrong_setting_the_default)
{
    struct rnd_budget budget, wrong;
    unsetenv("VESPER_CONTEXT_MEMORY");
    rnd_budget_init(&budget);
    assert_true(budget.whole.limit >= RND_MIN_BUDGET);
    setenv("VESPER_CONTEXT_MEMORY", "much", 1);
    base_log_set_sink(listen);
    rnd_budget_init(&wrong);
    base_log_set_sink(NULL);
    assert_non_null(strstr(said, "0: VESPER_CONTEXT_MEMORY=much is no size from 64M on"));
    assert_int_equal(wrong.whole.limit, budget.whole.limit);
    unsetenv("VESPER_CONTEXT_MEMORY");
}

TEST(memory_leaves_room_for_commands)
{
    struct rnd_budget budget;
    setenv("VESPER_CONTEXT_MEMORY", "64M", 1);
    rnd_budget_init(&budget);
    assert_true(rnd_budget_charge(&budget, &budget.memory, "test", "memory", 56 << 20));
    assert_false(base_account_charge(&budget.memory, 1));
    assert_true(rnd_budget_charge(&budget, &budget.decoding, "test", "commands", 8 << 20));
    assert_false(base_account_charge(&budget.shared, 1));
    base_account_give_back(&budget.memory, 56 << 20);
    base_account_give_back(&budget.decoding, 8 << 20);
    assert_int_equal(budget.whole.bytes, 0);
    unsetenv("VESPER_CONTEXT_MEMORY");
}

TEST(what_does_not_fit_is_told_once_with_the_numbers_and_the_remedy)
{
    struct rnd_budget budget;
    setenv("VESPER_CONTEXT_MEMORY", "64M", 1);
    rnd_budget_init(&budget);
    base_log_set_sink(listen);
    assert_true(rnd_budget_charge(&budget, &budget.memory, "test", "memory", 1000));
    assert_false(rnd_budget_charge(&budget, &budget.memory, "test", "memory", 56 << 20));
    assert_string_equal(said,
                        "1: context test: no 58720256 bytes of memory: it holds 1000 of at most "
                        "58720256 bytes, and 1000 of 67108864 in all; VESPER_CONTEXT_MEMORY "
                        "bounds what a context may hold");
    said[0] = '\0';
    assert_false(rnd_budget_charge(&budget, &budget.memory, "test", "memory", 56 << 20));
    assert_string_equal(said, "");
    base_log_set_sink(NULL);
    unsetenv("VESPER_CONTEXT_MEMORY");
}
