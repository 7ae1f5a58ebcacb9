/* Linked with tests/layer/gbm.c in place of libgbm. */
#include "renderer/gbm_allocator.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static struct rnd_gbm *
open_fake(void)
{
    struct rnd_gbm *gbm = rnd_gbm_create("/dev/null");
    assert_non_null(gbm);
    return gbm;
}

TEST(a_buffer_has_at_least_the_bytes_that_were_asked_for)
{
    static const uint64_t sizes[] = {1, 4, 4096, 65535, 65536, 65537, 64 << 20, (64 << 20) + 1};
    struct rnd_gbm *gbm = open_fake();
    for (size_t i = 0; i < BASE_COUNT_OF(sizes); i++) {
        int fd = rnd_gbm_allocate(gbm, sizes[i]);
        assert_true(fd >= 0);
        assert_true((uint64_t)lseek(fd, 0, SEEK_END) >= sizes[i]);
        base_fd_close(&fd);
    }
    rnd_gbm_destroy(gbm);
}

TEST(a_gibibyte_is_the_most)
{
    struct rnd_gbm *gbm = open_fake();
    int fd = rnd_gbm_allocate(gbm, UINT64_C(1) << 30);
    assert_true(fd >= 0);
    base_fd_close(&fd);
    assert_int_equal(rnd_gbm_allocate(gbm, (UINT64_C(1) << 30) + 1), -1);
    assert_int_equal(rnd_gbm_allocate(gbm, UINT64_MAX), -1);
    rnd_gbm_destroy(gbm);
}

TEST(what_is_no_plain_memory_is_refused)
{
    struct rnd_gbm *gbm = open_fake();
    setenv("VESPER_TEST_GBM", "offset", 1);
    assert_int_equal(rnd_gbm_allocate(gbm, 4096), -1);
    setenv("VESPER_TEST_GBM", "none", 1);
    assert_int_equal(rnd_gbm_allocate(gbm, 4096), -1);
    unsetenv("VESPER_TEST_GBM");
    rnd_gbm_destroy(gbm);
}

TEST(a_node_that_is_not_there_is_no_device)
{
    assert_null(rnd_gbm_create("/nonexistent/renderD128"));
    rnd_gbm_destroy(NULL);
}
