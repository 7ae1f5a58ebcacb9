#include "tests/apps/external/external.h"

enum {
    SIDE = 64, /* texels of an image */
    COUNT = SIDE * SIDE,
    SIZE = COUNT * 4, /* bytes, of 32 bits each, of buffers and of images' texels */
};

#define FORMAT VK_FORMAT_R8G8B8A8_UNORM
#define BUFFER_USAGE (VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT)
#define IMAGE_USAGE (VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT)

static VkImageTiling
tiling_of(const struct external_case *as)
{
    return as->kind == EXTERNAL_LINEAR_IMAGE ? VK_IMAGE_TILING_LINEAR : VK_IMAGE_TILING_OPTIMAL;
}

static VkExternalMemoryProperties
ask_image(const struct vkh_gpu *gpu, const struct external_case *as)
{
    VkPhysicalDeviceExternalImageFormatInfo external = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
        .handleType = as->type,
    };
    VkPhysicalDeviceImageFormatInfo2 info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
        .pNext = &external,
        .format = FORMAT,
        .type = VK_IMAGE_TYPE_2D,
        .tiling = tiling_of(as),
        .usage = IMAGE_USAGE,
    };
    VkExternalImageFormatProperties external_properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
    };
    VkImageFormatProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
        .pNext = &external_properties,
    };
    VkResult result =
        vkGetPhysicalDeviceImageFormatProperties2(gpu->physical_device, &info, &properties);
    return result == VK_SUCCESS ? external_properties.externalMemoryProperties
                                : (VkExternalMemoryProperties){0};
}

VkExternalMemoryProperties
external_ask(const struct vkh_gpu *gpu, const struct external_case *as)
{
    if (as->kind != EXTERNAL_BUFFER) {
        return ask_image(gpu, as);
    }
    VkPhysicalDeviceExternalBufferInfo info = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
        .usage = BUFFER_USAGE,
        .handleType = as->type,
    };
    VkExternalBufferProperties properties = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
    };
    vkGetPhysicalDeviceExternalBufferProperties(gpu->physical_device, &info, &properties);
    return properties.externalMemoryProperties;
}

/* --- objects --- */

static void
create_buffer(const struct vkh_gpu *gpu, struct external_object *out)
{
    VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = out->as->type,
    };
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = SIZE,
        .usage = BUFFER_USAGE,
    };
    VKH_CHECK(vkCreateBuffer(gpu->device, &info, NULL, &out->buffer));
}

static void
create_image(const struct vkh_gpu *gpu, struct external_object *out)
{
    VkExternalMemoryImageCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
        .handleTypes = out->as->type,
    };
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .pNext = &external,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = FORMAT,
        .extent = {SIDE, SIDE, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = tiling_of(out->as),
        .usage = IMAGE_USAGE,
    };
    VKH_CHECK(vkCreateImage(gpu->device, &info, NULL, &out->image));
}

static void
get_requirements(const struct vkh_gpu *gpu, struct external_object *object)
{
    VkMemoryDedicatedRequirements dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS,
    };
    VkMemoryRequirements2 requirements = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
        .pNext = &dedicated,
    };
    if (object->buffer) {
        VkBufferMemoryRequirementsInfo2 info = {
            .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
            .buffer = object->buffer,
        };
        vkGetBufferMemoryRequirements2(gpu->device, &info, &requirements);
    } else {
        VkImageMemoryRequirementsInfo2 info = {
            .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
            .image = object->image,
        };
        vkGetImageMemoryRequirements2(gpu->device, &info, &requirements);
    }
    object->requirements = requirements.memoryRequirements;
    object->dedicated = dedicated.requiresDedicatedAllocation;
}

void
external_create(const struct vkh_gpu *gpu, const struct external_case *as,
                struct external_object *out)
{
    *out = (struct external_object){.as = as};
    if (as->kind == EXTERNAL_BUFFER) {
        create_buffer(gpu, out);
    } else {
        create_image(gpu, out);
    }
    get_requirements(gpu, out);
}

void
external_destroy(const struct vkh_gpu *gpu, struct external_object *object)
{
    vkDestroyBuffer(gpu->device, object->buffer, NULL);
    vkDestroyImage(gpu->device, object->image, NULL);
    vkFreeMemory(gpu->device, object->memory, NULL);
    *object = (struct external_object){0};
}

/* --- memory --- */

uint32_t
external_memory_type(const struct vkh_gpu *gpu, const struct external_object *object)
{
    return vkh_memory_type(gpu, object->requirements.memoryTypeBits, object->as->memory, 0);
}

VkResult
external_allocate(const struct vkh_gpu *gpu, struct external_object *object, uint32_t memory_type,
                  int fd)
{
    VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .buffer = object->buffer,
        .image = object->image,
    };
    VkExportMemoryAllocateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
        .pNext = object->dedicated ? &dedicated : NULL,
        .handleTypes = object->as->type,
    };
    VkImportMemoryFdInfoKHR import = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .pNext = &export,
        .handleType = object->as->type,
        .fd = fd,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = fd >= 0 ? (void *)&import : &export,
        .allocationSize = object->requirements.size,
        .memoryTypeIndex = memory_type,
    };
    object->memory_type = memory_type;
    return vkAllocateMemory(gpu->device, &info, NULL, &object->memory);
}

void
external_bind(const struct vkh_gpu *gpu, struct external_object *object)
{
    if (object->buffer) {
        VKH_CHECK(vkBindBufferMemory(gpu->device, object->buffer, object->memory, 0));
    } else {
        VKH_CHECK(vkBindImageMemory(gpu->device, object->image, object->memory, 0));
    }
}

int
external_export(const struct vkh_gpu *gpu, const struct external_object *object)
{
    VkMemoryGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
        .memory = object->memory,
        .handleType = object->as->type,
    };
    int fd = -1;
    VKH_CHECK(vkGetMemoryFdKHR(gpu->device, &info, &fd));
    return fd;
}

/* --- contents --- */

static uint32_t
value_at(uint32_t seed, uint32_t index)
{
    return (seed + index) * 2654435761u;
}

/* From the outside to our queue, or the other way. */
static void
record_transfer(const struct vkh_gpu *gpu, VkCommandBuffer commands,
                const struct external_object *object, bool in, VkImageLayout old_layout,
                VkAccessFlags access)
{
    uint32_t ours = gpu->queue_family, theirs = VK_QUEUE_FAMILY_EXTERNAL;
    bool fresh = in && old_layout == VK_IMAGE_LAYOUT_UNDEFINED;
    uint32_t from = fresh ? VK_QUEUE_FAMILY_IGNORED : in ? theirs : ours;
    uint32_t to = fresh ? VK_QUEUE_FAMILY_IGNORED : in ? ours : theirs;
    VkBufferMemoryBarrier buffer = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
        .srcAccessMask = in ? 0 : access,
        .dstAccessMask = in ? access : 0,
        .srcQueueFamilyIndex = from,
        .dstQueueFamilyIndex = to,
        .buffer = object->buffer,
        .size = VK_WHOLE_SIZE,
    };
    VkImageMemoryBarrier image = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = buffer.srcAccessMask,
        .dstAccessMask = buffer.dstAccessMask,
        .oldLayout = old_layout,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .srcQueueFamilyIndex = from,
        .dstQueueFamilyIndex = to,
        .image = object->image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    const VkPipelineStageFlags outside =
        in ? VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    const VkPipelineStageFlags inside = VK_PIPELINE_STAGE_TRANSFER_BIT;
    vkCmdPipelineBarrier(commands, in ? outside : inside, in ? inside : outside, 0, 0, NULL,
                         object->buffer ? 1 : 0, &buffer, object->image ? 1 : 0, &image);
}

static const VkBufferImageCopy whole_image = {
    .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
    .imageExtent = {SIDE, SIDE, 1},
};

void
external_write(const struct vkh_gpu *gpu, const struct external_object *object, uint32_t seed,
               bool fresh)
{
    struct vkh_buffer staging;
    vkh_buffer_create(gpu, SIZE, VK_BUFFER_USAGE_TRANSFER_SRC_BIT, VKH_MAPPED, &staging);
    for (uint32_t i = 0; i < COUNT; i++) {
        ((uint32_t *)staging.map)[i] = value_at(seed, i);
    }
    VkCommandBuffer commands = vkh_begin(gpu);
    record_transfer(gpu, commands, object, true,
                    fresh ? VK_IMAGE_LAYOUT_UNDEFINED : VK_IMAGE_LAYOUT_GENERAL,
                    VK_ACCESS_TRANSFER_WRITE_BIT);
    if (object->buffer) {
        vkCmdCopyBuffer(commands, staging.buffer, object->buffer, 1, &(VkBufferCopy){.size = SIZE});
    } else {
        vkCmdCopyBufferToImage(commands, staging.buffer, object->image, VK_IMAGE_LAYOUT_GENERAL, 1,
                               &whole_image);
    }
    record_transfer(gpu, commands, object, false, VK_IMAGE_LAYOUT_GENERAL,
                    VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    vkh_buffer_destroy(gpu, &staging);
}

static bool
follows(const uint32_t *values, uint32_t seed)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        if (values[i] != value_at(seed, i)) {
            return false;
        }
    }
    return true;
}

bool
external_holds(const struct vkh_gpu *gpu, const struct external_object *object, uint32_t seed)
{
    struct vkh_buffer staging;
    vkh_buffer_create(gpu, SIZE, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &staging);
    VkCommandBuffer commands = vkh_begin(gpu);
    record_transfer(gpu, commands, object, true, VK_IMAGE_LAYOUT_GENERAL,
                    VK_ACCESS_TRANSFER_READ_BIT);
    if (object->buffer) {
        vkCmdCopyBuffer(commands, object->buffer, staging.buffer, 1, &(VkBufferCopy){.size = SIZE});
    } else {
        vkCmdCopyImageToBuffer(commands, object->image, VK_IMAGE_LAYOUT_GENERAL, staging.buffer, 1,
                               &whole_image);
    }
    record_transfer(gpu, commands, object, false, VK_IMAGE_LAYOUT_GENERAL,
                    VK_ACCESS_TRANSFER_READ_BIT);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    bool same = follows(staging.map, seed);
    vkh_buffer_destroy(gpu, &staging);
    return same;
}

bool
external_map_holds(const struct vkh_gpu *gpu, const struct external_object *object, uint32_t seed)
{
    void *map;
    VKH_CHECK(vkMapMemory(gpu->device, object->memory, 0, VK_WHOLE_SIZE, 0, &map));
    bool same = follows(map, seed);
    vkUnmapMemory(gpu->device, object->memory);
    return same;
}
