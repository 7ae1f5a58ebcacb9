#include "protocol/runtime/caps.h"

#include <string.h>
#include <vulkan/vulkan_core.h>

#include "protocol/proto_extensions.h"
#include "protocol/runtime/chain.h"

static bool
gate_holds(const struct proto_gate *gate, const struct wire_capset *capset, uint32_t vk_xml_version)
{
    switch ((enum proto_gate_kind)gate->kind) {
    case PROTO_GATE_ALWAYS: return true;
    case PROTO_GATE_EXTENSION:
        return wire_capset_has_extension(capset, gate->a) &&
               (gate->b == 0 || wire_capset_has_extension(capset, gate->b));
    case PROTO_GATE_PRIVATE: return wire_capset_has_private_extension(capset, gate->a);
    case PROTO_GATE_VERSION: return vk_xml_version >= VK_MAKE_API_VERSION(0, gate->a, gate->b, 0);
    case PROTO_GATE_FEATURE: return wire_capset_has_feature(capset, gate->a);
    }
    return false;
}

void
proto_caps_init(struct proto_caps *caps, const struct wire_capset *capset)
{
    memset(caps, 0, sizeof(*caps));
    caps->vk_xml_version = capset->vk_xml_version < PROTO_VK_XML_VERSION ? capset->vk_xml_version
                                                                         : PROTO_VK_XML_VERSION;
    if (capset->tail_magic == WIRE_TAIL_MAGIC) {
        caps->vesper_features = capset->tail_features;
        if (capset->tail_version >= WIRE_TAIL_VERSION_EXTENSIONS) {
            memcpy(caps->private_extensions, capset->tail_extension_mask,
                   sizeof(caps->private_extensions));
        }
    }
    for (uint32_t i = 0; i < proto_gate_count; i++) {
        const struct proto_gate *gate = &proto_gates[i];
        if (gate_holds(gate, capset, caps->vk_xml_version)) {
            caps->open[gate->index / 32] |= 1u << (gate->index % 32);
        }
    }
}

void
proto_caps_init_all(struct proto_caps *caps)
{
    memset(caps, 0xff, sizeof(*caps));
    caps->vk_xml_version = PROTO_VK_XML_VERSION;
}

void
proto_caps_fill_capset(struct wire_capset *capset, uint32_t features)
{
    *capset = (struct wire_capset){
        .wire_format_version = WIRE_FORMAT_VERSION,
        .vk_xml_version = PROTO_VK_XML_VERSION,
        .vk_ext_command_serialization_spec_version = 1,
        .vk_mesa_venus_protocol_spec_version = PROTO_VENUS_SPEC_VERSION,
        .supports_blob_id_0 = 1,
        .allow_vk_wait_syncs = 1,
        .supports_multiple_timelines = 1,
        .tail_magic = WIRE_TAIL_MAGIC,
        .tail_version = WIRE_TAIL_VERSION,
        .tail_features = features,
    };
    capset->vk_extension_mask[0] |= 1;
    for (uint32_t i = 0; i < proto_extension_count; i++) {
        uint32_t number = proto_extensions[i].number;
        if (proto_extensions[i].is_local) {
            continue;
        }
        uint32_t *mask = proto_extensions[i].is_private ? capset->tail_extension_mask
                                                        : capset->vk_extension_mask;
        mask[number / 32] |= 1u << (number % 32);
    }
}
