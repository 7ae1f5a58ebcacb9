#include "renderer/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "protocol/proto_mesa.h"
#include "renderer/chain.h"
#include "renderer/context_impl.h"
#include "renderer/device.h"
#include "renderer/host_libraries.h"
#include "renderer/physical_device.h"

static void
release(struct rnd_object *object)
{
    struct rnd_instance *instance = (struct rnd_instance *)object;
    rnd_address_bindings_finish(&instance->address_bindings);
    pthread_mutex_destroy(&instance->lock);
    free(instance->devices);
    free(instance);
}

/* What the host is asked for: at least 1.1, at most what the protocol speaks. */
static uint32_t
choose_version(const VkApplicationInfo *app)
{
    uint32_t version = app ? app->apiVersion : 0;
    return version < VK_API_VERSION_1_1 ? VK_API_VERSION_1_1 : rnd_cap_version(version);
}

static VkResult
create_host_instance(const struct rnd_host *host, const VkInstanceCreateInfo *info, VkInstance *out)
{
    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO};
    if (info->pApplicationInfo) {
        app = *info->pApplicationInfo;
        app.pNext = NULL;
    }
    app.apiVersion = choose_version(info->pApplicationInfo);

    const char *const names[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    bool names_objects = info->enabledExtensionCount > 0 && host->has_debug_utils;
    VkInstanceCreateInfo host_info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &app,
        .enabledExtensionCount = names_objects ? BASE_COUNT_OF(names) : 0,
        .ppEnabledExtensionNames = names,
    };
    VkResult result = host->create_instance(&host_info, NULL, out);
    rnd_keep_libraries_loaded();
    return result;
}

/* A driver that says nothing, such as Mesa's, knows none of them. */
static void
remember_peer(struct rnd_instance *instance, const VkInstanceCreateInfo *info)
{
    const VkPeerInfoVESPER *peer = rnd_chain_find(info->pNext, VK_STRUCTURE_TYPE_PEER_INFO_VESPER);
    for (uint32_t i = 0; peer && i < WIRE_CAPSET_EXTENSION_WORDS; i++) {
        bool there = i < peer->extensionMaskWordCount;
        instance->private_extensions[i] = there ? peer->pExtensionMask[i] : 0;
    }
}

VkResult
rnd_instance_create(const VkInstanceCreateInfo *info, struct rnd_instance **out)
{
    const struct rnd_host *host = rnd_host_get();
    if (!host) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    if (!rnd_host_is_usable(host)) {
        base_log_error("the host's Vulkan is 1.0; Vulkan 1.1 is needed");
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    struct rnd_instance *instance = calloc(1, sizeof(*instance));
    if (!instance) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    VkInstance handle;
    VkResult result = create_host_instance(host, info, &handle);
    if (result != VK_SUCCESS) {
        base_log_warn("the host's vkCreateInstance failed with %d", result);
        free(instance);
        return result;
    }
    instance->object.handle = RND_HANDLE(handle);
    instance->object.release = release;
    instance->host = host;
    remember_peer(instance, info);
    pthread_mutex_init(&instance->lock, NULL);
    rnd_address_bindings_init(&instance->address_bindings);
    rnd_instance_table_load(&instance->table, host->get_instance_proc_addr, handle);
    *out = instance;
    return VK_SUCCESS;
}

static void
destroy_host_instance(struct rnd_instance *instance)
{
    rnd_address_bindings_stop(instance);
    instance->table.DestroyInstance(RND_OBJECT_HANDLE(&instance->object, VkInstance), NULL);
}

void
rnd_instance_discard(struct rnd_instance *instance)
{
    destroy_host_instance(instance);
    release(&instance->object);
}

/* Physical devices that the guest never named are in no table, so nobody else frees them. */
static void
free_unnamed_devices(struct rnd_instance *instance)
{
    for (uint32_t i = 0; i < instance->device_count; i++) {
        if (instance->devices[i]->object.id == 0) {
            rnd_physical_device_free(instance->devices[i]);
        }
    }
}

void
rnd_instance_finish(struct rnd_instance *instance)
{
    pthread_mutex_lock(&instance->lock);
    free_unnamed_devices(instance);
    pthread_mutex_unlock(&instance->lock);
    destroy_host_instance(instance);
}

static VkResult
list_host_devices(struct rnd_instance *instance, VkPhysicalDevice **handles, uint32_t *count)
{
    VkInstance handle = RND_OBJECT_HANDLE(&instance->object, VkInstance);
    VkResult result = instance->table.EnumeratePhysicalDevices(handle, count, NULL);
    if (result != VK_SUCCESS) {
        return result;
    }
    *handles = calloc(*count ? *count : 1, sizeof(**handles));
    if (!*handles) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    result = instance->table.EnumeratePhysicalDevices(handle, count, *handles);
    if (result < 0) {
        free(*handles);
        return result;
    }
    return VK_SUCCESS;
}

VkResult
rnd_instance_enumerate_locked(struct rnd_instance *instance)
{
    if (instance->enumerated) {
        return VK_SUCCESS;
    }
    VkPhysicalDevice *handles;
    uint32_t count;
    VkResult result = list_host_devices(instance, &handles, &count);
    if (result != VK_SUCCESS) {
        return result;
    }
    instance->devices = calloc(count ? count : 1, sizeof(*instance->devices));
    if (!instance->devices) {
        free(handles);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct rnd_physical_device *device = rnd_physical_device_create(instance, handles[i]);
        if (device) {
            instance->devices[instance->device_count++] = device;
        }
    }
    free(handles);
    instance->enumerated = true;
    return VK_SUCCESS;
}

struct rnd_instance *
rnd_instance_of(struct rnd_object *object)
{
    if (object->device) {
        return object->device->physical_device->instance;
    }
    if (object->type == VK_OBJECT_TYPE_PHYSICAL_DEVICE) {
        return ((struct rnd_physical_device *)object)->instance;
    }
    return (struct rnd_instance *)object;
}
