#include "renderer/drm_format.h"

#include <stddef.h>

#include "base/attributes.h"

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Vulkan names components in the order of bytes, or from the most significant bit for what is
 * PACKED; DRM always from the most significant bit of a little-endian word. Both number planes
 * alike, with Cb before Cr. */
static const struct {
    VkFormat format;
    uint32_t fourcc;
} names[] = {
    {VK_FORMAT_R8_UNORM, FOURCC('R', '8', ' ', ' ')},
    {VK_FORMAT_R8G8_UNORM, FOURCC('G', 'R', '8', '8')},
    {VK_FORMAT_R16_UNORM, FOURCC('R', '1', '6', ' ')},
    {VK_FORMAT_R16G16_UNORM, FOURCC('G', 'R', '3', '2')},
    {VK_FORMAT_R5G6B5_UNORM_PACK16, FOURCC('R', 'G', '1', '6')},
    {VK_FORMAT_B5G6R5_UNORM_PACK16, FOURCC('B', 'G', '1', '6')},
    {VK_FORMAT_B8G8R8A8_UNORM, FOURCC('A', 'R', '2', '4')},
    {VK_FORMAT_B8G8R8A8_SRGB, FOURCC('A', 'R', '2', '4')},
    {VK_FORMAT_R8G8B8A8_UNORM, FOURCC('A', 'B', '2', '4')},
    {VK_FORMAT_R8G8B8A8_SRGB, FOURCC('A', 'B', '2', '4')},
    {VK_FORMAT_A8B8G8R8_UNORM_PACK32, FOURCC('A', 'B', '2', '4')},
    {VK_FORMAT_A8B8G8R8_SRGB_PACK32, FOURCC('A', 'B', '2', '4')},
    {VK_FORMAT_A2R10G10B10_UNORM_PACK32, FOURCC('A', 'R', '3', '0')},
    {VK_FORMAT_A2B10G10R10_UNORM_PACK32, FOURCC('A', 'B', '3', '0')},
    {VK_FORMAT_R16G16B16A16_UNORM, FOURCC('A', 'B', '4', '8')},
    {VK_FORMAT_R16G16B16A16_SFLOAT, FOURCC('A', 'B', '4', 'H')},
    {VK_FORMAT_G8B8G8R8_422_UNORM, FOURCC('Y', 'U', 'Y', 'V')},
    {VK_FORMAT_B8G8R8G8_422_UNORM, FOURCC('U', 'Y', 'V', 'Y')},
    {VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, FOURCC('N', 'V', '1', '2')},
    {VK_FORMAT_G8_B8R8_2PLANE_422_UNORM, FOURCC('N', 'V', '1', '6')},
    {VK_FORMAT_G8_B8R8_2PLANE_444_UNORM, FOURCC('N', 'V', '2', '4')},
    {VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16, FOURCC('P', '0', '1', '0')},
    {VK_FORMAT_G12X4_B12X4R12X4_2PLANE_420_UNORM_3PACK16, FOURCC('P', '0', '1', '2')},
    {VK_FORMAT_G16_B16R16_2PLANE_420_UNORM, FOURCC('P', '0', '1', '6')},
    {VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM, FOURCC('Y', 'U', '1', '2')},
    {VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM, FOURCC('Y', 'U', '1', '6')},
    {VK_FORMAT_G8_B8_R8_3PLANE_444_UNORM, FOURCC('Y', 'U', '2', '4')},
};

uint32_t
rnd_drm_format(VkFormat format)
{
    for (size_t i = 0; i < BASE_COUNT_OF(names); i++) {
        if (names[i].format == format) {
            return names[i].fourcc;
        }
    }
    return 0;
}
