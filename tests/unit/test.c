#include "tests/unit/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_FDS = 1024,
};

static struct test_case *first;
static struct test_case **last = &first;
static bool open_before[MAX_FDS];

void
test_register(struct test_case *test)
{
    *last = test;
    last = &test->next;
}

static void
note_open_fds(bool open[MAX_FDS])
{
    memset(open, 0, MAX_FDS * sizeof(*open));
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) {
        return;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        int fd = atoi(entry->d_name); /* "." and ".." count as 0 */
        if (fd != dirfd(folder) && fd >= 0 && fd < MAX_FDS) {
            open[fd] = true;
        }
    }
    closedir(folder);
}

static void
print_leaked_fd(int fd)
{
    char link[64], target[256];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, target, sizeof(target));
    print_error("leaked file descriptor %d: %.*s\n", fd, size > 0 ? (int)size : 0, target);
}

static int
before_test(void **state)
{
    note_open_fds(open_before);
    return 0;
}

static int
after_test(void **state)
{
    bool open_after[MAX_FDS];
    int leaked = 0;

    note_open_fds(open_after);
    for (int fd = 0; fd < MAX_FDS; fd++) {
        if (open_after[fd] && !open_before[fd]) {
            print_leaked_fd(fd);
            leaked++;
        }
    }
    return leaked;
}

/* cmocka catches what ends a process. In a thread that is not the test's it then exits with status
 * 255 and without a word, so what was in force before (nothing, or a sanitizer) shall be again. */
static const int deadly[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
static struct sigaction handlers[sizeof(deadly) / sizeof(deadly[0])];

static void
note_handlers(void)
{
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        sigaction(deadly[i], NULL, &handlers[i]);
    }
}

static void
restore_handlers(void)
{
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        sigaction(deadly[i], &handlers[i], NULL);
    }
}

/* cmocka's signature; the initial state is the test's function. */
static void
call_test(void **state)
{
    struct test_case *test = *state;

    restore_handlers();
    test->run();
}

int
main(void)
{
    size_t count = 0;

    note_handlers();
    for (struct test_case *test = first; test; test = test->next) {
        count++;
    }
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    if (!tests || count == 0) {
        fprintf(stderr, "no tests\n");
        free(tests);
        return 1;
    }
    count = 0;
    for (struct test_case *test = first; test; test = test->next) {
        tests[count++] = (struct CMUnitTest){
            .name = test->name,
            .test_func = call_test,
            .setup_func = before_test,
            .teardown_func = after_test,
            .initial_state = test,
        };
    }

    int failed = _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
    free(tests);
    return failed ? 1 : 0;
}
