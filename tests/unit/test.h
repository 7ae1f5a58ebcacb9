/* Unit tests: one file a unit, one program a file. A name says what is true:
 *
 *     #include "tests/unit/test.h"
 *
 *     TEST(empty_list_is_empty)
 *     {
 *         struct base_list list;
 *         base_list_init(&list);
 *         assert_true(base_list_empty(&list));
 *     }
 *
 * That is all: no list of tests, no main(). The assertions are cmocka's; use them in the test's own
 * thread only. A test that leaves a file descriptor open fails, and says which. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

void test_register(struct test_case *test);

/* Constructors of one file run from top to bottom, so that is the order of the tests. */
#define TEST(title)                                                                                \
    static void test_##title(void);                                                                \
    __attribute__((constructor)) static void register_##title(void)                                \
    {                                                                                              \
        static struct test_case test = {.name = #title, .run = test_##title};                      \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void test_##title(void)

#endif
