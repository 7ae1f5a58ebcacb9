/* Names and labels for the host's tools. They are hints: where the host has no use for one, or the
 * object is not there, nothing happens. */
#include "renderer/call_impl.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/queue.h"
#include "renderer/rnd_dispatch.h"

/* The host's handle of an object that the guest names; 0: there is none that it may name. */
static uint64_t
find_handle(struct rnd_call *call, VkObjectType type, uint64_t id)
{
    const struct rnd_object *object =
        rnd_object_table_find(&call->context->objects, &call->stream->reader, id);
    bool is_its_own = object && object->type == type &&
                      (!object->device || object->device == rnd_call_device(call));
    return is_its_own ? object->handle : 0;
}

void
rnd_do_vkSetDebugUtilsObjectNameEXT(struct rnd_call *call,
                                    struct proto_vkSetDebugUtilsObjectNameEXT *args)
{
    VkDebugUtilsObjectNameInfoEXT info = *args->pNameInfo;
    info.objectHandle = find_handle(call, info.objectType, info.objectHandle);
    if (info.objectHandle && call->device_table->SetDebugUtilsObjectNameEXT) {
        args->ret = call->device_table->SetDebugUtilsObjectNameEXT(args->device, &info);
    }
}

void
rnd_do_vkSetDebugUtilsObjectTagEXT(struct rnd_call *call,
                                   struct proto_vkSetDebugUtilsObjectTagEXT *args)
{
    VkDebugUtilsObjectTagInfoEXT info = *args->pTagInfo;
    info.objectHandle = find_handle(call, info.objectType, info.objectHandle);
    if (info.objectHandle && call->device_table->SetDebugUtilsObjectTagEXT) {
        args->ret = call->device_table->SetDebugUtilsObjectTagEXT(args->device, &info);
    }
}

/* --- labels of queues --- */

static pthread_mutex_t *
lock_of(struct rnd_call *call)
{
    return &((struct rnd_queue *)call->leading)->submit_lock;
}

void
rnd_do_vkQueueBeginDebugUtilsLabelEXT(struct rnd_call *call,
                                      struct proto_vkQueueBeginDebugUtilsLabelEXT *args)
{
    if (call->device_table->QueueBeginDebugUtilsLabelEXT) {
        pthread_mutex_lock(lock_of(call));
        call->device_table->QueueBeginDebugUtilsLabelEXT(args->queue, args->pLabelInfo);
        pthread_mutex_unlock(lock_of(call));
    }
}

void
rnd_do_vkQueueEndDebugUtilsLabelEXT(struct rnd_call *call,
                                    struct proto_vkQueueEndDebugUtilsLabelEXT *args)
{
    if (call->device_table->QueueEndDebugUtilsLabelEXT) {
        pthread_mutex_lock(lock_of(call));
        call->device_table->QueueEndDebugUtilsLabelEXT(args->queue);
        pthread_mutex_unlock(lock_of(call));
    }
}

void
rnd_do_vkQueueInsertDebugUtilsLabelEXT(struct rnd_call *call,
                                       struct proto_vkQueueInsertDebugUtilsLabelEXT *args)
{
    if (call->device_table->QueueInsertDebugUtilsLabelEXT) {
        pthread_mutex_lock(lock_of(call));
        call->device_table->QueueInsertDebugUtilsLabelEXT(args->queue, args->pLabelInfo);
        pthread_mutex_unlock(lock_of(call));
    }
}
