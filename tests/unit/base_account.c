#include "base/account.h"

#include <pthread.h>

#include "tests/unit/test.h"

TEST(what_is_charged_never_exceeds_the_limit)
{
    struct base_account account = {.limit = 100};
    assert_true(base_account_charge(&account, 60));
    assert_false(base_account_charge(&account, 41));
    assert_false(base_account_charge(&account, UINT64_MAX));
    assert_true(base_account_charge(&account, 40));
    assert_true(base_account_charge(&account, 0));
    assert_false(base_account_charge(&account, 1));
    base_account_give_back(&account, 60);
    assert_true(base_account_charge(&account, 1));
    base_account_give_back(&account, 41);
    assert_int_equal(account.bytes, 0);
}

TEST(no_account_takes_anything)
{
    assert_true(base_account_charge(NULL, UINT64_MAX));
    base_account_give_back(NULL, UINT64_MAX);
}

TEST(the_wider_account_has_a_say_and_nothing_is_charged_by_halves)
{
    struct base_account all = {.limit = 100};
    struct base_account first = {.limit = 80, .wider = &all};
    struct base_account second = {.limit = 80, .wider = &all};
    assert_true(base_account_charge(&first, 70));
    assert_false(base_account_charge(&second, 31));
    assert_int_equal(second.bytes, 0);
    assert_int_equal(all.bytes, 70);
    assert_true(base_account_charge(&second, 30));
    base_account_give_back(&first, 70);
    assert_int_equal(all.bytes, 30);
    assert_false(base_account_charge(&second, 51));
    assert_int_equal(all.bytes, 30);
}

enum {
    THREADS = 4,
    ROUNDS = 20000,
};

static void *
charge_and_give_back(void *user)
{
    struct base_account *account = user;
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (base_account_charge(account, 3)) {
            base_account_give_back(account, 3);
        }
    }
    return NULL;
}

TEST(threads_lose_nothing)
{
    struct base_account all = {.limit = 7};
    struct base_account account = {.limit = 10, .wider = &all};
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, charge_and_give_back, &account), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(account.bytes, 0);
    assert_int_equal(all.bytes, 0);
}
