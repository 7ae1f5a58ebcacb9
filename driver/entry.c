/* What the Vulkan loader calls, and how it finds everything else. The only symbols that the library
 * exports are the three vk_icd* functions. */
#include <stdbool.h>

#include "driver/device.h"
#include "driver/drv_entry.h"
#include "driver/instance.h"

enum {
    /* 5: instances of any version; physical-device functions are found by
     * vk_icdGetPhysicalDeviceProcAddr. Below 2 there was no negotiation. */
    NEWEST_LOADER_INTERFACE = 5,
    OLDEST_LOADER_INTERFACE = 2,
};

#define EXPORTED __attribute__((visibility("default"))) VKAPI_ATTR

EXPORTED VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *pVersion);
EXPORTED PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance,
                                                                 const char *pName);
EXPORTED PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance,
                                                                       const char *pName);

VKAPI_ATTR VkResult VKAPI_CALL
vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *pVersion)
{
    if (*pVersion < OLDEST_LOADER_INTERFACE) {
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    if (*pVersion > NEWEST_LOADER_INTERFACE) {
        *pVersion = NEWEST_LOADER_INTERFACE;
    }
    return VK_SUCCESS;
}

static const struct drv_entry *
find_entry(const char *name)
{
    return name ? drv_entry_find(name) : NULL;
}

static const char *const *
extensions_of(const struct drv_entry *entry)
{
    return &drv_entry_extensions[entry->first_extension];
}

static bool
is_core_in(const struct drv_entry *entry, uint32_t version)
{
    return entry->core_version != 0 && entry->core_version <= version;
}

static bool
instance_enables(const struct drv_instance *instance, const struct drv_entry *entry)
{
    for (uint32_t i = 0; i < entry->extension_count; i++) {
        if (drv_instance_has_extension(instance, extensions_of(entry)[i])) {
            return true;
        }
    }
    return false;
}

/* Some device may offer it, and the application may ask before it has one. */
static bool
device_extension_exists(const struct drv_entry *entry)
{
    for (uint32_t i = 0; i < entry->extension_count; i++) {
        const struct proto_extension *extension = proto_extension_find(extensions_of(entry)[i]);
        if (extension && !extension->is_instance) {
            return true;
        }
    }
    return false;
}

static bool
device_enables(const struct drv_device *device, const struct drv_entry *entry)
{
    for (uint32_t i = 0; i < entry->extension_count; i++) {
        if (drv_extension_set_has_name(&device->extensions, extensions_of(entry)[i])) {
            return true;
        }
    }
    return false;
}

static bool
instance_offers(const struct drv_instance *instance, const struct drv_entry *entry)
{
    if (entry->level == DRV_ENTRY_GLOBAL) {
        return true;
    }
    return is_core_in(entry, DRV_MAX_API_VERSION) || instance_enables(instance, entry) ||
           (entry->level != DRV_ENTRY_INSTANCE && device_extension_exists(entry));
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
drv_GetInstanceProcAddr(VkInstance instance, const char *pName)
{
    const struct drv_entry *entry = find_entry(pName);
    if (!entry) {
        return NULL;
    }
    if (!instance) {
        return entry->level == DRV_ENTRY_GLOBAL ? entry->fn : NULL;
    }
    return instance_offers(drv_instance_from(instance), entry) ? entry->fn : NULL;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
drv_GetDeviceProcAddr(VkDevice handle, const char *pName)
{
    const struct drv_device *device = drv_device_from(handle);
    const struct drv_entry *entry = find_entry(pName);
    if (!entry || entry->level != DRV_ENTRY_DEVICE) {
        return NULL;
    }
    bool offered = is_core_in(entry, device->api_version) || device_enables(device, entry) ||
                   instance_enables(device->instance, entry);
    return offered ? entry->fn : NULL;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
vk_icdGetInstanceProcAddr(VkInstance instance, const char *pName)
{
    return drv_GetInstanceProcAddr(instance, pName);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *pName)
{
    const struct drv_entry *entry = find_entry(pName);
    if (!entry || entry->level != DRV_ENTRY_PHYSICAL_DEVICE) {
        return NULL;
    }
    return drv_GetInstanceProcAddr(instance, pName);
}
