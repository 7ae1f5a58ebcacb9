/* Memory, mapping, binding, and what cannot be had. */
#include "tests/apps/features/features.h"

#include <string.h>

enum { COUNT = 4096 };

static void
fill_line(uint32_t *values, uint32_t count, uint32_t base, uint32_t factor)
{
    for (uint32_t i = 0; i < count; i++) {
        values[i] = base + i * factor;
    }
}

static const char *
mapped_copy(const struct vkh_gpu *gpu)
{
    const uint32_t count = (64u << 20) / sizeof(uint32_t);
    struct vkh_buffer from, to;
    vkh_buffer_create(gpu, 64 << 20, VK_BUFFER_USAGE_TRANSFER_SRC_BIT, VKH_MAPPED, &from);
    vkh_buffer_create(gpu, 64 << 20, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &to);
    fill_line(from.map, count, 7, 2654435761u);
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdCopyBuffer(commands, from.buffer, to.buffer, 1, &(VkBufferCopy){.size = from.size});
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line(to.map, count, 7, 2654435761u);
    vkh_buffer_destroy(gpu, &to);
    vkh_buffer_destroy(gpu, &from);
    return NULL;
}

static const char *
map_at_offset(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffer;
    uint32_t *part;
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    fill_line(buffer.map, COUNT, 3, 5);
    vkUnmapMemory(gpu->device, buffer.memory);
    VKH_CHECK(vkMapMemory(gpu->device, buffer.memory, 1024 * 4, 64 * 4, 0, (void **)&part));
    features_expect_line(part, 64, 3 + 1024 * 5, 5);
    vkUnmapMemory(gpu->device, buffer.memory);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

static const char *
flush_and_invalidate(const struct vkh_gpu *gpu)
{
    struct vkh_buffer buffer;
    vkh_buffer_create(gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT, VKH_MAPPED, &buffer);
    VkMappedMemoryRange whole = {
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = buffer.memory,
        .size = VK_WHOLE_SIZE,
    };
    fill_line(buffer.map, COUNT, 1, 1);
    VKH_CHECK(vkFlushMappedMemoryRanges(gpu->device, 1, &whole));
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdFillBuffer(commands, buffer.buffer, COUNT * 2, VK_WHOLE_SIZE, 0x01020304);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    VKH_CHECK(vkInvalidateMappedMemoryRanges(gpu->device, 1, &whole));
    features_expect_line(buffer.map, COUNT / 2, 1, 1);
    features_expect_line((uint32_t *)buffer.map + COUNT / 2, COUNT / 2, 0x01020304, 0);
    vkh_buffer_destroy(gpu, &buffer);
    return NULL;
}

static VkBuffer
create_bare_buffer(const struct vkh_gpu *gpu, VkDeviceSize size, VkBufferUsageFlags usage)
{
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = size, .usage = usage};
    VkBuffer buffer;
    VKH_CHECK(vkCreateBuffer(gpu->device, &info, NULL, &buffer));
    return buffer;
}

/* Two buffers in one allocation: what is written to one does not touch the other. */
static const char *
suballocation(const struct vkh_gpu *gpu)
{
    VkMemoryRequirements needs;
    VkDeviceMemory memory;
    char *map;
    VkBuffer buffers[2];
    for (int i = 0; i < 2; i++) {
        buffers[i] = create_bare_buffer(gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
    }
    vkGetBufferMemoryRequirements(gpu->device, buffers[0], &needs);
    VkDeviceSize stride = (needs.size + needs.alignment - 1) / needs.alignment * needs.alignment;
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = 2 * stride,
        .memoryTypeIndex = vkh_memory_type(
            gpu, needs.memoryTypeBits,
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0),
    };
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    const VkBindBufferMemoryInfo binds[] = {
        {VK_STRUCTURE_TYPE_BIND_BUFFER_MEMORY_INFO, NULL, buffers[0], memory, 0},
        {VK_STRUCTURE_TYPE_BIND_BUFFER_MEMORY_INFO, NULL, buffers[1], memory, stride},
    };
    VKH_CHECK(vkBindBufferMemory2(gpu->device, 2, binds));
    VKH_CHECK(vkMapMemory(gpu->device, memory, 0, VK_WHOLE_SIZE, 0, (void **)&map));
    VkCommandBuffer commands = vkh_begin(gpu);
    vkCmdFillBuffer(commands, buffers[0], 0, COUNT * 4, 11);
    vkCmdFillBuffer(commands, buffers[1], 0, COUNT * 4, 22);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    features_expect_line((uint32_t *)map, COUNT, 11, 0);
    features_expect_line((uint32_t *)(map + stride), COUNT, 22, 0);
    vkDestroyBuffer(gpu->device, buffers[0], NULL);
    vkDestroyBuffer(gpu->device, buffers[1], NULL);
    vkFreeMemory(gpu->device, memory, NULL);
    return NULL;
}

static const char *
dedicated_allocation(const struct vkh_gpu *gpu)
{
    VkBuffer buffer = create_bare_buffer(gpu, COUNT * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
    VkMemoryDedicatedRequirements dedicated = {.sType =
                                                   VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS};
    VkMemoryRequirements2 needs = {.sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
                                   .pNext = &dedicated};
    VkBufferMemoryRequirementsInfo2 query = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2, .buffer = buffer};
    vkGetBufferMemoryRequirements2(gpu->device, &query, &needs);
    VkMemoryDedicatedAllocateInfo dedicated_info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO, .buffer = buffer};
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &dedicated_info,
        .allocationSize = needs.memoryRequirements.size,
        .memoryTypeIndex = vkh_memory_type(gpu, needs.memoryRequirements.memoryTypeBits, 0, 0),
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    VKH_CHECK(vkBindBufferMemory(gpu->device, buffer, memory, 0));
    vkDestroyBuffer(gpu->device, buffer, NULL);
    vkFreeMemory(gpu->device, memory, NULL);
    return NULL;
}

/* More than any heap has: an error, or a promise (some drivers overcommit), and life goes on. */
static const char *
too_large_an_allocation(const struct vkh_gpu *gpu)
{
    if (gpu->messenger) {
        return "the validation layer objects to asking";
    }
    for (uint32_t type = 0; type < gpu->memory.memoryTypeCount; type++) {
        VkMemoryAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = 1ull << 50,
            .memoryTypeIndex = type,
        };
        VkDeviceMemory memory = VK_NULL_HANDLE;
        VkResult result = vkAllocateMemory(gpu->device, &info, NULL, &memory);
        features_expect(result == VK_SUCCESS || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
                            result == VK_ERROR_OUT_OF_HOST_MEMORY,
                        "1 PiB of type %u: %s", type, vkh_result_name(result));
        vkFreeMemory(gpu->device, memory, NULL);
    }
    return mapped_copy(gpu);
}

static const char *
every_type_can_be_allocated(const struct vkh_gpu *gpu)
{
    for (uint32_t type = 0; type < gpu->memory.memoryTypeCount; type++) {
        VkMemoryPropertyFlags flags = gpu->memory.memoryTypes[type].propertyFlags;
        VkMemoryAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = 100000, /* no multiple of a page */
            .memoryTypeIndex = type,
        };
        VkDeviceMemory memory;
        if (flags & (VK_MEMORY_PROPERTY_PROTECTED_BIT | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT |
                     VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD)) {
            continue;
        }
        VkResult result = vkAllocateMemory(gpu->device, &info, NULL, &memory);
        features_expect(result == VK_SUCCESS, "type %u, flags %#x: %s", type, flags,
                        vkh_result_name(result));
        if (result == VK_SUCCESS && flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
            void *map;
            VKH_CHECK(vkMapMemory(gpu->device, memory, 0, VK_WHOLE_SIZE, 0, &map));
            memset(map, 0x5a, 100000);
        }
        if (result == VK_SUCCESS) {
            vkFreeMemory(gpu->device, memory, NULL);
        }
    }
    return NULL;
}

static const char *
device_address(const struct vkh_gpu *gpu)
{
    if (!gpu->features12.bufferDeviceAddress) {
        return "no bufferDeviceAddress";
    }
    VkBuffer buffer = create_bare_buffer(gpu, COUNT * 4, VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT);
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(gpu->device, buffer, &needs);
    VkMemoryAllocateFlagsInfo flags = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
        .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
    };
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &flags,
        .allocationSize = needs.size,
        .memoryTypeIndex = vkh_memory_type(gpu, needs.memoryTypeBits, 0, 0),
    };
    VkDeviceMemory memory;
    VKH_CHECK(vkAllocateMemory(gpu->device, &info, NULL, &memory));
    VKH_CHECK(vkBindBufferMemory(gpu->device, buffer, memory, 0));
    VkBufferDeviceAddressInfo query = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                       .buffer = buffer};
    features_expect(vkGetBufferDeviceAddress(gpu->device, &query) != 0, "the address is 0");
    vkDestroyBuffer(gpu->device, buffer, NULL);
    vkFreeMemory(gpu->device, memory, NULL);
    return NULL;
}

static const char *
linear_image_layout(const struct vkh_gpu *gpu)
{
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {33, 17, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_LINEAR,
        .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
    };
    VkImage image;
    VkSubresourceLayout layout;
    VkMemoryRequirements needs;
    VKH_CHECK(vkCreateImage(gpu->device, &info, NULL, &image));
    vkGetImageSubresourceLayout(gpu->device, image,
                                &(VkImageSubresource){VK_IMAGE_ASPECT_COLOR_BIT, 0, 0}, &layout);
    vkGetImageMemoryRequirements(gpu->device, image, &needs);
    features_expect(layout.rowPitch >= 33 * 4, "row pitch %llu",
                    (unsigned long long)layout.rowPitch);
    features_expect(layout.offset + layout.size <= needs.size, "layout ends at %llu, image at %llu",
                    (unsigned long long)(layout.offset + layout.size),
                    (unsigned long long)needs.size);
    vkDestroyImage(gpu->device, image, NULL);
    return NULL;
}

/* Writes texels through the mapping of a linear image that starts with them. */
static void
fill_rows(const struct vkh_gpu *gpu, VkImage image, VkDeviceMemory memory, VkExtent2D extent)
{
    VkSubresourceLayout layout;
    uint8_t *map;
    vkGetImageSubresourceLayout(gpu->device, image,
                                &(VkImageSubresource){VK_IMAGE_ASPECT_COLOR_BIT, 0, 0}, &layout);
    VKH_CHECK(vkMapMemory(gpu->device, memory, 0, VK_WHOLE_SIZE, 0, (void **)&map));
    for (uint32_t y = 0; y < extent.height; y++) {
        uint32_t *row = (uint32_t *)(map + layout.offset + y * layout.rowPitch);
        for (uint32_t x = 0; x < extent.width; x++) {
            row[x] = y * extent.width + x;
        }
    }
    vkUnmapMemory(gpu->device, memory);
}

static void
copy_to_buffer(const struct vkh_gpu *gpu, VkImage image, VkExtent2D extent, VkBuffer buffer)
{
    VkCommandBuffer commands = vkh_begin(gpu);
    vkh_image_barrier(commands, image, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_LAYOUT_PREINITIALIZED,
                      VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, VK_PIPELINE_STAGE_HOST_BIT,
                      VK_ACCESS_HOST_WRITE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                      VK_ACCESS_TRANSFER_READ_BIT);
    VkBufferImageCopy region = {
        .imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
        .imageExtent = {extent.width, extent.height, 1},
    };
    vkCmdCopyImageToBuffer(commands, image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, buffer, 1,
                           &region);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
}

static const char *
preinitialized_image(const struct vkh_gpu *gpu)
{
    const VkExtent2D extent = {33, 17};
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {extent.width, extent.height, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_LINEAR,
        .usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
        .initialLayout = VK_IMAGE_LAYOUT_PREINITIALIZED,
    };
    VkImage image;
    VkMemoryRequirements needs;
    VKH_CHECK(vkCreateImage(gpu->device, &info, NULL, &image));
    vkGetImageMemoryRequirements(gpu->device, image, &needs);
    VkMemoryAllocateInfo allocation = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs.size,
        .memoryTypeIndex = vkh_memory_type(
            gpu, needs.memoryTypeBits,
            VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0),
    };
    features_expect(allocation.memoryTypeIndex != UINT32_MAX, "no host-visible type in %x",
                    needs.memoryTypeBits);
    if (allocation.memoryTypeIndex != UINT32_MAX) {
        VkDeviceMemory memory;
        struct vkh_buffer buffer;
        VKH_CHECK(vkAllocateMemory(gpu->device, &allocation, NULL, &memory));
        VKH_CHECK(vkBindImageMemory(gpu->device, image, memory, 0));
        fill_rows(gpu, image, memory, extent);
        vkh_buffer_create(gpu, extent.width * extent.height * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                          VKH_MAPPED, &buffer);
        copy_to_buffer(gpu, image, extent, buffer.buffer);
        features_expect_line(buffer.map, extent.width * extent.height, 0, 1);
        vkh_buffer_destroy(gpu, &buffer);
        vkFreeMemory(gpu->device, memory, NULL);
    }
    vkDestroyImage(gpu->device, image, NULL);
    return NULL;
}

static const char *
unsupported_formats_are_refused(const struct vkh_gpu *gpu)
{
    VkImageFormatProperties properties;
    VkResult result = vkGetPhysicalDeviceImageFormatProperties(
        gpu->physical_device, VK_FORMAT_D16_UNORM, VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL,
        VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, 0, &properties);
    features_expect_result(result, VK_ERROR_FORMAT_NOT_SUPPORTED, "D16 as colour attachment");
    for (int i = 0; i < 3; i++) { /* a remembered answer is the same answer */
        VKH_CHECK(vkGetPhysicalDeviceImageFormatProperties(
            gpu->physical_device, VK_FORMAT_R8G8B8A8_UNORM, VK_IMAGE_TYPE_2D,
            VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_SAMPLED_BIT, 0, &properties));
        features_expect(properties.maxExtent.width >= 4096, "extent %u",
                        properties.maxExtent.width);
    }
    return NULL;
}

const struct features_check features_memory_checks[] = {
    {"memory/64 MiB copy through mapped memory", mapped_copy},
    {"memory/map at an offset", map_at_offset},
    {"memory/flush and invalidate", flush_and_invalidate},
    {"memory/two buffers in one allocation", suballocation},
    {"memory/dedicated allocation", dedicated_allocation},
    {"memory/every type can be allocated", every_type_can_be_allocated},
    {"memory/too large an allocation", too_large_an_allocation},
    {"memory/buffer device address", device_address},
    {"memory/layout of a linear image", linear_image_layout},
    {"memory/preinitialized linear image", preinitialized_image},
    {"memory/unsupported formats are refused", unsupported_formats_are_refused},
    {0},
};
