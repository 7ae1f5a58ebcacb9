/* Objects that live in pools: command buffers and descriptor sets. Their ids go when the pool does.
 */
#include <inttypes.h>
#include <string.h>

#include "renderer/call_impl.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/rnd_dispatch.h"

/* The pool that an allocate info names. */
static struct rnd_object *
find_pool(struct rnd_call *call, VkObjectType type, uint64_t handle)
{
    struct rnd_object *pool = handle ? rnd_call_seen(call, type, handle) : NULL;
    if (!pool) {
        rnd_call_fail(call, "it names no pool");
    }
    return pool;
}

/* Ids of objects that are to be freed: 0 is ignored, all others must be of that pool. */
static bool
remove_from_pool(struct rnd_call *call, VkObjectType type, const struct rnd_object *pool,
                 const uint64_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rnd_object *object = ids[i] ? rnd_call_object(call, ids[i], type) : NULL;
        if (ids[i] && !object) {
            return false;
        }
        if (object && object->parent != pool) {
            rnd_call_fail(call, "object %" PRIu64 " is of another pool", ids[i]);
            return false;
        }
        if (object &&
            !rnd_object_table_remove(&call->context->objects, &call->stream->reader, object)) {
            rnd_call_fail(call, "object %" PRIu64 " is being freed twice", ids[i]);
            return false;
        }
    }
    return true;
}

/* --- command pools --- */

void
rnd_do_vkDestroyCommandPool(struct rnd_call *call, struct proto_vkDestroyCommandPool *args)
{
    rnd_call_destroy(call, args->commandPool_id, VK_OBJECT_TYPE_COMMAND_POOL);
}

void
rnd_do_vkAllocateCommandBuffers(struct rnd_call *call, struct proto_vkAllocateCommandBuffers *args)
{
    uint32_t count = args->pAllocateInfo->commandBufferCount;
    if (count == 0) {
        rnd_call_fail(call, "it allocates no command buffers");
        return;
    }
    struct rnd_object *pool =
        find_pool(call, VK_OBJECT_TYPE_COMMAND_POOL, RND_HANDLE(args->pAllocateInfo->commandPool));
    if (!pool || !rnd_call_check_new_ids(call, args->pCommandBuffers_ids, count)) {
        return;
    }
    args->ret = call->device_table->AllocateCommandBuffers(args->device, args->pAllocateInfo,
                                                           args->pCommandBuffers);
    if (args->ret != VK_SUCCESS) {
        memset(args->pCommandBuffers_ids, 0, count * sizeof(uint64_t));
        return;
    }
    rnd_call_register_in(call, VK_OBJECT_TYPE_COMMAND_BUFFER, pool, args->pCommandBuffers_ids,
                         (const uint64_t *)args->pCommandBuffers, count);
}

void
rnd_do_vkFreeCommandBuffers(struct rnd_call *call, struct proto_vkFreeCommandBuffers *args)
{
    if (args->commandBufferCount == 0) {
        return;
    }
    struct rnd_object *pool =
        find_pool(call, VK_OBJECT_TYPE_COMMAND_POOL, RND_HANDLE(args->commandPool));
    if (!pool) {
        return;
    }
    if (!args->pCommandBuffers) {
        rnd_call_fail(call, "%u command buffers, and no array of them", args->commandBufferCount);
        return;
    }
    if (remove_from_pool(call, VK_OBJECT_TYPE_COMMAND_BUFFER, pool, args->pCommandBuffers_ids,
                         args->commandBufferCount)) {
        call->device_table->FreeCommandBuffers(args->device, args->commandPool,
                                               args->commandBufferCount, args->pCommandBuffers);
    }
}

/* --- descriptor pools --- */

void
rnd_do_vkDestroyDescriptorPool(struct rnd_call *call, struct proto_vkDestroyDescriptorPool *args)
{
    rnd_call_destroy(call, args->descriptorPool_id, VK_OBJECT_TYPE_DESCRIPTOR_POOL);
}

void
rnd_do_vkResetDescriptorPool(struct rnd_call *call, struct proto_vkResetDescriptorPool *args)
{
    struct rnd_object *pool =
        find_pool(call, VK_OBJECT_TYPE_DESCRIPTOR_POOL, RND_HANDLE(args->descriptorPool));
    if (!pool) {
        return;
    }
    rnd_object_table_remove_children(&call->context->objects, pool);
    args->ret =
        call->device_table->ResetDescriptorPool(args->device, args->descriptorPool, args->flags);
}

void
rnd_do_vkAllocateDescriptorSets(struct rnd_call *call, struct proto_vkAllocateDescriptorSets *args)
{
    uint32_t count = args->pAllocateInfo->descriptorSetCount;
    if (count == 0) {
        rnd_call_fail(call, "it allocates no descriptor sets");
        return;
    }
    struct rnd_object *pool = find_pool(call, VK_OBJECT_TYPE_DESCRIPTOR_POOL,
                                        RND_HANDLE(args->pAllocateInfo->descriptorPool));
    if (!pool || !rnd_call_check_new_ids(call, args->pDescriptorSets_ids, count)) {
        return;
    }
    args->ret = call->device_table->AllocateDescriptorSets(args->device, args->pAllocateInfo,
                                                           args->pDescriptorSets);
    if (args->ret != VK_SUCCESS) {
        memset(args->pDescriptorSets_ids, 0, count * sizeof(uint64_t));
        return;
    }
    rnd_call_register_in(call, VK_OBJECT_TYPE_DESCRIPTOR_SET, pool, args->pDescriptorSets_ids,
                         (const uint64_t *)args->pDescriptorSets, count);
}

void
rnd_do_vkFreeDescriptorSets(struct rnd_call *call, struct proto_vkFreeDescriptorSets *args)
{
    args->ret = VK_SUCCESS;
    if (args->descriptorSetCount == 0) {
        return;
    }
    struct rnd_object *pool =
        find_pool(call, VK_OBJECT_TYPE_DESCRIPTOR_POOL, RND_HANDLE(args->descriptorPool));
    if (!pool) {
        return;
    }
    if (!args->pDescriptorSets) {
        rnd_call_fail(call, "%u descriptor sets, and no array of them", args->descriptorSetCount);
        return;
    }
    if (remove_from_pool(call, VK_OBJECT_TYPE_DESCRIPTOR_SET, pool, args->pDescriptorSets_ids,
                         args->descriptorSetCount)) {
        args->ret = call->device_table->FreeDescriptorSets(
            args->device, args->descriptorPool, args->descriptorSetCount, args->pDescriptorSets);
    }
}
