#include "base/futex.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "tests/unit/test.h"

TEST(waiting_on_another_value_returns_at_once)
{
    _Atomic uint32_t word = 1;

    assert_true(base_futex_wait(&word, 2, UINT64_MAX));
}

TEST(a_wait_that_nobody_ends_times_out)
{
    _Atomic uint32_t word = 1;
    uint64_t before = base_clock_now_ns();
    uint64_t timeout_ns = 20 * 1000000;

    while (base_futex_wait(&word, 1, timeout_ns)) {
        assert_true(base_clock_now_ns() - before < timeout_ns); /* early, for no reason: allowed */
    }
    assert_true(base_clock_now_ns() - before >= timeout_ns);
    assert_false(base_futex_wait(&word, 1, 0));
}

TEST(waking_when_nobody_sleeps_does_nothing)
{
    _Atomic uint32_t word = 0;

    base_futex_wake(&word);
}

static void
wait_while_zero(_Atomic uint32_t *word)
{
    while (atomic_load(word) == 0) {
        base_futex_wait(word, 0, UINT64_MAX);
    }
}

static void *
wait_in_thread(void *word)
{
    wait_while_zero(word);
    return NULL;
}

TEST(a_wake_reaches_all_threads)
{
    _Atomic uint32_t word = 0;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wait_in_thread, &word), 0);
    }
    usleep(10000);
    atomic_store(&word, 1);
    base_futex_wake(&word);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

/* The peer maps the word at another address, in another process. */
TEST(a_wake_reaches_another_process)
{
    int fd = base_fd_create_shared_memory("test", 4096);
    _Atomic uint32_t *ours = base_fd_map(fd, 4096);
    int status = -1;

    assert_non_null(ours);
    pid_t child = fork();
    if (child == 0) {
        _Atomic uint32_t *theirs = base_fd_map(fd, 4096);
        if (!theirs) {
            _exit(1);
        }
        wait_while_zero(theirs);
        _exit(0);
    }
    assert_int_not_equal(child, -1);
    usleep(10000);
    atomic_store(ours, 1);
    base_futex_wake(ours);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    base_fd_unmap((void *)ours, 4096);
    base_fd_close(&fd);
}
