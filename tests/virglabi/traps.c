/* What drop-ins get wrong: each test is one promise of the interface that some machine monitor
 * relies on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "tests/unit/test.h"
#include "tests/virglabi/vmm.h"

/* --- initialisation and capabilities --- */

TEST(capsets_are_answered_before_initialisation_and_both_outputs_are_written)
{
    for (uint32_t set = 0; set < 70; set++) {
        uint32_t version = 77, size = 77;
        virgl_renderer_get_cap_set(set, &version, &size);
        assert_int_equal(version, 0);
        assert_int_equal(size, set == VMM_VENUS ? VMM_CAPSET_SIZE : 0);
    }
}

TEST(capset_is_filled_exactly_and_only_after_initialisation)
{
    struct vmm vmm;
    uint8_t caps[VMM_CAPSET_SIZE + 8];

    memset(caps, 0xee, sizeof(caps));
    virgl_renderer_fill_caps(VMM_VENUS, 0, caps);
    assert_int_equal(caps[0], 0xee);

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    virgl_renderer_fill_caps(VMM_VENUS, 0, caps);
    assert_int_equal(caps[0], 1);  /* wire format version */
    assert_int_equal(caps[16], 1); /* supports_blob_id_0 */
    assert_int_equal(caps[VMM_CAPSET_SIZE], 0xee);
    vmm_finish(&vmm);
}

TEST(repeated_initialisation_with_the_same_arguments_succeeds_with_others_it_is_busy)
{
    struct vmm vmm;
    struct virgl_renderer_callbacks others;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_MUVM), -EBUSY);
    others = vmm.callbacks;
    assert_int_equal(virgl_renderer_init(&vmm, VMM_FLAGS_CROSVM, &others), -EBUSY);
    assert_int_equal(virgl_renderer_init(NULL, VMM_FLAGS_CROSVM, &vmm.callbacks), -EBUSY);
    vmm_finish(&vmm);
}

TEST(initialisation_after_cleanup_works_again)
{
    for (int i = 0; i < 3; i++) {
        struct vmm vmm;
        vmm_init(&vmm, 3);
        assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
        assert_int_equal(vmm_create_context(1, "again"), 0);
        vmm_finish(&vmm);
    }
}

TEST(unknown_versions_of_the_callback_table_are_refused)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(virgl_renderer_init(&vmm, VMM_FLAGS_CROSVM, NULL), -1);
    vmm.callbacks.version = 0;
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), -1);
    vmm.callbacks.version = 5;
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), -1);
    vmm_finish(&vmm);
}

/* A table of version 1 ends behind make_current: what lies beyond is not ours to read. */
TEST(callbacks_newer_than_the_tables_version_are_not_read)
{
    struct vmm vmm;
    size_t size = offsetof(struct virgl_renderer_callbacks, get_drm_fd);
    struct virgl_renderer_callbacks *small = malloc(size); /* a sanitizer watches its end */

    vmm_init(&vmm, 1);
    memcpy(small, &vmm.callbacks, size);
    assert_int_equal(virgl_renderer_init(&vmm, VMM_FLAGS_QEMU_10_0, small), 0);
    assert_int_equal(virgl_renderer_create_fence(5, 0), 0);
    assert_true(vmm_wait_retired(&vmm, 1, true));
    vmm_finish(&vmm);
    free(small);
}

static unsigned other_calls;

static void
other_write_fence(void *cookie, uint32_t fence)
{
    other_calls++;
}

TEST(callback_table_is_kept_by_pointer)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    vmm.callbacks.write_fence = other_write_fence;
    other_calls = 0;
    assert_int_equal(virgl_renderer_create_fence(1, 0), 0);
    virgl_renderer_poll();
    assert_int_equal(other_calls, 1);
    vmm_finish(&vmm);
}

TEST(without_venus_in_the_flags_the_capset_is_not_served)
{
    struct vmm vmm;
    uint32_t version = 1, size = 1;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VIRGL_RENDERER_NO_VIRGL), 0);
    virgl_renderer_get_cap_set(VMM_VENUS, &version, &size);
    assert_int_equal(version, 0);
    assert_int_equal(size, 0);
    assert_int_equal(vmm_create_context(1, "none"), EINVAL);
    vmm_finish(&vmm);
}

TEST(missing_server_is_an_initialisation_error_that_names_the_path)
{
    struct vmm vmm;
    char *path = strdup(getenv("RENDER_SERVER_EXEC_PATH"));

    vmm_init(&vmm, 3);
    setenv("RENDER_SERVER_EXEC_PATH", "/nowhere/at-all", 1);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), -1);
    assert_true(vmm_has_message(&vmm, "/nowhere/at-all"));
    setenv("RENDER_SERVER_EXEC_PATH", "/bin/false", 1);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), -1);
    assert_true(vmm_has_message(&vmm, "/bin/false has ended with status 1"));
    setenv("RENDER_SERVER_EXEC_PATH", path, 1);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0); /* may be retried */
    vmm_finish(&vmm);
    free(path);
}

TEST(server_descriptor_of_the_monitor_must_be_a_packet_socket)
{
    struct vmm vmm;
    int sockets[2];

    vmm_init(&vmm, 3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    vmm.server_fd = sockets[0];
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), -1);
    assert_int_equal(vmm.server_fd_asked, 1);
    assert_true(vmm_has_message(&vmm, "SOCK_SEQPACKET"));
    close(sockets[1]);
    vmm_finish(&vmm);
}

/* --- contexts --- */

TEST(context_names_need_no_nul_and_may_be_longer_than_claimed_or_absent)
{
    struct vmm vmm;
    char *name = malloc(4); /* a sanitizer watches its end */

    memcpy(name, "abcd", 4);
    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(virgl_renderer_context_create_with_flags(1, VMM_VENUS, 4, name), 0);
    assert_int_equal(virgl_renderer_context_create_with_flags(2, VMM_VENUS, 0, NULL), 0);
    char long_name[300];
    memset(long_name, 'n', sizeof(long_name));
    assert_int_equal(
        virgl_renderer_context_create_with_flags(3, VMM_VENUS, sizeof(long_name), long_name), 0);
    vmm_finish(&vmm);
    free(name);
}

TEST(context_creation_answers_with_positive_errors)
{
    struct vmm vmm;

    assert_int_equal(vmm_create_context(1, "early"), EINVAL);
    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(0, "zero"), EINVAL);
    assert_int_equal(virgl_renderer_context_create_with_flags(1, 0x104, 1, "f"), EINVAL);
    assert_int_equal(virgl_renderer_context_create_with_flags(1, 6, 1, "drm"), EINVAL);
    assert_int_equal(virgl_renderer_context_create_with_flags(1, 5, 1, "cross"), EINVAL);
    assert_int_equal(vmm_create_context(1, "first"), 0);
    assert_int_equal(vmm_create_context(1, "first"), 0);
    assert_int_equal(virgl_renderer_context_create(1, 1, "x"), EINVAL); /* another capset */
    vmm_finish(&vmm);
}

TEST(contexts_of_display_clients_are_accepted_and_their_fences_retire)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_11), 0);
    assert_int_equal(virgl_renderer_context_create(9, 4, "weston"), 0);
    assert_int_equal(VMM_SUBMIT(9, FAKE_NOP), EINVAL);
    assert_int_equal(virgl_renderer_submit_cmd(NULL, 9, 0), 0);
    assert_int_equal(virgl_renderer_context_create_fence(9, 0, 0, 3), 0);
    assert_true(vmm_wait_retired(&vmm, 1, false));
    virgl_renderer_ctx_attach_resource(9, 4711);
    virgl_renderer_ctx_detach_resource(9, 4711);
    virgl_renderer_context_destroy(9);
    virgl_renderer_context_destroy(9);
    vmm_finish(&vmm);
}

TEST(submissions_of_nothing_succeed_and_errors_are_positive)
{
    struct vmm vmm;
    uint32_t words[2] = {FAKE_NOP, FAKE_NOP};

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "submit"), 0);
    assert_int_equal(virgl_renderer_submit_cmd(NULL, 1, 0), 0);
    assert_int_equal(virgl_renderer_submit_cmd(words, 1, 2), 0);
    assert_int_equal(virgl_renderer_submit_cmd(words, 2, 0), EINVAL);
    assert_int_equal(virgl_renderer_submit_cmd(words, 1, -1), EINVAL);
    assert_int_equal(virgl_renderer_submit_cmd((char *)words + 1, 1, 1), EFAULT);
    vmm_finish(&vmm);
}

TEST(submissions_larger_than_a_packet_arrive_whole)
{
    struct vmm vmm;
    size_t count = (3 << 20) / sizeof(uint32_t) + 5;
    uint32_t *words = calloc(count, sizeof(*words));

    for (size_t i = 0; i < count; i++) {
        words[i] = FAKE_NOP;
    }
    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(vmm_create_context(1, "large"), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 4), 0);
    words[count - 2] = FAKE_RELEASE;
    words[count - 1] = 1;
    assert_int_equal(vmm_submit(1, words, count), 0);
    assert_true(vmm_wait_retired(&vmm, 1, true));
    vmm_finish(&vmm);
    free(words);
}

/* --- fences --- */

TEST(without_asynchronous_callbacks_fences_retire_only_inside_poll_and_on_its_thread)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(vmm_create_context(1, "sync"), 0);
    assert_int_equal(virgl_renderer_create_fence(10, 0), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 11), 0);
    usleep(50000); /* a callback that comes too early has the time to */
    assert_int_equal(vmm_retired_count(&vmm), 0);
    assert_true(vmm_wait_retired(&vmm, 2, true));
    assert_true(vmm_retired_at(&vmm, 0).own_thread);
    assert_true(vmm_retired_at(&vmm, 1).own_thread);
    vmm_finish(&vmm);
}

TEST(with_asynchronous_callbacks_fences_retire_by_themselves)
{
    struct vmm vmm;

    vmm_init(&vmm, 4);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_11), 0);
    assert_int_equal(vmm_create_context(1, "async"), 0);
    assert_int_equal(virgl_renderer_create_fence(10, 0), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 11), 0);
    assert_true(vmm_wait_retired(&vmm, 2, false));
    assert_false(vmm_retired_at(&vmm, 0).own_thread);
    vmm_finish(&vmm);
}

static void
fence_again(struct vmm *vmm, const struct vmm_retired *retired)
{
    if (retired->id < 100) {
        (void)!virgl_renderer_context_create_fence(1, 0, 0, retired->id + 1);
    }
}

TEST(callbacks_may_call_into_the_library)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    vmm.on_retired = fence_again;
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "chain"), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 1), 0);
    assert_true(vmm_wait_retired(&vmm, 100, false));
    vmm_finish(&vmm);
}

TEST(rings_retire_independently_and_in_order)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "rings"), 0);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(
            virgl_renderer_context_create_fence(1, VIRGL_RENDERER_FENCE_FLAG_MERGEABLE, 1, id), 0);
        assert_int_equal(virgl_renderer_context_create_fence(1, 0, 2, 10 + id), 0);
    }
    /* Ring 0 is the CPU's: it waits for nobody. */
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 20), 0);
    assert_true(vmm_wait_retired(&vmm, 1, false));
    assert_int_equal(vmm_retired_at(&vmm, 0).id, 20);

    assert_int_equal(VMM_SUBMIT(1, FAKE_RELEASE, 2), 0);
    assert_true(vmm_wait_retired(&vmm, 4, false));
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(vmm_retired_at(&vmm, i).ring_idx, 2);
        assert_int_equal(vmm_retired_at(&vmm, i).id, 10 + i);
    }
    assert_int_equal(VMM_SUBMIT(1, FAKE_RELEASE, 1), 0);
    assert_true(vmm_wait_retired(&vmm, 7, false));
    for (size_t i = 4; i < 7; i++) {
        assert_int_equal(vmm_retired_at(&vmm, i).ring_idx, 1);
        assert_int_equal(vmm_retired_at(&vmm, i).id, i - 3);
    }
    vmm_finish(&vmm);
}

TEST(fences_that_cannot_be_honoured_are_accepted_and_retire)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "unbound"), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 63, 1), 0); /* no queue is there */
    assert_true(vmm_wait_retired(&vmm, 1, false));
    assert_int_equal(VMM_SUBMIT(1, FAKE_FATAL), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 2), 0);
    assert_true(vmm_wait_retired(&vmm, 2, false));
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 64, 3), -EINVAL);
    assert_int_equal(virgl_renderer_context_create_fence(2, 0, 0, 3), -EINVAL);
    vmm_finish(&vmm);
}

TEST(fences_of_a_destroyed_context_retire)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(vmm_create_context(1, "short"), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 5), 0);
    virgl_renderer_context_destroy(1);
    assert_true(vmm_wait_retired(&vmm, 1, true));
    assert_int_equal(vmm_retired_at(&vmm, 0).id, 5);
    vmm_finish(&vmm);
}

TEST(reset_drops_fences_and_the_same_ids_may_be_used_again)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "reset"), 0);
    assert_int_equal(vmm_create_blob(1, 4, 0, 4096), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 900), 0);
    virgl_renderer_reset();
    size_t before = vmm_retired_count(&vmm);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0); /* as newer QEMUs do */
    assert_int_equal(vmm_create_context(1, "reset"), 0);
    assert_int_equal(vmm_create_blob(1, 4, 0, 4096), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 1), 0);
    assert_true(vmm_wait_retired(&vmm, before + 1, false));
    assert_int_equal(vmm_retired_at(&vmm, before).id, 1);
    vmm_finish(&vmm);
}

TEST(fences_of_context_0_retire_without_opengl_and_in_order)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_MUVM), 0);
    for (int id = 1; id <= 50; id++) {
        assert_int_equal(virgl_renderer_create_fence(id, 0), 0);
    }
    assert_true(vmm_wait_retired(&vmm, 50, false));
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(vmm_retired_at(&vmm, i).id, i + 1);
    }
    vmm_finish(&vmm);
}

/* QEMU 10.0 knows no other fences. */
TEST(without_fences_of_contexts_those_of_context_0_stand_for_all_work)
{
    struct vmm vmm;

    vmm_init(&vmm, 4);
    vmm.callbacks.write_context_fence = NULL;
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(vmm_create_context(1, "busy"), 0);
    assert_int_equal(vmm_create_context(2, "idle"), 0);
    assert_int_equal(virgl_renderer_create_fence(1, 0), 0);
    for (int i = 0; i < 20; i++) {
        virgl_renderer_poll();
        usleep(1000);
    }
    assert_int_equal(vmm_retired_count(&vmm), 0); /* rings 1 to 3 of both are not done */
    for (uint32_t ctx = 1; ctx <= 2; ctx++) {
        assert_int_equal(VMM_SUBMIT(ctx, FAKE_RELEASE, 1, FAKE_RELEASE, 2, FAKE_RELEASE, 3), 0);
    }
    assert_true(vmm_wait_retired(&vmm, 1, true));
    vmm_finish(&vmm);
}

TEST(a_context_that_is_stuck_holds_fences_of_context_0_for_a_second_and_then_no_more)
{
    struct vmm vmm;

    vmm_init(&vmm, 4);
    vmm.callbacks.write_context_fence = NULL;
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(vmm_create_context(1, "stuck"), 0);
    uint64_t start = vmm_now_ms();
    assert_int_equal(virgl_renderer_create_fence(1, 0), 0);
    assert_true(vmm_wait_retired(&vmm, 1, true));
    assert_true(vmm_now_ms() - start >= 900);
    assert_int_equal(virgl_renderer_create_fence(2, 0), 0);
    virgl_renderer_poll();
    assert_int_equal(vmm_retired_count(&vmm), 2);
    vmm_finish(&vmm);
}

TEST(poll_descriptor_of_a_context_wakes_whoever_polls_it)
{
    struct vmm vmm;

    vmm_init(&vmm, 4);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_VTEST), 0);
    assert_int_equal(virgl_renderer_get_poll_fd(), -1);
    assert_int_equal(vmm_create_context(1, "poll"), 0);
    struct pollfd wanted = {.fd = virgl_renderer_context_get_poll_fd(1), .events = POLLIN};
    assert_true(wanted.fd >= 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 8), 0);
    assert_int_equal(poll(&wanted, 1, VMM_LIMIT_MS), 1);
    virgl_renderer_context_poll(1);
    assert_int_equal(vmm_retired_count(&vmm), 1);
    assert_int_equal(poll(&wanted, 1, 0), 0);
    vmm_finish(&vmm);
}

TEST(exported_fences_become_readable_when_they_retire)
{
    struct vmm vmm;
    int fd = -1, done = -1;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "export"), 0);
    assert_int_equal(virgl_renderer_export_fence(6, &fd), -EINVAL);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 6), 0);
    assert_int_equal(virgl_renderer_export_fence(6, &fd), 0);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 0), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_RELEASE, 1), 0);
    assert_int_equal(poll(&wanted, 1, VMM_LIMIT_MS), 1);
    assert_int_equal(virgl_renderer_export_fence(6, &done), 0);
    wanted.fd = done;
    assert_int_equal(poll(&wanted, 1, 0), 1);
    close(fd);
    close(done);
    fd = virgl_renderer_export_signalled_fence();
    wanted.fd = fd;
    assert_int_equal(poll(&wanted, 1, 0), 1);
    close(fd);
    vmm_finish(&vmm);
}

/* On a busy machine the library may not wait long enough for what the worker gives. */
static int
export_pipe(uint64_t id)
{
    uint64_t limit_ms = vmm_now_ms() + VMM_LIMIT_MS;
    struct stat stat;
    int fd = -1;

    for (;;) {
        assert_int_equal(virgl_renderer_export_fence(id, &fd), 0);
        assert_int_equal(fstat(fd, &stat), 0);
        if (S_ISFIFO(stat.st_mode)) {
            return fd;
        }
        close(fd);
        assert_true(vmm_now_ms() < limit_ms);
    }
}

/* What the worker gives is what the monitor gets, and a fence that has retired signalled. */
TEST(fences_are_exported_as_what_the_host_driver_has)
{
    struct vmm vmm;
    int again = -1;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "export"), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_EXPORTS, FAKE_EXPORTS_PIPES), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 6), 0);
    int fd = export_pipe(6);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 0), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_RELEASE, 1), 0);
    assert_int_equal(poll(&wanted, 1, VMM_LIMIT_MS), 1);
    assert_true(vmm_wait_retired(&vmm, 1, false));

    assert_int_equal(virgl_renderer_export_fence(6, &again), 0);
    wanted.fd = again;
    assert_int_equal(poll(&wanted, 1, 0), 1);
    close(fd);
    close(again);
    vmm_finish(&vmm);
}

TEST(a_worker_that_takes_its_time_costs_the_sync_file_and_nothing_else)
{
    struct vmm vmm;
    int fd = -1;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "export"), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_EXPORTS, FAKE_EXPORTS_LATE), 0);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 1, 6), 0);
    assert_int_equal(virgl_renderer_export_fence(6, &fd), 0);
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 0), 0);
    assert_int_equal(VMM_SUBMIT(1, FAKE_RELEASE, 1), 0);
    assert_int_equal(poll(&wanted, 1, VMM_LIMIT_MS), 1);
    assert_int_equal(vmm_create_blob(1, 5, 0, 4096), 0); /* no answer is taken for another */
    close(fd);
    vmm_finish(&vmm);
}

/* --- blobs --- */

TEST(shared_memory_is_sealed_exported_anew_each_time_and_cached)
{
    struct vmm vmm;
    uint32_t type = 0, info = 0;
    int first = -1, second = -1;
    struct stat stat;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "shm"), 0);
    assert_int_equal(vmm_create_blob(1, 5, 0, 131268), 0); /* not a multiple of a page */
    assert_int_equal(virgl_renderer_resource_export_blob(5, &type, &first), 0);
    assert_int_equal(virgl_renderer_resource_export_blob(5, &type, &second), 0);
    assert_int_not_equal(first, second);
    assert_int_equal(type, VIRGL_RENDERER_BLOB_FD_TYPE_SHM);
    assert_int_equal(virgl_renderer_resource_get_map_info(5, &info), 0);
    assert_int_equal(info, VIRGL_RENDERER_MAP_CACHE_CACHED);
    assert_int_equal(fstat(first, &stat), 0);
    assert_int_equal(stat.st_size, 131268);
    assert_true(fcntl(first, F_GET_SEALS) & F_SEAL_SHRINK);
    close(first);
    close(second);
    vmm_finish(&vmm);
}

TEST(maps_share_memory_and_report_the_size_that_was_asked_for)
{
    struct vmm vmm;
    void *map = NULL;
    uint64_t size = 0;
    uint32_t info = 0;
    uint8_t *window = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_11), 0);
    assert_int_equal(vmm_create_context(1, "map"), 0);
    assert_int_equal(vmm_create_blob(1, 5, FAKE_MEMORY_BLOB_ID, 65536), 0);
    assert_int_equal(virgl_renderer_resource_map_fixed(5, window + 8192), 0);
    assert_int_equal(virgl_renderer_resource_get_map_info(5, &info), 0);
    assert_int_equal(virgl_renderer_resource_map(5, &map, &size), 0);
    assert_int_equal(size, 65536);
    assert_int_equal(virgl_renderer_resource_map(5, &map, &size), -EINVAL); /* already */
    memcpy(map, "shared", 7);
    assert_string_equal((char *)window + 8192, "shared");
    assert_int_equal(virgl_renderer_resource_unmap(5), 0);
    assert_int_equal(virgl_renderer_resource_unmap(5), -EINVAL);
    assert_int_equal(virgl_renderer_resource_map_fixed(5, window + 1), -EINVAL);
    assert_int_equal(virgl_renderer_resource_map_fixed(6, window), -EINVAL);
    /* The kernel maps before it attaches, and destroys contexts before their resources. */
    virgl_renderer_ctx_attach_resource(1, 5);
    virgl_renderer_context_destroy(1);
    assert_int_equal(virgl_renderer_resource_map(5, &map, &size), 0);
    assert_string_equal((char *)map, "shared");
    virgl_renderer_ctx_detach_resource(1, 5);
    virgl_renderer_resource_unref(5); /* still mapped */
    assert_string_equal((char *)window + 8192, "shared");
    vmm_finish(&vmm);
    munmap(window, 1 << 20);
}

TEST(what_cannot_be_mapped_at_an_address_says_so_in_the_one_way_that_monitors_understand)
{
    struct vmm vmm;
    struct virgl_renderer_resource_import_blob_args opaque = {
        .res_handle = 8,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
        .fd_type = VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE,
        .fd = eventfd(0, EFD_CLOEXEC),
        .size = 4096,
    };
    uint32_t info;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_11), 0);
    assert_int_equal(virgl_renderer_resource_import_blob(&opaque), 0);
    assert_int_equal(virgl_renderer_resource_map_fixed(8, NULL), -EOPNOTSUPP);
    assert_int_equal(virgl_renderer_resource_get_map_info(8, &info), -EINVAL);
    assert_int_equal(virgl_renderer_resource_import_blob(&opaque), -EINVAL); /* the id is taken */
    vmm_finish(&vmm);
}

TEST(resource_info_names_a_borrowed_descriptor_for_every_blob)
{
    struct vmm vmm;
    struct virgl_renderer_resource_info info;
    struct virgl_renderer_resource_info_ext ext;

    memset(&info, 0xaa, sizeof(info)); /* as QEMU passes it */
    memset(&ext, 0xaa, sizeof(ext));
    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(vmm_create_context(1, "info"), 0);
    assert_int_equal(vmm_create_blob(1, 5, 0, 4096), 0);
    assert_int_equal(virgl_renderer_resource_get_info(5, &info), 0);
    assert_int_equal(info.handle, 5);
    assert_true(fcntl(info.fd, F_GETFD) != -1);
    assert_int_equal(info.width, 0xaaaaaaaa);
    assert_int_equal(virgl_renderer_resource_get_info_ext(5, &ext), 0);
    assert_int_equal(ext.base.fd, info.fd);
    assert_int_equal(ext.version, 0);
    assert_int_equal(virgl_renderer_resource_get_info(6, &info), EINVAL);
    vmm_finish(&vmm);
}

TEST(blobs_that_cannot_be_had_fail_with_negative_errors_and_poison_nothing)
{
    struct vmm vmm;
    struct virgl_renderer_resource_create_blob_args args = {
        .res_handle = 5,
        .ctx_id = 1,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
        .blob_flags = VIRGL_RENDERER_BLOB_FLAG_USE_MAPPABLE,
        .size = 4096,
    };
    struct virgl_renderer_resource_create_blob_args broken;
    char page[4096];
    struct iovec iov = {.iov_base = page, .iov_len = sizeof(page)};

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "blobs"), 0);
    broken = args, broken.blob_mem = 7;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -EINVAL);
    broken = args, broken.res_handle = 0;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -EINVAL);
    broken = args, broken.size = 0;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -EINVAL);
    broken = args, broken.ctx_id = 3;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -EINVAL);
    broken = args, broken.iovecs = &iov, broken.num_iovs = 1;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -EINVAL);
    broken = args, broken.blob_id = 1234;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -1);
    broken = args, broken.blob_flags = 3;
    assert_int_equal(virgl_renderer_resource_create_blob(&broken), -1);
    assert_int_equal(virgl_renderer_resource_create_blob(&args), 0);
    assert_int_equal(virgl_renderer_resource_create_blob(&args), -EINVAL); /* the id is taken */
    vmm_finish(&vmm);
}

TEST(guest_memory_blobs_hand_back_the_very_vectors_they_were_made_of)
{
    struct vmm vmm;
    char page[4096];
    struct iovec iov = {.iov_base = page, .iov_len = sizeof(page)}, *back = NULL;
    struct virgl_renderer_resource_create_blob_args args = {
        .res_handle = 5,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_GUEST,
        .blob_flags = VIRGL_RENDERER_BLOB_FLAG_USE_MAPPABLE,
        .size = 4096,
        .iovecs = &iov,
        .num_iovs = 1,
    };
    void *map;
    uint64_t size;
    int count = 0, fd;
    uint32_t type;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    args.size = 8192;
    assert_int_equal(virgl_renderer_resource_create_blob(&args), -EINVAL);
    args.size = 4096;
    assert_int_equal(virgl_renderer_resource_create_blob(&args), 0);
    assert_int_equal(virgl_renderer_resource_map(5, &map, &size), -EINVAL);
    assert_int_equal(virgl_renderer_resource_export_blob(5, &type, &fd), -EINVAL);
    assert_int_equal(virgl_renderer_resource_attach_iov(5, &iov, 1), EINVAL); /* it has some */
    virgl_renderer_resource_detach_iov(5, &back, &count);
    assert_ptr_equal(back, &iov);
    assert_int_equal(count, 1);
    back = (struct iovec *)0x77;
    virgl_renderer_resource_detach_iov(99, &back, &count);
    assert_ptr_equal(back, (struct iovec *)0x77); /* untouched */
    virgl_renderer_resource_detach_iov(5, NULL, NULL);
    vmm_finish(&vmm);
}

/* Fatal, and the submission after it fails, unless the context has imported it so many times. */
static void
expect_imports(struct vmm *vmm, uint32_t ctx, uint32_t resource, uint32_t count)
{
    size_t before = vmm_retired_count(vmm);

    assert_int_equal(VMM_SUBMIT(ctx, FAKE_EXPECT_IMPORT, resource, count), 0);
    assert_int_equal(virgl_renderer_context_create_fence(ctx, 0, 0, before + 1), 0);
    assert_true(vmm_wait_retired(vmm, before + 1, false));
    assert_int_equal(VMM_SUBMIT(ctx, FAKE_NOP), 0);
}

TEST(blobs_reach_other_contexts_once_and_are_forgotten_with_them)
{
    struct vmm vmm;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "owner"), 0);
    assert_int_equal(vmm_create_context(2, "other"), 0);
    assert_int_equal(vmm_create_blob(1, 5, FAKE_MEMORY_BLOB_ID, 4096), 0);
    virgl_renderer_ctx_attach_resource(1, 5); /* it is its own already */
    expect_imports(&vmm, 1, 5, 0);
    virgl_renderer_ctx_attach_resource(2, 5);
    virgl_renderer_ctx_attach_resource(2, 5);
    expect_imports(&vmm, 2, 5, 1);
    virgl_renderer_ctx_detach_resource(2, 5);
    expect_imports(&vmm, 2, 5, 0);
    /* A guest that closes its handle and imports the buffer again, its own one. */
    virgl_renderer_ctx_detach_resource(1, 5);
    virgl_renderer_ctx_attach_resource(1, 5);
    expect_imports(&vmm, 1, 5, 1);
    virgl_renderer_ctx_attach_resource(2, 5);
    virgl_renderer_context_destroy(1);
    expect_imports(&vmm, 2, 5, 1);
    virgl_renderer_resource_unref(5);
    expect_imports(&vmm, 2, 5, 0);
    vmm_finish(&vmm);
}

/* As crosvm does with what minigbm gave it: the memory comes with the plain import, and goes to the
 * contexts that the guest attaches it to. */
TEST(a_dma_buf_of_the_monitors_own_reaches_contexts)
{
    struct vmm vmm;
    struct virgl_renderer_resource_import_blob_args buffer = {
        .res_handle = 5,
        .blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
        .fd_type = VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF,
        .fd = base_fd_create_shared_memory("dma-buf", 65536),
        .size = 65536,
    };
    uint32_t type;
    int fd;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "one"), 0);
    assert_int_equal(vmm_create_context(2, "other"), 0);
    assert_int_equal(virgl_renderer_resource_import_blob(&buffer), 0);
    expect_imports(&vmm, 1, 5, 0);
    virgl_renderer_ctx_attach_resource(1, 5);
    virgl_renderer_ctx_attach_resource(2, 5);
    expect_imports(&vmm, 1, 5, 1);
    expect_imports(&vmm, 2, 5, 1);
    assert_int_equal(virgl_renderer_resource_export_blob(5, &type, &fd), 0);
    assert_int_equal(type, VIRGL_RENDERER_BLOB_FD_TYPE_DMABUF);
    base_fd_close(&fd);
    virgl_renderer_resource_unref(5);
    expect_imports(&vmm, 1, 5, 0);
    vmm_finish(&vmm);
}

TEST(export_query_answers_without_a_descriptor_and_checks_its_size)
{
    struct vmm vmm;
    struct virgl_renderer_export_query query = {
        .hdr = {.stype = VIRGL_RENDERER_STRUCTURE_TYPE_EXPORT_QUERY, .size = sizeof(query)},
        .in_resource_id = 5,
    };
    struct virgl_renderer_supported_structures supported = {
        .hdr = {.stype = VIRGL_RENDERER_STRUCTURE_TYPE_SUPPORTED_STRUCTURES,
                .size = sizeof(supported)},
    };

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(vmm_create_context(1, "query"), 0);
    assert_int_equal(vmm_create_blob(1, 5, 0, 4096), 0);
    assert_int_equal(virgl_renderer_execute(&query, sizeof(query)), 0);
    assert_int_equal(query.out_num_fds, 1);
    assert_int_equal(query.out_fds[0], -1);
    assert_true(query.out_modifier == UINT64_C(0x00ffffffffffffff));
    assert_int_equal(virgl_renderer_execute(&query, sizeof(query) - 1), -EINVAL);
    query.in_export_fds = 1;
    assert_int_equal(virgl_renderer_execute(&query, sizeof(query)), -EINVAL);
    assert_int_equal(virgl_renderer_execute(&supported, sizeof(supported)), 0);
    assert_int_equal(supported.out_supported_structures_mask, 3);
    assert_int_equal(virgl_renderer_execute(&supported, 2), -EINVAL);
    vmm_finish(&vmm);
}

/* --- images --- */

struct box {
    uint32_t x, y, z, w, h, d;
};

static struct virgl_renderer_resource_create_args
image_args(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
    return (struct virgl_renderer_resource_create_args){
        .handle = id,
        .target = 2,
        .format = format,
        .bind = 2,
        .width = width,
        .height = height,
        .depth = 1,
        .array_size = 1,
        .flags = 1,
    };
}

TEST(images_take_and_give_rows_of_scattered_guest_memory)
{
    struct vmm vmm;
    struct virgl_renderer_resource_create_args args = image_args(7, 1, 8, 4);
    uint32_t guest[8 * 4], out[8 * 4] = {0};
    struct iovec pieces[] = {
        {.iov_base = guest, .iov_len = 13},
        {.iov_base = (char *)guest + 13, .iov_len = sizeof(guest) - 13},
    };
    struct iovec whole = {.iov_base = out, .iov_len = sizeof(out)};
    struct box all = {.w = 8, .h = 4, .d = 1}, part = {.x = 2, .y = 1, .w = 3, .h = 2, .d = 1};

    for (uint32_t i = 0; i < 32; i++) {
        guest[i] = i * 0x01020304;
    }
    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(virgl_renderer_resource_create(&args, NULL, 0), 0);
    assert_int_equal(virgl_renderer_resource_create(&args, NULL, 0), -EINVAL);
    assert_int_equal(virgl_renderer_resource_attach_iov(7, pieces, 2), 0);
    assert_int_equal(virgl_renderer_resource_attach_iov(7, pieces, 2), EINVAL);
    /* As QEMU passes the kernel's damage: no stride, the offset of the first pixel. */
    assert_int_equal(virgl_renderer_transfer_write_iov(7, 0, 0, 0, 0, (struct virgl_box *)&part,
                                                       (1 * 8 + 2) * 4, NULL, 0),
                     0);
    assert_int_equal(
        virgl_renderer_transfer_read_iov(7, 0, 0, 32, 0, (struct virgl_box *)&all, 0, &whole, 1),
        0);
    for (uint32_t y = 0; y < 4; y++) {
        for (uint32_t x = 0; x < 8; x++) {
            bool inside = x >= 2 && x < 5 && y >= 1 && y < 3;
            assert_int_equal(out[y * 8 + x], inside ? guest[y * 8 + x] : 0);
        }
    }
    part.x = 6;
    assert_int_equal(
        virgl_renderer_transfer_write_iov(7, 0, 0, 0, 0, (struct virgl_box *)&part, 0, NULL, 0),
        EINVAL);
    assert_int_equal(
        virgl_renderer_transfer_write_iov(7, 0, 0, 0, 0, (struct virgl_box *)&all, 4, NULL, 0),
        EINVAL); /* beyond the guest's memory */
    vmm_finish(&vmm);
}

TEST(images_without_opengl_have_no_texture_but_all_else)
{
    struct vmm vmm;
    struct virgl_renderer_resource_create_args args = image_args(7, 2, 640, 480);
    struct virgl_renderer_resource_info_ext info;

    memset(&info, 0xaa, sizeof(info));
    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(virgl_renderer_resource_create(&args, NULL, 0), 0);
    assert_int_equal(virgl_renderer_resource_get_info_ext(7, &info), 0);
    assert_int_equal(info.base.tex_id, 0);
    assert_int_equal(info.base.width, 640);
    assert_int_equal(info.base.height, 480);
    assert_int_equal(info.base.stride, 2560);
    assert_int_equal(info.base.flags, 1);
    assert_int_equal(info.base.drm_fourcc, 0x34325258); /* XR24 */
    assert_int_equal(info.base.fd, -1);
    virgl_renderer_resource_unref(7);
    args = image_args(7, 3000, 640, 480);
    assert_int_equal(virgl_renderer_resource_create(&args, NULL, 0), EINVAL);
    args = image_args(7, 1, 1u << 20, 480);
    assert_int_equal(virgl_renderer_resource_create(&args, NULL, 0), EINVAL);
    vmm_finish(&vmm);
}

TEST(cursors_come_as_memory_that_the_caller_frees)
{
    struct vmm vmm;
    struct virgl_renderer_resource_create_args args = image_args(7, 67, 2, 1); /* R G B A */
    uint8_t guest[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct iovec iov = {.iov_base = guest, .iov_len = sizeof(guest)};
    struct box all = {.w = 2, .h = 1, .d = 1};
    uint32_t width = 0, height = 0;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(virgl_renderer_resource_create(&args, &iov, 1), 0);
    assert_int_equal(
        virgl_renderer_transfer_write_iov(7, 0, 0, 0, 0, (struct virgl_box *)&all, 0, NULL, 0), 0);
    uint8_t *data = virgl_renderer_get_cursor_data(7, &width, &height);
    assert_non_null(data);
    assert_int_equal(width, 2);
    assert_int_equal(height, 1);
    assert_memory_equal(data, ((uint8_t[]){3, 2, 1, 4, 7, 6, 5, 8}), 8);
    free(data);
    assert_null(virgl_renderer_get_cursor_data(8, &width, &height));
    vmm_finish(&vmm);
}

TEST(resources_keep_what_the_monitor_stores_with_them)
{
    struct vmm vmm;
    struct virgl_renderer_resource_create_args args = image_args(7, 1, 2, 1);
    int mark;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_QEMU_10_0), 0);
    assert_int_equal(virgl_renderer_resource_create(&args, NULL, 0), 0);
    virgl_renderer_resource_set_priv(7, &mark);
    assert_ptr_equal(virgl_renderer_resource_get_priv(7), &mark);
    assert_null(virgl_renderer_resource_get_priv(8));
    vmm_finish(&vmm);
}

TEST(what_belongs_to_opengl_fails)
{
    struct vmm vmm;
    struct virgl_renderer_resource_create_args args = image_args(7, 1, 2, 1);
    int fd, stride, offset;

    vmm_init(&vmm, 3);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    assert_int_equal(virgl_renderer_get_fd_for_texture(1, &fd), -1);
    assert_int_equal(virgl_renderer_get_fd_for_texture2(1, &fd, &stride, &offset), -1);
    assert_int_equal(virgl_renderer_resource_import_eglimage(&args, &args), EINVAL);
    assert_int_equal(virgl_renderer_get_dev_fd(1), -ENODEV);
    virgl_renderer_force_ctx_0();
    vmm_finish(&vmm);
}

TEST(calls_without_initialisation_do_nothing)
{
    uint32_t word = 0;
    int fd;

    virgl_renderer_poll();
    virgl_renderer_reset();
    virgl_renderer_force_ctx_0();
    virgl_renderer_cleanup(NULL);
    virgl_renderer_context_destroy(1);
    virgl_renderer_resource_unref(1);
    assert_int_equal(virgl_renderer_submit_cmd(&word, 1, 1), EINVAL);
    assert_int_equal(virgl_renderer_context_create_fence(1, 0, 0, 1), -EINVAL);
    assert_int_equal(virgl_renderer_export_fence(1, &fd), -EINVAL);
    assert_int_equal(virgl_renderer_create_fence(1, 0), EINVAL);
}
