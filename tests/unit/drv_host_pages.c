#include "tests/unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "driver/host_pages.h"

enum { PAGES = 16, ROUNDS = 50 };

static size_t
size_of_pages(void)
{
    return PAGES * (size_t)sysconf(_SC_PAGESIZE);
}

/* New ones; `flags` beside MAP_ANONYMOUS. */
static uint8_t *
map(int flags)
{
    void *pages = mmap(NULL, size_of_pages(), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
    assert_true(pages != MAP_FAILED);
    return pages;
}

static void
skip_unless_possible(void)
{
    if (!drv_host_pages_possible()) {
        print_message("this kernel, or the sandbox, has no userfaultfd that holds writes\n");
        skip();
    }
}

TEST(only_private_anonymous_pages_that_can_be_written_are_shareable)
{
    size_t size = size_of_pages(), page = size / PAGES;
    uint8_t *pages = map(MAP_PRIVATE), *shared = map(MAP_SHARED);
    static const char constant[] = "of a file";

    assert_true(drv_host_pages_shareable(pages, size));
    assert_false(drv_host_pages_shareable(shared, size));
    assert_false(drv_host_pages_shareable(constant, 1));
    /* The stack, not a place that a sanitizer has for variables. */
    assert_false(drv_host_pages_shareable(__builtin_frame_address(0), 1));
    assert_false(drv_host_pages_shareable(pages, 0));

    assert_int_equal(mprotect(pages + page, page, PROT_READ), 0);
    assert_true(drv_host_pages_shareable(pages, page));
    assert_false(drv_host_pages_shareable(pages, size));
    assert_int_equal(munmap(pages + 3 * page, page), 0);
    assert_true(drv_host_pages_shareable(pages + 2 * page, page));
    munmap(pages, size);
    munmap(shared, size);
}

TEST(shared_pages_are_those_of_the_descriptor)
{
    skip_unless_possible();
    size_t size = size_of_pages();
    uint8_t *pages = map(MAP_PRIVATE);
    pages[0] = 1;
    pages[size - 1] = 2;

    int fd = drv_host_pages_share(pages, size);
    assert_true(fd >= 0);
    uint8_t *other = base_fd_map(fd, size);
    assert_non_null(other);
    assert_int_equal(other[0], 1);
    assert_int_equal(other[1], 0);
    assert_int_equal(other[size - 1], 2);
    pages[5] = 3;
    assert_int_equal(other[5], 3);
    other[6] = 4;
    assert_int_equal(pages[6], 4);
    assert_false(drv_host_pages_shareable(pages, size)); /* not twice */

    drv_host_pages_take_back(pages, size);
    assert_true(drv_host_pages_shareable(pages, size));
    assert_int_equal(pages[0], 1);
    assert_int_equal(pages[6], 4);
    pages[5] = 7;
    assert_int_equal(other[5], 3);
    base_fd_unmap(other, size);
    base_fd_close(&fd);
    munmap(pages, size);
}

TEST(what_the_application_has_given_up_is_left_alone)
{
    skip_unless_possible();
    size_t size = size_of_pages();
    uint8_t *pages = map(MAP_PRIVATE);
    int fd = drv_host_pages_share(pages, size);
    assert_true(fd >= 0);
    base_fd_close(&fd);
    void *own =
        mmap(pages, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_ptr_equal(own, pages);
    pages[0] = 9;
    drv_host_pages_take_back(pages, size);
    assert_int_equal(pages[0], 9);
    munmap(pages, size);
}

/* ThreadSanitizer sees a copy race with writes, and cannot know that the kernel holds these. */
#ifndef __SANITIZE_THREAD__

struct writer {
    _Atomic uint64_t *counters; /* one a page, as far apart as cache and copy could confuse */
    size_t stride;
    _Atomic bool stop;
    uint64_t rounds;
};

static void *
count(void *argument)
{
    struct writer *writer = argument;
    while (!atomic_load(&writer->stop)) {
        for (size_t i = 0; i < PAGES; i++) {
            atomic_fetch_add(&writer->counters[i * writer->stride], 1);
        }
        writer->rounds++;
    }
    return NULL;
}

TEST(nothing_that_a_thread_writes_meanwhile_is_lost)
{
    skip_unless_possible();
    size_t size = size_of_pages();
    uint8_t *pages = map(MAP_PRIVATE);
    struct writer writer = {
        .counters = (_Atomic uint64_t *)pages,
        .stride = size / PAGES / sizeof(uint64_t),
    };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, count, &writer), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = drv_host_pages_share(pages, size);
        if (fd < 0) {
            break;
        }
        base_fd_close(&fd);
        drv_host_pages_take_back(pages, size);
    }
    atomic_store(&writer.stop, true);
    pthread_join(thread, NULL);
    assert_true(drv_host_pages_shareable(pages, size));
    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(atomic_load(&writer.counters[i * writer.stride]), writer.rounds);
    }
    munmap(pages, size);
}

#endif
