/* A small Vulkan helper for our own programs: the demo, the test applications, the benchmark.
 *
 * It loads libvulkan.so.1 at run time and nothing else of Vesper, so the same program runs
 * natively, through Vesper and on any other driver. Programs that use it have one device and end
 * with status 1 and one line on the first Vulkan error: vkh is for programs, not for libraries.
 *
 * With VKH_VALIDATE=1 it loads the Khronos validation layer and reports each message on standard
 * error; a program with messages ends with status 1. */
#ifndef VKH_VKH_H
#define VKH_VKH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vulkan/vulkan_core.h>

#include "base/attributes.h"
#include "tools/vkh/functions.h"

extern PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr;
#define VKH_DECLARE(name) extern PFN_##name name;
VKH_GLOBAL_FUNCTIONS(VKH_DECLARE)
VKH_INSTANCE_FUNCTIONS(VKH_DECLARE)
VKH_INSTANCE_OPTIONAL_FUNCTIONS(VKH_DECLARE)
VKH_DEVICE_FUNCTIONS(VKH_DECLARE)
VKH_DEVICE_OPTIONAL_FUNCTIONS(VKH_DECLARE)
#undef VKH_DECLARE

/* Prints "PROGRAM: MESSAGE" and ends the program with status 1. */
_Noreturn void vkh_die(const char *format, ...) BASE_PRINTF(1, 2);
void vkh_check(VkResult result, const char *what, const char *file, int line);
const char *vkh_result_name(VkResult result);
/* Dies of the message, which says what is wrong, unless that holds. */
static inline void
vkh_expect(bool holds, const char *message)
{
    if (!holds) {
        vkh_die("%s", message);
    }
}
/* For calls that cannot fail in a correct program on a sane machine. */
#define VKH_CHECK(call) vkh_check((call), #call, __FILE__, __LINE__)

/* Loads the loader and the global functions. Called by vkh_gpu_open(); harmless twice. */
void vkh_load(void);
/* Fills the instance's and the device's functions. Called by vkh_gpu_open(). */
void vkh_load_instance(VkInstance instance);
void vkh_load_device(VkDevice device);

/* How many messages the validation layer has given in this process. */
uint32_t vkh_validation_messages(void);

/* ------------------------------------------------------------------ device */

enum { VKH_MAX_EXTENSIONS = 48 };

struct vkh_gpu_info {
    const char *program;   /* application's name, and the start of messages */
    uint32_t api_version;  /* highest used, 0: 1.1; the device's own if that is lower */
    uint32_t device_index; /* among vkEnumeratePhysicalDevices */
    const char *const *instance_extensions; /* NULL-terminated; the program ends without them */
    const char *const *extensions; /* wanted device extensions, NULL-terminated; enabled if there */
    bool all_core_features;        /* enables what device and api_version have, up to 1.3's */
    void *device_next;             /* chained to VkDeviceCreateInfo, behind the above */
};

struct vkh_gpu {
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger;
    VkPhysicalDevice physical_device;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    uint32_t api_version; /* usable: the lower one of device and request */
    VkPhysicalDeviceFeatures features;
    VkPhysicalDeviceVulkan11Features features11; /* zero where not enabled */
    VkPhysicalDeviceVulkan12Features features12;
    VkPhysicalDeviceVulkan13Features features13;
    const char *extensions[VKH_MAX_EXTENSIONS]; /* those enabled */
    uint32_t extension_count;
    uint32_t queue_family; /* graphics, compute and transfer */
    VkQueueFamilyProperties queue_properties;
    VkDevice device;
    VkQueue queue;
    VkCommandPool pool; /* resettable buffers; main thread only */
};

/* Instance, first device (or device_index), one queue, one command pool. */
void vkh_gpu_open(struct vkh_gpu *gpu, const struct vkh_gpu_info *info);
/* Destroys all of it. Ends the program with status 1 if the validation layer had anything to say.
 */
void vkh_gpu_close(struct vkh_gpu *gpu);
bool vkh_gpu_has_extension(const struct vkh_gpu *gpu, const char *name);

/* --------------------------------------------------------- memory, resources */

/* A type out of `type_bits` with all of `required`, best with `preferred` too; UINT32_MAX if none.
 */
uint32_t vkh_memory_type(const struct vkh_gpu *gpu, uint32_t type_bits,
                         VkMemoryPropertyFlags required, VkMemoryPropertyFlags preferred);

struct vkh_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size;
    void *map; /* NULL unless host-visible (then always coherent) */
};

enum vkh_placement {
    VKH_DEVICE, /* device-local if there is such memory */
    VKH_MAPPED, /* host-visible and coherent, cached if possible; mapped */
};

void vkh_buffer_create(const struct vkh_gpu *gpu, VkDeviceSize size, VkBufferUsageFlags usage,
                       enum vkh_placement placement, struct vkh_buffer *out);
void vkh_buffer_destroy(const struct vkh_gpu *gpu, struct vkh_buffer *buffer);

struct vkh_image {
    VkImage image;
    VkDeviceMemory memory;
    VkImageView view;
    VkFormat format;
    VkExtent2D extent;
};

/* 2D, one layer, one level, one sample, optimal tiling, device memory. `aspect` is the view's. */
void vkh_image_create(const struct vkh_gpu *gpu, VkFormat format, VkExtent2D extent,
                      VkImageUsageFlags usage, VkImageAspectFlags aspect, struct vkh_image *out);
void vkh_image_destroy(const struct vkh_gpu *gpu, struct vkh_image *image);

VkShaderModule vkh_shader_create(const struct vkh_gpu *gpu, const uint32_t *code,
                                 size_t size_bytes);

/* ---------------------------------------------------------- command buffers */

/* A primary command buffer of the gpu's pool, begun for one use. */
VkCommandBuffer vkh_begin(const struct vkh_gpu *gpu);
/* Ends, submits, waits, frees. */
void vkh_end_and_wait(const struct vkh_gpu *gpu, VkCommandBuffer commands);
/* Submits what has been ended, and waits for it with a fence. */
void vkh_submit_and_wait(const struct vkh_gpu *gpu, VkCommandBuffer commands);

void vkh_memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags from_stage,
                        VkAccessFlags from, VkPipelineStageFlags to_stage, VkAccessFlags to);
/* Makes what the given stage wrote readable by the host once the submission has ended. */
void vkh_barrier_to_host(VkCommandBuffer commands, VkPipelineStageFlags from_stage,
                         VkAccessFlags from);
void vkh_image_barrier(VkCommandBuffer commands, VkImage image, VkImageAspectFlags aspect,
                       VkImageLayout from_layout, VkImageLayout to_layout,
                       VkPipelineStageFlags from_stage, VkAccessFlags from,
                       VkPipelineStageFlags to_stage, VkAccessFlags to);

/* ------------------------------------------------------------------ compute */

/* A compute pipeline over one descriptor set of `buffer_count` storage buffers (bindings 0, 1, ...)
 * and `push_size` bytes of push constants. */
struct vkh_compute {
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool pool;
    VkDescriptorSet set;
};

void vkh_compute_create(const struct vkh_gpu *gpu, const uint32_t *code, size_t code_size,
                        uint32_t buffer_count, uint32_t push_size,
                        const VkSpecializationInfo *constants, struct vkh_compute *out);
void vkh_compute_bind_buffer(const struct vkh_gpu *gpu, const struct vkh_compute *compute,
                             uint32_t binding, VkBuffer buffer);
void vkh_compute_destroy(const struct vkh_gpu *gpu, struct vkh_compute *compute);

#endif
