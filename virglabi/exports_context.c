/* The interface: contexts, their commands and fences. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/fd.h"
#include "base/log.h"
#include "virglabi/context.h"
#include "virglabi/enter.h"
#include "virglabi/library.h"
#include "virglabi/resource.h"

static int
create_context(uint32_t id, uint32_t flags, const char *name, size_t name_size)
{
    uint32_t capset = flags & VIRGL_RENDERER_CONTEXT_FLAG_CAPSET_ID_MASK;
    const struct abi_context *before = abi_context_find(id);

    if (id == 0 || flags != capset) {
        return EINVAL;
    }
    if (before) {
        return before->capset == capset ? 0 : EINVAL;
    }
    if (capset == WIRE_CAPSET_ID && !(abi.flags & VIRGL_RENDERER_RENDER_SERVER)) {
        base_log_warn("no context %u of Venus: the machine monitor did not ask for it with "
                      "VIRGL_RENDERER_VENUS and VIRGL_RENDERER_RENDER_SERVER",
                      id);
        return EINVAL;
    }
    if (capset != WIRE_CAPSET_ID && capset != ABI_CAPSET_VIRGL2) {
        base_log_warn("no context %u of capset %u: this library serves Venus (4)", id, capset);
        return EINVAL;
    }
    return abi_context_create(id, capset, name, name_size);
}

int
virgl_renderer_context_create_with_flags(uint32_t ctx_id, uint32_t ctx_flags, uint32_t nlen,
                                         const char *name)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int error = create_context(ctx_id, ctx_flags, name, nlen);
    abi_leave();
    return error;
}

int
virgl_renderer_context_create(uint32_t handle, uint32_t nlen, const char *name)
{
    return virgl_renderer_context_create_with_flags(handle, ABI_CAPSET_VIRGL2, nlen, name);
}

void
virgl_renderer_context_destroy(uint32_t handle)
{
    if (abi_enter()) {
        struct abi_context *ctx = abi_context_find(handle);
        if (ctx) {
            abi_context_destroy(ctx);
        }
        abi_leave();
    }
}

static int
submit(const void *buffer, int ctx_id, int ndw)
{
    struct abi_context *ctx = ctx_id > 0 ? abi_context_find((uint32_t)ctx_id) : NULL;

    if (!ctx || ndw < 0) {
        return EINVAL;
    }
    if (ndw == 0) {
        return 0;
    }
    if (!buffer || (uintptr_t)buffer % sizeof(uint32_t) != 0) {
        return EFAULT;
    }
    if (!ctx->page) {
        return EINVAL; /* it renders nothing */
    }
    int error = abi_context_submit(ctx, buffer, (size_t)ndw * sizeof(uint32_t));
    return error == EIO ? -1 : error;
}

int
virgl_renderer_submit_cmd(void *buffer, int ctx_id, int ndw)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int result = submit(buffer, ctx_id, ndw);
    abi_leave();
    return result;
}

/* The fences would have to be waited for by the host's queues. Those that have retired need not. */
static bool
all_have_retired(const uint64_t *ids, uint32_t count)
{
    bool all = true;

    pthread_mutex_lock(&abi.lock);
    for (uint32_t i = 0; all && i < count; i++) {
        all = abi_fence_has_retired_locked(ids[i]);
    }
    pthread_mutex_unlock(&abi.lock);
    return all;
}

int
virgl_renderer_submit_cmd2(void *buffer, int ctx_id, int ndw, uint64_t *in_fence_ids,
                           uint32_t num_in_fences)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int result = EINVAL;
    if (in_fence_ids || num_in_fences == 0) {
        result =
            all_have_retired(in_fence_ids, num_in_fences) ? submit(buffer, ctx_id, ndw) : EINVAL;
    }
    abi_leave();
    return result;
}

/* --- fences --- */

int
virgl_renderer_context_create_fence(uint32_t ctx_id, uint32_t flags, uint32_t ring_idx,
                                    uint64_t fence_id)
{
    if (!abi_enter()) {
        return -EINVAL;
    }
    struct abi_context *ctx = abi_context_find(ctx_id);
    int error = EINVAL;
    if (ctx && ring_idx < WIRE_MAX_TIMELINES) {
        error = abi_context_create_fence(ctx, ring_idx, fence_id);
    }
    abi_leave();
    return -error;
}

void
virgl_renderer_context_poll(uint32_t ctx_id)
{
    if (abi_enter()) {
        struct abi_context *ctx = abi_context_find(ctx_id);
        if (ctx && !abi_calls_back_itself()) {
            eventfd_t value;
            if (ctx->event_fd != -1) {
                eventfd_read(ctx->event_fd, &value); /* before looking, or news would be lost */
            }
            abi_monitor_deliver(ctx_id);
        }
        abi_leave();
    }
}

int
virgl_renderer_context_get_poll_fd(uint32_t ctx_id)
{
    int fd = -1;

    if (abi_enter()) {
        const struct abi_context *ctx = abi_context_find(ctx_id);
        if (ctx && (abi.flags & VIRGL_RENDERER_THREAD_SYNC) && !abi_calls_back_itself()) {
            fd = ctx->event_fd;
        }
        abi_leave();
    }
    return fd;
}

/* --- for vtest's server --- */

/* The fence is the caller's to wait for: what is submitted next does not. */
int
virgl_renderer_attach_fence(int ctx_id, int fence_fd)
{
    return 0;
}

int
virgl_renderer_get_dev_fd(int ctx_id)
{
    return -ENODEV;
}

/* --- resources of a context --- */

void
virgl_renderer_ctx_attach_resource(int ctx_id, int res_handle)
{
    if (abi_enter()) {
        struct abi_resource *resource = abi_resource_find((uint32_t)res_handle);
        if (resource && ctx_id > 0) {
            abi_resource_attach(resource, (uint32_t)ctx_id);
        }
        abi_leave();
    }
}

void
virgl_renderer_ctx_detach_resource(int ctx_id, int res_handle)
{
    if (abi_enter()) {
        struct abi_resource *resource = abi_resource_find((uint32_t)res_handle);
        if (resource && ctx_id > 0) {
            abi_resource_detach(resource, (uint32_t)ctx_id);
        }
        abi_leave();
    }
}
