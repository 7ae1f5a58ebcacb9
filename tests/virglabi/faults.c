/* Processes that die, hang or crash: a context is lost at once and by name, and nothing else. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "tests/virglabi/vmm.h"
#include "wire/ring.h"

enum {
    RING_RESOURCE = 5,
    RING_OFFSET = 128, /* of the status word */
};

static pid_t
find_server(void)
{
    return vmm_find_child(getpid(), "vesper-render-s");
}

/* Two contexts, the first one with a ring, its memory mapped as the guest has it. */
static _Atomic uint32_t *
start_two_contexts(struct vmm *vmm, int flags)
{
    void *map = NULL;
    uint64_t size = 0;

    vmm_init(vmm, 3);
    assert_int_equal(vmm_start(vmm, flags), 0);
    assert_int_equal(vmm_create_context(1, "victim"), 0);
    assert_int_equal(vmm_create_blob(1, RING_RESOURCE, 0, 4096), 0);
    assert_int_equal(virgl_renderer_resource_map(RING_RESOURCE, &map, &size), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_RING, RING_RESOURCE, RING_OFFSET), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 1), 0);
    assert_true(vmm_wait_retired(vmm, 1, true)); /* so it has executed that */
    return (_Atomic uint32_t *)((char *)map + RING_OFFSET);
}

static bool
wait_fatal(_Atomic uint32_t *status)
{
    uint64_t limit_ms = vmm_now_ms() + VMM_LIMIT_MS;

    while (!(atomic_load(status) & WIRE_RING_STATUS_FATAL) && vmm_now_ms() < limit_ms) {
        usleep(1000);
    }
    return atomic_load(status) & WIRE_RING_STATUS_FATAL;
}

static void
expect_unharmed(struct vmm *vmm, uint32_t ctx, uint32_t resource)
{
    size_t before = vmm_retired_count(vmm);

    assert_int_equal(VMM_SUBMIT(ctx, FAKE_NOP), 0);
    assert_int_equal(vmm_create_blob(ctx, resource, 0, 4096), 0);
    assert_int_equal(virgl_renderer_context_create_fence(ctx, 0, 0, 1000 + resource), 0);
    assert_true(vmm_wait_retired(vmm, before + 1, true));
    virgl_renderer_resource_unref(resource);
}

static void
expect_dead(struct vmm *vmm, uint32_t ctx)
{
    size_t before = vmm_retired_count(vmm);

    assert_int_equal(VMM_SUBMIT(ctx, FAKE_NOP), -1);
    assert_int_equal(vmm_create_blob(ctx, 99, 0, 4096), -1);
    assert_int_equal(virgl_renderer_context_create_fence(ctx, 0, 2, 2000), 0);
    assert_true(vmm_wait_retired(vmm, before + 1, true));
}

static void
lose_a_worker(int flags, bool crash, const char *message)
{
    struct vmm vmm;
    _Atomic uint32_t *status = start_two_contexts(&vmm, flags);
    pid_t worker = vmm_find_child(find_server(), "vesper-worker");

    assert_true(worker > 0);
    assert_int_equal(vmm_create_context(2, "bystander"), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 7), 0); /* stays pending */
    uint64_t start_ms = vmm_now_ms();
    if (crash) {
        assert_int_equal(VMM_SUBMIT(1, FAKE_CRASH), 0);
    } else {
        kill(worker, SIGKILL);
    }
    assert_true(wait_fatal(status));
    print_message("lost after %d ms\n", (int)(vmm_now_ms() - start_ms));
    assert_true(vmm_wait_retired(&vmm, 2, true));
    assert_int_equal(vmm_retired_at(&vmm, 1).id, 7);
    assert_true(vmm_wait_message(&vmm, message));
    assert_true(vmm_has_message(&vmm, "context 1 (victim)"));
    expect_dead(&vmm, 1);
    expect_unharmed(&vmm, 2, 6);
    assert_int_equal(vmm_create_context(3, "newcomer"), 0);
    expect_unharmed(&vmm, 3, 7);
    virgl_renderer_context_destroy(1);
    assert_int_equal(vmm_create_context(1, "again"), 0);
    expect_unharmed(&vmm, 1, 8);
    vmm_finish(&vmm);
}

TEST(a_killed_worker_costs_one_context)
{
    lose_a_worker(VMM_FLAGS_CROSVM, false, "died of SIGKILL");
}

TEST(a_killed_worker_costs_one_context_of_a_monitor_that_polls)
{
    lose_a_worker(VMM_FLAGS_QEMU_10_0, false, "died of SIGKILL");
}

TEST(a_host_driver_that_crashes_inside_a_call_costs_one_context)
{
    lose_a_worker(VMM_FLAGS_QEMU_11, true, "died of SIGSEGV");
}

/* A guest's application ends sooner than a busy host's server hears of the worker. */
TEST(how_a_worker_died_is_told_even_if_its_context_is_destroyed_before)
{
    struct vmm vmm;
    _Atomic uint32_t *status = start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    pid_t server = find_server(), worker = vmm_find_child(server, "vesper-worker");

    kill(server, SIGSTOP);
    kill(worker, SIGKILL);
    assert_true(wait_fatal(status));
    virgl_renderer_context_destroy(1);
    kill(server, SIGCONT);
    assert_true(vmm_wait_message(&vmm, "died of SIGKILL"));
    assert_true(vmm_has_message(&vmm, "context 1 (victim)"));
    vmm_finish(&vmm);
}

TEST(a_killed_server_costs_nothing_and_the_next_context_starts_another)
{
    struct vmm vmm;
    _Atomic uint32_t *status = start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    pid_t server = find_server();

    assert_true(server > 0);
    kill(server, SIGKILL);
    assert_true(vmm_wait_message(&vmm, "died of SIGKILL"));
    assert_true(vmm_has_message(&vmm, getenv("RENDER_SERVER_EXEC_PATH")));
    expect_unharmed(&vmm, 1, 6);
    assert_int_equal(vmm_create_context(2, "newcomer"), 0);
    assert_true(find_server() > 0 && find_server() != server);
    expect_unharmed(&vmm, 2, 7);
    assert_false(atomic_load(status) & WIRE_RING_STATUS_FATAL);
    vmm_finish(&vmm);
}

TEST(a_server_killed_unnoticed_is_replaced_when_the_next_context_is_made)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    kill(find_server(), SIGKILL);
    assert_int_equal(vmm_create_context(1, "first"), 0);
    expect_unharmed(&vmm, 1, 6);
    vmm_finish(&vmm);
}

TEST(a_worker_that_has_lost_its_server_still_tells_of_its_death)
{
    struct vmm vmm;
    _Atomic uint32_t *status = start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    pid_t server = find_server(), worker = vmm_find_child(server, "vesper-worker");

    kill(server, SIGKILL);
    assert_true(vmm_wait_message(&vmm, "died of SIGKILL"));
    kill(worker, SIGKILL);
    assert_true(wait_fatal(status));
    assert_true(vmm_wait_message(&vmm, "nobody knows how"));
    expect_dead(&vmm, 1);
    vmm_finish(&vmm);
}

TEST(a_context_that_breaks_the_protocol_is_closed_and_others_go_on)
{
    struct vmm vmm;

    (void)start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    assert_int_equal(vmm_create_context(2, "bystander"), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_FATAL), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 2), 0);
    assert_true(vmm_wait_retired(&vmm, 2, false));
    expect_dead(&vmm, 1);
    expect_unharmed(&vmm, 2, 6);
    vmm_finish(&vmm);
}

TEST(a_worker_stuck_in_the_host_driver_ends_with_its_context)
{
    struct vmm vmm;

    (void)start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    pid_t worker = vmm_find_child(find_server(), "vesper-worker");
    assert_true(worker > 0);
    assert_int_equal(vmm_create_context(2, "bystander"), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_BLOCK), 0);
    virgl_renderer_context_destroy(1);
    assert_true(vmm_wait_gone(worker));
    expect_unharmed(&vmm, 2, 6);
    vmm_finish(&vmm);
}

/* The machine stands still while the library waits for a worker, so it does not wait for ever. */
TEST(a_worker_that_does_not_answer_is_given_up)
{
    struct vmm vmm;
    _Atomic uint32_t *status = start_two_contexts(&vmm, VMM_FLAGS_CROSVM);

    assert_int_equal(vmm_create_context(2, "bystander"), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_BLOCK), 0);
    assert_int_equal(vmm_create_blob(1, 9, 0, 4096), -1);
    assert_true(atomic_load(status) & WIRE_RING_STATUS_FATAL);
    assert_true(vmm_has_message(&vmm, "has not answered"));
    expect_unharmed(&vmm, 2, 6);
    vmm_finish(&vmm);
}

TEST(cleanup_leaves_no_process_behind)
{
    struct vmm vmm;

    (void)start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    pid_t server = find_server(), worker = vmm_find_child(server, "vesper-worker");
    assert_int_equal(VMM_SUBMIT(1, FAKE_BLOCK), 0);
    virgl_renderer_cleanup(&vmm);
    assert_true(vmm_wait_gone(server));
    assert_true(vmm_wait_gone(worker));
    vmm_finish(&vmm);
}

struct pids {
    pid_t server, worker;
};

/* A machine monitor in a process of its own, until it is killed. */
static void
be_a_monitor(int report_fd)
{
    struct vmm vmm;
    struct pids pids = {0};

    vmm_init(&vmm, 3);
    if (vmm_start(&vmm, VMM_FLAGS_CROSVM) == 0 && vmm_create_context(1, "orphan") == 0 &&
        VMM_SUBMIT(1, FAKE_BLOCK) == 0) {
        uint64_t limit_ms = vmm_now_ms() + VMM_LIMIT_MS;
        pids.server = find_server();
        while (pids.worker == 0 && vmm_now_ms() < limit_ms) { /* it takes its name when it starts */
            pids.worker = vmm_find_child(pids.server, "vesper-worker");
        }
    }
    if (write(report_fd, &pids, sizeof(pids)) == sizeof(pids)) {
        pause();
    }
    _exit(1);
}

TEST(a_killed_monitor_takes_server_and_workers_along)
{
    struct pids pids = {0};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t monitor = fork();
    if (monitor == 0) {
        be_a_monitor(ends[1]);
    }
    assert_int_equal(read(ends[0], &pids, sizeof(pids)), sizeof(pids));
    assert_true(pids.server > 0 && pids.worker > 0);
    kill(monitor, SIGKILL);
    assert_true(vmm_wait_gone(pids.server));
    assert_true(vmm_wait_gone(pids.worker));
    while (waitpid(monitor, NULL, 0) == -1 && errno == EINTR) {
    }
    close(ends[0]);
    close(ends[1]);
}

TEST(memory_of_a_dead_worker_stays_where_the_monitor_has_mapped_it)
{
    struct vmm vmm;
    _Atomic uint32_t *status = start_two_contexts(&vmm, VMM_FLAGS_CROSVM);
    char *page = (char *)status - RING_OFFSET;

    strcpy(page + 1000, "still here");
    kill(vmm_find_child(find_server(), "vesper-worker"), SIGKILL);
    assert_true(wait_fatal(status));
    assert_string_equal(page + 1000, "still here");
    uint32_t type;
    int fd = -1;
    assert_int_equal(virgl_renderer_resource_export_blob(RING_RESOURCE, &type, &fd), 0);
    close(fd);
    vmm_finish(&vmm);
}
