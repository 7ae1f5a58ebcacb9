/* The loader, at run time: programs start, and say what is missing, where there is no Vulkan. */
#include "tools/vkh/vkh.h"

#include <dlfcn.h>
#include <stddef.h>

PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr;
#define VKH_DEFINE(name) PFN_##name name;
VKH_GLOBAL_FUNCTIONS(VKH_DEFINE)
VKH_INSTANCE_FUNCTIONS(VKH_DEFINE)
VKH_INSTANCE_OPTIONAL_FUNCTIONS(VKH_DEFINE)
VKH_DEVICE_FUNCTIONS(VKH_DEFINE)
VKH_DEVICE_OPTIONAL_FUNCTIONS(VKH_DEFINE)
#undef VKH_DEFINE

static void *
must_have(PFN_vkVoidFunction function, const char *name)
{
    if (!function) {
        vkh_die("this Vulkan has no %s; Vulkan 1.1 is needed", name);
    }
    return (void *)function;
}

void
vkh_load(void)
{
    if (vkGetInstanceProcAddr) {
        return;
    }
    void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!loader) {
        vkh_die("no Vulkan loader (%s): install libvulkan1", dlerror());
    }
    vkGetInstanceProcAddr = (PFN_vkGetInstanceProcAddr)dlsym(loader, "vkGetInstanceProcAddr");
    if (!vkGetInstanceProcAddr) {
        vkh_die("libvulkan.so.1 has no vkGetInstanceProcAddr: it is not a Vulkan loader");
    }
#define VKH_GET(name) name = (PFN_##name)must_have(vkGetInstanceProcAddr(NULL, #name), #name);
    VKH_GLOBAL_FUNCTIONS(VKH_GET)
#undef VKH_GET
}

void
vkh_load_instance(VkInstance instance)
{
#define VKH_GET(name) name = (PFN_##name)must_have(vkGetInstanceProcAddr(instance, #name), #name);
    VKH_INSTANCE_FUNCTIONS(VKH_GET)
#undef VKH_GET
#define VKH_GET(name) name = (PFN_##name)vkGetInstanceProcAddr(instance, #name);
    VKH_INSTANCE_OPTIONAL_FUNCTIONS(VKH_GET)
#undef VKH_GET
}

/* A second device of the same driver has the same functions: what is there already is not written
 * again, since other threads may be calling it. */
#define SET(name, function)                                                                        \
    do {                                                                                           \
        PFN_##name found = (PFN_##name)(function);                                                 \
        if (name != found) {                                                                       \
            name = found;                                                                          \
        }                                                                                          \
    } while (0);

void
vkh_load_device(VkDevice device)
{
#define VKH_GET(name) SET(name, must_have(vkGetDeviceProcAddr(device, #name), #name))
    VKH_DEVICE_FUNCTIONS(VKH_GET)
#undef VKH_GET
#define VKH_GET(name) SET(name, vkGetDeviceProcAddr(device, #name))
    VKH_DEVICE_OPTIONAL_FUNCTIONS(VKH_GET)
#undef VKH_GET
}
