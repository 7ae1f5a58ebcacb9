#include "renderer/group_handles.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

static struct rnd_group_handles *
create(void)
{
    struct rnd_group_handles *handles = malloc(sizeof(*handles));
    assert_non_null(handles);
    rnd_group_handles_init(handles);
    return handles;
}

static void
destroy(struct rnd_group_handles *handles)
{
    rnd_group_handles_finish(handles);
    free(handles);
}

TEST(a_handle_outlives_the_bytes_it_was_made_of)
{
    struct rnd_group_handles *handles = create();
    char bytes[] = "handle";
    const char *kept = rnd_group_handles_keep(handles, bytes, sizeof(bytes));
    memset(bytes, 'x', sizeof(bytes));
    assert_string_equal(kept, "handle");
    destroy(handles);
}

TEST(a_handle_is_padded_with_zeroes)
{
    struct rnd_group_handles *handles = create();
    const unsigned char *kept = rnd_group_handles_keep(handles, "\xff", 1);
    assert_int_equal(kept[0], 0xff);
    for (int i = 1; i < RND_GROUP_HANDLE_SIZE; i++) {
        assert_int_equal(kept[i], 0);
    }
    destroy(handles);
}

TEST(the_same_bytes_are_kept_once)
{
    struct rnd_group_handles *handles = create();
    const void *first = rnd_group_handles_keep(handles, "first", 5);
    const void *second = rnd_group_handles_keep(handles, "other", 5);
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(rnd_group_handles_keep(handles, "first", 5), first);
    assert_ptr_equal(rnd_group_handles_keep(handles, "other", 5), second);
    destroy(handles);
}

TEST(what_no_host_has_is_refused)
{
    struct rnd_group_handles *handles = create();
    static const char bytes[RND_GROUP_HANDLE_SIZE + 1];
    assert_null(rnd_group_handles_keep(handles, bytes, sizeof(bytes)));
    assert_non_null(rnd_group_handles_keep(handles, bytes, sizeof(bytes) - 1));
    destroy(handles);
}

TEST(a_guest_that_invents_handles_meets_a_limit)
{
    struct rnd_group_handles *handles = create();
    for (int i = 0; i < RND_MAX_GROUP_HANDLES; i++) {
        assert_non_null(rnd_group_handles_keep(handles, &i, sizeof(i)));
    }
    int known = 7, unknown = RND_MAX_GROUP_HANDLES;
    assert_null(rnd_group_handles_keep(handles, &unknown, sizeof(unknown)));
    assert_non_null(rnd_group_handles_keep(handles, &known, sizeof(known)));
    destroy(handles);
}
