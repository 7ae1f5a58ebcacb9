#include "protocol/runtime/caps.h"

#include <vulkan/vulkan_core.h>

#include "protocol/proto_commands.h"
#include "protocol/proto_extensions.h"
#include "protocol/runtime/chain.h"
#include "tests/unit/test.h"

static bool
is_open(const struct wire_capset *capset, VkStructureType type)
{
    struct proto_caps caps;
    proto_caps_init(&caps, capset);
    int index = proto_chain_index((int32_t)type);
    assert_true(index >= 0);
    return proto_caps_open(&caps, (uint32_t)index);
}

static const VkStructureType PRIVATE = VK_STRUCTURE_TYPE_MEMORY_PRIORITY_ALLOCATE_INFO_EXT;
static const VkStructureType PUBLIC = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MESH_SHADER_FEATURES_EXT;

TEST(our_own_renderer_understands_everything)
{
    struct wire_capset capset;
    proto_caps_fill_capset(&capset, 0);
    assert_true(is_open(&capset, PRIVATE));
    assert_true(is_open(&capset, PUBLIC));
}

TEST(private_structures_stay_here_without_the_tail)
{
    struct wire_capset capset;
    proto_caps_fill_capset(&capset, 0);
    capset.tail_magic = 0;
    assert_false(is_open(&capset, PRIVATE));
    assert_true(is_open(&capset, PUBLIC));
}

TEST(an_older_tail_has_no_mask)
{
    struct wire_capset capset;
    proto_caps_fill_capset(&capset, 0);
    capset.tail_version = WIRE_TAIL_VERSION_EXTENSIONS - 1;
    assert_false(is_open(&capset, PRIVATE));
}

/* Another implementation may number the extension's commands one day, differently. */
TEST(the_mask_of_all_implementations_says_nothing_about_private_ones)
{
    struct wire_capset capset;
    proto_caps_fill_capset(&capset, 0);
    for (uint32_t i = 0; i < WIRE_CAPSET_EXTENSION_WORDS; i++) {
        capset.vk_extension_mask[i] = UINT32_MAX;
        capset.tail_extension_mask[i] = 0;
    }
    assert_false(is_open(&capset, PRIVATE));
}

TEST(each_extension_has_its_bit_in_one_mask)
{
    struct wire_capset capset;
    proto_caps_fill_capset(&capset, 0);
    for (uint32_t i = 0; i < proto_extension_count; i++) {
        const struct proto_extension *extension = &proto_extensions[i];
        if (extension->is_private) {
            assert_true(wire_capset_has_private_extension(&capset, extension->number));
            assert_false(wire_capset_has_extension(&capset, extension->number));
        }
    }
}

TEST(tables_of_commands_have_private_ones_behind_the_others)
{
    assert_int_equal(proto_command_index(PROTO_COMMAND_vkCreateFence), 35);
    assert_int_equal(proto_command_index(PROTO_PRIVATE_FIRST), PROTO_PUBLIC_COMMANDS);
    assert_true(proto_command_index(PROTO_PUBLIC_COMMANDS) >= PROTO_COMMAND_COUNT);
    assert_true(proto_command_index(PROTO_PRIVATE_FIRST - 1) >= PROTO_COMMAND_COUNT);
    assert_true(proto_command_index(PROTO_PRIVATE_FIRST + PROTO_PRIVATE_COMMANDS) >=
                PROTO_COMMAND_COUNT);
    assert_true(proto_command_index(UINT32_MAX) >= PROTO_COMMAND_COUNT);
    assert_string_equal(proto_command_name(PROTO_PRIVATE_FIRST), "vkCreateShadersEXT");
    assert_null(proto_command_name(UINT32_MAX));
}

TEST(withheld_members_are_found_and_cleared)
{
    VkPhysicalDeviceAccelerationStructureFeaturesKHR features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR,
        .accelerationStructure = VK_TRUE,
        .accelerationStructureHostCommands = VK_TRUE,
    };
    const uint32_t known[WIRE_CAPSET_EXTENSION_WORDS] = {0};
    assert_string_equal(
        proto_chain_first_withheld(known, &features),
        "VkPhysicalDeviceAccelerationStructureFeaturesKHR::accelerationStructureHostCommands");
    proto_chain_withhold(known, &features);
    assert_null(proto_chain_first_withheld(known, &features));
    assert_true(features.accelerationStructure);
    assert_false(features.accelerationStructureHostCommands);
}

TEST(some_members_are_withheld_only_from_those_who_lack_an_extension)
{
    VkPhysicalDeviceExtendedDynamicState3FeaturesEXT features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTENDED_DYNAMIC_STATE_3_FEATURES_EXT,
        .extendedDynamicState3ViewportSwizzle = VK_TRUE,
        .extendedDynamicState3CoverageReductionMode = VK_TRUE,
    };
    uint32_t number = proto_extension_find("VK_NV_viewport_swizzle")->number;
    uint32_t known[WIRE_CAPSET_EXTENSION_WORDS] = {0};
    known[number / 32] = UINT32_C(1) << (number % 32);

    assert_string_equal(proto_chain_first_withheld(known, &features),
                        "VkPhysicalDeviceExtendedDynamicState3FeaturesEXT::"
                        "extendedDynamicState3CoverageReductionMode");
    proto_chain_withhold(known, &features);
    assert_true(features.extendedDynamicState3ViewportSwizzle);
    assert_false(features.extendedDynamicState3CoverageReductionMode);
}
