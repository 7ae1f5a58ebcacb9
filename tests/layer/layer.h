/* What test layers have in common: finding their way in the loader's structures, and an instance's
 * and a device's life. A layer adds its `layer_definition`.
 *
 * One lock guards all lists; layers call down with it released. */
#ifndef TEST_LAYER_H
#define TEST_LAYER_H

#include <pthread.h>
#include <stddef.h>
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan_core.h>

#include "base/list.h"

/* First in what a layer keeps of an instance. */
struct layer_instance_base {
    struct base_list link;
    void *key;
    VkInstance handle;
    PFN_vkGetInstanceProcAddr next;
    PFN_vkDestroyInstance DestroyInstance;
    PFN_vkEnumerateDeviceExtensionProperties EnumerateDeviceExtensionProperties;
};

/* Likewise of a device. */
struct layer_device_base {
    struct base_list link;
    void *key;
    VkPhysicalDevice physical_device;
    VkDevice handle;
    PFN_vkGetDeviceProcAddr next;
    PFN_vkDestroyDevice DestroyDevice;
};

/* Fills a member of either with the next layer's function, which may be NULL. */
#define LAYER_LOAD(object, name)                                                                   \
    ((object)->name = (PFN_vk##name)(object)->base.next((object)->base.handle, "vk" #name))

struct layer_function {
    const char *name;
    PFN_vkVoidFunction function;
};

#define LAYER_HOOK(name)                                                                           \
    {                                                                                              \
        "vk" #name, (PFN_vkVoidFunction)layer_##name                                               \
    }
#define LAYER_HOOK_ALIAS(name)                                                                     \
    {                                                                                              \
        "vk" #name "KHR", (PFN_vkVoidFunction)layer_##name                                         \
    }

struct layer_definition {
    const char *name;                  /* in its last words; NULL: it has none */
    size_t instance_size, device_size; /* bytes */
    /* What the layer gives the driver: they are named with the driver's, and not asked of it. */
    const VkExtensionProperties *extensions;
    uint32_t extension_count;
    void (*load_instance)(struct layer_instance_base *base);
    void (*load_device)(struct layer_device_base *base);
    /* Asks for the device below. NULL: as the layer was asked, but for the extensions. */
    VkResult (*create_device)(VkPhysicalDevice physical_device, const VkDeviceCreateInfo *info,
                              const VkAllocationCallbacks *allocator, PFN_vkCreateDevice create,
                              VkDevice *out);
    void (*finish_device)(struct layer_device_base *base); /* it is gone below; NULL: nothing */
    /* Beside those that make, destroy and find. Both end with zeroes. */
    const struct layer_function *instance_functions, *device_functions;
};

extern const struct layer_definition layer_definition; /* the layer's */

/* By a dispatchable handle: of an instance or its physical devices, of a device or its queues. */
struct layer_instance_base *layer_find_instance(void *dispatchable);
struct layer_device_base *layer_find_device(void *dispatchable);

/* The same for a layer's own `struct layer_instance` and `struct layer_device`. */
#define LAYER_FINDERS                                                                              \
    static inline struct layer_instance *find_instance(void *dispatchable)                         \
    {                                                                                              \
        return (struct layer_instance *)layer_find_instance(dispatchable);                         \
    }                                                                                              \
    static inline struct layer_device *find_device(void *dispatchable)                             \
    {                                                                                              \
        return (struct layer_device *)layer_find_device(dispatchable);                             \
    }

/* `name(handle)`: the struct `type` of a layer's list whose member `handle` is that; NULL: none. */
#define LAYER_LIST_FINDER(name, type, list, handle_type)                                           \
    static struct type *name(handle_type handle)                                                   \
    {                                                                                              \
        struct type *found = NULL;                                                                 \
        pthread_mutex_lock(&layer_lock);                                                           \
        base_list_for_each (it, &list, struct type, link) {                                        \
            found = it->handle == handle ? it : found;                                             \
        }                                                                                          \
        pthread_mutex_unlock(&layer_lock);                                                         \
        return found;                                                                              \
    }

/* A layer's own lists. */
extern pthread_mutex_t layer_lock;
void layer_publish(struct base_list *list, struct base_list *link);
void layer_unpublish(struct base_list *link);

/* Ends the process: the layer was shown what it must not be. */
_Noreturn void layer_die(const char *message);
/* Zeroed; ends the process where there is none. */
void *layer_alloc(size_t size);

const void *layer_find_in_chain(const void *chain, VkStructureType type);

#endif
