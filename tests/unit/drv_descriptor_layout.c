#include "tests/unit/test.h"

#include <stdlib.h>

#include "driver/descriptor_layout.h"
#include "driver/sampler.h"

static struct drv_descriptor_set_layout *
describe(uint32_t count, const VkDescriptorSetLayoutBinding *bindings, const void *chain)
{
    const VkDescriptorSetLayoutCreateInfo info = {
        .pNext = chain, .bindingCount = count, .pBindings = bindings};
    struct drv_descriptor_set_layout *layout =
        calloc(1, sizeof(*layout) + count * sizeof(layout->bindings[0]));
    drv_descriptor_set_layout_describe(layout, &info);
    return layout;
}

TEST(bindings_are_found_whatever_their_order_and_gaps)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {.binding = 7, .descriptorType = VK_DESCRIPTOR_TYPE_SAMPLER, .descriptorCount = 1},
        {.binding = 0, .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, .descriptorCount = 2},
        {.binding = 3, .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, .descriptorCount = 3},
    };
    struct drv_descriptor_set_layout *layout = describe(3, bindings, NULL);

    assert_int_equal(drv_descriptor_set_layout_find(layout, 0)->count, 2);
    assert_int_equal(drv_descriptor_set_layout_find(layout, 3)->count, 3);
    assert_int_equal(drv_descriptor_set_layout_find(layout, 7)->type, VK_DESCRIPTOR_TYPE_SAMPLER);
    assert_null(drv_descriptor_set_layout_find(layout, 1));
    assert_null(drv_descriptor_set_layout_find(layout, 8));
    free(layout);
}

TEST(immutable_samplers_count_only_where_a_type_has_samplers)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 1, 0, (const VkSampler *)(uintptr_t)0xdead},
        {1, VK_DESCRIPTOR_TYPE_SAMPLER, 1, 0, (const VkSampler *)(uintptr_t)0xdead},
        {2, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1, 0, NULL},
    };
    struct drv_descriptor_set_layout *layout = describe(3, bindings, NULL);

    assert_false(layout->bindings[0].immutable_samplers);
    assert_true(layout->bindings[1].immutable_samplers);
    assert_false(layout->bindings[2].immutable_samplers);
    free(layout);
}

/* How many descriptors each takes only the host knows. */
TEST(immutable_samplers_that_convert_are_counted_wherever_the_set_has_them)
{
    struct drv_sampler plain = {0}, converting = {.converts = true};
    const VkSampler some[] = {(VkSampler)(uintptr_t)&plain, (VkSampler)(uintptr_t)&converting};
    const VkSampler none[] = {(VkSampler)(uintptr_t)&plain};
    const VkDescriptorSetLayoutBinding bindings[] = {
        {0, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1, 0, none},
        {1, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 2, 0, some},
        {2, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 2, 0, some},
        {3, VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 4, 0, NULL},
        {4, VK_DESCRIPTOR_TYPE_SAMPLER, 1, 0, none},
    };
    const VkDescriptorBindingFlags flags[] = {0, 0,
                                              VK_DESCRIPTOR_BINDING_VARIABLE_DESCRIPTOR_COUNT_BIT};
    const VkDescriptorSetLayoutBindingFlagsCreateInfo flags_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_BINDING_FLAGS_CREATE_INFO,
        .bindingCount = 3,
        .pBindingFlags = flags,
    };
    struct drv_descriptor_set_layout *layout = describe(5, bindings, NULL);
    struct drv_descriptor_counts counts = drv_descriptor_set_layout_counts(layout, 0);
    assert_int_equal(counts.converting, 4);
    assert_int_equal(counts.kinds[VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER], 9);
    free(layout);

    layout = describe(3, bindings, &flags_info);
    assert_int_equal(drv_descriptor_set_layout_counts(layout, 0).converting, 2);
    assert_int_equal(drv_descriptor_set_layout_counts(layout, 1).converting, 3);
    free(layout);
}

TEST(a_variable_binding_takes_what_the_set_says)
{
    const VkDescriptorSetLayoutBinding bindings[] = {
        {.binding = 1, .descriptorType = VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, .descriptorCount = 1000},
        {.binding = 0, .descriptorType = VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, .descriptorCount = 5},
    };
    const VkDescriptorBindingFlags flags[] = {VK_DESCRIPTOR_BINDING_VARIABLE_DESCRIPTOR_COUNT_BIT,
                                              0};
    const VkDescriptorSetLayoutBindingFlagsCreateInfo flags_info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_BINDING_FLAGS_CREATE_INFO,
        .bindingCount = 2,
        .pBindingFlags = flags,
    };
    struct drv_descriptor_set_layout *layout = describe(2, bindings, &flags_info);

    assert_true(layout->variable);
    struct drv_descriptor_counts counts = drv_descriptor_set_layout_counts(layout, 10);
    assert_int_equal(counts.kinds[VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE], 15);
    counts = drv_descriptor_set_layout_counts(layout, 0);
    assert_int_equal(counts.kinds[VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE], 5);
    free(layout);
}
