/* Memory, buffers, images, shaders. */
#include "tools/vkh/vkh.h"

#include <string.h>

uint32_t
vkh_memory_type(const struct vkh_gpu *gpu, uint32_t type_bits, VkMemoryPropertyFlags required,
                VkMemoryPropertyFlags preferred)
{
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = gpu->memory.memoryTypes[i].propertyFlags;
        if (!(type_bits & (1u << i)) || (flags & required) != required) {
            continue;
        }
        if ((flags & preferred) == preferred) {
            return i;
        }
        found = found == UINT32_MAX ? i : found;
    }
    return found;
}

static VkDeviceMemory
allocate(const struct vkh_gpu *gpu, const VkMemoryRequirements *needs, enum vkh_placement placement,
         VkMemoryAllocateFlags flags)
{
    const VkMemoryPropertyFlags visible =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    bool mapped = placement == VKH_MAPPED;
    uint32_t type = vkh_memory_type(gpu, needs->memoryTypeBits, mapped ? visible : 0,
                                    mapped ? VK_MEMORY_PROPERTY_HOST_CACHED_BIT
                                           : VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    if (type == UINT32_MAX) {
        vkh_die("no %s memory type in mask %#x", mapped ? "host-visible, coherent" : "usable",
                needs->memoryTypeBits);
    }
    const VkMemoryAllocateFlagsInfo flags_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .flags = flags,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = flags ? &flags_info : NULL,
        .allocationSize = needs->size,
        .memoryTypeIndex = type,
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    return memory;
}

void
vkh_buffer_create(const struct vkh_gpu *gpu, VkDeviceSize size, VkBufferUsageFlags usage,
                  enum vkh_placement placement, struct vkh_buffer *out)
{
    *out = (struct vkh_buffer){.size = size};
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = usage,
    };
    VKH_CHECK(vkCreateBuffer(gpu->device, &info, NULL, &out->buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(gpu->device, out->buffer, &needs);
    bool addressed = usage & VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    out->memory =
        allocate(gpu, &needs, placement, addressed ? VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT : 0);
    VKH_CHECK(vkBindBufferMemory(gpu->device, out->buffer, out->memory, 0));
    if (placement == VKH_MAPPED) {
        VKH_CHECK(vkMapMemory(gpu->device, out->memory, 0, VK_WHOLE_SIZE, 0, &out->map));
    }
}

void
vkh_buffer_destroy(const struct vkh_gpu *gpu, struct vkh_buffer *buffer)
{
    vkDestroyBuffer(gpu->device, buffer->buffer, NULL);
    vkFreeMemory(gpu->device, buffer->memory, NULL); /* unmaps */
    memset(buffer, 0, sizeof(*buffer));
}

void
vkh_image_create(const struct vkh_gpu *gpu, VkFormat format, VkExtent2D extent,
                 VkImageUsageFlags usage, VkImageAspectFlags aspect, struct vkh_image *out)
{
    *out = (struct vkh_image){.format = format, .extent = extent};
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = format,
        .extent = {extent.width, extent.height, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_OPTIMAL,
        .usage = usage,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
    };
    VKH_CHECK(vkCreateImage(gpu->device, &info, NULL, &out->image));
    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(gpu->device, out->image, &needs);
    out->memory = allocate(gpu, &needs, VKH_DEVICE, 0);
    VKH_CHECK(vkBindImageMemory(gpu->device, out->image, out->memory, 0));
    VkImageViewCreateInfo view_info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = out->image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = format,
        .subresourceRange = {aspect, 0, 1, 0, 1},
    };
    VKH_CHECK(vkCreateImageView(gpu->device, &view_info, NULL, &out->view));
}

void
vkh_image_destroy(const struct vkh_gpu *gpu, struct vkh_image *image)
{
    vkDestroyImageView(gpu->device, image->view, NULL);
    vkDestroyImage(gpu->device, image->image, NULL);
    vkFreeMemory(gpu->device, image->memory, NULL);
    memset(image, 0, sizeof(*image));
}

VkShaderModule
vkh_shader_create(const struct vkh_gpu *gpu, const uint32_t *code, size_t size_bytes)
{
    VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = size_bytes,
        .pCode = code,
    };
    VkShaderModule module;
    VKH_CHECK(vkCreateShaderModule(gpu->device, &info, NULL, &module));
    return module;
}
