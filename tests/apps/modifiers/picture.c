#include "tests/apps/modifiers/picture.h"

const struct picture_format picture_formats[] = {
    {"BGRA", VK_FORMAT_B8G8R8A8_UNORM, 1, {4}},
    {"NV12", VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, 2, {1, 2}},
    {"P010", VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16, 2, {2, 4}},
    {"YUV420", VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM, 3, {1, 1, 1}},
};
const size_t picture_format_count = sizeof(picture_formats) / sizeof(picture_formats[0]);

enum {
    PLANE_SIZE = PICTURE_WIDTH * PICTURE_HEIGHT * 4, /* bytes, of the largest plane without gaps */
};

VkExtent2D
picture_plane_extent(uint32_t plane)
{
    return plane == 0 ? (VkExtent2D){PICTURE_WIDTH, PICTURE_HEIGHT}
                      : (VkExtent2D){PICTURE_WIDTH / 2, PICTURE_HEIGHT / 2};
}

VkImageAspectFlags
picture_aspect(const struct picture_format *format, uint32_t plane)
{
    static const VkImageAspectFlags planes[PICTURE_MAX_PLANES] = {
        VK_IMAGE_ASPECT_PLANE_0_BIT, VK_IMAGE_ASPECT_PLANE_1_BIT, VK_IMAGE_ASPECT_PLANE_2_BIT};
    return format->planes == 1 ? VK_IMAGE_ASPECT_COLOR_BIT : planes[plane];
}

/* Of ten bits in sixteen the lower six mean nothing: they are 0. */
static uint8_t
byte_at(const struct picture_format *format, uint32_t plane, uint32_t seed, uint32_t index)
{
    uint32_t value = (seed * 7919 + plane * 104729 + index) * 2654435761u;
    bool low = format->texel_size[0] == 2 && index % 2 == 0;
    return (uint8_t)(value >> 24) & (low ? 0xc0 : 0xff);
}

static uint32_t
row_size(const struct picture_format *format, uint32_t plane)
{
    return picture_plane_extent(plane).width * format->texel_size[plane];
}

static VkSubresourceLayout
without_gaps(const struct picture_format *format, uint32_t plane)
{
    return (VkSubresourceLayout){.offset = (VkDeviceSize)plane * PLANE_SIZE,
                                 .rowPitch = row_size(format, plane)};
}

void
picture_draw(const struct picture_format *format, uint32_t plane, uint32_t seed,
             const VkSubresourceLayout *at, uint8_t *memory)
{
    uint32_t width = row_size(format, plane);
    for (uint32_t y = 0; y < picture_plane_extent(plane).height; y++) {
        uint8_t *row = memory + at->offset + y * at->rowPitch;
        for (uint32_t x = 0; x < width; x++) {
            row[x] = byte_at(format, plane, seed, y * width + x);
        }
    }
}

bool
picture_is_drawn(const struct picture_format *format, uint32_t plane, uint32_t seed,
                 const VkSubresourceLayout *at, const uint8_t *memory)
{
    uint32_t width = row_size(format, plane);
    for (uint32_t y = 0; y < picture_plane_extent(plane).height; y++) {
        const uint8_t *row = memory + at->offset + y * at->rowPitch;
        for (uint32_t x = 0; x < width; x++) {
            if (row[x] != byte_at(format, plane, seed, y * width + x)) {
                return false;
            }
        }
    }
    return true;
}

/* --- by the GPU --- */

/* From whoever had the image to our queue, or back. */
static void
record_transfer(const struct vkh_gpu *gpu, VkCommandBuffer commands, VkImage image, bool in,
                bool fresh, VkAccessFlags access)
{
    VkImageMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = in ? 0 : access,
        .dstAccessMask = in ? access : 0,
        .oldLayout = fresh ? VK_IMAGE_LAYOUT_UNDEFINED : VK_IMAGE_LAYOUT_GENERAL,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .srcQueueFamilyIndex = fresh ? VK_QUEUE_FAMILY_IGNORED
                               : in  ? VK_QUEUE_FAMILY_EXTERNAL
                                     : gpu->queue_family,
        .dstQueueFamilyIndex = fresh ? VK_QUEUE_FAMILY_IGNORED
                               : in  ? gpu->queue_family
                                     : VK_QUEUE_FAMILY_EXTERNAL,
        .image = image,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    const VkPipelineStageFlags outside =
        in ? VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT;
    const VkPipelineStageFlags inside = VK_PIPELINE_STAGE_TRANSFER_BIT;
    vkCmdPipelineBarrier(commands, in ? outside : inside, in ? inside : outside, 0, 0, NULL, 0,
                         NULL, 1, &barrier);
}

static VkBufferImageCopy
copy_of_plane(const struct picture_format *format, uint32_t plane)
{
    VkExtent2D extent = picture_plane_extent(plane);
    return (VkBufferImageCopy){
        .bufferOffset = without_gaps(format, plane).offset,
        .imageSubresource = {picture_aspect(format, plane), 0, 0, 1},
        .imageExtent = {extent.width, extent.height, 1},
    };
}

void
picture_copy_in(const struct vkh_gpu *gpu, const struct picture_format *format, VkImage image,
                uint32_t seed, bool fresh)
{
    struct vkh_buffer staging;
    VkBufferImageCopy copies[PICTURE_MAX_PLANES];
    vkh_buffer_create(gpu, PICTURE_MAX_PLANES * PLANE_SIZE, VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
                      VKH_MAPPED, &staging);
    for (uint32_t i = 0; i < format->planes; i++) {
        VkSubresourceLayout at = without_gaps(format, i);
        picture_draw(format, i, seed, &at, staging.map);
        copies[i] = copy_of_plane(format, i);
    }
    VkCommandBuffer commands = vkh_begin(gpu);
    record_transfer(gpu, commands, image, true, fresh, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkCmdCopyBufferToImage(commands, staging.buffer, image, VK_IMAGE_LAYOUT_GENERAL, format->planes,
                           copies);
    record_transfer(gpu, commands, image, false, false, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    vkh_buffer_destroy(gpu, &staging);
}

bool
picture_is_in(const struct vkh_gpu *gpu, const struct picture_format *format, VkImage image,
              uint32_t seed)
{
    struct vkh_buffer staging;
    VkBufferImageCopy copies[PICTURE_MAX_PLANES];
    bool same = true;
    vkh_buffer_create(gpu, PICTURE_MAX_PLANES * PLANE_SIZE, VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                      VKH_MAPPED, &staging);
    for (uint32_t i = 0; i < format->planes; i++) {
        copies[i] = copy_of_plane(format, i);
    }
    VkCommandBuffer commands = vkh_begin(gpu);
    record_transfer(gpu, commands, image, true, false, VK_ACCESS_TRANSFER_READ_BIT);
    vkCmdCopyImageToBuffer(commands, image, VK_IMAGE_LAYOUT_GENERAL, staging.buffer, format->planes,
                           copies);
    record_transfer(gpu, commands, image, false, false, VK_ACCESS_TRANSFER_READ_BIT);
    vkh_barrier_to_host(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT);
    vkh_end_and_wait(gpu, commands);
    for (uint32_t i = 0; i < format->planes; i++) {
        VkSubresourceLayout at = without_gaps(format, i);
        same = same && picture_is_drawn(format, i, seed, &at, staging.map);
    }
    vkh_buffer_destroy(gpu, &staging);
    return same;
}
