#include "renderer/format.h"

#include "tests/unit/test.h"

static uint64_t
size_of(VkFormat format, VkImageAspectFlags aspect, VkExtent3D extent, uint32_t layers,
        uint32_t row_length, uint32_t image_height)
{
    struct rnd_texel_block block;
    assert_true(rnd_format_block(format, aspect, &block));
    return rnd_format_copy_size(&block, &extent, layers, row_length, image_height);
}

#define COLOR VK_IMAGE_ASPECT_COLOR_BIT

TEST(tight_copies_are_texels_times_their_size)
{
    assert_int_equal(size_of(VK_FORMAT_R8G8B8A8_UNORM, COLOR, (VkExtent3D){3, 5, 1}, 1, 0, 0), 60);
    assert_int_equal(size_of(VK_FORMAT_R16_SFLOAT, COLOR, (VkExtent3D){4, 4, 4}, 2, 0, 0), 256);
}

TEST(the_last_row_and_slice_end_with_their_texels)
{
    assert_int_equal(size_of(VK_FORMAT_R8_UNORM, COLOR, (VkExtent3D){3, 2, 1}, 1, 16, 0), 16 + 3);
    assert_int_equal(size_of(VK_FORMAT_R8_UNORM, COLOR, (VkExtent3D){3, 2, 1}, 2, 16, 10),
                     160 + 16 + 3);
}

TEST(compressed_blocks_are_whole)
{
    assert_int_equal(size_of(VK_FORMAT_BC1_RGB_UNORM_BLOCK, COLOR, (VkExtent3D){5, 1, 1}, 1, 0, 0),
                     16);
    assert_int_equal(
        size_of(VK_FORMAT_ASTC_12x12_UNORM_BLOCK, COLOR, (VkExtent3D){13, 13, 1}, 1, 0, 0), 64);
}

TEST(depth_and_stencil_have_sizes_of_their_own)
{
    VkExtent3D one = {1, 1, 1};
    assert_int_equal(size_of(VK_FORMAT_D32_SFLOAT_S8_UINT, VK_IMAGE_ASPECT_DEPTH_BIT, one, 1, 0, 0),
                     4);
    assert_int_equal(
        size_of(VK_FORMAT_D32_SFLOAT_S8_UINT, VK_IMAGE_ASPECT_STENCIL_BIT, one, 1, 0, 0), 1);
    assert_int_equal(size_of(VK_FORMAT_D16_UNORM_S8_UINT, VK_IMAGE_ASPECT_DEPTH_BIT, one, 1, 0, 0),
                     2);
}

TEST(planes_have_sizes_of_their_own)
{
    VkExtent3D one = {1, 1, 1};
    VkFormat format = VK_FORMAT_G8_B8R8_2PLANE_420_UNORM;
    struct rnd_texel_block block;
    assert_int_equal(size_of(format, VK_IMAGE_ASPECT_PLANE_0_BIT, one, 1, 0, 0), 1);
    assert_int_equal(size_of(format, VK_IMAGE_ASPECT_PLANE_1_BIT, one, 1, 0, 0), 2);
    assert_false(rnd_format_block(format, VK_IMAGE_ASPECT_PLANE_2_BIT, &block));
}

TEST(what_does_not_fit_into_64_bits_is_the_largest_size)
{
    VkExtent3D huge = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    assert_true(size_of(VK_FORMAT_R8G8B8A8_UNORM, COLOR, huge, UINT32_MAX, 0, 0) == UINT64_MAX);
}

TEST(empty_regions_touch_nothing)
{
    assert_int_equal(size_of(VK_FORMAT_R8_UNORM, COLOR, (VkExtent3D){0, 1, 1}, 1, 0, 0), 0);
    assert_int_equal(size_of(VK_FORMAT_R8_UNORM, COLOR, (VkExtent3D){1, 1, 1}, 0, 0, 0), 0);
}

TEST(unknown_formats_are_said_to_be)
{
    struct rnd_texel_block block;
    assert_false(rnd_format_block(VK_FORMAT_UNDEFINED, COLOR, &block));
    assert_false(rnd_format_block((VkFormat)0x7ffffff0, COLOR, &block));
}

TEST(aspects_that_a_format_lacks_have_no_size)
{
    struct rnd_texel_block block = {7, 7, 7};
    assert_false(rnd_format_block(VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, COLOR, &block));
    assert_false(rnd_format_block(VK_FORMAT_D32_SFLOAT, VK_IMAGE_ASPECT_STENCIL_BIT, &block));
    assert_false(rnd_format_block(VK_FORMAT_D32_SFLOAT, COLOR, &block));
    assert_false(rnd_format_block(VK_FORMAT_R8_UNORM, VK_IMAGE_ASPECT_STENCIL_BIT, &block));
    assert_int_equal(block.bytes, 7);
}

static uint32_t
host_bytes(VkFormat format, VkImageAspectFlags aspect)
{
    return rnd_format_host_block(format, aspect).bytes;
}

TEST(hosts_may_go_by_whole_texels)
{
    assert_int_equal(host_bytes(VK_FORMAT_R8_UNORM, COLOR), 1);
    assert_int_equal(host_bytes(VK_FORMAT_D32_SFLOAT_S8_UINT, VK_IMAGE_ASPECT_STENCIL_BIT), 8);
    assert_int_equal(host_bytes(VK_FORMAT_D24_UNORM_S8_UINT, VK_IMAGE_ASPECT_STENCIL_BIT), 8);
    assert_int_equal(host_bytes(VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, VK_IMAGE_ASPECT_PLANE_1_BIT),
                     8);
    assert_int_equal(host_bytes((VkFormat)0x7ffffff0, COLOR), 32);
}

TEST(levels_halve_and_so_do_planes)
{
    VkExtent3D whole = {9, 6, 1};
    VkExtent3D level = rnd_format_level_extent(VK_FORMAT_R8_UNORM, COLOR, &whole, 2);
    assert_int_equal(level.width, 2);
    assert_int_equal(level.height, 1);
    assert_int_equal(level.depth, 1);
    level = rnd_format_level_extent(VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, VK_IMAGE_ASPECT_PLANE_1_BIT,
                                    &whole, 0);
    assert_int_equal(level.width, 5);
    assert_int_equal(level.height, 3);
    level = rnd_format_level_extent(VK_FORMAT_R8_UNORM, COLOR, &whole, 40);
    assert_int_equal(level.width, 1);
}
