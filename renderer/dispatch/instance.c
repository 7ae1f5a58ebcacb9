#include <string.h>

#include "protocol/proto_extensions.h"
#include "renderer/call_impl.h"
#include "renderer/context_impl.h"
#include "renderer/instance.h"
#include "renderer/physical_device.h"
#include "renderer/rnd_dispatch.h"
#include "renderer/teardown.h"
#include "renderer/warm_up.h"

void
rnd_do_vkEnumerateInstanceVersion(struct rnd_call *call,
                                  struct proto_vkEnumerateInstanceVersion *args)
{
    const struct rnd_host *host = rnd_host_get();
    args->ret = host ? VK_SUCCESS : VK_ERROR_INITIALIZATION_FAILED;
    if (host) {
        *args->pApiVersion = rnd_host_is_usable(host) ? PROTO_VK_XML_VERSION : VK_API_VERSION_1_0;
    }
}

/* Vulkan's rule for lists: NULL asks for the length, VK_INCOMPLETE says that more would have
 * followed. */
static VkResult
give_extensions(const VkExtensionProperties *list, uint32_t length, uint32_t *count,
                VkExtensionProperties *out)
{
    if (!out) {
        *count = length;
        return VK_SUCCESS;
    }
    *count = *count < length ? *count : length;
    memcpy(out, list, *count * sizeof(*list));
    return *count < length ? VK_INCOMPLETE : VK_SUCCESS;
}

/* The guest sees the protocol itself as the instance's extensions, and nothing else. */
void
rnd_do_vkEnumerateInstanceExtensionProperties(
    struct rnd_call *call, struct proto_vkEnumerateInstanceExtensionProperties *args)
{
    const VkExtensionProperties list[] = {
        {"VK_EXT_command_serialization", 1},
        {"VK_MESA_venus_protocol", PROTO_VENUS_SPEC_VERSION},
    };
    if (args->pLayerName) {
        rnd_call_fail(call, "there is no layer \"%s\"", args->pLayerName);
        return;
    }
    args->ret = give_extensions(list, BASE_COUNT_OF(list), args->pPropertyCount, args->pProperties);
}

void
rnd_do_vkEnumerateDeviceExtensionProperties(struct rnd_call *call,
                                            struct proto_vkEnumerateDeviceExtensionProperties *args)
{
    const struct rnd_physical_device *device = rnd_physical_device_from(call->leading);
    if (args->pLayerName) {
        rnd_call_fail(call, "there is no layer \"%s\"", args->pLayerName);
        return;
    }
    args->ret = give_extensions(device->extensions, device->extension_count, args->pPropertyCount,
                                args->pProperties);
}

/* --- the instance --- */

static VkResult
create_instance(struct rnd_call *call, const VkInstanceCreateInfo *info, uint64_t id)
{
    if (info->enabledLayerCount > 0) {
        return VK_ERROR_LAYER_NOT_PRESENT;
    }
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (strcmp(info->ppEnabledExtensionNames[i], VK_EXT_DEBUG_UTILS_EXTENSION_NAME) != 0) {
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
    }
    struct rnd_instance *instance;
    rnd_warm_up_wait();
    VkResult result = rnd_instance_create(info, &instance);
    if (result != VK_SUCCESS) {
        return result;
    }
    if (!rnd_call_add(call, &instance->object, VK_OBJECT_TYPE_INSTANCE, id, instance->object.handle,
                      NULL, NULL)) {
        rnd_instance_discard(instance);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    call->context->instance = instance;
    return VK_SUCCESS;
}

void
rnd_do_vkCreateInstance(struct rnd_call *call, struct proto_vkCreateInstance *args)
{
    if (!rnd_call_check_new_ids(call, args->pInstance_ids, 1)) {
        return;
    }
    pthread_mutex_lock(&call->context->instance_lock);
    if (call->context->instance) {
        rnd_call_fail(call, "the context has an instance already");
    } else {
        args->ret = create_instance(call, args->pCreateInfo, args->pInstance_ids[0]);
    }
    pthread_mutex_unlock(&call->context->instance_lock);
}

void
rnd_do_vkDestroyInstance(struct rnd_call *call, struct proto_vkDestroyInstance *args)
{
    (void)args;
    rnd_teardown(call);
}

/* --- physical devices --- */

/* Gives the host's device the guest's id, or checks that it is the one it has. */
static bool
name_device(struct rnd_call *call, struct rnd_physical_device *device, uint64_t id)
{
    if (device->object.id == id) {
        return true;
    }
    if (device->object.id != 0) {
        rnd_call_fail(call, "\"%s\" has another id already", device->properties.deviceName);
        return false;
    }
    if (!rnd_call_check_new_ids(call, &id, 1)) {
        return false;
    }
    if (!rnd_call_add(call, &device->object, VK_OBJECT_TYPE_PHYSICAL_DEVICE, id,
                      device->object.handle, NULL, call->leading)) {
        device->object.id = 0; /* it is in no table */
        return false;
    }
    return true;
}

static void
enumerate_locked(struct rnd_call *call, struct rnd_instance *instance,
                 struct proto_vkEnumeratePhysicalDevices *args)
{
    args->ret = rnd_instance_enumerate_locked(instance);
    if (args->ret != VK_SUCCESS) {
        *args->pPhysicalDeviceCount = 0;
        return;
    }
    if (!args->pPhysicalDevices) {
        *args->pPhysicalDeviceCount = instance->device_count;
        return;
    }
    if (*args->pPhysicalDeviceCount < instance->device_count) {
        args->ret = VK_INCOMPLETE;
    } else {
        *args->pPhysicalDeviceCount = instance->device_count;
    }
    for (uint32_t i = 0; i < *args->pPhysicalDeviceCount; i++) {
        if (!name_device(call, instance->devices[i], args->pPhysicalDevices_ids[i])) {
            return;
        }
    }
}

void
rnd_do_vkEnumeratePhysicalDevices(struct rnd_call *call,
                                  struct proto_vkEnumeratePhysicalDevices *args)
{
    struct rnd_instance *instance = rnd_instance_of(call->leading);
    pthread_mutex_lock(&instance->lock);
    enumerate_locked(call, instance, args);
    pthread_mutex_unlock(&instance->lock);
}

/* --- groups --- */

/* The guest's id of a host device; 0: it has none, or may not see it. */
static uint64_t
id_of(const struct rnd_instance *instance, VkPhysicalDevice handle)
{
    for (uint32_t i = 0; i < instance->device_count; i++) {
        if (instance->devices[i]->handle == handle) {
            return instance->devices[i]->object.id;
        }
    }
    return 0;
}

/* Ids travel as handles here: the reply writes the integers back. Devices that the guest may not
 * see are left out. */
static void
translate_group(const struct rnd_instance *instance, const VkPhysicalDeviceGroupProperties *host,
                VkPhysicalDeviceGroupProperties *guest)
{
    guest->physicalDeviceCount = 0;
    guest->subsetAllocation = host->subsetAllocation;
    for (uint32_t i = 0; i < host->physicalDeviceCount; i++) {
        uint64_t id = id_of(instance, host->physicalDevices[i]);
        if (id != 0) {
            guest->physicalDevices[guest->physicalDeviceCount++] = (VkPhysicalDevice)(uintptr_t)id;
        }
    }
}

static VkResult
list_host_groups(struct rnd_call *call, VkInstance instance, uint32_t *count,
                 VkPhysicalDeviceGroupProperties **out)
{
    PFN_vkEnumeratePhysicalDeviceGroups enumerate =
        call->instance_table->EnumeratePhysicalDeviceGroups;
    VkResult result = enumerate(instance, count, NULL);
    if (result != VK_SUCCESS) {
        return result;
    }
    *out = rnd_call_alloc(call, *count, sizeof(**out));
    if (!*out) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < *count; i++) {
        (*out)[i].sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES;
    }
    result = enumerate(instance, count, *out);
    return result < 0 ? result : VK_SUCCESS;
}

/* Drops empty groups from the translated list. */
static uint32_t
list_groups(struct rnd_call *call, const struct rnd_instance *instance,
            const VkPhysicalDeviceGroupProperties *host, uint32_t host_count,
            VkPhysicalDeviceGroupProperties *groups)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < host_count; i++) {
        translate_group(instance, &host[i], &groups[count]);
        count += groups[count].physicalDeviceCount > 0;
    }
    return count;
}

static VkResult
give_groups(const VkPhysicalDeviceGroupProperties *groups, uint32_t length, uint32_t *count,
            VkPhysicalDeviceGroupProperties *out)
{
    if (!out) {
        *count = length;
        return VK_SUCCESS;
    }
    *count = *count < length ? *count : length;
    for (uint32_t i = 0; i < *count; i++) {
        out[i].physicalDeviceCount = groups[i].physicalDeviceCount;
        out[i].subsetAllocation = groups[i].subsetAllocation;
        memcpy(out[i].physicalDevices, groups[i].physicalDevices,
               groups[i].physicalDeviceCount * sizeof(groups[i].physicalDevices[0]));
    }
    return *count < length ? VK_INCOMPLETE : VK_SUCCESS;
}

static VkResult
enumerate_groups_locked(struct rnd_call *call, struct rnd_instance *instance,
                        struct proto_vkEnumeratePhysicalDeviceGroups *args)
{
    if (!instance->enumerated || instance->device_count == 0 ||
        instance->devices[0]->object.id == 0) {
        return VK_ERROR_INITIALIZATION_FAILED; /* the guest has to name its devices first */
    }
    uint32_t count;
    VkPhysicalDeviceGroupProperties *host;
    VkResult result = list_host_groups(call, args->instance, &count, &host);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkPhysicalDeviceGroupProperties *groups =
        rnd_call_alloc(call, (size_t)count + 1, sizeof(*host));
    if (!groups) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    count = list_groups(call, instance, host, count, groups);
    return give_groups(groups, count, args->pPhysicalDeviceGroupCount,
                       args->pPhysicalDeviceGroupProperties);
}

void
rnd_do_vkEnumeratePhysicalDeviceGroups(struct rnd_call *call,
                                       struct proto_vkEnumeratePhysicalDeviceGroups *args)
{
    struct rnd_instance *instance = rnd_instance_of(call->leading);
    pthread_mutex_lock(&instance->lock);
    args->ret = enumerate_groups_locked(call, instance, args);
    pthread_mutex_unlock(&instance->lock);
    if (args->ret < 0) {
        *args->pPhysicalDeviceGroupCount = 0;
    }
}
