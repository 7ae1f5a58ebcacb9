#include "wire/capset.h"

#include "tests/unit/test.h"

/* The offsets of the wire, in bytes. */
TEST(fields_lie_where_the_peer_expects_them)
{
    assert_int_equal(offsetof(struct wire_capset, wire_format_version), 0);
    assert_int_equal(offsetof(struct wire_capset, vk_xml_version), 4);
    assert_int_equal(offsetof(struct wire_capset, vk_ext_command_serialization_spec_version), 8);
    assert_int_equal(offsetof(struct wire_capset, vk_mesa_venus_protocol_spec_version), 12);
    assert_int_equal(offsetof(struct wire_capset, supports_blob_id_0), 16);
    assert_int_equal(offsetof(struct wire_capset, vk_extension_mask), 20);
    assert_int_equal(offsetof(struct wire_capset, allow_vk_wait_syncs), 148);
    assert_int_equal(offsetof(struct wire_capset, supports_multiple_timelines), 152);
    assert_int_equal(offsetof(struct wire_capset, use_guest_vram), 156);
    assert_int_equal(offsetof(struct wire_capset, tail_magic), 160);
    assert_int_equal(offsetof(struct wire_capset, tail_extension_mask), 176);
}

TEST(a_capset_without_a_mask_understands_every_extension)
{
    struct wire_capset capset = {0};

    assert_true(wire_capset_has_extension(&capset, 1));
    assert_true(wire_capset_has_extension(&capset, 385));
    assert_true(wire_capset_has_extension(&capset, 5000));
}

TEST(a_valid_mask_names_exactly_what_is_understood)
{
    struct wire_capset capset = {.vk_extension_mask = {[0] = 1, [2] = 1u << 6, [31] = 1u << 31}};

    assert_true(wire_capset_has_extension(&capset, 70));
    assert_false(wire_capset_has_extension(&capset, 71));
    assert_false(wire_capset_has_extension(&capset, 38));
    assert_true(wire_capset_has_extension(&capset, 1023));
    assert_false(wire_capset_has_extension(&capset, 1024));
    assert_false(wire_capset_has_extension(&capset, UINT32_MAX));
}

TEST(features_count_only_behind_the_magic_number)
{
    struct wire_capset capset = {.tail_features = WIRE_FEATURE_SYNC_FEEDBACK};

    assert_false(wire_capset_has_feature(&capset, WIRE_FEATURE_SYNC_FEEDBACK));
    capset.tail_magic = WIRE_TAIL_MAGIC;
    assert_true(wire_capset_has_feature(&capset, WIRE_FEATURE_SYNC_FEEDBACK));
    assert_false(wire_capset_has_feature(&capset, WIRE_FEATURE_RING_FUTEX));
}

TEST(private_extensions_count_only_where_a_tail_has_their_mask)
{
    struct wire_capset capset = {.tail_extension_mask = {[15] = 1u << 3}};

    assert_false(wire_capset_has_private_extension(&capset, 483));
    capset.tail_magic = WIRE_TAIL_MAGIC;
    capset.tail_version = 1;
    assert_false(wire_capset_has_private_extension(&capset, 483));
    capset.tail_version = WIRE_TAIL_VERSION_EXTENSIONS;
    assert_true(wire_capset_has_private_extension(&capset, 483));
    assert_false(wire_capset_has_private_extension(&capset, 484));
    assert_false(wire_capset_has_private_extension(&capset, UINT32_MAX));
}

TEST(the_magic_number_reads_vspr)
{
    uint32_t magic = WIRE_TAIL_MAGIC;

    assert_memory_equal(&magic, "VSPR", 4);
}
