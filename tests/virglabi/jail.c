/* The render server in a jail like crosvm's (jail_filter.c, preloaded): whatever it does in its
 * life, it must do with the system calls that are allowed there. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "tests/virglabi/vmm.h"

enum {
    NO_FILTERS = 77,
};

static int
wait_for(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
    return status;
}

/* The server's descriptor; *out_pid is the jailed server. `option` may be NULL. */
static int
start_in_jail(pid_t *out_pid, const char *option)
{
    setenv("LD_PRELOAD", getenv("JAIL_FILTER"), 1);
    int fd = vmm_start_server(out_pid, option);
    unsetenv("LD_PRELOAD");
    return fd;
}

TEST(the_jail_kills)
{
    pid_t pid = 0;
    int fd = start_in_jail(&pid, "--raise-descriptor-limit"); /* which needs prlimit64 */
    int status = wait_for(pid);

    close(fd);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS) {
        print_message("skipped: no seccomp filters here\n");
        exit(NO_FILTERS);
    }
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

TEST(the_server_lives_in_a_jail_with_all_that_it_does)
{
    struct vmm vmm;
    pid_t server = 0;
    uint32_t type;
    int fd = -1;

    vmm_init(&vmm, 3);
    vmm.server_fd = start_in_jail(&server, NULL);
    assert_int_equal(vmm_start(&vmm, VMM_FLAGS_CROSVM), 0);
    for (uint32_t ctx = 1; ctx <= 3; ctx++) {
        assert_int_equal(vmm_create_context(ctx, "jailed"), 0);
        assert_int_equal(vmm_create_blob(ctx, 10 + ctx, 0, 8192), 0);
        assert_int_equal(virgl_renderer_resource_export_blob(10 + ctx, &type, &fd), 0);
        close(fd);
        assert_int_equal(VMM_SUBMIT(ctx, FAKE_NOP), 0);
        assert_int_equal(virgl_renderer_context_create_fence(ctx, 0, 1, ctx), 0);
        assert_int_equal(VMM_SUBMIT(ctx, FAKE_RELEASE, 1), 0);
    }
    assert_true(vmm_wait_retired(&vmm, 3, false));

    /* A worker that dies is reaped, one that hangs ends itself, one that breaks rules is closed. */
    pid_t worker = vmm_find_child(server, "vesper-worker");
    assert_true(worker > 0);
    kill(worker, SIGKILL);
    assert_true(vmm_wait_message(&vmm, "died of SIGKILL"));
    assert_int_equal(vmm_create_context(4, "stuck"), 0);
    assert_int_equal(VMM_SUBMIT(4, FAKE_BLOCK), 0);
    virgl_renderer_context_destroy(4);
    assert_int_equal(vmm_create_context(5, "wrong"), 0);
    assert_int_equal(VMM_SUBMIT(5, FAKE_FATAL), 0);
    assert_int_equal(virgl_renderer_context_create_fence(5, 0, 0, 9), 0);
    assert_true(vmm_wait_retired(&vmm, 4, false));

    virgl_renderer_cleanup(&vmm);
    assert_false(vmm_has_message(&vmm, "SIGSYS"));
    int status = wait_for(server);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    vmm_finish(&vmm);
}
