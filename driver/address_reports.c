#include "driver/address_reports.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "driver/drv_entry.h"
#include "driver/instance.h"
#include "protocol/proto_encode.h"

enum {
    BINDINGS_AT_ONCE = 64, /* asked for with one command */
};

struct drv_messenger {
    struct proto_object object;
    struct drv_messenger *next;
    VkDebugUtilsMessengerCreateInfoEXT info; /* without its chain */
};

/* Set while this thread's commands are not to be followed by questions. */
static BASE_THREAD_LOCAL bool stays_out;

void
drv_address_reports_init(struct drv_address_reports *reports, VkInstance instance,
                         struct drv_ring *ring)
{
    *reports = (struct drv_address_reports){.instance = instance, .ring = ring};
    pthread_mutex_init(&reports->lock, NULL);
    base_table_init(&reports->objects);
}

void
drv_address_reports_finish(struct drv_address_reports *reports)
{
    base_table_finish(&reports->objects);
    pthread_mutex_destroy(&reports->lock);
}

void
drv_address_reports_stay_out(void)
{
    stays_out = true;
}

/* --- whether anybody listens --- */

static bool
wants_bindings(const struct drv_messenger *messenger)
{
    return (messenger->info.messageType &
            VK_DEBUG_UTILS_MESSAGE_TYPE_DEVICE_ADDRESS_BINDING_BIT_EXT) &&
           (messenger->info.messageSeverity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT);
}

static bool
has_listener_locked(const struct drv_address_reports *reports)
{
    for (const struct drv_messenger *it = reports->messengers; it; it = it->next) {
        if (wants_bindings(it)) {
            return true;
        }
    }
    return false;
}

static VkResult
collect(struct drv_address_reports *reports, VkBool32 on)
{
    bool stayed_out = stays_out;
    stays_out = true;
    VkResult result =
        proto_call_vkCollectAddressBindingsVESPER(&reports->ring->client, reports->instance, on);
    stays_out = stayed_out;
    return result;
}

/* The renderer collects before anybody asks, and until nobody does. */
static VkResult
update_locked(struct drv_address_reports *reports)
{
    bool wanted = reports->device_count > 0 && has_listener_locked(reports);
    bool active = reports->ring && atomic_load(&reports->ring->reports);
    VkResult result = VK_SUCCESS;
    if (wanted && !active) {
        result = collect(reports, VK_TRUE);
        if (result == VK_SUCCESS) {
            atomic_store(&reports->ring->reports, reports);
        }
    } else if (!wanted && active) {
        atomic_store(&reports->ring->reports, NULL);
        (void)collect(reports, VK_FALSE); /* a renderer that is gone collects nothing */
    }
    return result;
}

/* --- objects --- */

void
drv_address_reports_add(struct drv_address_reports *reports, struct proto_object *object)
{
    pthread_mutex_lock(&reports->lock);
    bool added = base_table_insert(&reports->objects, object->id, object);
    pthread_mutex_unlock(&reports->lock);
    if (!added) {
        base_log_warn("out of memory: the addresses of object %" PRIu64 " will not be reported",
                      object->id);
    }
}

void
drv_address_reports_remove(struct drv_address_reports *reports, struct proto_object *object)
{
    pthread_mutex_lock(&reports->lock);
    (void)base_table_remove(&reports->objects, object->id);
    pthread_mutex_unlock(&reports->lock);
}

VkResult
drv_address_reports_add_device(struct drv_address_reports *reports, struct proto_object *device)
{
    drv_address_reports_add(reports, device);
    pthread_mutex_lock(&reports->lock);
    reports->device_count++;
    VkResult result = update_locked(reports);
    if (result != VK_SUCCESS) {
        reports->device_count--;
    }
    pthread_mutex_unlock(&reports->lock);
    if (result != VK_SUCCESS) {
        drv_address_reports_remove(reports, device);
    }
    return result;
}

void
drv_address_reports_remove_device(struct drv_address_reports *reports, struct proto_object *device)
{
    pthread_mutex_lock(&reports->lock);
    reports->device_count--;
    (void)update_locked(reports);
    pthread_mutex_unlock(&reports->lock);
    drv_address_reports_remove(reports, device);
}

/* --- asking --- */

bool
drv_address_reports_take_turn(struct drv_ring *ring)
{
    if (!stays_out) {
        pthread_mutex_lock(&ring->turn);
    }
    return !stays_out;
}

void
drv_address_reports_give_turn(struct drv_ring *ring)
{
    pthread_mutex_unlock(&ring->turn);
}

/* What one command has brought; in `bindings` an object is its handle, not its id. */
struct report_list {
    VkAddressBindingVESPER *bindings;
    size_t count, room;
    uint32_t lost;
};

static bool
make_room(struct report_list *list, size_t more)
{
    if (list->room - list->count >= more) {
        return true;
    }
    size_t room = 2 * list->room + more;
    VkAddressBindingVESPER *bindings = realloc(list->bindings, room * sizeof(*bindings));
    if (!bindings) {
        return false;
    }
    list->bindings = bindings;
    list->room = room;
    return true;
}

/* The application has never had an object that is not among ours, or has it no more. */
static void
translate(struct drv_address_reports *reports, struct report_list *list,
          const VkAddressBindingVESPER *bindings, uint32_t count)
{
    if (count > 0 && !make_room(list, count)) {
        list->lost += count;
        return;
    }
    pthread_mutex_lock(&reports->lock);
    for (uint32_t i = 0; i < count; i++) {
        const struct proto_object *object =
            bindings[i].object ? base_table_find(&reports->objects, bindings[i].object) : NULL;
        if (object && object->type == bindings[i].objectType) {
            list->bindings[list->count] = bindings[i];
            list->bindings[list->count++].object = PROTO_HANDLE(object);
        }
    }
    pthread_mutex_unlock(&reports->lock);
}

static void
ask(struct drv_address_reports *reports, struct drv_ring *ring, struct report_list *list)
{
    VkAddressBindingVESPER bindings[BINDINGS_AT_ONCE];
    VkResult result;
    stays_out = true;
    do {
        uint32_t lost = 0, count = BINDINGS_AT_ONCE;
        result = proto_call_vkTakeAddressBindingsVESPER(&ring->client, reports->instance, &lost,
                                                        &count, bindings);
        if (result >= 0) {
            list->lost += lost;
            translate(reports, list, bindings, count);
        }
    } while (result == VK_INCOMPLETE);
    stays_out = false;
}

/* --- telling --- */

/* Messengers come at any time, but go only while no command is under way: nobody needs the lock who
 * follows the list. */
static const struct drv_messenger *
first_messenger(struct drv_address_reports *reports)
{
    pthread_mutex_lock(&reports->lock);
    const struct drv_messenger *first = reports->messengers;
    pthread_mutex_unlock(&reports->lock);
    return first;
}

static void
tell(const struct drv_messenger *messenger, const VkAddressBindingVESPER *binding)
{
    const VkDebugUtilsObjectNameInfoEXT object = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = binding->objectType,
        .objectHandle = binding->object,
    };
    const VkDeviceAddressBindingCallbackDataEXT data = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_ADDRESS_BINDING_CALLBACK_DATA_EXT,
        .flags = binding->flags,
        .baseAddress = binding->baseAddress,
        .size = binding->size,
        .bindingType = binding->bindingType,
    };
    const VkDebugUtilsMessengerCallbackDataEXT message = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CALLBACK_DATA_EXT,
        .pNext = &data,
        .objectCount = 1,
        .pObjects = &object,
    };
    (void)messenger->info.pfnUserCallback(
        VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT,
        VK_DEBUG_UTILS_MESSAGE_TYPE_DEVICE_ADDRESS_BINDING_BIT_EXT, &message,
        messenger->info.pUserData);
}

static void
tell_all(struct drv_address_reports *reports, const struct report_list *list)
{
    const struct drv_messenger *first = list->count > 0 ? first_messenger(reports) : NULL;
    for (size_t i = 0; i < list->count; i++) {
        for (const struct drv_messenger *it = first; it; it = it->next) {
            if (wants_bindings(it)) {
                tell(it, &list->bindings[i]);
            }
        }
    }
    if (list->lost > 0) {
        base_log_warn("%" PRIu32 " address bindings were not reported: more came at once than "
                      "renderer or driver had memory for",
                      list->lost);
    }
}

void
drv_address_reports_end(struct drv_address_reports *reports, struct drv_ring *ring)
{
    struct report_list list = {0};
    ask(reports, ring, &list);
    drv_address_reports_give_turn(ring);
    tell_all(reports, &list);
    free(list.bindings);
}

/* --- messengers. The loader has its own account of them, for what it says itself and what
 * applications submit; one in vkCreateInstance's chain hears of the instance's making and end
 * alone, when there is no device. --- */

VKAPI_ATTR VkResult VKAPI_CALL
drv_CreateDebugUtilsMessengerEXT(VkInstance handle,
                                 const VkDebugUtilsMessengerCreateInfoEXT *pCreateInfo,
                                 const VkAllocationCallbacks *pAllocator,
                                 VkDebugUtilsMessengerEXT *pMessenger)
{
    struct drv_instance *instance = drv_instance_from(handle);
    struct drv_address_reports *reports = &instance->address_reports;
    struct drv_messenger *messenger =
        drv_object_create(instance->object.client, instance->allocator, pAllocator,
                          sizeof(*messenger), VK_OBJECT_TYPE_DEBUG_UTILS_MESSENGER_EXT);
    if (!messenger) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    messenger->info = *pCreateInfo;
    messenger->info.pNext = NULL;

    pthread_mutex_lock(&reports->lock);
    messenger->next = reports->messengers;
    reports->messengers = messenger;
    VkResult result = update_locked(reports);
    if (result != VK_SUCCESS) {
        reports->messengers = messenger->next;
    }
    pthread_mutex_unlock(&reports->lock);
    if (result != VK_SUCCESS) {
        drv_object_destroy(instance->allocator, pAllocator, messenger);
        return VK_ERROR_OUT_OF_HOST_MEMORY; /* the one error of this command */
    }
    *pMessenger = (VkDebugUtilsMessengerEXT)(uintptr_t)messenger;
    return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL
drv_DestroyDebugUtilsMessengerEXT(VkInstance handle, VkDebugUtilsMessengerEXT messenger_handle,
                                  const VkAllocationCallbacks *pAllocator)
{
    struct drv_instance *instance = drv_instance_from(handle);
    struct drv_address_reports *reports = &instance->address_reports;
    struct drv_messenger *messenger = (struct drv_messenger *)(uintptr_t)messenger_handle;
    if (!messenger) {
        return;
    }
    pthread_mutex_lock(&reports->lock);
    struct drv_messenger **at = &reports->messengers;
    while (*at != messenger) {
        at = &(*at)->next;
    }
    *at = messenger->next;
    (void)update_locked(reports);
    pthread_mutex_unlock(&reports->lock);
    drv_object_destroy(instance->allocator, pAllocator, messenger);
}
