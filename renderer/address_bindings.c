#include "renderer/address_bindings.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "base/log.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/instance.h"

struct rnd_address_binding {
    VkAddressBindingVESPER report; /* object: the guest's id, 0 while it is not known */
    uint64_t handle;
    const struct rnd_stream *stream; /* whose command it was; NULL: no ring's */
};

static BASE_THREAD_LOCAL const struct rnd_object_chain *being_destroyed;

void
rnd_address_bindings_init(struct rnd_address_bindings *bindings)
{
    *bindings = (struct rnd_address_bindings){0};
    pthread_mutex_init(&bindings->messenger_lock, NULL);
    pthread_mutex_init(&bindings->lock, NULL);
}

void
rnd_address_bindings_finish(struct rnd_address_bindings *bindings)
{
    free(bindings->kept);
    pthread_mutex_destroy(&bindings->lock);
    pthread_mutex_destroy(&bindings->messenger_lock);
}

/* --- names --- */

void
rnd_address_bindings_destroying(const struct rnd_object_chain *chain)
{
    being_destroyed = chain;
}

void
rnd_address_bindings_destroyed(void)
{
    being_destroyed = NULL;
}

static uint64_t
id_of_unbound(struct rnd_context *ctx, VkObjectType type, uint64_t handle,
              const struct rnd_stream *stream)
{
    const struct rnd_object *it = being_destroyed ? being_destroyed->first : NULL;
    for (; it; it = it->next_retired) {
        if (it->type == type && it->handle == handle) {
            return it->id;
        }
    }
    /* A handle may come again: its last object is meant, and not one of commands long done. */
    uint64_t since = stream ? atomic_load(&stream->reader.since) : 0;
    return rnd_object_table_find_id(&ctx->objects, type, handle, since);
}

/* --- what the host says --- */

static bool
make_room_locked(struct rnd_address_bindings *bindings)
{
    if (bindings->count < bindings->room) {
        return true;
    }
    uint32_t room = bindings->room ? 2 * bindings->room : 64;
    struct rnd_address_binding *kept =
        room <= RND_MAX_ADDRESS_BINDINGS ? realloc(bindings->kept, room * sizeof(*kept)) : NULL;
    if (!kept) {
        return false;
    }
    bindings->kept = kept;
    bindings->room = room;
    return true;
}

static void
keep(struct rnd_address_bindings *bindings, const struct rnd_address_binding *binding)
{
    pthread_mutex_lock(&bindings->lock);
    if (make_room_locked(bindings)) {
        bindings->kept[bindings->count++] = *binding;
    } else if (bindings->lost < UINT32_MAX) {
        bindings->lost++;
    }
    pthread_mutex_unlock(&bindings->lock);
}

/* On whatever thread calls the host, in the middle of that. */
static VKAPI_ATTR VkBool32 VKAPI_CALL
hear(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
     const VkDebugUtilsMessengerCallbackDataEXT *message, void *user)
{
    struct rnd_address_bindings *bindings = user;
    const VkDeviceAddressBindingCallbackDataEXT *data =
        rnd_chain_find(message->pNext, VK_STRUCTURE_TYPE_DEVICE_ADDRESS_BINDING_CALLBACK_DATA_EXT);
    const struct rnd_stream *stream = rnd_stream_current();
    (void)severity;
    (void)types;
    if (!data || message->objectCount == 0) {
        return VK_FALSE;
    }
    struct rnd_address_binding binding = {
        .report = {.objectType = message->pObjects[0].objectType,
                   .flags = data->flags,
                   .baseAddress = data->baseAddress,
                   .size = data->size,
                   .bindingType = data->bindingType},
        .handle = message->pObjects[0].objectHandle,
        .stream = stream && stream->ring ? stream : NULL,
    };
    if (data->bindingType == VK_DEVICE_ADDRESS_BINDING_TYPE_UNBIND_EXT) {
        binding.report.object =
            id_of_unbound(bindings->context, binding.report.objectType, binding.handle, stream);
    }
    keep(bindings, &binding);
    return VK_FALSE;
}

/* --- what the guest is told --- */

static void
name_locked(const struct rnd_address_bindings *bindings, struct rnd_address_binding *binding)
{
    if (binding->report.object == 0) {
        binding->report.object = rnd_object_table_find_id(
            &bindings->context->objects, binding->report.objectType, binding->handle, UINT64_MAX);
    }
}

/* The guest names a device's queues when it has the device. */
static bool
may_be_named_later(const struct rnd_address_binding *binding)
{
    return binding->report.objectType == VK_OBJECT_TYPE_QUEUE &&
           binding->report.bindingType == VK_DEVICE_ADDRESS_BINDING_TYPE_BIND_EXT;
}

static VkResult
take_locked(struct rnd_address_bindings *bindings, const struct rnd_stream *stream, uint32_t *count,
            VkAddressBindingVESPER *out)
{
    uint32_t room = *count, kept = 0;
    bool more = false;
    *count = 0;
    for (uint32_t i = 0; i < bindings->count; i++) {
        struct rnd_address_binding binding = bindings->kept[i];
        bool ours = !binding.stream || binding.stream == stream;
        if (ours) {
            name_locked(bindings, &binding);
        }
        if (!ours || (!binding.report.object && may_be_named_later(&binding))) {
            bindings->kept[kept++] = binding;
        } else if (binding.report.object && *count < room) {
            out[(*count)++] = binding.report;
        } else if (binding.report.object) {
            bindings->kept[kept++] = binding;
            more = true;
        }
    }
    bindings->count = kept;
    return more ? VK_INCOMPLETE : VK_SUCCESS;
}

VkResult
rnd_address_bindings_take(struct rnd_address_bindings *bindings, const struct rnd_stream *stream,
                          uint32_t *lost, uint32_t *count, VkAddressBindingVESPER *out)
{
    pthread_mutex_lock(&bindings->lock);
    *lost = bindings->lost;
    bindings->lost = 0;
    VkResult result = take_locked(bindings, stream, count, out);
    pthread_mutex_unlock(&bindings->lock);
    return result;
}

/* --- listening --- */

static VkResult
create_messenger(struct rnd_instance *instance, VkDebugUtilsMessengerEXT *out)
{
    const VkDebugUtilsMessengerCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_DEVICE_ADDRESS_BINDING_BIT_EXT,
        .pfnUserCallback = hear,
        .pUserData = &instance->address_bindings,
    };
    return instance->table.CreateDebugUtilsMessengerEXT(
        RND_OBJECT_HANDLE(&instance->object, VkInstance), &info, NULL, out);
}

VkResult
rnd_address_bindings_start(struct rnd_instance *instance, struct rnd_context *context)
{
    struct rnd_address_bindings *bindings = &instance->address_bindings;
    VkResult result = VK_SUCCESS;
    pthread_mutex_lock(&bindings->messenger_lock);
    if (!bindings->messenger) {
        bindings->context = context;
        result = create_messenger(instance, &bindings->messenger);
    }
    pthread_mutex_unlock(&bindings->messenger_lock);
    return result;
}

static void
drop_kept(struct rnd_address_bindings *bindings)
{
    pthread_mutex_lock(&bindings->lock);
    free(bindings->kept);
    bindings->kept = NULL;
    bindings->count = bindings->room = bindings->lost = 0;
    pthread_mutex_unlock(&bindings->lock);
}

void
rnd_address_bindings_stop(struct rnd_instance *instance)
{
    struct rnd_address_bindings *bindings = &instance->address_bindings;
    pthread_mutex_lock(&bindings->messenger_lock);
    if (bindings->messenger) {
        instance->table.DestroyDebugUtilsMessengerEXT(
            RND_OBJECT_HANDLE(&instance->object, VkInstance), bindings->messenger, NULL);
        bindings->messenger = VK_NULL_HANDLE;
        drop_kept(bindings);
    }
    pthread_mutex_unlock(&bindings->messenger_lock);
}
