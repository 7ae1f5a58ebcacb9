/* Linked with tests/layer/gbm.c in place of libgbm. */
#include "renderer/gbm_allocator.h"

#include <gbm.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "renderer/gbm_image.h"
#include "tests/layer/modifiers.h"
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

static const uint64_t both[] = {TEST_MODIFIER_METADATA, TEST_MODIFIER_LINEAR};

TEST(an_image_has_its_planes_where_libgbm_says)
{
    struct rnd_gbm *gbm = open_fake();
    struct rnd_gbm_layout layout = {.fourcc = GBM_FORMAT_NV12, .width = 100, .height = 64};
    const char *reason;
    int fd = rnd_gbm_image_allocate(gbm, both, 2, &layout, &reason);
    assert_true(fd >= 0);
    assert_int_equal(layout.modifier, TEST_MODIFIER_LINEAR);
    assert_int_equal(layout.plane_count, 2);
    assert_int_equal(layout.planes[0].offset, 0);
    assert_int_equal(layout.planes[0].row_pitch, 256);
    assert_int_equal(layout.planes[1].offset, 256 * 64);
    assert_int_equal(layout.planes[1].row_pitch, 256);
    base_fd_close(&fd);

    layout = (struct rnd_gbm_layout){.fourcc = GBM_FORMAT_ARGB8888, .width = 100, .height = 64};
    fd = rnd_gbm_image_allocate(gbm, both, 2, &layout, &reason);
    assert_true(fd >= 0);
    assert_int_equal(layout.modifier, TEST_MODIFIER_METADATA);
    assert_int_equal(layout.plane_count, 2);
    assert_int_equal(layout.planes[0].offset, 4096);
    assert_int_equal(layout.planes[0].row_pitch, 512);
    base_fd_close(&fd);
    rnd_gbm_destroy(gbm);
}

TEST(an_image_that_cannot_be_shared_is_refused_with_the_reason)
{
    static const char *const faults[] = {"none", "images", "handles", "unnamed", "foreign"};
    struct rnd_gbm *gbm = open_fake();
    for (size_t i = 0; i < BASE_COUNT_OF(faults); i++) {
        struct rnd_gbm_layout layout = {.fourcc = GBM_FORMAT_NV12, .width = 64, .height = 64};
        const char *reason = NULL;
        setenv("VESPER_TEST_GBM", faults[i], 1);
        assert_int_equal(rnd_gbm_image_allocate(gbm, both, 2, &layout, &reason), -1);
        assert_non_null(reason);
    }
    unsetenv("VESPER_TEST_GBM");
    rnd_gbm_destroy(gbm);
}

TEST(an_image_is_had_again_only_in_the_same_layout)
{
    struct rnd_gbm *gbm = open_fake();
    struct rnd_gbm_layout layout = {.fourcc = GBM_FORMAT_YUV420, .width = 64, .height = 64};
    const char *reason;
    int fd = rnd_gbm_image_allocate(gbm, both, 2, &layout, &reason);
    assert_true(fd >= 0);
    uint64_t size = (uint64_t)lseek(fd, 0, SEEK_END);
    base_fd_close(&fd);

    fd = rnd_gbm_image_allocate_like(gbm, &layout, size);
    assert_true(fd >= 0);
    base_fd_close(&fd);
    assert_int_equal(rnd_gbm_image_allocate_like(gbm, &layout, size + 1), -1);
    setenv("VESPER_TEST_GBM", "restless", 1);
    assert_int_equal(rnd_gbm_image_allocate_like(gbm, &layout, size), -1);
    setenv("VESPER_TEST_GBM", "images", 1);
    assert_int_equal(rnd_gbm_image_allocate_like(gbm, &layout, size), -1);
    unsetenv("VESPER_TEST_GBM");
    rnd_gbm_destroy(gbm);
}
