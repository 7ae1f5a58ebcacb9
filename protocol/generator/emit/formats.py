"""Texel blocks: how many bytes a block of each format takes, and how many texels it covers."""

from generator.emit.text import file_head


def emit_formats_header(plan):
    out = file_head("Texel blocks of formats.", ["<stdint.h>", "<vulkan/vulkan_core.h>"],
                    "PROTO_FORMATS_H")
    out("""struct proto_format {
    VkFormat format;
    uint8_t block_size;                  /* bytes; of all aspects together */
    uint8_t width, height, depth;        /* texels of a block */
    uint8_t plane_size[3];               /* bytes of a texel in each plane; 0 if there are no planes */
};

/* NULL for a format that the registry does not describe. */
const struct proto_format *proto_format_find(VkFormat format);

#endif""")
    return out.text()


def plane_sizes(registry, entry):
    sizes = [registry.formats[name].block_size for name in entry.planes]
    return sizes + [0] * (3 - len(sizes))


def emit_formats_source(plan):
    registry = plan.selection.registry
    values = registry.enum_values.get("VkFormat", {})
    out = file_head("Texel blocks of formats.", ["<stddef.h>", "protocol/proto_formats.h"])
    out("/* Ascending. */")
    out("static const struct proto_format formats[] = {")
    known = [entry for name, entry in registry.formats.items() if name in values]
    for entry in sorted(known, key=lambda entry: values[entry.name]):
        width, height, depth = entry.extent
        planes = ", ".join(str(size) for size in plane_sizes(registry, entry))
        out(f"    {{{entry.name}, {entry.block_size}, {width}, {height}, {depth}, {{{planes}}}}},")
    out("};")
    out("""
const struct proto_format *
proto_format_find(VkFormat format)
{
    size_t low = 0, high = sizeof(formats) / sizeof(formats[0]);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (formats[middle].format < format) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < sizeof(formats) / sizeof(formats[0]) && formats[low].format == format ? &formats[low]
                                                                                       : NULL;
}""")
    return out.text()
