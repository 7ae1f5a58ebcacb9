/* Hears of the addresses that the host (tests/layer/addresses_layer.c) gives to objects and takes
 * from them: within the call, on its thread, under the application's handles, from whenever there
 * is a messenger until there is none. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/apps/shaders/add_comp.h"
#include "tests/layer/addresses_layer.h"
#include "tools/vkh/vkh.h"

enum {
    MAX_HEARD = 64, /* by one thread at a time */
    THREADS = 4,
    ROUNDS = 25,
    BUFFER_SIZE = 4096,
};

struct heard {
    VkObjectType type;
    uint64_t object;
    VkDeviceAddress address;
    VkDeviceSize size;
    VkDeviceAddressBindingTypeEXT kind;
    VkDeviceAddressBindingFlagsEXT flags;
};

/* What came on this thread. */
static _Thread_local struct heard heard[MAX_HEARD];
static _Thread_local unsigned heard_count;
static _Thread_local bool is_ours; /* the driver's own threads are not */

static PFN_vkCreateDebugUtilsMessengerEXT create_messenger;
static PFN_vkDestroyDebugUtilsMessengerEXT destroy_messenger;

#define HANDLE(handle) ((uint64_t)(uintptr_t)(handle))

static VKAPI_ATTR VkBool32 VKAPI_CALL
hear(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
     const VkDebugUtilsMessengerCallbackDataEXT *message, void *user)
{
    const VkDeviceAddressBindingCallbackDataEXT *data = message->pNext;
    vkh_expect(severity == VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT &&
                   types == VK_DEBUG_UTILS_MESSAGE_TYPE_DEVICE_ADDRESS_BINDING_BIT_EXT,
               "the message is of another kind");
    vkh_expect(user == &create_messenger, "the user data is another's");
    vkh_expect(is_ours, "the callback is on a thread of the driver's");
    vkh_expect(!message->pMessage && message->objectCount == 1,
               "one object is meant, without words");
    vkh_expect(data && data->sType == VK_STRUCTURE_TYPE_DEVICE_ADDRESS_BINDING_CALLBACK_DATA_EXT,
               "the message has no address");
    vkh_expect(data->baseAddress != 0 && data->size != 0, "the address is none");
    vkh_expect(message->pObjects[0].objectHandle != ADDRESSES_STRANGER, "a stranger is named");
    vkh_expect(heard_count < MAX_HEARD, "there are too many messages");
    heard[heard_count++] = (struct heard){
        message->pObjects[0].objectType,
        message->pObjects[0].objectHandle,
        data->baseAddress,
        data->size,
        data->bindingType,
        data->flags,
    };
    return VK_FALSE;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
hear_nothing(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types,
             const VkDebugUtilsMessengerCallbackDataEXT *message, void *user)
{
    (void)severity;
    (void)message;
    (void)user;
    vkh_die("a message of type %#x came to a messenger that does not take it", types);
}

static VkDebugUtilsMessengerEXT
listen(const struct vkh_gpu *gpu, PFN_vkDebugUtilsMessengerCallbackEXT callback,
       VkDebugUtilsMessageSeverityFlagsEXT severity, VkDebugUtilsMessageTypeFlagsEXT types)
{
    const VkDebugUtilsMessengerCreateInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = severity,
        .messageType = types,
        .pfnUserCallback = callback,
        .pUserData = &create_messenger,
    };
    VkDebugUtilsMessengerEXT messenger;
    VKH_CHECK(create_messenger(gpu->instance, &info, NULL, &messenger));
    return messenger;
}

/* --- what is expected of what was heard --- */

/* Takes the oldest message away, which must be this. */
static struct heard
next(VkObjectType type, uint64_t object, VkDeviceAddressBindingTypeEXT kind)
{
    vkh_expect(heard_count > 0, "a message is missing");
    struct heard first = heard[0];
    heard_count--;
    for (unsigned i = 0; i < heard_count; i++) {
        heard[i] = heard[i + 1];
    }
    if (first.type != type || first.object != object || first.kind != kind) {
        vkh_die("object %#llx of type %d was %s instead of %#llx of type %d being %s",
                (unsigned long long)first.object, first.type, first.kind ? "unbound" : "bound",
                (unsigned long long)object, type, kind ? "unbound" : "bound");
    }
    return first;
}

static struct heard
bound(VkObjectType type, uint64_t object, bool is_new, VkDeviceSize least)
{
    struct heard message = next(type, object, VK_DEVICE_ADDRESS_BINDING_TYPE_BIND_EXT);
    vkh_expect(message.size >= least, "the addresses are fewer than the object needs");
    vkh_expect((message.flags == VK_DEVICE_ADDRESS_BINDING_INTERNAL_OBJECT_BIT_EXT) == is_new,
               "whether the object was visible is told wrongly");
    return message;
}

static void
unbound(const struct heard *before)
{
    struct heard message =
        next(before->type, before->object, VK_DEVICE_ADDRESS_BINDING_TYPE_UNBIND_EXT);
    vkh_expect(message.address == before->address && message.size == before->size,
               "other addresses were unbound than were bound");
}

static void
nothing_more(void)
{
    vkh_expect(heard_count == 0, "there is a message too many");
}

/* --- objects --- */

static void
try_fence(const struct vkh_gpu *gpu, bool listening)
{
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    struct heard message;
    VkFence fence;
    VKH_CHECK(vkCreateFence(gpu->device, &info, NULL, &fence));
    if (listening) {
        message = bound(VK_OBJECT_TYPE_FENCE, HANDLE(fence), true, ADDRESSES_SMALL);
    }
    nothing_more();
    vkDestroyFence(gpu->device, fence, NULL);
    if (listening) {
        unbound(&message);
    }
    nothing_more();
}

static VkDeviceMemory
allocate(const struct vkh_gpu *gpu, VkBuffer buffer, struct heard *message)
{
    VkMemoryRequirements requirements;
    vkGetBufferMemoryRequirements(gpu->device, buffer, &requirements);
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = requirements.size,
        .memoryTypeIndex = vkh_memory_type(gpu, requirements.memoryTypeBits, 0, 0),
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    struct heard first = bound(VK_OBJECT_TYPE_DEVICE_MEMORY, HANDLE(memory), true, ADDRESSES_SMALL);
    unbound(&first);
    *message = bound(VK_OBJECT_TYPE_DEVICE_MEMORY, HANDLE(memory), true, requirements.size);
    nothing_more();
    return memory;
}

static void
try_buffer(const struct vkh_gpu *gpu)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = BUFFER_SIZE,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
    };
    struct heard of_memory, of_buffer;
    VkBuffer buffer;
    VKH_CHECK(vkCreateBuffer(gpu->device, &info, NULL, &buffer));
    VkDeviceMemory memory = allocate(gpu, buffer, &of_memory);
    VKH_CHECK(vkBindBufferMemory(gpu->device, buffer, memory, 0));
    of_buffer = bound(VK_OBJECT_TYPE_BUFFER, HANDLE(buffer), false, BUFFER_SIZE);
    vkDestroyBuffer(gpu->device, buffer, NULL);
    unbound(&of_buffer);
    vkFreeMemory(gpu->device, memory, NULL);
    unbound(&of_memory);
    nothing_more();
}

/* The pipeline is made on a ring of its own, and the sets go with their pool. */
static void
try_pipeline(const struct vkh_gpu *gpu, bool reset)
{
    struct vkh_compute compute;
    vkh_compute_create(gpu, add_comp, sizeof(add_comp), 3, 0, NULL, &compute);
    struct heard of_set =
        bound(VK_OBJECT_TYPE_DESCRIPTOR_SET, HANDLE(compute.set), true, ADDRESSES_SMALL);
    struct heard of_pipeline =
        bound(VK_OBJECT_TYPE_PIPELINE, HANDLE(compute.pipeline), true, ADDRESSES_SMALL);
    nothing_more();
    if (reset) {
        VKH_CHECK(vkResetDescriptorPool(gpu->device, compute.pool, 0));
        unbound(&of_set);
        nothing_more();
    }
    vkh_compute_destroy(gpu, &compute);
    unbound(&of_pipeline);
    if (!reset) {
        unbound(&of_set);
    }
    nothing_more();
}

static VkPhysicalDeviceAddressBindingReportFeaturesEXT feature = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ADDRESS_BINDING_REPORT_FEATURES_EXT,
    .reportAddressBinding = VK_TRUE,
};
static const char *const extensions[] = {VK_EXT_DEVICE_ADDRESS_BINDING_REPORT_EXTENSION_NAME, NULL};

/* Another device, which is made while somebody listens. */
static void
try_device(const struct vkh_gpu *gpu)
{
    const VkDeviceQueueCreateInfo queue_info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = gpu->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &(float){1},
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &feature,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue_info,
        .enabledExtensionCount = 1,
        .ppEnabledExtensionNames = extensions,
    };
    VkDevice device;
    VkQueue queue;
    VKH_CHECK(vkCreateDevice(gpu->physical_device, &info, NULL, &device));
    vkGetDeviceQueue(device, gpu->queue_family, 0, &queue);
    struct heard of_device = bound(VK_OBJECT_TYPE_DEVICE, HANDLE(device), true, ADDRESSES_SMALL);
    struct heard of_queue = bound(VK_OBJECT_TYPE_QUEUE, HANDLE(queue), true, ADDRESSES_SMALL);
    nothing_more();
    PFN_vkDestroyDevice destroy =
        (PFN_vkDestroyDevice)vkGetDeviceProcAddr(device, "vkDestroyDevice");
    destroy(device, NULL);
    unbound(&of_queue);
    unbound(&of_device);
    nothing_more();
}

static void *
try_on_a_thread(void *user)
{
    is_ours = true;
    for (int i = 0; i < ROUNDS; i++) {
        try_fence(user, true);
        try_buffer(user);
        try_pipeline(user, i % 2);
    }
    return NULL;
}

static void
try_threads(struct vkh_gpu *gpu)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        vkh_expect(pthread_create(&threads[i], NULL, try_on_a_thread, gpu) == 0,
                   "there is no thread");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    nothing_more();
}

static void
open_gpu(struct vkh_gpu *gpu)
{
    static const char *const needed[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME, NULL};
    vkh_gpu_open(gpu, &(struct vkh_gpu_info){.program = "addresses",
                                             .instance_extensions = needed,
                                             .extensions = extensions,
                                             .device_next = &feature});
    vkh_expect(vkh_gpu_has_extension(gpu, extensions[0]), "the extension is not there");
    create_messenger = (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(
        gpu->instance, "vkCreateDebugUtilsMessengerEXT");
    destroy_messenger = (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(
        gpu->instance, "vkDestroyDebugUtilsMessengerEXT");
}

int
main(void)
{
    const VkDebugUtilsMessageTypeFlagsEXT bindings =
        VK_DEBUG_UTILS_MESSAGE_TYPE_DEVICE_ADDRESS_BINDING_BIT_EXT;
    const VkDebugUtilsMessageSeverityFlagsEXT info = VK_DEBUG_UTILS_MESSAGE_SEVERITY_INFO_BIT_EXT;
    VkDebugUtilsMessengerEXT messengers[3];
    struct vkh_gpu gpu;

    is_ours = true;
    open_gpu(&gpu);
    messengers[0] =
        listen(&gpu, hear_nothing, info, VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT);
    messengers[1] =
        listen(&gpu, hear_nothing, VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT, bindings);
    try_fence(&gpu, false);
    messengers[2] = listen(&gpu, hear, info, bindings);
    try_fence(&gpu, true);
    try_buffer(&gpu);
    try_pipeline(&gpu, false);
    try_pipeline(&gpu, true);
    try_device(&gpu);
    try_threads(&gpu);
    destroy_messenger(gpu.instance, messengers[2], NULL);
    try_fence(&gpu, false);
    destroy_messenger(gpu.instance, messengers[1], NULL);
    destroy_messenger(gpu.instance, messengers[0], NULL);
    vkh_gpu_close(&gpu);
    return EXIT_SUCCESS;
}
