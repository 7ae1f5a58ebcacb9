"""Private declarations, command names and extensions."""

from generator.emit.text import file_head

PRIVATE = ("MESA", "VESPER")


def private_types(plan):
    registry = plan.selection.registry
    return [t for t in registry.types.values()
            if t.name in plan.selection.types and is_private(t.name)]


def is_private(name):
    """Declared by us and not by the Vulkan headers."""
    return name in ("VkCommandFlagsEXT",) or name.endswith(PRIVATE)


def emit_mesa_header(plan):
    registry = plan.selection.registry
    out = file_head("The structures of VK_MESA_venus_protocol and our own, which vulkan_core.h lacks.",
                    ["<vulkan/vulkan_core.h>"], "PROTO_MESA_H")
    for name, value in sorted(registry.enum_values["VkStructureType"].items(), key=lambda kv: kv[1]):
        if name.endswith(PRIVATE) and registry_has_struct(plan, name):
            out(f"#define {name} ((VkStructureType){value})")
    out()
    for t in private_types(plan):
        if t.category == "bitmask":
            out(f"typedef VkFlags {t.name};")
    out()
    for t in private_types(plan):
        if t.category == "struct":
            out.open(f"typedef struct {t.name}")
            for member in t.members:
                out(member.declaration() + ";")
            out.close(f" {t.name};")
            out()
    out("#endif")
    return out.text()


def registry_has_struct(plan, stype):
    types = plan.selection.registry.types
    return any(t.stype() == stype for t in types.values() if is_private(t.name))


def emit_commands_header(plan):
    commands = plan.selection.commands
    out = file_head("Command numbers of the wire (VkCommandTypeEXT).", ["<stdint.h>"],
                    "PROTO_COMMANDS_H")
    out("enum proto_command_flags {")
    out("    PROTO_COMMAND_GENERATE_REPLY = 1,")
    out("};")
    out()
    out("enum proto_command {")
    for c in commands:
        out(f"    PROTO_COMMAND_{c.name} = {c.number},")
    out(f"    PROTO_COMMAND_COUNT = {max(c.number for c in commands) + 1},")
    out("};")
    out()
    out("/* NULL for numbers that name no command. */")
    out("const char *proto_command_name(uint32_t number);")
    out()
    out("#endif")
    return out.text()


def emit_commands_source(plan):
    out = file_head("Command names.", ["<stddef.h>", "protocol/proto_commands.h"])
    out("static const char *const names[PROTO_COMMAND_COUNT] = {")
    for c in plan.selection.commands:
        out(f'    [{c.number}] = "{c.name}",')
    out("};")
    out()
    out("const char *")
    out("proto_command_name(uint32_t number)")
    out("{")
    out("    return number < PROTO_COMMAND_COUNT ? names[number] : NULL;")
    out("}")
    return out.text()


def emit_extensions_header(plan):
    registry = plan.selection.registry
    out = file_head("The extensions that the protocol carries.",
                    ["<stdbool.h>", "<stdint.h>", "<vulkan/vulkan_core.h>"], "PROTO_EXTENSIONS_H")
    out("/* What this build was generated from. */")
    out(f"#define PROTO_VK_XML_VERSION VK_MAKE_API_VERSION(0, 1, 4, {registry.header_version})")
    # The fourth revision of the private extension is the one that brings descriptor heaps.
    has_heap = any(e.name == "VK_EXT_descriptor_heap" for e in plan.selection.extensions)
    out(f"#define PROTO_VENUS_SPEC_VERSION {4 if has_heap else 3}")
    out("""
struct proto_extension {
    const char *name;
    uint32_t number;       /* in the registry: its bit in the capset's mask */
    uint32_t spec_version; /* the newest that the wire knows */
    bool is_instance;
    const char *guest_reason; /* not NULL: left to the driver, never advertised by a renderer; why */
    bool is_local;            /* nothing of it travels: it is no part of the protocol */
};

/* Sorted by name; local device extensions are among them. */
extern const struct proto_extension proto_extensions[];
extern const uint32_t proto_extension_count;
/* NULL if the protocol does not carry it. */
const struct proto_extension *proto_extension_find(const char *name);

#endif""")
    return out.text()


def emit_extensions_source(plan):
    out = file_head("The extensions that the protocol carries.",
                    ["<stdlib.h>", "<string.h>", "protocol/proto_extensions.h"])
    out("const struct proto_extension proto_extensions[] = {")
    rows = []
    for e in plan.selection.extensions:
        row = plan.selection.policy.extensions[e.name]
        reason = f'"{row.get("guest")}"' if row.get("guest") else "NULL"
        instance = "true" if e.is_instance else "false"
        rows.append((e.name, f'{e.number}, {row.get("spec-version")}, {instance}, {reason}, false'))
    for e in plan.selection.local_extensions:
        reason = plan.selection.policy.local_extensions[e.name].get("reason")
        if not e.is_instance:
            rows.append((e.name, f'{e.number}, {e.spec_version}, false, "{reason}", true'))
    for name, rest in sorted(rows):
        out(f'    {{"{name}", {rest}}},')
    out("};")
    out(f"const uint32_t proto_extension_count = {len(rows)};")
    out("""
static int
compare(const void *key, const void *element)
{
    return strcmp(key, ((const struct proto_extension *)element)->name);
}

const struct proto_extension *
proto_extension_find(const char *name)
{
    return bsearch(name, proto_extensions, proto_extension_count, sizeof(proto_extensions[0]), compare);
}""")
    return out.text()
