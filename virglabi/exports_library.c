/* The interface: initialisation, capabilities, fences of context 0, messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "virglabi/context.h"
#include "virglabi/enter.h"
#include "virglabi/library.h"
#include "virglabi/log.h"
#include "virglabi/resource.h"

struct abi_library abi = {
    .calls = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .server = {.socket = -1},
};

/* --- initialisation --- */

static bool
wants_venus(void)
{
    return (abi.flags & VIRGL_RENDERER_VENUS) && (abi.flags & VIRGL_RENDERER_RENDER_SERVER);
}

static bool
start(void)
{
    base_table_init(&abi.contexts);
    base_table_init(&abi.resources);
    abi_fences_init(&abi.fences);
    abi.textures = (struct abi_textures){0};
    abi.server = (struct abi_server){.socket = -1};
    if ((abi.flags & VIRGL_RENDERER_VENUS) && !wants_venus()) {
        base_log_warn("VIRGL_RENDERER_VENUS without VIRGL_RENDERER_RENDER_SERVER: Venus renders in "
                      "a render server only, so there is none");
    }
    if (wants_venus() && !abi_server_start(&abi.server)) {
        return false;
    }
    if (!abi_monitor_start(&abi.monitor)) {
        abi_server_stop(&abi.server);
        return false;
    }
    return true;
}

static bool
is_usable(const struct virgl_renderer_callbacks *callbacks)
{
    return callbacks && callbacks->version >= 1 &&
           callbacks->version <= VIRGL_RENDERER_CALLBACKS_VERSION && callbacks->write_fence;
}

static int
initialise(void *cookie, int flags, struct virgl_renderer_callbacks *callbacks)
{
    if (abi.initialised) {
        bool same = cookie == abi.cookie && flags == abi.flags && callbacks == abi.callbacks;
        return same ? 0 : -EBUSY;
    }
    if (!is_usable(callbacks)) {
        base_log_error("the machine monitor's callback table is missing, of an unknown version, or "
                       "without write_fence; versions 1 to %d are known",
                       VIRGL_RENDERER_CALLBACKS_VERSION);
        return -1;
    }
    abi.cookie = cookie;
    abi.flags = flags;
    abi.callbacks = callbacks;
    if (!start()) {
        return -1;
    }
    abi.initialised = true;
    base_log_info("initialised with flags %#x, callbacks of version %d", (unsigned)flags,
                  callbacks->version);
    return 0;
}

int
virgl_renderer_init(void *cookie, int flags, struct virgl_renderer_callbacks *cb)
{
    pthread_mutex_lock(&abi.calls);
    int result = initialise(cookie, flags, cb);
    pthread_mutex_unlock(&abi.calls);
    return result;
}

static void
destroy_everything(void)
{
    struct abi_resource *resource;
    struct abi_context *ctx;
    size_t cursor;

    /* Contexts first: their workers need not hear of each resource. */
    while (cursor = 0, (ctx = base_table_next(&abi.contexts, &cursor))) {
        abi_context_destroy(ctx);
    }
    while (cursor = 0, (resource = base_table_next(&abi.resources, &cursor))) {
        abi_resource_destroy(resource);
    }
    pthread_mutex_lock(&abi.lock);
    abi_fences_drop_locked(&abi.fences);
    pthread_mutex_unlock(&abi.lock);
    abi_monitor_settle(&abi.monitor);
}

void
virgl_renderer_cleanup(void *cookie)
{
    pthread_mutex_lock(&abi.calls);
    if (abi.initialised) {
        destroy_everything();
        abi_textures_finish(&abi.textures);
        abi_monitor_stop(&abi.monitor);
        abi_server_stop(&abi.server);
        base_table_finish(&abi.contexts);
        base_table_finish(&abi.resources);
        abi.initialised = false;
        base_log_info("cleaned up");
    }
    pthread_mutex_unlock(&abi.calls);
}

void
virgl_renderer_reset(void)
{
    if (abi_enter()) {
        destroy_everything();
        abi_leave();
    }
}

/* --- capabilities --- */

/* Asked before the initialisation, too, when nobody knows yet whether Venus will be wanted. */
static bool
serves(uint32_t set)
{
    return set == WIRE_CAPSET_ID && (!abi.initialised || wants_venus());
}

void
virgl_renderer_get_cap_set(uint32_t set, uint32_t *max_ver, uint32_t *max_size)
{
    pthread_mutex_lock(&abi.calls);
    *max_ver = serves(set) ? WIRE_CAPSET_VERSION : 0;
    *max_size = serves(set) ? sizeof(struct wire_capset) : 0;
    pthread_mutex_unlock(&abi.calls);
}

void
virgl_renderer_fill_caps(uint32_t set, uint32_t version, void *caps)
{
    if (abi_enter()) {
        if (caps && serves(set)) {
            memcpy(caps, &abi.server.capset, sizeof(abi.server.capset));
        }
        abi_leave();
    }
}

/* --- fences of context 0 --- */

/* A machine monitor that has no callback for the fences of contexts makes them here. */
static bool
stands_for_all_contexts(void)
{
    return abi.callbacks->version < 3 || !abi.callbacks->write_context_fence;
}

static int
create_fence(uint32_t id)
{
    pthread_mutex_lock(&abi.lock);
    struct abi_fence *fence = abi_fence_create_locked(0, 0, id);
    if (fence) {
        fence->barriers = 1; /* ours, so that it stays pending while others are added */
        base_list_push(&abi.fences.of_context_0, &fence->link);
    }
    pthread_mutex_unlock(&abi.lock);
    if (!fence) {
        return ENOMEM;
    }
    if (stands_for_all_contexts()) {
        size_t cursor = 0;
        for (struct abi_context *ctx; (ctx = base_table_next(&abi.contexts, &cursor));) {
            abi_context_add_barrier(ctx, fence);
        }
    }
    pthread_mutex_lock(&abi.lock);
    abi_fence_let_go_locked(fence);
    pthread_mutex_unlock(&abi.lock);
    abi_monitor_wake(&abi.monitor);
    return 0;
}

int
virgl_renderer_create_fence(int client_fence_id, uint32_t ctx_id)
{
    if (!abi_enter()) {
        return EINVAL;
    }
    int error = create_fence((uint32_t)client_fence_id);
    abi_leave();
    return error;
}

void
virgl_renderer_poll(void)
{
    if (abi_enter()) {
        if (!abi_calls_back_itself()) {
            abi_monitor_deliver(UINT32_MAX);
        }
        abi_leave();
    }
}

int
virgl_renderer_get_poll_fd(void)
{
    return -1;
}

void
virgl_renderer_force_ctx_0(void)
{
    if (abi_enter()) {
        abi_textures_make_current(&abi.textures);
        abi_leave();
    }
}

/* --- fences that leave the library --- */

int
virgl_renderer_export_fence(uint64_t client_fence_id, int *fd)
{
    if (!abi_enter()) {
        return -EINVAL;
    }
    int error = abi_fence_export(client_fence_id, fd);
    abi_leave();
    return -error;
}

int
virgl_renderer_get_fence_fd(uint64_t fence_id)
{
    int fd;

    return virgl_renderer_export_fence(fence_id, &fd) == 0 ? fd : -1;
}

int
virgl_renderer_export_signalled_fence(void)
{
    int fd = -1;

    if (abi_enter()) {
        fd = abi_fence_export_signalled();
        abi_leave();
    }
    return fd;
}

/* --- messages --- */

virgl_debug_callback_type
virgl_set_debug_callback(virgl_debug_callback_type cb)
{
    return abi_log_set_debug_callback(cb);
}

void
virgl_set_log_callback(virgl_log_callback_type cb, void *user_data,
                       virgl_free_data_callback_type free_user_data_cb)
{
    abi_log_set_callback(cb, user_data, free_user_data_cb);
}

/* --- queries by structure --- */

static int
answer_export_query(struct virgl_renderer_export_query *query, uint32_t size)
{
    const struct abi_resource *resource;

    if (size < sizeof(*query) || query->hdr.size != sizeof(*query) ||
        !(resource = abi_resource_find(query->in_resource_id)) || resource->fd == -1 ||
        query->in_export_fds) {
        return EINVAL;
    }
    query->out_num_fds = 1;
    query->out_fourcc = 0;
    for (int i = 0; i < 4; i++) {
        query->out_fds[i] = -1;
        query->out_strides[i] = 0;
        query->out_offsets[i] = 0;
    }
    query->out_modifier = UINT64_C(0x00ffffffffffffff); /* unknown: the guest's driver knows it */
    return 0;
}

static int
answer_supported_structures(struct virgl_renderer_supported_structures *query, uint32_t size)
{
    if (size < sizeof(*query) || query->hdr.size != sizeof(*query)) {
        return EINVAL;
    }
    query->out_supported_structures_mask =
        query->in_stype_version == 0 ? VIRGL_RENDERER_STRUCTURE_TYPE_EXPORT_QUERY |
                                           VIRGL_RENDERER_STRUCTURE_TYPE_SUPPORTED_STRUCTURES
                                     : 0;
    return 0;
}

int
virgl_renderer_execute(void *execute_args, uint32_t execute_size)
{
    const struct virgl_renderer_hdr *head = execute_args;
    int error = EINVAL;

    if (!abi_enter()) {
        return -EINVAL;
    }
    if (head && execute_size >= sizeof(*head) && head->stype_version == 0) {
        if (head->stype == VIRGL_RENDERER_STRUCTURE_TYPE_EXPORT_QUERY) {
            error = answer_export_query(execute_args, execute_size);
        } else if (head->stype == VIRGL_RENDERER_STRUCTURE_TYPE_SUPPORTED_STRUCTURES) {
            error = answer_supported_structures(execute_args, execute_size);
        }
    }
    abi_leave();
    return -error;
}
