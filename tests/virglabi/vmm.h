/* A machine monitor as tests need one: counts callbacks, keeps messages, finds processes. The
 * render server behind the library is the real one around the renderer of
 * tests/fault/fake_context.c; its path is in RENDER_SERVER_EXEC_PATH. */
#ifndef TESTS_VIRGLABI_VMM_H
#define TESTS_VIRGLABI_VMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "virglabi/virgl/virglrenderer.h"
#include "wire/capset.h"

enum {
    VMM_CAPSET_SIZE = sizeof(struct wire_capset),
    VMM_VENUS = 4,
    VMM_LIMIT_MS = 20000, /* for what should take a moment, on a busy machine */

    /* What monitors pass to virgl_renderer_init(). */
    VMM_FLAGS_QEMU_10_0 = VIRGL_RENDERER_VENUS | VIRGL_RENDERER_RENDER_SERVER,
    VMM_FLAGS_QEMU_11 =
        VMM_FLAGS_QEMU_10_0 | VIRGL_RENDERER_ASYNC_FENCE_CB | VIRGL_RENDERER_THREAD_SYNC,
    VMM_FLAGS_CROSVM = VMM_FLAGS_QEMU_11 | VIRGL_RENDERER_NO_VIRGL,
    VMM_FLAGS_MUVM = VMM_FLAGS_CROSVM | VIRGL_RENDERER_USE_EGL,
    VMM_FLAGS_VTEST = VMM_FLAGS_QEMU_10_0 | VIRGL_RENDERER_NO_VIRGL | VIRGL_RENDERER_THREAD_SYNC |
                      VIRGL_RENDERER_USE_EXTERNAL_BLOB,
};

/* Commands of the fake renderer. */
enum {
    FAKE_NOP = 1,
    FAKE_FATAL,
    FAKE_FATAL_LATER,
    FAKE_BLOCK,
    FAKE_BLOCK_TEARDOWN,
    FAKE_CRASH,
    FAKE_RELEASE,       /* + ring index */
    FAKE_RING,          /* + resource, offset */
    FAKE_EXPECT_IMPORT, /* + resource, 0 or 1 */
    FAKE_EXPORTS,       /* + one of FAKE_EXPORTS_ */
    FAKE_MEMORY_BLOB_ID = 77,
};

/* What its fences are exported as. */
enum {
    FAKE_EXPORTS_NOTHING,
    FAKE_EXPORTS_PIPES, /* that hang up when the fence is released */
    FAKE_EXPORTS_LATE,
};

struct vmm_retired {
    uint32_t context_id, ring_idx;
    uint64_t id;
    bool own_thread; /* called back on the thread that called vmm_init() */
};

struct vmm {
    struct virgl_renderer_callbacks callbacks;
    pthread_t thread;
    int server_fd; /* what get_server_fd gives, once */
    unsigned server_fd_asked;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct vmm_retired *retired; /* guarded by lock, in order */
    size_t retired_count, retired_capacity;
    char *messages; /* guarded by lock: what was logged, a line each */
    size_t messages_size;
    /* Called in each callback of a fence, without a lock; may be NULL. */
    void (*on_retired)(struct vmm *vmm, const struct vmm_retired *retired);
};

/* `version` of the callback table. Messages go to the vmm. */
void vmm_init(struct vmm *vmm, int version);
void vmm_finish(struct vmm *vmm);
int vmm_start(struct vmm *vmm, int flags);

/* False: not within VMM_LIMIT_MS. `poll`: keeps calling virgl_renderer_poll() meanwhile. */
bool vmm_wait_retired(struct vmm *vmm, size_t count, bool poll);
bool vmm_wait_message(struct vmm *vmm, const char *part);
size_t vmm_retired_count(struct vmm *vmm);
/* The n-th callback. */
struct vmm_retired vmm_retired_at(struct vmm *vmm, size_t n);
bool vmm_has_message(struct vmm *vmm, const char *part);

/* A context of Venus; returns the library's result. */
int vmm_create_context(uint32_t id, const char *name);
int vmm_submit(uint32_t context_id, const uint32_t *commands, size_t count);
#define VMM_SUBMIT(context_id, ...)                                                                \
    vmm_submit(context_id, (const uint32_t[]){__VA_ARGS__},                                        \
               sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
int vmm_create_blob(uint32_t context_id, uint32_t resource_id, uint64_t blob_id, uint64_t size);

/* As crosvm starts what --gpu-render-server names: before, with a descriptor of its own. Returns
 * the other end, -1 on failure. `option`: one more argument, or NULL. */
int vmm_start_server(pid_t *out_pid, const char *option);
/* The one child process of this one with that name; 0: there is none. */
pid_t vmm_find_child(pid_t parent, const char *name);
/* False: still there after VMM_LIMIT_MS. */
bool vmm_wait_gone(pid_t pid);
uint64_t vmm_now_ms(void);

#endif
