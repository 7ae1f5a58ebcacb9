/* The client's side of vtest against servers that lie, stop, or die. Most are a thread that has
 * written all its answers beforehand: a client that reads no more than it should does not notice.
 */
#include "transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "tests/unit/test.h"
#include "wire/vtest.h"

enum {
    MAX_ANSWERS = 1 << 16, /* bytes */
    CAPSET_DWORDS = sizeof(struct wire_capset) / 4,
    FAKE_BLOCK = 4, /* as in fake_context.c */
};

/* --- a server that has written its answers beforehand --- */

struct answers {
    uint8_t bytes[MAX_ANSWERS];
    size_t size;
    int fd;     /* sent after the bytes; -1: none */
    bool close; /* right after that */
};

struct liar {
    char path[64];
    int listener;
    _Atomic int client; /* -1 until it has connected */
    pthread_t thread;
    struct answers answers;
};

static void *
lie(void *argument)
{
    struct liar *liar = argument;
    int client = accept4(liar->listener, NULL, NULL, SOCK_CLOEXEC);
    uint8_t ignored[4096];

    atomic_store(&liar->client, client);
    bool sent = base_fd_write(client, liar->answers.bytes, liar->answers.size);
    if (sent && liar->answers.fd != -1) {
        sent = base_fd_send_fd(client, liar->answers.fd);
    }
    while (sent && !liar->answers.close && read(client, ignored, sizeof(ignored)) > 0) {
    }
    close(client);
    return NULL;
}

static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void
liar_start(struct liar *liar, const struct answers *answers)
{
    liar->answers = *answers;
    snprintf(liar->path, sizeof(liar->path), "/tmp/vesper-liar-%d", (int)getpid());
    unlink(liar->path);
    atomic_init(&liar->client, -1);
    liar->listener = listen_at(liar->path);
    assert_int_equal(pthread_create(&liar->thread, NULL, lie, liar), 0);
}

static void
liar_stop(struct liar *liar)
{
    pthread_join(liar->thread, NULL);
    close(liar->listener);
    unlink(liar->path);
}

/* Dies, once the client has connected. */
static void
liar_die(struct liar *liar)
{
    shutdown(atomic_load(&liar->client), SHUT_RDWR);
    liar_stop(liar);
}

static void
answer(struct answers *answers, uint32_t command, uint32_t length, const uint32_t *body,
       size_t count)
{
    uint32_t header[] = {length, command};

    memcpy(answers->bytes + answers->size, header, sizeof(header));
    answers->size += sizeof(header);
    if (count > 0) {
        memcpy(answers->bytes + answers->size, body, count * 4);
        answers->size += count * 4;
    }
}

static void
answer_until_capset(struct answers *answers, uint32_t version)
{
    *answers = (struct answers){.fd = -1};
    answer(answers, WIRE_VTEST_PING_PROTOCOL_VERSION, 0, NULL, 0);
    answer(answers, WIRE_VTEST_RESOURCE_BUSY_WAIT, 1, (uint32_t[]){0}, 1);
    answer(answers, WIRE_VTEST_PROTOCOL_VERSION, 1, &version, 1);
    answer(answers, WIRE_VTEST_GET_PARAM, 2, (uint32_t[]){1, 64}, 2);
}

static void
answer_capset(struct answers *answers, size_t dwords)
{
    uint32_t body[1 + 4 * CAPSET_DWORDS] = {1};

    for (size_t i = 1; i <= dwords; i++) {
        body[i] = (uint32_t)i;
    }
    answer(answers, WIRE_VTEST_GET_CAPSET, (uint32_t)(1 + dwords), body, 1 + dwords);
}

static void
answer_handshake(struct answers *answers)
{
    answer_until_capset(answers, WIRE_VTEST_VERSION);
    answer_capset(answers, CAPSET_DWORDS);
}

static void
answer_blob(struct answers *answers, uint32_t resource_id, int fd)
{
    answer(answers, WIRE_VTEST_RESOURCE_CREATE_BLOB, 1, &resource_id, 1);
    answers->fd = fd;
}

/* Connects to a server with those answers; what it takes with it is cleaned up. */
static enum tp_result
connect_to_liar(struct liar *liar, const struct answers *answers, struct tp_transport **out)
{
    liar_start(liar, answers);
    return tp_vtest_create(liar->path, out);
}

static void
expect_failed_handshake(const struct answers *answers)
{
    struct liar liar;
    struct tp_transport *transport = NULL;

    assert_int_equal(connect_to_liar(&liar, answers, &transport), TP_LOST);
    assert_null(transport);
    liar_stop(&liar);
}

/* --- what the client prints --- */

static int stderr_copy = -1;
static int captured = -1;

static void
capture_stderr(void)
{
    stderr_copy = dup(STDERR_FILENO);
    captured = memfd_create("stderr", MFD_CLOEXEC);
    dup2(captured, STDERR_FILENO);
}

/* The text since capture_stderr(), which the next call overwrites. */
static const char *
captured_stderr(void)
{
    static char text[4096];
    ssize_t size = pread(captured, text, sizeof(text) - 1, 0);

    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    close(captured);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

static size_t
count_lines(const char *text)
{
    size_t lines = 0;

    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

/* --- a real server, with the renderer of fake_context.c --- */

struct server {
    char path[64];
    pid_t pid;
};

static void
server_start(struct server *server)
{
    const char *program = getenv("VESPER_FAKE_SERVER");
    int greeting[2];
    char byte;

    assert_non_null(program);
    snprintf(server->path, sizeof(server->path), "/tmp/vesper-transport-%d", (int)getpid());
    assert_int_equal(pipe2(greeting, O_CLOEXEC), 0);
    server->pid = fork();
    if (server->pid == 0) {
        dup2(greeting[1], STDOUT_FILENO);
        execl(program, program, "--socket-path", server->path, NULL);
        _exit(127);
    }
    close(greeting[1]);
    assert_int_equal(read(greeting[0], &byte, 1), 1); /* it says that it listens */
    close(greeting[0]);
}

static void
server_stop(struct server *server, int number)
{
    kill(server->pid, number);
    waitpid(server->pid, NULL, 0);
    unlink(server->path);
}

/* --- tests --- */

TEST(no_server_is_one_clear_line)
{
    struct tp_transport *transport;

    capture_stderr();
    enum tp_result res = tp_vtest_create("/tmp/vesper-nobody-is-here", &transport);
    const char *text = captured_stderr();

    assert_int_equal(res, TP_LOST);
    assert_int_equal(count_lines(text), 1);
    assert_non_null(strstr(text, "/tmp/vesper-nobody-is-here"));
    assert_non_null(strstr(text, "start vesper-server"));
}

TEST(path_that_is_too_long_is_refused)
{
    char path[200];
    struct tp_transport *transport;

    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(tp_vtest_create(path, &transport), TP_LOST);
}

TEST(handshake_succeeds_and_fills_the_capset)
{
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;

    answer_handshake(&answers);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    assert_int_equal(transport->capset.wire_format_version, 1);
    assert_int_equal(transport->capset.tail_extension_mask[31], CAPSET_DWORDS);
    assert_true(transport->ops->alive(transport));
    transport->ops->destroy(transport);
    liar_stop(&liar);
}

TEST(version_3_is_enough)
{
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;

    answer_until_capset(&answers, 3);
    answer_capset(&answers, CAPSET_DWORDS);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    transport->ops->destroy(transport);
    liar_stop(&liar);
}

TEST(shorter_capset_is_filled_with_zeroes)
{
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;

    answer_until_capset(&answers, WIRE_VTEST_VERSION);
    answer_capset(&answers, 40);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    assert_int_equal(transport->capset.use_guest_vram, 40);
    assert_int_equal(transport->capset.tail_magic, 0);
    transport->ops->destroy(transport);
    liar_stop(&liar);
}

TEST(rest_of_a_longer_capset_is_skipped)
{
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;
    struct tp_blob blob;

    answer_until_capset(&answers, WIRE_VTEST_VERSION);
    answer_capset(&answers, 4 * CAPSET_DWORDS);
    int fd = base_fd_create_shared_memory("blob", 100);
    answer_blob(&answers, 5, fd);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    assert_int_equal(transport->ops->create_shared_memory(transport, 100, &blob), TP_OK);
    assert_int_equal(blob.resource_id, 5);
    transport->ops->destroy_blob(transport, &blob);
    transport->ops->destroy(transport);
    liar_stop(&liar);
    close(fd);
}

TEST(end_of_file_after_any_byte_of_the_handshake_is_loss)
{
    struct answers answers, shorter;

    answer_handshake(&answers);
    base_log_set_level(BASE_LOG_ERROR);
    capture_stderr();
    for (size_t size = 0; size < answers.size; size += size < 64 ? 1 : 31) {
        shorter = answers;
        shorter.size = size;
        shorter.close = true;
        expect_failed_handshake(&shorter);
    }
    assert_null(strstr(captured_stderr(), "anitizer"));
}

TEST(nonsense_in_any_dword_of_an_answers_header_is_loss)
{
    static const size_t headers[] = {0, 8, 20, 32, 48}; /* where each answer starts */
    struct answers answers;

    for (size_t i = 0; i < 2 * BASE_COUNT_OF(headers); i++) {
        answer_handshake(&answers);
        memset(answers.bytes + headers[i / 2] + 4 * (i % 2), 0xff, 4);
        expect_failed_handshake(&answers);
    }
}

TEST(too_old_version_is_refused)
{
    struct answers answers;

    answer_until_capset(&answers, 2);
    expect_failed_handshake(&answers);
}

TEST(version_above_ours_is_refused)
{
    struct answers answers;

    answer_until_capset(&answers, 5);
    expect_failed_handshake(&answers);
}

TEST(server_without_venus_is_refused)
{
    struct answers answers;

    answer_until_capset(&answers, WIRE_VTEST_VERSION);
    answer(&answers, WIRE_VTEST_GET_CAPSET, 1, (uint32_t[]){0}, 1);
    expect_failed_handshake(&answers);
}

TEST(capset_without_even_its_first_dword_is_refused)
{
    struct answers answers;

    answer_until_capset(&answers, WIRE_VTEST_VERSION);
    answer(&answers, WIRE_VTEST_GET_CAPSET, 0, NULL, 0);
    expect_failed_handshake(&answers);
}

/* Asks a server, which answers thus, for 4096 bytes of shared memory or of a memory object. */
static enum tp_result
ask_for_blob(const struct answers *answers, uint64_t blob_id, struct tp_blob *out)
{
    struct liar liar;
    struct tp_transport *transport;
    enum tp_result res;

    assert_int_equal(connect_to_liar(&liar, answers, &transport), TP_OK);
    if (blob_id == 0) {
        res = transport->ops->create_shared_memory(transport, 4096, out);
    } else {
        res = transport->ops->create_memory_blob(transport, blob_id, 4096,
                                                 TP_BLOB_MAPPABLE | TP_BLOB_SHAREABLE, out);
    }
    assert_true(transport->ops->alive(transport) == (res == TP_OK));
    if (res == TP_OK) {
        memset(out->map, 0x5a, 4096);
        transport->ops->destroy_blob(transport, out);
        assert_int_equal(out->resource_id, 0);
    }
    transport->ops->destroy(transport);
    liar_stop(&liar);
    return res;
}

static enum tp_result
ask_for_blob_over(int fd, uint64_t blob_id)
{
    struct answers answers;
    struct tp_blob blob;

    answer_handshake(&answers);
    answer_blob(&answers, 1, fd);
    enum tp_result res = ask_for_blob(&answers, blob_id, &blob);
    close(fd);
    return res;
}

static int
unsealed_memfd(off_t size, int seals)
{
    int fd = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

TEST(sealed_shared_memory_is_taken)
{
    assert_int_equal(ask_for_blob_over(base_fd_create_shared_memory("blob", 4096), 0), TP_OK);
}

TEST(unsealed_shared_memory_gets_our_seal)
{
    assert_int_equal(ask_for_blob_over(unsealed_memfd(4096, 0), 0), TP_OK);
}

TEST(shared_memory_that_cannot_be_sealed_is_refused)
{
    assert_int_equal(ask_for_blob_over(unsealed_memfd(4096, F_SEAL_SEAL), 0), TP_LOST);
}

TEST(memory_object_that_cannot_be_sealed_is_taken)
{
    assert_int_equal(ask_for_blob_over(unsealed_memfd(4096, F_SEAL_SEAL), 9), TP_OK);
}

TEST(memory_smaller_than_agreed_is_refused)
{
    assert_int_equal(ask_for_blob_over(unsealed_memfd(4095, 0), 0), TP_LOST);
    assert_int_equal(ask_for_blob_over(unsealed_memfd(4095, 0), 9), TP_LOST);
}

TEST(descriptor_of_no_memory_is_refused)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[1]);
    assert_int_equal(ask_for_blob_over(ends[0], 9), TP_LOST);
}

TEST(resource_0_is_refused)
{
    struct answers answers;
    struct tp_blob blob;
    int fd = base_fd_create_shared_memory("blob", 4096);

    answer_handshake(&answers);
    answer_blob(&answers, 0, fd);
    assert_int_equal(ask_for_blob(&answers, 0, &blob), TP_LOST);
    close(fd);
}

TEST(byte_without_a_descriptor_is_loss)
{
    struct answers answers;
    struct tp_blob blob;

    answer_handshake(&answers);
    answer_blob(&answers, 1, -1);
    answers.bytes[answers.size++] = 0;
    assert_int_equal(ask_for_blob(&answers, 0, &blob), TP_LOST);
}

TEST(answer_of_wrong_length_is_loss)
{
    struct answers answers;
    struct tp_blob blob;

    answer_handshake(&answers);
    answer(&answers, WIRE_VTEST_RESOURCE_CREATE_BLOB, 2, (uint32_t[]){1, 2}, 2);
    assert_int_equal(ask_for_blob(&answers, 0, &blob), TP_LOST);
}

TEST(absurd_sizes_are_refused_without_asking)
{
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;
    struct tp_blob blob;

    answer_handshake(&answers);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    assert_int_equal(transport->ops->create_shared_memory(transport, 0, &blob), TP_NO_MEMORY);
    assert_int_equal(transport->ops->create_shared_memory(transport, UINT64_MAX, &blob),
                     TP_NO_MEMORY);
    assert_true(transport->ops->alive(transport));
    transport->ops->destroy(transport);
    liar_stop(&liar);
}

/* The peer is dead from the start; nothing may hang, abort, or raise SIGPIPE. */
TEST(everything_fails_at_once_after_the_peers_end)
{
    static const uint32_t commands[1024];
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;
    struct tp_blob blob, mapped = {.resource_id = 3, .fd = -1, .size = 4096};
    int fd = base_fd_create_shared_memory("blob", 4096);

    answer_handshake(&answers);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    liar_die(&liar);
    mapped.map = base_fd_map(fd, 4096);

    assert_false(transport->ops->alive(transport));
    assert_int_equal(transport->ops->submit(transport, commands, sizeof(commands)), TP_LOST);
    assert_int_equal(transport->ops->create_shared_memory(transport, 4096, &blob), TP_LOST);
    assert_int_equal(
        transport->ops->create_memory_blob(transport, 7, 4096, TP_BLOB_MAPPABLE, &blob), TP_LOST);
    transport->ops->destroy_blob(transport, &mapped);
    assert_null(mapped.map);
    transport->ops->destroy(transport);
    close(fd);
}

TEST(writing_to_a_dead_peer_is_loss_even_if_nobody_looked)
{
    static const uint32_t command;
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;

    answer_handshake(&answers);
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    liar_die(&liar);
    assert_int_equal(transport->ops->submit(transport, &command, sizeof(command)), TP_LOST);
    transport->ops->destroy(transport);
}

static bool
is_hopeless_the_second_time(void *user)
{
    unsigned *asked = user;

    return ++*asked >= 2;
}

TEST(half_an_answer_is_given_up_when_the_renderer_is_known_to_be_dead)
{
    struct answers answers;
    struct liar liar;
    struct tp_transport *transport;
    struct tp_blob blob;
    unsigned asked = 0;

    answer_handshake(&answers);
    memset(answers.bytes + answers.size, 0, 3); /* of a header's 8 */
    answers.size += 3;
    assert_int_equal(connect_to_liar(&liar, &answers, &transport), TP_OK);
    transport->is_hopeless = is_hopeless_the_second_time;
    transport->is_hopeless_user = &asked;
    assert_int_equal(transport->ops->create_shared_memory(transport, 4096, &blob), TP_LOST);
    assert_int_equal(asked, 2);
    transport->ops->destroy(transport);
    liar_stop(&liar);
}

TEST(sending_is_given_up_when_the_renderer_is_known_to_be_dead)
{
    static const uint32_t block = FAKE_BLOCK;
    static const uint32_t many[1 << 16];
    struct server server = {0};
    struct tp_transport *transport;
    unsigned asked = 0;
    enum tp_result res = TP_OK;

    server_start(&server);
    assert_int_equal(tp_vtest_create(server.path, &transport), TP_OK);
    transport->is_hopeless = is_hopeless_the_second_time;
    transport->is_hopeless_user = &asked;
    assert_int_equal(transport->ops->submit(transport, &block, sizeof(block)), TP_OK);
    for (unsigned i = 0; i < 1000 && res == TP_OK; i++) {
        res = transport->ops->submit(transport, many, sizeof(many));
    }
    assert_int_equal(res, TP_LOST);
    assert_int_equal(asked, 2);
    transport->ops->destroy(transport);
    server_stop(&server, SIGTERM);
}

TEST(blobs_and_commands_with_a_real_server)
{
    static const uint32_t nop = 1;
    struct server server = {0};
    struct tp_transport *transport;
    struct tp_blob first, second;

    server_start(&server);
    assert_int_equal(tp_vtest_create(server.path, &transport), TP_OK);
    assert_true(transport->capset.tail_magic == WIRE_TAIL_MAGIC);
    assert_int_equal(transport->ops->create_shared_memory(transport, 131268, &first), TP_OK);
    assert_int_equal(first.fd, -1);
    for (size_t i = 0; i < first.size; i++) {
        assert_int_equal(((uint8_t *)first.map)[i], 0);
    }
    assert_int_equal(transport->ops->submit(transport, &nop, sizeof(nop)), TP_OK);
    assert_int_equal(
        transport->ops->create_memory_blob(transport, 77, 4096, TP_BLOB_SHAREABLE, &second), TP_OK);
    assert_null(second.map);
    assert_int_not_equal(second.fd, -1);
    assert_int_not_equal(second.resource_id, first.resource_id);
    transport->ops->destroy_blob(transport, &first);
    transport->ops->destroy_blob(transport, &second);
    assert_true(transport->ops->alive(transport));
    transport->ops->destroy(transport);
    server_stop(&server, SIGTERM);
}

static enum tp_result
import(struct tp_transport *transport, enum tp_fd_kind kind, int fd, uint64_t size, uint32_t flags,
       struct tp_blob *out)
{
    const struct tp_fd memory = {.kind = kind, .fd = fd, .size = size};
    return transport->ops->import_fd(transport, &memory, flags, out);
}

TEST(memory_leaves_and_enters_as_descriptors)
{
    struct server server = {0};
    struct tp_transport *transport;
    struct tp_blob given, taken;
    int fd, no_memory[2];

    server_start(&server);
    assert_int_equal(tp_vtest_create(server.path, &transport), TP_OK);
    assert_true(transport->takes_fds);
    const struct tp_ops *ops = transport->ops;
    assert_int_equal(
        ops->create_memory_blob(transport, 77, 4096, TP_BLOB_MAPPABLE | TP_BLOB_SHAREABLE, &given),
        TP_OK);
    assert_int_equal(ops->export_fd(transport, &given, &fd), TP_OK);
    assert_int_not_equal(fd, given.fd);
    assert_int_equal(import(transport, TP_FD_OPAQUE, fd, 4096, TP_BLOB_MAPPABLE, &taken), TP_OK);
    assert_int_not_equal(taken.resource_id, given.resource_id);
    base_fd_close(&fd);
    ((uint8_t *)given.map)[4095] = 7;
    assert_int_equal(((uint8_t *)taken.map)[4095], 7);
    ops->destroy_blob(transport, &taken);

    /* What an application has got hold of is no reason to give up its connection. */
    assert_int_equal(import(transport, TP_FD_OPAQUE, -1, 4096, 0, &taken), TP_REFUSED);
    assert_int_equal(import(transport, TP_FD_DMA_BUF, given.fd, 0, 0, &taken), TP_REFUSED);
    assert_int_equal(import(transport, TP_FD_OPAQUE, given.fd, 8192, TP_BLOB_MAPPABLE, &taken),
                     TP_REFUSED);
    assert_int_equal(pipe2(no_memory, O_CLOEXEC), 0);
    assert_int_equal(import(transport, TP_FD_OPAQUE, no_memory[0], 4096, TP_BLOB_MAPPABLE, &taken),
                     TP_REFUSED);
    base_fd_close(&no_memory[0]);
    base_fd_close(&no_memory[1]);
    ops->destroy_blob(transport, &given);
    assert_true(ops->alive(transport));
    ops->destroy(transport);
    server_stop(&server, SIGTERM);
}

struct waiter {
    struct tp_transport *transport;
    enum tp_result res;
    uint64_t returned_ns;
};

static void *
wait_for_blob(void *argument)
{
    struct waiter *waiter = argument;
    struct tp_blob blob;

    waiter->res = waiter->transport->ops->create_shared_memory(waiter->transport, 4096, &blob);
    waiter->returned_ns = base_clock_now_ns();
    return NULL;
}

TEST(server_killed_while_a_client_waits_is_loss_within_a_second)
{
    static const uint32_t block = FAKE_BLOCK;
    struct server server = {0};
    struct waiter waiter;
    pthread_t thread;

    server_start(&server);
    assert_int_equal(tp_vtest_create(server.path, &waiter.transport), TP_OK);
    assert_int_equal(waiter.transport->ops->submit(waiter.transport, &block, sizeof(block)), TP_OK);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_blob, &waiter), 0);
    usleep(100 * 1000);
    assert_true(waiter.transport->ops->alive(waiter.transport));
    /* Who only sends does not wait for the other's answer. */
    assert_int_equal(waiter.transport->ops->submit(waiter.transport, &block, sizeof(block)), TP_OK);

    uint64_t killed_ns = base_clock_now_ns();
    server_stop(&server, SIGKILL);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.res, TP_LOST);
    assert_true(waiter.returned_ns - killed_ns < 1000000000u);
    assert_false(waiter.transport->ops->alive(waiter.transport));
    waiter.transport->ops->destroy(waiter.transport);
}

static void *
use_transport(void *argument)
{
    static const uint32_t nop = 1;
    struct tp_transport *transport = argument;
    uintptr_t failures = 0;

    for (unsigned i = 0; i < 200; i++) {
        struct tp_blob blob;
        failures += transport->ops->submit(transport, &nop, sizeof(nop)) != TP_OK;
        failures += transport->ops->create_shared_memory(transport, 1 + i * 37, &blob) != TP_OK;
        if (failures > 0) {
            break;
        }
        memset(blob.map, (int)i, blob.size);
        transport->ops->destroy_blob(transport, &blob);
    }
    return (void *)failures;
}

TEST(threads_share_a_connection)
{
    struct server server = {0};
    struct tp_transport *transport;
    pthread_t threads[4];

    server_start(&server);
    assert_int_equal(tp_vtest_create(server.path, &transport), TP_OK);
    for (size_t i = 0; i < BASE_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_transport, transport), 0);
    }
    for (size_t i = 0; i < BASE_COUNT_OF(threads); i++) {
        void *failures;
        pthread_join(threads[i], &failures);
        assert_null(failures);
    }
    transport->ops->destroy(transport);
    server_stop(&server, SIGTERM);
}

/* --- the choice of a transport --- */

static void
clear_environment(void)
{
    unsetenv("VN_DEBUG");
    unsetenv("VTEST_SOCKET_NAME");
    unsetenv("VESPER_SOCKET");
    unsetenv("VESPER_TRANSPORT");
}

TEST(nothing_is_tried_unless_somebody_asks)
{
    struct tp_transport *transport;

    clear_environment();
    setenv("VTEST_SOCKET_NAME", "/tmp/vesper-nobody-is-here", 1);
    capture_stderr();
    enum tp_result unasked = tp_create(&transport);
    setenv("VN_DEBUG", "init,novtest", 1);
    enum tp_result other_words = tp_create(&transport);
    assert_string_equal(captured_stderr(), "");
    assert_int_equal(unasked, TP_NO_DEVICE);
    assert_int_equal(other_words, TP_NO_DEVICE);
}

static void
expect_connection(void)
{
    struct tp_transport *transport;

    assert_int_equal(tp_create(&transport), TP_OK);
    transport->ops->destroy(transport);
}

TEST(each_way_of_asking_is_heard)
{
    struct server server = {0};
    struct tp_transport *transport;

    server_start(&server);
    clear_environment();
    setenv("VESPER_SOCKET", server.path, 1);
    expect_connection();

    clear_environment();
    setenv("VTEST_SOCKET_NAME", server.path, 1);
    setenv("VN_DEBUG", "init,vtest", 1);
    expect_connection();

    setenv("VN_DEBUG", "", 1);
    setenv("VESPER_TRANSPORT", "vtest", 1);
    expect_connection();
    server_stop(&server, SIGTERM);

    setenv("VESPER_TRANSPORT", "carrier-pigeon", 1);
    capture_stderr();
    enum tp_result res = tp_create(&transport);
    assert_non_null(strstr(captured_stderr(), "carrier-pigeon"));
    assert_int_equal(res, TP_LOST);
    clear_environment();
}
