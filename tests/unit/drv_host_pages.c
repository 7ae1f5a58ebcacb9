#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* What the renderer does. */
static uint8_t *
map_import(int fd, const void *address, size_t size)
{
    uint8_t *map = base_fd_map_part(fd, (uintptr_t)address, size);
    assert_non_null(map);
    return map;
}

/* Kilobytes of memory that a file has. */
static long
memory_of(int fd)
{
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    return (long)status.st_blocks / 2;
}

TEST(shared_pages_are_those_of_the_descriptor)
{
    skip_unless_possible();
    size_t size = size_of_pages();
    struct drv_host_pages import;
    uint8_t *pages = map(MAP_PRIVATE);
    pages[0] = 1;
    pages[size - 1] = 2;

    int fd = drv_host_pages_share(&import, pages, size);
    assert_true(fd >= 0);
    uint8_t *other = map_import(fd, pages, size);
    assert_int_equal(other[0], 1);
    assert_int_equal(other[1], 0);
    assert_int_equal(other[size - 1], 2);
    pages[5] = 3;
    assert_int_equal(other[5], 3);
    other[6] = 4;
    assert_int_equal(pages[6], 4);

    drv_host_pages_take_back(&import);
    assert_true(drv_host_pages_shareable(pages, size));
    assert_int_equal(pages[0], 1);
    assert_int_equal(pages[6], 4);
    pages[5] = 7;
    assert_int_not_equal(other[5], 7);
    base_fd_unmap(other, size);
    munmap(pages, size);
}

TEST(imports_may_have_pages_in_common)
{
    skip_unless_possible();
    size_t page = size_of_pages() / PAGES;
    struct drv_host_pages first, second, third;
    uint8_t *pages = map(MAP_PRIVATE);
    for (size_t i = 0; i < PAGES; i++) {
        pages[i * page] = (uint8_t)(i + 1);
    }
    /* 0 to 4, 3 to 8 and the whole. */
    int fd = drv_host_pages_share(&first, pages, 5 * page);
    assert_true(fd >= 0);
    assert_int_equal(drv_host_pages_share(&second, pages + 3 * page, 6 * page), fd);
    assert_int_equal(drv_host_pages_share(&third, pages, PAGES * page), fd);
    assert_int_equal(memory_of(fd), PAGES * page / 1024);
    int renderer = base_fd_duplicate(fd);
    uint8_t *others = map_import(renderer, pages + 3 * page, 6 * page);

    drv_host_pages_take_back(&third);
    assert_int_equal(memory_of(renderer), 9 * page / 1024);
    drv_host_pages_take_back(&first);
    assert_int_equal(memory_of(renderer), 6 * page / 1024);
    pages[4 * page + 1] = 77;
    assert_int_equal(others[page + 1], 77);
    others[2] = 78;
    assert_int_equal(pages[3 * page + 2], 78);
    drv_host_pages_take_back(&second);
    assert_int_equal(memory_of(renderer), 0);

    for (size_t i = 0; i < PAGES; i++) {
        assert_int_equal(pages[i * page], i + 1);
    }
    assert_int_equal(pages[4 * page + 1], 77);
    base_fd_unmap(others, 6 * page);
    base_fd_close(&renderer);
    munmap(pages, PAGES * page);
}

TEST(what_is_refused_leaves_everything_as_it_was)
{
    skip_unless_possible();
    size_t size = size_of_pages(), page = size / PAGES;
    struct drv_host_pages import, more;
    uint8_t *pages = map(MAP_PRIVATE);
    assert_int_equal(mprotect(pages + 4 * page, page, PROT_READ), 0);

    assert_int_equal(drv_host_pages_share(&import, pages, size), -1);
    assert_int_equal(errno, EINVAL);
    drv_host_pages_take_back(&import); /* there is none */
    assert_true(drv_host_pages_share(&import, pages, 2 * page) >= 0);
    assert_int_equal(drv_host_pages_share(&more, pages + page, 4 * page), -1);
    assert_true(drv_host_pages_shareable(pages, 4 * page));
    drv_host_pages_take_back(&import);
    munmap(pages, size);
}

TEST(what_the_application_has_given_up_is_left_alone)
{
    skip_unless_possible();
    size_t size = size_of_pages(), page = size / PAGES;
    struct drv_host_pages import, again;
    uint8_t *pages = map(MAP_PRIVATE);
    assert_true(drv_host_pages_share(&import, pages, size) >= 0);
    void *own = mmap(pages, size / 2, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    assert_ptr_equal(own, pages);
    assert_int_equal(munmap(pages + size - page, page), 0);
    pages[0] = 9;
    assert_true(drv_host_pages_share(&again, pages, page) >= 0); /* what lies there now */
    drv_host_pages_take_back(&import);
    drv_host_pages_take_back(&again);
    assert_int_equal(pages[0], 9);
    assert_true(drv_host_pages_shareable(pages, size - page));
    munmap(pages, size - page);
}

/* Its pages lie at the same addresses, so they may not lie in the same file. */
TEST(a_forked_child_has_a_file_of_its_own)
{
    skip_unless_possible();
    size_t size = size_of_pages();
    struct drv_host_pages import;
    uint8_t *shared = map(MAP_PRIVATE), *pages = map(MAP_PRIVATE);
    int fd = drv_host_pages_share(&import, shared, size);
    assert_true(fd >= 0);
    pages[0] = 1;

    pid_t child = fork();
    if (child == 0) {
        struct drv_host_pages own;
        drv_host_pages_take_back(&import); /* the parent's */
        int other = drv_host_pages_share(&own, pages, size);
        pages[0] = 2;
        bool ok = other >= 0 && !drv_host_pages_shareable(shared, size) &&
                  memory_of(other) == (long)size / 1024;
        drv_host_pages_take_back(&own);
        _exit(ok && pages[0] == 2 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(memory_of(fd), size / 1024);
    assert_int_equal(pages[0], 1);
    drv_host_pages_take_back(&import);
    munmap(shared, size);
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
        struct drv_host_pages import;
        if (drv_host_pages_share(&import, pages, size) < 0) {
            break;
        }
        drv_host_pages_take_back(&import);
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
