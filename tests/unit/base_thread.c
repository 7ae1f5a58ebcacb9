#include "base/thread.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/test.h"

struct seen {
    sigset_t blocked;
    char name[16];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool go;
};

static void *
look(void *user)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    while (!seen->go) {
        pthread_cond_wait(&seen->changed, &seen->lock);
    }
    pthread_mutex_unlock(&seen->lock);
    pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    return NULL;
}

TEST(a_thread_has_its_name_and_handles_no_signal)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t thread;
    sigset_t before, after;
    base_cond_init(&seen.changed);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(base_thread_start(&thread, "a-name", look, &seen), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    pthread_mutex_lock(&seen.lock);
    seen.go = true;
    pthread_cond_signal(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
    pthread_join(thread, NULL);
    assert_string_equal(seen.name, "a-name");
    assert_true(sigismember(&seen.blocked, SIGINT) && sigismember(&seen.blocked, SIGALRM));
    assert_int_equal(sigismember(&after, SIGINT), sigismember(&before, SIGINT));
    pthread_cond_destroy(&seen.changed);
}

TEST(a_wait_ends_at_its_deadline_and_not_before)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;
    base_cond_init(&never);
    uint64_t deadline_ns = base_clock_deadline_ns(20 * 1000 * 1000);
    pthread_mutex_lock(&lock);
    while (base_cond_wait_until(&never, &lock, deadline_ns)) {
    }
    assert_true(base_clock_now_ns() >= deadline_ns);
    assert_false(base_cond_wait_until(&never, &lock, 0));
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
}
