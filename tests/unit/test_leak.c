/* Must fail: shows that the harness notices a leaked descriptor. */
#include <unistd.h>

#include "tests/unit/test.h"

TEST(a_leak_fails_the_test)
{
    assert_int_not_equal(dup(STDIN_FILENO), -1);
}
