#include "tests/unit/test.h"

#include <string.h>

#include "driver/texel_block.h"

static struct drv_texel_block
block_of(VkFormat format, VkImageAspectFlags aspect)
{
    struct drv_texel_block block;
    assert_true(drv_texel_block_find(format, aspect, &block));
    return block;
}

TEST(aspects_have_sizes_of_their_own)
{
    assert_int_equal(block_of(VK_FORMAT_R8G8B8A8_UNORM, VK_IMAGE_ASPECT_COLOR_BIT).size, 4);
    assert_int_equal(block_of(VK_FORMAT_BC7_UNORM_BLOCK, VK_IMAGE_ASPECT_COLOR_BIT).size, 16);
    assert_int_equal(block_of(VK_FORMAT_BC7_UNORM_BLOCK, VK_IMAGE_ASPECT_COLOR_BIT).width, 4);
    assert_int_equal(block_of(VK_FORMAT_D32_SFLOAT_S8_UINT, VK_IMAGE_ASPECT_DEPTH_BIT).size, 4);
    assert_int_equal(block_of(VK_FORMAT_D32_SFLOAT_S8_UINT, VK_IMAGE_ASPECT_STENCIL_BIT).size, 1);
    assert_int_equal(block_of(VK_FORMAT_D16_UNORM_S8_UINT, VK_IMAGE_ASPECT_DEPTH_BIT).size, 2);
    assert_int_equal(block_of(VK_FORMAT_G8_B8R8_2PLANE_420_UNORM, VK_IMAGE_ASPECT_PLANE_1_BIT).size,
                     2);
}

TEST(unknown_formats_and_missing_planes_are_refused)
{
    struct drv_texel_block block;

    assert_false(drv_texel_block_find((VkFormat)0x7ffffff0, VK_IMAGE_ASPECT_COLOR_BIT, &block));
    assert_false(drv_texel_block_find(VK_FORMAT_G8_B8R8_2PLANE_420_UNORM,
                                      VK_IMAGE_ASPECT_PLANE_2_BIT, &block));
}

TEST(partial_blocks_count_as_whole_ones)
{
    struct drv_texel_block block =
        block_of(VK_FORMAT_BC1_RGB_UNORM_BLOCK, VK_IMAGE_ASPECT_COLOR_BIT);
    struct drv_texel_rows rows = drv_texel_rows_of(&block, (VkExtent3D){5, 3, 1}, 2, 0, 0);

    assert_int_equal(rows.row_size, 16);
    assert_int_equal(rows.rows, 1);
    assert_int_equal(rows.slices, 2);
    assert_int_equal(drv_texel_rows_packed_size(&rows), 32);
    assert_true(drv_texel_rows_are_packed(&rows));
}

TEST(gaps_are_neither_read_nor_written)
{
    /* 2 x 2 texels of a byte in rows of 3, 2 slices of 3 rows. */
    struct drv_texel_block block = block_of(VK_FORMAT_R8_UNORM, VK_IMAGE_ASPECT_COLOR_BIT);
    struct drv_texel_rows rows = drv_texel_rows_of(&block, (VkExtent3D){2, 2, 2}, 1, 3, 3);
    const char memory[] = "ab.cd....ef.gh";
    char packed[9] = "", back[] = "..............";

    assert_false(drv_texel_rows_are_packed(&rows));
    assert_int_equal(drv_texel_rows_packed_size(&rows), 8);
    drv_texel_rows_pack(&rows, packed, memory);
    assert_string_equal(packed, "abcdefgh");
    drv_texel_rows_unpack(&rows, back, packed);
    assert_string_equal(back, memory);
}

TEST(a_single_row_is_packed_whatever_its_pitch)
{
    struct drv_texel_block block = block_of(VK_FORMAT_R8_UNORM, VK_IMAGE_ASPECT_COLOR_BIT);
    struct drv_texel_rows rows = drv_texel_rows_of(&block, (VkExtent3D){2, 1, 1}, 1, 64, 64);

    assert_true(drv_texel_rows_are_packed(&rows));
}
