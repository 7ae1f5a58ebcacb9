/* What the validation layer printed, as Debian 12's layer and Debian 13's word it. */
#include "tools/run/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static const char old_greeting[] = "WARNING-CreateInstance-status-message(INFO / SPEC): msgNum: "
                                   "601872502 - Validation Information: [ ... ] | x\n"
                                   "    Objects: 1\n";
static const char new_greeting[] =
    "Validation Information: [ WARNING-CreateInstance-status-message ] | MessageID = 0x23dfd876\n"
    "vkCreateInstance(): Khronos Validation Layer Active:\n"
    "    Current Enables: None.\n"
    "\n"
    "Objects: 1\n"
    "    [0] VkInstance 0x7fb374004430\n";
static const char new_error[] =
    "Validation Error: [ VUID-vkCmdDraw-None-02699 ] | MessageID = 0x11223344\n"
    "vkCmdDraw(): what is wrong.\n";

static void
hear(struct run_validation *validation, const char *text)
{
    int said[2];
    assert_int_equal(pipe(said), 0);
    assert_int_equal(write(said[1], text, strlen(text)), strlen(text));
    base_fd_close(&said[1]);
    assert_false(run_validation_drain(validation, said[0]));
    base_fd_close(&said[0]);
}

/* hear(), and what it showed of that. */
static void
hear_and_see(struct run_validation *validation, const char *text, char *shown, size_t size)
{
    int file = memfd_create("stderr", MFD_CLOEXEC);
    int kept = dup(STDERR_FILENO);
    assert_true(file >= 0 && kept >= 0);
    assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
    hear(validation, text);
    assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
    ssize_t length = pread(file, shown, size - 1, 0);
    assert_true(length >= 0);
    shown[length] = '\0';
    base_fd_close(&file);
    base_fd_close(&kept);
}

TEST(a_greeting_shows_that_the_layer_is_there_and_is_not_shown)
{
    const char *const greetings[] = {old_greeting, new_greeting};
    for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
        struct run_validation validation = {0};
        char shown[1024];
        hear_and_see(&validation, greetings[i], shown, sizeof(shown));
        assert_string_equal(shown, "");
        assert_int_equal(run_validation_judge(&validation, 0), 0);
    }
}

TEST(an_error_behind_a_greeting_is_shown_and_counts)
{
    struct run_validation validation = {0};
    char shown[1024];
    hear(&validation, new_greeting);
    hear_and_see(&validation, new_error, shown, sizeof(shown));
    assert_string_equal(shown, new_error);
    assert_int_equal(validation.messages, 1);
    assert_int_equal(run_validation_judge(&validation, 0), RUN_STATUS_FAILED);
}

TEST(silence_without_a_greeting_is_a_failure)
{
    struct run_validation validation = {0};
    assert_int_equal(run_validation_judge(&validation, 0), RUN_STATUS_FAILED);
}
