#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/test.h"

/* Standard error as a file while a test logs. */
struct capture {
    int real, file;
    char text[1 << 16];
};

static struct capture capture;

static void
start_capture(void)
{
    capture.real = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    capture.file = memfd_create("stderr", MFD_CLOEXEC);
    assert_int_not_equal(dup2(capture.file, STDERR_FILENO), -1);
}

static const char *
end_capture(void)
{
    assert_int_not_equal(dup2(capture.real, STDERR_FILENO), -1);
    ssize_t size = pread(capture.file, capture.text, sizeof(capture.text) - 1, 0);
    assert_true(size >= 0);
    capture.text[size] = '\0';
    base_fd_close(&capture.real);
    base_fd_close(&capture.file);
    return capture.text;
}

static unsigned
count_lines(const char *text)
{
    unsigned lines = 0;

    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

/* What a fresh process with this setting of VESPER_LOG writes; NULL: unset. */
static const char *
log_all_levels_with(const char *setting)
{
    int status = -1;

    start_capture();
    pid_t child = fork();
    if (child == 0) {
        if (setting) {
            setenv("VESPER_LOG", setting, 1);
        } else {
            unsetenv("VESPER_LOG");
        }
        base_log_error("E");
        base_log_warn("W");
        base_log_info("I");
        base_log_debug("D");
        base_log(BASE_LOG_TRACE, "T");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return end_capture();
}

/* First in this file: the variable is read before the first message and never again. */
TEST(the_environment_chooses_the_level)
{
    assert_int_equal(count_lines(log_all_levels_with(NULL)), 2);
    assert_int_equal(count_lines(log_all_levels_with("")), 2);
    assert_int_equal(count_lines(log_all_levels_with("error")), 1);
    assert_int_equal(count_lines(log_all_levels_with("warn")), 2);
    assert_int_equal(count_lines(log_all_levels_with("info")), 3);
    assert_int_equal(count_lines(log_all_levels_with("debug")), 4);
    assert_int_equal(count_lines(log_all_levels_with("trace")), 5);
}

TEST(a_level_that_does_not_exist_is_named_once_and_means_warn)
{
    const char *text = log_all_levels_with("loud");

    assert_int_equal(count_lines(text), 3);
    assert_non_null(strstr(text, "VESPER_LOG=loud"));
}

TEST(a_line_names_program_process_and_level)
{
    char expected[128];

    base_log_set_level(BASE_LOG_WARN);
    base_log_set_name("vesper-test");
    start_capture();
    base_log_warn("ring %d: too long", 3);
    base_log_info("not shown");
    snprintf(expected, sizeof(expected), "vesper-test[%ld] warning: ring 3: too long\n",
             (long)getpid());
    assert_string_equal(end_capture(), expected);
}

TEST(control_characters_neither_break_the_line_nor_reach_the_terminal)
{
    start_capture();
    base_log_error("a\nb\033[2Jc\x7f\td");
    const char *text = end_capture();

    assert_non_null(strstr(text, "error: a?b?[2Jc??d\n"));
    assert_int_equal(count_lines(text), 1);
}

TEST(a_message_that_is_too_long_ends_in_dots)
{
    start_capture();
    base_log_error("%5000d", 1);
    const char *text = end_capture();

    assert_int_equal(count_lines(text), 1);
    assert_non_null(strstr(text, "...\n"));
    assert_in_range(strlen(text), 1000, 3000);
}

TEST(logging_leaves_errno_alone)
{
    base_log_set_level(BASE_LOG_ERROR);
    start_capture();
    errno = ENOSPC;
    base_log_error("x");
    base_log_info("x");
    int error = errno;
    end_capture();
    assert_int_equal(error, ENOSPC);
}

TEST(a_flood_of_warnings_is_cut_and_errors_still_pass)
{
    base_log_set_level(BASE_LOG_WARN);
    start_capture();
    for (int i = 0; i < 500; i++) {
        base_log_warn("flood %d", i);
    }
    base_log_error("still heard");
    const char *text = end_capture();

    assert_non_null(strstr(text, "leaving out"));
    assert_non_null(strstr(text, "still heard"));
    /* At most two windows of a second, if a slow machine spreads the loop over both. */
    assert_true(count_lines(text) < 500);
}

TEST(a_closed_standard_error_is_survived)
{
    int pipes[2];

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    start_capture();
    assert_int_not_equal(dup2(pipes[1], STDERR_FILENO), -1);
    base_fd_close(&pipes[0]);
    base_fd_close(&pipes[1]);
    base_log_error("into a broken pipe"); /* SIGPIPE would end this program */
    close(STDERR_FILENO);
    base_log_error("into nothing");
    end_capture();
}
