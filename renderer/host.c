#include "renderer/host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static struct rnd_host host;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

typedef VkResult(VKAPI_PTR *negotiate_fn)(uint32_t *version);

enum {
    /* Of the interface between loader and driver: the oldest with which a driver must refuse
     * versions of Vulkan that it does not know, and nothing that we need came later. */
    DRIVER_INTERFACE_VERSION = 5,
};

static PFN_vkGetInstanceProcAddr
load_driver(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        base_log_error("VESPER_HOST_DRIVER=%s cannot be loaded: %s", path, dlerror());
        return NULL;
    }
    negotiate_fn negotiate =
        (negotiate_fn)dlsym(library, "vk_icdNegotiateLoaderICDInterfaceVersion");
    uint32_t version = DRIVER_INTERFACE_VERSION;
    if (negotiate && negotiate(&version) != VK_SUCCESS) {
        base_log_error("VESPER_HOST_DRIVER=%s: refuses driver interface version %u", path,
                       DRIVER_INTERFACE_VERSION);
        return NULL;
    }
    PFN_vkGetInstanceProcAddr get =
        (PFN_vkGetInstanceProcAddr)dlsym(library, "vk_icdGetInstanceProcAddr");
    if (!get) {
        base_log_error("VESPER_HOST_DRIVER=%s is not a Vulkan driver: it lacks "
                       "vk_icdGetInstanceProcAddr",
                       path);
    }
    return get;
}

static PFN_vkGetInstanceProcAddr
load_loader(void)
{
    /* Our own driver may be installed on this machine too; the renderer must not talk to itself. */
    setenv("VESPER_RENDERER", "1", 1);
    void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        base_log_error("the Vulkan loader cannot be loaded: %s; install libvulkan1, or name a "
                       "driver's library in VESPER_HOST_DRIVER",
                       dlerror());
        return NULL;
    }
    return (PFN_vkGetInstanceProcAddr)dlsym(library, "vkGetInstanceProcAddr");
}

static bool
has_instance_extension(PFN_vkGetInstanceProcAddr get, const char *name)
{
    PFN_vkEnumerateInstanceExtensionProperties enumerate =
        (PFN_vkEnumerateInstanceExtensionProperties)get(NULL,
                                                        "vkEnumerateInstanceExtensionProperties");
    uint32_t count = 0;
    if (!enumerate || enumerate(NULL, &count, NULL) != VK_SUCCESS) {
        return false;
    }
    VkExtensionProperties *list = calloc(count ? count : 1, sizeof(*list));
    bool found = false;
    if (list && enumerate(NULL, &count, list) >= 0) {
        for (uint32_t i = 0; i < count && !found; i++) {
            found = strcmp(list[i].extensionName, name) == 0;
        }
    }
    free(list);
    return found;
}

/* Drivers that compile shaders for the CPU let them call the C library's mathematics, and look for
 * it among what the whole process sees, as any application makes it seen. Whoever loads us need
 * not: without this, lavapipe's half-precision functions would jump to address 0. */
static void
show_mathematics(void)
{
    if (!dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL)) {
        base_log_info("the C library's mathematics are not where glibc has them: %s", dlerror());
    }
}

static void
load(void)
{
    show_mathematics();
    const char *driver = getenv("VESPER_HOST_DRIVER");
    PFN_vkGetInstanceProcAddr get = driver && *driver ? load_driver(driver) : load_loader();
    if (!get) {
        return;
    }
    host.get_instance_proc_addr = get;
    host.create_instance = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
    host.enumerate_instance_version =
        (PFN_vkEnumerateInstanceVersion)get(NULL, "vkEnumerateInstanceVersion");
    host.has_debug_utils = has_instance_extension(get, VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
    loaded = host.create_instance != NULL;
    if (!loaded) {
        base_log_error("the host's Vulkan has no vkCreateInstance");
    }
}

const struct rnd_host *
rnd_host_get(void)
{
    pthread_once(&once, load);
    return loaded ? &host : NULL;
}

uint32_t
rnd_cap_version(uint32_t version)
{
    if (VK_API_VERSION_MAJOR(version) == 1 && VK_API_VERSION_MINOR(version) <= 4) {
        return version;
    }
    return VK_MAKE_API_VERSION(0, 1, 4, VK_API_VERSION_PATCH(version));
}

bool
rnd_host_is_usable(const struct rnd_host *vulkan)
{
    uint32_t version = VK_API_VERSION_1_0;
    if (vulkan->enumerate_instance_version) {
        vulkan->enumerate_instance_version(&version);
    }
    return version >= VK_API_VERSION_1_1;
}
