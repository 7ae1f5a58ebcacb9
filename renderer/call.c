#include "renderer/call.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/zalloc.h"
#include "protocol/proto_commands.h"
#include "renderer/call_impl.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/instance.h"
#include "renderer/resource.h"
#include "renderer/ring.h"
#include "renderer/sync.h"
#include "wire/range.h"

/* A looked-up object that a handler may want to find again by its handle. */
struct rnd_seen {
    struct rnd_seen *next;
    struct rnd_object *object;
};

static const char *
type_name(VkObjectType type)
{
    switch (type) {
    case VK_OBJECT_TYPE_INSTANCE: return "instance";
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE: return "physical device";
    case VK_OBJECT_TYPE_DEVICE: return "device";
    case VK_OBJECT_TYPE_QUEUE: return "queue";
    case VK_OBJECT_TYPE_SEMAPHORE: return "semaphore";
    case VK_OBJECT_TYPE_COMMAND_BUFFER: return "command buffer";
    case VK_OBJECT_TYPE_FENCE: return "fence";
    case VK_OBJECT_TYPE_DEVICE_MEMORY: return "device memory";
    case VK_OBJECT_TYPE_BUFFER: return "buffer";
    case VK_OBJECT_TYPE_IMAGE: return "image";
    case VK_OBJECT_TYPE_EVENT: return "event";
    case VK_OBJECT_TYPE_QUERY_POOL: return "query pool";
    case VK_OBJECT_TYPE_BUFFER_VIEW: return "buffer view";
    case VK_OBJECT_TYPE_IMAGE_VIEW: return "image view";
    case VK_OBJECT_TYPE_SHADER_MODULE: return "shader module";
    case VK_OBJECT_TYPE_PIPELINE_CACHE: return "pipeline cache";
    case VK_OBJECT_TYPE_PIPELINE_LAYOUT: return "pipeline layout";
    case VK_OBJECT_TYPE_RENDER_PASS: return "render pass";
    case VK_OBJECT_TYPE_PIPELINE: return "pipeline";
    case VK_OBJECT_TYPE_DESCRIPTOR_SET_LAYOUT: return "descriptor set layout";
    case VK_OBJECT_TYPE_SAMPLER: return "sampler";
    case VK_OBJECT_TYPE_DESCRIPTOR_POOL: return "descriptor pool";
    case VK_OBJECT_TYPE_DESCRIPTOR_SET: return "descriptor set";
    case VK_OBJECT_TYPE_FRAMEBUFFER: return "framebuffer";
    case VK_OBJECT_TYPE_COMMAND_POOL: return "command pool";
    case VK_OBJECT_TYPE_SAMPLER_YCBCR_CONVERSION: return "sampler conversion";
    case VK_OBJECT_TYPE_DESCRIPTOR_UPDATE_TEMPLATE: return "descriptor update template";
    case VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_KHR:
    case VK_OBJECT_TYPE_ACCELERATION_STRUCTURE_NV: return "acceleration structure";
    case VK_OBJECT_TYPE_SHADER_EXT: return "shader";
    case VK_OBJECT_TYPE_MICROMAP_EXT: return "micromap";
    case VK_OBJECT_TYPE_PIPELINE_BINARY_KHR: return "pipeline binary";
    case VK_OBJECT_TYPE_INDIRECT_COMMANDS_LAYOUT_EXT: return "indirect commands layout";
    case VK_OBJECT_TYPE_INDIRECT_EXECUTION_SET_EXT: return "indirect execution set";
    case VK_OBJECT_TYPE_OPTICAL_FLOW_SESSION_NV: return "optical flow session";
    case VK_OBJECT_TYPE_VIDEO_SESSION_KHR: return "video session";
    case VK_OBJECT_TYPE_VIDEO_SESSION_PARAMETERS_KHR: return "video session parameters";
    default: return "object";
    }
}

/* --- looking up --- */

static struct rnd_object *
find_typed(struct rnd_call *call, uint64_t id, VkObjectType type)
{
    struct rnd_object *object =
        rnd_object_table_find(&call->context->objects, &call->stream->reader, id);
    if (!object) {
        proto_decoder_fail(&call->decoder, "no %s has id %" PRIu64, type_name(type), id);
        return NULL;
    }
    if (object->type != type) {
        proto_decoder_fail(&call->decoder, "id %" PRIu64 " is a %s, not a %s", id,
                           type_name(object->type), type_name(type));
        return NULL;
    }
    return object;
}

static bool
same_device(struct rnd_call *call, const struct rnd_object *object)
{
    const struct rnd_device *device = call->leading ? call->leading->device : NULL;
    if (device && object->device && object->device != device) {
        proto_decoder_fail(&call->decoder, "%s %" PRIu64 " belongs to another device",
                           type_name(object->type), object->id);
        return false;
    }
    return true;
}

static void
remember_semaphore(struct rnd_call *call, struct rnd_object *object)
{
    struct rnd_seen *seen = proto_decoder_alloc(&call->decoder, 1, sizeof(*seen));
    if (seen) {
        seen->object = object;
        seen->next = call->semaphores;
        call->semaphores = seen;
    }
}

/* No command that cares names more than one pool, memory or buffer, or more than two images. */
static void
remember(struct rnd_call *call, struct rnd_object *object)
{
    switch (object->type) {
    case VK_OBJECT_TYPE_COMMAND_POOL:
    case VK_OBJECT_TYPE_DESCRIPTOR_POOL: call->last_pool = object; break;
    case VK_OBJECT_TYPE_DEVICE_MEMORY: call->last_memory = object; break;
    case VK_OBJECT_TYPE_BUFFER: call->last_buffer = object; break;
    case VK_OBJECT_TYPE_IMAGE:
        call->image_before = call->last_image;
        call->last_image = object;
        break;
    case VK_OBJECT_TYPE_SEMAPHORE: remember_semaphore(call, object); break;
    default: break;
    }
}

static uint64_t
lookup(struct proto_decoder *d, uint64_t id, VkObjectType type)
{
    struct rnd_call *call = (struct rnd_call *)d;
    struct rnd_object *object = find_typed(call, id, type);
    if (!object || !same_device(call, object)) {
        return 0;
    }
    remember(call, object);
    return object->handle;
}

static uint64_t
lookup_leading(struct proto_decoder *d, uint64_t id, VkObjectType type)
{
    struct rnd_call *call = (struct rnd_call *)d;
    struct rnd_object *object = find_typed(call, id, type);
    if (!object) {
        return 0;
    }
    call->leading = object;
    call->instance_table = &rnd_instance_of(object)->table;
    call->device_table = object->device ? &object->device->table : NULL;
    return object->handle;
}

static const struct proto_decoder_ops decoder_ops = {
    .lookup = lookup,
    .lookup_leading = lookup_leading,
};

void
rnd_call_init(struct rnd_call *call, struct rnd_stream *stream, struct wire_reader *in,
              struct wire_arena *arena)
{
    call->decoder.in = in;
    call->decoder.arena = arena;
    call->decoder.ops = &decoder_ops;
    call->decoder.depth = 0;
    call->decoder.error[0] = '\0';
    call->context = stream->context;
    call->stream = stream;
    call->name = NULL;
    call->flags = 0;
    call->leading = NULL;
    call->instance_table = NULL;
    call->device_table = NULL;
    call->last_pool = NULL;
    call->last_memory = NULL;
    call->last_buffer = NULL;
    call->last_image = NULL;
    call->image_before = NULL;
    call->semaphores = NULL;
}

struct rnd_object *
rnd_call_object(struct rnd_call *call, uint64_t id, VkObjectType type)
{
    return find_typed(call, id, type);
}

static struct rnd_object *
if_handle(struct rnd_object *object, VkObjectType type, uint64_t handle)
{
    return object && object->type == type && object->handle == handle ? object : NULL;
}

struct rnd_object *
rnd_call_seen(struct rnd_call *call, VkObjectType type, uint64_t handle)
{
    switch (type) {
    case VK_OBJECT_TYPE_COMMAND_POOL:
    case VK_OBJECT_TYPE_DESCRIPTOR_POOL: return if_handle(call->last_pool, type, handle);
    case VK_OBJECT_TYPE_DEVICE_MEMORY: return if_handle(call->last_memory, type, handle);
    case VK_OBJECT_TYPE_BUFFER: return if_handle(call->last_buffer, type, handle);
    case VK_OBJECT_TYPE_IMAGE: {
        struct rnd_object *last = if_handle(call->last_image, type, handle);
        return last ? last : if_handle(call->image_before, type, handle);
    }
    default: break;
    }
    for (struct rnd_seen *it = call->semaphores; it; it = it->next) {
        if (if_handle(it->object, type, handle)) {
            return it->object;
        }
    }
    return NULL;
}

struct rnd_device *
rnd_call_device(const struct rnd_call *call)
{
    return call->leading ? call->leading->device : NULL;
}

void *
rnd_call_alloc(struct rnd_call *call, size_t count, size_t size)
{
    return proto_decoder_alloc(&call->decoder, count, size);
}

/* --- failing --- */

void
rnd_call_fail(struct rnd_call *call, const char *format, ...)
{
    char reason[sizeof(call->decoder.error)];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    proto_decoder_fail(&call->decoder, "%s", reason);
}

void
rnd_call_missing(struct rnd_call *call)
{
    rnd_call_fail(call, "the host driver has no such function; the device did not enable the "
                        "extension or version it belongs to");
}

void
rnd_call_failed_unheard(struct rnd_call *call, VkResult result, bool relied_on)
{
    if (rnd_call_failed(call)) {
        return; /* said already, or asked for a reply */
    }
    if (relied_on || result == VK_ERROR_DEVICE_LOST) {
        rnd_call_fail(call, "the host returned VkResult %d, and the guest asked for no reply",
                      (int)result);
        return;
    }
    base_log_warn(
        "context %s: %s: the host returned VkResult %d, and the guest asked for no reply; "
        "what it was to create does not exist",
        call->context->info.name, call->name, (int)result);
}

bool
rnd_call_interrupted(struct rnd_call *call)
{
    if (rnd_context_is_fatal(call->context) ||
        (call->stream->ring && atomic_load(&call->stream->ring->stop))) {
        call->stream->interrupted = true;
        call->decoder.in->failed = true;
    }
    return call->stream->interrupted;
}

/* --- registering --- */

static int
compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Sorts a copy: arrays come as long as the guest likes. */
static bool
check_unique(struct rnd_call *call, const uint64_t *ids, size_t count)
{
    if (count < 2) {
        return true;
    }
    uint64_t *sorted = rnd_call_alloc(call, count, sizeof(*sorted));
    if (!sorted) {
        return false;
    }
    memcpy(sorted, ids, count * sizeof(*ids));
    qsort(sorted, count, sizeof(*sorted), compare_ids);
    for (size_t i = 1; i < count; i++) {
        if (sorted[i] == sorted[i - 1]) {
            rnd_call_fail(call, "new id %" PRIu64 " occurs twice in the array", sorted[i]);
            return false;
        }
    }
    return true;
}

bool
rnd_call_check_new_ids(struct rnd_call *call, const uint64_t *ids, size_t count)
{
    if (!check_unique(call, ids, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == 0) {
            rnd_call_fail(call, "new object %zu has id 0", i);
            return false;
        }
    }
    size_t taken;
    switch (rnd_object_table_may_add(&call->context->objects, ids, count, &taken)) {
    case RND_OBJECT_ID_TAKEN:
        rnd_call_fail(call, "new id %" PRIu64 " is in use", ids[taken]);
        break;
    case RND_OBJECT_NO_ROOM:
        rnd_call_fail(call, "%zu more objects exceed the limit of %u", count, RND_MAX_OBJECTS);
        break;
    default: return true;
    }
    return false;
}

bool
rnd_call_add(struct rnd_call *call, struct rnd_object *object, VkObjectType type, uint64_t id,
             uint64_t handle, struct rnd_device *device, struct rnd_object *parent)
{
    object->type = type;
    object->id = id;
    object->handle = handle;
    object->device = device;
    switch (rnd_object_table_add(&call->context->objects, &call->stream->reader, object, parent)) {
    case RND_OBJECT_ADDED: return true;
    case RND_OBJECT_ID_TAKEN:
        rnd_call_fail(call, "new %s: id %" PRIu64 " is in use", type_name(type), id);
        return false;
    case RND_OBJECT_NO_PARENT:
        rnd_call_fail(call, "new %s %" PRIu64 ": its %s is being destroyed", type_name(type), id,
                      type_name(parent->type));
        return false;
    case RND_OBJECT_NO_ROOM:
        rnd_call_fail(call, "new %s %" PRIu64 ": out of memory, or more than %u objects",
                      type_name(type), id, RND_MAX_OBJECTS);
        return false;
    }
    return false;
}

void
rnd_call_register_in(struct rnd_call *call, VkObjectType type, struct rnd_object *parent,
                     uint64_t *ids, const uint64_t *handles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!handles[i]) {
            ids[i] = 0;
            continue;
        }
        struct rnd_object *object = base_zalloc(sizeof(*object));
        if (!object) {
            rnd_call_fail(call, "out of memory");
            return;
        }
        if (!rnd_call_add(call, object, type, ids[i], handles[i], parent->device, parent)) {
            free(object);
            return;
        }
    }
}

void
rnd_call_register(struct rnd_call *call, VkObjectType type, uint64_t *ids, const uint64_t *handles,
                  size_t count)
{
    rnd_call_register_in(call, type, &call->leading->device->object, ids, handles, count);
}

static bool
remove_once(struct rnd_call *call, struct rnd_object *object)
{
    if (!rnd_object_table_remove(&call->context->objects, &call->stream->reader, object)) {
        rnd_call_fail(call, "%s %" PRIu64 " is being destroyed twice", type_name(object->type),
                      object->id);
        return false;
    }
    return true;
}

void
rnd_call_unregister(struct rnd_call *call, VkObjectType type, uint64_t id, uint64_t handle)
{
    if (id == 0) {
        return;
    }
    struct rnd_object *object = rnd_call_object(call, id, type);
    if (!object || !same_device(call, object)) {
        return;
    }
    if (object->handle != handle) {
        rnd_call_fail(call, "%s %" PRIu64 " has just become another", type_name(type), id);
        return;
    }
    (void)remove_once(call, object);
}

/* The sync threads may still hold what has a feedback slot. */
static bool
retire(struct rnd_call *call, struct rnd_object *object)
{
    switch (object->type) {
    case VK_OBJECT_TYPE_FENCE:
        return rnd_sync_retire(call, object->device, &((struct rnd_fence *)object)->use);
    case VK_OBJECT_TYPE_SEMAPHORE:
        return rnd_sync_retire(call, object->device, &((struct rnd_semaphore *)object)->use);
    default: return true;
    }
}

void
rnd_call_destroy(struct rnd_call *call, uint64_t id, VkObjectType type)
{
    if (id == 0) {
        return;
    }
    struct rnd_object *object = rnd_call_object(call, id, type);
    if (object && retire(call, object) && remove_once(call, object)) {
        rnd_device_destroy_object(object->device, object);
    }
}

/* --- replying --- */

bool
rnd_call_begin_reply(struct rnd_call *call, size_t size, struct wire_writer *out)
{
    struct rnd_reply_stream *reply = &call->stream->reply;
    if (rnd_call_failed(call)) {
        return false;
    }
    if (!reply->shm) {
        rnd_call_fail(call, "it wants a reply, but the stream has nowhere to put one");
        return false;
    }
    uint64_t at = reply->offset + reply->position;
    if (!wire_range_fits(at, size, reply->shm->size)) {
        rnd_call_fail(
            call, "its reply of %zu bytes at %" PRIu64 " exceeds the resource's %" PRIu64 " bytes",
            size, at, reply->shm->size);
        return false;
    }
    *out = wire_writer_over(reply->shm->map + at, size);
    reply->position += size;
    return true;
}
