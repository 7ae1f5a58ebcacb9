"""Private declarations, command names and extensions."""

from generator.emit.text import file_head
from generator.select import PRIVATE_NUMBERS


def private_types(plan):
    registry = plan.selection.registry
    return [t for t in registry.types.values()
            if t.name in plan.selection.types and registry.wire_only(t.name)]


def emit_mesa_header(plan):
    registry = plan.selection.registry
    out = file_head("The structures of VK_MESA_venus_protocol and our own, which vulkan_core.h lacks.",
                    ["<vulkan/vulkan_core.h>"], "PROTO_MESA_H")
    for name, value in sorted(registry.enum_values["VkStructureType"].items(), key=lambda kv: kv[1]):
        if registry.wire_only(name) and registry_has_struct(plan, name):
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
    return any(t.stype() == stype for t in plan.selection.registry.types.values())


def number_text(number):
    return f"{number:#x}" if number >= PRIVATE_NUMBERS else str(number)


def table_index(number):
    """The designator of a command's row."""
    return f"PROTO_PRIVATE_INDEX({number:#x})" if number >= PRIVATE_NUMBERS else str(number)


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
        out(f"    PROTO_COMMAND_{c.name} = {number_text(c.number)},")
    out("};")
    out()
    public = [c.number for c in commands if c.number < PRIVATE_NUMBERS]
    private = [c.number - PRIVATE_NUMBERS for c in commands if c.number >= PRIVATE_NUMBERS]
    out("/* Tables of commands have first those that every peer may know, by number, then our own. */")
    out("enum {")
    out(f"    PROTO_PUBLIC_COMMANDS = {max(public) + 1},")
    out(f"    PROTO_PRIVATE_FIRST = {PRIVATE_NUMBERS:#x},")
    out(f"    PROTO_PRIVATE_COMMANDS = {max(private, default=-1) + 1},")
    out("    PROTO_COMMAND_COUNT = PROTO_PUBLIC_COMMANDS + PROTO_PRIVATE_COMMANDS,")
    out("};")
    out("#define PROTO_PRIVATE_INDEX(number) ((number) - PROTO_PRIVATE_FIRST + PROTO_PUBLIC_COMMANDS)")
    out()
    out("/* Where tables have the command; PROTO_COMMAND_COUNT or more for numbers that are none. */")
    out("static inline uint32_t")
    out("proto_command_index(uint32_t number)")
    out("{")
    out("    if (number < PROTO_PRIVATE_FIRST) {")
    out("        return number < PROTO_PUBLIC_COMMANDS ? number : PROTO_COMMAND_COUNT;")
    out("    }")
    out("    number -= PROTO_PRIVATE_FIRST;")
    out("    return number < PROTO_PRIVATE_COMMANDS ? number + PROTO_PUBLIC_COMMANDS : PROTO_COMMAND_COUNT;")
    out("}")
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
        out(f'    [{table_index(c.number)}] = "{c.name}",')
    out("};")
    out()
    out("const char *")
    out("proto_command_name(uint32_t number)")
    out("{")
    out("    const uint32_t index = proto_command_index(number);")
    out("    return index < PROTO_COMMAND_COUNT ? names[index] : NULL;")
    out("}")
    return out.text()


def extension_rows(selection):
    """Names in the order of proto_extensions[]."""
    local = [e.name for e in selection.local_extensions if not e.is_instance]
    return sorted([e.name for e in selection.extensions] + local)


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
    bool is_private; /* between Vesper's halves only: its bit is in the tail's mask */
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
        private = "true" if e.name in plan.selection.policy.private_extensions else "false"
        rows.append((e.name, f'{e.number}, {row.get("spec-version")}, {instance}, {private}, {reason}, false'))
    for e in plan.selection.local_extensions:
        reason = plan.selection.policy.local_extensions[e.name].get("reason")
        if not e.is_instance:
            rows.append((e.name, f'{e.number}, {e.spec_version}, false, false, "{reason}", true'))
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
