#include "tests/unit/test.h"

#include "driver/descriptor_account.h"
#include "driver/descriptor_layout.h"

static struct drv_descriptor_account
pool(uint32_t max_sets, uint32_t uniform_buffers, uint32_t samplers)
{
    const VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, uniform_buffers},
        {VK_DESCRIPTOR_TYPE_SAMPLER, samplers},
    };
    const VkDescriptorPoolCreateInfo info = {
        .maxSets = max_sets,
        .poolSizeCount = 2,
        .pPoolSizes = sizes,
    };
    struct drv_descriptor_account account;
    drv_descriptor_account_init(&account, &info);
    return account;
}

static struct drv_descriptor_counts
set(uint32_t uniform_buffers, uint32_t samplers)
{
    struct drv_descriptor_counts counts = {0};
    drv_descriptor_counts_add(&counts, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, uniform_buffers);
    drv_descriptor_counts_add(&counts, VK_DESCRIPTOR_TYPE_SAMPLER, samplers);
    return counts;
}

/* The host is asked, and refuses. */
static void
assert_full(struct drv_descriptor_account *account, const struct drv_descriptor_counts *counts)
{
    assert_int_equal(drv_descriptor_account_take(account, counts), DRV_DESCRIPTOR_ASK);
    drv_descriptor_account_untake(account, counts);
}

TEST(what_a_pool_was_not_made_for_is_for_the_host_to_judge)
{
    struct drv_descriptor_account account = pool(3, 4, 1);
    struct drv_descriptor_counts two = set(2, 0), sampler = set(0, 1), one = set(1, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &one);
    assert_int_equal(drv_descriptor_account_take(&account, &sampler), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &sampler);
}

TEST(the_number_of_sets_is_a_limit_of_its_own)
{
    struct drv_descriptor_account account = pool(2, 100, 100);
    struct drv_descriptor_counts empty = set(0, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &empty), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &empty), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &empty);
}

TEST(a_reset_makes_room_again)
{
    struct drv_descriptor_account account = pool(1, 1, 1);
    struct drv_descriptor_counts one = set(1, 1);

    assert_int_equal(drv_descriptor_account_take(&account, &one), DRV_DESCRIPTOR_FITS);
    drv_descriptor_account_reset(&account);
    assert_int_equal(drv_descriptor_account_take(&account, &one), DRV_DESCRIPTOR_FITS);
}

TEST(freeing_sets_that_are_all_alike_cannot_fragment)
{
    struct drv_descriptor_account account = pool(2, 4, 0);
    struct drv_descriptor_counts two = set(2, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    drv_descriptor_account_give(&account, &two);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
}

TEST(after_a_free_a_set_of_another_shape_is_for_the_host_to_judge)
{
    struct drv_descriptor_account account = pool(8, 8, 0);
    struct drv_descriptor_counts two = set(2, 0), one = set(1, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    drv_descriptor_account_give(&account, &two);
    assert_int_equal(drv_descriptor_account_take(&account, &one), DRV_DESCRIPTOR_ASK);
    /* Now sets differ: even the first shape may find no place. */
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_ASK);
    drv_descriptor_account_reset(&account);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
}

TEST(sets_of_different_shapes_fit_while_none_was_freed)
{
    struct drv_descriptor_account account = pool(8, 8, 0);
    struct drv_descriptor_counts two = set(2, 0), one = set(1, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &one), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
}

TEST(undoing_a_take_leaves_no_trace)
{
    struct drv_descriptor_account account = pool(1, 2, 0);
    struct drv_descriptor_counts two = set(2, 0), one = set(1, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    drv_descriptor_account_untake(&account, &two);
    assert_int_equal(drv_descriptor_account_take(&account, &one), DRV_DESCRIPTOR_FITS);
    assert_int_equal(account.sets, 1);
    assert_true(account.alike);
}

TEST(pool_sizes_of_one_type_add_up)
{
    const VkDescriptorPoolSize sizes[] = {
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1},
        {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 2},
    };
    const VkDescriptorPoolCreateInfo info = {.maxSets = 4, .poolSizeCount = 2, .pPoolSizes = sizes};
    struct drv_descriptor_counts three = {0};
    struct drv_descriptor_account account;

    drv_descriptor_account_init(&account, &info);
    drv_descriptor_counts_add(&three, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 3);
    assert_int_equal(drv_descriptor_account_take(&account, &three), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &three);
}

TEST(inline_uniform_blocks_are_limited_in_bytes_and_in_bindings)
{
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, 64};
    const VkDescriptorPoolInlineUniformBlockCreateInfo inline_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_INLINE_UNIFORM_BLOCK_CREATE_INFO,
        .maxInlineUniformBlockBindings = 2,
    };
    const VkDescriptorPoolCreateInfo info = {
        .pNext = &inline_info, .maxSets = 8, .poolSizeCount = 1, .pPoolSizes = &size};
    struct drv_descriptor_account account;
    struct drv_descriptor_counts small = {0}, large = {0};

    drv_descriptor_account_init(&account, &info);
    drv_descriptor_counts_add(&small, VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, 4);
    drv_descriptor_counts_add(&large, VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK, 64);
    assert_int_equal(drv_descriptor_account_take(&account, &small), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &large);
    assert_int_equal(drv_descriptor_account_take(&account, &small), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &small);
}

TEST(mutable_descriptors_are_always_for_the_host_to_judge)
{
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_MUTABLE_EXT, 1};
    const VkDescriptorPoolCreateInfo info = {.maxSets = 8, .poolSizeCount = 1, .pPoolSizes = &size};
    struct drv_descriptor_account account;
    struct drv_descriptor_counts set_counts = {0};

    drv_descriptor_account_init(&account, &info);
    drv_descriptor_counts_add(&set_counts, VK_DESCRIPTOR_TYPE_MUTABLE_EXT, 1);
    assert_int_equal(drv_descriptor_account_take(&account, &set_counts), DRV_DESCRIPTOR_ASK);
}

TEST(absurd_counts_do_not_wrap_around)
{
    struct drv_descriptor_account account = pool(8, 16, 0);
    struct drv_descriptor_counts absurd = set(UINT32_MAX, 0), one = set(1, 0);

    drv_descriptor_counts_add(&absurd, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, UINT32_MAX);
    assert_full(&account, &absurd);
    assert_int_equal(drv_descriptor_account_take(&account, &one), DRV_DESCRIPTOR_FITS);
}

TEST(a_host_that_gives_more_is_asked_again_until_the_pool_has_room)
{
    struct drv_descriptor_account account = pool(8, 2, 0);
    struct drv_descriptor_counts two = set(2, 0);

    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_ASK);
    drv_descriptor_account_give(&account, &two);
    assert_full(&account, &two);
    drv_descriptor_account_give(&account, &two);
    assert_int_equal(drv_descriptor_account_take(&account, &two), DRV_DESCRIPTOR_FITS);
}

/* A set that converts takes more of its pool than its layout says, so what is left for others, too,
 * only the host knows. */
TEST(sets_that_convert_and_others_beside_them_are_for_the_host_to_judge)
{
    struct drv_descriptor_account account = pool(10, 10, 10);
    struct drv_descriptor_counts plain = set(1, 1), converting = set(0, 1);
    converting.converting = 1;

    assert_int_equal(drv_descriptor_account_take(&account, &plain), DRV_DESCRIPTOR_FITS);
    assert_full(&account, &converting);
    assert_int_equal(drv_descriptor_account_take(&account, &plain), DRV_DESCRIPTOR_FITS);
    assert_int_equal(drv_descriptor_account_take(&account, &converting), DRV_DESCRIPTOR_ASK);
    assert_int_equal(drv_descriptor_account_take(&account, &plain), DRV_DESCRIPTOR_ASK);
    drv_descriptor_account_reset(&account);
    assert_int_equal(drv_descriptor_account_take(&account, &plain), DRV_DESCRIPTOR_FITS);
}
