#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/test.h"

static void
make_sockets(int sockets[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

static void
close_both(int fds[2])
{
    base_fd_close(&fds[0]);
    base_fd_close(&fds[1]);
}

TEST(closing_sets_minus_one_and_may_be_repeated)
{
    int fd = dup(STDOUT_FILENO);

    assert_int_not_equal(fd, -1);
    base_fd_close(&fd);
    assert_int_equal(fd, -1);
    base_fd_close(&fd);
}

TEST(written_bytes_are_read)
{
    int sockets[2], pipes[2];
    char got[6];

    make_sockets(sockets);
    assert_true(base_fd_write(sockets[0], "vesper", 6));
    assert_true(base_fd_read(sockets[1], got, 6));
    assert_memory_equal(got, "vesper", 6);
    close_both(sockets);

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_true(base_fd_write(pipes[1], "vesper", 6));
    assert_true(base_fd_read(pipes[0], got, 6));
    assert_memory_equal(got, "vesper", 6);
    close_both(pipes);
}

TEST(nothing_to_read_or_write_succeeds_on_any_descriptor)
{
    assert_true(base_fd_read(-1, NULL, 0));
    assert_true(base_fd_write(-1, NULL, 0));
}

TEST(end_of_file_in_the_middle_fails_with_errno_0)
{
    int sockets[2];
    char got[6];

    make_sockets(sockets);
    assert_true(base_fd_write(sockets[0], "ves", 3));
    base_fd_close(&sockets[0]);
    errno = EINVAL;
    assert_false(base_fd_read(sockets[1], got, 6));
    assert_int_equal(errno, 0);
    close_both(sockets);
}

static char large[4 << 20];

static void *
write_large(void *fd)
{
    return base_fd_write(*(int *)fd, large, sizeof(large)) ? fd : NULL;
}

static void
ignore_signal(int number)
{
}

/* Larger than any socket buffer, so both sides block, and signals without SA_RESTART hit both. */
TEST(large_transfers_survive_partial_calls_and_signals)
{
    static char got[sizeof(large)];
    struct sigaction before, action = {.sa_handler = ignore_signal};
    int sockets[2];
    pthread_t writer;
    void *result;

    for (size_t i = 0; i < sizeof(large); i++) {
        large[i] = (char)(i * 31 >> 3);
    }
    make_sockets(sockets);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_large, &sockets[0]), 0);
    for (size_t half = 0; half < 2; half++) {
        for (int i = 0; i < 20; i++) {
            pthread_kill(writer, SIGUSR1);
            usleep(100);
        }
        assert_true(base_fd_read(sockets[1], got + half * sizeof(got) / 2, sizeof(got) / 2));
    }
    assert_int_equal(pthread_join(writer, &result), 0);
    assert_non_null(result);
    assert_memory_equal(got, large, sizeof(got));
    sigaction(SIGUSR1, &before, NULL);
    close_both(sockets);
}

/* The default action of SIGPIPE would end this program. */
TEST(writing_to_nobody_fails_without_a_signal)
{
    int sockets[2], pipes[2];
    sigset_t pending;

    make_sockets(sockets);
    base_fd_close(&sockets[1]);
    assert_false(base_fd_write(sockets[0], "x", 1));
    assert_int_equal(errno, EPIPE);
    assert_false(base_fd_send_fd(sockets[0], STDOUT_FILENO));
    assert_int_equal(errno, EPIPE);
    close_both(sockets);

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    base_fd_close(&pipes[0]);
    assert_false(base_fd_write(pipes[1], "x", 1));
    assert_int_equal(errno, EPIPE);
    close_both(pipes);

    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
}

TEST(a_sent_descriptor_arrives_as_a_copy_that_exec_closes)
{
    int sockets[2];
    struct stat sent, received;

    make_sockets(sockets);
    int memory = base_fd_create_shared_memory("test", 4096);
    assert_true(base_fd_send_fd(sockets[0], memory));
    int copy = base_fd_receive_fd(sockets[1]);
    assert_int_not_equal(copy, -1);
    assert_int_not_equal(copy, memory);
    assert_int_equal(fstat(memory, &sent), 0);
    assert_int_equal(fstat(copy, &received), 0);
    assert_true(sent.st_ino == received.st_ino && sent.st_dev == received.st_dev);
    assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
    base_fd_close(&copy);
    base_fd_close(&memory);
    close_both(sockets);
}

TEST(a_byte_without_a_descriptor_gives_none)
{
    int sockets[2];

    make_sockets(sockets);
    assert_true(base_fd_write(sockets[0], "", 1));
    assert_int_equal(base_fd_receive_fd(sockets[1]), -1);
    assert_int_equal(errno, EPROTO);
    base_fd_close(&sockets[0]);
    assert_int_equal(base_fd_receive_fd(sockets[1]), -1);
    assert_int_equal(errno, 0);
    close_both(sockets);
}

/* The harness sees whether the second one stays open. */
TEST(a_second_descriptor_in_one_message_is_dropped)
{
    int sockets[2];
    int fds[2] = {STDIN_FILENO, STDOUT_FILENO};
    char control[CMSG_SPACE(sizeof(fds))]
        __attribute__((aligned(__alignof__(struct cmsghdr)))) = {0};
    struct iovec data = {.iov_base = (char[]){0}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(header), fds, sizeof(fds));

    make_sockets(sockets);
    assert_int_equal(sendmsg(sockets[0], &message, 0), 1);
    int fd = base_fd_receive_fd(sockets[1]);
    assert_int_not_equal(fd, -1);
    base_fd_close(&fd);
    close_both(sockets);
}

TEST(shared_memory_is_zero_and_shared)
{
    int fd = base_fd_create_shared_memory("test", 10000);
    uint8_t *a = base_fd_map(fd, 10000);
    uint8_t *b = base_fd_map(fd, 10000);

    assert_non_null(a);
    assert_non_null(b);
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(a[i], 0);
    }
    a[9999] = 7;
    assert_int_equal(b[9999], 7);
    base_fd_unmap(a, 10000);
    base_fd_unmap(b, 10000);
    base_fd_close(&fd);
}

enum { PAGES = 3000 };

static size_t
page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Sanitizers would have faults of their own. */
static __attribute__((no_sanitize("address", "thread"))) long
count_faults_of_writing(volatile uint8_t *map)
{
    struct rusage before, after;
    size_t page = page_size();

    getrusage(RUSAGE_THREAD, &before);
    for (size_t i = 0; i < PAGES; i++) {
        map[i * page] = 1;
    }
    getrusage(RUSAGE_THREAD, &after);
    return after.ru_minflt - before.ru_minflt;
}

TEST(pages_that_are_there_are_entered_at_once)
{
    size_t size = PAGES * page_size();
    int fd = base_fd_create_shared_memory("test", size);
    uint8_t *a = base_fd_map(fd, size);
    uint8_t *b = base_fd_map(fd, size);

    if (madvise(a, page_size(), MADV_POPULATE_READ) == -1) {
        print_message("skipped: Linux before 5.14 cannot\n");
        skip();
    }
    (void)count_faults_of_writing(a); /* makes them */
    base_fd_enter_pages(b, size);
    assert_true(count_faults_of_writing(b) < 100);
    base_fd_unmap(a, size);
    base_fd_unmap(b, size);
    base_fd_close(&fd);
}

TEST(entering_pages_makes_none)
{
    size_t size = PAGES * page_size();
    int fd = base_fd_create_shared_memory("test", size);
    uint8_t *map = base_fd_map(fd, size);
    struct stat before, after;

    map[0] = map[page_size()] = 1;
    assert_int_equal(fstat(fd, &before), 0);
    assert_true(before.st_blocks * 512 >= 2 * (blkcnt_t)page_size());
    base_fd_enter_pages(map, size);
    assert_int_equal(fstat(fd, &after), 0);
    assert_int_equal(after.st_blocks, before.st_blocks);
    base_fd_unmap(map, size);
    base_fd_close(&fd);
}

TEST(nobody_can_resize_shared_memory)
{
    int fd = base_fd_create_shared_memory("test", 8192);
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 8192);
    assert_int_equal(ftruncate(fd, 4096), -1);
    assert_int_equal(ftruncate(fd, 16384), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    base_fd_close(&fd);
}

TEST(absurd_sizes_of_shared_memory_fail)
{
    assert_int_equal(base_fd_create_shared_memory("test", UINT64_MAX), -1);
    assert_int_equal(errno, EFBIG);
}

/* Which the kernel would answer with a signal. */
TEST(shared_memory_larger_than_files_may_be_fails)
{
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 8192;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int fits = base_fd_create_shared_memory("test", 8192);
    int larger = base_fd_create_shared_memory("test", 8193);
    int error = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(fits >= 0);
    assert_int_equal(larger, -1);
    assert_int_equal(error, EFBIG);
    base_fd_close(&fits);
}

TEST(mapping_what_cannot_be_mapped_gives_null)
{
    assert_null(base_fd_map(-1, 4096));
    assert_null(base_fd_map(STDOUT_FILENO, 0));
    base_fd_unmap(NULL, 4096);
}
