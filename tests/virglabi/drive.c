/* The interface as crosvm's rutabaga and as libkrun drive it: their flags, callbacks, order of
 * calls and threads, ten thousand fences, twice in one process. Neither can be installed here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "tests/virglabi/vmm.h"

enum {
    FENCES = 10000,
    RINGS = 4, /* of the fake renderer */
    CONTEXTS = 2,
    RELEASE_EVERY = 1000, /* fences; each release is a thread of the fake renderer's */
    WINDOW_SIZE = 4 << 20,
    PAGE = 4096,
};

/* cmocka's assertions belong to the test's thread, and monitors have a thread for the GPU. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static bool
have_arrived_in_order(struct vmm *vmm)
{
    uint64_t last[CONTEXTS + 1][RINGS] = {0};

    for (size_t i = 0; i < vmm_retired_count(vmm); i++) {
        struct vmm_retired retired = vmm_retired_at(vmm, i);
        CHECK(retired.context_id <= CONTEXTS && retired.ring_idx < RINGS);
        CHECK(retired.id > last[retired.context_id][retired.ring_idx]);
        last[retired.context_id][retired.ring_idx] = retired.id;
    }
    return true;
}

/* A fence behind each of many submissions, on all rings of all contexts. */
static bool
fence_much(struct vmm *vmm)
{
    size_t before = vmm_retired_count(vmm);

    for (uint32_t i = 0; i < FENCES; i++) {
        uint32_t ctx = 1 + i % CONTEXTS, ring = i / CONTEXTS % RINGS;
        virgl_renderer_force_ctx_0();
        CHECK(VMM_SUBMIT(ctx, FAKE_NOP) == 0);
        CHECK(virgl_renderer_context_create_fence(ctx, VIRGL_RENDERER_FENCE_FLAG_MERGEABLE, ring,
                                                  i + 1) == 0);
        if ((i + 1) % RELEASE_EVERY == 0) {
            for (ctx = 1; ctx <= CONTEXTS; ctx++) {
                CHECK(VMM_SUBMIT(ctx, FAKE_RELEASE, 1, FAKE_RELEASE, 2, FAKE_RELEASE, 3) == 0);
            }
        }
        if (i % 64 == 0) {
            virgl_renderer_poll();
        }
    }
    CHECK(vmm_wait_retired(vmm, before + FENCES, false));
    return have_arrived_in_order(vmm);
}

static bool
draw_a_console(void)
{
    struct virgl_renderer_resource_create_args args = {
        .handle = 100,
        .target = 2,
        .format = 2,
        .bind = 2,
        .width = 64,
        .height = 32,
        .depth = 1,
        .array_size = 1,
        .flags = 1,
    };
    uint32_t box[6] = {0, 0, 0, 64, 32, 1};
    static uint8_t guest[64 * 32 * 4], host[64 * 32 * 4];
    struct iovec backing = {.iov_base = guest, .iov_len = sizeof(guest)};
    struct iovec display = {.iov_base = host, .iov_len = sizeof(host)};

    memset(guest, 0x5a, sizeof(guest));
    memset(host, 0, sizeof(host));
    CHECK(virgl_renderer_resource_create(&args, NULL, 0) == 0);
    CHECK(virgl_renderer_resource_attach_iov(100, &backing, 1) == 0);
    CHECK(virgl_renderer_transfer_write_iov(100, 0, 0, 0, 0, (struct virgl_box *)box, 0, NULL, 0) ==
          0);
    CHECK(virgl_renderer_transfer_read_iov(100, 0, 0, 64 * 4, 0, (struct virgl_box *)box, 0,
                                           &display, 1) == 0);
    CHECK(memcmp(guest, host, sizeof(host)) == 0);
    virgl_renderer_resource_detach_iov(100, NULL, NULL);
    virgl_renderer_resource_unref(100);
    return true;
}

static bool
ask_for_capsets(void)
{
    uint32_t version, size;
    uint8_t caps[VMM_CAPSET_SIZE];

    virgl_renderer_get_cap_set(VMM_VENUS, &version, &size);
    CHECK(version == 0 && size == sizeof(caps));
    virgl_renderer_fill_caps(VMM_VENUS, version, caps);
    CHECK(caps[0] == 1);
    return true;
}

/* --- crosvm --- */

static bool
map_as_crosvm_does(uint32_t resource)
{
    uint32_t info = 0, type = 0;
    uint64_t size = 0;
    void *map = NULL;
    int fd = -1;

    CHECK(vmm_create_blob(1, resource, resource % 2 ? 0 : FAKE_MEMORY_BLOB_ID, 4 * PAGE) == 0);
    CHECK(virgl_renderer_resource_export_blob(resource, &type, &fd) == 0);
    CHECK(type == VIRGL_RENDERER_BLOB_FD_TYPE_SHM);
    CHECK(virgl_renderer_resource_get_map_info(resource, &info) == 0);
    CHECK(info == VIRGL_RENDERER_MAP_CACHE_CACHED);
    CHECK(virgl_renderer_resource_map(resource, &map, &size) == 0 && size == 4 * PAGE);
    memset(map, (int)resource, size);
    uint8_t *slot = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(slot != MAP_FAILED && slot[size - 1] == (uint8_t)resource);
    munmap(slot, size);
    close(fd);
    virgl_renderer_ctx_attach_resource(1, (int)resource);
    CHECK(virgl_renderer_resource_unmap(resource) == 0);
    virgl_renderer_ctx_detach_resource(1, (int)resource);
    virgl_renderer_resource_unref(resource);
    return true;
}

static bool
run_as_crosvm(struct vmm *vmm)
{
    CHECK(vmm_start(vmm, VMM_FLAGS_CROSVM | VIRGL_RENDERER_USE_EXTERNAL_BLOB) == 0);
    CHECK(ask_for_capsets());
    CHECK(virgl_renderer_get_poll_fd() == -1);
    for (uint32_t ctx = 1; ctx <= CONTEXTS; ctx++) {
        CHECK(virgl_renderer_context_create_with_flags(ctx, VMM_VENUS, 5, "guest") == 0);
    }
    for (uint32_t resource = 1; resource <= 20; resource++) {
        CHECK(map_as_crosvm_does(resource));
    }
    CHECK(draw_a_console());
    size_t before = vmm_retired_count(vmm);
    CHECK(virgl_renderer_create_fence(1, 0) == 0);
    CHECK(vmm_wait_retired(vmm, before + 1, false));
    CHECK(fence_much(vmm));
    for (uint32_t ctx = 1; ctx <= CONTEXTS; ctx++) {
        virgl_renderer_context_destroy(ctx);
    }
    virgl_renderer_cleanup(vmm);
    return true;
}

/* --- libkrun --- */

static unsigned debug_messages;

static void
note_debug(const char *format, va_list args)
{
    debug_messages++;
}

/* Its bindings take the ring for 64 bits wide. */
typedef int (*create_fence_u64)(uint32_t ctx, uint32_t flags, uint64_t ring, uint64_t id);

static bool
map_as_libkrun_does(uint8_t *window, uint32_t resource)
{
    uint32_t type = 0;
    int fd = -1;

    CHECK(vmm_create_blob(2, resource, 0, 2 * PAGE) == 0);
    CHECK(virgl_renderer_resource_export_blob(resource, &type, &fd) == 0);
    CHECK(type == VIRGL_RENDERER_BLOB_FD_TYPE_SHM);
    uint8_t *at = window + (size_t)resource * 2 * PAGE;
    CHECK(mmap(at, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == at);
    close(fd);
    at[0] = 1;
    virgl_renderer_ctx_attach_resource(2, (int)resource);
    return true;
}

static bool
run_as_libkrun(struct vmm *vmm)
{
    create_fence_u64 create_fence = (create_fence_u64)(void *)virgl_renderer_context_create_fence;
    uint8_t *window = mmap(NULL, WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(window != MAP_FAILED);
    virgl_set_debug_callback(note_debug);
    CHECK(vmm_start(vmm, VMM_FLAGS_MUVM) == 0);
    CHECK(ask_for_capsets());
    for (uint32_t ctx = 1; ctx <= CONTEXTS; ctx++) {
        CHECK(virgl_renderer_context_create_with_flags(ctx, VMM_VENUS, 5, "guest") == 0);
    }
    for (uint32_t resource = 1; resource <= 20; resource++) {
        CHECK(map_as_libkrun_does(window, resource));
    }
    CHECK(draw_a_console());
    size_t before = vmm_retired_count(vmm);
    CHECK(create_fence(1, VIRGL_RENDERER_FENCE_FLAG_MERGEABLE, 0, 1) == 0);
    CHECK(virgl_renderer_create_fence(7, 0) == 0);
    CHECK(vmm_wait_retired(vmm, before + 2, false));
    vmm->retired_count = 0; /* ids begin anew below */
    CHECK(fence_much(vmm));
    for (uint32_t resource = 1; resource <= 20; resource++) {
        virgl_renderer_resource_unref(resource);
    }
    virgl_renderer_context_destroy(1);
    virgl_renderer_cleanup(vmm);
    virgl_set_debug_callback(NULL);
    munmap(window, WINDOW_SIZE);
    return true;
}

/* --- the thread for the GPU --- */

struct drive {
    struct vmm *vmm;
    bool (*run)(struct vmm *vmm);
    bool passed;
};

static void *
drive(void *argument)
{
    struct drive *drive = argument;

    drive->passed = drive->run(drive->vmm);
    return NULL;
}

static bool
drive_on_a_thread(struct vmm *vmm, bool (*run)(struct vmm *vmm))
{
    struct drive argument = {.vmm = vmm, .run = run};
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, drive, &argument), 0);
    pthread_join(thread, NULL);
    return argument.passed;
}

TEST(as_crosvm_with_a_server_of_its_own)
{
    for (int i = 0; i < 2; i++) {
        struct vmm vmm;
        pid_t pid = 0;
        vmm_init(&vmm, 3);
        vmm.server_fd = vmm_start_server(&pid, NULL);
        assert_true(vmm.server_fd >= 0);
        assert_true(drive_on_a_thread(&vmm, run_as_crosvm));
        assert_int_equal(vmm.server_fd_asked, 1);
        vmm_finish(&vmm);
        int status = -1;
        while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
        }
        assert_int_equal(status, 0); /* it ends with the library's hang-up */
    }
}

TEST(as_libkrun)
{
    for (int i = 0; i < 2; i++) {
        struct vmm vmm;
        vmm_init(&vmm, 3);
        assert_true(drive_on_a_thread(&vmm, run_as_libkrun));
        vmm_finish(&vmm);
    }
}
