#include "renderer/teardown.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "renderer/address_bindings.h"
#include "renderer/call_impl.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/instance.h"
#include "renderer/ring.h"

/* A well-meaning guest may compile a pipeline of another device on another ring meanwhile, so this
 * is longer than any one command should take. */
#define PATIENCE_NS ((uint64_t)10 * 1000 * 1000 * 1000)

enum {
    FIRST_NAP_NS = 10 * 1000,
    LONGEST_NAP_NS = 1000 * 1000,
};

/* --- waiting for the others --- */

/* An instance waits for its devices, too, that other rings have taken before. */
static bool
is_quiet(struct rnd_context *ctx, const struct rnd_object *root,
         const struct rnd_object_chain *chain)
{
    return rnd_object_table_is_quiet(&ctx->objects, chain) &&
           (root->type != VK_OBJECT_TYPE_INSTANCE || atomic_load(&ctx->teardowns) == 1);
}

/* Fails the call if that takes too long, or the ring or the context has to end meanwhile. */
static bool
wait_until_quiet(struct rnd_call *call, const struct rnd_object *root,
                 const struct rnd_object_chain *chain)
{
    struct rnd_context *ctx = call->context;
    uint64_t until = base_clock_deadline_ns(PATIENCE_NS);
    long nap_ns = FIRST_NAP_NS;
    while (!is_quiet(ctx, root, chain)) {
        if (rnd_call_interrupted(call)) {
            return false;
        }
        if (base_clock_now_ns() >= until) {
            rnd_call_fail(call, "object %" PRIu64 " is in use by another ring all the time",
                          root->id);
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = nap_ns}, NULL);
        nap_ns = nap_ns * 2 < LONGEST_NAP_NS ? nap_ns * 2 : LONGEST_NAP_NS;
    }
    return true;
}

/* --- destroying --- */

static void
destroy_on_host(struct rnd_object *object)
{
    switch (object->type) {
    case VK_OBJECT_TYPE_INSTANCE: break; /* last of all */
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE: break;
    case VK_OBJECT_TYPE_DEVICE: rnd_device_finish((struct rnd_device *)object); break;
    default: rnd_device_destroy_object(object->device, object); break;
    }
}

static void
destroy_instance(struct rnd_context *ctx, struct rnd_instance *instance)
{
    rnd_instance_finish(instance);
    pthread_mutex_lock(&ctx->instance_lock);
    ctx->instance = NULL;
    pthread_mutex_unlock(&ctx->instance_lock);
}

static void
destroy_chain(struct rnd_context *ctx, struct rnd_object_chain *chain)
{
    rnd_address_bindings_destroying(chain);
    for (struct rnd_object *it = chain->first; it; it = it->next_retired) {
        if (it->type == VK_OBJECT_TYPE_DEVICE) {
            rnd_device_stop((struct rnd_device *)it);
        }
    }
    for (struct rnd_object *it = chain->first; it; it = it->next_retired) {
        destroy_on_host(it);
    }
    for (struct rnd_object *it = chain->first; it; it = it->next_retired) {
        if (it->type == VK_OBJECT_TYPE_INSTANCE) {
            destroy_instance(ctx, (struct rnd_instance *)it);
        }
    }
    rnd_address_bindings_destroyed();
    rnd_object_table_retire(&ctx->objects, chain);
}

static void
abandon(struct rnd_context *ctx, struct rnd_object_chain *chain)
{
    pthread_mutex_lock(&ctx->instance_lock);
    rnd_object_chain_append(&ctx->abandoned, chain);
    pthread_mutex_unlock(&ctx->instance_lock);
}

static void
tear_down(struct rnd_call *call, const struct rnd_object *root, struct rnd_object_chain *chain)
{
    struct rnd_context *ctx = call->context;
    atomic_fetch_add(&ctx->objects.waiting, 1);
    rnd_object_reader_end(&ctx->objects, &call->stream->reader);
    bool quiet = wait_until_quiet(call, root, chain);
    atomic_fetch_sub(&ctx->objects.waiting, 1);
    if (quiet) {
        destroy_chain(ctx, chain);
    } else {
        abandon(ctx, chain);
    }
    rnd_object_reader_begin(&ctx->objects, &call->stream->reader);
}

void
rnd_teardown(struct rnd_call *call)
{
    struct rnd_context *ctx = call->context;
    struct rnd_object *root = call->leading;
    struct rnd_object_chain chain;
    /* Counted before it is taken: whoever takes the instance after us knows of us. */
    atomic_fetch_add(&ctx->teardowns, 1);
    if (rnd_object_table_take(&ctx->objects, root, &chain)) {
        tear_down(call, root, &chain);
    } else {
        rnd_call_fail(call, "object %" PRIu64 " is being destroyed twice", root->id);
    }
    atomic_fetch_sub(&ctx->teardowns, 1);
}

void
rnd_teardown_rest(struct rnd_context *ctx)
{
    struct rnd_object_chain chain;
    if (ctx->instance && rnd_object_table_take(&ctx->objects, &ctx->instance->object, &chain)) {
        rnd_object_chain_append(&ctx->abandoned, &chain);
    }
    destroy_chain(ctx, &ctx->abandoned);
}
