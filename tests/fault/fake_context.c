/* A renderer that does what a test tells it: the server under test believes it to be the real one.
 * Its "commands" are single dwords, with an argument dword behind some.
 *
 * Ring indices 1 to 3 are bound; their fences retire when RELEASE says so, from a thread of their
 * own. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "renderer/context.h"
#include "renderer/warm_up.h"

enum fake_command {
    FAKE_NOP = 1,
    FAKE_FATAL,          /* the context becomes fatal */
    FAKE_FATAL_LATER,    /* the same from another thread, 50 ms later */
    FAKE_BLOCK,          /* a host call that never returns */
    FAKE_BLOCK_TEARDOWN, /* the same in rnd_context_destroy() */
    FAKE_CRASH,
    FAKE_RELEASE,       /* + ring index: retires its fences */
    FAKE_RING,          /* + resource, offset: a ring with its status word there begins */
    FAKE_EXPECT_IMPORT, /* + resource, 0 or 1: fatal unless so many of that id are imported */
    FAKE_EXPORTS,       /* + enum fake_exports */
};

/* What becomes of fences that are exported. */
enum fake_exports {
    FAKE_EXPORTS_NOTHING,
    FAKE_EXPORTS_PIPES, /* one end; release closes the other */
    FAKE_EXPORTS_LATE,  /* after half a second */
};

enum {
    BOUND_RINGS = 4, /* index 0 is the CPU's */
    MEMORY_BLOB_ID = 77,
    MAX_THREADS = 64,
    MAX_IMPORTS = 16,
};

struct rnd_context {
    struct rnd_context_info info;
    char name[128];
    _Atomic bool fatal;
    bool block_teardown;
    uint64_t last_fence[BOUND_RINGS]; /* 0: none is pending */
    enum fake_exports exports;
    int exported[BOUND_RINGS][2];  /* a pipe, of a fence that was exported; 0: none */
    uint32_t imports[MAX_IMPORTS]; /* resource ids; 0: free */
    pthread_t threads[MAX_THREADS];
    unsigned thread_count;
};

void
rnd_context_get_capset(struct wire_capset *out)
{
    *out = (struct wire_capset){
        .wire_format_version = WIRE_FORMAT_VERSION,
        .vk_xml_version = 0x00404157,
        .supports_blob_id_0 = 1,
        .tail_magic = WIRE_TAIL_MAGIC,
        .tail_version = WIRE_TAIL_VERSION,
        .tail_features = WIRE_FEATURE_EXTERNAL_MEMORY,
    };
}

struct rnd_context *
rnd_context_create(const struct rnd_context_info *info)
{
    struct rnd_context *ctx = calloc(1, sizeof(*ctx));

    if (ctx) {
        ctx->info = *info;
    }
    return ctx;
}

static void
block(void)
{
    for (;;) {
        pause();
    }
}

void
rnd_context_destroy(struct rnd_context *ctx)
{
    if (ctx->block_teardown) {
        block();
    }
    for (unsigned i = 0; i < ctx->thread_count; i++) {
        pthread_join(ctx->threads[i], NULL);
    }
    free(ctx);
}

static void
set_fatal(struct rnd_context *ctx)
{
    if (!atomic_exchange(&ctx->fatal, true)) {
        base_log_warn("fake context: fatal, as told");
        ctx->info.fatal(ctx->info.user, "as told");
    }
}

static void *
set_fatal_later(void *argument)
{
    usleep(50 * 1000);
    set_fatal(argument);
    return NULL;
}

struct retirement {
    struct rnd_context *ctx;
    uint32_t ring_idx;
    uint64_t fence_id;
};

static void *
retire(void *argument)
{
    struct retirement *retirement = argument;
    const struct rnd_context_info *info = &retirement->ctx->info;

    info->fence_retired(info->user, retirement->ring_idx, retirement->fence_id);
    free(retirement);
    return NULL;
}

static void
start_thread(struct rnd_context *ctx, void *(*run)(void *), void *argument)
{
    if (ctx->thread_count == MAX_THREADS ||
        pthread_create(&ctx->threads[ctx->thread_count], NULL, run, argument) != 0) {
        abort();
    }
    ctx->thread_count++;
}

static void
release_ring(struct rnd_context *ctx, uint32_t ring_idx)
{
    struct retirement *retirement = malloc(sizeof(*retirement));

    if (!retirement || ring_idx >= BOUND_RINGS) {
        abort();
    }
    *retirement = (struct retirement){
        .ctx = ctx, .ring_idx = ring_idx, .fence_id = ctx->last_fence[ring_idx]};
    ctx->last_fence[ring_idx] = 0;
    if (ctx->exported[ring_idx][0] > 0) {
        close(ctx->exported[ring_idx][0]);
        close(ctx->exported[ring_idx][1]);
        ctx->exported[ring_idx][0] = 0;
    }
    start_thread(ctx, retire, retirement);
}

static uint32_t
count_imports(const struct rnd_context *ctx, uint32_t resource_id)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < MAX_IMPORTS; i++) {
        count += ctx->imports[i] == resource_id;
    }
    return count;
}

static void
replace_import(struct rnd_context *ctx, uint32_t before, uint32_t after)
{
    for (unsigned i = 0; i < MAX_IMPORTS; i++) {
        if (ctx->imports[i] == before) {
            ctx->imports[i] = after;
            return;
        }
    }
}

enum rnd_result
rnd_context_submit(struct rnd_context *ctx, const void *commands, size_t size)
{
    const uint32_t *at = commands, *end = at + size / 4;

    while (at < end && !ctx->fatal) {
        switch (*at++) {
        case FAKE_NOP: break;
        case FAKE_FATAL_LATER: start_thread(ctx, set_fatal_later, ctx); break;
        case FAKE_BLOCK: block(); break;
        case FAKE_BLOCK_TEARDOWN: ctx->block_teardown = true; break;
        case FAKE_CRASH:
            signal(SIGSEGV, SIG_DFL); /* past a sanitizer */
            raise(SIGSEGV);
            break;
        case FAKE_RELEASE: release_ring(ctx, *at++); break;
        case FAKE_RING:
            ctx->info.ring_changed(ctx->info.user, true, at[0], at[1]);
            at += 2;
            break;
        case FAKE_EXPECT_IMPORT:
            if (count_imports(ctx, at[0]) != at[1]) {
                set_fatal(ctx);
            }
            at += 2;
            break;
        case FAKE_EXPORTS: ctx->exports = *at++; break;
        default: set_fatal(ctx); break;
        }
    }
    return ctx->fatal ? RND_FATAL : RND_OK;
}

enum rnd_result
rnd_context_create_fence(struct rnd_context *ctx, uint32_t ring_idx, uint64_t fence_id)
{
    if (ctx->fatal) {
        return RND_FATAL;
    }
    if (ring_idx == 0) {
        ctx->info.fence_retired(ctx->info.user, 0, fence_id);
        return RND_OK;
    }
    if (ring_idx >= BOUND_RINGS) {
        return RND_INVALID;
    }
    ctx->last_fence[ring_idx] = fence_id;
    return RND_OK;
}

enum rnd_result
rnd_context_export_fence(struct rnd_context *ctx, uint32_t ring_idx, uint64_t fence_id, int *out_fd)
{
    if (ctx->exports == FAKE_EXPORTS_LATE) {
        usleep(500 * 1000);
    }
    if (ctx->exports == FAKE_EXPORTS_NOTHING || ring_idx >= BOUND_RINGS) {
        return RND_INVALID;
    }
    if (ctx->last_fence[ring_idx] != fence_id) {
        *out_fd = -1;
        return RND_OK;
    }
    if (ctx->exported[ring_idx][0] == 0 && pipe2(ctx->exported[ring_idx], O_CLOEXEC) != 0) {
        abort();
    }
    *out_fd = base_fd_duplicate(ctx->exported[ring_idx][0]);
    return *out_fd == -1 ? RND_NO_MEMORY : RND_OK;
}

enum rnd_result
rnd_context_create_blob(struct rnd_context *ctx, uint32_t resource_id, uint64_t blob_id,
                        uint64_t size, uint32_t flags, struct rnd_blob *out)
{
    if (ctx->fatal) {
        return RND_FATAL;
    }
    if (size == 0 || (blob_id == 0 && flags != RND_BLOB_MAPPABLE) ||
        (blob_id != 0 && blob_id != MEMORY_BLOB_ID)) {
        base_log_warn("fake context: no blob of that kind");
        return RND_INVALID;
    }
    struct rnd_blob blob = {.fd = base_fd_create_shared_memory("fake", size)};
    if (blob.fd == -1) {
        base_log_warn("fake context: no blob of that size");
        return RND_NO_MEMORY;
    }
    *out = blob;
    return RND_OK;
}

enum rnd_result
rnd_context_import(struct rnd_context *ctx, uint32_t resource_id, const struct rnd_fd *memory)
{
    if (ctx->fatal || memory->size == 0) {
        return ctx->fatal ? RND_FATAL : RND_INVALID;
    }
    replace_import(ctx, 0, resource_id);
    return RND_OK;
}

void
rnd_context_unref_resource(struct rnd_context *ctx, uint32_t resource_id)
{
    replace_import(ctx, resource_id, 0);
}

bool
rnd_context_is_fatal(const struct rnd_context *ctx)
{
    return ctx->fatal;
}

/* --- spare workers: there is nothing to find out, and the driver behaves as VESPER_FAKE_WARM_UP
 * says
 * --- */

void
rnd_warm_up_begin(int done_fd)
{
    const char *wish = getenv("VESPER_FAKE_WARM_UP");

    if (wish && strcmp(wish, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* past a sanitizer */
        raise(SIGSEGV);
    }
    if (!wish || strcmp(wish, "block") != 0) {
        eventfd_write(done_fd, 1);
    }
    close(done_fd);
}

/* It has no thread that could still be at it. */
void
rnd_warm_up_wait(void)
{
}

void
rnd_findings_get(struct rnd_findings *out)
{
    *out = (struct rnd_findings){0};
}

void
rnd_findings_set(const struct rnd_findings *findings)
{
    (void)findings;
}
